//! Rollbacks and corrections over HTTP.

use serde_json::{Value, json};
use universe_core::next_session;
use universe_core::plan::Mode;
use universe_store::RunOrder;
use uuid::Uuid;

use crate::harness::{Place, keys, texts};
use crate::market::{FIRST, TOP_10, first_day, load, sessions_later, stocks, with_price};
use crate::server::{Server, with_store};

const ROLLBACKS: &str = "/api/v1/rollbacks";
const CORRECTIONS: &str = "/api/v1/corrections";

/// Synchronizes a second session in which LARH takes the place of LARB in `top_10`; returns the ids of both runs.
fn two_days(place: &Place) -> [String; 2] {
    first_day(place);
    let mut second = stocks();
    with_price(&mut second, &["LARH"], 40);
    load(place, next_session(FIRST), &second);
    place.run(&["sync", "--force"]).done();
    let runs = place.run(&["runs", "--format", "json"]).done().json();
    [1, 0].map(|at: usize| runs[at]["run_id"].as_str().expect("an id").to_owned())
}

fn symbols(server: &Server, path: &str) -> Vec<String> {
    texts(&server.get(&format!("/api/v1/universes/{path}")).is(200)["symbols"])
}

#[test]
fn memberships_go_back_to_what_a_run_left() {
    for place in Place::on_both_stores() {
        let [first, second] = two_days(&place);
        let server = Server::start(place);
        let now = format!("top_10/symbols?as_of={}", next_session(FIRST));
        let body = json!({"to": first, "dry_run": true});
        let tried = server.post(ROLLBACKS, &body.to_string()).is(200);
        let names = [
            "base_version",
            "cause",
            "dry_run",
            "job_id",
            "remarks",
            "session",
            "total_changes",
            "universes",
            "written",
        ];
        assert_eq!(keys(&tried), names);
        assert_eq!((&tried["written"], &tried["job_id"]), (&json!(false), &Value::Null));
        let top = tried["universes"].as_array().expect("universes").iter().find(|u| u["key"] == "top_10");
        let top = top.expect("it would change");
        assert_eq!((&top["added"], &top["removed"]), (&json!(["LARB"]), &json!(["LARH"])));
        assert!(symbols(&server, &now).contains(&"LARH".to_owned()), "nothing was changed");

        // Only what was looked at.
        let version = tried["base_version"].as_u64().expect("a number");
        let other = json!({"to": first, "universes": ["top_10"], "base_version": version - 1});
        let stale = server.post(ROLLBACKS, &other.to_string()).is_problem(409, "stale");
        assert_eq!(stale["base_version"], version);
        let body = json!({"to": &first[..30], "universes": ["top_10"], "base_version": version});
        let done = server.post(ROLLBACKS, &body.to_string()).is(200);
        assert_eq!((&done["written"], &done["total_changes"]), (&json!(true), &json!(2)));
        let mut members = symbols(&server, &now);
        members.sort_unstable();
        let mut then = TOP_10.map(str::to_owned);
        then.sort_unstable();
        assert_eq!(members, then);
        let runs = server.place.run(&["runs", "--limit", "1", "--format", "json"]).done().json();
        assert_eq!((&runs[0]["run_id"], &runs[0]["triggered_by"]), (&done["job_id"], &json!("api")));
        let told = server.get("/api/processing/cache-sync/history?limit=2").is(200);
        assert_eq!((&told["jobs"][0]["kind"], &told["jobs"][0]["mode"]), (&json!("rollback"), &json!("full")));
        assert!(told["jobs"][1].get("kind").is_none(), "a run of the rules is as it always was: {told}");
        let again = server.post(ROLLBACKS, &json!({"to": first, "universes": ["top_10"]}).to_string()).is(200);
        assert_eq!((&again["written"], &again["universes"]), (&json!(false), &json!([])));
        // And forward again.
        server.post(ROLLBACKS, &json!({"to": second}).to_string()).is(200);
        assert!(symbols(&server, &now).contains(&"LARH".to_owned()));
        server.place.run(&["validate"]).done();
    }
}

