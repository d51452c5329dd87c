//! Hearing the messages that ask for data-load jobs.
//!
//! Every server listens: who hears a message writes the job into the database, where the same id is the same
//! job. A message that nobody hears is lost, as channels are; HTTP and the command line are for those who must
//! know.

use futures_util::StreamExt as _;
use redis::aio::PubSub;
use tokio::sync::watch;
use universe_core::event::event_of_data_load;
use universe_store::StoreError;

use super::message::{BadMessage, read_message};
use crate::daemon::{is_stopped, pause};
use crate::redis_address::Backoff;
use crate::{Daemon, RedisAddress};

/// The channel on which jobs are asked for.
pub const DATA_LOAD_CHANNEL: &str = "tickstock.jobs.data_load";

/// How often the subscription is tried: one whose server is gone without a word says nothing any more.
const PING_INTERVAL: std::time::Duration = std::time::Duration::from_secs(10);

/// How long an answer to that may take.
const PING_WITHIN: std::time::Duration = std::time::Duration::from_secs(2);

/// Listens until the server stops.
pub async fn listen_for_data_loads(daemon: &Daemon, redis: RedisAddress, mut stop: watch::Receiver<bool>) {
    let mut backoff = Backoff::default();
    while !is_stopped(&stop) {
        let listened = async {
            let mut subscription = redis.connect_subscriber().await?;
            subscription.subscribe(DATA_LOAD_CHANNEL).await?;
            backoff.reset();
            listen(daemon, &mut subscription, &mut stop).await
        };
        if let Err(error) = listened.await {
            if backoff.is_fresh() {
                tracing::warn!(%error, "data-load jobs are not heard for a moment; it is tried again");
            }
            pause(backoff.next(), None, &mut stop).await;
        }
    }
}

/// Returns when the server stops or Redis is gone.
async fn listen(
    daemon: &Daemon,
    subscription: &mut PubSub,
    stop: &mut watch::Receiver<bool>,
) -> Result<(), redis::RedisError> {
    let lost = || redis::RedisError::from(std::io::Error::from(std::io::ErrorKind::ConnectionAborted));
    while !is_stopped(stop) {
        let heard = {
            let mut messages = subscription.on_message();
            tokio::select! {
                message = messages.next() => Some(message.ok_or_else(lost)?),
                () = tokio::time::sleep(PING_INTERVAL) => None,
                _ = stop.wait_for(|stopped| *stopped) => return Ok(()),
            }
        };
        match heard {
            Some(message) => hear(daemon, message.get_payload_bytes(), stop).await,
            None => tokio::time::timeout(PING_WITHIN, subscription.ping::<()>()).await.map_err(|_| lost())??,
        }
    }
    Ok(())
}

/// Writes down what a message asks for, as soon as the database is there.
async fn hear(daemon: &Daemon, bytes: &[u8], stop: &mut watch::Receiver<bool>) {
    let mut backoff = Backoff::default();
    while !is_stopped(stop) {
        match take(daemon, bytes).await {
            Ok(()) => return,
            Err(error) if error.is_transient() => {
                tracing::warn!(%error, "a data-load job waits to be written down");
                pause(backoff.next(), None, stop).await;
            }
            Err(error) => {
                tracing::error!(%error, "a data-load job could not be written down; the message is dropped");
                return;
            }
        }
    }
}

/// Orders the job of a message; one that is bad is told on the channel of errors, and in the status of its job.
async fn take(daemon: &Daemon, bytes: &[u8]) -> Result<(), StoreError> {
    let now = daemon.ambient.now();
    match read_message(bytes, &daemon.environment, now) {
        Ok(order) => {
            let (job_id, ordered) =
                daemon.order_data_load(Some(order.job_id), order.request, &order.requested_by).await?;
            tracing::info!(job.id = job_id, ?ordered, "data-load job {job_id} was asked for");
        }
        Err(BadMessage { order, reason }) => {
            let job_id = order.as_ref().map(|order| order.job_id.as_str());
            tracing::warn!(job.id = job_id, reason, "a data-load message is not right");
            let name = job_id.map(|job_id| format!(" of job {job_id}")).unwrap_or_default();
            let text = format!("the data-load message{name} is not right: {reason}");
            // Several servers hear the same message: within a minute they tell it once.
            let seed = format!("{}/{}", blake3::hash(bytes).to_hex(), now.as_second() / 60);
            let event = event_of_data_load(&seed, job_id, "error", &text, now);
            if let Some(order) = &order {
                // Where there is a job of that id, this one does not change it.
                daemon.store.data_load_refuse(order, &reason, &[]).await?;
                daemon.data_load_changed.notify_one();
            }
            match daemon.store.event_append(&daemon.environment, &[event], now).await {
                Err(StoreError::Conflict { .. }) => {}
                told => told?,
            }
            daemon.outbox_written.notify_one();
        }
    }
    Ok(())
}
