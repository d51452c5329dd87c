//! Runs as jobs: ordered, claimed under a lease, and brought to exactly one end.
//!
//! Rows are locked in one order: the head of the environment, its lease, its run.

use deadpool_postgres::{GenericClient, Object, Transaction};
use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::Value;
use tokio_postgres::Row;
use tokio_postgres::types::{Json, ToSql};
use universe_core::event::Event;
use universe_core::plan::Mode;
use uuid::Uuid;

use super::apply::{append_events, head_count, head_lock};
use super::failure::Failure;
use super::leases;
use crate::answers::stored_address;
use crate::job_records::{addresses, begin_run, cancel_waiting_run, claimed_run, expiry, fail_dead_run, run_of_order};
use crate::{ClaimedRun, EventsOf, Ordered, RunOrder, RunRecord, RunStatistics, StoreError, run_lease};

const RUN_LIST: &str = "\
select run_id, environment, mode, session, status, triggered_by, created_at, started_at, finished_at, total_changes,
  universes_updated, task_results, alerts, held, error, force, preserve, dry_run, approves, cancel_requested, progress,
  lease_token
from universe.run
where environment = $1
order by run_number desc nulls first
limit $2
offset $3";

const RUN_FIND: &str = "\
select run_id, environment, mode, session, status, triggered_by, created_at, started_at, finished_at, total_changes,
  universes_updated, task_results, alerts, held, error, force, preserve, dry_run, approves, cancel_requested, progress,
  lease_token
from universe.run
where run_id = $1";

/// The newest run that brought memberships to a session.
const RUN_AS_OF: &str = "\
select run_id, environment, mode, session, status, triggered_by, created_at, started_at, finished_at, total_changes,
  universes_updated, task_results, alerts, held, error, force, preserve, dry_run, approves, cancel_requested, progress,
  lease_token
from universe.run
where environment = $1 and run_number is not null and session <= $2 and not dry_run
  and status in ('completed', 'completed_with_errors', 'held')
  and ($3::timestamptz is null or coalesce(finished_at, started_at, created_at) <= $3)
order by run_number desc
limit 1";

const RUN_ACTIVE: &str = "\
select run_id, environment, mode, session, status, triggered_by, created_at, started_at, finished_at, total_changes,
  universes_updated, task_results, alerts, held, error, force, preserve, dry_run, approves, cancel_requested, progress,
  lease_token
from universe.run
where environment = $1 and status in ('pending', 'running')";

/// The run that runs without anybody holding its lease.
const RUN_DEAD: &str = "\
select r.run_id, r.environment, r.mode, r.session, r.status, r.triggered_by, r.created_at, r.started_at, r.finished_at,
  r.total_changes, r.universes_updated, r.task_results, r.alerts, r.held, r.error, r.force, r.preserve, r.dry_run,
  r.approves, r.cancel_requested, r.progress, r.lease_token
from universe.run r
where r.environment = $1 and r.status = 'running'
  and not exists (
    select
    from universe.lease l
    where l.name = $2 and l.token = r.lease_token and l.holder is not null and l.expires_at > $3
  )";

const RUN_COUNT: &str = "select count(*) from universe.run where environment = $1";

const RUN_STATISTICS: &str = "\
select count(*),
  count(*) filter (where status in ('completed', 'held')),
  count(*) filter (where status in ('failed', 'completed_with_errors')),
  avg(extract(epoch from finished_at - started_at))::double precision
from universe.run
where environment = $1 and created_at >= $2";

const RUN_PUT: &str = "\
insert into universe.run (
  run_id, run_number, environment, mode, session, status, triggered_by, created_at, started_at, finished_at,
  total_changes, universes_updated, task_results, alerts, held, error, force, preserve, dry_run, approves,
  cancel_requested
)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)";

const RUN_START: &str = "\
update universe.run
set status = 'running', started_at = $2, lease_token = $3
where run_id = $1 and status = 'pending'";

const RUN_PROGRESS: &str = "\
update universe.run
set progress = $3
where run_id = $1 and status = 'running' and lease_token = $2
returning cancel_requested";

const RUN_ENVIRONMENT: &str = "select environment from universe.run where run_id = $1";

/// A run that has ended matches neither status, and so is never changed.
const RUN_END: &str = "\
update universe.run
set run_number = $2, session = $3, status = $4, started_at = $5, finished_at = $6, total_changes = $7,
  universes_updated = $8, task_results = $9, alerts = $10, held = $11, error = $12,
  cancel_requested = cancel_requested or $13, progress = null
where run_id = $1 and status = $14 and lease_token is not distinct from $15";

