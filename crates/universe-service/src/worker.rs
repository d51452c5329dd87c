//! The worker: takes runs from the queue, one at a time, and brings each of them to one end.
//!
//! A run is this process's for as long as it renews the lease of its environment, and whatever it writes
//! is refused after that. When the process dies, whoever comes next finds the run without a lease, marks
//! it as failed, and begins the next one from what is stored: nothing of a dead run is in there.

use std::error::Error;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::sync::watch;
use universe_core::event::PHASE;
use universe_core::plan::{Alert, AlertKind, Step};
use universe_store::{ClaimedRun, StoreError};
use uuid::Uuid;

use crate::daemon::{is_stopped, pause};
use crate::order::{events_of_cancelled, events_of_failed};
use crate::sync::{Watch, claimed_run, sync_claimed};
use crate::{Daemon, RelayState, SyncError};

/// How often the end of a run is written again when the database cannot be reached; then its lease expires.
const CLOSE_ATTEMPTS_MAX: u32 = 5;

/// Events that wait longer than this for publication raise an alert with the next run.
const UNPUBLISHED_ALERT_SECONDS: i64 = 300;

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
    // Read anew, for that took a while: a run does not begin before it was ordered.
    let now = daemon.ambient.now();
    let claimed = store.run_claim(environment, &daemon.holder, now, settings.lease_seconds).await?;
    let Some(claimed) = claimed else { return Ok(None) };
    carry_out(daemon, settings, &claimed).await;
    daemon.outbox_written.notify_one();
    Ok(Some(claimed.order.run_id))
}

async fn carry_out(daemon: &Daemon, settings: WorkerSettings, claimed: &ClaimedRun) {
    let run_id = claimed.order.run_id;
    tracing::info!(run.id = %run_id, mode = claimed.order.mode.as_str(), "run {run_id} begins");
    let keeper = Keeper { daemon, settings, claimed, progress: Mutex::new(progress(None, 0)) };
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
    run.finished_at = Some(daemon.ambient.now());
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
    progress: Mutex<Value>,
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
            if let Err(error) = self.renew().await {
                return error;
            }
        }
    }

    /// Returns whether somebody asked for the run to stop.
    async fn renew(&self) -> Result<bool, SyncError> {
        let progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (run_id, token) = (self.claimed.order.run_id, self.claimed.token);
        let now = self.daemon.ambient.now();
        match self.daemon.store.run_progress(run_id, token, &progress, now, self.settings.lease_seconds).await {
            Ok(is_cancelled) => Ok(is_cancelled),
            Err(error @ StoreError::Fenced { .. }) => Err(SyncError::Lost(error)),
            Err(error) => {
                tracing::warn!(run.id = %run_id, %error, "a sign of life could not be written");
                Ok(false)
            }
        }
    }
}

#[async_trait]
impl Watch for Keeper<'_> {
    async fn before(&self, step: Option<Step>, done: usize) -> Result<(), SyncError> {
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner) = progress(step, done);
        if self.renew().await? { Err(SyncError::Cancelled) } else { Ok(()) }
    }

    async fn alerts(&self) -> Vec<Alert> {
        if self.daemon.relay_state() == RelayState::Off {
            return Vec::new();
        }
        let Ok(Some(span)) = self.daemon.store.outbox_span(&self.daemon.environment).await else { return Vec::new() };
        let Some(since) = span.unpublished_since else { return Vec::new() };
        if self.daemon.ambient.now().duration_since(since).as_secs() <= UNPUBLISHED_ALERT_SECONDS {
            return Vec::new();
        }
        let message = format!("{} events have been waiting for Redis, the oldest since {since}", span.unpublished);
        vec![Alert { alert: AlertKind::PublishingFailures, universe: None, message }]
    }
}

/// Returns how far a run is, in the words of the public contract (section 4).
fn progress(step: Option<Step>, done: usize) -> Value {
    let total = Step::ALL.len();
    let step = step.unwrap_or(Step::ALL[done.min(total - 1)]);
    json!({"phase": PHASE, "step": step, "completed": done, "total": total, "percentage": done * 100 / total})
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
