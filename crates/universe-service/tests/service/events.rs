//! Every event of the public contract (section 4), field by field, as somebody who listens to Redis hears it.
//!
//! What is heard is also what `docs/events.md` shows: UPDATE_EXPECT=1 writes it there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use jiff::civil::date;
use serde_json::{Value, json};
use universe_service::{Relay, Wish, work_once};
use universe_testkit::builders::{MONDAY, TUESDAY, load_record, rules, six_listings, stock, symbol};
use universe_testkit::test_redis;

use crate::harness::{Listener, Place, WORKER, relaying};

/// A ranking whose changes are held, and the rest that makes an event.
const RULES: &[(&str, &str)] = &[
    (
        "rankings.toml",
        "category = \"market_leader\"\n\
        ranking = [{ key = \"top_2\", name = \"Top 2\", count = 2 }]\n\
        change_limit = { share = 0.2, count_min = 1 }\n",
    ),
    (
        "bands.toml",
        "category = \"market_cap\"\n\
        change_limit = { off = true }\n\
        band = [\n\
            { key = \"mega_cap\", name = \"Mega Cap\", at_least = 200e9 },\n\
            { key = \"mid_cap\", name = \"Mid Cap\", at_least = 2e9 },\n\
        ]\n",
    ),
    (
        "recent_ipos.toml",
        "category = \"ipo\"\n\
        screen = \"listing_age_days between 0 and 30\"\n\
        change_limit = { off = true }\n\
        [universe]\n\
        key = \"recent_ipos\"\n\
        name = \"Recent IPOs\"\n",
    ),
];

/// Two days of runs: the second has an offering, a delisting, a held change, and a run that fails.
async fn heard() -> Option<Vec<(String, Value)>> {
    let redis = test_redis()?;
    let place = Place::sqlite().await;
    let daemon = place.daemon_by("a", Arc::clone(&place.store), Arc::new(rules(RULES)));
    let mut listener = Listener::on(&redis).await;
    let mut relay = Relay::new(&daemon, relaying(&redis));
    let mut all = Vec::new();

    daemon.order(&Wish::full("api")).await.expect("ordered");
    work_once(&daemon, WORKER).await.expect("worked");
    relay.round().await.expect("published");
    all.extend(listener.until("phase_completed").await);

    place.ambient.advance(24 * 3_600);
    let mut rows = six_listings();
    let mut offering = stock("RDDT", 2_400.0, 160);
    offering.listing.listing_date = Some(TUESDAY);
    rows.push(offering);
    let mut grown = stock("LLY", 9_000.0, 950);
    grown.listing.listing_date = Some(date(1952, 6, 1));
    rows.push(grown);
    place.load(TUESDAY, rows).await;
    let mut gone = universe_core::ListingRecord::new(symbol("GME"));
    gone.is_active = Some(false);
    gone.delisted_date = Some(TUESDAY);
    let record = load_record("symbols", None);
    place.store.listing_load(&[gone], TUESDAY, &record, universe_testkit::builders::instant(2)).await.expect("loads");
    daemon.order(&Wish::full("scheduler")).await.expect("ordered");
    work_once(&daemon, WORKER).await.expect("worked");
    relay.round().await.expect("published");
    all.extend(listener.until("phase_completed").await);

    daemon.order(&Wish { session: Some(MONDAY), ..Wish::full("signal") }).await.expect("ordered");
    work_once(&daemon, WORKER).await.expect("worked");
    relay.round().await.expect("published");
    all.extend(listener.until("phase_failed").await);
    Some(all)
}

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap_or_else(|| panic!("{value} is no object")).keys().map(String::as_str).collect()
}

