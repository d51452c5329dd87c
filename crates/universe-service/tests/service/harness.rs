//! A store with a small market, a server process around it, and somebody who listens to Redis.

use std::any::Any;
use std::future::Future;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_util::StreamExt;
use jiff::civil::Date;
use redis::aio::PubSub;
use serde_json::Value;
use universe_core::rule::RuleSet;
use universe_core::{Snapshot, SnapshotRow};
use universe_service::{Ambient, Daemon, RedisAddress, RelaySettings, WorkerSettings};
use universe_store::{RunRecord, Store, open};
use universe_testkit::builders::{ENVIRONMENT, MONDAY, RULES, rules, six_listings, snapshot, stock};
use universe_testkit::{ManualAmbient, RedisServer, builders};

/// Nothing in these tests takes longer unless it never comes.
const PATIENCE: Duration = Duration::from_secs(15);

/// A worker that is never found dead, and looks often.
pub(crate) const WORKER: WorkerSettings = WorkerSettings { lease_seconds: 30, poll: Duration::from_millis(10) };

/// A database, its clock, and what must live as long.
pub(crate) struct Place {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) ambient: Arc<ManualAmbient>,
    uri: String,
    _keep: Box<dyn Any>,
}

impl Place {
    /// Returns a place on SQLite, and one on PostgreSQL where that is there; with the market of Monday evening.
    pub(crate) async fn all() -> Vec<Self> {
        let mut all = vec![Self::sqlite().await];
        if let Some(database) = universe_testkit::test_database() {
            all.push(Self::open(database.uri(), Box::new(database)).await);
        }
        all
    }

    pub(crate) async fn sqlite() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let uri = format!("sqlite:{}", folder.path().join("service.db").display());
        Self::open(uri, Box::new(folder)).await
    }

    async fn open(uri: String, keep: Box<dyn Any>) -> Self {
        let store = open(&uri.parse().expect("an address")).await.expect("opens");
        let ambient = Arc::new(ManualAmbient::starting(MONDAY));
        ambient.advance(22 * 3_600);
        store.migrate(ambient.now()).await.expect("migrates");
        let place = Self { store, ambient, uri, _keep: keep };
        place.load(MONDAY, six_listings()).await;
        place
    }

    /// Where the database is.
    pub(crate) fn uri(&self) -> &str {
        &self.uri
    }

    pub(crate) async fn load(&self, session: Date, rows: Vec<SnapshotRow>) {
        let snapshot: Snapshot = snapshot(session, rows);
        builders::load(&*self.store, &snapshot, 1).await;
    }

    /// Loads another session, with prices that change who is in the ranking.
    pub(crate) async fn load_other(&self, session: Date, number: usize) {
        let mut rows = six_listings();
        let close = if number.is_multiple_of(2) { 2_000.0 } else { 10.0 };
        rows.retain(|row| row.listing.symbol.as_str() != "NVDA");
        rows.push(stock("NVDA", close + number as f64, 2_500));
        self.load(session, rows).await;
    }

    /// Returns a server process of that name, which goes by the tests' rules.
    pub(crate) fn daemon(&self, holder: &str) -> Daemon {
        self.daemon_by(holder, Arc::clone(&self.store), Arc::new(rules(RULES)))
    }

    /// Returns a server process with a connection of its own.
    pub(crate) async fn other_daemon(&self, holder: &str) -> Daemon {
        let store = open(&self.uri.parse().expect("an address")).await.expect("opens");
        self.daemon_by(holder, store, Arc::new(rules(RULES)))
    }

    pub(crate) fn daemon_by(&self, holder: &str, store: Arc<dyn Store>, rules: Arc<RuleSet>) -> Daemon {
        let ambient: Arc<dyn Ambient> = self.ambient.clone();
        Daemon::new(store, Arc::new(rules), ambient, ENVIRONMENT.to_owned(), holder.to_owned())
    }

    /// Runs a statement on the file of [`Self::sqlite`], past the store.
    pub(crate) fn execute(&self, sql: &str) -> usize {
        let path = self.uri.strip_prefix("sqlite:").expect("a file");
        rusqlite::Connection::open(path).and_then(|file| file.execute(sql, [])).expect("executed")
    }

    pub(crate) async fn runs(&self) -> Vec<RunRecord> {
        self.store.run_list(ENVIRONMENT, 1_000, 0).await.expect("listed")
    }

    /// The events in the outbox: their numbers and names.
    pub(crate) async fn outbox(&self) -> Vec<(i64, String)> {
        let entries = self.store.outbox_list(ENVIRONMENT, 0, 10_000).await.expect("listed");
        entries.into_iter().map(|entry| (entry.number, entry.event)).collect()
    }

    pub(crate) async fn check(&self) {
        assert_eq!(self.store.inconsistency_list(ENVIRONMENT).await.expect("compared"), []);
    }
}

/// What is kept for a month and published on a server.
pub(crate) fn relaying(redis: &RedisServer) -> RelaySettings {
    RelaySettings { redis: Some(address(redis)), retention_days: 30 }
}

pub(crate) fn address(redis: &RedisServer) -> RedisAddress {
    redis.uri().parse().expect("an address")
}

/// Somebody who listens on every channel.
pub(crate) struct Listener(PubSub);

impl Listener {
    pub(crate) async fn on(redis: &RedisServer) -> Self {
        let client = redis::Client::open(redis.uri()).expect("an address");
        let mut subscription = client.get_async_pubsub().await.expect("connects");
        subscription.psubscribe("*").await.expect("subscribes");
        Self(subscription)
    }

    /// Returns the next message and its channel.
    pub(crate) async fn next(&mut self) -> (String, Value) {
        let mut messages = self.0.on_message();
        let message = in_time("a message", messages.next()).await.expect("the server is there");
        let value = serde_json::from_slice(message.get_payload_bytes()).expect("JSON in UTF-8");
        (message.get_channel_name().to_owned(), value)
    }

    /// Returns messages up to the first of an event, which is the last of them.
    pub(crate) async fn until(&mut self, event: &str) -> Vec<(String, Value)> {
        let mut all = Vec::new();
        while all.last().is_none_or(|(_, message): &(String, Value)| message["event"] != event) {
            all.push(self.next().await);
        }
        all
    }
}

pub(crate) async fn in_time<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("{what} never came"))
}

/// Polls a future so many times at most and drops it then, as the death of its process would.
pub(crate) async fn die_after(polls: usize, future: impl Future) {
    let mut future = std::pin::pin!(future);
    let mut left = polls;
    std::future::poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(());
        }
        left -= 1;
        future.as_mut().poll(context).map(drop)
    })
    .await;
}

/// Asks again and again, between which others get their turn.
pub(crate) async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    in_time(what, async {
        loop {
            if let Some(found) = ask().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
}
