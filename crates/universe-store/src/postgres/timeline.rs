//! Reads who was a member when, and what was known of the members.

use std::collections::BTreeMap;

use deadpool_postgres::Object;
use jiff::civil::Date;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use universe_core::{Symbol, UniverseId, Usd};

use super::Sql;
use super::columns::Columns;
use super::failure::Failure;
use super::numeric::NumericPrice;
use super::past::facts_as_of;
use super::state::{UNIVERSE_COLUMNS, UNIVERSE_COLUMNS_COUNT, UNMANAGED, universe_row, unmanaged_entry};
use crate::as_of_facts::FactsFound;
use crate::described::{Description, described, shown_later, symbols_at};
use crate::timeline::{Span, Timeline, TimelineRun, UniverseTimeline, held_addresses, is_version};
use crate::{EntryRecord, FigureRecord, RunFigures, answers};

const SPANS: &str = "\
select m.universe_id, m.symbol, m.valid_from, m.valid_to, m.opened_run, m.closed_run, m.superseded_run
from universe.universe u
join universe.membership m on m.universe_id = u.universe_id
where u.environment = $1";

const RUNS: &str = "\
select r.run_number, r.session, r.status, r.dry_run, coalesce(r.finished_at, r.started_at, r.created_at), r.held,
  f.run_number is not null
from universe.run r
left join universe.run_figure f on f.environment = r.environment and f.run_number = r.run_number
where r.environment = $1 and r.run_number is not null
order by r.run_number";

const RUN_FIGURES: &str = "\
select session, figures
from universe.run_figure
where environment = $1 and run_number = $2";

/// Returns the statement that says what reference data and prices up to a session know about listings.
pub(super) fn describe_sql(columns: &Columns) -> String {
    format!(
        "select m.number::integer - 1, s.{}::text, s.market_cap::bigint, s.sector::text,
  s.weighted_shares_outstanding::bigint, s.last_seen_session, coalesce(o.close, e.close)::numeric
from unnest($1::text[]) with ordinality m (symbol, number)
join public.symbols s on s.symbol = m.symbol
left join public.ohlcv_daily o on o.symbol = m.symbol and o.date = $2 and o.close > 0
left join lateral (
  select p.close
  from public.ohlcv_daily p
  where o.close is null and p.symbol = m.symbol and p.date < $2 and p.close > 0
  order by p.date desc
  limit 1
) e on true",
        columns.company_name
    )
}

pub(super) async fn entry_find(
    client: &Object,
    environment: &str,
    id: &UniverseId,
) -> Result<Option<EntryRecord>, Failure> {
    let universe_type = id.universe_type.as_str();
    let sql = format!(
        "select {UNIVERSE_COLUMNS}
from universe.universe u
where u.environment = $1 and u.type = $2 and u.key = $3 and not u.is_retired"
    );
    let statement = client.prepare_cached(&sql).await?;
    if let Some(row) = client.query_opt(&statement, &[&environment, &universe_type, &id.key()]).await? {
        return Ok(Some(answers::entry_of_row(&universe_row(&row)?)));
    }
    // An older table may have an entry twice; the first is the one that is kept up.
    let sql = format!("select * from ({UNMANAGED}) f where f.type = $2 and f.key = $3 limit 1");
    let statement = client.prepare_cached(&sql).await?;
    let row = client.query_opt(&statement, &[&environment, &universe_type, &id.key()]).await?;
    Ok(row.as_ref().map(unmanaged_entry).transpose()?.as_ref().map(answers::entry_of_unmanaged))
}

