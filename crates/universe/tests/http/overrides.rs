//! Members by hand over HTTP: put in, left out, announced, amended, withdrawn; and what is to come.

use serde_json::{Value, json};
use universe_core::next_session;

use crate::harness::{Place, keys};
use crate::market::{FIRST, first_day, load, sessions_later, stocks, with_price};
use crate::server::{Answer, ROUTES, Server};

const OVERRIDES: &str = "/api/v1/overrides";
const PENDING: &str = "/api/v1/universes/mega_cap/pending";

/// Puts a member in or leaves it out, and returns the override.
#[track_caller]
fn add(server: &Server, body: &Value) -> Value {
    let answer = server.post(OVERRIDES, &body.to_string());
    let told = answer.is(201);
    let id = told["id"].as_str().expect("an id");
    assert_eq!(answer.header("location"), Some(format!("{OVERRIDES}/{id}").as_str()));
    assert_eq!(server.get(&format!("{OVERRIDES}/{id}")).is(200), told);
    told
}

fn ids(list: &Value) -> Vec<&Value> {
    list["overrides"].as_array().expect("a list").iter().map(|entry| &entry["id"]).collect()
}

fn withdraw(server: &Server, entry: &Value, body: &str) -> Answer {
    server.post(&format!("{OVERRIDES}/{}/withdraw", entry["id"].as_str().expect("an id")), body)
}

#[test]
fn members_are_put_in_and_left_out_by_hand() {
    for place in Place::on_both_stores() {
        first_day(&place);
        let (second, third) = (next_session(FIRST), sessions_later(FIRST, 2));
        let server = Server::start(place);
        let now = add(
            &server,
            &json!({"universe": "mega_cap", "symbol": "mica", "is_member": true, "from": FIRST, "until": third,
                "reason": "a test", "by": "anna"}),
        );
        let names =
            ["by", "from", "id", "is_member", "reason", "recorded_at", "symbol", "universe", "until", "withdrawn"];
        assert_eq!(keys(&now), names);
        assert_eq!((&now["symbol"], &now["universe"]), (&json!("MICA"), &json!("stock_universe:mega_cap")));
        assert_eq!((&now["by"], &now["withdrawn"]), (&json!("anna (api)"), &Value::Null));
        let later = add(
            &server,
            &json!({"universe": "stock_universe:mega_cap", "symbol": "MEGA", "is_member": false, "from": third,
                "reason": "announced"}),
        );
        // An announcement is amended: it takes place a session earlier.
        let amended = add(
            &server,
            &json!({"universe": "mega_cap", "symbol": "MEGA", "is_member": false, "from": second,
                "reason": "announced anew", "replaces": later["id"]}),
        );

        let listed = server.get(OVERRIDES).is(200);
        assert_eq!(keys(&listed), ["limit", "offset", "overrides", "total"]);
        assert_eq!(ids(&listed), [&now["id"], &amended["id"]]);
        let told = server.place.run(&["override", "list", "--format", "json"]).done().json();
        assert_eq!(listed["overrides"], told);
        assert_eq!(ids(&server.get(&format!("{OVERRIDES}?state=pending")).is(200)), [&amended["id"]]);
        let all = server.get(&format!("{OVERRIDES}?state=all")).is(200);
        assert_eq!(ids(&all), [&now["id"], &later["id"], &amended["id"]]);
        assert_eq!(all["overrides"][1]["withdrawn"]["by"], "api");
        let page = server.get(&format!("{OVERRIDES}?state=all&limit=1&offset=1")).is(200);
        assert_eq!((ids(&page), &page["total"]), (vec![&later["id"]], &json!(3)));
        assert_eq!(server.get(&format!("{OVERRIDES}?universe=top_10")).is(200)["total"], 0);
        let of_top = ["override", "list", "--universe", "top_10", "--format", "json"];
        assert_eq!(server.place.run(&of_top).done().json(), json!([]));
        let known = server.get(OVERRIDES);
        let etag = [("if-none-match", known.header("etag").expect("an entity tag"))];
        assert_eq!(server.get_with(OVERRIDES, &etag).status, 304);

        // It takes effect by itself, and is pending no longer.
        let pending = server.get(PENDING).is(200);
        let told = server.place.run(&["show", "mega_cap", "--pending", "--format", "json"]).done().json();
        assert_eq!(pending, told);
        assert_eq!(keys(&pending), ["as_of", "count", "pending", "universe"]);
        let symbols = |pending: &Value| -> Vec<String> {
            let changes = pending["pending"].as_array().expect("a list").iter();
            changes.map(|change| change["symbol"].as_str().expect("a symbol").to_owned()).collect()
        };
        assert_eq!(symbols(&pending), ["MICA", "MEGA"], "what the next run makes, and what a later one does");
        let change = &pending["pending"][1];
        assert_eq!((&change["awaits"], &change["from"]), (&json!("session"), &json!(second)));
        assert_eq!((&change["reason"], &change["by"]), (&json!("announced anew"), &json!("api")));
        assert_eq!((&change["override_id"], &change["run_id"]), (&amended["id"], &Value::Null));
        server.ended(&server.trigger(""));
        assert_eq!(symbols(&server.get(PENDING).is(200)), ["MEGA"]);
        assert_eq!(server.get("/api/v1/pending").is(200)["count"], 1);
        load(&server.place, second, &stocks());
        server.ended(&server.trigger(""));
        assert!(!server.place.members("mega_cap").contains(&"MEGA".to_owned()));
        let pending = server.get(PENDING);
        assert_eq!((symbols(&pending.is(200)), &pending.is(200)["as_of"]), (vec![], &json!(second)));
        let etag = [("if-none-match", pending.header("etag").expect("an entity tag"))];
        assert_eq!(server.get_with(PENDING, &etag).status, 304);

        let gone = withdraw(&server, &amended, "{\"by\": \"bob\"}").is(200);
        assert_eq!(gone["withdrawn"]["by"], "bob (api)");
        withdraw(&server, &amended, "").is_problem(409, "override-gone");
        load(&server.place, third, &stocks());
        server.ended(&server.trigger(""));
        assert!(server.place.members("mega_cap").contains(&"MEGA".to_owned()), "the rule decides again");
    }
}

