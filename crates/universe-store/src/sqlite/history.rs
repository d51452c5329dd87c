//! Reading what runs did, and whether what they left agrees with itself.

use rusqlite::{Connection, OptionalExtension, params};
use serde_json::Value;
use universe_core::UniverseId;

use super::membership::universe_evidence;
use super::values::{Count, Day, Id, Instant, Json, StoredSymbol, text};
use crate::answers::{self, Evidence, Numbers};
use crate::{AuditEntry, Inconsistency, SnapshotRecord, StoreError};

pub(super) fn audit_list(
    db: &Connection,
    environment: &str,
    after: i64,
    limit: u32,
) -> Result<Vec<AuditEntry>, StoreError> {
    let mut statement = db.prepare_cached(
        "select audit_number, recorded_at, run_id, actor, action, universe, symbol, reason, detail
        from universe_audit_entry
        where environment = ?1 and audit_number > ?2
        order by audit_number
        limit ?3",
    )?;
    let rows = statement.query_map(params![environment, after, limit], |row| {
        Ok(AuditEntry {
            number: row.get(0)?,
            recorded_at: row.get::<_, Instant>(1)?.0,
            run_id: row.get::<_, Id>(2)?.0,
            actor: row.get(3)?,
            action: row.get(4)?,
            universe: text(row, 5)?.and_then(answers::stored_address),
            symbol: row.get::<_, Option<StoredSymbol>>(6)?.map(|symbol| symbol.0),
            reason: row.get(7)?,
            detail: row.get::<_, Json>(8)?.0,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn snapshot_list(db: &Connection) -> Result<Vec<SnapshotRecord>, StoreError> {
    let mut statement =
        db.prepare("select session, source, rows, loaded_at from universe_snapshot order by session, source")?;
    let rows = statement.query_map([], |row| {
        Ok(SnapshotRecord {
            session: row.get::<_, Day>(0)?.0,
            source: row.get(1)?,
            rows: row.get::<_, Count>(2)?.0,
            loaded_at: row.get::<_, Instant>(3)?.0,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn inconsistency_list(db: &Connection, environment: &str) -> Result<Vec<Inconsistency>, StoreError> {
    Ok(answers::inconsistencies(&evidence(db, environment)?))
}

/// Reads what is stored in several places.
pub(super) fn evidence(db: &Connection, environment: &str) -> Result<Evidence, StoreError> {
    let mut head =
        db.prepare("select audit_number, event_number, pruned_number from universe_head where environment = ?1")?;
    let last = head.query_row([environment], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()?;
    let (audit_last, event_last, pruned) = last.unwrap_or((0, 0, 0));
    let numbers = |sql: &str| -> Result<Vec<i64>, StoreError> {
        let mut statement = db.prepare(sql)?;
        let rows = statement.query_map([environment], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    };
    let audit = "select audit_number from universe_audit_entry where environment = ?1 order by audit_number";
    let outbox = "select event_number from universe_outbox where environment = ?1 order by event_number";
    Ok(Evidence {
        universes: universe_evidence(db, environment)?,
        audit: Numbers { found: numbers(audit)?, pruned: 0, last: audit_last },
        outbox: Numbers { found: numbers(outbox)?, pruned, last: event_last },
        sequences: sequences(db, environment)?,
    })
}

fn sequences(db: &Connection, environment: &str) -> Result<Vec<(UniverseId, u64)>, StoreError> {
    let mut statement = db.prepare(
        "select universe, sequence
        from universe_outbox
        where environment = ?1 and universe is not null and sequence is not null
        order by event_number",
    )?;
    let mut rows = statement.query([environment])?;
    let mut sequences = Vec::new();
    while let Some(row) = rows.next()? {
        if let Some(id) = text(row, 0)?.and_then(answers::stored_address) {
            sequences.push((id, row.get::<_, Count>(1)?.0));
        }
    }
    Ok(sequences)
}

/// Returns the texts of a JSON list.
pub(super) fn texts(value: Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => Vec::new(),
    }
}
