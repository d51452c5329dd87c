//! Corrections of the recorded past, and what sources say of it.

use rusqlite::{Connection, OptionalExtension, params};
use universe_core::UniverseId;
use universe_core::plan::PastChange;

use super::values::{DayText, Instant, text};
use crate::constituent_records::SourceContent;
use crate::{KeptSource, StoreError};

/// Supersedes intervals and adds those that take their place.
pub(super) fn past_write(
    db: &Connection,
    environment: &str,
    run_number: i64,
    past: &[PastChange],
) -> Result<(), StoreError> {
    for change in past {
        let mut statement = db.prepare_cached(
            "select universe_id from universe_universe where environment = ?1 and type = ?2 and key = ?3",
        )?;
        let key = params![environment, change.id.universe_type.as_str(), change.id.key()];
        let universe_id: i64 = statement.query_row(key, |row| row.get(0)).optional()?.ok_or_else(|| {
            StoreError::Inconsistent { table: "universe", detail: format!("{} has no row", change.id) }
        })?;
        supersede(db, universe_id, run_number, change)?;
        add(db, universe_id, run_number, change)?;
    }
    Ok(())
}

/// An open interval is taken back, as a run of its own session would; one that had ended is marked.
fn supersede(db: &Connection, universe_id: i64, run_number: i64, change: &PastChange) -> Result<(), StoreError> {
    let mut statement = db.prepare_cached(
        "update universe_membership
        set superseded_run = case when valid_to is null then null else ?5 end,
            closed_run = coalesce(closed_run, ?5),
            closed_reason = coalesce(closed_reason, ?6),
            valid_to = coalesce(valid_to, valid_from)
        where universe_id = ?1 and symbol = ?2 and opened_run = ?3 and valid_from = ?4 and superseded_run is null",
    )?;
    for interval in &change.superseded {
        let updated = statement.execute(params![
            universe_id,
            interval.symbol.as_str(),
            interval.opened_run,
            DayText::from(interval.valid_from),
            run_number,
            change.reason,
        ])?;
        if updated != 1 {
            return Err(StoreError::RowsAffected { table: "membership", expected: 1, actual: updated as u64 });
        }
    }
    Ok(())
}

fn add(db: &Connection, universe_id: i64, run_number: i64, change: &PastChange) -> Result<(), StoreError> {
    let mut statement = db.prepare_cached(
        "insert into universe_membership (
            universe_id, symbol, valid_from, valid_to, opened_run, closed_run, opened_reason, closed_reason
        )
        values (?1, ?2, ?3, ?4, ?5, iif(?4 is null, null, ?5), ?6, iif(?4 is null, null, ?6))",
    )?;
    for interval in &change.intervals {
        statement.execute(params![
            universe_id,
            interval.symbol.as_str(),
            DayText::from(interval.valid_from),
            interval.valid_to.map(DayText::from),
            run_number,
            change.reason,
        ])?;
    }
    Ok(())
}

pub(super) fn constituent_source_put(
    db: &Connection,
    environment: &str,
    id: &UniverseId,
    source: &KeptSource,
) -> Result<(), StoreError> {
    let mut statement = db.prepare_cached(
        "insert into universe_constituent_source (environment, type, key, source, record, loaded_at)
        values (?1, ?2, ?3, ?4, ?5, ?6)
        on conflict (environment, type, key, source) do update
        set record = excluded.record, loaded_at = excluded.loaded_at",
    )?;
    let content = serde_json::to_string(&source.content()).map_err(|error| StoreError::Driver(error.to_string()))?;
    let (universe_type, key) = (id.universe_type.as_str(), id.key());
    statement.execute(params![
        environment,
        universe_type,
        key,
        source.record.source,
        content,
        source.loaded_at.to_string()
    ])?;
    Ok(())
}

pub(super) fn constituent_source_list(
    db: &Connection,
    environment: &str,
    id: &UniverseId,
) -> Result<Vec<KeptSource>, StoreError> {
    let mut statement = db.prepare_cached(
        "select record, loaded_at
        from universe_constituent_source
        where environment = ?1 and type = ?2 and key = ?3
        order by source",
    )?;
    let mut rows = statement.query(params![environment, id.universe_type.as_str(), id.key()])?;
    let mut sources = Vec::new();
    while let Some(row) = rows.next()? {
        let content = text(row, 0)?.unwrap_or_default();
        let content: SourceContent = serde_json::from_str(content).map_err(|error| StoreError::Inconsistent {
            table: "constituent_source",
            detail: format!("a record of {id} cannot be read: {error}"),
        })?;
        sources.push(content.kept(row.get::<_, Instant>(1)?.0));
    }
    Ok(sources)
}
