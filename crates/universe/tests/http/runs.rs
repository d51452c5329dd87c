//! Runs over HTTP, from the order to the history.

use serde_json::{Value, json};

use crate::harness::{Place, keys, texts};
use crate::market::{self, FIRST, stocks, with_price};
use crate::server::{ROUTES, Server};

/// Starts a server on each store, with a session that is not synchronized yet.
fn servers() -> Vec<Server> {
    let loaded = |place: Place| {
        market::load(&place, FIRST, &stocks());
        Server::start(place)
    };
    Place::on_both_stores().into_iter().map(loaded).collect()
}

/// Makes the next session one in which `top_10` changes too much to be believed.
fn shake(server: &Server) {
    let mut shaken = stocks();
    with_price(&mut shaken, &["MIDA", "MIDB", "MIDC", "MIDD", "MIDE"], 500);
    market::load(&server.place, market::sessions_later(FIRST, 1), &shaken);
}

#[test]
fn a_run_goes_from_the_order_to_the_history() {
    for server in servers() {
        let placed = server.post(&format!("{ROUTES}/trigger"), "{\"mode\": \"full\"}").is(202);
        assert_eq!(keys(&placed), ["job_id", "message", "mode", "run_id", "success"]);
        assert_eq!((&placed["success"], &placed["mode"]), (&json!(true), &json!("full")));
        assert_eq!(placed["job_id"], placed["run_id"]);
        let job_id = placed["job_id"].as_str().expect("an id");

        let run = server.ended(job_id);
        for name in ["success", "job_id", "run_id", "mode", "status", "created_at", "start_time", "end_time"] {
            assert!(!run[name].is_null(), "{name}: {run}");
        }
        assert_eq!((&run["status"], &run["triggered_by"]), (&json!("completed"), &json!("api")));
        assert_eq!((&run["progress"], &run["error_details"]), (&Value::Null, &Value::Null));
        assert!(run["duration_seconds"].as_f64().is_some_and(|seconds| seconds >= 0.0));
        let steps =
            ["delisted_cleanup", "ipo_assignment", "market_cap_recalculation", "notifications", "theme_rebalancing"];
        assert_eq!(keys(&run["task_results"]), steps);
        assert_eq!(server.get(&format!("/api/admin/cache-sync/status/{job_id}")).is(200), run);

        let history = server.get(&format!("{ROUTES}/history")).is(200);
        assert_eq!((&history["total"], &history["limit"], &history["offset"]), (&json!(1), &json!(10), &json!(0)));
        let entry = &history["jobs"][0];
        let names = [
            "created_at",
            "duration_seconds",
            "end_time",
            "has_errors",
            "job_id",
            "mode",
            "start_time",
            "status",
            "triggered_by",
        ];
        assert_eq!(keys(entry), names);
        assert_eq!((&entry["job_id"], &entry["has_errors"]), (&json!(job_id), &json!(false)));
        assert_eq!(server.get(&format!("{ROUTES}/history?limit=1&offset=1")).is(200)["jobs"], json!([]));

        let members = crate::server::soon("the members", || {
            let stats = server.get(&format!("{ROUTES}/stats")).is(200);
            let universes = stats["universes"].as_array().expect("universes").clone();
            let top = universes.into_iter().find(|universe| universe["universe"] == "top_10")?;
            Some((top, stats["job_statistics"].clone()))
        });
        assert_eq!(members.0["symbol_count"], 10);
        assert_eq!(members.0["type"], "market_leader");
        assert_eq!(keys(&members.1), ["avg_duration_seconds", "failed_jobs_7d", "successful_jobs_7d", "total_jobs_7d"]);
        assert_eq!((&members.1["total_jobs_7d"], &members.1["successful_jobs_7d"]), (&json!(1), &json!(1)));
        assert_eq!(server.get("/api/v1/alerts").is(200), json!({"active": [], "alerts": []}));
    }
}

#[test]
fn an_order_may_be_empty_or_say_everything() {
    let server = servers().remove(0);
    let run = server.ended(&server.trigger(""));
    assert_eq!((&run["status"], &run["mode"]), (&json!("completed"), &json!("full")));
    let before = server.place.dump();
    let wish = json!({"mode": "market_cap", "force": true, "preserve": true, "dry_run": true, "session": FIRST});
    let run = server.ended(&server.trigger(&wish.to_string()));
    assert_eq!(
        (&run["status"], &run["mode"], &run["session"]),
        (&json!("completed"), &json!("market_cap"), &json!(FIRST))
    );
    assert_ne!(server.place.dump(), before, "the run itself is recorded");
}

