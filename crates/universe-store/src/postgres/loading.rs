//! Data-load jobs: ordered, claimed under a lease, carried out task by task, and brought to exactly one end.
//!
//! Rows are locked in one order: the head of the environment, its lease, its job, the tasks.

mod bars;
mod sql;

use async_trait::async_trait;
use deadpool_postgres::{GenericClient, Object, Transaction};
use jiff::Timestamp;
use tokio_postgres::Row;
use tokio_postgres::types::Json;
use universe_core::event::Event;
use universe_core::{Symbol, Timeframe};

use super::apply::{append_events, head_count, head_lock};
use super::failure::{ATTEMPTS_MAX, Failure};
use super::{PostgresStore, leases, retrying};
use crate::job_records::expiry;
use crate::loading_records::{data_load_of_order, fail_dead_data_load, progress_of, refused_data_load};
use crate::{
    ClaimedDataLoad, DATA_LOAD_ATTEMPTS_MAX, DATA_LOAD_ERRORS_MAX, DataLoadEnd, DataLoadFault, DataLoadOrder,
    DataLoadOrdered, DataLoadPart, DataLoadPlan, DataLoadRecord, DataLoadRequest, DataLoadStatus, DataLoadStore,
    DataLoadTask, DataLoadTaskStatus, EventsOfDataLoad, Loaded, StoreError, data_load_lease,
};

#[async_trait]
impl DataLoadStore for PostgresStore {
    async fn data_load_order(&self, order: &DataLoadOrder) -> Result<DataLoadOrdered, StoreError> {
        let (client, _) = self.ready().await?;
        Ok(put(&client, &data_load_of_order(order)).await?)
    }

    async fn data_load_refuse(
        &self,
        order: &DataLoadOrder,
        reason: &str,
        events: &[Event],
    ) -> Result<DataLoadOrdered, StoreError> {
        let (mut client, _) = self.ready().await?;
        retrying!(refuse(&mut client, order, reason, events))
    }

    async fn data_load_claim(
        &self,
        environment: &str,
        holder: &str,
        now: Timestamp,
        ttl_seconds: i64,
    ) -> Result<Option<ClaimedDataLoad>, StoreError> {
        let (mut client, _) = self.ready().await?;
        retrying!(claim(&mut client, environment, holder, now, ttl_seconds))
    }

    async fn data_load_plan(
        &self,
        job_id: &str,
        token: u64,
        wanted: &DataLoadPlan,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (mut client, _) = self.ready().await?;
        retrying!(plan(&mut client, job_id, token, wanted, now))
    }

    async fn data_load_progress(
        &self,
        job_id: &str,
        token: u64,
        now: Timestamp,
        ttl_seconds: i64,
    ) -> Result<DataLoadRecord, StoreError> {
        let (mut client, _) = self.ready().await?;
        retrying!(progress(&mut client, job_id, token, now, ttl_seconds))
    }

    async fn timed_bar_load(
        &self,
        job_id: &str,
        token: u64,
        parts: &[DataLoadPart],
        now: Timestamp,
    ) -> Result<Loaded, StoreError> {
        let (mut client, _) = self.ready().await?;
        retrying!(timed_bar_load(&mut client, job_id, token, parts, now))
    }

    async fn data_load_close(
        &self,
        job_id: &str,
        token: u64,
        end: &DataLoadEnd,
        now: Timestamp,
    ) -> Result<DataLoadRecord, StoreError> {
        let (mut client, _) = self.ready().await?;
        retrying!(close(&mut client, job_id, token, end, now))
    }

    async fn data_load_cancel(&self, job_id: &str, now: Timestamp) -> Result<Option<DataLoadStatus>, StoreError> {
        let (mut client, _) = self.ready().await?;
        retrying!(cancel(&mut client, job_id, now))
    }

    async fn data_load_reap(
        &self,
        environment: &str,
        now: Timestamp,
        events_of: EventsOfDataLoad,
    ) -> Result<Vec<String>, StoreError> {
        let (mut client, _) = self.ready().await?;
        retrying!(reap(&mut client, environment, now, events_of))
    }

    async fn data_load_find(&self, job_id: &str) -> Result<Option<DataLoadRecord>, StoreError> {
        let (client, _) = self.ready().await?;
        Ok(find(&client, job_id).await?)
    }

    async fn data_load_list(
        &self,
        environment: &str,
        limit: u32,
        offset: u32,
    ) -> Result<Vec<DataLoadRecord>, StoreError> {
        let (client, _) = self.ready().await?;
        Ok(list(&client, environment, limit, offset).await?)
    }

