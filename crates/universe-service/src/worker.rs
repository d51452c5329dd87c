//! The worker: takes runs from the queue, one at a time, and brings each of them to one end.
//!
//! A run is this process's for as long as it renews the lease of its environment, and whatever it writes
//! is refused after that. When the process dies, whoever comes next finds the run without a lease, marks
//! it as failed, and begins the next one from what is stored: nothing of a dead run is in there.

use std::error::Error;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use tokio::sync::watch;
use universe_core::event::{Event, events_of_step, progress};
use universe_core::plan::{Alert, Step};
use universe_store::{ClaimedRun, RunRecord, StoreError};
use uuid::Uuid;

use crate::alerts::publication;
use crate::daemon::{is_stopped, pause};
use crate::order::{events_of_begun, events_of_cancelled, events_of_failed};
use crate::sync::{Watch, claimed_run, facts_of_run, sync_claimed};
use crate::{Daemon, SyncError};

/// How often the end of a run is written again when the database cannot be reached; then its lease expires.
const CLOSE_ATTEMPTS_MAX: u32 = 5;

/// How a worker keeps time.
#[derive(Clone, Copy, Debug)]
pub struct WorkerSettings {
    /// For how long nobody else takes a run after its last sign of life.
    pub lease_seconds: i64,
    /// How often the queue is looked at; an order in the same process is seen at once.
    pub poll: Duration,
}

impl WorkerSettings {
    /// What a server uses: a dead process is found within half a minute.
    pub const STANDARD: Self = Self { lease_seconds: 30, poll: Duration::from_millis(500) };
}

/// Carries out runs until the server stops; one that is at work then is finished first.
pub async fn work(daemon: &Daemon, settings: WorkerSettings, mut stop: watch::Receiver<bool>) {
    while !is_stopped(&stop) {
        match work_once(daemon, settings).await {
            Ok(Some(_)) => {}
            Ok(None) => pause(settings.poll, Some(&daemon.run_ordered), &mut stop).await,
            Err(error) => {
                tracing::warn!(%error, "the queue of runs could not be read; it is tried again");
                pause(settings.poll, None, &mut stop).await;
            }
        }
    }
}

/// Marks runs whose process died, and carries out the run that waits; returns its id if there was one.
///
/// # Errors
/// When the queue cannot be read; a run that fails is no error here, but recorded.
pub async fn work_once(daemon: &Daemon, settings: WorkerSettings) -> Result<Option<Uuid>, StoreError> {
    let (store, environment) = (&*daemon.store, daemon.environment.as_str());
    let now = daemon.ambient.now();
    for run_id in store.run_reap(environment, now, events_of_failed).await? {
        tracing::error!(run.id = %run_id, "the process of a run died; the run is marked as failed");
        daemon.outbox_written.notify_one();
    }
    let now = daemon.ambient.now();
    let claimed = store.run_claim(environment, &daemon.holder, now, settings.lease_seconds, events_of_begun).await?;
    let Some(claimed) = claimed else { return Ok(None) };
    daemon.outbox_written.notify_one();
    carry_out(daemon, settings, &claimed).await;
    daemon.outbox_written.notify_one();
    Ok(Some(claimed.order.run_id))
}

async fn carry_out(daemon: &Daemon, settings: WorkerSettings, claimed: &ClaimedRun) {
    let run_id = claimed.order.run_id;
    tracing::info!(run.id = %run_id, mode = claimed.order.mode.as_str(), "run {run_id} begins");
    let standing = Standing { progress: progress(Step::ALL[0], 0), steps_told: 0 };
    let keeper = Keeper { daemon, settings, claimed, standing: Mutex::new(standing) };
    let outcome = tokio::select! {
        outcome = keeper.run() => outcome,
        lost = keeper.beat() => Err(lost),
    };
    match outcome {
        Ok(status) => tracing::info!(run.id = %run_id, status, "run {run_id} ended: {status}"),
        Err(SyncError::Lost(error) | SyncError::Apply(error @ StoreError::Fenced { .. })) => {
            tracing::error!(run.id = %run_id, %error, "run {run_id} was abandoned; nothing of it was written");
        }
        Err(SyncError::Cancelled) => {
            tracing::info!(run.id = %run_id, "run {run_id} was cancelled");
            close(daemon, claimed, "cancelled", None).await;
        }
        Err(error) => {
            let error = chain(&error);
            tracing::error!(run.id = %run_id, error, "run {run_id} failed");
            close(daemon, claimed, "failed", Some(error)).await;
        }
    }
}

