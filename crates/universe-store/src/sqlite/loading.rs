//! Data-load jobs: ordered, claimed under a lease, carried out task by task, and brought to exactly one end.

mod bars;
mod record;

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::Value;
use universe_core::event::Event;
use universe_core::{Symbol, Timeframe};

use record::{parsed, record};

use super::apply;
use super::leases::{self, comparable};
use super::values::{Count, DayText, day, integer, symbol};
use crate::loading_records::{data_load_of_order, fail_dead_data_load, progress_of, refused_data_load};
use crate::{
    ClaimedDataLoad, DATA_LOAD_ATTEMPTS_MAX, DATA_LOAD_ERRORS_MAX, DataLoadEnd, DataLoadFault, DataLoadOrder,
    DataLoadOrdered, DataLoadPart, DataLoadPlan, DataLoadRecord, DataLoadStatus, DataLoadStore, DataLoadTask,
    DataLoadTaskStatus, EventsOfDataLoad, Loaded, SqliteStore, StoreError, data_load_lease,
};

const COLUMNS: &str = "job_id, environment, universe_key, csv_file, symbols, years, timeframes, include_ohlcv, \
    requested_by, status, message, symbols_total, symbols_done, tasks_total, tasks_done, bars, error_count, errors, \
    first_date, last_date, created_at, started_at, finished_at, updated_at, cancel_requested, attempts, lease_token";

#[async_trait]
impl DataLoadStore for SqliteStore {
    async fn data_load_order(&self, order: &DataLoadOrder) -> Result<DataLoadOrdered, StoreError> {
        self.connections.write(|tx| put(tx, &data_load_of_order(order)))
    }

    async fn data_load_refuse(
        &self,
        order: &DataLoadOrder,
        reason: &str,
        events: &[Event],
    ) -> Result<DataLoadOrdered, StoreError> {
        self.connections.write(|tx| refuse(tx, order, reason, events))
    }

    async fn data_load_claim(
        &self,
        environment: &str,
        holder: &str,
        now: Timestamp,
        ttl_seconds: i64,
    ) -> Result<Option<ClaimedDataLoad>, StoreError> {
        // Asked many times before there is one; reading does not stand in the way of writers.
        if !self.connections.read(|db| has_waiting(db, environment, now))? {
            return Ok(None);
        }
        self.connections.write(|tx| claim(tx, environment, holder, now, ttl_seconds))
    }

    async fn data_load_plan(
        &self,
        job_id: &str,
        token: u64,
        wanted: &DataLoadPlan,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.connections.write(|tx| plan(tx, job_id, token, wanted, now))
    }

    async fn data_load_progress(
        &self,
        job_id: &str,
        token: u64,
        now: Timestamp,
        ttl_seconds: i64,
    ) -> Result<DataLoadRecord, StoreError> {
        self.connections.write(|tx| progress(tx, job_id, token, now, ttl_seconds))
    }

    async fn timed_bar_load(
        &self,
        job_id: &str,
        token: u64,
        parts: &[DataLoadPart],
        now: Timestamp,
    ) -> Result<Loaded, StoreError> {
        self.connections.write(|tx| timed_bar_load(tx, job_id, token, parts, now))
    }

    async fn data_load_close(
        &self,
        job_id: &str,
        token: u64,
        end: &DataLoadEnd,
        now: Timestamp,
    ) -> Result<DataLoadRecord, StoreError> {
        self.connections.write(|tx| close(tx, job_id, token, end, now))
    }

    async fn data_load_cancel(&self, job_id: &str, now: Timestamp) -> Result<Option<DataLoadStatus>, StoreError> {
        self.connections.write(|tx| cancel(tx, job_id, now))
    }

    async fn data_load_reap(
        &self,
        environment: &str,
        now: Timestamp,
        events_of: EventsOfDataLoad,
    ) -> Result<Vec<String>, StoreError> {
        if self.connections.read(|db| dead(db, environment, now))?.is_empty() {
            return Ok(Vec::new());
        }
        self.connections.write(|tx| reap(tx, environment, now, events_of))
    }

    async fn data_load_find(&self, job_id: &str) -> Result<Option<DataLoadRecord>, StoreError> {
        self.connections.read(|db| find(db, job_id))
    }

