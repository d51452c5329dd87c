//! Comparisons over HTTP: two days, two runs, two universes; and the history of a listing through its symbols.

use serde_json::{Value, json};
use universe_core::next_session;

use crate::harness::{Place, keys, texts};
use crate::market::{self, FIRST, file_of, first_day, load, row, screener, stocks, with_price};
use crate::server::Server;

/// Starts a server on each store after two sessions: in the second one, LARH takes the place of LARB in `top_10`.
fn servers() -> Vec<Server> {
    let ready = |place: Place| {
        first_day(&place);
        let mut second = stocks();
        with_price(&mut second, &["LARH"], 40);
        load(&place, next_session(FIRST), &second);
        place.run(&["sync", "--force"]).done();
        Server::start(place)
    };
    Place::on_both_stores().into_iter().map(ready).collect()
}

/// Checks that an answer says everything that the command line says.
#[track_caller]
fn same_as(answer: &Value, told: &Value) {
    for name in keys(told) {
        assert_eq!(answer[name], told[name], "{name}: {answer}");
    }
}

#[test]
fn days_runs_and_universes_are_compared_as_on_the_command_line() {
    for server in servers() {
        let second = next_session(FIRST).to_string();
        let first = FIRST.to_string();
        let runs = server.place.run(&["runs", "--format", "json"]).done().json();
        let id = |at: usize| runs[at]["run_id"].as_str().expect("an id").to_owned();
        let path = "/api/v1/universes/top_10/changes";
        let changes = |query: &str| server.get(&format!("{path}?{query}")).is(200);
        let diff = |arguments: &[&str]| {
            server.place.run(&[&["diff", "top_10", "--format", "json"], arguments].concat()).done().json()
        };

        let days = changes(&format!("from={first}&to={second}"));
        let names = ["added", "after", "before", "from", "remarks", "removed", "renamed", "to", "universe"];
        assert_eq!((keys(&days), &days["renamed"]), (names.to_vec(), &json!({})));
        assert_eq!((texts(&days["added"]), texts(&days["removed"])), (vec!["LARH".into()], vec!["LARB".into()]));
        same_as(&days, &diff(&[&first, &second]));
        let side = [
            "as_of",
            "count",
            "held",
            "is_point_in_time",
            "known_at",
            "quarantined_count",
            "run_id",
            "source_age_sessions",
            "universe",
        ];
        assert_eq!(keys(&days["before"]), side);
        assert_eq!((&days["before"]["as_of"], &days["after"]["as_of"]), (&json!(first), &json!(second)));
        assert_eq!((&days["before"]["count"], &days["before"]["is_point_in_time"]), (&json!(10), &json!(true)));

        let between = changes(&format!("from={}&to={}", id(1), &id(0)[..30]));
        same_as(&between, &diff(&[&id(1), &id(0)[..30]]));
        assert_eq!((&between["from"], &between["to"]), (&json!(id(1)), &json!(id(0))));
        assert_eq!((&between["before"]["run_id"], &between["added"]), (&json!(id(1)), &days["added"]));
        let mixed = changes(&format!("from={first}&to={}", id(0)));
        assert_eq!((&mixed["added"], &mixed["to"]), (&days["added"], &json!(id(0))));

        let with = changes(&format!("with=mega_cap&as_of={first}"));
        assert_eq!(keys(&with), ["added", "after", "before", "remarks", "removed", "renamed", "universe", "with"]);
        let mut told = diff(&["--with", "mega_cap", "--as-of", &first]);
        told.as_object_mut().expect("an object").remove("as_of");
        assert_eq!(with, told);
        assert_eq!(texts(&with["removed"]), ["LARA", "LARB"]);
        let now = changes("with=top_10%20%26%20sector_technology");
        assert_eq!((&now["added"], &now["after"]["as_of"]), (&json!([]), &Value::Null));

        // As it was known before anything was.
        let early = changes(&format!("from={first}&to={second}&known_at=2020-01-01T00:00:00Z"));
        assert_eq!((&early["added"], &early["before"]["count"]), (&json!([]), &json!(0)));
        same_as(&early, &diff(&[&first, &second, "--known-at", "2020-01-01T00:00:00Z"]));

        let known = server.get(&format!("{path}?from={first}&to={second}"));
        let etag = [("if-none-match", known.header("etag").expect("an entity tag"))];
        assert_eq!(server.get_with(&format!("{path}?from={first}&to={second}"), &etag).status, 304);
    }
}

#[test]
fn a_day_that_is_no_session_is_the_session_before_it() {
    let place = Place::embedded();
    first_day(&place);
    let friday = market::sessions_later(FIRST, 3);
    assert_eq!(friday.to_string(), "2024-01-05");
    load(&place, friday, &stocks());
    place.run(&["sync"]).done();
    let server = Server::start(place);
    let changes = server.get("/api/v1/universes/top_10/changes?from=2024-01-01&to=2024-01-06").is(200);
    assert_eq!((&changes["from"], &changes["to"]), (&json!("2024-01-01"), &json!("2024-01-06")));
    assert_eq!((&changes["before"]["as_of"], &changes["after"]["as_of"]), (&json!("2023-12-29"), &json!("2024-01-05")));
    let remarks = texts(&changes["remarks"]).join("\n");
    assert!(remarks.contains("2024-01-06 is not a session; this is as of 2024-01-05"), "{remarks}");
    assert!(remarks.contains("nothing is known of stock_universe:top_10 before 2024-01-02"), "{remarks}");
    assert_eq!(changes["before"]["is_point_in_time"], false);
}