const RUN_STOP: &str = "\
update universe.run
set cancel_requested = true
where run_id = $1 and status = 'running'";

/// The run of an environment that is at work under a lease that has not expired.
const RUN_CLAIMED: &str = "\
select r.run_id
from universe.lease l
join universe.run r on r.environment = $1 and r.status = 'running' and r.lease_token = l.token
where l.name = $2 and l.holder is not null and l.expires_at > $3";

pub(super) async fn run_list(
    client: &Object,
    environment: &str,
    limit: u32,
    offset: u32,
) -> Result<Vec<RunRecord>, Failure> {
    let statement = client.prepare_cached(RUN_LIST).await?;
    let rows = client.query(&statement, &[&environment, &i64::from(limit), &i64::from(offset)]).await?;
    rows.iter().map(run_record).collect()
}

pub(super) async fn run_find(client: &impl GenericClient, run_id: Uuid) -> Result<Option<RunRecord>, Failure> {
    let statement = client.prepare_cached(RUN_FIND).await?;
    client.query_opt(&statement, &[&run_id]).await?.as_ref().map(run_record).transpose()
}

pub(super) async fn run_as_of(
    client: &Object,
    environment: &str,
    session: Date,
    known_at: Option<Timestamp>,
) -> Result<Option<RunRecord>, Failure> {
    let statement = client.prepare_cached(RUN_AS_OF).await?;
    client.query_opt(&statement, &[&environment, &session, &known_at]).await?.as_ref().map(run_record).transpose()
}

pub(super) async fn run_count(client: &Object, environment: &str) -> Result<u64, Failure> {
    let statement = client.prepare_cached(RUN_COUNT).await?;
    Ok(client.query_one(&statement, &[&environment]).await?.get::<_, i64>(0).cast_unsigned())
}

/// Returns whether an environment has runs, of whatever status.
pub(super) async fn has_runs(client: &impl GenericClient, environment: &str) -> Result<bool, Failure> {
    let sql = "select exists (select from universe.run where environment = $1)";
    Ok(client.query_one(sql, &[&environment]).await?.get(0))
}

pub(super) async fn run_statistics(
    client: &Object,
    environment: &str,
    since: Timestamp,
) -> Result<RunStatistics, Failure> {
    let statement = client.prepare_cached(RUN_STATISTICS).await?;
    let row = client.query_one(&statement, &[&environment, &since]).await?;
    let count = |at: usize| row.get::<_, i64>(at).cast_unsigned();
    Ok(RunStatistics { total: count(0), successful: count(1), failed: count(2), avg_duration_seconds: row.get(3) })
}

pub(super) async fn run_order(client: &mut Object, order: &RunOrder, events: &[Event]) -> Result<Ordered, Failure> {
    let tx = client.transaction().await?;
    let head = head_lock(&tx, &order.environment).await?;
    if let Some(active) = active_run(&tx, &order.environment).await? {
        return Ok(Ordered::Busy { run_id: active.run_id });
    }
    run_put(&tx, &run_of_order(order), None).await?;
    append_events(&tx, &order.environment, head.event_number, order.created_at, events).await?;
    head_count(&tx, &order.environment, &head, 0, events.len()).await?;
    tx.commit().await?;
    Ok(Ordered::Queued)
}

pub(super) async fn run_claim(
    client: &mut Object,
    environment: &str,
    holder: &str,
    now: Timestamp,
    ttl_seconds: i64,
    events_of: EventsOf,
) -> Result<Option<ClaimedRun>, Failure> {
    let is_pending = |run: &RunRecord| run.status == "pending";
    // Asked many times before there is one; reading stands in nobody's way.
    if active_run(&*client, environment).await?.filter(is_pending).is_none() {
        return Ok(None);
    }
    let tx = client.transaction().await?;
    let head = head_lock(&tx, environment).await?;
    let Some(mut run) = active_run(&tx, environment).await?.filter(is_pending) else { return Ok(None) };
    let Some(token) = leases::take_anew(&tx, &run_lease(environment), holder, now, ttl_seconds).await? else {
        return Ok(None);
    };
    let statement = tx.prepare_cached(RUN_START).await?;
    let started_at = begin_run(&mut run, now);
    expect_one(tx.execute(&statement, &[&run.run_id, &started_at, &token.cast_signed()]).await?)?;
    let events = events_of(&run);
    append_events(&tx, environment, head.event_number, started_at, &events).await?;
    head_count(&tx, environment, &head, 0, events.len()).await?;
    tx.commit().await?;
    Ok(Some(claimed_run(run, started_at, token)))
}

