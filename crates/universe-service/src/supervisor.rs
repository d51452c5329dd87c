//! Everything that a server does beside answering: runs, events, schedule, signals, data-load jobs.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::loading::{DataLoadSettings, listen_for_data_loads, load_data, mirror_data_loads};
use crate::relay::{RelaySettings, relay};
use crate::scheduler::{SchedulerSettings, schedule};
use crate::worker::{WorkerSettings, work};
use crate::{Daemon, signals};

/// For how long a stopping server waits for the run that is at work.
///
/// After that the run is abandoned: nothing of it was written, and the next process marks it as failed.
const STOP_GRACE: Duration = Duration::from_secs(20);

/// How long a part waits before it begins again after a fault of this program.
const RESTART_WAIT: Duration = Duration::from_secs(1);

/// What a server does beside answering.
#[derive(Clone, Debug)]
pub struct SupervisorSettings {
    /// How it carries out runs.
    pub worker: WorkerSettings,
    /// How it keeps and publishes events; where Redis is, signals are heard too.
    pub relay: RelaySettings,
    /// When it orders runs by itself; `None` for never.
    pub scheduler: Option<SchedulerSettings>,
    /// How it carries out data-load jobs; where Redis is, they are heard too, and their status is shown there.
    pub loading: DataLoadSettings,
}

type Part = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Works until `stop` becomes true (or its sender is dropped), then finishes what is at work.
///
/// Dropped instead, it ends everything at once, as a crash would.
pub async fn supervise(daemon: Arc<Daemon>, settings: SupervisorSettings, stop: watch::Receiver<bool>) {
    let (relay_stop, relay_stopped) = watch::channel(false);
    let mut parts = JoinSet::new();
    let shared = Arc::clone(&daemon);
    let receiver = stop.clone();
    parts.spawn(keep_up("worker", stop.clone(), move || {
        let (daemon, stop) = (Arc::clone(&shared), receiver.clone());
        Box::pin(async move { work(&daemon, settings.worker, stop).await })
    }));
    if let Some(scheduler) = settings.scheduler {
        let (shared, receiver) = (Arc::clone(&daemon), stop.clone());
        parts.spawn(keep_up("scheduler", stop.clone(), move || {
            let (daemon, settings, stop) = (Arc::clone(&shared), scheduler.clone(), receiver.clone());
            Box::pin(async move { schedule(&daemon, settings, stop).await })
        }));
    }
    if let Some(redis) = settings.relay.redis.clone() {
        let (shared, receiver) = (Arc::clone(&daemon), stop.clone());
        parts.spawn(keep_up("signals", stop.clone(), move || {
            let (daemon, redis, stop) = (Arc::clone(&shared), redis.clone(), receiver.clone());
            Box::pin(async move { signals::listen(&daemon, redis, stop).await })
        }));
    }
    let (shared, receiver, loading) = (Arc::clone(&daemon), stop.clone(), settings.loading);
    parts.spawn(keep_up("data loads", stop.clone(), move || {
        let (daemon, settings, stop) = (Arc::clone(&shared), loading.clone(), receiver.clone());
        Box::pin(async move { load_data(&daemon, &settings, stop).await })
    }));
    if let Some(redis) = settings.relay.redis.clone() {
        let (shared, receiver, address) = (Arc::clone(&daemon), stop.clone(), redis.clone());
        parts.spawn(keep_up("data load messages", stop.clone(), move || {
            let (daemon, redis, stop) = (Arc::clone(&shared), address.clone(), receiver.clone());
            Box::pin(async move { listen_for_data_loads(&daemon, redis, stop).await })
        }));
        let (shared, receiver) = (Arc::clone(&daemon), stop.clone());
        parts.spawn(keep_up("data load statuses", stop.clone(), move || {
            let (daemon, redis, stop) = (Arc::clone(&shared), redis.clone(), receiver.clone());
            Box::pin(async move { mirror_data_loads(&daemon, redis, stop).await })
        }));
    }
    // The relay stops last: what the last run wrote is published yet.
    let mut publisher = JoinSet::new();
    let receiver = relay_stopped.clone();
    publisher.spawn(keep_up("relay", relay_stopped, move || {
        let (daemon, settings, stop) = (Arc::clone(&daemon), settings.relay.clone(), receiver.clone());
        Box::pin(async move { relay(&daemon, settings, stop).await })
    }));

    let mut stopped = stop;
    let _ = stopped.wait_for(|stopped| *stopped).await;
    if tokio::time::timeout(STOP_GRACE, all(&mut parts)).await.is_err() {
        tracing::warn!("a run was abandoned at the end of the grace period; nothing of it was written");
    }
    parts.shutdown().await;
    relay_stop.send_replace(true);
    all(&mut publisher).await;
}

/// Runs a part, and again when it panics, until the server stops.
async fn keep_up(name: &'static str, mut stop: watch::Receiver<bool>, part: impl Fn() -> Part) {
    loop {
        let mut task = JoinSet::new();
        task.spawn(part());
        match task.join_next().await {
            Some(Err(fault)) if fault.is_panic() => {
                tracing::error!(part = name, error = %fault, "a part of the server failed; it begins again");
                crate::daemon::pause(RESTART_WAIT, None, &mut stop).await;
                if crate::daemon::is_stopped(&stop) {
                    return;
                }
            }
            Some(_) | None => return,
        }
    }
}

async fn all(parts: &mut JoinSet<()>) {
    while parts.join_next().await.is_some() {}
}
