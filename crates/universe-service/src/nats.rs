//! The same events to NATS JetStream, beside Redis or without it: once each, in order, whatever is killed.
//!
//! The stream itself says how far it is: its last message carries the number of its event. So nothing is kept
//! here that could disagree with it, and a server that lost its last messages gets them again. Each message
//! names the one that it follows, and JetStream refuses it after any other; what it has already, it tells by id.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_nats::ConnectOptions;
use async_nats::jetstream::stream::{Config, RawMessageErrorKind, Stream};
use async_nats::jetstream::{self, Context, message::PublishMessage};
use tokio::sync::watch;
use universe_store::{OutboxEntry, StoreError};

use crate::daemon::{is_stopped, pause};
use crate::redis_address::Backoff;
use crate::turn::Turn;
use crate::{Daemon, SupervisorSettings, supervise};

/// How many events are read at a time.
const BATCH_EVENTS_MAX: u32 = 128;

/// How often the outbox is looked at.
const POLL: Duration = Duration::from_millis(200);

/// How long the server may take for anything: less than a turn lasts.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// For how long a stopping server still publishes.
const DRAIN: Duration = Duration::from_secs(3);

/// For how long a stream that is made here tells a message by its id.
const DUPLICATE_WINDOW: Duration = Duration::from_secs(600);

/// Before every subject; a stream that is made here takes what begins with it.
const SUBJECTS: &str = "tickstock";

const NUMBER: &str = "Universe-Number";
const ENVIRONMENT: &str = "Universe-Environment";

/// Where events go.
#[derive(Clone)]
pub struct NatsSettings {
    /// The server: `nats://host:4222`, with user and password or a token where it wants one.
    pub url: String,
    /// The stream; it is made when it is missing. An environment has a stream to itself.
    pub stream: String,
}

impl fmt::Debug for NatsSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NatsSettings({})", self.stream)
    }
}

/// Why events wait.
#[derive(Debug, thiserror::Error)]
enum NatsError {
    #[error("NATS does not take events: {0}")]
    Nats(String),
    #[error("the stream holds events of the environment {0}; an environment has a stream to itself")]
    OtherEnvironment(String),
    #[error("the outbox cannot be used: {0}")]
    Store(#[from] StoreError),
}

/// How far the stream is, and the way to it.
struct Connected {
    context: Context,
    /// The number of the last event in it.
    number: i64,
    /// The number that the stream itself gave to its last message.
    sequence: u64,
}

struct NatsRelay<'a> {
    daemon: &'a Daemon,
    settings: NatsSettings,
    turn: Turn<'a>,
    connected: Option<Connected>,
}

/// Supervises as [`supervise`] does, and publishes to NATS until everything else has stopped.
pub async fn supervise_with_nats(
    daemon: Arc<Daemon>,
    settings: SupervisorSettings,
    nats: NatsSettings,
    stop: watch::Receiver<bool>,
) {
    let (ended, relay_stop) = watch::channel(false);
    let everything_else = async {
        supervise(Arc::clone(&daemon), settings, stop).await;
        ended.send_replace(true);
    };
    tokio::join!(everything_else, relay_to_nats(&daemon, nats, relay_stop));
}

/// Publishes until the server stops, and then what is left.
pub async fn relay_to_nats(daemon: &Daemon, settings: NatsSettings, mut stop: watch::Receiver<bool>) {
    let turn = Turn::new(daemon, "nats");
    let mut relay = NatsRelay { daemon, settings, turn, connected: None };
    let mut backoff = Backoff::default();
    while !is_stopped(&stop) {
        match relay.round().await {
            Ok(count) => {
                if !backoff.is_fresh() {
                    tracing::info!("events are published to NATS again");
                }
                backoff.reset();
                if count < BATCH_EVENTS_MAX as usize {
                    pause(POLL, None, &mut stop).await;
                }
            }
            Err(error) => {
                if backoff.is_fresh() {
                    tracing::error!(%error, "events wait for publication to NATS; none is lost");
                }
                // Another process may reach it where this one cannot; how far the stream is, is asked again.
                relay.connected = None;
                relay.turn.pass().await;
                pause(backoff.next(), None, &mut stop).await;
            }
        }
    }
    let drain = async { while relay.round().await.is_ok_and(|count| count > 0) {} };
    if tokio::time::timeout(DRAIN, drain).await.is_err() {
        tracing::warn!("events are left for the next start: NATS is too slow");
    }
    relay.turn.pass().await;
}

