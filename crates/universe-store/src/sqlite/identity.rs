//! Symbols that changed.

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
        where effective_session <= ?1
        order by effective_session, old_symbol",
    )?;
    let rows = statement.query_map([DayText::from(session)], change)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn symbol_change_list(db: &Connection) -> Result<Vec<SymbolChangeRecord>, StoreError> {
    let mut statement = db.prepare_cached(
        "select old_symbol, effective_session, new_symbol, source, recorded_at
        from universe_symbol_change
        order by effective_session, old_symbol",
    )?;
    let rows = statement.query_map([], |row| {
        Ok(SymbolChangeRecord { change: change(row)?, source: row.get(3)?, recorded_at: row.get::<_, Instant>(4)?.0 })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn symbol_change_put(
    db: &Connection,
    records: &[SymbolChangeRecord],
    replaced: &[SymbolChange],
) -> Result<u64, StoreError> {
    let mut delete =
        db.prepare_cached("delete from universe_symbol_change where old_symbol = ?1 and effective_session = ?2")?;
    for SymbolChange { from, date, .. } in replaced {
        delete.execute(params![from.as_str(), DayText::from(*date)])?;
    }
    let mut put = db.prepare_cached(
        "insert into universe_symbol_change (old_symbol, effective_session, new_symbol, source, recorded_at)
        values (?1, ?2, ?3, ?4, ?5)
        on conflict (old_symbol, effective_session) do update set
            new_symbol = excluded.new_symbol,
            source = excluded.source,
            recorded_at = excluded.recorded_at
        where new_symbol is not excluded.new_symbol or source <> excluded.source",
    )?;
    let mut written = 0;
    for SymbolChangeRecord { change: SymbolChange { from, date, to }, source, recorded_at } in records {
        let to = to.as_ref().map(Symbol::as_str);
        written += put.execute(params![from.as_str(), DayText::from(*date), to, source, recorded_at.to_string()])?;
    }
    Ok(written as u64)
}

fn change(row: &Row<'_>) -> rusqlite::Result<SymbolChange> {
    Ok(SymbolChange {
        from: symbol(row, 0)?,
        date: row.get::<_, Day>(1)?.0,
        to: row.get::<_, Option<StoredSymbol>>(2)?.map(|stored| stored.0),
    })
}