pub(super) async fn run_progress(
    client: &mut Object,
    run_id: Uuid,
    token: u64,
    progress: &Value,
    events: &[Event],
    now: Timestamp,
    ttl_seconds: i64,
) -> Result<bool, Failure> {
    let fenced = || StoreError::Fenced { run_id, token };
    let tx = client.transaction().await?;
    // The head is locked before the lease, and without events not at all: others write beside signs of life.
    let head = match events {
        [] => None,
        _ => {
            let statement = tx.prepare_cached(RUN_ENVIRONMENT).await?;
            let environment: String = tx.query_opt(&statement, &[&run_id]).await?.ok_or_else(fenced)?.get(0);
            Some((head_lock(&tx, &environment).await?, environment))
        }
    };
    if !leases::renew_of_run(&tx, run_id, token, expiry(now, ttl_seconds)).await? {
        return Err(fenced().into());
    }
    let statement = tx.prepare_cached(RUN_PROGRESS).await?;
    let row = tx.query_opt(&statement, &[&run_id, &token.cast_signed(), &Json(progress)]).await?;
    let cancel_requested = row.ok_or_else(fenced)?.get(0);
    if let Some((head, environment)) = head {
        append_events(&tx, &environment, head.event_number, now, events).await?;
        head_count(&tx, &environment, &head, 0, events.len()).await?;
    }
    tx.commit().await?;
    Ok(cancel_requested)
}

pub(super) async fn run_close(client: &mut Object, run: &RunRecord, events: &[Event]) -> Result<(), Failure> {
    let tx = client.transaction().await?;
    let head = head_lock(&tx, &run.environment).await?;
    run_end(&tx, run, head.run_number + 1).await?;
    append_events(&tx, &run.environment, head.event_number, run.recorded_at(), events).await?;
    head_count(&tx, &run.environment, &head, 1, events.len()).await?;
    tx.commit().await?;
    Ok(())
}

pub(super) async fn run_cancel(
    client: &mut Object,
    run_id: Uuid,
    now: Timestamp,
    events_of: EventsOf,
) -> Result<Option<String>, Failure> {
    let Some(found) = run_find(&*client, run_id).await? else { return Ok(None) };
    if found.is_over() {
        return Ok(Some(found.status));
    }
    let tx = client.transaction().await?;
    let head = head_lock(&tx, &found.environment).await?;
    // Under the lock nobody starts or ends it.
    let Some(mut run) = run_find(&tx, run_id).await? else { return Ok(None) };
    match run.status.as_str() {
        "pending" => {
            cancel_waiting_run(&mut run, now);
            let events = events_of(&run);
            expect_one(run_update(&tx, &run, head.run_number + 1, "pending").await?)?;
            append_events(&tx, &run.environment, head.event_number, run.recorded_at(), &events).await?;
            head_count(&tx, &run.environment, &head, 1, events.len()).await?;
        }
        "running" => {
            let statement = tx.prepare_cached(RUN_STOP).await?;
            tx.execute(&statement, &[&run_id]).await?;
        }
        _ => {}
    }
    tx.commit().await?;
    Ok(Some(run.status))
}

pub(super) async fn run_reap(
    client: &mut Object,
    environment: &str,
    now: Timestamp,
    events_of: EventsOf,
) -> Result<Vec<Uuid>, Failure> {
    let lease = run_lease(environment);
    if dead_run(&*client, environment, &lease, now).await?.is_none() {
        return Ok(Vec::new());
    }
    let tx = client.transaction().await?;
    let head = head_lock(&tx, environment).await?;
    // Locked, so that its process cannot renew it any more.
    leases::lock(&tx, &lease).await?;
    let Some(mut run) = dead_run(&tx, environment, &lease, now).await? else { return Ok(Vec::new()) };
    fail_dead_run(&mut run, now);
    let events = events_of(&run);
    if let Some(token) = run.lease_token {
        leases::release(&tx, &lease, token).await?;
    }
    expect_one(run_update(&tx, &run, head.run_number + 1, "running").await?)?;
    append_events(&tx, environment, head.event_number, run.recorded_at(), &events).await?;
    head_count(&tx, environment, &head, 1, events.len()).await?;
    tx.commit().await?;
    Ok(vec![run.run_id])
}

/// Refuses a run outside the queue while a claimed one is at work.
pub(super) async fn refuse_beside_claimed(
    tx: &Transaction<'_>,
    environment: &str,
    now: Timestamp,
) -> Result<(), Failure> {
    let statement = tx.prepare_cached(RUN_CLAIMED).await?;
    match tx.query_opt(&statement, &[&environment, &run_lease(environment), &now]).await? {
        Some(row) => Err(StoreError::Busy { run_id: row.get(0) }.into()),
        None => Ok(()),
    }
}

