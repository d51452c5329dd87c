//! The limit of requests: kept by itself, and obeyed when the API has another one.

use std::time::Instant;

use universe_testkit::{Fault, RetryAfter};

use super::*;

/// Reads the daily bars of many symbols at once; returns how long it took.
async fn read_many(client: &Client, symbols: &[String], seconds: impl Fn() -> f64) -> f64 {
    let before = seconds();
    let mut tasks = tokio::task::JoinSet::new();
    for text in symbols {
        let (client, text) = (client.clone(), text.clone());
        tasks.spawn(async move { read_days(&client, &text).await.expect("bars").bars.len() });
    }
    for bars in tasks.join_all().await {
        assert_eq!(bars, 62);
    }
    seconds() - before
}

fn many() -> Vec<String> {
    ('A'..='Z').flat_map(|a| ["A", "B"].map(|b| format!("{a}{b}"))).collect()
}

#[expect(clippy::disallowed_methods, reason = "the test is about real time")]
fn stopwatch() -> impl Fn() -> f64 {
    let start = Instant::now();
    move || start.elapsed().as_secs_f64()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_at_once_share_the_limit_and_use_it_up() {
    let server = MassiveStandIn::start(StandInSettings::of(many(), date(2023, 12, 29)));
    // 52 requests at 20 a second: 2.6 seconds, and not much longer.
    let client = Client::new(Settings { requests_per_minute: 1_200, ..settings(&server) }).expect("usable settings");
    let took = read_many(&client, &many(), stopwatch()).await;
    assert!((2.0..2.6 / 0.8).contains(&took), "{took} s");
    assert_eq!(server.requests(), 52);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_that_the_client_does_not_know_is_obeyed_when_it_is_told() {
    let mut market = StandInSettings::of(many(), date(2023, 12, 29));
    market.limit = Some(20);
    market.limit_window = Duration::from_secs(1);
    let server = MassiveStandIn::start(market);
    let client = Client::new(Settings { longest_wait: Duration::from_secs(60), ..settings(&server) });
    let took = read_many(&client.expect("usable settings"), &many(), stopwatch()).await;
    assert!(server.told_to_wait() > 0);
    // Without the pause for all, 52 requests would ask thousands of times.
    assert!(server.requests() < 52 * 6, "{} requests", server.requests());
    assert!(took >= 2.0, "{took} s");
}

#[tokio::test]
async fn everybody_waits_when_one_is_told_to() {
    let server = stand_in();
    server.fail("AAPL", Fault::TooMany(RetryAfter::Seconds(1)), Some(1));
    let client = Client::new(Settings { longest_wait: Duration::from_secs(60), ..settings(&server) });
    let client = client.expect("usable settings");
    let seconds = stopwatch();
    let told = tokio::spawn({
        let client = client.clone();
        async move { read_days(&client, "AAPL").await }
    });
    while server.requests() == 0 {
        tokio::task::yield_now().await;
    }
    // The answer may be on its way still; the request that it holds back is the one after it.
    told.await.expect("it ends").expect("bars");
    assert!(seconds() >= 1.0);
    server.fail("AAPL", Fault::TooMany(RetryAfter::DateIn(1)), Some(1));
    let seconds = stopwatch();
    let (told, other) = tokio::join!(read_days(&client, "AAPL"), async {
        while server.requests() < 3 {
            tokio::task::yield_now().await;
        }
        let _ = read_days(&client, "BRK.B").await.expect("bars");
        read_days(&client, "MSFT").await
    });
    assert!(told.is_ok() && other.is_ok());
    assert!(seconds() >= 1.0);
}
