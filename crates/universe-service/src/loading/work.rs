//! The worker of data-load jobs: takes one at a time and brings each of them to one end.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::civil::Date;
use jiff::{SignedDuration, Span, Timestamp};
use tokio::sync::watch;
use universe_core::Symbol;
use universe_core::event::event_of_data_load;
use universe_store::{
    ClaimedDataLoad, DataLoadEnd, DataLoadPart, DataLoadPlan, DataLoadRecord, DataLoadStatus, DataLoadTask,
    DataLoadTaskEnd, DataLoadTaskStatus, StoreError, data_load_lease,
};

use super::DataLoadSettings;
use super::fetch::{Fetched, fetch};
use super::selection::{SelectionError, known_symbols, make_known, select};
use crate::Daemon;
use crate::daemon::{is_stopped, pause};
use crate::scheduler::session_closed;

/// How often a job shows a sign of life, counts what is done, and hears that it is cancelled.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// How many bars are stored in one transaction, if so many are waiting: a fraction of a second of writing.
const BATCH_BARS_MAX: usize = 50_000;

/// How often a transaction is tried that the database could not take just then.
const STORE_ATTEMPTS_MAX: u32 = 8;

/// After so many tasks in a row that failed because the API was away, it is away.
const OUTAGES_MAX: usize = 20;

/// For how long a job is kept after its end.
const KEPT: SignedDuration = SignedDuration::from_hours(24 * 90);

/// How often jobs are looked at that have been kept for long enough.
const PRUNE_INTERVAL_SECONDS: i64 = 3_600;

/// Why a job is not carried out further.
enum Stop {
    /// It cannot be done; says why.
    Failed(String),
    /// Somebody asked for it to stop.
    Cancelled,
    /// The server stops: whoever comes next goes on with it.
    Released,
    /// It is another process's by now, or the database is away for too long: its lease expires.
    Lost(StoreError),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Lost(error)
    }
}

impl From<SelectionError> for Stop {
    fn from(error: SelectionError) -> Self {
        match error {
            SelectionError::Refused(reason) => Self::Failed(reason),
            SelectionError::Store(error) => Self::Lost(error),
        }
    }
}

/// Carries out jobs until the server stops; one that is at work then is left for the next server.
pub async fn load_data(daemon: &Daemon, settings: &DataLoadSettings, mut stop: watch::Receiver<bool>) {
    let mut pruned_at = None;
    while !is_stopped(&stop) {
        prune(daemon, &mut pruned_at).await;
        match load_data_once(daemon, settings, &stop).await {
            Ok(Some(_)) => {}
            Ok(None) => pause(settings.poll, Some(&daemon.data_load_ordered), &mut stop).await,
            Err(error) => {
                tracing::warn!(%error, "the queue of data-load jobs could not be read; it is tried again");
                pause(settings.poll, None, &mut stop).await;
            }
        }
    }
}

/// Deletes jobs that have been kept for long enough, now and then.
async fn prune(daemon: &Daemon, pruned_at: &mut Option<Timestamp>) {
    let now = daemon.ambient.now();
    let is_due = |at: Timestamp| now.duration_since(at).as_secs().abs() >= PRUNE_INTERVAL_SECONDS;
    if !pruned_at.is_none_or(is_due) {
        return;
    }
    *pruned_at = Some(now);
    let horizon = now.checked_sub(KEPT).unwrap_or(Timestamp::MIN);
    match daemon.store.data_load_prune(&daemon.environment, horizon).await {
        Ok(0) => {}
        Ok(count) => tracing::info!(count, "{count} data-load jobs that ended long ago were deleted"),
        Err(error) => tracing::debug!(%error, "old data-load jobs are deleted another time"),
    }
}

