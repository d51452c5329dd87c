//! Reading universes and their members.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use jiff::Timestamp;
use jiff::civil::Date;
use rusqlite::{Connection, OptionalExtension, Row, params};
use universe_core::state::{ImportedList, State};
use universe_core::{Symbol, UniverseId, Usd};

use super::identity::symbol_changes_until;
use super::observe::market_session_list;
use super::overrides::overrides_active;
use super::past::facts_as_of;
use super::values::{Count, Day, DayText, Dollars, Json, day, instant, symbol, text, universe_id};
use crate::answers::{self, Interval, MemberSince, StoredInterval, UniverseRow, UnmanagedEntry};
use crate::as_of_facts::FactsFound;
use crate::described::{Description, described, shown_later, symbols_of};
use crate::{MemberRecord, MembersAsOf, MembershipRecord, StoreError, UniverseRecord};

/// The columns of [`universe_row`], from `universe_universe u`.
const UNIVERSE_COLUMNS: &str = "u.type, u.key, u.name, u.category, u.rule, u.rule_version, u.is_ranked, u.sequence,
    u.members, u.member_count, u.reconstituted_session, u.entry_updated_at, u.is_retired";
/// How many these are.
const UNIVERSE_COLUMNS_COUNT: usize = 13;

/// The entries of other programs: of the two types, without a row of our own, and no mirrors.
pub(super) const UNMANAGED: &str = "select c.type, c.key, c.name, c.universe_category, c.value, c.updated_at
    from cache_entries c
    where c.environment = ?1
        and c.type in ('stock_universe', 'etf_universe')
        and not exists (
            select 1
            from universe_universe u
            where u.environment = c.environment and u.type = c.type and u.key = c.key and u.is_retired = 0
        )
        and case when json_valid(c.universe_metadata) then c.universe_metadata ->> 'mirror_of' end is null";

