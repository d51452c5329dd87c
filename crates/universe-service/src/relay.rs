//! The relay: publishes what runs wrote into the outbox, in order, at least once.
//!
//! One process at a time publishes the events of an environment, by a lease. It marks events only after
//! Redis took them; whatever happens in between, they are published again, under the same ids. Redis being
//! away delays events. No run waits for the relay, and nothing else publishes.

use std::time::Duration;

use jiff::Timestamp;
use redis::aio::MultiplexedConnection;
use redis::{Pipeline, RedisError};
use tokio::sync::watch;
use universe_store::{OutboxEntry, StoreError};

use crate::daemon::{is_stopped, pause};
use crate::redis_address::Backoff;
use crate::turn::Turn;
use crate::{Daemon, RedisAddress, RelayState};

/// How many events are published before they are marked: what a crash repeats at most.
const BATCH_EVENTS_MAX: u32 = 128;

/// How often the outbox is looked at when nobody rings.
const POLL: Duration = Duration::from_millis(200);

/// How often events are looked at that have been kept for long enough.
const PRUNE_INTERVAL_SECONDS: i64 = 600;

/// For how long a stopping server still publishes.
const DRAIN: Duration = Duration::from_secs(3);

/// How events are kept and published.
#[derive(Clone, Debug)]
pub struct RelaySettings {
    /// The Redis server; without one, events are only kept.
    pub redis: Option<RedisAddress>,
    /// For how many days events are kept to be read again; those not published are kept longer.
    pub retention_days: u32,
}

/// Why a round came to nothing; nothing was marked as published then.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// Redis did not take the events.
    #[error("Redis does not take events: {0}")]
    Redis(#[from] RedisError),
    /// The outbox could not be read or written.
    #[error("the outbox cannot be used")]
    Store(#[from] StoreError),
}

/// What publishes the events of one environment.
pub struct Relay<'a> {
    daemon: &'a Daemon,
    settings: RelaySettings,
    connection: Option<MultiplexedConnection>,
    turn: Turn<'a>,
    pruned_at: Option<Timestamp>,
}

/// Publishes until the server stops, and then what is left.
pub async fn relay(daemon: &Daemon, settings: RelaySettings, mut stop: watch::Receiver<bool>) {
    let mut relay = Relay::new(daemon, settings);
    let mut backoff = Backoff::default();
    while !is_stopped(&stop) {
        match relay.round().await {
            Ok(count) => {
                backoff.reset();
                if count < BATCH_EVENTS_MAX as usize {
                    pause(POLL, Some(&daemon.outbox_written), &mut stop).await;
                }
            }
            Err(error) => {
                relay.fail(&error).await;
                pause(backoff.next(), None, &mut stop).await;
            }
        }
    }
    let drain = async { while relay.round().await.is_ok_and(|count| count > 0) {} };
    if tokio::time::timeout(DRAIN, drain).await.is_err() {
        tracing::warn!("events are left for the next start: Redis is too slow");
    }
    relay.turn.pass().await;
}

impl<'a> Relay<'a> {
    /// Makes a relay; it connects when there is something to publish.
    #[must_use]
    pub fn new(daemon: &'a Daemon, settings: RelaySettings) -> Self {
        let state = if settings.redis.is_some() { RelayState::Standby } else { RelayState::Off };
        daemon.relay_state.send_replace(state);
        Self { turn: Turn::new(daemon, "relay"), daemon, settings, connection: None, pruned_at: None }
    }

    /// Publishes a batch of events, if it is this process's turn; returns how many.
    ///
    /// # Errors
    /// When Redis or the database is away; the same events are then published again.
    pub async fn round(&mut self) -> Result<usize, RelayError> {
        if !self.turn.is_ours().await? {
            self.tell(if self.settings.redis.is_some() { RelayState::Standby } else { RelayState::Off });
            return Ok(0);
        }
        self.prune().await?;
        if self.settings.redis.is_none() {
            return Ok(0);
        }
        let batch = self.take().await?;
        // Fresh before every batch: another process's turn cannot begin before this batch is through.
        if batch.is_empty() || !self.turn.renew().await? {
            return Ok(0);
        }
        self.publish(&batch).await?;
        self.mark(&batch).await?;
        self.tell(RelayState::Publishing);
        Ok(batch.len())
    }