#[test]
fn a_class_of_shares_needs_no_dot() {
    let place = Place::embedded();
    let mut listed = stocks();
    listed[0].symbol = "BRK.B".to_owned();
    load(&place, FIRST, &listed);
    place.run(&["sync"]).done();
    let server = Server::start(place);
    for (spelling, symbol) in [("BRKB", "BRK.B"), ("brk-b", "BRK.B"), ("BRK/B", "BRK.B"), ("NEWB", "NEWB")] {
        let body = json!({"universe": "mega_cap", "symbol": spelling, "is_member": true, "reason": "x"});
        assert_eq!(add(&server, &body)["symbol"], symbol, "{spelling}");
    }
    let history = server.get("/api/v1/symbols/BRKB/history").is(200);
    assert_eq!(history["symbol"], "BRK.B");
}

#[test]
fn what_a_run_held_is_to_come_as_well() {
    for place in Place::on_both_stores() {
        first_day(&place);
        let mut shaken = stocks();
        with_price(&mut shaken, &["MIDA", "MIDB", "MIDC", "MIDD", "MIDE"], 500);
        load(&place, next_session(FIRST), &shaken);
        let server = Server::start(place);
        let run = server.trigger("");
        server.ended(&run);
        let pending = server.get("/api/v1/universes/top_10/pending").is(200);
        let told = server.place.run(&["show", "top_10", "--pending", "--format", "json"]).done().json();
        assert_eq!(pending, told);
        assert_eq!(pending["count"], 10, "{pending}");
        for change in pending["pending"].as_array().expect("a list") {
            assert_eq!((&change["awaits"], &change["run_id"]), (&json!("approval"), &json!(run)));
            assert_eq!((&change["by"], &change["override_id"]), (&json!("api"), &Value::Null));
            let reason = change["reason"].as_str().expect("a reason");
            assert!(reason.contains("5 in and 5 out of 10"), "{reason}");
        }
        // Work by hand in between leaves it waiting.
        let correction = json!({"universe": "mega_cap", "symbol": "MICA", "was_member": true, "from": FIRST,
            "reason": "a test"});
        assert_eq!(server.post("/api/v1/corrections", &correction.to_string()).is(200)["written"], true);
        assert_eq!(server.get("/api/v1/universes/top_10/pending").is(200)["count"], 10);
        let words = server.place.run(&["list", "--pending"]).done();
        assert!(words.stdout.contains("approval") && words.stderr.contains(&run), "{words:?}");
        let approved = server.post(&format!("{ROUTES}/approve/{run}"), "").is(202);
        server.ended(approved["job_id"].as_str().expect("an id"));
        assert_eq!(server.get("/api/v1/universes/top_10/pending").is(200)["count"], 0);
    }
}

