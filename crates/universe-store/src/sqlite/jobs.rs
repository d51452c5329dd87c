//! Runs as jobs: ordered, claimed under a lease, and brought to exactly one end.

use jiff::Timestamp;
use jiff::civil::Date;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::Value;
use universe_core::event::Event;
use universe_core::plan::Mode;
use uuid::Uuid;

use super::apply;
use super::history::texts;
use super::leases;
use super::values::{Count, Day, DayText, Id, Instant, Json, conversion, instant, integer};
use crate::answers;
use crate::job_records;
use crate::{ClaimedRun, EventsOf, Ordered, RunOrder, RunRecord, RunStatistics, StoreError, run_lease};

const RUN_COLUMNS: &str = "run_id, environment, mode, session, status, triggered_by, created_at, started_at, \
    finished_at, total_changes, universes_updated, task_results, alerts, held, error, force, preserve, dry_run, \
    approves, cancel_requested, progress, lease_token";

pub(super) fn run_list(
    db: &Connection,
    environment: &str,
    limit: u32,
    offset: u32,
) -> Result<Vec<RunRecord>, StoreError> {
    let mut statement = db.prepare_cached(&format!(
        "select {RUN_COLUMNS}
        from universe_run
        where environment = ?1
        order by run_number desc nulls first
        limit ?2
        offset ?3"
    ))?;
    let rows = statement.query_map(params![environment, limit, offset], run_record)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn run_find(db: &Connection, run_id: Uuid) -> Result<Option<RunRecord>, StoreError> {
    let mut statement = db.prepare_cached(&format!("select {RUN_COLUMNS} from universe_run where run_id = ?1"))?;
    Ok(statement.query_row([run_id.to_string()], run_record).optional()?)
}

pub(super) fn run_as_of(
    db: &Connection,
    environment: &str,
    session: Date,
    known_at: Option<Timestamp>,
) -> Result<Option<RunRecord>, StoreError> {
    let mut statement = db.prepare_cached(&format!(
        "select {RUN_COLUMNS}
        from universe_run
        where environment = ?1
            and run_number is not null
            and session <= ?2
            and dry_run = 0
            and status in ('completed', 'completed_with_errors', 'held')
        order by run_number desc"
    ))?;
    let mut rows = statement.query(params![environment, DayText::from(session)])?;
    while let Some(row) = rows.next()? {
        let run = run_record(row)?;
        // The texts of instants differ in length, and do not compare as the instants do.
        if known_at.is_none_or(|known_at| run.recorded_at() <= known_at) {
            return Ok(Some(run));
        }
    }
    Ok(None)
}

pub(super) fn run_count(db: &Connection, environment: &str) -> Result<u64, StoreError> {
    let mut statement = db.prepare_cached("select count(*) from universe_run where environment = ?1")?;
    Ok(statement.query_row([environment], |row| row.get::<_, Count>(0))?.0)
}

pub(super) fn run_statistics(
    db: &Connection,
    environment: &str,
    since: Timestamp,
) -> Result<RunStatistics, StoreError> {
    // The texts of instants differ in length; the part up to the second compares as the instants do.
    let mut statement = db.prepare_cached(
        "select status, created_at, started_at, finished_at
        from universe_run
        where environment = ?1 and substr(created_at, 1, 19) >= substr(?2, 1, 19)",
    )?;
    let mut rows = statement.query(params![environment, since.to_string()])?;
    let mut statistics = RunStatistics::default();
    let (mut seconds, mut ended) = (0.0, 0_u32);
    while let Some(row) = rows.next()? {
        if row.get::<_, Instant>(1)?.0 < since {
            continue;
        }
        statistics.total += 1;
        match row.get::<_, String>(0)?.as_str() {
            "completed" | "held" => statistics.successful += 1,
            "failed" | "completed_with_errors" => statistics.failed += 1,
            _ => {}
        }
        if let (Some(started_at), Some(finished_at)) = (instant(row, 2)?, instant(row, 3)?) {
            seconds += finished_at.duration_since(started_at).as_secs_f64();
            ended += 1;
        }
    }
    statistics.avg_duration_seconds = (ended > 0).then(|| seconds / f64::from(ended));
    Ok(statistics)
}

pub(super) fn run_order(db: &Connection, order: &RunOrder, events: &[Event]) -> Result<Ordered, StoreError> {
    let mut head = apply::head(db, &order.environment)?;
    let mut active = db.prepare_cached(
        "select run_id from universe_run where environment = ?1 and status in ('pending', 'running')",
    )?;
    if let Some(Id(run_id)) = active.query_row([&order.environment], |row| row.get(0)).optional()? {
        return Ok(Ordered::Busy { run_id });
    }
    apply::put_events(db, &order.environment, events, &order.created_at.to_string(), &mut head.event_number)?;
    put_run(db, &job_records::run_of_order(order), None)?;
    apply::count_head(db, &order.environment, &head)?;
    Ok(Ordered::Queued)
}

pub(super) fn run_claim(
    db: &Connection,
    environment: &str,
    holder: &str,
    now: Timestamp,
    ttl_seconds: i64,
    events_of: EventsOf,
) -> Result<Option<ClaimedRun>, StoreError> {
    let Some(mut run) = active_run(db, environment)?.filter(|run| run.status == "pending") else { return Ok(None) };
    let Some(token) = leases::take_anew(db, &run_lease(environment), holder, now, ttl_seconds)? else {
        return Ok(None);
    };
    let started_at = job_records::begin_run(&mut run, now);
    db.prepare_cached(
        "update universe_run
        set status = 'running', started_at = ?2, lease_token = ?3
        where run_id = ?1 and status = 'pending'",
    )?
    .execute(params![run.run_id.to_string(), started_at.to_string(), integer(token)])?;
    apply::append_events(db, environment, &events_of(&run), started_at)?;
    Ok(Some(job_records::claimed_run(run, started_at, token)))
}

/// Returns whether a pending run waits, without a place in the queue of writers.
pub(super) fn has_pending(db: &Connection, environment: &str) -> Result<bool, StoreError> {
    Ok(active_run(db, environment)?.is_some_and(|run| run.status == "pending"))
}

/// Returns whether a run has lost its process, without a place in the queue of writers.
pub(super) fn has_dead(db: &Connection, environment: &str, now: Timestamp) -> Result<bool, StoreError> {
    Ok(dead_run(db, environment, now)?.is_some())
}

pub(super) fn run_progress(
    db: &Connection,
    run_id: Uuid,
    token: u64,
    progress: &Value,
    events: &[Event],
    now: Timestamp,
    ttl_seconds: i64,
) -> Result<bool, StoreError> {
    let fenced = || StoreError::Fenced { run_id, token };
    let mut statement = db.prepare_cached(
        "update universe_run
        set progress = ?3
        where run_id = ?1 and status = 'running' and lease_token = ?2
        returning environment, cancel_requested",
    )?;
    let found = statement.query_row(params![run_id.to_string(), integer(token), progress.to_string()], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, bool>(1)?))
    });
    let (environment, cancel_requested) = found.optional()?.ok_or_else(fenced)?;
    if !leases::renew(db, &run_lease(&environment), token, now, ttl_seconds)? {
        return Err(fenced());
    }
    apply::append_events(db, &environment, events, now)?;
    Ok(cancel_requested)
}