#[test]
fn while_a_run_waits_there_is_no_other() {
    for server in servers() {
        let token = server.hold_runs();
        let job_id = server.trigger("{}");
        let waiting = server.get(&format!("{ROUTES}/status/{job_id}")).is(200);
        assert_eq!((&waiting["status"], &waiting["progress"]), (&json!("pending"), &Value::Null));
        let form = [("content-type", "application/x-www-form-urlencoded")];
        for busy in [
            server.post(&format!("{ROUTES}/trigger"), "{}"),
            server.send("POST", "/admin/historical-data/rebuild-cache", &form, b"preserve_existing=1"),
        ] {
            let problem = busy.is_problem(409, "run-in-progress");
            assert_eq!((&problem["job_id"], &problem["run_id"]), (&json!(job_id), &json!(job_id)));
        }
        let cancelled = server.post(&format!("{ROUTES}/cancel/{job_id}"), "").is(200);
        assert_eq!(keys(&cancelled), ["job_id", "message", "run_id", "status", "success"]);
        assert_eq!(cancelled["status"], "cancelled");
        assert_eq!(server.ended(&job_id)["status"], "cancelled");

        let rebuilt =
            server.send("POST", "/admin/historical-data/rebuild-cache", &form, b"preserve_existing=1").is(202);
        server.release_runs(token);
        let job_id = rebuilt["job_id"].as_str().expect("an id");
        assert_eq!(server.ended(job_id)["status"], "completed");
        let problem = server.post(&format!("{ROUTES}/cancel/{job_id}"), "").is_problem(409, "run-over");
        assert_eq!(problem["run_status"], "completed");
    }
}

#[test]
fn what_was_held_is_made_when_it_is_approved() {
    for server in servers() {
        server.ended(&server.trigger(""));
        shake(&server);
        let held = server.trigger("");
        let run = server.ended(&held);
        assert_eq!(run["status"], "held", "{run}");
        let universes: Vec<&str> =
            run["held"].as_array().expect("held").iter().filter_map(|held| held["universe"].as_str()).collect();
        assert!(universes.contains(&"stock_universe:top_10"), "{universes:?}");
        let alerts = server.get("/api/v1/alerts?limit=1").is(200);
        assert_eq!(alerts["alerts"].as_array().map(Vec::len), Some(1));
        let names = ["alert", "component", "job_id", "message", "raised_at", "session", "severity", "universe"];
        assert_eq!(keys(&alerts["alerts"][0]), names);
        let alert = &alerts["alerts"][0];
        assert_eq!((&alert["alert"], &alert["job_id"]), (&json!("membership_change"), &json!(held)));
        assert_eq!((&alert["severity"], &alert["component"]), (&json!("warning"), &json!("cache_sync")));
        assert_eq!(alerts["active"].as_array().map(Vec::len), run["held"].as_array().map(Vec::len), "{alerts}");
        assert_eq!(server.place.members("top_10"), market::TOP_10);

        let approved = server.post(&format!("{ROUTES}/approve/{held}"), "").is(202);
        assert_ne!(approved["job_id"], json!(held));
        let run = server.ended(approved["job_id"].as_str().expect("an id"));
        assert_eq!(run["status"], "completed", "{run}");
        assert!(texts(&run["universes_updated"]).contains(&"stock_universe:top_10".to_owned()), "{run}");
        assert_ne!(server.place.members("top_10"), market::TOP_10);
        let alerts = server.get("/api/v1/alerts").is(200);
        assert_eq!(alerts["active"], json!([]), "nothing waits any more");
        assert!(!alerts["alerts"].as_array().expect("a list").is_empty(), "what was raised is not forgotten");
        let again = run["job_id"].as_str().expect("an id");
        server.post(&format!("{ROUTES}/approve/{again}"), "").is_problem(409, "nothing-held");
    }
}

#[test]
fn the_commands_ask_as_any_program_would() {
    let server = servers().remove(0);
    let at = ["--server", server.address.as_str()];
    let none = server.place.run(&[&["status"], at.as_slice()].concat());
    none.refused(1, &["there has been no run yet", "universe trigger"]);
    let run = server.place.run(&[&["trigger", "--wait", "--format", "json"], at.as_slice()].concat()).done().json();
    assert_eq!((&run["status"], &run["triggered_by"]), (&json!("completed"), &json!("api")));
    let newest = server.place.run(&[&["status", "--format", "json"], at.as_slice()].concat()).done().json();
    assert_eq!(newest, run);
    let watched = server.place.run(&[&["watch"], at.as_slice()].concat()).done();
    assert!(watched.stdout.contains("completed") && watched.stdout.contains("theme_rebalancing"), "{watched:?}");
    shake(&server);
    server.place.run(&[&["trigger", "--wait"], at.as_slice()].concat()).held();
    let job = "00000000-0000-0000-0000-000000000000";
    server.place.run(&[&["status", job], at.as_slice()].concat()).refused(1, &["404", "there is no run"]);
    let nobody = server.place.run(&["status", "--server", "http://127.0.0.1:1"]);
    nobody.refused(1, &["no server answers at http://127.0.0.1:1"]);
    server.place.run(&["status", "--server", "ftp://x"]).refused(2, &["no server address"]);
}

#[test]
fn a_server_stops_when_it_is_asked_to() {
    let mut server = servers().remove(0);
    server.get("/ready").is(200);
    let job_id = server.trigger("");
    server.terminate();
    assert_eq!(server.wait(), Some(0));
    let status = server.with_store(async |store| {
        store.run_find(job_id.parse().expect("an id")).await.expect("read").expect("the run").status
    });
    // It was finished, or not begun: another process takes it up.
    assert!(matches!(status.as_str(), "completed" | "pending"), "{status}");
}