#[test]
fn the_past_is_corrected_and_what_was_known_stays() {
    for place in Place::on_both_stores() {
        first_day(&place);
        for count in 1..4 {
            load(&place, sessions_later(FIRST, count), &stocks());
            place.run(&["sync"]).done();
        }
        let server = Server::start(place);
        let [second, third] = [1, 2].map(|count| sessions_later(FIRST, count).to_string());
        let runs = server.place.run(&["runs", "--format", "json"]).done().json();
        let before = runs[0]["finished_at"].as_str().expect("an instant").to_owned();
        let mut body = json!({"universe": "mega_cap", "symbol": "MEGA", "was_member": false, "from": second,
            "until": third, "reason": "the source was wrong", "dry_run": true});
        let tried = server.post(CORRECTIONS, &body.to_string()).is(200);
        assert_eq!(keys(&tried), ["added", "dry_run", "job_id", "superseded", "symbol", "universe", "written"]);
        assert_eq!(tried["superseded"], json!([{"from": FIRST, "until": null}]));
        assert_eq!((&tried["written"], &tried["job_id"]), (&json!(false), &Value::Null));
        let is_in = |query: &str| symbols(&server, &format!("mega_cap?{query}")).contains(&"MEGA".to_owned());
        assert!(is_in(&format!("as_of={second}")));

        body["dry_run"] = json!(false);
        let done = server.post(CORRECTIONS, &body.to_string()).is(200);
        assert_eq!(done["added"], json!([{"from": FIRST, "until": second}, {"from": third, "until": null}]), "{done}");
        assert!(!is_in(&format!("as_of={second}")) && is_in(&format!("as_of={third}")));
        assert!(is_in(&format!("as_of={second}&known_at={before}")), "as it was answered then");
        let again = server.post(CORRECTIONS, &body.to_string()).is(200);
        assert_eq!((&again["written"], &again["added"]), (&json!(false), &json!([])));
        server.place.run(&["validate"]).done();
    }
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let place = Place::embedded();
    let [first, _] = two_days(&place);
    let server = Server::start(place);
    let dry = server.trigger("{\"dry_run\": true}");
    server.ended(&dry);
    let before = server.place.dump();
    let roll =
        |body: Value, status: u16, kind: &str| server.post(ROLLBACKS, &body.to_string()).is_problem(status, kind);
    roll(json!({"to": "beef0000"}), 404, "unknown-run");
    roll(json!({"to": "01"}), 404, "unknown-run");
    roll(json!({"to": &first[..4]}), 400, "ambiguous-run");
    roll(json!({"to": first, "universes": ["top_1O"]}), 404, "unknown-universe");
    roll(json!({"to": first, "universes": ["top_10 + mega_cap"]}), 400, "expression");
    roll(json!({"to": first, "yes": true}), 400, "body");
    roll(json!({}), 400, "body");
    roll(json!({"to": dry}), 409, "run-changed-nothing");

    let good = json!({"universe": "mega_cap", "symbol": "MEGA", "was_member": false, "from": FIRST, "reason": "x"});
    let correct = |name: &str, value: Value, status: u16, kind: &str| {
        let mut body = good.clone();
        body[name] = value;
        server.post(CORRECTIONS, &body.to_string()).is_problem(status, kind)
    };
    correct("universe", json!("mega_cop"), 404, "unknown-universe");
    correct("universe", json!("mega_cap - top_10"), 400, "expression");
    correct("symbol", json!(""), 400, "symbol");
    correct("from", json!("2024-01-06"), 400, "session");
    correct("until", json!("2024-01-07"), 400, "session");
    correct("until", json!(FIRST), 400, "correction");
    correct("reason", json!(""), 400, "correction");
    correct("was_member", Value::Null, 400, "body");
    assert_eq!(server.place.dump(), before, "nothing was changed");

    let empty = Server::start(Place::embedded());
    let body = json!({"universe": "mega_cap", "symbol": "MEGA", "was_member": false, "from": FIRST, "reason": "x"});
    empty.post(CORRECTIONS, &body.to_string()).is_problem(404, "nothing-synchronized");
}