    /// Reads the events that come next.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn take(&self) -> Result<Vec<OutboxEntry>, RelayError> {
        Ok(self.daemon.store.outbox_unpublished(&self.daemon.environment, BATCH_EVENTS_MAX).await?)
    }

    /// Publishes events, each on each of its channels; when this returns, Redis has handed them to subscribers.
    ///
    /// # Errors
    /// When Redis does not take all of them; it may have taken some.
    pub async fn publish(&mut self, batch: &[OutboxEntry]) -> Result<(), RelayError> {
        let Some(redis) = &self.settings.redis else { return Ok(()) };
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => redis.connect().await?,
        };
        let mut pipeline = Pipeline::new();
        for entry in batch {
            let message = entry.message.to_string();
            for channel in &entry.channels {
                pipeline.publish(channel, &message).ignore();
            }
        }
        pipeline.query_async::<()>(&mut connection).await?;
        // Only a connection that worked is used again.
        self.connection = Some(connection);
        Ok(())
    }

    /// Marks events as published; they survive as such a crash right after this returns.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn mark(&self, batch: &[OutboxEntry]) -> Result<(), RelayError> {
        if let Some(last) = batch.last() {
            let now = self.daemon.ambient.now();
            self.daemon.store.outbox_published(&self.daemon.environment, last.number, now).await?;
        }
        Ok(())
    }

    /// Lets another process try, which may reach Redis where this one cannot.
    async fn fail(&mut self, error: &RelayError) {
        let text = match error {
            RelayError::Redis(_) => error.to_string(),
            RelayError::Store(source) => format!("{error}: {source}"),
        };
        if !matches!(self.daemon.relay_state(), RelayState::Failing(_)) {
            tracing::error!(error = text, "events wait for publication; none is lost");
        }
        self.tell(RelayState::Failing(text));
        self.connection = None;
        self.turn.pass().await;
    }

    fn tell(&self, state: RelayState) {
        let was_failing = matches!(self.daemon.relay_state(), RelayState::Failing(_));
        if was_failing && state == RelayState::Publishing {
            tracing::info!("events are published again");
        }
        self.daemon.relay_state.send_if_modified(|current| {
            let is_news = *current != state;
            *current = state;
            is_news
        });
    }

    /// Deletes events that have been kept for long enough, now and then.
    async fn prune(&mut self) -> Result<(), RelayError> {
        let (store, environment) = (&*self.daemon.store, self.daemon.environment.as_str());
        let now = self.daemon.ambient.now();
        let is_due = |at: Timestamp| now.duration_since(at).as_secs().abs() >= PRUNE_INTERVAL_SECONDS;
        if !self.pruned_at.is_none_or(is_due) {
            return Ok(());
        }
        let age = jiff::SignedDuration::from_hours(24 * i64::from(self.settings.retention_days));
        let horizon = now.checked_sub(age).unwrap_or(Timestamp::MIN);
        if self.settings.redis.is_none() {
            // Nobody is going to publish them: what is old enough was served, and is done with.
            loop {
                let waiting = store.outbox_unpublished(environment, BATCH_EVENTS_MAX).await?;
                let old = waiting.iter().take_while(|entry| entry.created_at < horizon).last();
                let Some(last) = old else { break };
                store.outbox_published(environment, last.number, now).await?;
            }
        }
        let count = store.outbox_prune(environment, horizon).await?;
        if count > 0 {
            tracing::info!(count, "{count} events older than {} days were deleted", self.settings.retention_days);
        }
        self.pruned_at = Some(now);
        Ok(())
    }
}
