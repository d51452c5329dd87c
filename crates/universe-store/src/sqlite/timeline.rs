//! Reads who was a member when, and what was known of the members.

use jiff::civil::Date;
use rusqlite::{Connection, OptionalExtension, params};
use universe_core::{Symbol, UniverseId, Usd};

use super::membership::{UNIVERSE_COLUMNS, UNIVERSE_COLUMNS_COUNT, universe_row, unmanaged_entry};
use super::past::facts_as_of;
use super::values::{Day, DayText, Dollars, Instant, Json, day, symbol};
use crate::answers;
use crate::as_of_facts::FactsFound;
use crate::described::{Description, described, shown_later, symbols_at};
use crate::timeline::{Span, Timeline, TimelineRun, UniverseTimeline, held_addresses, is_version};
use crate::{EntryRecord, FigureRecord, RunFigures, StoreError};

pub(super) fn entry_find(
    db: &Connection,
    environment: &str,
    id: &UniverseId,
) -> Result<Option<EntryRecord>, StoreError> {
    let mut statement = db.prepare_cached(&format!(
        "select {UNIVERSE_COLUMNS}
        from universe_universe u
        where u.environment = ?1 and u.type = ?2 and u.key = ?3 and u.is_retired = 0"
    ))?;
    let key = params![environment, id.universe_type.as_str(), id.key()];
    if let Some(row) = statement.query_row(key, universe_row).optional()? {
        return Ok(Some(answers::entry_of_row(&row)));
    }
    Ok(unmanaged_entry(db, environment, id)?.as_ref().map(answers::entry_of_unmanaged))
}

pub(super) fn timeline_read(
    db: &Connection,
    environment: &str,
    universe: Option<&UniverseId>,
) -> Result<Timeline, StoreError> {
    let (universe_type, key) = (universe.map(|id| id.universe_type.as_str()), universe.map(UniverseId::key));
    // Without the members, which are most of it: the intervals say who they are.
    let columns = UNIVERSE_COLUMNS.replace("u.members", "''");
    let narrowing = match universe {
        Some(_) => "u.type = ?2 and u.key = ?3",
        None => "?2 is null and ?3 is null",
    };
    let mut statement = db.prepare_cached(&format!(
        "select {columns}, u.universe_id
        from universe_universe u
        where u.environment = ?1 and {narrowing}
        order by u.type, u.key"
    ))?;
    let mut spans = db.prepare_cached(
        "select symbol, valid_from, valid_to, opened_run, closed_run, superseded_run
        from universe_membership
        where universe_id = ?1
        order by symbol, opened_run, valid_from",
    )?;
    let mut rows = statement.query(params![environment, universe_type, key])?;
    let mut universes = Vec::new();
    while let Some(row) = rows.next()? {
        let spans = spans.query_map([row.get::<_, i64>(UNIVERSE_COLUMNS_COUNT)?], |row| {
            Ok(Span {
                symbol: symbol(row, 0)?,
                valid_from: row.get::<_, Day>(1)?.0,
                valid_to: day(row, 2)?,
                opened_run: row.get(3)?,
                closed_run: row.get(4)?,
                superseded_run: row.get(5)?,
            })
        })?;
        let spans = spans.collect::<Result<_, _>>()?;
        universes.push(UniverseTimeline { record: answers::record_of_row(&universe_row(row)?), spans });
    }
    universes.sort_by(|a, b| a.record.id.cmp(&b.record.id));
    Ok(Timeline { universes, runs: runs(db, environment)? })
}

fn runs(db: &Connection, environment: &str) -> Result<Vec<TimelineRun>, StoreError> {
    let mut statement = db.prepare_cached(
        "select r.run_number, r.session, r.status, r.dry_run, coalesce(r.finished_at, r.started_at, r.created_at), r.held,
            exists (
                select 1
                from universe_run_figure f
                where f.environment = r.environment and f.run_number = r.run_number
            )
        from universe_run r
        where r.environment = ?1 and r.run_number is not null
        order by r.run_number",
    )?;
    let rows = statement.query_map([environment], |row| {
        let status: String = row.get(2)?;
        Ok(TimelineRun {
            run_number: row.get(0)?,
            session: day(row, 1)?,
            is_version: is_version(&status, row.get(3)?),
            recorded_at: row.get::<_, Instant>(4)?.0,
            held: held_addresses(&row.get::<_, Json>(5)?.0),
            has_figures: row.get(6)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn run_figures(
    db: &Connection,
    environment: &str,
    run_number: i64,
) -> Result<Option<RunFigures>, StoreError> {
    let mut statement = db.prepare_cached(
        "select session, figures from universe_run_figure where environment = ?1 and run_number = ?2",
    )?;
    let figures = statement.query_row(params![environment, run_number], |row| {
        Ok(RunFigures { run_number, session: row.get::<_, Day>(0)?.0, blob: row.get(1)? })
    });
    Ok(figures.optional()?)
}

pub(super) fn figure_list(db: &Connection, symbols: &[Symbol], session: Date) -> Result<Vec<FigureRecord>, StoreError> {
    // The closes of one session lie together in their index; the latest before it is only looked for without one.
    let mut statement = db.prepare_cached(
        "select
            j.key, s.company_name, s.market_cap, s.sector, s.weighted_shares_outstanding, s.last_seen_session,
            coalesce(
                (
                    select o.close
                    from ohlcv_daily o indexed by ohlcv_daily_date_symbol_idx
                    where o.date = ?2 and o.symbol = s.symbol
                ),
                (select e.close from ohlcv_daily e where e.symbol = s.symbol and e.date < ?2 order by e.date desc limit 1)
            )
        from json_each(?1) j
        join symbols s on s.symbol = j.value",
    )?;
    let asked = serde_json::Value::from_iter(symbols.iter().map(Symbol::as_str));
    let mut rows = statement.query(params![asked.to_string(), DayText::from(session)])?;
    let mut descriptions = vec![Description::default(); symbols.len()];
    while let Some(row) = rows.next()? {
        descriptions[row.get::<_, u32>(0)? as usize] = Description {
            company_name: row.get(1)?,
            recorded_cap: row.get::<_, Option<i64>>(2)?.map(Usd),
            sector: row.get(3)?,
            shares: row.get(4)?,
            last_seen: day(row, 5)?,
            close: row.get::<_, Option<Dollars>>(6)?.map(|close| close.0),
        };
    }
    let later = shown_later(&descriptions, session);
    let found = match later.is_empty() {
        true => FactsFound::default(),
        false => facts_as_of(db, DayText::from(session), &symbols_at(symbols, &later))?,
    };
    Ok(described(descriptions, &later, &found))
}