/// Records the end of a run under its number: a claimed one where it stands, any other one anew.
pub(super) async fn run_end(tx: &Transaction<'_>, run: &RunRecord, number: i64) -> Result<(), Failure> {
    let Some(token) = run.lease_token else { return run_put(tx, run, Some(number)).await };
    let was_held = leases::release(tx, &run_lease(&run.environment), token).await?;
    if !was_held || run_update(tx, run, number, "running").await? != 1 {
        return Err(StoreError::Fenced { run_id: run.run_id, token }.into());
    }
    Ok(())
}

async fn active_run(client: &impl GenericClient, environment: &str) -> Result<Option<RunRecord>, Failure> {
    let statement = client.prepare_cached(RUN_ACTIVE).await?;
    client.query_opt(&statement, &[&environment]).await?.as_ref().map(run_record).transpose()
}

async fn dead_run(
    client: &impl GenericClient,
    environment: &str,
    lease: &str,
    now: Timestamp,
) -> Result<Option<RunRecord>, Failure> {
    let statement = client.prepare_cached(RUN_DEAD).await?;
    client.query_opt(&statement, &[&environment, &lease, &now]).await?.as_ref().map(run_record).transpose()
}

async fn run_put(tx: &Transaction<'_>, run: &RunRecord, number: Option<i64>) -> Result<(), Failure> {
    let statement = tx.prepare_cached(RUN_PUT).await?;
    let (updated, approves) = (Json(&run.universes_updated), Json(addresses(&run.approves)));
    let (results, alerts, held) = (Json(&run.task_results), Json(&run.alerts), Json(&run.held));
    let mode = run.mode.as_str();
    tx.execute(
        &statement,
        &[
            &run.run_id,
            &number,
            &run.environment,
            &mode,
            &run.session,
            &run.status,
            &run.triggered_by,
            &run.created_at,
            &run.started_at,
            &run.finished_at,
            &run.total_changes,
            &updated,
            &results,
            &alerts,
            &held,
            &run.error,
            &run.force,
            &run.preserve,
            &run.dry_run,
            &approves,
            &run.cancel_requested,
        ],
    )
    .await?;
    Ok(())
}

/// Brings a row from one of the statuses that are not the end to another one; returns how many rows did.
async fn run_update(tx: &Transaction<'_>, run: &RunRecord, number: i64, from: &str) -> Result<u64, Failure> {
    let statement = tx.prepare_cached(RUN_END).await?;
    let updated = Json(&run.universes_updated);
    let (results, alerts, held) = (Json(&run.task_results), Json(&run.alerts), Json(&run.held));
    let token = run.lease_token.map(u64::cast_signed);
    let given: [&(dyn ToSql + Sync); 15] = [
        &run.run_id,
        &number,
        &run.session,
        &run.status,
        &run.started_at,
        &run.finished_at,
        &run.total_changes,
        &updated,
        &results,
        &alerts,
        &held,
        &run.error,
        &run.cancel_requested,
        &from,
        &token,
    ];
    Ok(tx.execute(&statement, &given).await?)
}

fn expect_one(actual: u64) -> Result<(), StoreError> {
    match actual {
        1 => Ok(()),
        actual => Err(StoreError::RowsAffected { table: "run", expected: 1, actual }),
    }
}

fn run_record(row: &Row) -> Result<RunRecord, Failure> {
    let mode: &str = row.get(2);
    let mode = Mode::from_spelling(mode)
        .ok_or_else(|| StoreError::Inconsistent { table: "run", detail: format!("{mode:?} is no mode") })?;
    let approves = row.get::<_, Json<Vec<String>>>(18).0;
    Ok(RunRecord {
        run_id: row.get(0),
        environment: row.get(1),
        mode,
        session: row.get(3),
        status: row.get(4),
        triggered_by: row.get(5),
        created_at: row.get(6),
        started_at: row.get(7),
        finished_at: row.get(8),
        total_changes: row.get(9),
        universes_updated: row.get::<_, Json<Vec<String>>>(10).0,
        task_results: row.get(11),
        alerts: row.get(12),
        held: row.get(13),
        error: row.get(14),
        force: row.get(15),
        preserve: row.get(16),
        dry_run: row.get(17),
        approves: approves.iter().filter_map(|text| stored_address(text)).collect(),
        cancel_requested: row.get(19),
        progress: row.get::<_, Option<Value>>(20).unwrap_or_default(),
        lease_token: row.get::<_, Option<i64>>(21).map(i64::cast_unsigned),
    })
}
