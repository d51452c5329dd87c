//! Data-load jobs from the message to the next run, on both databases, against a stand-in of the Massive API.

mod bars;
mod faults;
mod messages;
mod pace;
mod turns;

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use jiff::civil::Date;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use universe_core::Timeframe;
use universe_feeds::massive::{ApiKey, Client, Settings};
use universe_service::{
    DATA_LOAD_CHANNEL, Daemon, DataLoadSettings, DataLoadWish, RelaySettings, SupervisorSettings, load_data_once,
    status_key, supervise,
};
use universe_store::{DataLoadRecord, DataLoadStatus, Needs};
use universe_testkit::builders::TUESDAY;
use universe_testkit::{MassiveStandIn, RedisServer, StandInSettings};

use crate::harness::{Place, WORKER, eventually, in_time};

/// The listings of the tests' market.
const LISTINGS: [&str; 6] = ["AAPL", "GME", "MSFT", "NVDA", "QQQ", "SPY"];

/// A stand-in with the tests' market, up to Tuesday.
fn stand_in() -> MassiveStandIn {
    MassiveStandIn::start(StandInSettings::of(LISTINGS, TUESDAY))
}

/// How jobs are carried out in tests: without a limit, and hardly waiting for what failed.
fn settings(stand_in: &MassiveStandIn) -> DataLoadSettings {
    settings_with(stand_in, stand_in.api_key(), |_| {})
}

fn settings_with(stand_in: &MassiveStandIn, key: &str, change: impl FnOnce(&mut Settings)) -> DataLoadSettings {
    let mut client = Settings::new(stand_in.base_url(), ApiKey::new(key));
    client.requests_per_minute = 0;
    client.retries = 1;
    client.first_wait = Duration::from_millis(1);
    change(&mut client);
    DataLoadSettings {
        client: Client::new(client).map_err(|error| error.to_string()),
        concurrency: 4,
        use_cache_universes: true,
        csv_directory: ".".into(),
        lease_seconds: 30,
        poll: Duration::from_millis(10),
    }
}

fn wish() -> DataLoadWish {
    DataLoadWish {
        universe_key: None,
        csv_file: None,
        symbols: Vec::new(),
        years: 1,
        timeframes: Vec::new(),
        include_ohlcv: true,
    }
}

/// Orders a job and carries it out.
async fn load(daemon: &Daemon, settings: &DataLoadSettings, job_id: &str, wish: &DataLoadWish) -> DataLoadRecord {
    order(daemon, job_id, wish).await;
    let (_keep, stop) = watch::channel(false);
    let done = in_time("the end of a job", load_data_once(daemon, settings, &stop)).await.expect("the queue is read");
    assert_eq!(done.as_deref(), Some(job_id));
    job(daemon, job_id).await
}

async fn order(daemon: &Daemon, job_id: &str, wish: &DataLoadWish) {
    let request = wish.check().expect("a request");
    daemon.order_data_load(Some(job_id.to_owned()), request, "a test").await.expect("ordered");
}

async fn job(daemon: &Daemon, job_id: &str) -> DataLoadRecord {
    daemon.store.data_load_find(job_id).await.expect("read").expect("there")
}

async fn ended(daemon: &Daemon, job_id: &str) -> DataLoadRecord {
    eventually("the end of a job", async || {
        let job = daemon.store.data_load_find(job_id).await.expect("read");
        job.filter(|job| job.status.is_over())
    })
    .await
}

/// A whole server that loads.
struct Server {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Server {
    fn start(daemon: &Arc<Daemon>, relay: RelaySettings, loading: DataLoadSettings) -> Self {
        let (stop, stopped) = watch::channel(false);
        let settings = SupervisorSettings { worker: WORKER, relay, scheduler: None, loading };
        Self { stop, task: tokio::spawn(supervise(Arc::clone(daemon), settings, stopped)) }
    }