/// The messages of an event on a channel.
fn on<'a>(all: &'a [(String, Value)], channel: &str, event: &str) -> Vec<&'a Value> {
    let of = |(name, message): &'a (String, Value)| (name == channel && message["event"] == event).then_some(message);
    all.iter().filter_map(of).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_payload_is_as_the_contract_has_it() {
    let Some(all) = heard().await else { return };
    let mut ids: BTreeMap<&str, &Value> = BTreeMap::new();
    for (channel, message) in &all {
        assert_eq!(keys(message), BTreeSet::from(["id", "event", "timestamp", "source", "version", "payload"]));
        assert_eq!((&message["source"], &message["version"]), (&json!("tickstock-universe"), &json!("1.0")));
        let timestamp = message["timestamp"].as_str().expect("a text");
        assert!(timestamp.ends_with('Z') && timestamp.parse::<jiff::Timestamp>().is_ok(), "{timestamp}");
        let id = message["id"].as_str().expect("a text");
        let known = *ids.entry(id).or_insert(message);
        assert_eq!(known, message, "one id, one message, also on {channel}");
    }

    // One payload of each event; the first run creates, the second changes, the third fails.
    let triggered = on(&all, "tickstock:cache:sync_triggered", "cache_sync_triggered");
    let job_ids: Vec<&Value> = triggered.iter().map(|message| &message["payload"]["job_id"]).collect();
    let by: Vec<&Value> = triggered.iter().map(|message| &message["payload"]["triggered_by"]).collect();
    assert_eq!(by, ["api", "scheduler", "signal"]);
    assert_eq!(
        triggered[0]["payload"],
        json!({"job_id": job_ids[0], "mode": "full", "force": false, "triggered_by": "api"})
    );

    let completed = on(&all, "tickstock:cache:sync_complete", "cache_sync_completed");
    assert_eq!(completed, on(&all, "cache_updates", "cache_sync_completed"));
    assert_eq!(completed.len(), 3, "one for every run, however it ended");
    let payload = &completed[2]["payload"];
    assert_eq!(
        *payload,
        json!({
            "job_id": job_ids[2],
            "status": "failed",
            "sync_status": "failed",
            "mode": "full",
            "total_changes": 0,
            "universes_updated": [],
            "duration_seconds": payload["duration_seconds"],
            "task_results": {},
        })
    );
    let payload = &completed[1]["payload"];
    assert_eq!(
        *payload,
        json!({
            "job_id": job_ids[1],
            "status": "held",
            "sync_status": "held",
            "mode": "full",
            "total_changes": 4,
            "universes_updated": ["mega_cap", "mid_cap", "recent_ipos"],
            "duration_seconds": payload["duration_seconds"],
            "task_results": {
                "market_cap_recalculation": {"status": "success", "changes": 2},
                "ipo_assignment": {"status": "success", "changes": 1},
                "delisted_cleanup": {"status": "success", "changes": 1},
                "theme_rebalancing": {"status": "success", "changes": 0},
                "notifications": {"status": "success", "changes": 0},
            },
        })
    );
    assert!(payload["duration_seconds"].is_f64());

    let updated = on(&all, "tickstock:universe:updated", "universe_updated");
    assert_eq!(updated, on(&all, "universe_updates", "universe_updated"));
    let mega: Vec<&Value> = updated.iter().map(|m| &m["payload"]).filter(|p| p["universe"] == "mega_cap").collect();
    assert_eq!(
        *mega[1],
        json!({
            "universe": "mega_cap",
            "type": "stock_universe",
            "action": "updated",
            "reason": "market cap recalculation: 2 added, 0 removed",
            "metadata": {
                "name": "Mega Cap",
                "category": "market_cap",
                "rule": "bands",
                "session": "2024-03-05",
                "rebalance": null,
            },
            "job_id": job_ids[1],
            "sequence": 2,
            "added": ["LLY", "RDDT"],
            "removed": [],
            "count": 5,
        })
    );
    assert_eq!((&mega[0]["action"], &mega[0]["sequence"]), (&json!("created"), &json!(1)));

    let of_second =
        |message: &Value| [&message["payload"]["job_id"], &message["payload"]["run_id"]].contains(&job_ids[1]);
    let mut in_order: Vec<&str> =
        all.iter().filter(|(_, message)| of_second(message)).map(|(_, m)| m["event"].as_str().expect("text")).collect();
    in_order.dedup();
    let expected = [
        "cache_sync_triggered",
        "phase_started",
        "job_progress_update",
        "universe_updated",
        "ipo_assignment",
        "delisting_cleanup",
        "error",
        "cache_sync_completed",
        "phase_completed",
    ];
    assert_eq!(in_order, expected);

    let offering = on(&all, "tickstock:cache:ipo_assignment", "ipo_assignment");
    assert_eq!(
        offering[0]["payload"],
        json!({
            "symbol": "RDDT",
            "universe": "recent_ipos",
            "universes": ["recent_ipos"],
            "company_name": "RDDT Inc. Common Stock",
            "listing_date": "2024-03-05",
            "sector": "Technology",
            "job_id": job_ids[1],
        })
    );
    let delisting = on(&all, "tickstock:cache:delisting_cleanup", "delisting_cleanup");
    assert_eq!(
        delisting[0]["payload"],
        json!({"removed_count": 1, "symbols": ["GME"], "universes": ["mid_cap"], "job_id": job_ids[1]})
    );

    let status = "tickstock:processing:status";
    let phase = |event: &str, status: &str, stats: &Value, error: Value| {
        let run = if event == "phase_failed" { job_ids[2] } else { job_ids[1] };
        json!({"run_id": run, "phase": "cache_sync", "status": status, "stats": stats, "error": error}).to_string()
            + event
    };
    let of = |event: &str, at: usize| on(&all, status, event)[at]["payload"].to_string() + event;
    assert_eq!(of("phase_started", 1), phase("phase_started", "running", &Value::Null, Value::Null));
    let stats = json!({"total_changes": 4, "universes_updated": 3, "duration_seconds": payload["duration_seconds"]});
    assert_eq!(of("phase_completed", 1), phase("phase_completed", "held", &stats, Value::Null));
    let error = "2024-03-04 cannot be synchronized, because 2024-03-05 has been already: sessions follow one another";
    assert_eq!(of("phase_failed", 0), phase("phase_failed", "failed", &Value::Null, json!(error)));

    let progress = on(&all, "tickstock:monitoring", "job_progress_update");
    assert_eq!(progress.len(), 10, "five steps of two runs");
    assert_eq!(
        progress[5]["payload"],
        json!({
            "run_id": job_ids[1],
            "phase": "cache_sync",
            "step": "market_cap_recalculation",
            "completed": 1,
            "total": 5,
            "percentage": 20,
        })
    );

    let errors = on(&all, "tickstock:errors", "error");
    assert_eq!(errors, on(&all, "admin_notifications", "error"));
    let [alert, failure] = errors.as_slice() else { panic!("{errors:?}") };
    let message = "stock_universe:top_2: 1 in and 1 out of 2 members (50 %, the limit is 20 %), held until it is \
        approved or forced";
    assert_eq!(
        alert["payload"],
        json!({
            "component": "cache_sync",
            "severity": "warning",
            "message": message,
            "run_id": job_ids[1],
            "alert": "membership_change",
        })
    );
    assert_eq!(
        failure["payload"],
        json!({
            "component": "cache_sync", "severity": "error", "message": error, "run_id": job_ids[2], "alert": "run_failed",
        })
    );
}

