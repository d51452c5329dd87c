//! Symbols that changed.

use jiff::Timestamp;
use jiff::civil::Date;
use rusqlite::{Connection, Row, params};
use universe_core::Symbol;
use universe_core::identity::SymbolChange;

use super::values::{Day, DayText, Instant, StoredSymbol, symbol};
use crate::{StoreError, SymbolChangeRecord};

/// Returns the changes up to a session, oldest first.
pub(super) fn symbol_changes_until(db: &Connection, session: Date) -> Result<Vec<SymbolChange>, StoreError> {
    let mut statement = db.prepare_cached(
        "select old_symbol, effective_session, new_symbol
        from universe_symbol_change
        where effective_session <= ?1 and superseded_at is null
        order by effective_session, old_symbol",
    )?;
    let rows = statement.query_map([DayText::from(session)], change)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn symbol_change_list(db: &Connection) -> Result<Vec<SymbolChangeRecord>, StoreError> {
    let mut statement = db.prepare_cached(
        "select old_symbol, effective_session, new_symbol, source, recorded_at
        from universe_symbol_change
        where superseded_at is null
        order by effective_session, old_symbol",
    )?;
    let rows = statement.query_map([], record)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn symbol_change_list_at(
    db: &Connection,
    known_at: Timestamp,
) -> Result<Vec<SymbolChangeRecord>, StoreError> {
    let mut statement = db.prepare_cached(
        "select old_symbol, effective_session, new_symbol, source, recorded_at, superseded_at
        from universe_symbol_change
        order by effective_session, old_symbol, symbol_change_id",
    )?;
    let mut rows = statement.query([])?;
    let mut known = Vec::new();
    // The text of an instant does not sort by time where it has fractions of a second.
    while let Some(row) = rows.next()? {
        let (record, superseded_at) = (record(row)?, row.get::<_, Option<Instant>>(5)?);
        if record.recorded_at <= known_at && superseded_at.is_none_or(|superseded| known_at < superseded.0) {
            known.push(record);
        }
    }
    Ok(known)
}

pub(super) fn symbol_change_put(
    db: &Connection,
    records: &[SymbolChangeRecord],
    replaced: &[SymbolChange],
) -> Result<u64, StoreError> {
    let Some(now) = records.iter().map(|record| record.recorded_at).max() else { return Ok(0) };
    let mut supersede = db.prepare_cached(
        "update universe_symbol_change set superseded_at = ?3
        where old_symbol = ?1 and effective_session = ?2 and superseded_at is null",
    )?;
    let mut same = db.prepare_cached(
        "select 1 from universe_symbol_change
        where old_symbol = ?1 and effective_session = ?2 and superseded_at is null
            and new_symbol is ?3 and source = ?4",
    )?;
    let mut put = db.prepare_cached(
        "insert into universe_symbol_change (old_symbol, effective_session, new_symbol, source, recorded_at)
        values (?1, ?2, ?3, ?4, ?5)",
    )?;
    for SymbolChange { from, date, .. } in replaced {
        supersede.execute(params![from.as_str(), DayText::from(*date), now.to_string()])?;
    }
    let mut written = 0;
    for SymbolChangeRecord { change: SymbolChange { from, date, to }, source, recorded_at } in records {
        let (from, date, to) = (from.as_str(), DayText::from(*date), to.as_ref().map(Symbol::as_str));
        if same.exists(params![from, date, to, source])? {
            continue;
        }
        supersede.execute(params![from, date, now.to_string()])?;
        written += put.execute(params![from, date, to, source, recorded_at.to_string()])?;
    }
    Ok(written as u64)
}

fn record(row: &Row<'_>) -> rusqlite::Result<SymbolChangeRecord> {
    Ok(SymbolChangeRecord { change: change(row)?, source: row.get(3)?, recorded_at: row.get::<_, Instant>(4)?.0 })
}

fn change(row: &Row<'_>) -> rusqlite::Result<SymbolChange> {
    Ok(SymbolChange {
        from: symbol(row, 0)?,
        date: row.get::<_, Day>(1)?.0,
        to: row.get::<_, Option<StoredSymbol>>(2)?.map(|stored| stored.0),
    })
}
