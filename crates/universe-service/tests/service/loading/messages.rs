//! Messages that cannot be carried out: told where people look, and never in the way of the next one.

use universe_store::DataLoadStatus;
use universe_testkit::builders::ENVIRONMENT;
use universe_testkit::test_redis;

use super::*;
use crate::harness::relaying;

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_message_is_told_and_the_next_one_is_heard() {
    let Some(redis) = test_redis() else { return };
    for place in Place::all().await {
        let stand_in = stand_in();
        let daemon = Arc::new(place.daemon("a"));
        let server = Server::start(&daemon, relaying(&redis), settings(&stand_in));
        let mut listener = Errors::of(&redis).await;
        let bad: Vec<(String, Option<&str>, &str)> = vec![
            ("not JSON at all".to_owned(), None, "no JSON"),
            (String::new(), None, "no JSON"),
            ("[1, 2]".to_owned(), None, "no object"),
            (message("", json!({"job_id": null, "universe_key": "top_2"})), None, "lacks job_id"),
            (message("b1", json!({"years": null, "universe_key": "top_2"})), Some("b1"), "lacks years"),
            (message("b2", json!({"years": 1_000, "universe_key": "top_2"})), Some("b2"), "from 1 to 50"),
            (message("b3", json!({"universe_key": "top_2", "timeframes": ["5min"]})), Some("b3"), "no timeframe"),
            (message("b4", json!({})), Some("b4"), "universe_key, csv_file and symbols"),
            (message("b5", json!({"csv_file": "../../etc/passwd"})), Some("b5"), "without a directory"),
            (message("b6", json!({"job_type": "other", "universe_key": "top_2"})), Some("b6"), "job_type"),
            (message("b7", json!({"symbols": ["A B"]})), Some("b7"), "symbols"),
            (message("b8", json!({"universe_key": "top_2 &"})), Some("b8"), "universe_key"),
            // This one looks good, until it is looked up.
            (message("b9", json!({"universe_key": "nobody"})), Some("b9"), "there is no universe nobody"),
        ];
        for (text, job_id, reason) in &bad {
            publish(&redis, 1, text).await;
            let event = listener.next().await;
            let payload = &event["payload"];
            assert_eq!((&event["event"], &payload["component"]), (&json!("error"), &json!("data_load")), "{event}");
            assert_eq!((&payload["severity"], payload["run_id"].as_str()), (&json!("error"), *job_id), "{text}");
            assert!(payload["message"].as_str().is_some_and(|said| said.contains(reason)), "{payload}");
            if let Some(job_id) = job_id {
                let status = status_in_redis(&redis, job_id).await;
                assert_eq!(status["status"], "failed", "{status}");
                assert!(status["message"].as_str().is_some_and(|said| said.contains(reason)), "{status}");
                assert_eq!(job(&daemon, job_id).await.status, DataLoadStatus::Failed);
                let _: i64 = command(&redis, &["DEL", &status_key(job_id)]).await;
            }
        }
        // A bad message with the id of a job that is good does not touch it.
        publish(&redis, 1, &message("good", json!({"symbols": ["AAPL"]}))).await;
        assert_eq!(status_in_redis(&redis, "good").await["status"], "completed");
        publish(&redis, 1, &message("good", json!({"symbols": []}))).await;
        let event = listener.next().await;
        assert_eq!(event["payload"]["run_id"], "good");
        assert_eq!(job(&daemon, "good").await.status, DataLoadStatus::Completed);
        server.stop().await;
        assert_eq!(daemon.store.data_load_count(ENVIRONMENT).await.expect("counted"), 10);
        let _: i64 = command(&redis, &["DEL", &status_key("good")]).await;
        place.check().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_being_away_does_not_stop_a_job() {
    let Some(mut redis) = test_redis() else { return };
    let place = Place::sqlite().await;
    let mut market = StandInSettings::of((0..100).map(|number| format!("S{number}")), TUESDAY);
    market.latency = Duration::from_millis(20);
    let stand_in = MassiveStandIn::start(market);
    let daemon = Arc::new(place.daemon("a"));
    let server = Server::start(&daemon, relaying(&redis), settings(&stand_in));
    let symbols: Vec<String> = (0..100).map(|number| format!("S{number}")).collect();
    publish(&redis, 1, &message("job-1", json!({"symbols": symbols}))).await;
    eventually("some bars", async || (stand_in.requests() > 10).then_some(())).await;
    redis.kill();
    check_completed(&ended(&daemon, "job-1").await);
    redis.restart().expect("starts");
    // What it missed is written when it is back.
    assert_eq!(status_in_redis(&redis, "job-1").await["status"], "completed");
    publish(&redis, 1, &message("job-2", json!({"symbols": ["S1"]}))).await;
    assert_eq!(status_in_redis(&redis, "job-2").await["status"], "completed");
    server.stop().await;
}