pub(super) fn run_close(db: &Connection, run: &RunRecord, events: &[Event]) -> Result<(), StoreError> {
    let mut head = apply::head(db, &run.environment)?;
    head.run_number += 1;
    apply::put_events(db, &run.environment, events, &run.recorded_at().to_string(), &mut head.event_number)?;
    end_run(db, run, head.run_number)?;
    apply::count_head(db, &run.environment, &head)
}

pub(super) fn run_cancel(
    db: &Connection,
    run_id: Uuid,
    now: Timestamp,
    events_of: EventsOf,
) -> Result<Option<String>, StoreError> {
    let Some(mut run) = run_find(db, run_id)? else { return Ok(None) };
    match run.status.as_str() {
        "pending" => {
            job_records::cancel_waiting_run(&mut run, now);
            end_active(db, &run, &events_of(&run))?;
        }
        "running" => {
            db.prepare_cached("update universe_run set cancel_requested = 1 where run_id = ?1 and status = 'running'")?
                .execute([run_id.to_string()])?;
        }
        _ => {}
    }
    Ok(Some(run.status))
}

pub(super) fn run_reap(
    db: &Connection,
    environment: &str,
    now: Timestamp,
    events_of: EventsOf,
) -> Result<Vec<Uuid>, StoreError> {
    let Some(mut run) = dead_run(db, environment, now)? else { return Ok(Vec::new()) };
    job_records::fail_dead_run(&mut run, now);
    end_active(db, &run, &events_of(&run))?;
    if let Some(token) = run.lease_token {
        leases::lease_release(db, &run_lease(environment), token)?;
    }
    Ok(vec![run.run_id])
}

