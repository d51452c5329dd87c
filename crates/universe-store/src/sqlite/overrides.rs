//! Members that are put in or left out by hand.

use jiff::Timestamp;
use jiff::civil::Date;
use rusqlite::{Connection, Row, params};
use universe_core::state::Override;
use uuid::Uuid;

use super::values::{Day, DayText, Id, Instant, day, instant, symbol, universe_id};
use crate::{OverrideRecord, StoreError, Withdrawal};

const COLUMNS: &str = "override_id, type, key, symbol, is_member, effective_from, effective_until, reason, actor,
    recorded_at, withdrawn_at, withdrawn_by";

/// Returns those that hold as of a session, oldest first.
pub(super) fn overrides_active(db: &Connection, environment: &str, session: Date) -> Result<Vec<Override>, StoreError> {
    let mut statement = db.prepare_cached(&format!(
        "select {COLUMNS}
        from universe_membership_override
        where environment = ?1
            and withdrawn_at is null
            and effective_from <= ?2
            and (effective_until is null or ?2 < effective_until)
        order by recorded_at, override_id"
    ))?;
    let rows = statement.query_map(params![environment, DayText::from(session)], record)?;
    Ok(rows.map(|row| row.map(|record| record.content)).collect::<Result<_, _>>()?)
}

pub(super) fn override_list(db: &Connection, environment: &str) -> Result<Vec<OverrideRecord>, StoreError> {
    let mut statement = db.prepare_cached(&format!(
        "select {COLUMNS}
        from universe_membership_override
        where environment = ?1
        order by recorded_at, override_id"
    ))?;
    let rows = statement.query_map([environment], record)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn override_put(
    db: &Connection,
    environment: &str,
    entry: &OverrideRecord,
    replaces: Option<Uuid>,
) -> Result<(), StoreError> {
    let content = &entry.content;
    if let Some(replaced) = replaces
        && !override_withdraw(db, environment, replaced, &content.actor, entry.recorded_at)?
    {
        return Err(StoreError::Conflict {
            constraint: format!("override {replaced}, which is not there or was withdrawn"),
        });
    }
    let mut statement = db.prepare_cached(
        "insert into universe_membership_override (
            override_id, environment, type, key, symbol, is_member, effective_from, effective_until, reason, actor,
            recorded_at
        )
        values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?;
    statement.execute(params![
        entry.override_id.to_string(),
        environment,
        content.universe.universe_type.as_str(),
        content.universe.key(),
        content.symbol.as_str(),
        content.is_member,
        DayText::from(content.from),
        content.until.map(DayText::from),
        content.reason,
        content.actor,
        entry.recorded_at.to_string(),
    ])?;
    Ok(())
}

pub(super) fn override_withdraw(
    db: &Connection,
    environment: &str,
    override_id: Uuid,
    actor: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let mut statement = db.prepare_cached(
        "update universe_membership_override
        set withdrawn_at = ?3, withdrawn_by = ?4
        where environment = ?1 and override_id = ?2 and withdrawn_at is null",
    )?;
    Ok(statement.execute(params![environment, override_id.to_string(), now.to_string(), actor])? == 1)
}

fn record(row: &Row<'_>) -> rusqlite::Result<OverrideRecord> {
    let by: Option<String> = row.get(11)?;
    Ok(OverrideRecord {
        override_id: row.get::<_, Id>(0)?.0,
        content: Override {
            universe: universe_id(row, 1, 2)?,
            symbol: symbol(row, 3)?,
            is_member: row.get(4)?,
            from: row.get::<_, Day>(5)?.0,
            until: day(row, 6)?,
            reason: row.get(7)?,
            actor: row.get(8)?,
        },
        recorded_at: row.get::<_, Instant>(9)?.0,
        withdrawn: instant(row, 10)?.zip(by).map(|(at, by)| Withdrawal { at, by }),
    })
}