#[test]
fn comparisons_that_cannot_be_meant_are_refused() {
    let server = servers().remove(0);
    let run = server.place.run(&["runs", "--format", "json"]).done().json()[0]["run_id"].clone();
    let run = run.as_str().expect("an id");
    let refused = |query: &str, status, kind| {
        server.get(&format!("/api/v1/universes/top_10/changes?{query}")).is_problem(status, kind)
    };
    let backwards = refused("from=2024-01-03&to=2024-01-02", 400, "query");
    assert!(backwards["detail"].as_str().expect("text").contains("2024-01-03 is after to=2024-01-02"), "{backwards}");
    for query in [
        "",
        "from=2024-01-02",
        "to=2024-01-02",
        "from=2024-01-02&to=2024-01-03&with=mega_cap",
        "from=2024-01-02&to=2024-01-03&as_of=2024-01-02",
        "from=yesterday&to=2024-01-02",
        "from=2024-01-02&to=2024-02-30",
        "from=&to=",
        "with=mega_cap&as_of=soon",
        "with=mega_cap&known_at=2024-01-02",
        "from_run=1&to_run=2",
    ] {
        refused(query, 400, "query");
    }
    refused(&format!("from={run}&to={run}&known_at=2024-01-02T00:00:00Z"), 400, "query");
    server.place.run(&["diff", "top_10", "2024-01-02", "2024-02-30"]).refused(2, &["2024-02-30", "neither a day"]);
    refused("from=2024-01-02&to=beef0000", 404, "unknown-run");
    refused("from=2024-01-02&to=00000000-0000-0000-0000-000000000000", 404, "unknown-run");
    refused("from=2024-01-02&to=01", 404, "unknown-run");
    let unknown = refused("with=mega_cop", 404, "unknown-universe");
    assert_eq!(unknown["nearest"][0], "mega_cap");
    refused("with=mega_cap%20%26", 400, "expression");
    let days = "from=2024-01-02&to=2024-01-03";
    let missing = server.get(&format!("/api/v1/universes/top_1O/changes?{days}")).is_problem(404, "unknown-universe");
    assert_eq!(missing["nearest"][0], "top_10");
}

#[test]
fn a_run_that_left_nothing_cannot_be_compared() {
    let place = Place::embedded();
    first_day(&place);
    let server = Server::start(place);
    let lease = server.hold_runs();
    let waiting = server.trigger("");
    let path = format!("/api/v1/universes/top_10/changes?from=2024-01-02&to={waiting}");
    assert_eq!(server.get(&path).is_problem(409, "run-not-over")["run_status"], "pending");
    server.release_runs(lease);
    server.ended(&waiting);
    let dry = server.trigger("{\"dry_run\": true}");
    server.ended(&dry);
    let path = format!("/api/v1/universes/top_10/changes?from=2024-01-02&to={dry}");
    server.get(&path).is_problem(409, "run-changed-nothing");
}

#[test]
fn the_history_of_a_listing_follows_its_symbols() {
    for place in Place::on_both_stores() {
        first_day(&place);
        let second = next_session(FIRST);
        // MEGB trades as NEWB: found by its name.
        let left: Vec<_> = stocks().into_iter().filter(|stock| stock.symbol != "MEGB").collect();
        let renamed = stocks().into_iter().find(|stock| stock.symbol == "MEGB").expect("a stock of the market");
        let line = row(&renamed).replacen("MEGB", "NEWB", 1);
        place.write(&file_of(second), format!("{}{line}\n", screener(&left)));
        place.run(&["load", "screener", &file_of(second)]).done();
        place.run(&["sync"]).done();
        let server = Server::start(place);
        for symbol in ["MEGB", "newb"] {
            let history = server.get(&format!("/api/v1/symbols/{symbol}/history")).is(200);
            assert_eq!(history, server.place.run(&["history", symbol, "--format", "json"]).done().json());
            assert_eq!(history["also_known_as"][0], json!({"symbol": "MEGB", "from": null, "until": second}));
            let rows = history["memberships"].as_array().expect("memberships");
            let symbols: Vec<&Value> = rows.iter().map(|row| &row["symbol"]).collect();
            assert!(symbols.contains(&&json!("MEGB")) && symbols.contains(&&json!("NEWB")), "{history}");
        }
        // Who only has another symbol is said to.
        let days = format!("from={FIRST}&to={second}");
        let changes = server.get(&format!("/api/v1/universes/top_10/changes?{days}")).is(200);
        assert_eq!((&changes["added"], &changes["removed"]), (&json!(["NEWB"]), &json!(["MEGB"])));
        assert_eq!(changes["renamed"], json!({"MEGB": "NEWB"}));
        let told = server.place.run(&["diff", "top_10", &FIRST.to_string(), &second.to_string()]).done();
        assert!(told.stderr.contains("under another symbol on the second side: MEGB (NEWB)"), "{}", told.stderr);
        let newest = server.get("/api/v1/symbols/NEWB/history?limit=1").is(200);
        assert_eq!(newest["memberships"].as_array().map(Vec::len), Some(1));
        assert_eq!(newest["memberships"][0]["symbol"], "NEWB");
        // An explanation says under which symbol to ask.
        let why = server.get("/api/v1/universes/top_10/explain/MEGB").is(200);
        assert!(texts(&why["remarks"]).contains(&format!("MEGB is NEWB since {second}")), "{why}");
        server.get("/api/v1/symbols/NEWB/history?limit=0").is_problem(400, "query");
        server.get("/api/v1/symbols/NEWB/history?from=2024-02-01&to=2024-01-01").is_problem(400, "query");
        server.get("/api/v1/symbols/%20/history").is_problem(400, "symbol");
    }
}