    async fn data_load_count(&self, environment: &str) -> Result<u64, StoreError> {
        let (client, _) = self.ready().await?;
        Ok(count(&client, environment).await?)
    }

    async fn data_load_changed(
        &self,
        environment: &str,
        since: Timestamp,
        limit: u32,
    ) -> Result<Vec<DataLoadRecord>, StoreError> {
        let (client, _) = self.ready().await?;
        Ok(changed(&client, environment, since, limit).await?)
    }

    async fn data_load_task_list(&self, job_id: &str) -> Result<Vec<DataLoadTask>, StoreError> {
        let (client, _) = self.ready().await?;
        Ok(task_list(&client, job_id).await?)
    }

    async fn data_load_prune(&self, environment: &str, finished_before: Timestamp) -> Result<u64, StoreError> {
        let (client, _) = self.ready().await?;
        Ok(prune(&client, environment, finished_before).await?)
    }

    async fn event_append(&self, environment: &str, events: &[Event], now: Timestamp) -> Result<(), StoreError> {
        let (mut client, _) = self.ready().await?;
        retrying!(event_append(&mut client, environment, events, now))
    }
}

async fn refuse(
    client: &mut Object,
    order: &DataLoadOrder,
    reason: &str,
    events: &[Event],
) -> Result<DataLoadOrdered, Failure> {
    let tx = client.transaction().await?;
    let head = head_lock(&tx, &order.environment).await?;
    let ordered = put(&tx, &refused_data_load(order, reason)).await?;
    if ordered == DataLoadOrdered::Queued {
        append_events(&tx, &order.environment, head.event_number, order.created_at, events).await?;
        head_count(&tx, &order.environment, &head, 0, events.len()).await?;
    }
    tx.commit().await?;
    Ok(ordered)
}

async fn claim(
    client: &mut Object,
    environment: &str,
    holder: &str,
    now: Timestamp,
    ttl_seconds: i64,
) -> Result<Option<ClaimedDataLoad>, Failure> {
    let lease = data_load_lease(environment);
    // Asked many times before there is one; reading stands in nobody's way.
    let statement = client.prepare_cached(sql::HAS_WAITING).await?;
    if !client.query_one(&statement, &[&environment, &lease, &now]).await?.get::<_, bool>(0) {
        return Ok(None);
    }
    let tx = client.transaction().await?;
    let Some(token) = leases::take_anew(&tx, &lease, holder, now, ttl_seconds).await? else { return Ok(None) };
    let statement = tx.prepare_cached(sql::NEXT).await?;
    // Without a job nothing is committed, and the lease stays free.
    let Some(row) = tx.query_opt(&statement, &[&environment]).await? else { return Ok(None) };
    let job_id: String = row.get(0);
    let statement = tx.prepare_cached(sql::BEGIN).await?;
    tx.execute(&statement, &[&job_id, &now, &token.cast_signed()]).await?;
    let job = found(&tx, &job_id).await?;
    tx.commit().await?;
    Ok(Some(ClaimedDataLoad { job, token }))
}

async fn plan(
    client: &mut Object,
    job_id: &str,
    token: u64,
    plan: &DataLoadPlan,
    now: Timestamp,
) -> Result<(), Failure> {
    let tx = client.transaction().await?;
    let statement = tx.prepare_cached(sql::PLAN).await?;
    let total = i32::try_from(plan.symbols.len()).unwrap_or(i32::MAX);
    let written = tx
        .execute(
            &statement,
            &[&job_id, &token.cast_signed(), &plan.message, &total, &plan.first_date, &plan.last_date, &now],
        )
        .await?;
    expect_held(written, job_id, token)?;
    let request = found(&tx, job_id).await?.order.request;
    if request.include_ohlcv {
        let symbols: Vec<&str> = plan.symbols.iter().map(Symbol::as_str).collect();
        let timeframes: Vec<&str> = request.timeframes.iter().map(|timeframe| timeframe.as_str()).collect();
        let statement = tx.prepare_cached(sql::PUT_TASKS).await?;
        tx.execute(&statement, &[&job_id, &symbols, &timeframes]).await?;
    }
    count_tasks(&tx, job_id).await?;
    tx.commit().await?;
    Ok(())
}