/// Carries out the job that is next; returns its id if there was one.
///
/// # Errors
/// When the queue cannot be read; a job that fails is no error here, but recorded.
pub async fn load_data_once(
    daemon: &Daemon,
    settings: &DataLoadSettings,
    stop: &watch::Receiver<bool>,
) -> Result<Option<String>, StoreError> {
    let (store, environment) = (&*daemon.store, daemon.environment.as_str());
    for job_id in store.data_load_reap(environment, daemon.ambient.now(), events_of_failed).await? {
        tracing::error!(job.id = job_id, "data-load job {job_id} kept taking its process down; it is given up");
        daemon.outbox_written.notify_one();
    }
    let now = daemon.ambient.now();
    let Some(claimed) = store.data_load_claim(environment, &daemon.holder, now, settings.lease_seconds).await? else {
        return Ok(None);
    };
    daemon.data_load_changed.notify_one();
    let job_id = claimed.job.order.job_id.clone();
    Work { daemon, settings, claimed }.carry_out(stop.clone()).await;
    daemon.data_load_changed.notify_one();
    Ok(Some(job_id))
}

/// A job at work.
struct Work<'a> {
    daemon: &'a Daemon,
    settings: &'a DataLoadSettings,
    claimed: ClaimedDataLoad,
}

impl Work<'_> {
    async fn carry_out(&self, mut stop: watch::Receiver<bool>) {
        let job_id = self.job_id();
        let attempt = self.claimed.job.attempts;
        tracing::info!(job.id = job_id, attempt, "data-load job {job_id} begins");
        let outcome = tokio::select! {
            outcome = self.run() => outcome,
            stopped = self.beat() => Err(stopped),
            _ = stop.wait_for(|stopped| *stopped) => Err(Stop::Released),
        };
        let end = match outcome {
            Ok(issues) => self.end_of_run(issues).await,
            Err(Stop::Failed(reason)) => Ok((DataLoadStatus::Failed, reason)),
            Err(Stop::Cancelled) => Ok((DataLoadStatus::Cancelled, "cancelled; what was loaded stays".to_owned())),
            Err(Stop::Released) => {
                tracing::info!(job.id = job_id, "data-load job {job_id} is left for the next server");
                let lease = data_load_lease(&self.daemon.environment);
                if let Err(error) = self.daemon.store.lease_release(&lease, self.claimed.token).await {
                    tracing::warn!(job.id = job_id, %error, "a lease was not given back; it expires by itself");
                }
                return;
            }
            Err(Stop::Lost(error)) => Err(error),
        };
        let closed = match end {
            Ok((status, message)) => self.close(status, message).await,
            Err(error) => Err(error),
        };
        match closed {
            Ok(job) => {
                tracing::info!(
                    job.id = job_id,
                    status = job.status.as_str(),
                    "data-load job {job_id}: {}",
                    job.message
                );
            }
            Err(error) => {
                tracing::error!(job.id = job_id, %error, "data-load job {job_id} was abandoned; it is taken up again");
            }
        }
    }

    /// Loads everything that is left; returns how many bars could not be.
    async fn run(&self) -> Result<usize, Stop> {
        let job = &self.claimed.job;
        let dates = match (job.first_date, job.last_date) {
            (Some(first), Some(last)) => (first, last),
            _ => self.plan().await?,
        };
        let tasks = self.daemon.store.data_load_task_list(self.job_id()).await?;
        let left: Vec<_> = tasks.into_iter().filter(|task| task.status == DataLoadTaskStatus::Pending).collect();
        if left.is_empty() {
            return Ok(0);
        }
        let client = self.settings.client.as_ref().map_err(|reason| Stop::Failed(reason.clone()))?;
        let mut wanted: BTreeSet<Symbol> = left.iter().map(|task| task.symbol.clone()).collect();
        for symbol in known_symbols(self.daemon).await? {
            wanted.remove(&symbol);
        }
        let mut unknown = wanted;
        let (_askers, mut fetched) = fetch(client, left, dates, self.settings.concurrency);
        let (mut issues, mut outages) = (0, 0);
        while let Some(first) = fetched.recv().await {
            let mut batch = Vec::new();
            let mut next = Some(first);
            let mut bars = 0;
            while let Some(answer) = next {
                match answer {
                    Fetched::Part { part, issues: left_out, is_outage } => {
                        bars += part.bars.len();
                        issues += left_out;
                        outages = if is_outage { outages + 1 } else { 0 };
                        batch.push(part);
                    }
                    Fetched::Refused(reason) => {
                        self.store(&batch, &mut unknown).await?;
                        return Err(Stop::Failed(reason));
                    }
                }
                next = if bars < BATCH_BARS_MAX { fetched.try_recv().ok() } else { None };
            }
            self.store(&batch, &mut unknown).await?;
            if outages >= OUTAGES_MAX {
                let reason = batch.iter().rev().find_map(|part| match &part.end {
                    DataLoadTaskEnd::Failed(reason) => Some(reason.as_str()),
                    DataLoadTaskEnd::Continued | DataLoadTaskEnd::Completed => None,
                });
                let reason = reason.unwrap_or("it does not answer");
                return Err(Stop::Failed(format!("given up after {outages} tasks without an answer: {reason}")));
            }
        }
        Ok(issues)
    }

    /// Finds out whose bars are loaded, and of which days.
    async fn plan(&self) -> Result<(Date, Date), Stop> {
        let request = &self.claimed.job.order.request;
        let selection = select(self.daemon, self.settings, request).await?;
        let now = self.daemon.ambient.now();
        // The session of today has no close before it is over.
        let last_date = session_closed(now);
        let first_date = last_date.saturating_sub(Span::new().years(i64::from(request.years)));
        let count = selection.symbols.len();
        let message = if request.include_ohlcv {
            let timeframes: Vec<&str> = request.timeframes.iter().map(|timeframe| timeframe.as_str()).collect();
            format!(
                "loading {} bars of {count} symbols ({}), {first_date} to {last_date}",
                timeframes.join(", "),
                selection.source
            )
        } else {
            let known = known_symbols(self.daemon).await?;
            let unknown: Vec<Symbol> =
                selection.symbols.iter().filter(|symbol| known.binary_search(symbol).is_err()).cloned().collect();
            make_known(self.daemon, self.job_id(), &unknown).await?;
            format!("{count} symbols ({}), {} of them new", selection.source, unknown.len())
        };
        let plan = DataLoadPlan { message, symbols: selection.symbols, first_date, last_date };
        self.daemon.store.data_load_plan(self.job_id(), self.claimed.token, &plan, now).await?;
        self.daemon.data_load_changed.notify_one();
        Ok((first_date, last_date))
    }

    /// Stores a batch; where the database refuses it, the parts one by one, so that only the bad ones fail.
    async fn store(&self, batch: &[DataLoadPart], unknown: &mut BTreeSet<Symbol>) -> Result<(), Stop> {
        if batch.is_empty() {
            return Ok(());
        }
        let new: BTreeSet<Symbol> = batch
            .iter()
            .filter(|part| !part.bars.is_empty() && unknown.contains(&part.symbol))
            .map(|part| part.symbol.clone())
            .collect();
        if !new.is_empty() {
            let new: Vec<Symbol> = new.into_iter().collect();
            make_known(self.daemon, self.job_id(), &new).await?;
            unknown.retain(|symbol| !new.contains(symbol));
        }
        match self.try_store(batch).await {
            Ok(()) => return Ok(()),
            Err(error @ StoreError::DataLoadFenced { .. }) => return Err(error.into()),
            Err(error) if error.is_transient() => return Err(error.into()),
            Err(error) => {
                tracing::warn!(job.id = self.job_id(), %error, "a batch was refused; its parts are stored one by one");
            }
        }
        for part in batch {
            let refused = match self.try_store(std::slice::from_ref(part)).await {
                Ok(()) => continue,
                Err(error @ StoreError::DataLoadFenced { .. }) => return Err(error.into()),
                Err(error) if error.is_transient() => return Err(error.into()),
                Err(error) => format!("the bars could not be stored: {error}"),
            };
            let failed = DataLoadPart { bars: Vec::new(), end: DataLoadTaskEnd::Failed(refused), ..part.clone() };
            self.try_store(&[failed]).await?;
        }
        Ok(())
    }

    /// Stores parts, and again while the database is away.
    async fn try_store(&self, parts: &[DataLoadPart]) -> Result<(), StoreError> {
        let mut attempt = 1;
        loop {
            let now = self.daemon.ambient.now();
            match self.daemon.store.timed_bar_load(self.job_id(), self.claimed.token, parts, now).await {
                Ok(_) => return Ok(()),
                Err(error) if error.is_transient() && attempt < STORE_ATTEMPTS_MAX => {
                    tracing::warn!(job.id = self.job_id(), attempt, %error, "bars wait for the database");
                    tokio::time::sleep(Duration::from_millis(250) * attempt).await;
                    attempt += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Returns how a job ends that did everything.
    async fn end_of_run(&self, issues: usize) -> Result<(DataLoadStatus, String), StoreError> {
        let job = self.progress().await?;
        let symbols = job.symbols_total.unwrap_or_default();
        if job.tasks_total == 0 {
            return Ok((DataLoadStatus::Completed, job.message));
        }
        let mut message = format!("{} bars of {symbols} symbols", job.bars);
        if issues > 0 {
            message.push_str(&format!(", {issues} left out because they cannot be"));
        }
        let tasks = self.daemon.store.data_load_task_list(self.job_id()).await?;
        let is_empty = |task: &&DataLoadTask| task.status == DataLoadTaskStatus::Completed && task.bars == 0;
        match tasks.iter().filter(is_empty).count() {
            0 => {}
            empty => message.push_str(&format!(", no bars at all for {empty} of {} tasks", job.tasks_total)),
        }
        let first = job.errors.first();
        let first = first.map(|fault| format!("{} {}: {}", fault.symbol, fault.timeframe, fault.message));
        if let Some(first) = first {
            message.push_str(&format!("; {} of {} tasks failed, the first {first}", job.error_count, job.tasks_total));
        }
        let status = match job.error_count {
            0 => DataLoadStatus::Completed,
            failed if failed == job.tasks_total => DataLoadStatus::Failed,
            _ => DataLoadStatus::CompletedWithErrors,
        };
        Ok((status, message))
    }

    /// Records the end; when the database stays away, the lease expires and somebody else does.
    async fn close(&self, status: DataLoadStatus, message: String) -> Result<DataLoadRecord, StoreError> {
        let now = self.daemon.ambient.now();
        let end = DataLoadEnd { status, events: events_of_end(self.job_id(), status, &message, now), message };
        let mut attempt = 1;
        loop {
            match self.daemon.store.data_load_close(self.job_id(), self.claimed.token, &end, now).await {
                Ok(job) => {
                    self.daemon.outbox_written.notify_one();
                    return Ok(job);
                }
                Err(error) if error.is_transient() && attempt < STORE_ATTEMPTS_MAX => {
                    tokio::time::sleep(Duration::from_millis(250) * attempt).await;
                    attempt += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Shows a sign of life again and again; returns when there is a reason to stop.
    async fn beat(&self) -> Stop {
        loop {
            tokio::time::sleep(HEARTBEAT).await;
            match self.progress().await {
                Ok(job) if job.cancel_requested => return Stop::Cancelled,
                Ok(_) => {}
                Err(error @ StoreError::DataLoadFenced { .. }) => return Stop::Lost(error),
                Err(error) => tracing::warn!(job.id = self.job_id(), %error, "a sign of life could not be written"),
            }
        }
    }

    async fn progress(&self) -> Result<DataLoadRecord, StoreError> {
        let now = self.daemon.ambient.now();
        let lease_seconds = self.settings.lease_seconds;
        let job = self.daemon.store.data_load_progress(self.job_id(), self.claimed.token, now, lease_seconds).await?;
        self.daemon.data_load_changed.notify_one();
        Ok(job)
    }

    fn job_id(&self) -> &str {
        &self.claimed.job.order.job_id
    }
}

/// Returns the events of a job that its store brought to its end.
fn events_of_failed(job: &DataLoadRecord) -> Vec<universe_core::event::Event> {
    events_of_end(&job.order.job_id, job.status, &job.message, job.updated_at)
}

fn events_of_end(
    job_id: &str,
    status: DataLoadStatus,
    message: &str,
    at: Timestamp,
) -> Vec<universe_core::event::Event> {
    let severity = match status {
        DataLoadStatus::Failed => "error",
        DataLoadStatus::CompletedWithErrors => "warning",
        DataLoadStatus::Pending | DataLoadStatus::Running | DataLoadStatus::Completed | DataLoadStatus::Cancelled => {
            return Vec::new();
        }
    };
    let text = format!("data-load job {job_id}: {message}");
    vec![event_of_data_load(&format!("{job_id}/{}", status.as_str()), Some(job_id), severity, &text, at)]
}
