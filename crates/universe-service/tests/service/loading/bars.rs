//! What comes in is what the market has, and what a run makes of it.

use jiff::civil::date;
use universe_core::Timeframe;
use universe_service::{Question, Wish, look_up, work_once};
use universe_store::DataLoadStatus;
use universe_testkit::builders::{ENVIRONMENT, MONDAY, RULES, TUESDAY, rules};
use universe_testkit::test_redis;

use super::*;
use crate::harness::relaying;

/// The members of a universe with their caps.
async fn caps(place: &Place, universe: &str) -> Vec<(String, Option<i64>)> {
    let question = Question { environment: ENVIRONMENT, as_of: None, known_at: None };
    let answer = look_up(&*place.store, &rules(RULES), universe, question).await.expect("an answer");
    answer.members.into_iter().map(|member| (member.symbol.to_string(), member.market_cap.map(|cap| cap.0))).collect()
}

/// Makes the universes as of Monday evening.
async fn synchronize(daemon: &Daemon) {
    daemon.order(&Wish::full("api")).await.expect("ordered");
    let run_id = work_once(daemon, WORKER).await.expect("worked").expect("a run");
    let run = daemon.store.run_find(run_id).await.expect("read").expect("there");
    assert_eq!((run.status.as_str(), run.error), ("completed", None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_becomes_bars_that_the_next_run_goes_by() {
    let Some(redis) = test_redis() else { return };
    for place in Place::all().await {
        let stand_in = stand_in();
        let daemon = Arc::new(place.daemon("a"));
        synchronize(&daemon).await;
        let before = caps(&place, "mega_cap").await;
        assert!(before.iter().any(|(symbol, _)| symbol == "AAPL"), "{before:?}");
        // Tuesday evening in New York.
        place.ambient.advance(24 * 3_600);

        let server = Server::start(&daemon, relaying(&redis), settings(&stand_in));
        let asked = message("job-1", json!({"universe_key": "mega_cap", "timeframes": ["day", "week"]}));
        publish(&redis, 1, &asked).await;
        publish(&redis, 1, &asked).await;
        let status = status_in_redis(&redis, "job-1").await;
        server.stop().await;
        let of = before.len() as u64;
        assert_eq!(status["status"], "completed", "{status}");
        assert_eq!(
            (&status["progress"], &status["symbols_total"], &status["symbols_done"]),
            (&json!(100), &json!(of), &json!(of))
        );
        assert_eq!(status["errors"], json!([]));
        assert!(status["updated_at"].as_str().is_some_and(|at| at.starts_with("2024-03-05T22:")), "{status}");
        let left: i64 = command(&redis, &["TTL", &status_key("job-1")]).await;
        assert!(left > 86_400, "{left}");
        let _: i64 = command(&redis, &["DEL", &status_key("job-1")]).await;
        assert_eq!(daemon.store.data_load_count(ENVIRONMENT).await.expect("counted"), 1);

        let job = job(&daemon, "job-1").await;
        check_completed(&job);
        let (first, last) = (date(2023, 3, 5), TUESDAY);
        assert_eq!((job.first_date, job.last_date), (Some(first), Some(last)));
        for (symbol, _) in &before {
            for timeframe in [Timeframe::Day, Timeframe::Week] {
                let stored = stored_bars(&place, symbol, timeframe).await;
                assert_eq!(stored, expected_bars(&stand_in, symbol, timeframe, first, last), "{symbol} {timeframe}");
                assert!(stored.len() > 50, "{symbol} {timeframe}: {}", stored.len());
            }
        }
        assert_eq!(stand_in.answered().len(), 2 * before.len());
        assert!(stand_in.answered().values().all(|times| *times == 1));

        // The next run goes by Tuesday's closes.
        synchronize(&daemon).await;
        let runs = place.runs().await;
        assert_eq!(runs[0].session, Some(TUESDAY));
        let close = stand_in.bars("AAPL", Timeframe::Day, TUESDAY, TUESDAY)[0].close;
        let cap = close.times_shares(15_400_000_000).expect("a cap").0;
        let mut after = caps(&place, "mega_cap").await;
        after.extend(caps(&place, "large_cap").await);
        after.extend(caps(&place, "mid_cap").await);
        let found = after.iter().find(|(symbol, _)| symbol == "AAPL");
        assert_eq!(found, Some(&("AAPL".to_owned(), Some(cap))), "{after:?}");
        place.check().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_length_of_bar_is_loaded_page_by_page() {
    for place in Place::all().await {
        let mut market = StandInSettings::of(LISTINGS, TUESDAY);
        // Pages so short that minutes take many of them.
        market.page_rows_max = 5_000;
        market.listings.get_mut("GME").expect("listed").first_session = date(2024, 1, 16);
        let stand_in = MassiveStandIn::start(market);
        place.ambient.advance(24 * 3_600);
        let timeframes = Timeframe::ALL.map(|timeframe| timeframe.as_str().to_owned()).to_vec();
        let wish = DataLoadWish { symbols: vec!["gme".to_owned()], timeframes, ..wish() };
        let daemon = place.daemon("a");
        let job = load(&daemon, &settings(&stand_in), "job-1", &wish).await;
        check_completed(&job);
        let mut bars = 0;
        for timeframe in Timeframe::ALL {
            let stored = stored_bars(&place, "GME", timeframe).await;
            let expected = expected_bars(&stand_in, "GME", timeframe, job.first_date.expect("known"), TUESDAY);
            assert_eq!(stored.len(), expected.len(), "{timeframe}");
            assert!(stored == expected && !stored.is_empty(), "{timeframe}");
            bars += stored.len() as u64;
        }
        assert_eq!(job.bars, bars);
        assert!(stand_in.requests() > 5, "{}", stand_in.requests());
        // The same again asks for everything again, and changes nothing.
        let again = load(&daemon, &settings(&stand_in), "job-2", &wish).await;
        assert_eq!((again.status, again.bars), (DataLoadStatus::Completed, bars));
        assert_eq!(
            stored_bars(&place, "GME", Timeframe::Minute).await.len(),
            expected_bars(&stand_in, "GME", Timeframe::Minute, job.first_date.expect("known"), TUESDAY).len()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_session_of_today_is_not_loaded_before_its_close() {
    let place = Place::sqlite().await;
    let stand_in = stand_in();
    // Tuesday, 13:00 in New York.
    place.ambient.advance(20 * 3_600);
    let wish = DataLoadWish { symbols: vec!["AAPL".to_owned()], ..wish() };
    let job = load(&place.daemon("a"), &settings(&stand_in), "job-1", &wish).await;
    check_completed(&job);
    assert_eq!(job.last_date, Some(MONDAY));
    let stored = stored_bars(&place, "AAPL", Timeframe::Day).await;
    assert_eq!(stored.last().map(|bar| bar.0.as_str()), Some("2024-03-04"));
}

#[tokio::test(flavor = "multi_thread")]
async fn symbols_become_known_with_their_first_bars() {
    for place in Place::all().await {
        let stand_in = MassiveStandIn::start(StandInSettings::of(["AAPL", "BRK.B", "PLTR"], TUESDAY));
        let daemon = place.daemon("a");
        let known = async || super::known(&place).await;
        let before = known().await;
        // Nobody ever heard of the last one.
        let texts = ["AAPL", "brk-b", "PLTR", "NOBODY"].map(str::to_owned).to_vec();
        let wish = DataLoadWish { symbols: texts, ..wish() };
        let job = load(&daemon, &settings(&stand_in), "job-1", &wish).await;
        assert!(job.status == DataLoadStatus::Completed || job.error_count == 1, "{job:?}");
        let mut expected = before.clone();
        expected.extend(["BRK.B", "PLTR"].map(str::to_owned));
        expected.sort();
        assert_eq!(known().await, expected);

        // Without bars they are all made known.
        let wish = DataLoadWish { symbols: vec!["ZZZ".to_owned(), "AAPL".to_owned()], include_ohlcv: false, ..wish };
        let requests = stand_in.requests();
        let job = load(&daemon, &settings(&stand_in), "job-2", &wish).await;
        assert_eq!((job.status, job.symbols_done, job.tasks_total), (DataLoadStatus::Completed, 2, 0));
        assert_eq!(stand_in.requests(), requests);
        expected.push("ZZZ".to_owned());
        assert_eq!(known().await, expected);
        assert!(job.message.contains("2 symbols") && job.message.contains("1 of them new"), "{}", job.message);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_counts_only_where_the_universe_does_not() {
    let place = Place::sqlite().await;
    let stand_in = stand_in();
    let daemon = place.daemon("a");
    synchronize(&daemon).await;
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("etfs.csv"), "symbol,name\nSPY,x\nQQQ,y\n").expect("written");
    let mut settings = settings(&stand_in);
    settings.csv_directory = folder.path().to_owned();
    let both = DataLoadWish { universe_key: Some("top_2".to_owned()), csv_file: Some("etfs.csv".to_owned()), ..wish() };
    let symbols = async |job_id: &str| -> Vec<String> {
        let tasks = daemon.store.data_load_task_list(job_id).await.expect("listed");
        tasks.into_iter().map(|task| task.symbol.to_string()).collect()
    };
    check_completed(&load(&daemon, &settings, "universe", &both).await);
    let top: Vec<String> = symbols("universe").await;
    assert!(top.len() == 2 && !top.contains(&"SPY".to_owned()), "{top:?}");
    let alone = DataLoadWish { universe_key: None, ..both.clone() };
    check_completed(&load(&daemon, &settings, "file", &alone).await);
    assert_eq!(symbols("file").await, ["QQQ", "SPY"]);
    settings.use_cache_universes = false;
    check_completed(&load(&daemon, &settings, "older", &both).await);
    assert_eq!(symbols("older").await, ["QQQ", "SPY"]);
    // Only the universe is named: there is nothing else to go by.
    let universe = DataLoadWish { csv_file: None, ..both };
    check_completed(&load(&daemon, &settings, "universe alone", &universe).await);
    assert_eq!(symbols("universe alone").await, top);
}

#[tokio::test(flavor = "multi_thread")]
async fn joins_and_entries_of_every_older_shape_are_loaded() {
    let place = Place::sqlite().await;
    let stand_in = stand_in();
    let daemon = place.daemon("a");
    synchronize(&daemon).await;
    for (key, value) in [
        ("plain", r#"["MSFT", "AAPL"]"#),
        ("symbols", r#"{"symbols": ["MSFT", "AAPL"], "count": 2}"#),
        ("value", r#"{"value": ["MSFT", "AAPL"]}"#),
        ("stocks", r#"{"stocks": [{"ticker": "MSFT", "rank": 1}, {"ticker": "AAPL"}]}"#),
        ("etfs", r#"{"etfs": [{"symbol": "MSFT"}, {"symbol": "AAPL"}]}"#),
    ] {
        place.execute(&format!(
            "insert into cache_entries (type, name, key, value) values ('stock_universe', 'Mine', 'my_{key}', '{value}')"
        ));
        let wish = DataLoadWish { universe_key: Some(format!("my_{key}")), ..wish() };
        let job = load(&daemon, &settings(&stand_in), key, &wish).await;
        check_completed(&job);
        assert_eq!(job.symbols_total, Some(2), "{key}");
    }
    // A stock and ETF combination, as older messages write it.
    let wish = DataLoadWish { universe_key: Some("top_2:etf_core".to_owned()), ..wish() };
    let job = load(&daemon, &settings(&stand_in), "combo", &wish).await;
    check_completed(&job);
    let tasks = daemon.store.data_load_task_list("combo").await.expect("listed");
    let symbols: Vec<&str> = tasks.iter().map(|task| task.symbol.as_str()).collect();
    assert!(symbols.len() == 4 && symbols.ends_with(&["QQQ", "SPY"]), "{symbols:?}");
}
