//! The outbox as the relay and its followers see it.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::history::texts;
use super::values::{Count, Id, Instant, Json, instant, text};
use crate::answers;
use crate::{OutboxEntry, OutboxSpan, StoreError};

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
    let rows = statement.query_map(params![environment, after, limit], entry)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn outbox_unpublished(
    db: &Connection,
    environment: &str,
    limit: u32,
) -> Result<Vec<OutboxEntry>, StoreError> {
    let mut statement = db.prepare_cached(
        "select event_number, event_id, event, channels, universe, sequence, message, created_at, published_at
        from universe_outbox
        where environment = ?1 and published_at is null
        order by event_number
        limit ?2",
    )?;
    let rows = statement.query_map(params![environment, limit], entry)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn outbox_newest(
    db: &Connection,
    environment: &str,
    event: &str,
    limit: u32,
) -> Result<Vec<OutboxEntry>, StoreError> {
    let mut statement = db.prepare_cached(
        "select event_number, event_id, event, channels, universe, sequence, message, created_at, published_at
        from universe_outbox
        where environment = ?1 and event = ?2
        order by event_number desc
        limit ?3",
    )?;
    let rows = statement.query_map(params![environment, event, limit], entry)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn outbox_published(
    db: &Connection,
    environment: &str,
    up_to: i64,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let mut statement = db.prepare_cached(
        "update universe_outbox
        set published_at = ?3
        where environment = ?1 and event_number <= ?2 and published_at is null",
    )?;
    Ok(statement.execute(params![environment, up_to, now.to_string()])? as u64)
}

/// Deletes from the oldest on and stops at the first event that is to stay: what is kept has no gaps.
pub(super) fn outbox_prune(db: &Connection, environment: &str, created_before: Timestamp) -> Result<u64, StoreError> {
    let mut statement = db.prepare_cached(
        "select event_number, created_at, published_at is not null
        from universe_outbox
        where environment = ?1
        order by event_number",
    )?;
    let mut rows = statement.query([environment])?;
    let mut last = None;
    while let Some(row) = rows.next()? {
        if row.get::<_, Instant>(1)?.0 >= created_before || !row.get::<_, bool>(2)? {
            break;
        }
        last = Some(row.get::<_, i64>(0)?);
    }
    let Some(last) = last else { return Ok(0) };
    let deleted = db
        .prepare_cached("delete from universe_outbox where environment = ?1 and event_number <= ?2")?
        .execute(params![environment, last])?;
    db.prepare_cached("update universe_head set pruned_number = ?2 where environment = ?1")?
        .execute(params![environment, last])?;
    Ok(deleted as u64)
}

pub(super) fn outbox_span(db: &Connection, environment: &str) -> Result<Option<OutboxSpan>, StoreError> {
    let mut head = db.prepare_cached("select pruned_number, event_number from universe_head where environment = ?1")?;
    let numbers = head.query_row([environment], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)));
    let Some((pruned, newest)) = numbers.optional()?.filter(|(_, newest)| *newest > 0) else { return Ok(None) };
    let mut unpublished =
        db.prepare_cached("select count(*) from universe_outbox where environment = ?1 and published_at is null")?;
    let mut since = db.prepare_cached(
        "select created_at
        from universe_outbox
        where environment = ?1 and published_at is null
        order by event_number
        limit 1",
    )?;
    Ok(Some(OutboxSpan {
        oldest: pruned + 1,
        newest,
        unpublished: unpublished.query_row([environment], |row| row.get::<_, Count>(0))?.0,
        unpublished_since: since.query_row([environment], |row| row.get::<_, Instant>(0)).optional()?.map(|at| at.0),
    }))
}

fn entry(row: &Row<'_>) -> rusqlite::Result<OutboxEntry> {
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
}
