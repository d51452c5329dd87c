//! What can be in the way of a job, and what it does then.

use universe_core::Timeframe;
use universe_store::DataLoadStatus;
use universe_testkit::Fault;
use universe_testkit::builders::ENVIRONMENT;

use super::*;

/// The messages of all error events.
async fn told(place: &Place) -> Vec<(String, String)> {
    let entries = place.store.outbox_list(ENVIRONMENT, 0, 1_000).await.expect("listed");
    let errors = entries.iter().filter(|entry| entry.event == "error");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    errors.map(|entry| &entry.message["payload"]).map(|of| (text(&of["severity"]), text(&of["message"]))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_failing_symbol_fails_alone() {
    for place in Place::all().await {
        let stand_in = stand_in();
        stand_in.fail("MSFT", Fault::Status(400), None);
        stand_in.fail("NVDA", Fault::CutOff, None);
        // Once is nothing: it is tried again.
        stand_in.fail("AAPL", Fault::Status(500), Some(1));
        let wish = DataLoadWish { symbols: LISTINGS.map(str::to_owned).to_vec(), ..wish() };
        let job = load(&place.daemon("a"), &settings(&stand_in), "job-1", &wish).await;
        assert_eq!((job.status, job.error_count), (DataLoadStatus::CompletedWithErrors, 2), "{job:?}");
        assert_eq!((job.symbols_done, job.tasks_done, job.percentage()), (6, 6, 100));
        let failed: Vec<&str> = job.errors.iter().map(|fault| fault.symbol.as_str()).collect();
        assert_eq!(failed, ["MSFT", "NVDA"]);
        assert!(job.errors[0].message.contains("HTTP 400"), "{:?}", job.errors);
        for symbol in ["AAPL", "GME", "QQQ", "SPY"] {
            let (first, last) = (job.first_date.expect("known"), job.last_date.expect("known"));
            let expected = expected_bars(&stand_in, symbol, Timeframe::Day, first, last);
            let stored = stored_bars(&place, symbol, Timeframe::Day).await;
            assert!(stored == expected && stored.len() > 200, "{symbol}: {}", stored.len());
        }
        let told = told(&place).await;
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(told[0].0, "warning");
        assert!(told[0].1.contains("data-load job job-1") && told[0].1.contains("2 of 6 tasks failed"), "{told:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_key_ends_the_job_at_once() {
    let place = Place::sqlite().await;
    let stand_in = stand_in();
    let settings = settings_with(&stand_in, "another key", |_| {});
    let wish = DataLoadWish { symbols: LISTINGS.map(str::to_owned).to_vec(), ..wish() };
    let job = load(&place.daemon("a"), &settings, "job-1", &wish).await;
    assert_eq!((job.status, job.tasks_done, job.bars), (DataLoadStatus::Failed, 0, 0));
    assert!(job.message.contains("refused the key") && job.message.contains("massive.api_key"), "{}", job.message);
    assert!(stand_in.requests() <= settings.concurrency as u64, "{}", stand_in.requests());
    let told = told(&place).await;
    assert!(told.len() == 1 && told[0].0 == "error" && told[0].1.contains("refused the key"), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_a_job_fails_and_says_so() {
    let place = Place::sqlite().await;
    let stand_in = stand_in();
    let settings = settings_with(&stand_in, "", |_| {});
    let daemon = place.daemon("a");
    let wish = DataLoadWish { symbols: vec!["AAPL".to_owned()], ..wish() };
    let job = load(&daemon, &settings, "job-1", &wish).await;
    assert_eq!(job.status, DataLoadStatus::Failed);
    assert!(job.message.contains("massive.api_key"), "{}", job.message);
    // What needs no key works without.
    let job = load(&daemon, &settings, "job-2", &DataLoadWish { include_ohlcv: false, ..wish }).await;
    assert_eq!(job.status, DataLoadStatus::Completed);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_that_is_away_ends_the_job_before_every_task_has_failed() {
    let place = Place::sqlite().await;
    let symbols: Vec<String> = (0..200).map(|number| format!("S{number}")).collect();
    let stand_in = MassiveStandIn::start(StandInSettings::of(symbols.clone(), TUESDAY));
    stand_in.fail_at_random(1, 1_000, &[Fault::Status(503)]);
    let wish = DataLoadWish { symbols, ..wish() };
    let job = load(&place.daemon("a"), &settings(&stand_in), "job-1", &wish).await;
    assert_eq!(job.status, DataLoadStatus::Failed);
    assert!(job.message.starts_with("given up after 2"), "{}", job.message);
    assert!((20..60).contains(&job.tasks_done), "{job:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_of_failures_only_has_failed() {
    let place = Place::sqlite().await;
    let stand_in = stand_in();
    stand_in.fail("AAPL", Fault::Malformed, None);
    let wish = DataLoadWish { symbols: vec!["AAPL".to_owned()], ..wish() };
    let job = load(&place.daemon("a"), &settings(&stand_in), "job-1", &wish).await;
    assert_eq!((job.status, job.error_count), (DataLoadStatus::Failed, 1), "{job:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_of_what_is_not_there_fails_and_says_what() {
    let place = Place::sqlite().await;
    let stand_in = stand_in();
    let daemon = place.daemon("a");
    for (job_id, wish, reason) in [
        ("1", DataLoadWish { universe_key: Some("top_5000".to_owned()), ..wish() }, "there is no universe top_5000"),
        ("2", DataLoadWish { csv_file: Some("missing.csv".to_owned()), ..wish() }, "missing.csv"),
    ] {
        let job = load(&daemon, &settings(&stand_in), job_id, &wish).await;
        assert_eq!(job.status, DataLoadStatus::Failed);
        assert!(job.message.contains(reason), "{}", job.message);
    }
    assert_eq!(stand_in.requests(), 0);
    assert_eq!(told(&place).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_at_work_is_cancelled_within_seconds() {
    for place in Place::all().await {
        let mut market = StandInSettings::of((0..500).map(|number| format!("S{number}")), TUESDAY);
        market.latency = Duration::from_millis(20);
        let stand_in = MassiveStandIn::start(market);
        let daemon = Arc::new(place.daemon("a"));
        let server = Server::start(&daemon, RelaySettings { redis: None, retention_days: 30 }, settings(&stand_in));
        let symbols = (0..500).map(|number| format!("S{number}")).collect();
        order(&daemon, "job-1", &DataLoadWish { symbols, ..wish() }).await;
        eventually("some bars", async || (stand_in.requests() > 20).then_some(())).await;
        assert_eq!(daemon.cancel_data_load("job-1").await.expect("written"), Some(DataLoadStatus::Running));
        let job = ended(&daemon, "job-1").await;
        assert_eq!(job.status, DataLoadStatus::Cancelled);
        assert!(job.tasks_done < 500 && job.bars > 0, "{job:?}");
        assert_eq!(daemon.cancel_data_load("job-1").await.expect("read"), Some(DataLoadStatus::Cancelled));
        assert_eq!(daemon.cancel_data_load("job-2").await.expect("read"), None);
        // One that waits is cancelled at once, and never begins.
        server.stop().await;
        order(&daemon, "job-3", &DataLoadWish { symbols: vec!["S1".to_owned()], ..wish() }).await;
        assert_eq!(daemon.cancel_data_load("job-3").await.expect("written"), Some(DataLoadStatus::Cancelled));
        let (_keep, stop) = watch::channel(false);
        assert_eq!(load_data_once(&daemon, &settings(&stand_in), &stop).await.expect("read"), None);
    }
}
