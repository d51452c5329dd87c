//! Reading what runs did, and whether what they left agrees with itself.

use rusqlite::{Connection, OptionalExtension, params};
use serde_json::Value;
use universe_core::UniverseId;
use universe_core::plan::Mode;

use super::membership::universe_evidence;
use super::values::{Count, Day, Id, Instant, Json, StoredSymbol, conversion, instant, text};
use crate::answers::{self, Evidence, Numbers};
use crate::{AuditEntry, Inconsistency, OutboxEntry, RunRecord, SnapshotRecord, StoreError};

pub(super) fn run_list(
    db: &Connection,
    environment: &str,
    limit: u32,
    offset: u32,
) -> Result<Vec<RunRecord>, StoreError> {
    let mut statement = db.prepare_cached(
        "select
            run_id, environment, mode, session, status, triggered_by, created_at, started_at, finished_at,
            total_changes, universes_updated, task_results, alerts, held, error
        from universe_run
        where environment = ?1
        order by run_number desc
        limit ?2
        offset ?3",
    )?;
    let rows = statement.query_map(params![environment, limit, offset], |row| {
        let mode = row.get_ref(2)?.as_str()?;
        let mode = Mode::from_spelling(mode).ok_or_else(|| {
            conversion(2, rusqlite::types::FromSqlError::Other(format!("{mode:?} is no mode").into()))
        })?;
        Ok(RunRecord {
            run_id: row.get::<_, Id>(0)?.0,
            environment: row.get(1)?,
            mode,
            session: row.get::<_, Day>(3)?.0,
            status: row.get(4)?,
            triggered_by: row.get(5)?,
            created_at: row.get::<_, Instant>(6)?.0,
            started_at: row.get::<_, Instant>(7)?.0,
            finished_at: instant(row, 8)?,
            total_changes: row.get(9)?,
            universes_updated: texts(row.get::<_, Json>(10)?.0),
            task_results: row.get::<_, Json>(11)?.0,
            alerts: row.get::<_, Json>(12)?.0,
            held: row.get::<_, Json>(13)?.0,
            error: row.get(14)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

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

pub(super) fn outbox_list(
    db: &Connection,
    environment: &str,
    after: i64,
    limit: u32,
) -> Result<Vec<OutboxEntry>, StoreError> {
    let mut statement = db.prepare_cached(
        "select event_number, event_id, event, channels, universe, sequence, message, created_at, published_at
        from universe_outbox
        where environment = ?1 and event_number > ?2
        order by event_number
        limit ?3",
    )?;
    let rows = statement.query_map(params![environment, after, limit], |row| {
        let universe = text(row, 4)?.and_then(answers::stored_address);
        let sequence = row.get::<_, Option<Count>>(5)?.map(|sequence| sequence.0);
        Ok(OutboxEntry {
            number: row.get(0)?,
            id: row.get::<_, Id>(1)?.0,
            event: row.get(2)?,
            channels: texts(row.get::<_, Json>(3)?.0),
            universe: universe.zip(sequence),
            message: row.get::<_, Json>(6)?.0,
            created_at: row.get::<_, Instant>(7)?.0,
            published_at: instant(row, 8)?,
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
    let mut head = db.prepare("select audit_number, event_number from universe_head where environment = ?1")?;
    let last = head.query_row([environment], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let (audit_last, event_last) = last.unwrap_or((0, 0));
    let numbers = |sql: &str| -> Result<Vec<i64>, StoreError> {
        let mut statement = db.prepare(sql)?;
        let rows = statement.query_map([environment], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    };
    let audit = "select audit_number from universe_audit_entry where environment = ?1 order by audit_number";
    let outbox = "select event_number from universe_outbox where environment = ?1 order by event_number";
    let evidence = Evidence {
        universes: universe_evidence(db, environment)?,
        audit: Numbers { found: numbers(audit)?, last: audit_last },
        outbox: Numbers { found: numbers(outbox)?, last: event_last },
        sequences: sequences(db, environment)?,
    };
    Ok(answers::inconsistencies(&evidence))
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

fn texts(value: Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => Vec::new(),
    }
}