    async fn data_load_list(
        &self,
        environment: &str,
        limit: u32,
        offset: u32,
    ) -> Result<Vec<DataLoadRecord>, StoreError> {
        self.connections.read(|db| list(db, environment, limit, offset))
    }

    async fn data_load_count(&self, environment: &str) -> Result<u64, StoreError> {
        self.connections.read(|db| count(db, environment))
    }

    async fn data_load_changed(
        &self,
        environment: &str,
        since: Timestamp,
        limit: u32,
    ) -> Result<Vec<DataLoadRecord>, StoreError> {
        self.connections.read(|db| changed(db, environment, since, limit))
    }

    async fn data_load_task_list(&self, job_id: &str) -> Result<Vec<DataLoadTask>, StoreError> {
        self.connections.read(|db| task_list(db, job_id))
    }

    async fn data_load_prune(&self, environment: &str, finished_before: Timestamp) -> Result<u64, StoreError> {
        self.connections.write(|tx| prune(tx, environment, finished_before))
    }

    async fn event_append(&self, environment: &str, events: &[Event], now: Timestamp) -> Result<(), StoreError> {
        self.connections.write(|tx| append_events(tx, environment, events, now))
    }
}

fn refuse(
    db: &Connection,
    order: &DataLoadOrder,
    reason: &str,
    events: &[Event],
) -> Result<DataLoadOrdered, StoreError> {
    let ordered = put(db, &refused_data_load(order, reason))?;
    if ordered == DataLoadOrdered::Queued {
        append_events(db, &order.environment, events, order.created_at)?;
    }
    Ok(ordered)
}

/// Returns whether there is a job to take, without a place in the queue of writers.
fn has_waiting(db: &Connection, environment: &str, now: Timestamp) -> Result<bool, StoreError> {
    let mut statement = db.prepare_cached(
        "select exists (
            select 1 from universe_data_load where environment = ?1 and status in ('pending', 'running')
        ) and not exists (
            select 1 from universe_lease where name = ?2 and holder is not null and expires_at > ?3
        )",
    )?;
    let given = params![environment, data_load_lease(environment), comparable(now)];
    Ok(statement.query_row(given, |row| row.get(0))?)
}

fn claim(
    db: &Connection,
    environment: &str,
    holder: &str,
    now: Timestamp,
    ttl_seconds: i64,
) -> Result<Option<ClaimedDataLoad>, StoreError> {
    // One that runs while nobody holds the lease has lost its process: it comes first.
    let mut statement = db.prepare_cached(
        "select job_id
        from universe_data_load
        where environment = ?1 and status in ('pending', 'running')
        order by status desc, created_at, job_id
        limit 1",
    )?;
    let Some(job_id) = statement.query_row([environment], |row| row.get::<_, String>(0)).optional()? else {
        return Ok(None);
    };
    let Some(token) = leases::take_anew(db, &data_load_lease(environment), holder, now, ttl_seconds)? else {
        return Ok(None);
    };
    db.prepare_cached(
        "update universe_data_load
        set status = 'running', started_at = coalesce(started_at, ?2), updated_at = ?2, lease_token = ?3,
            attempts = attempts + 1, message = case when status = 'pending' then 'begins' else message end
        where job_id = ?1",
    )?
    .execute(params![job_id, comparable(now), integer(token)])?;
    Ok(Some(ClaimedDataLoad { job: found(db, &job_id)?, token }))
}

fn plan(db: &Connection, job_id: &str, token: u64, plan: &DataLoadPlan, now: Timestamp) -> Result<(), StoreError> {
    let mut statement = db.prepare_cached(
        "update universe_data_load
        set message = ?3, symbols_total = ?4, first_date = ?5, last_date = ?6, updated_at = ?7
        where job_id = ?1 and status = 'running' and lease_token = ?2",
    )?;
    let written = statement.execute(params![
        job_id,
        integer(token),
        plan.message,
        integer(plan.symbols.len() as u64),
        DayText::from(plan.first_date),
        DayText::from(plan.last_date),
        comparable(now),
    ])?;
    expect_held(written, job_id, token)?;
    let request = found(db, job_id)?.order.request;
    let timeframes = if request.include_ohlcv { request.timeframes } else { Vec::new() };
    let mut statement = db.prepare_cached(
        "insert into universe_data_load_task (job_id, symbol, timeframe) values (?1, ?2, ?3) on conflict do nothing",
    )?;
    for symbol in &plan.symbols {
        for timeframe in &timeframes {
            statement.execute(params![job_id, symbol.as_str(), timeframe.as_str()])?;
        }
    }
    count_tasks(db, job_id)
}