async fn progress(
    client: &mut Object,
    job_id: &str,
    token: u64,
    now: Timestamp,
    ttl_seconds: i64,
) -> Result<DataLoadRecord, Failure> {
    let tx = client.transaction().await?;
    let signed = token.cast_signed();
    let statement = tx.prepare_cached(sql::RENEW).await?;
    expect_held(tx.execute(&statement, &[&job_id, &signed, &expiry(now, ttl_seconds)]).await?, job_id, token)?;
    let statement = tx.prepare_cached(sql::TOUCH).await?;
    expect_held(tx.execute(&statement, &[&job_id, &signed, &now]).await?, job_id, token)?;
    count_tasks(&tx, job_id).await?;
    let job = found(&tx, job_id).await?;
    tx.commit().await?;
    Ok(job)
}

async fn timed_bar_load(
    client: &mut Object,
    job_id: &str,
    token: u64,
    parts: &[DataLoadPart],
    now: Timestamp,
) -> Result<Loaded, Failure> {
    let tasks = progress_of(parts);
    let has_end = tasks.iter().any(|task| task.end.stored().0 != "pending");
    let tx = client.transaction().await?;
    tx.batch_execute(super::load::LOADS_LOCK).await?;
    let statement = tx.prepare_cached(sql::ADVANCE).await?;
    expect_held(tx.execute(&statement, &[&job_id, &token.cast_signed(), &has_end, &now]).await?, job_id, token)?;
    let mut loaded = Loaded::default();
    for timeframe in Timeframe::ALL {
        bars::store(&tx, timeframe, parts, &mut loaded).await?;
    }
    let symbols: Vec<&str> = tasks.iter().map(|task| task.symbol.as_str()).collect();
    let timeframes: Vec<&str> = tasks.iter().map(|task| task.timeframe.as_str()).collect();
    let (statuses, errors): (Vec<&str>, Vec<Option<&str>>) = tasks.iter().map(|task| task.end.stored()).unzip();
    let through: Vec<_> = tasks.iter().map(|task| task.loaded_through).collect();
    let counts: Vec<i64> = tasks.iter().map(|task| task.bars).collect();
    let statement = tx.prepare_cached(sql::MARK).await?;
    let actual =
        tx.execute(&statement, &[&job_id, &symbols, &timeframes, &statuses, &errors, &through, &counts]).await?;
    let expected = tasks.len() as u64;
    if actual != expected {
        return Err(StoreError::RowsAffected { table: "data_load_task", expected, actual }.into());
    }
    tx.commit().await?;
    Ok(loaded)
}

async fn close(
    client: &mut Object,
    job_id: &str,
    token: u64,
    end: &DataLoadEnd,
    now: Timestamp,
) -> Result<DataLoadRecord, Failure> {
    let job = find(&*client, job_id).await?.ok_or_else(|| fenced(job_id, token))?;
    let environment = job.order.environment;
    let tx = client.transaction().await?;
    let head = head_lock(&tx, &environment).await?;
    if !leases::release(&tx, &data_load_lease(&environment), token).await? {
        return Err(fenced(job_id, token).into());
    }
    let statement = tx.prepare_cached(sql::END).await?;
    let status = end.status.as_str();
    let written = tx.execute(&statement, &[&job_id, &token.cast_signed(), &status, &end.message, &now]).await?;
    expect_held(written, job_id, token)?;
    count_tasks(&tx, job_id).await?;
    append_events(&tx, &environment, head.event_number, now, &end.events).await?;
    head_count(&tx, &environment, &head, 0, end.events.len()).await?;
    let job = found(&tx, job_id).await?;
    tx.commit().await?;
    Ok(job)
}

async fn cancel(client: &mut Object, job_id: &str, now: Timestamp) -> Result<Option<DataLoadStatus>, Failure> {
    let Some(found) = find(&*client, job_id).await? else { return Ok(None) };
    if found.status.is_over() {
        return Ok(Some(found.status));
    }
    let lease = data_load_lease(&found.order.environment);
    let tx = client.transaction().await?;
    // Under both locks nobody begins, renews or ends it.
    leases::lock(&tx, &lease).await?;
    let statement = tx.prepare_cached(sql::LOCK).await?;
    let row = tx.query_opt(&statement, &[&job_id]).await?;
    let Some(job) = row.as_ref().map(record).transpose()? else { return Ok(None) };
    let status = match (job.status, job.lease_token) {
        (DataLoadStatus::Running, Some(token)) => {
            let statement = tx.prepare_cached(sql::IS_ALIVE).await?;
            let is_alive = tx.query_one(&statement, &[&lease, &token.cast_signed(), &now]).await?.get::<_, bool>(0);
            if is_alive { DataLoadStatus::Running } else { DataLoadStatus::Cancelled }
        }
        (DataLoadStatus::Pending | DataLoadStatus::Running, _) => DataLoadStatus::Cancelled,
        (over, _) => return Ok(Some(over)),
    };
    let statement = if status == DataLoadStatus::Running { sql::CANCEL_REQUEST } else { sql::CANCEL };
    let statement = tx.prepare_cached(statement).await?;
    tx.execute(&statement, &[&job_id, &now]).await?;
    count_tasks(&tx, job_id).await?;
    tx.commit().await?;
    Ok(Some(status))
}

