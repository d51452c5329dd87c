//! Leases with fencing tokens, and when schedules fired.

use jiff::Timestamp;
use jiff::civil::Date;
use rusqlite::{Connection, OptionalExtension, params};
use universe_core::event::Event;

use super::apply;
use super::values::{Count, DayText, day, integer};
use crate::job_records::expiry;
use crate::{Lease, StoreError};

/// Returns an instant as a text of fixed length, which compares as the instant does.
pub(super) fn comparable(at: Timestamp) -> String {
    format!("{at:.6}")
}

pub(super) fn lease_take(
    db: &Connection,
    name: &str,
    holder: &str,
    now: Timestamp,
    ttl_seconds: i64,
) -> Result<Option<Lease>, StoreError> {
    let mut statement = db.prepare_cached(
        "insert into universe_lease (name, holder, token, expires_at)
        values (?1, ?2, 1, ?4)
        on conflict (name) do update set
            holder = excluded.holder,
            token = token + (holder is not excluded.holder),
            expires_at = excluded.expires_at
        where holder is null or holder = excluded.holder or expires_at <= ?3
        returning token",
    )?;
    let given = params![name, holder, comparable(now), comparable(expiry(now, ttl_seconds))];
    let token = statement.query_row(given, |row| row.get::<_, Count>(0)).optional()?;
    Ok(token.map(|token| Lease { token: token.0 }))
}

/// Takes a lease that is free or expired, with a new token even for its last holder.
pub(super) fn take_anew(
    db: &Connection,
    name: &str,
    holder: &str,
    now: Timestamp,
    ttl_seconds: i64,
) -> Result<Option<u64>, StoreError> {
    let mut statement = db.prepare_cached(
        "insert into universe_lease (name, holder, token, expires_at)
        values (?1, ?2, 1, ?4)
        on conflict (name) do update set
            holder = excluded.holder,
            token = token + 1,
            expires_at = excluded.expires_at
        where holder is null or expires_at <= ?3
        returning token",
    )?;
    let given = params![name, holder, comparable(now), comparable(expiry(now, ttl_seconds))];
    let token = statement.query_row(given, |row| row.get::<_, Count>(0)).optional()?;
    Ok(token.map(|token| token.0))
}

/// Keeps a lease for longer; `false` when it was lost.
pub(super) fn renew(
    db: &Connection,
    name: &str,
    token: u64,
    now: Timestamp,
    ttl_seconds: i64,
) -> Result<bool, StoreError> {
    let mut statement = db.prepare_cached(
        "update universe_lease set expires_at = ?3 where name = ?1 and token = ?2 and holder is not null",
    )?;
    Ok(statement.execute(params![name, integer(token), comparable(expiry(now, ttl_seconds))])? == 1)
}

pub(super) fn lease_release(db: &Connection, name: &str, token: u64) -> Result<(), StoreError> {
    db.prepare_cached("update universe_lease set holder = null, expires_at = null where name = ?1 and token = ?2")?
        .execute(params![name, integer(token)])?;
    Ok(())
}

/// Returns whether nobody else has taken a lease since, be it expired or not.
pub(super) fn is_held(db: &Connection, name: &str, token: u64) -> Result<bool, StoreError> {
    let mut statement =
        db.prepare_cached("select 1 from universe_lease where name = ?1 and token = ?2 and holder is not null")?;
    Ok(statement.exists(params![name, integer(token)])?)
}

/// Returns whether a lease is held and has not expired.
pub(super) fn is_alive(db: &Connection, name: &str, token: u64, now: Timestamp) -> Result<bool, StoreError> {
    let mut statement = db.prepare_cached(
        "select 1 from universe_lease where name = ?1 and token = ?2 and holder is not null and expires_at > ?3",
    )?;
    Ok(statement.exists(params![name, integer(token), comparable(now)])?)
}

pub(super) fn schedule_fired(
    db: &Connection,
    environment: &str,
    schedule: &str,
    session: Date,
    now: Timestamp,
    events: &[Event],
) -> Result<bool, StoreError> {
    let mut statement = db.prepare_cached(
        "insert into universe_fired (environment, schedule, session, fired_at)
        values (?1, ?2, ?3, ?4)
        on conflict do nothing",
    )?;
    if statement.execute(params![environment, schedule, DayText::from(session), now.to_string()])? == 0 {
        return Ok(false);
    }
    apply::append_events(db, environment, events, now)?;
    Ok(true)
}

pub(super) fn schedule_last(db: &Connection, environment: &str, schedule: &str) -> Result<Option<Date>, StoreError> {
    let mut statement =
        db.prepare_cached("select max(session) from universe_fired where environment = ?1 and schedule = ?2")?;
    Ok(statement.query_row([environment, schedule], |row| day(row, 0))?)
}