pub(super) fn state_read(db: &Connection, environment: &str, session: Date) -> Result<State, StoreError> {
    let mut state = State { market: market_session_list(db, session)?, ..State::default() };
    let mut head = db.prepare_cached("select version, session, held from universe_head where environment = ?1")?;
    let head = head.query_row([environment], |row| Ok((row.get::<_, Count>(0)?.0, day(row, 1)?, row.get(2)?)));
    if let Some(head) = head.optional()? {
        (state.version, state.last_session, state.held) = head;
    }
    let sql = format!(
        "select {UNIVERSE_COLUMNS}, c.updated_at
        from universe_universe u
        left join cache_entries c on c.type = u.type and c.key = u.key and c.environment = u.environment
        where u.environment = ?1 and u.is_retired = 0"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let mut rows = statement.query([environment])?;
    while let Some(row) = rows.next()? {
        let universe = universe_row(row)?;
        // An instant that cannot be read is none that we wrote.
        let entry_updated_at = instant(row, UNIVERSE_COLUMNS_COUNT).unwrap_or_default();
        state.universes.insert(universe.id.clone(), answers::state_of_row(&universe, entry_updated_at));
    }
    state.retired = retired(db, environment)?;
    for entry in unmanaged_entries(db, environment)? {
        state.universes.insert(entry.id.clone(), answers::state_of_entry(&entry));
    }
    state.imports = imports(db, environment)?;
    state.overrides = overrides_active(db, environment, session)?;
    state.symbol_changes = symbol_changes_until(db, session)?;
    Ok(state)
}

pub(super) fn universe_list(db: &Connection, environment: &str) -> Result<Vec<UniverseRecord>, StoreError> {
    // Without the members, which are most of it: their number stands beside them.
    let columns = UNIVERSE_COLUMNS.replace("u.members", "''");
    let sql = format!("select {columns} from universe_universe u where u.environment = ?1 and u.is_retired = 0");
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map([environment], |row| Ok(answers::record_of_row(&universe_row(row)?)))?;
    let mut records = rows.collect::<Result<Vec<_>, _>>()?;
    records.extend(unmanaged_entries(db, environment)?.iter().map(answers::record_of_entry));
    records.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(records)
}

pub(super) fn member_list(
    db: &Connection,
    environment: &str,
    id: &UniverseId,
    as_of: Option<Date>,
    known_at: Option<Timestamp>,
) -> Result<Option<MembersAsOf>, StoreError> {
    let sql = format!(
        "select {UNIVERSE_COLUMNS} from universe_universe u where u.environment = ?1 and u.type = ?2 and u.key = ?3"
    );
    let key = params![environment, id.universe_type.as_str(), id.key()];
    let row = db.prepare_cached(&sql)?.query_row(key, universe_row).optional()?;
    let entry = unmanaged_entry(db, environment, id)?;
    let universe = match (&entry, &row) {
        (Some(entry), _) => answers::record_of_entry(entry),
        (None, Some(row)) => answers::record_of_row(row),
        (None, None) => return Ok(None),
    };
    let intervals = match (row.is_some(), known_at.is_some()) {
        (false, _) => Vec::new(),
        (true, false) => intervals_as_they_are(db, environment, id)?,
        (true, true) => intervals(db, environment, id)?,
    };
    let members = answers::members_asked(entry.as_ref(), row.as_ref(), &intervals, as_of, known_at);
    let is_ranked = as_of.is_none() && known_at.is_none() && universe.is_ranked;
    let known_since = intervals.iter().map(|interval| interval.valid_from).min();
    let limit = match as_of {
        Some(as_of) => as_of,
        None => last_session(db, environment)?.unwrap_or(Date::MAX),
    };
    let members = describe(db, members, limit, is_ranked)?;
    Ok(Some(MembersAsOf { universe, as_of, known_since, members }))
}

pub(super) fn membership_list(
    db: &Connection,
    environment: &str,
    universe: Option<&UniverseId>,
    symbol_wanted: Option<&Symbol>,
) -> Result<Vec<MembershipRecord>, StoreError> {
    // One statement for each question, so that each uses the index that it needs.
    let narrowing = match (universe.is_some(), symbol_wanted.is_some()) {
        (true, true) => "u.type = ?2 and u.key = ?3 and m.symbol = ?4",
        (true, false) => "u.type = ?2 and u.key = ?3 and ?4 is null",
        (false, true) => "m.symbol = ?4 and ?2 is null and ?3 is null",
        (false, false) => "?2 is null and ?3 is null and ?4 is null",
    };
    let sql = format!(
        "select
            u.type, u.key, m.symbol, m.valid_from, m.valid_to, m.opened_run, m.closed_run, m.opened_reason,
            m.opened_cap, m.opened_rank, m.closed_reason, m.closed_cap, m.closed_rank, m.superseded_run
        from universe_universe u
        -- In this order: a symbol is looked for in each universe by key.
        cross join universe_membership m on m.universe_id = u.universe_id
        where u.environment = ?1 and {narrowing}"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let universe_type = universe.map(|id| id.universe_type.as_str());
    let given = params![environment, universe_type, universe.map(UniverseId::key), symbol_wanted.map(Symbol::as_str)];
    let rows = statement.query_map(given, |row| {
        Ok(MembershipRecord {
            universe: universe_id(row, 0, 1)?,
            symbol: symbol(row, 2)?,
            valid_from: row.get::<_, Day>(3)?.0,
            valid_to: day(row, 4)?,
            opened_run: row.get(5)?,
            closed_run: row.get(6)?,
            opened_reason: row.get(7)?,
            opened_cap: row.get::<_, Option<i64>>(8)?.map(Usd),
            opened_rank: row.get(9)?,
            closed_reason: row.get(10)?,
            closed_cap: row.get::<_, Option<i64>>(11)?.map(Usd),
            closed_rank: row.get(12)?,
            superseded_run: row.get(13)?,
        })
    })?;
    let mut records = rows.collect::<Result<Vec<_>, _>>()?;
    answers::sort_memberships(&mut records);
    Ok(records)
}

/// Returns every interval of a universe for a question about what is known by now: without looking up in the
/// runs, which are most of the work, when each end was recorded.
fn intervals_as_they_are(db: &Connection, environment: &str, id: &UniverseId) -> Result<Vec<Interval>, StoreError> {
    let mut statement = db.prepare_cached(
        "select m.symbol, m.valid_from, m.valid_to, m.superseded_run is not null
        from universe_universe u
        join universe_membership m on m.universe_id = u.universe_id
        where u.environment = ?1 and u.type = ?2 and u.key = ?3",
    )?;
    let rows = statement.query_map(params![environment, id.universe_type.as_str(), id.key()], |row| {
        let valid_to = day(row, 2)?;
        Ok(answers::interval_as_it_is(symbol(row, 0)?, row.get::<_, Day>(1)?.0, valid_to, row.get(3)?))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Returns every interval of a universe, retired or not, with the instants at which its ends were recorded.
fn intervals(db: &Connection, environment: &str, id: &UniverseId) -> Result<Vec<Interval>, StoreError> {
    let mut statement = db.prepare_cached(
        "select m.symbol, m.valid_from, m.valid_to, m.opened_run, m.closed_run, m.superseded_run
        from universe_universe u
        join universe_membership m on m.universe_id = u.universe_id
        where u.environment = ?1 and u.type = ?2 and u.key = ?3",
    )?;
    let rows = statement.query_map(params![environment, id.universe_type.as_str(), id.key()], |row| {
        Ok(StoredInterval {
            symbol: symbol(row, 0)?,
            valid_from: row.get::<_, Day>(1)?.0,
            valid_to: day(row, 2)?,
            opened_run: row.get(3)?,
            closed_run: row.get(4)?,
            superseded_run: row.get(5)?,
        })
    })?;
    let stored = rows.collect::<Result<Vec<_>, _>>()?;
    // One run recorded many intervals: each is looked up once.
    let mut run_end =
        db.prepare_cached("select finished_at from universe_run where environment = ?1 and run_number = ?2")?;
    let mut ends: BTreeMap<i64, Option<Timestamp>> = BTreeMap::new();
    for run in stored.iter().flat_map(StoredInterval::runs) {
        if let Entry::Vacant(unknown) = ends.entry(run) {
            let end = run_end.query_row(params![environment, run], |row| instant(row, 0)).optional()?;
            unknown.insert(end.map(|end| end.unwrap_or(Timestamp::MIN)));
        }
    }
    let ended_at = |run: i64| ends.get(&run).copied().flatten();
    Ok(stored.into_iter().filter_map(|interval| interval.recorded(ended_at)).collect())
}

/// Returns the newest session that was synchronized.
fn last_session(db: &Connection, environment: &str) -> Result<Option<Date>, StoreError> {
    let mut statement = db.prepare_cached("select session from universe_head where environment = ?1")?;
    Ok(statement.query_row([environment], |row| day(row, 0)).optional()?.flatten())
}

/// Adds to members what reference data and prices say about them up to a session.
fn describe(
    db: &Connection,
    members: Vec<MemberSince>,
    limit: Date,
    is_ranked: bool,
) -> Result<Vec<MemberRecord>, StoreError> {
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
    let symbols = serde_json::Value::from_iter(members.iter().map(|member| member.symbol.as_str()));
    let mut rows = statement.query(params![symbols.to_string(), DayText::from(limit)])?;
    let mut descriptions = vec![Description::default(); members.len()];
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
    let later = shown_later(&descriptions, limit);
    let found = match later.is_empty() {
        true => FactsFound::default(),
        false => facts_as_of(db, DayText::from(limit), &symbols_of(&members, &later))?,
    };
    Ok(described(members, descriptions, &later, &found, is_ranked))
}

/// Returns the number of the last change of each universe that was retired.
fn retired(db: &Connection, environment: &str) -> Result<BTreeMap<UniverseId, u64>, StoreError> {
    let mut statement = db.prepare_cached(
        "select type, key, sequence from universe_universe where environment = ?1 and is_retired <> 0",
    )?;
    let rows = statement.query_map([environment], |row| Ok((universe_id(row, 0, 1)?, row.get::<_, Count>(2)?.0)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn imports(db: &Connection, environment: &str) -> Result<BTreeMap<UniverseId, ImportedList>, StoreError> {
    let mut statement =
        db.prepare_cached("select type, key, name, symbols, source from universe_import_list where environment = ?1")?;
    let rows = statement.query_map([environment], |row| {
        let symbols = answers::member_symbols(text(row, 3)?.unwrap_or_default()).collect();
        Ok((universe_id(row, 0, 1)?, ImportedList { name: row.get(2)?, symbols, source: row.get(4)? }))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn unmanaged_entries(db: &Connection, environment: &str) -> Result<Vec<UnmanagedEntry>, StoreError> {
    let mut statement = db.prepare_cached(UNMANAGED)?;
    let rows = statement.query_map([environment], unmanaged_row)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Returns the entry of another program under an address.
pub(super) fn unmanaged_entry(
    db: &Connection,
    environment: &str,
    id: &UniverseId,
) -> Result<Option<UnmanagedEntry>, StoreError> {
    let mut statement = db.prepare_cached(&format!("{UNMANAGED} and c.type = ?2 and c.key = ?3"))?;
    let key = params![environment, id.universe_type.as_str(), id.key()];
    Ok(statement.query_row(key, unmanaged_row).optional()?)
}

fn unmanaged_row(row: &Row<'_>) -> rusqlite::Result<UnmanagedEntry> {
    Ok(UnmanagedEntry {
        id: universe_id(row, 0, 1)?,
        name: row.get(2)?,
        category: row.get(3)?,
        value: row.get::<_, Json>(4)?.0,
        // What another program writes is not ours to insist on.
        updated_at: instant(row, 5).unwrap_or_default(),
    })
}

/// Reads the columns of [`UNIVERSE_COLUMNS`].
fn universe_row(row: &Row<'_>) -> rusqlite::Result<UniverseRow> {
    Ok(UniverseRow {
        id: universe_id(row, 0, 1)?,
        name: row.get(2)?,
        category: row.get(3)?,
        rule: row.get(4)?,
        rule_version: row.get(5)?,
        is_ranked: row.get(6)?,
        sequence: row.get::<_, Count>(7)?.0,
        members: row.get(8)?,
        member_count: usize::try_from(row.get::<_, Count>(9)?.0).unwrap_or(usize::MAX),
        reconstituted_session: day(row, 10)?,
        entry_updated_at: instant(row, 11)?,
        is_retired: row.get(12)?,
    })
}

/// Returns every universe of our own with its entry and intervals, for comparison.
pub(super) fn universe_evidence(
    db: &Connection,
    environment: &str,
) -> Result<Vec<answers::UniverseEvidence>, StoreError> {
    let sql = format!(
        "select {UNIVERSE_COLUMNS}, c.value, c.universe_metadata, u.universe_id
        from universe_universe u
        left join cache_entries c on c.type = u.type and c.key = u.key and c.environment = u.environment
        where u.environment = ?1
        order by u.type, u.key"
    );
    let mut statement = db.prepare(&sql)?;
    let mut spans = db.prepare(
        "select symbol, valid_from, valid_to
        from universe_membership
        where universe_id = ?1 and superseded_run is null
        order by symbol, valid_from, opened_run",
    )?;
    let mut rows = statement.query([environment])?;
    let mut evidence = Vec::new();
    while let Some(row) = rows.next()? {
        let at = UNIVERSE_COLUMNS_COUNT;
        let has_entry = text(row, at)?.is_some();
        let entry = if has_entry { Some((row.get::<_, Json>(at)?.0, row.get::<_, Json>(at + 1)?.0)) } else { None };
        let intervals = spans.query_map([row.get::<_, i64>(at + 2)?], |row| {
            Ok(answers::IntervalEvidence {
                symbol: symbol(row, 0)?,
                valid_from: row.get::<_, Day>(1)?.0,
                valid_to: day(row, 2)?,
            })
        })?;
        let intervals = intervals.collect::<Result<_, _>>()?;
        evidence.push(answers::UniverseEvidence { row: universe_row(row)?, entry, intervals });
    }
    Ok(evidence)
}
