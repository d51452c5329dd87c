//! Reading universes and their members.

use std::collections::BTreeMap;

use jiff::civil::Date;
use rusqlite::{Connection, OptionalExtension, Row, params};
use universe_core::state::{ImportedList, State};
use universe_core::{Symbol, UniverseId, Usd};

use super::identity::symbol_changes_until;
use super::observe::market_session_list;
use super::overrides::overrides_active;
use super::values::{Count, Day, Json, day, instant, symbol, text, universe_id};
use crate::answers::{self, UniverseRow, UnmanagedEntry};
use crate::{MembershipRecord, StoreError, UniverseRecord};

/// The columns of [`universe_row`], from `universe_universe u`.
pub(super) const UNIVERSE_COLUMNS: &str =
    "u.type, u.key, u.name, u.category, u.rule, u.rule_version, u.is_ranked, u.sequence,
    u.members, u.member_count, u.reconstituted_session, u.entry_updated_at, u.is_retired";
/// How many these are.
pub(super) const UNIVERSE_COLUMNS_COUNT: usize = 13;

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
pub(super) fn universe_row(row: &Row<'_>) -> rusqlite::Result<UniverseRow> {
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
