//! The part of the store that is about data-load jobs.

use async_trait::async_trait;
use jiff::Timestamp;
use universe_core::event::Event;

use crate::{
    ClaimedDataLoad, DataLoadEnd, DataLoadOrder, DataLoadOrdered, DataLoadPart, DataLoadPlan, DataLoadRecord,
    DataLoadStatus, DataLoadTask, EventsOfDataLoad, Loaded, StoreError,
};

/// Data-load jobs, and the bars that they load.
///
/// As for the rest of a [`Store`](crate::Store), every method that writes does so in one transaction.
#[async_trait]
pub trait DataLoadStore: Send + Sync {
    /// Queues a job; the same id again changes nothing, whatever it asks for.
    ///
    /// # Errors
    /// When the database cannot be written.
    async fn data_load_order(&self, order: &DataLoadOrder) -> Result<DataLoadOrdered, StoreError>;

    /// Records a job that cannot be carried out as failed, with its events; unless there is one of that id.
    ///
    /// # Errors
    /// When the database cannot be written.
    async fn data_load_refuse(
        &self,
        order: &DataLoadOrder,
        reason: &str,
        events: &[Event],
    ) -> Result<DataLoadOrdered, StoreError>;

    /// Takes a job together with the lease `data_load:ENVIRONMENT`; `None` where there is none to take.
    ///
    /// One whose process died comes before those that wait, and goes on where it was. At most one caller gets
    /// it; until the lease expires nobody else claims a job of the environment.
    ///
    /// # Errors
    /// When the database cannot be written.
    async fn data_load_claim(
        &self,
        environment: &str,
        holder: &str,
        now: Timestamp,
        ttl_seconds: i64,
    ) -> Result<Option<ClaimedDataLoad>, StoreError>;

    /// Records whose bars a job loads, a task for each symbol and timeframe; tasks that are there stay.
    ///
    /// # Errors
    /// [`StoreError::DataLoadFenced`] when the job is not the caller's any more.
    async fn data_load_plan(
        &self,
        job_id: &str,
        token: u64,
        plan: &DataLoadPlan,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Counts what is done, keeps the lease for longer, and returns the job, which somebody may have cancelled.
    ///
    /// # Errors
    /// [`StoreError::DataLoadFenced`] when the job is not the caller's any more.
    async fn data_load_progress(
        &self,
        job_id: &str,
        token: u64,
        now: Timestamp,
        ttl_seconds: i64,
    ) -> Result<DataLoadRecord, StoreError>;

    /// Stores bars where they differ, and marks their tasks, in one transaction.
    ///
    /// A task that is marked as ended survives a crash with all of its bars, and nobody asks for them again.
    /// Daily bars are closes like any others: the next run sees them.
    ///
    /// # Errors
    /// [`StoreError::DataLoadFenced`] when the job is not the caller's any more,
    /// [`StoreError::RowsAffected`] when a task is not waiting; nothing is then written.
    async fn timed_bar_load(
        &self,
        job_id: &str,
        token: u64,
        parts: &[DataLoadPart],
        now: Timestamp,
    ) -> Result<Loaded, StoreError>;

    /// Brings a job to its end, with its events, and releases the lease; returns the job.
    ///
    /// # Errors
    /// [`StoreError::DataLoadFenced`] when the job is not the caller's any more.
    async fn data_load_close(
        &self,
        job_id: &str,
        token: u64,
        end: &DataLoadEnd,
        now: Timestamp,
    ) -> Result<DataLoadRecord, StoreError>;

    /// Cancels a job that waits or has lost its process, or asks one that is at work to stop; returns its status
    /// after that, `None` if unknown. One that is over stays as it is.
    ///
    /// # Errors
    /// When the database cannot be written.
    async fn data_load_cancel(&self, job_id: &str, now: Timestamp) -> Result<Option<DataLoadStatus>, StoreError>;

    /// Fails the jobs that took their process down
    /// [`DATA_LOAD_ATTEMPTS_MAX`](crate::DATA_LOAD_ATTEMPTS_MAX) times in a row, with the events that `events_of`
    /// makes; returns their ids.
    ///
    /// # Errors
    /// When the database cannot be written.
    async fn data_load_reap(
        &self,
        environment: &str,
        now: Timestamp,
        events_of: EventsOfDataLoad,
    ) -> Result<Vec<String>, StoreError>;

    /// Returns a job; `None` if unknown.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn data_load_find(&self, job_id: &str) -> Result<Option<DataLoadRecord>, StoreError>;

    /// Returns the newest jobs first, at most `limit` of them after skipping `offset`.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn data_load_list(
        &self,
        environment: &str,
        limit: u32,
        offset: u32,
    ) -> Result<Vec<DataLoadRecord>, StoreError>;

    /// Returns how many jobs an environment has, of every status.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn data_load_count(&self, environment: &str) -> Result<u64, StoreError>;

    /// Returns the jobs that changed at an instant or later, the last change first.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn data_load_changed(
        &self,
        environment: &str,
        since: Timestamp,
        limit: u32,
    ) -> Result<Vec<DataLoadRecord>, StoreError>;

    /// Returns the tasks of a job, in order of symbol and timeframe.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn data_load_task_list(&self, job_id: &str) -> Result<Vec<DataLoadTask>, StoreError>;

    /// Deletes the jobs that ended before an instant, with their tasks; returns how many. Their bars stay.
    ///
    /// # Errors
    /// When the database cannot be written.
    async fn data_load_prune(&self, environment: &str, finished_before: Timestamp) -> Result<u64, StoreError>;

    /// Writes events that belong to no run and no job.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when one of them is there already; none is then written.
    async fn event_append(&self, environment: &str, events: &[Event], now: Timestamp) -> Result<(), StoreError>;
}
