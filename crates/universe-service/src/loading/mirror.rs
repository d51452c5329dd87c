//! The status of data-load jobs as keys in Redis, where the web application looks for them.
//!
//! The database is what is true; these keys are made from it, by every server, whenever a job changed. Redis
//! being away delays them and nothing else.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use redis::Pipeline;
use redis::aio::MultiplexedConnection;
use tokio::sync::watch;

use crate::daemon::{is_stopped, pause};
use crate::redis_address::Backoff;
use crate::relay::RelayError;
use crate::{Daemon, RedisAddress};

/// For how long a status can be read there after its last change.
const EXPIRY_SECONDS: u64 = 7 * 86_400;

/// How far back jobs are looked at when a connection is made: what changed while there was none.
const CATCH_UP: SignedDuration = SignedDuration::from_hours(24);

/// How far the clocks of servers may differ.
const SKEW: SignedDuration = SignedDuration::from_secs(60);

/// How often jobs are looked at when nobody rings.
const POLL: Duration = Duration::from_millis(500);

/// The least time between two looks: a job that runs changes all the time.
const PAUSE: Duration = Duration::from_millis(100);

/// How many jobs are written at once: more do not change at the same time.
const JOBS_MAX: u32 = 1_000;

/// Returns the key of the status of a job.
#[must_use]
pub fn status_key(job_id: &str) -> String {
    format!("tickstock.jobs.status:{job_id}")
}

/// Writes statuses until the server stops.
pub async fn mirror_data_loads(daemon: &Daemon, redis: RedisAddress, mut stop: watch::Receiver<bool>) {
    let mut backoff = Backoff::default();
    let mut mirror = Mirror { daemon, connection: None, shown: BTreeMap::new() };
    loop {
        // Once more when the server stops: the end of a job may just have come.
        let is_last = is_stopped(&stop);
        match mirror.round(&redis).await {
            Ok(()) => backoff.reset(),
            Err(error) => {
                if backoff.is_fresh() {
                    tracing::warn!(%error, "the status of data-load jobs is not written to Redis for a moment");
                }
                mirror.connection = None;
            }
        }
        if is_last {
            return;
        }
        if mirror.connection.is_none() {
            pause(backoff.next(), None, &mut stop).await;
        } else {
            pause(PAUSE, None, &mut stop).await;
            pause(POLL, Some(&daemon.data_load_changed), &mut stop).await;
        }
    }
}

struct Mirror<'a> {
    daemon: &'a Daemon,
    connection: Option<MultiplexedConnection>,
    /// Which state of each job was written last, as long as that may be asked for again.
    shown: BTreeMap<String, Timestamp>,
}

impl Mirror<'_> {
    async fn round(&mut self, redis: &RedisAddress) -> Result<(), RelayError> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => {
                self.shown.clear();
                redis.connect().await?
            }
        };
        let now = self.daemon.ambient.now();
        let newest = self.shown.values().max();
        let since = newest.map_or_else(|| now - CATCH_UP, |newest| *newest - SKEW);
        let changed = self.daemon.store.data_load_changed(&self.daemon.environment, since, JOBS_MAX).await?;
        let mut pipeline = Pipeline::new();
        for job in &changed {
            let job_id = &job.order.job_id;
            if self.shown.get(job_id) != Some(&job.updated_at) {
                pipeline.set_ex(status_key(job_id), job.status_document().to_string(), EXPIRY_SECONDS).ignore();
            }
        }
        if !pipeline.is_empty() {
            pipeline.query_async::<()>(&mut connection).await?;
        }
        self.shown = changed.into_iter().map(|job| (job.order.job_id, job.updated_at)).collect();
        self.connection = Some(connection);
        Ok(())
    }
}