fn progress(
    db: &Connection,
    job_id: &str,
    token: u64,
    now: Timestamp,
    ttl_seconds: i64,
) -> Result<DataLoadRecord, StoreError> {
    let mut statement = db.prepare_cached(
        "update universe_data_load
        set updated_at = ?3
        where job_id = ?1 and status = 'running' and lease_token = ?2
        returning environment",
    )?;
    let given = params![job_id, integer(token), comparable(now)];
    let environment: Option<String> = statement.query_row(given, |row| row.get(0)).optional()?;
    let environment = environment.ok_or_else(|| fenced(job_id, token))?;
    if !leases::renew(db, &data_load_lease(&environment), token, now, ttl_seconds)? {
        return Err(fenced(job_id, token));
    }
    count_tasks(db, job_id)?;
    found(db, job_id)
}

fn timed_bar_load(
    db: &Connection,
    job_id: &str,
    token: u64,
    parts: &[DataLoadPart],
    now: Timestamp,
) -> Result<Loaded, StoreError> {
    let tasks = progress_of(parts);
    let has_end = tasks.iter().any(|task| task.end.stored().0 != "pending");
    let mut statement = db.prepare_cached(
        "update universe_data_load
        set attempts = case when ?3 then 0 else attempts end, updated_at = ?4
        where job_id = ?1 and status = 'running' and lease_token = ?2",
    )?;
    let written = statement.execute(params![job_id, integer(token), has_end, comparable(now)])?;
    expect_held(written, job_id, token)?;
    let mut loaded = Loaded::default();
    for timeframe in Timeframe::ALL {
        bars::store(db, timeframe, parts, &mut loaded)?;
    }
    let mut statement = db.prepare_cached(
        "update universe_data_load_task
        set status = ?4, error = ?5, loaded_through = coalesce(?6, loaded_through), bars = bars + ?7
        where job_id = ?1 and symbol = ?2 and timeframe = ?3 and status = 'pending'",
    )?;
    for task in &tasks {
        let (status, error) = task.end.stored();
        let through = task.loaded_through.map(DayText::from);
        let (symbol, timeframe) = (task.symbol.as_str(), task.timeframe.as_str());
        let actual = statement.execute(params![job_id, symbol, timeframe, status, error, through, task.bars])? as u64;
        if actual != 1 {
            return Err(StoreError::RowsAffected { table: "data_load_task", expected: 1, actual });
        }
    }
    Ok(loaded)
}

fn close(
    db: &Connection,
    job_id: &str,
    token: u64,
    end: &DataLoadEnd,
    now: Timestamp,
) -> Result<DataLoadRecord, StoreError> {
    let job = find(db, job_id)?.ok_or_else(|| fenced(job_id, token))?;
    let lease = data_load_lease(&job.order.environment);
    if !leases::is_held(db, &lease, token)? {
        return Err(fenced(job_id, token));
    }
    let mut statement = db.prepare_cached(
        "update universe_data_load
        set status = ?3, message = ?4, finished_at = ?5, updated_at = ?5
        where job_id = ?1 and status = 'running' and lease_token = ?2",
    )?;
    let written =
        statement.execute(params![job_id, integer(token), end.status.as_str(), end.message, comparable(now)])?;
    expect_held(written, job_id, token)?;
    count_tasks(db, job_id)?;
    leases::lease_release(db, &lease, token)?;
    append_events(db, &job.order.environment, &end.events, now)?;
    found(db, job_id)
}