/// Refuses a run outside the queue while a claimed one is at work.
pub(super) fn refuse_beside_claimed(db: &Connection, environment: &str, now: Timestamp) -> Result<(), StoreError> {
    let mut statement = db.prepare_cached(
        "select r.run_id
        from universe_lease l
        join universe_run r on r.environment = ?2 and r.status = 'running' and r.lease_token = l.token
        where l.name = ?1 and l.holder is not null and l.expires_at > ?3",
    )?;
    let given = params![run_lease(environment), environment, leases::comparable(now)];
    match statement.query_row(given, |row| row.get::<_, Id>(0)).optional()? {
        Some(Id(run_id)) => Err(StoreError::Busy { run_id }),
        None => Ok(()),
    }
}

/// Records the end of a run under its number: a claimed one where it stands, any other one anew.
pub(super) fn end_run(db: &Connection, run: &RunRecord, number: i64) -> Result<(), StoreError> {
    let Some(token) = run.lease_token else { return put_run(db, run, Some(number)) };
    let name = run_lease(&run.environment);
    if !leases::is_held(db, &name, token)? || update_run(db, run, number, "running")? == 0 {
        return Err(StoreError::Fenced { run_id: run.run_id, token });
    }
    leases::lease_release(db, &name, token)
}

/// Brings an active run to its end from outside, with its events.
fn end_active(db: &Connection, run: &RunRecord, events: &[Event]) -> Result<(), StoreError> {
    let mut head = apply::head(db, &run.environment)?;
    head.run_number += 1;
    apply::put_events(db, &run.environment, events, &run.recorded_at().to_string(), &mut head.event_number)?;
    let from = if run.lease_token.is_some() { "running" } else { "pending" };
    let actual = update_run(db, run, head.run_number, from)? as u64;
    if actual != 1 {
        return Err(StoreError::RowsAffected { table: "run", expected: 1, actual });
    }
    apply::count_head(db, &run.environment, &head)
}

fn active_run(db: &Connection, environment: &str) -> Result<Option<RunRecord>, StoreError> {
    let mut statement = db.prepare_cached(&format!(
        "select {RUN_COLUMNS} from universe_run where environment = ?1 and status in ('pending', 'running')"
    ))?;
    Ok(statement.query_row([environment], run_record).optional()?)
}

/// Returns the run that runs without anybody holding its lease.
fn dead_run(db: &Connection, environment: &str, now: Timestamp) -> Result<Option<RunRecord>, StoreError> {
    let Some(run) = active_run(db, environment)?.filter(|run| run.status == "running") else { return Ok(None) };
    let is_alive = match run.lease_token {
        Some(token) => leases::is_alive(db, &run_lease(environment), token, now)?,
        None => false,
    };
    Ok((!is_alive).then_some(run))
}