async fn reap(
    client: &mut Object,
    environment: &str,
    now: Timestamp,
    events_of: EventsOfDataLoad,
) -> Result<Vec<String>, Failure> {
    let lease = data_load_lease(environment);
    if dead(&*client, environment, &lease, now).await?.is_empty() {
        return Ok(Vec::new());
    }
    let tx = client.transaction().await?;
    let mut head = head_lock(&tx, environment).await?;
    // Locked, so that no process can renew it any more.
    leases::lock(&tx, &lease).await?;
    let jobs = dead(&tx, environment, &lease, now).await?;
    for job_id in &jobs {
        let mut job = found(&tx, job_id).await?;
        fail_dead_data_load(&mut job, now);
        let statement = tx.prepare_cached(sql::FAIL).await?;
        tx.execute(&statement, &[job_id, &job.message, &now]).await?;
        let events = events_of(&job);
        append_events(&tx, environment, head.event_number, now, &events).await?;
        head_count(&tx, environment, &head, 0, events.len()).await?;
        head = head_lock(&tx, environment).await?;
    }
    tx.commit().await?;
    Ok(jobs)
}

async fn find(client: &impl GenericClient, job_id: &str) -> Result<Option<DataLoadRecord>, Failure> {
    let statement = client.prepare_cached(sql::FIND).await?;
    client.query_opt(&statement, &[&job_id]).await?.as_ref().map(record).transpose()
}

async fn list(client: &Object, environment: &str, limit: u32, offset: u32) -> Result<Vec<DataLoadRecord>, Failure> {
    let statement = client.prepare_cached(sql::LIST).await?;
    let rows = client.query(&statement, &[&environment, &i64::from(limit), &i64::from(offset)]).await?;
    rows.iter().map(record).collect()
}

async fn count(client: &Object, environment: &str) -> Result<u64, Failure> {
    let statement = client.prepare_cached(sql::COUNT).await?;
    Ok(client.query_one(&statement, &[&environment]).await?.get::<_, i64>(0).cast_unsigned())
}

async fn changed(
    client: &Object,
    environment: &str,
    since: Timestamp,
    limit: u32,
) -> Result<Vec<DataLoadRecord>, Failure> {
    let statement = client.prepare_cached(sql::CHANGED).await?;
    let rows = client.query(&statement, &[&environment, &since, &i64::from(limit)]).await?;
    rows.iter().map(record).collect()
}

async fn task_list(client: &Object, job_id: &str) -> Result<Vec<DataLoadTask>, Failure> {
    let statement = client.prepare_cached(sql::TASK_LIST).await?;
    let rows = client.query(&statement, &[&job_id]).await?;
    let task = |row: &Row| {
        let status: &str = row.get(2);
        Ok(DataLoadTask {
            symbol: Symbol::from_stored(row.get(0)),
            timeframe: row.get::<_, &str>(1).parse().map_err(|error| damaged("data_load_task", &error))?,
            status: DataLoadTaskStatus::from_spelling(status)
                .ok_or_else(|| damaged("data_load_task", &format!("{status:?} is no status")))?,
            loaded_through: row.get(3),
            bars: row.get::<_, i64>(4).cast_unsigned(),
            error: row.get(5),
        })
    };
    rows.iter().map(task).collect()
}

async fn prune(client: &Object, environment: &str, finished_before: Timestamp) -> Result<u64, Failure> {
    let statement = client.prepare_cached(sql::PRUNE).await?;
    Ok(client.execute(&statement, &[&environment, &finished_before]).await?)
}

async fn event_append(client: &mut Object, environment: &str, events: &[Event], now: Timestamp) -> Result<(), Failure> {
    let tx = client.transaction().await?;
    let head = head_lock(&tx, environment).await?;
    append_events(&tx, environment, head.event_number, now, events).await?;
    head_count(&tx, environment, &head, 0, events.len()).await?;
    tx.commit().await?;
    Ok(())
}