fn cancel(db: &Connection, job_id: &str, now: Timestamp) -> Result<Option<DataLoadStatus>, StoreError> {
    let Some(job) = find(db, job_id)? else { return Ok(None) };
    let lease = data_load_lease(&job.order.environment);
    let is_alive = match (job.status, job.lease_token) {
        (DataLoadStatus::Running, Some(token)) => leases::is_alive(db, &lease, token, now)?,
        _ => false,
    };
    if job.status.is_over() {
        return Ok(Some(job.status));
    }
    if is_alive {
        db.prepare_cached("update universe_data_load set cancel_requested = 1, updated_at = ?2 where job_id = ?1")?
            .execute(params![job_id, comparable(now)])?;
        return Ok(Some(DataLoadStatus::Running));
    }
    db.prepare_cached(
        "update universe_data_load
        set status = 'cancelled', cancel_requested = 1, message = 'cancelled', finished_at = ?2, updated_at = ?2
        where job_id = ?1",
    )?
    .execute(params![job_id, comparable(now)])?;
    count_tasks(db, job_id)?;
    Ok(Some(DataLoadStatus::Cancelled))
}

fn reap(
    db: &Connection,
    environment: &str,
    now: Timestamp,
    events_of: EventsOfDataLoad,
) -> Result<Vec<String>, StoreError> {
    let mut reaped = Vec::new();
    for job_id in dead(db, environment, now)? {
        let mut job = found(db, &job_id)?;
        fail_dead_data_load(&mut job, now);
        db.prepare_cached(
            "update universe_data_load
            set status = 'failed', message = ?2, finished_at = ?3, updated_at = ?3
            where job_id = ?1 and status = 'running'",
        )?
        .execute(params![job_id, job.message, comparable(now)])?;
        append_events(db, environment, &events_of(&job), now)?;
        reaped.push(job_id);
    }
    Ok(reaped)
}

fn find(db: &Connection, job_id: &str) -> Result<Option<DataLoadRecord>, StoreError> {
    let mut statement = db.prepare_cached(&format!("select {COLUMNS} from universe_data_load where job_id = ?1"))?;
    Ok(statement.query_row([job_id], record).optional()?)
}