impl NatsRelay<'_> {
    /// Publishes a batch of events, if it is this process's turn; returns how many.
    async fn round(&mut self) -> Result<usize, NatsError> {
        if !self.turn.is_ours().await? {
            self.connected = None;
            return Ok(0);
        }
        let environment = self.daemon.environment.as_str();
        let connected = match &mut self.connected {
            Some(connected) => connected,
            unconnected @ None => unconnected.insert(connect(&self.settings, environment).await?),
        };
        let batch = self.daemon.store.outbox_list(environment, connected.number, BATCH_EVENTS_MAX).await?;
        for entry in &batch {
            // One after the other: were a later one taken without an earlier one, that would be lost.
            if !self.turn.is_ours().await? {
                self.connected = None;
                return Ok(0);
            }
            connected.publish(entry, environment).await?;
        }
        Ok(batch.len())
    }
}

impl Connected {
    /// Publishes an event; when this returns, the server has stored it.
    async fn publish(&mut self, entry: &OutboxEntry, environment: &str) -> Result<(), NatsError> {
        let message = PublishMessage::build()
            .payload(entry.message.to_string().into())
            .message_id(entry.id.to_string())
            .expected_last_sequence(self.sequence)
            .header(NUMBER, entry.number.to_string().as_str())
            .header(ENVIRONMENT, environment);
        let answer = self.context.send_publish(subject(&entry.channels), message).await.map_err(refused)?;
        let stored = answer.await.map_err(refused)?;
        self.sequence = self.sequence.max(stored.sequence);
        self.number = entry.number;
        Ok(())
    }
}

async fn connect(settings: &NatsSettings, environment: &str) -> Result<Connected, NatsError> {
    let options = ConnectOptions::new().name("universe").connection_timeout(ANSWER_WITHIN);
    let client = options.connect(&settings.url).await.map_err(refused)?;
    let mut context = jetstream::new(client);
    context.set_timeout(ANSWER_WITHIN);
    let config = Config {
        name: settings.stream.clone(),
        subjects: vec![format!("{SUBJECTS}.>")],
        duplicate_window: DUPLICATE_WINDOW,
        description: Some("What TickStock Universe tells its followers".to_owned()),
        ..Config::default()
    };
    let stream = context.get_or_create_stream(config).await.map_err(refused)?;
    let (number, sequence) = last(&stream, environment).await?;
    Ok(Connected { context, number, sequence })
}

/// Returns the number of the last event in a stream, and that of its message; 0 for an event that is gone.
async fn last(stream: &Stream, environment: &str) -> Result<(i64, u64), NatsError> {
    let sequence = stream.cached_info().state.last_sequence;
    if sequence == 0 {
        return Ok((0, 0));
    }
    let message = match stream.get_raw_message(sequence).await {
        Ok(message) => message,
        Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => return Ok((0, sequence)),
        Err(error) => return Err(refused(error)),
    };
    let header = |name| message.headers.get(name).map(|value| value.as_str());
    match header(ENVIRONMENT) {
        Some(other) if other != environment => return Err(NatsError::OtherEnvironment(other.to_owned())),
        Some(_) | None => {}
    }
    // A message of somebody else says nothing; events that the stream has are told by their ids.
    Ok((header(NUMBER).and_then(|number| number.parse().ok()).unwrap_or(0), sequence))
}

/// Returns the subject of an event: that of its own channel, and not of the older ones beside it.
fn subject(channels: &[String]) -> String {
    let own = channels.iter().find(|channel| channel.starts_with(SUBJECTS)).or(channels.first());
    let subject = own.map_or_else(String::new, |channel| channel.replace(':', "."));
    if subject.starts_with(SUBJECTS) { subject } else { format!("{SUBJECTS}.{subject}") }
}

fn refused(error: impl fmt::Display) -> NatsError {
    NatsError::Nats(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_the_subject_of_its_own_channel() {
        let of = |channels: &[&str]| subject(&channels.iter().map(|c| (*c).to_owned()).collect::<Vec<_>>());
        assert_eq!(of(&["tickstock:universe:updated", "universe_updates"]), "tickstock.universe.updated");
        assert_eq!(of(&["cache_updates", "tickstock:cache:sync_complete"]), "tickstock.cache.sync_complete");
        assert_eq!(of(&["admin_notifications"]), "tickstock.admin_notifications");
    }

    #[test]
    fn settings_hide_their_password() {
        let settings = NatsSettings { url: "nats://me:secret@host".to_owned(), stream: "UNIVERSE".to_owned() };
        assert_eq!(format!("{settings:?}"), "NatsSettings(UNIVERSE)");
    }
}