    async fn stop(self) {
        self.stop.send_replace(true);
        in_time("the end of a server", self.task).await.expect("no panic");
    }
}

async fn command<T: redis::FromRedisValue>(redis: &RedisServer, words: &[&str]) -> T {
    let client = redis::Client::open(redis.uri()).expect("an address");
    let mut connection = client.get_multiplexed_async_connection().await.expect("connects");
    redis::cmd(words[0]).arg(&words[1..]).query_async(&mut connection).await.expect("answered")
}

/// Publishes until so many servers hear it: a channel keeps nothing for those who come late.
async fn publish(redis: &RedisServer, servers: i64, message: &str) {
    eventually("subscribers", async || {
        let words = ["PUBSUB", "NUMSUB", DATA_LOAD_CHANNEL];
        let (_, listening): (String, i64) = command(redis, &words).await;
        (listening == servers).then_some(())
    })
    .await;
    let heard: i64 = command(redis, &["PUBLISH", DATA_LOAD_CHANNEL, message]).await;
    assert_eq!(heard, servers);
}

/// Returns the status of a job in Redis, once it is over.
async fn status_in_redis(redis: &RedisServer, job_id: &str) -> Value {
    eventually("the status of a job", async || {
        let text: Option<String> = command(redis, &["GET", &status_key(job_id)]).await;
        let status: Value = serde_json::from_str(&text?).expect("JSON");
        let is_over = !matches!(status["status"].as_str(), Some("pending" | "running"));
        is_over.then_some(status)
    })
    .await
}

fn message(job_id: &str, changes: Value) -> String {
    let mut message = json!({
        "job_id": job_id, "job_type": "csv_universe_load", "years": 1, "requested_by": "admin",
        "timestamp": "2024-03-05T22:00:00Z",
    });
    for (name, value) in changes.as_object().expect("fields") {
        message[name] = value.clone();
    }
    message.to_string()
}

/// Somebody who listens to errors.
struct Errors(redis::aio::PubSub);

impl Errors {
    async fn of(redis: &RedisServer) -> Self {
        let client = redis::Client::open(redis.uri()).expect("an address");
        let mut subscription = client.get_async_pubsub().await.expect("connects");
        subscription.subscribe("tickstock:errors").await.expect("subscribes");
        Self(subscription)
    }

    async fn next(&mut self) -> Value {
        let mut messages = self.0.on_message();
        let message = in_time("an error", messages.next()).await.expect("the server is there");
        serde_json::from_slice(message.get_payload_bytes()).expect("JSON in UTF-8")
    }
}

/// Returns the symbols of all listings, in order.
async fn known(place: &Place) -> Vec<String> {
    let needs = Needs { company_names: false, details: false, facts: Vec::new(), returns: false };
    let listings = place.store.observation_read(TUESDAY, &needs).await.expect("observed").symbol;
    listings.iter().map(ToString::to_string).collect()
}

/// A bar as it is stored: its time, its prices in millionths of a dollar, its volume.
type StoredBar = (String, [i64; 4], i64);

/// Returns the stored bars of a symbol, in order of time.
async fn stored_bars(place: &Place, symbol: &str, timeframe: Timeframe) -> Vec<StoredBar> {
    let (table, time) = (timeframe.table(), if timeframe.is_dated() { "date" } else { "timestamp" });
    let micros = |dollars: f64| (dollars * 1e6).round() as i64;
    if let Some(path) = place.uri().strip_prefix("sqlite:") {
        let file = rusqlite::Connection::open(path).expect("opens");
        let sql = format!("select {time}, open, high, low, close, volume from {table} where symbol = ?1 order by 1");
        let mut statement = file.prepare(&sql).expect("prepared");
        let rows = statement.query_map([symbol], |row| {
            let prices = [micros(row.get(1)?), micros(row.get(2)?), micros(row.get(3)?), micros(row.get(4)?)];
            Ok((row.get(0)?, prices, row.get(5)?))
        });
        return rows.expect("queried").collect::<Result<_, _>>().expect("read");
    }
    let (client, connection) = tokio_postgres::connect(place.uri(), tokio_postgres::NoTls).await.expect("connects");
    tokio::spawn(connection);
    let format = if timeframe.is_dated() { "YYYY-MM-DD" } else { "YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"" };
    let text = if timeframe.is_dated() { "date" } else { "timestamp at time zone 'UTC'" };
    let sql = format!(
        "select to_char({text}, '{format}'), open::float8, high::float8, low::float8, close::float8, volume
        from {table} where symbol = $1 order by {time}"
    );
    let rows = client.query(&sql, &[&symbol]).await.expect("read");
    rows.iter().map(|row| (row.get(0), [1, 2, 3, 4].map(|at| micros(row.get(at))), row.get(5))).collect()
}

/// Returns the bars that the market has, as they are stored.
fn expected_bars(
    stand_in: &MassiveStandIn,
    symbol: &str,
    timeframe: Timeframe,
    from: Date,
    to: Date,
) -> Vec<StoredBar> {
    let bars = stand_in.bars(symbol, timeframe, from, to).into_iter();
    bars.map(|bar| {
        let time = if timeframe.is_dated() { bar.date.to_string() } else { bar.start.to_string() };
        let prices = [bar.open, bar.high, bar.low, bar.close].map(universe_core::Price::micros);
        (time, prices, i64::try_from(bar.volume).expect("few"))
    })
    .collect()
}

/// Checks that a job did all it could: exactly the bars of the market are stored.
#[track_caller]
fn check_completed(job: &DataLoadRecord) {
    assert_eq!(job.status, DataLoadStatus::Completed, "{job:?}");
    assert_eq!((job.symbols_done, job.tasks_done), (job.symbols_total.expect("known"), job.tasks_total));
    assert_eq!((job.error_count, job.percentage()), (0, 100));
}