#[test]
fn a_run_at_work_comes_first() {
    for place in Place::on_both_stores() {
        let [first, _] = two_days(&place);
        // A run that another process works on.
        let now = jiff::Timestamp::from_second(4_000_000_000).expect("far away");
        let order = RunOrder {
            run_id: Uuid::from_u128(7),
            environment: "DEFAULT".to_owned(),
            mode: Mode::Full,
            session: None,
            force: false,
            preserve: false,
            dry_run: false,
            approves: Vec::new(),
            triggered_by: "cli".to_owned(),
            created_at: now,
        };
        with_store(&place, async |store| {
            store.run_order(&order, &[]).await.expect("ordered");
            store.run_claim("DEFAULT", "a test", now, 3_600, |_| Vec::new()).await.expect("asked").expect("claimed");
        });
        let server = Server::start(place);
        let correction = json!({"universe": "mega_cap", "symbol": "MEGA", "was_member": false, "from": FIRST,
            "reason": "x"});
        for (path, mut body) in [(ROLLBACKS, json!({"to": first})), (CORRECTIONS, correction)] {
            let busy = server.post(path, &body.to_string()).is_problem(409, "run-in-progress");
            assert_eq!(busy["job_id"], json!(order.run_id));
            body["dry_run"] = json!(true);
            assert_eq!(server.post(path, &body.to_string()).is(200)["written"], false);
        }
    }
}

#[test]
fn only_administrators_change_the_past_and_are_named() {
    let place = Place::embedded();
    let [first, _] = two_days(&place);
    let key = |scope: &str| {
        let made = place.run(&["keys", "create", "a test", "--scope", scope, "--format", "json"]).done().json();
        (made["id"].as_str().expect("an id").to_owned(), made["key"].as_str().expect("a key").to_owned())
    };
    let ((_, operator), (admin_id, admin)) = (key("operate"), key("admin"));
    let server = Server::start(place);
    let correction = json!({"universe": "mega_cap", "symbol": "MEGA", "was_member": false, "from": FIRST,
        "reason": "its cap was wrong"});
    for (path, body) in [(ROLLBACKS, json!({"to": first})), (CORRECTIONS, correction)] {
        let body = body.to_string();
        let post = |key: &str| {
            let headers = [("content-type", "application/json"), ("x-api-key", key)];
            server.send("POST", path, &headers, body.as_bytes())
        };
        server.post(path, &body).is_problem(401, "key-missing");
        assert_eq!(post(&operator).is_problem(403, "scope-missing")["scope"], "admin");
        let done = post(&admin).is(200);
        assert_eq!(done["written"], true, "{done}");
        let run = done["job_id"].as_str().expect("an id").parse().expect("an id");
        server.with_store(async |store| {
            let audit = store.audit_list("DEFAULT", 0, 10_000).await.expect("read");
            let entry = audit.iter().find(|entry| entry.run_id == run).expect("an entry of the run");
            assert_eq!(entry.actor, format!("api:{admin_id}"));
            let run = store.run_find(run).await.expect("read").expect("the run");
            assert_eq!(run.triggered_by, format!("api:{admin_id}"));
            // The spelling of events is agreed upon, and knows no keys.
            let events = store.outbox_list("DEFAULT", 0, 10_000).await.expect("read");
            let texts: Vec<String> = events.iter().map(|event| event.message.to_string()).collect();
            assert!(texts.iter().all(|text| !text.contains(&format!("api:{admin_id}"))), "{texts:?}");
        });
    }
}
