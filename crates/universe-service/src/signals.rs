//! Signals: a message of the platform's pipeline orders a run (its phase 2.5, after the day's import).
//!
//! The end-of-day signal comes as a push on a list or as a message on a channel, under one of three names.
//! A list keeps it until the run is ordered, so that it survives any crash; a channel does not, and the
//! schedule is there for a message that nobody heard. One process at a time listens, by a lease.

use std::time::Duration;

use futures_util::StreamExt;
use redis::aio::{MultiplexedConnection, PubSub};
use redis::{AsyncCommands, Pipeline};
use tokio::sync::watch;

use crate::daemon::{is_stopped, pause};
use crate::order::{Placed, Wish};
use crate::redis_address::Backoff;
use crate::relay::RelayError;
use crate::scheduler::{EOD_SIGNAL, session_closed};
use crate::turn::Turn;
use crate::{Daemon, RedisAddress};

/// The lists and the channels on which the end of a day is signalled.
pub const EOD_NAMES: [&str; 3] = ["eod_complete", "tickstock.eod.complete", "market_data.eod_complete"];

/// How often lists are looked at, and how long a signal waits behind another run before it is tried again.
const POLL: Duration = Duration::from_millis(500);

/// How often the subscription is tried: one whose server is gone without a word says nothing any more.
const PING_INTERVAL_POLLS: u32 = 20;

/// How many pushes on one list are taken as one signal.
const LIST_ENTRIES_MAX: isize = 100;

/// Listens until the server stops.
pub async fn listen(daemon: &Daemon, redis: RedisAddress, mut stop: watch::Receiver<bool>) {
    let mut turn = Turn::new(daemon, "signals");
    let mut backoff = Backoff::default();
    let mut heard = None;
    while !is_stopped(&stop) {
        let listened = async {
            if turn.is_ours().await? {
                let mut listener = Listener::connect(daemon, &redis, &mut heard).await?;
                listener.listen(&mut turn, &mut backoff, &mut stop).await?;
            }
            Ok::<(), RelayError>(())
        };
        match listened.await {
            Ok(()) => pause(POLL, None, &mut stop).await,
            Err(error) => {
                if backoff.is_fresh() {
                    tracing::warn!(%error, "signals are not heard for a moment; it is tried again");
                }
                turn.pass().await;
                pause(backoff.next(), None, &mut stop).await;
            }
        }
    }
    turn.pass().await;
}

/// Hears the signals of one connection.
struct Listener<'a> {
    daemon: &'a Daemon,
    subscription: PubSub,
    connection: MultiplexedConnection,
    /// The channel of a message whose run is not ordered yet; outlives the connection.
    heard: &'a mut Option<String>,
}

impl<'a> Listener<'a> {
    async fn connect(
        daemon: &'a Daemon,
        redis: &RedisAddress,
        heard: &'a mut Option<String>,
    ) -> Result<Self, RelayError> {
        let mut subscription = redis.connect_subscriber().await?;
        subscription.subscribe(&EOD_NAMES).await?;
        Ok(Self { daemon, subscription, connection: redis.connect().await?, heard })
    }

    /// Returns when the server stops, another process has its turn or Redis is gone.
    async fn listen(
        &mut self,
        turn: &mut Turn<'_>,
        backoff: &mut Backoff,
        stop: &mut watch::Receiver<bool>,
    ) -> Result<(), RelayError> {
        let mut polls = 0_u32;
        while !is_stopped(stop) && turn.is_ours().await? {
            self.take_heard().await?;
            self.take_pushed().await?;
            backoff.reset();
            polls += 1;
            if polls.is_multiple_of(PING_INTERVAL_POLLS) {
                let ping = tokio::time::timeout(POLL * 4, self.subscription.ping::<()>());
                ping.await.map_err(|_| lost())??;
            }
            let mut messages = self.subscription.on_message();
            tokio::select! {
                message = messages.next() => {
                    let message = message.ok_or_else(lost)?;
                    *self.heard = Some(message.get_channel_name().to_owned());
                }
                () = tokio::time::sleep(POLL) => {}
                _ = stop.wait_for(|stopped| *stopped) => {}
            }
        }
        Ok(())
    }

    /// Orders the run of a message, unless another run stands before it.
    async fn take_heard(&mut self) -> Result<(), RelayError> {
        if let Some(channel) = self.heard.take()
            && !signal(self.daemon, &channel).await?
        {
            *self.heard = Some(channel);
        }
        Ok(())
    }

    /// Orders the run of what was pushed on lists, and takes it off them after that.
    async fn take_pushed(&mut self) -> Result<(), RelayError> {
        for list in EOD_NAMES {
            let pushed: Vec<Vec<u8>> = match self.connection.lrange(list, 0, LIST_ENTRIES_MAX - 1).await {
                // Somebody keeps another kind of value under that name: it is no list of ours.
                Err(error) if error.code() == Some("WRONGTYPE") => continue,
                pushed => pushed?,
            };
            if pushed.is_empty() || !signal(self.daemon, list).await? {
                continue;
            }
            let mut removal = Pipeline::new();
            for entry in &pushed {
                removal.lrem(list, 1, entry).ignore();
            }
            removal.query_async::<()>(&mut self.connection).await?;
        }
        Ok(())
    }
}

/// Orders the run that a signal asks for; returns `false` while another run stands before it.
async fn signal(daemon: &Daemon, name: &str) -> Result<bool, RelayError> {
    let now = daemon.ambient.now();
    let session = session_closed(now);
    let Placed::Queued { run_id } = daemon.order(&Wish::full("signal")).await? else { return Ok(false) };
    daemon.store.schedule_fired(&daemon.environment, EOD_SIGNAL, session, now, &[]).await?;
    tracing::info!(run.id = %run_id, %session, signal = name, "the end of {session} was signalled; a run was ordered");
    Ok(true)
}

fn lost() -> redis::RedisError {
    std::io::Error::from(std::io::ErrorKind::ConnectionAborted).into()
}