/// One message of each event, as the page shows it: without what differs from machine to machine.
fn shown(all: &[(String, Value)]) -> BTreeMap<String, String> {
    let mut shown = BTreeMap::new();
    for (_, message) in all {
        // Of the end, what a run has to say that did its work.
        if message["event"] == "cache_sync_completed" && message["payload"]["status"] == "failed" {
            continue;
        }
        let mut message = message.clone();
        message["timestamp"] = json!("2024-03-05T22:00:00.000021Z");
        for path in ["/payload/duration_seconds", "/payload/stats/duration_seconds"] {
            if let Some(duration) = message.pointer_mut(path) {
                *duration = json!(0.017);
            }
        }
        let event = message["event"].as_str().expect("a text").to_owned();
        shown.insert(event, serde_json::to_string_pretty(&message).expect("text"));
    }
    shown
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_shows_every_event_as_it_is_heard() {
    let Some(all) = heard().await else { return };
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/events.md");
    let page = std::fs::read_to_string(&path).expect("docs/events.md is there");
    let mut expected = page.clone();
    for (event, text) in shown(&all) {
        let heading = format!("### `{event}`\n");
        let start = expected.find(&heading).unwrap_or_else(|| panic!("docs/events.md has no heading for {event}"));
        let block =
            start + expected[start..].find("```json\n").expect("a payload behind the heading") + "```json\n".len();
        let end = block + expected[block..].find("\n```").expect("the end of the payload");
        expected.replace_range(block..end, &text);
    }
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, &expected).expect("written");
    } else {
        assert!(page == expected, "docs/events.md is not what is published; UPDATE_EXPECT=1 corrects it");
    }
}