async fn put(client: &impl GenericClient, job: &DataLoadRecord) -> Result<DataLoadOrdered, Failure> {
    let DataLoadOrder { job_id, environment, request, requested_by, created_at } = &job.order;
    let symbols: Vec<&str> = request.symbols.iter().map(Symbol::as_str).collect();
    let years = i32::try_from(request.years).unwrap_or(i32::MAX);
    let statement = client.prepare_cached(sql::PUT).await?;
    let written = client
        .execute(
            &statement,
            &[
                job_id,
                environment,
                &request.universe_key,
                &request.csv_file,
                &Json(symbols),
                &years,
                &Json(&request.timeframes),
                &request.include_ohlcv,
                requested_by,
                &job.status.as_str(),
                &job.message,
                created_at,
                &job.finished_at,
                &job.updated_at,
            ],
        )
        .await?;
    Ok(if written == 1 { DataLoadOrdered::Queued } else { DataLoadOrdered::Known })
}

/// Brings the counts of a job up to date with its tasks.
async fn count_tasks(tx: &Transaction<'_>, job_id: &str) -> Result<(), Failure> {
    let statement = tx.prepare_cached(sql::COUNT_TASKS).await?;
    let errors = i64::try_from(DATA_LOAD_ERRORS_MAX).unwrap_or(i64::MAX);
    tx.execute(&statement, &[&job_id, &errors]).await?;
    Ok(())
}

/// Returns the jobs that run without a process, and were begun too often without getting on.
async fn dead(
    client: &impl GenericClient,
    environment: &str,
    lease: &str,
    now: Timestamp,
) -> Result<Vec<String>, Failure> {
    let attempts = i32::try_from(DATA_LOAD_ATTEMPTS_MAX).unwrap_or(i32::MAX);
    let statement = client.prepare_cached(sql::DEAD).await?;
    let rows = client.query(&statement, &[&environment, &lease, &now, &attempts]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Returns a job that is there.
async fn found(client: &impl GenericClient, job_id: &str) -> Result<DataLoadRecord, Failure> {
    let missing = || damaged("data_load", &format!("there is no job {job_id}"));
    Ok(find(client, job_id).await?.ok_or_else(missing)?)
}

fn fenced(job_id: &str, token: u64) -> StoreError {
    StoreError::DataLoadFenced { job_id: job_id.to_owned(), token }
}

fn expect_held(written: u64, job_id: &str, token: u64) -> Result<(), StoreError> {
    if written == 1 { Ok(()) } else { Err(fenced(job_id, token)) }
}

fn damaged(table: &'static str, detail: &dyn std::fmt::Display) -> StoreError {
    StoreError::Inconsistent { table, detail: detail.to_string() }
}

fn record(row: &Row) -> Result<DataLoadRecord, Failure> {
    let status: &str = row.get(9);
    let count = |at: usize| u32::try_from(row.get::<_, i32>(at)).unwrap_or_default();
    let symbols = row.get::<_, Json<Vec<String>>>(4).0;
    let request = DataLoadRequest {
        universe_key: row.get(2),
        csv_file: row.get(3),
        symbols: symbols.iter().map(|text| Symbol::from_stored(text)).collect(),
        years: count(5),
        timeframes: row.get::<_, Json<Vec<Timeframe>>>(6).0,
        include_ohlcv: row.get(7),
    };
    let order = DataLoadOrder {
        job_id: row.get(0),
        environment: row.get(1),
        request,
        requested_by: row.get(8),
        created_at: row.get(20),
    };
    Ok(DataLoadRecord {
        order,
        status: DataLoadStatus::from_spelling(status)
            .ok_or_else(|| damaged("data_load", &format!("{status:?} is no status")))?,
        message: row.get(10),
        symbols_total: row.get::<_, Option<i32>>(11).and_then(|total| u32::try_from(total).ok()),
        symbols_done: count(12),
        tasks_total: count(13),
        tasks_done: count(14),
        bars: row.get::<_, i64>(15).cast_unsigned(),
        error_count: count(16),
        errors: row.get::<_, Json<Vec<DataLoadFault>>>(17).0,
        first_date: row.get(18),
        last_date: row.get(19),
        started_at: row.get(21),
        finished_at: row.get(22),
        updated_at: row.get(23),
        cancel_requested: row.get(24),
        attempts: count(25),
        lease_token: row.get::<_, Option<i64>>(26).map(i64::cast_unsigned),
    })
}