#[test]
fn words_that_cannot_be_meant_are_refused() {
    let place = Place::embedded();
    first_day(&place);
    let server = Server::start(place);
    let good = json!({"universe": "mega_cap", "symbol": "MEGA", "is_member": false, "reason": "x"});
    let refused = |name: &str, value: Value, status: u16, kind: &str| {
        let mut body = good.clone();
        body[name] = value;
        server.post(OVERRIDES, &body.to_string()).is_problem(status, kind)
    };
    let unknown = refused("universe", json!("mega_cop"), 404, "unknown-universe");
    assert_eq!(unknown["nearest"][0], "mega_cap");
    refused("universe", json!("etf_universe:mega_cap"), 404, "unknown-universe");
    refused("universe", json!("mega_cap + top_10"), 400, "expression");
    refused("symbol", json!("no symbol at all"), 400, "symbol");
    let saturday = refused("from", json!("2024-01-06"), 400, "session");
    assert_eq!(saturday["session_before"], "2024-01-05");
    refused("from", json!("soon"), 400, "body");
    refused("is_member", json!("no"), 400, "body");
    refused("reason", json!(" "), 400, "override");
    refused("reason", json!("x".repeat(501)), 400, "override");
    refused("by", json!("x".repeat(101)), 400, "body");
    refused("other", json!(1), 400, "body");
    refused("replaces", json!("00000000-0000-0000-0000-000000000000"), 409, "override-gone");
    let ends = json!({"universe": "mega_cap", "symbol": "MEGA", "is_member": true, "reason": "x",
        "from": "2024-01-03", "until": "2024-01-03"});
    let problem = server.post(OVERRIDES, &ends.to_string()).is_problem(400, "override");
    assert!(problem["detail"].as_str().expect("text").contains("not after it begins"), "{problem}");
    server.post(OVERRIDES, "").is_problem(400, "body");
    server.send("POST", OVERRIDES, &[("content-type", "text/plain")], b"{}").is_problem(415, "content-type");
    assert_eq!(server.get(&format!("{OVERRIDES}?state=all")).is(200)["total"], 0, "nothing was recorded");

    for id in ["nothing", "00000000-0000-0000-0000-000000000000"] {
        server.get(&format!("{OVERRIDES}/{id}")).is_problem(404, "unknown-override");
        server.post(&format!("{OVERRIDES}/{id}/withdraw"), "").is_problem(404, "unknown-override");
    }
    server.get(&format!("{OVERRIDES}?state=over")).is_problem(400, "query");
    server.get(&format!("{OVERRIDES}?limit=0")).is_problem(400, "query");
    server.get(&format!("{OVERRIDES}?universe=mega_cop")).is_problem(404, "unknown-universe");
    server.get("/api/v1/universes/mega_cop/pending").is_problem(404, "unknown-universe");
    server.get("/api/v1/universes/mega_cap/pending?as_of=2024-01-02").is_problem(400, "query");
    server.place.run(&["show", "mega_cap", "--pending", "--as-of", "2024-01-02"]).refused(2, &["--pending"]);
    server.place.run(&["show", "mega_cap + top_10", "--pending"]).refused(2, &["combines universes"]);
}

#[test]
fn writing_needs_its_scope_and_says_whose_key_it_was() {
    let place = Place::embedded();
    first_day(&place);
    let key = |scope: &str| {
        let made = place.run(&["keys", "create", "a test", "--scope", scope, "--format", "json"]).done().json();
        (made["id"].as_str().expect("an id").to_owned(), made["key"].as_str().expect("a key").to_owned())
    };
    let ((_, reader), (operator_id, operator)) = (key("read"), key("operate"));
    let server = Server::start(place);
    let body = json!({"universe": "mega_cap", "symbol": "MEGA", "is_member": false, "reason": "x", "by": "anna"});
    let body = body.to_string();
    let post = |path: &str, key: &str, body: &str| {
        let headers = [("content-type", "application/json"), ("x-api-key", key)];
        server.send("POST", path, &headers, body.as_bytes())
    };
    server.post(OVERRIDES, &body).is_problem(401, "key-missing");
    assert_eq!(post(OVERRIDES, &reader, &body).is_problem(403, "scope-missing")["scope"], "operate");
    let told = post(OVERRIDES, &operator, &body).is(201);
    assert_eq!(told["by"], format!("anna (api:{operator_id})"));
    let path = format!("{OVERRIDES}/{}/withdraw", told["id"].as_str().expect("an id"));
    post(&path, &reader, "").is_problem(403, "scope-missing");
    assert_eq!(post(&path, &operator, "").is(200)["withdrawn"]["by"], format!("api:{operator_id}"));
    server.get(PENDING).is_problem(401, "key-missing");
    server.get_with(PENDING, &[("x-api-key", &reader)]).is(200);
}