fn list(db: &Connection, environment: &str, limit: u32, offset: u32) -> Result<Vec<DataLoadRecord>, StoreError> {
    let mut statement = db.prepare_cached(&format!(
        "select {COLUMNS}
        from universe_data_load
        where environment = ?1
        order by created_at desc, job_id desc
        limit ?2
        offset ?3"
    ))?;
    let rows = statement.query_map(params![environment, limit, offset], record)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn count(db: &Connection, environment: &str) -> Result<u64, StoreError> {
    let mut statement = db.prepare_cached("select count(*) from universe_data_load where environment = ?1")?;
    Ok(statement.query_row([environment], |row| row.get::<_, Count>(0))?.0)
}

fn changed(
    db: &Connection,
    environment: &str,
    since: Timestamp,
    limit: u32,
) -> Result<Vec<DataLoadRecord>, StoreError> {
    let mut statement = db.prepare_cached(&format!(
        "select {COLUMNS}
        from universe_data_load
        where environment = ?1 and updated_at >= ?2
        order by updated_at desc, job_id
        limit ?3"
    ))?;
    let rows = statement.query_map(params![environment, comparable(since), limit], record)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn task_list(db: &Connection, job_id: &str) -> Result<Vec<DataLoadTask>, StoreError> {
    let mut statement = db.prepare_cached(
        "select symbol, timeframe, status, loaded_through, bars, error
        from universe_data_load_task
        where job_id = ?1
        order by symbol, timeframe",
    )?;
    let rows = statement.query_map([job_id], |row| {
        let status = row.get_ref(2)?.as_str()?;
        Ok(DataLoadTask {
            symbol: symbol(row, 0)?,
            timeframe: parsed(1, row.get_ref(1)?.as_str()?.parse())?,
            status: parsed(2, DataLoadTaskStatus::from_spelling(status).ok_or("no status of a task"))?,
            loaded_through: day(row, 3)?,
            bars: row.get::<_, Count>(4)?.0,
            error: row.get(5)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn prune(db: &Connection, environment: &str, finished_before: Timestamp) -> Result<u64, StoreError> {
    // Its tasks go with a job. One that has not ended has no instant to compare.
    let mut statement =
        db.prepare_cached("delete from universe_data_load where environment = ?1 and finished_at < ?2")?;
    Ok(statement.execute(params![environment, comparable(finished_before)])? as u64)
}

fn append_events(db: &Connection, environment: &str, events: &[Event], now: Timestamp) -> Result<(), StoreError> {
    if events.is_empty() {
        return Ok(());
    }
    let mut head = apply::head(db, environment)?;
    apply::put_events(db, environment, events, &now.to_string(), &mut head.event_number)?;
    apply::count_head(db, environment, &head)
}

/// Brings the counts of a job up to date with its tasks.
fn count_tasks(db: &Connection, job_id: &str) -> Result<(), StoreError> {
    let mut statement = db.prepare_cached(
        "select symbol, timeframe, error
        from universe_data_load_task
        where job_id = ?1 and status = 'failed'
        order by symbol, timeframe
        limit ?2",
    )?;
    let rows = statement.query_map(params![job_id, DATA_LOAD_ERRORS_MAX as i64], |row| {
        let message = row.get::<_, Option<String>>(2)?.unwrap_or_default();
        Ok(DataLoadFault { symbol: row.get(0)?, timeframe: row.get(1)?, message })
    })?;
    let errors: Vec<DataLoadFault> = rows.collect::<Result<_, _>>()?;
    let errors = serde_json::to_string(&errors).unwrap_or_else(|_| "[]".to_owned());
    db.prepare_cached(
        "update universe_data_load as j
        set tasks_total = t.total, tasks_done = t.done, error_count = t.failed, bars = t.bars,
            symbols_done = case
                when t.total > 0 then j.symbols_total - t.waiting
                when j.status = 'completed' then coalesce(j.symbols_total, 0)
                else 0
            end,
            errors = ?2
        from (
            select count(*) as total,
                count(*) filter (where status <> 'pending') as done,
                count(*) filter (where status = 'failed') as failed,
                count(distinct symbol) filter (where status = 'pending') as waiting,
                coalesce(sum(bars), 0) as bars
            from universe_data_load_task
            where job_id = ?1
        ) as t
        where j.job_id = ?1",
    )?
    .execute(params![job_id, errors])?;
    Ok(())
}

/// Returns the jobs that run without a process, and were begun too often without getting on.
fn dead(db: &Connection, environment: &str, now: Timestamp) -> Result<Vec<String>, StoreError> {
    let mut statement = db.prepare_cached(
        "select j.job_id
        from universe_data_load j
        where j.environment = ?1 and j.status = 'running' and j.attempts >= ?4
            and not exists (
                select 1
                from universe_lease l
                where l.name = ?2 and l.token = j.lease_token and l.holder is not null and l.expires_at > ?3
            )
        order by j.created_at, j.job_id",
    )?;
    let given = params![environment, data_load_lease(environment), comparable(now), DATA_LOAD_ATTEMPTS_MAX];
    let rows = statement.query_map(given, |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn put(db: &Connection, job: &DataLoadRecord) -> Result<DataLoadOrdered, StoreError> {
    let DataLoadOrder { job_id, environment, request, requested_by, created_at } = &job.order;
    let mut statement = db.prepare_cached(
        "insert into universe_data_load (
            job_id, environment, universe_key, csv_file, symbols, years, timeframes, include_ohlcv, requested_by,
            status, message, created_at, finished_at, updated_at
        )
        values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
        on conflict (job_id) do nothing",
    )?;
    let texts = |list: Vec<&str>| Value::from(list).to_string();
    let written = statement.execute(params![
        job_id,
        environment,
        request.universe_key,
        request.csv_file,
        texts(request.symbols.iter().map(Symbol::as_str).collect()),
        request.years,
        texts(request.timeframes.iter().map(|timeframe| timeframe.as_str()).collect()),
        request.include_ohlcv,
        requested_by,
        job.status.as_str(),
        job.message,
        comparable(*created_at),
        job.finished_at.map(comparable),
        comparable(job.updated_at),
    ])?;
    Ok(if written == 1 { DataLoadOrdered::Queued } else { DataLoadOrdered::Known })
}

/// Returns a job that is there.
fn found(db: &Connection, job_id: &str) -> Result<DataLoadRecord, StoreError> {
    let missing = || StoreError::Inconsistent { table: "data_load", detail: format!("there is no job {job_id}") };
    find(db, job_id)?.ok_or_else(missing)
}

fn fenced(job_id: &str, token: u64) -> StoreError {
    StoreError::DataLoadFenced { job_id: job_id.to_owned(), token }
}

fn expect_held(written: usize, job_id: &str, token: u64) -> Result<(), StoreError> {
    if written == 1 { Ok(()) } else { Err(fenced(job_id, token)) }
}