pub(super) async fn timeline_read(
    client: &Object,
    environment: &str,
    universe: Option<&UniverseId>,
) -> Result<Timeline, Failure> {
    // Without the members, which are most of it: the intervals say who they are.
    let columns = UNIVERSE_COLUMNS.replace("u.members", "''");
    let (universe_type, key) = universe.map_or(("", ""), |id| (id.universe_type.as_str(), id.key()));
    let mut asked: Vec<&(dyn ToSql + Sync)> = vec![&environment];
    let narrowing = match universe {
        Some(_) => {
            asked.extend([&universe_type as &(dyn ToSql + Sync), &key]);
            "and u.type = $2 and u.key = $3"
        }
        None => "",
    };
    let universes =
        format!("select {columns}, u.universe_id from universe.universe u where u.environment = $1 {narrowing}");
    let spans = format!("{SPANS} {narrowing} order by m.universe_id, m.symbol, m.opened_run, m.valid_from");
    // Everything is asked at once: an answer about the past costs one way to the server.
    let (universes, spans, runs) = tokio::try_join!(
        client.prepare_cached(&universes),
        client.prepare_cached(&spans),
        client.prepare_cached(RUNS)
    )?;
    let (universes, spans, runs) = tokio::try_join!(
        client.query(&universes, &asked),
        client.query(&spans, &asked),
        client.query(&runs, &asked[..1])
    )?;
    let mut of_universe: BTreeMap<i32, Vec<Span>> = BTreeMap::new();
    for row in &spans {
        of_universe.entry(row.get(0)).or_default().push(span(row));
    }
    let timeline = |row: &Row| {
        let spans = of_universe.remove(&row.get(UNIVERSE_COLUMNS_COUNT)).unwrap_or_default();
        Ok(UniverseTimeline { record: answers::record_of_row(&universe_row(row)?), spans })
    };
    let mut universes = universes.iter().map(timeline).collect::<Result<Vec<_>, Failure>>()?;
    universes.sort_by(|a, b| a.record.id.cmp(&b.record.id));
    Ok(Timeline { universes, runs: runs.iter().map(run).collect() })
}

fn span(row: &Row) -> Span {
    Span {
        symbol: Symbol::from_stored(row.get(1)),
        valid_from: row.get(2),
        valid_to: row.get(3),
        opened_run: row.get(4),
        closed_run: row.get(5),
        superseded_run: row.get(6),
    }
}

fn run(row: &Row) -> TimelineRun {
    TimelineRun {
        run_number: row.get(0),
        session: row.get(1),
        is_version: is_version(row.get(2), row.get(3)),
        recorded_at: row.get(4),
        held: held_addresses(&row.get(5)),
        has_figures: row.get(6),
    }
}

pub(super) async fn run_figures(
    client: &Object,
    environment: &str,
    run_number: i64,
) -> Result<Option<RunFigures>, Failure> {
    let statement = client.prepare_cached(RUN_FIGURES).await?;
    let row = client.query_opt(&statement, &[&environment, &run_number]).await?;
    Ok(row.map(|row| RunFigures { run_number, session: row.get(0), blob: row.get(1) }))
}

pub(super) async fn figure_list(
    client: &Object,
    sql: &Sql,
    symbols: &[Symbol],
    session: Date,
) -> Result<Vec<FigureRecord>, Failure> {
    let asked: Vec<&str> = symbols.iter().map(Symbol::as_str).collect();
    let statement = client.prepare_cached(&sql.describe).await?;
    let mut descriptions = vec![Description::default(); symbols.len()];
    for row in &client.query(&statement, &[&asked, &session]).await? {
        let place = usize::try_from(row.get::<_, i32>(0)).expect("ordinalities count from one");
        descriptions[place] = Description {
            company_name: row.get(1),
            recorded_cap: row.get::<_, Option<i64>>(2).map(Usd),
            sector: row.get(3),
            shares: row.get(4),
            last_seen: row.get(5),
            close: row.get::<_, Option<NumericPrice>>(6).and_then(|close| close.0),
        };
    }
    let later = shown_later(&descriptions, session);
    let found = match later.is_empty() {
        true => FactsFound::default(),
        false => facts_as_of(client, session, &symbols_at(symbols, &later)).await?,
    };
    Ok(described(descriptions, &later, &found))
}
