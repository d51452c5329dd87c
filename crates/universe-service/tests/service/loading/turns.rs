//! Several servers on one database: a job is carried out once, and goes on where its process stopped.

use universe_core::Timeframe;
use universe_store::DataLoadStatus;
use universe_testkit::test_redis;

use super::*;
use crate::harness::{die_after, relaying};

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_carry_out_every_job_once() {
    let Some(redis) = test_redis() else { return };
    for place in Place::all().await {
        let stand_in = stand_in();
        let (one, other) = (Arc::new(place.daemon("a")), Arc::new(place.other_daemon("b").await));
        let servers = [&one, &other].map(|daemon| Server::start(daemon, relaying(&redis), settings(&stand_in)));
        let jobs: Vec<String> = (0..12).map(|number| format!("job-{number}")).collect();
        for (at, job_id) in jobs.iter().enumerate() {
            publish(&redis, 2, &message(job_id, json!({"symbols": [LISTINGS[at % 6]], "years": at / 6 + 1}))).await;
        }
        for job_id in &jobs {
            let job = ended(&one, job_id).await;
            check_completed(&job);
            assert_eq!(status_in_redis(&redis, job_id).await["status"], "completed");
            let _: i64 = command(&redis, &["DEL", &status_key(job_id)]).await;
        }
        for server in servers {
            server.stop().await;
        }
        let answered = stand_in.answered();
        assert!(answered.len() == 12 && answered.values().all(|times| *times == 1), "{answered:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_leaves_its_job_to_the_next_one() {
    for place in Place::all().await {
        let symbols: Vec<String> = (0..60).map(|number| format!("S{number}")).collect();
        let mut market = StandInSettings::of(symbols.clone(), TUESDAY);
        market.latency = Duration::from_millis(20);
        let stand_in = MassiveStandIn::start(market);
        let relay = || RelaySettings { redis: None, retention_days: 30 };
        let first = Arc::new(place.daemon("a"));
        let server = Server::start(&first, relay(), settings(&stand_in));
        order(&first, "job-1", &DataLoadWish { symbols: symbols.clone(), ..wish() }).await;
        eventually("some bars", async || (stand_in.requests() > 8).then_some(())).await;
        server.stop().await;
        let left = job(&first, "job-1").await;
        assert_eq!(left.status, DataLoadStatus::Running);
        let done = done_symbols(&first).await;
        assert!(done.len() < 60, "{}", done.len());

        // No lease is waited for.
        let second = Arc::new(place.other_daemon("b").await);
        let server = Server::start(&second, relay(), settings(&stand_in));
        let ended = ended(&second, "job-1").await;
        server.stop().await;
        check_completed(&ended);
        check_bars(&place, &stand_in, &ended, &symbols).await;
        for (asked, times) in stand_in.answered() {
            assert!(times == 1 || !done.contains(&asked.symbol), "{asked:?} was done, and asked for {times} times");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_may_die_at_any_point_of_a_job() {
    for place in Place::all().await {
        // A server is waited for more often than a file. Each life is a little longer than the one before: ten in
        // a row that come to nothing would be the end of the job.
        let step = if place.uri().starts_with("sqlite:") { 3 } else { 11 };
        let symbols: Vec<String> = (0..60).map(|number| format!("S{number}")).collect();
        let stand_in = MassiveStandIn::start(StandInSettings::of(symbols.clone(), TUESDAY));
        let daemon = place.daemon("a");
        order(&daemon, "job-1", &DataLoadWish { symbols: symbols.clone(), ..wish() }).await;
        let mut settings = settings(&stand_in);
        settings.concurrency = 2;
        let (_keep, stop) = watch::channel(false);
        let (mut done, mut deaths) = (Vec::new(), 0);
        while !job(&daemon, "job-1").await.status.is_over() {
            let answered = stand_in.answered();
            die_after(deaths * step + 1, load_data_once(&daemon, &settings, &stop)).await;
            deaths += 1;
            for (asked, times) in stand_in.answered() {
                let before = answered.get(&asked).copied().unwrap_or_default();
                assert!(times == before || !done.contains(&asked.symbol), "{asked:?} was done already");
            }
            done = done_symbols(&daemon).await;
            place.ambient.advance(settings.lease_seconds + 1);
        }
        let ended = job(&daemon, "job-1").await;
        check_completed(&ended);
        check_bars(&place, &stand_in, &ended, &symbols).await;
        assert!(deaths > 3, "{deaths}");
    }
}

/// The symbols whose tasks have ended.
async fn done_symbols(daemon: &Daemon) -> Vec<String> {
    let tasks = daemon.store.data_load_task_list("job-1").await.expect("listed").into_iter();
    let done = tasks.filter(|task| task.status != universe_store::DataLoadTaskStatus::Pending);
    done.map(|task| task.symbol.to_string()).collect()
}

async fn check_bars(place: &Place, stand_in: &MassiveStandIn, job: &DataLoadRecord, symbols: &[String]) {
    let (first, last) = (job.first_date.expect("known"), job.last_date.expect("known"));
    for symbol in symbols {
        let expected = expected_bars(stand_in, symbol, Timeframe::Day, first, last);
        let stored = stored_bars(place, symbol, Timeframe::Day).await;
        assert!(stored == expected && stored.len() > 200, "{symbol}: {} of {}", stored.len(), expected.len());
    }
}