/// Records the end of a run that changed nothing.
async fn close(daemon: &Daemon, claimed: &ClaimedRun, status: &str, error: Option<String>) {
    let mut run = claimed_run(claimed, claimed.order.session);
    run.status = status.to_owned();
    run.error = error;
    run.finished_at = Some(daemon.ambient.now().max(claimed.started_at));
    let events = if status == "cancelled" { events_of_cancelled(&run) } else { events_of_failed(&run) };
    for attempt in 1..=CLOSE_ATTEMPTS_MAX {
        match daemon.store.run_close(&run, &events).await {
            Ok(()) => return,
            Err(error) if error.is_transient() && attempt < CLOSE_ATTEMPTS_MAX => {
                tokio::time::sleep(Duration::from_millis(500) * attempt).await;
            }
            Err(error) => {
                tracing::warn!(run.id = %run.run_id, %error, "the end of a run could not be recorded");
                return;
            }
        }
    }
}

/// Keeps the lease of a run while it is at work, and listens for its cancellation.
struct Keeper<'a> {
    daemon: &'a Daemon,
    settings: WorkerSettings,
    claimed: &'a ClaimedRun,
    standing: Mutex<Standing>,
}

/// How far a run is, and what was told of that.
struct Standing {
    progress: Value,
    /// A run that has to plan again takes its steps once more, and tells them once.
    steps_told: usize,
}

impl Keeper<'_> {
    async fn run(&self) -> Result<String, SyncError> {
        let (store, ambient) = (&*self.daemon.store, &*self.daemon.ambient);
        let rules = self.daemon.rules.rules(store).await.map_err(SyncError::Rules)?;
        let outcome = sync_claimed(store, &rules, self.claimed, ambient, self).await?;
        for remark in &outcome.remarks {
            tracing::warn!(run.id = %self.claimed.order.run_id, "{remark}");
        }
        Ok(outcome.run.status)
    }

    /// Renews the lease three times in its life; returns only when it is lost.
    async fn beat(&self) -> SyncError {
        let third = Duration::from_secs(self.settings.lease_seconds.unsigned_abs()) / 3;
        loop {
            tokio::time::sleep(third).await;
            // A cancellation is heard before the next step: within a step there is nothing to stop.
            if let Err(error) = self.renew(&[]).await {
                return error;
            }
        }
    }

    /// Returns whether somebody asked for the run to stop.
    async fn renew(&self, events: &[Event]) -> Result<bool, SyncError> {
        let progress = self.standing().progress.clone();
        let (run_id, token) = (self.claimed.order.run_id, self.claimed.token);
        let now = self.daemon.ambient.now();
        let lease_seconds = self.settings.lease_seconds;
        match self.daemon.store.run_progress(run_id, token, &progress, events, now, lease_seconds).await {
            Ok(is_cancelled) => {
                if !events.is_empty() {
                    self.daemon.outbox_written.notify_one();
                }
                Ok(is_cancelled)
            }
            Err(error @ StoreError::Fenced { .. }) => Err(SyncError::Lost(error)),
            Err(error) => {
                // Whether it was written all the same is not known: its steps are not told again.
                tracing::warn!(run.id = %run_id, %error, "a sign of life could not be written");
                Ok(false)
            }
        }
    }

    /// Returns the events of the steps that were taken since the last ones were told.
    fn events_of_steps(&self, done: usize) -> Vec<Event> {
        let told = {
            let mut standing = self.standing();
            let told = standing.steps_told;
            standing.steps_told = told.max(done);
            told
        };
        if self.claimed.order.dry_run || done <= told {
            return Vec::new();
        }
        let run = RunRecord {
            finished_at: Some(self.daemon.ambient.now().max(self.claimed.started_at)),
            ..claimed_run(self.claimed, self.claimed.order.session)
        };
        let facts = facts_of_run(&run);
        (told..done).flat_map(|before| events_of_step(&facts, Step::ALL[before], before + 1)).collect()
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Watch for Keeper<'_> {
    async fn before(&self, step: Option<Step>, done: usize) -> Result<(), SyncError> {
        let step = step.unwrap_or(Step::ALL[Step::ALL.len() - 1]);
        self.standing().progress = progress(step, done);
        if self.renew(&self.events_of_steps(done)).await? { Err(SyncError::Cancelled) } else { Ok(()) }
    }

    async fn alerts(&self) -> Vec<Alert> {
        let span = self.daemon.store.outbox_span(&self.daemon.environment).await.unwrap_or_default();
        let late = publication(self.daemon, span);
        late.map(|late| Alert { alert: late.alert, universe: None, message: late.message }).into_iter().collect()
    }
}

/// Says an error with its causes.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
