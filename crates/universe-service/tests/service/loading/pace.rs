//! How fast jobs are, beside what the API allows; prints figures and asserts none, for machines differ.

use std::time::Instant;

use super::*;

/// What the stand-in allows in a second.
const REQUESTS_PER_SECOND: u32 = 100;

/// Loads two years of daily bars of as many symbols as the API allows in some seconds: five, or ten with
/// `UNIVERSE_LONG_TESTS=1`.
#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::disallowed_methods, reason = "a pace is measured in real time")]
async fn a_job_keeps_up_with_the_limit_of_the_api() {
    let is_long = std::env::var("UNIVERSE_LONG_TESTS").is_ok_and(|value| value == "1");
    let seconds = if is_long { 10 } else { 2 };
    let symbols: Vec<String> = (0..seconds * REQUESTS_PER_SECOND).map(|number| format!("S{number}")).collect();
    for place in Place::all().await {
        let mut market = StandInSettings::of(symbols.clone(), TUESDAY);
        market.limit = Some(REQUESTS_PER_SECOND * 60);
        market.latency = Duration::from_millis(50);
        let stand_in = MassiveStandIn::start(market);
        let mut settings = settings_with(&stand_in, stand_in.api_key(), |client| {
            client.requests_per_minute = REQUESTS_PER_SECOND * 60;
        });
        settings.concurrency = 16;
        let daemon = place.daemon("a");
        // Members of a universe are known already.
        let known = DataLoadWish { symbols: symbols.clone(), include_ohlcv: false, ..wish() };
        load(&daemon, &settings, "known", &known).await;
        order(&daemon, "job-1", &DataLoadWish { symbols: symbols.clone(), years: 2, ..wish() }).await;
        let (_keep, stop) = watch::channel(false);
        let began = Instant::now();
        load_data_once(&daemon, &settings, &stop).await.expect("the queue is read");
        let took = began.elapsed().as_secs_f64();
        let job = job(&daemon, "job-1").await;
        check_completed(&job);
        assert_eq!((stand_in.requests(), stand_in.told_to_wait()), (symbols.len() as u64, 0));
        let pace = symbols.len() as f64 / took;
        eprintln!(
            "{:?}: {} symbols, {} bars in {took:.2} s: {pace:.1} requests a second, {:.0} % of what the API allows",
            daemon.store.backend(),
            symbols.len(),
            job.bars,
            pace * 100.0 / f64::from(REQUESTS_PER_SECOND),
        );
    }
}
