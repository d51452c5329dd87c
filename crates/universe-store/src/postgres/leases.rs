//! Leases with fencing tokens, and when schedules fired.

use deadpool_postgres::{Object, Transaction};
use jiff::Timestamp;
use jiff::civil::Date;
use universe_core::event::Event;
use uuid::Uuid;

use super::apply::{append_events, head_count, head_lock};
use super::failure::Failure;
use crate::Lease;
use crate::job_records::expiry;

const TAKE: &str = "\
insert into universe.lease as l (name, holder, token, expires_at)
values ($1, $2, 1, $4)
on conflict (name) do update
set holder = excluded.holder, expires_at = excluded.expires_at,
  token = case when l.holder = excluded.holder then l.token else l.token + 1 end
where l.holder is null or l.holder = excluded.holder or l.expires_at <= $3
returning token";

const TAKE_ANEW: &str = "\
insert into universe.lease as l (name, holder, token, expires_at)
values ($1, $2, 1, $4)
on conflict (name) do update
set holder = excluded.holder, expires_at = excluded.expires_at, token = l.token + 1
where l.holder is null or l.expires_at <= $3
returning token";

const RENEW_OF_RUN: &str = "\
update universe.lease l
set expires_at = $3
from universe.run r
where r.run_id = $1 and l.name = 'run:' || r.environment and l.token = $2 and l.holder is not null";

const LOCK: &str = "select token from universe.lease where name = $1 for update";

const RELEASE: &str = "\
update universe.lease
set holder = null, expires_at = null
where name = $1 and token = $2 and holder is not null";

const FIRED: &str = "\
insert into universe.fired (environment, schedule, session, fired_at)
values ($1, $2, $3, $4)
on conflict (environment, schedule, session) do nothing";

const FIRED_LAST: &str = "select max(session) from universe.fired where environment = $1 and schedule = $2";

pub(super) async fn lease_take(
    client: &Object,
    name: &str,
    holder: &str,
    now: Timestamp,
    ttl_seconds: i64,
) -> Result<Option<Lease>, Failure> {
    let statement = client.prepare_cached(TAKE).await?;
    let row = client.query_opt(&statement, &[&name, &holder, &now, &expiry(now, ttl_seconds)]).await?;
    Ok(row.map(|row| Lease { token: row.get::<_, i64>(0).cast_unsigned() }))
}

pub(super) async fn lease_release(client: &Object, name: &str, token: u64) -> Result<(), Failure> {
    let statement = client.prepare_cached(RELEASE).await?;
    client.execute(&statement, &[&name, &token.cast_signed()]).await?;
    Ok(())
}

/// Takes a lease that is free or expired, with a new token even for its last holder.
pub(super) async fn take_anew(
    tx: &Transaction<'_>,
    name: &str,
    holder: &str,
    now: Timestamp,
    ttl_seconds: i64,
) -> Result<Option<u64>, Failure> {
    let statement = tx.prepare_cached(TAKE_ANEW).await?;
    let row = tx.query_opt(&statement, &[&name, &holder, &now, &expiry(now, ttl_seconds)]).await?;
    Ok(row.map(|row| row.get::<_, i64>(0).cast_unsigned()))
}

/// Keeps the lease of a run until a later instant; `false` when it was lost.
pub(super) async fn renew_of_run(
    tx: &Transaction<'_>,
    run_id: Uuid,
    token: u64,
    expires_at: Timestamp,
) -> Result<bool, Failure> {
    let statement = tx.prepare_cached(RENEW_OF_RUN).await?;
    Ok(tx.execute(&statement, &[&run_id, &token.cast_signed(), &expires_at]).await? == 1)
}

/// Keeps others from taking, renewing or releasing a lease until the end of the transaction.
pub(super) async fn lock(tx: &Transaction<'_>, name: &str) -> Result<(), Failure> {
    let statement = tx.prepare_cached(LOCK).await?;
    tx.query_opt(&statement, &[&name]).await?;
    Ok(())
}

/// Gives a lease back; `false` when it was lost before.
pub(super) async fn release(tx: &Transaction<'_>, name: &str, token: u64) -> Result<bool, Failure> {
    let statement = tx.prepare_cached(RELEASE).await?;
    Ok(tx.execute(&statement, &[&name, &token.cast_signed()]).await? == 1)
}

pub(super) async fn schedule_fired(
    client: &mut Object,
    environment: &str,
    schedule: &str,
    session: Date,
    now: Timestamp,
    events: &[Event],
) -> Result<bool, Failure> {
    let tx = client.transaction().await?;
    let head = if events.is_empty() { None } else { Some(head_lock(&tx, environment).await?) };
    let statement = tx.prepare_cached(FIRED).await?;
    if tx.execute(&statement, &[&environment, &schedule, &session, &now]).await? == 0 {
        return Ok(false);
    }
    if let Some(head) = head {
        append_events(&tx, environment, head.event_number, now, events).await?;
        head_count(&tx, environment, &head, 0, events.len()).await?;
    }
    tx.commit().await?;
    Ok(true)
}

pub(super) async fn schedule_last(client: &Object, environment: &str, schedule: &str) -> Result<Option<Date>, Failure> {
    let statement = client.prepare_cached(FIRED_LAST).await?;
    Ok(client.query_one(&statement, &[&environment, &schedule]).await?.get(0))
}