/// Brings a row from one of the statuses that are not the end to another status.
fn update_run(db: &Connection, run: &RunRecord, number: i64, from: &str) -> Result<usize, StoreError> {
    let mut statement = db.prepare_cached(
        "update universe_run
        set run_number = ?2, session = ?3, status = ?4, started_at = ?5, finished_at = ?6, total_changes = ?7,
            universes_updated = ?8, task_results = ?9, alerts = ?10, held = ?11, error = ?12,
            cancel_requested = max(cancel_requested, ?13), progress = null
        where run_id = ?1 and status = ?14 and lease_token is ?15",
    )?;
    Ok(statement.execute(params![
        run.run_id.to_string(),
        number,
        run.session.map(DayText::from),
        run.status,
        run.started_at.map(|at| at.to_string()),
        run.finished_at.map(|at| at.to_string()),
        run.total_changes,
        Value::from(run.universes_updated.clone()).to_string(),
        run.task_results.to_string(),
        run.alerts.to_string(),
        run.held.to_string(),
        run.error,
        run.cancel_requested,
        from,
        run.lease_token.map(integer),
    ])?)
}

fn put_run(db: &Connection, run: &RunRecord, number: Option<i64>) -> Result<(), StoreError> {
    let mut statement = db.prepare_cached(
        "insert into universe_run (
            run_id, run_number, environment, mode, session, status, triggered_by, created_at, started_at, finished_at,
            total_changes, universes_updated, task_results, alerts, held, error, force, preserve, dry_run, approves,
            cancel_requested
        )
        values (
            ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21
        )",
    )?;
    statement.execute(params![
        run.run_id.to_string(),
        number,
        run.environment,
        run.mode.as_str(),
        run.session.map(DayText::from),
        run.status,
        run.triggered_by,
        run.created_at.to_string(),
        run.started_at.map(|at| at.to_string()),
        run.finished_at.map(|at| at.to_string()),
        run.total_changes,
        Value::from(run.universes_updated.clone()).to_string(),
        run.task_results.to_string(),
        run.alerts.to_string(),
        run.held.to_string(),
        run.error,
        run.force,
        run.preserve,
        run.dry_run,
        job_records::addresses(&run.approves).to_string(),
        run.cancel_requested,
    ])?;
    Ok(())
}

fn run_record(row: &Row<'_>) -> rusqlite::Result<RunRecord> {
    let mode = row.get_ref(2)?.as_str()?;
    let mode = Mode::from_spelling(mode)
        .ok_or_else(|| conversion(2, rusqlite::types::FromSqlError::Other(format!("{mode:?} is no mode").into())))?;
    let approves = texts(row.get::<_, Json>(18)?.0);
    Ok(RunRecord {
        run_id: row.get::<_, Id>(0)?.0,
        environment: row.get(1)?,
        mode,
        session: row.get::<_, Option<Day>>(3)?.map(|day| day.0),
        status: row.get(4)?,
        triggered_by: row.get(5)?,
        created_at: row.get::<_, Instant>(6)?.0,
        started_at: instant(row, 7)?,
        finished_at: instant(row, 8)?,
        total_changes: row.get(9)?,
        universes_updated: texts(row.get::<_, Json>(10)?.0),
        task_results: row.get::<_, Json>(11)?.0,
        alerts: row.get::<_, Json>(12)?.0,
        held: row.get::<_, Json>(13)?.0,
        error: row.get(14)?,
        force: row.get(15)?,
        preserve: row.get(16)?,
        dry_run: row.get(17)?,
        approves: approves.iter().filter_map(|text| answers::stored_address(text)).collect(),
        cancel_requested: row.get(19)?,
        progress: row.get::<_, Json>(20)?.0,
        lease_token: row.get::<_, Option<Count>>(21)?.map(|token| token.0),
    })
}

/// The numbers of an environment, as far as the jobs need them.
pub(super) fn head_version(db: &Connection, environment: &str) -> Result<u64, StoreError> {
    let mut statement = db.prepare_cached("select version from universe_head where environment = ?1")?;
    let version = statement.query_row([environment], |row| row.get::<_, Count>(0)).optional()?;
    Ok(version.map_or(0, |version| version.0))
}
