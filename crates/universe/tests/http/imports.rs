//! Exports that come back in over HTTP.

use serde_json::json;

use crate::harness::{Place, keys, texts};
use crate::market::{FIRST, first_day, load, sessions_later, stocks, with_price};
use crate::server::{Answer, Server};

const IMPORTS: &str = "/api/v1/imports";

/// Starts a server on each store after two sessions: in the second one, LARH takes the place of LARB in `top_10`.
fn servers() -> Vec<Server> {
    let ready = |place: Place| {
        first_day(&place);
        let mut second = stocks();
        with_price(&mut second, &["LARH"], 40);
        load(&place, sessions_later(FIRST, 1), &second);
        place.run(&["sync", "--force"]).done();
        Server::start(place)
    };
    Place::on_both_stores().into_iter().map(ready).collect()
}

fn import(server: &Server, query: &str, media_type: &str, body: &[u8]) -> Answer {
    server.send("POST", &format!("{IMPORTS}{query}"), &[("content-type", media_type)], body)
}

#[test]
fn what_was_exported_comes_back_in() {
    for server in servers() {
        let now = server.get("/api/v1/export").body;
        let same = import(&server, "", "application/json", &now).is(200);
        let names = [
            "base_version",
            "cause",
            "dry_run",
            "issues",
            "job_id",
            "remarks",
            "rows",
            "session",
            "total_changes",
            "universes",
            "universes_read",
            "written",
        ];
        assert_eq!(keys(&same), names);
        assert_eq!((&same["written"], &same["universes"]), (&json!(false), &json!([])));

        // The present becomes what was put by, from any format.
        let put_by = |format: &str| server.get(&format!("/api/v1/universes/top_10/export?format={format}")).body;
        let [json, csv, parquet] = ["json", "csv", "parquet"].map(put_by);
        let mut members = server.place.members("top_10");
        for (media_type, body) in [
            ("application/json", &json),
            ("text/csv; charset=utf-8", &csv),
            ("application/vnd.apache.parquet", &parquet),
        ] {
            let runs = server.place.run(&["runs", "--format", "json"]).done().json();
            let first = runs.as_array().and_then(|runs| runs.last()).expect("a run")["run_id"].clone();
            server.post("/api/v1/rollbacks", &json!({"to": first, "universes": ["top_10"]}).to_string()).is(200);
            assert_ne!(server.place.members("top_10"), members);
            let tried = import(&server, "?dry_run=true&source=put_by.x", media_type, body).is(200);
            assert_eq!((&tried["written"], &tried["total_changes"]), (&json!(false), &json!(2)));
            let version = tried["base_version"].as_u64().expect("a number");
            let stale = import(&server, &format!("?base_version={}", version + 1), media_type, body);
            assert_eq!(stale.is_problem(409, "stale")["base_version"], version);
            let query = format!("?base_version={version}&source=put_by.x&only=top_10");
            let done = import(&server, &query, media_type, body).is(200);
            assert_eq!((&done["written"], &done["universes_read"]), (&json!(true), &json!(1)));
            assert_eq!(done["universes"][0]["added"], json!(["LARH"]), "{done}");
            assert_eq!(done["cause"], "import of put_by.x");
            let mut found = texts(&server.get("/api/v1/universes/top_10/symbols").is(200)["symbols"]);
            found.sort_unstable();
            members.sort_unstable();
            assert_eq!(found, members);
        }
        server.place.run(&["validate"]).done();
    }
}

#[test]
fn what_cannot_be_is_refused_with_each_fault() {
    let server = servers().remove(0);
    let before = server.place.dump();
    let line = |symbols: &str| format!("{{\"type\":\"stock_universe\",\"key\":\"index_test\",\"symbols\":{symbols}}}");
    let twice = format!("{{\"universes\":[{},{}]}}", line("[\"MEGA\"]"), line("[\"MEGB\"]"));
    let faults = import(&server, "", "application/json", twice.as_bytes()).is_problem(422, "import");
    let issue = &faults["issues"][0];
    assert_eq!((keys(issue), &issue["file"]), (vec!["file", "line", "reason", "symbol"], &json!("api")), "{faults}");
    for body in ["{", "[]", "nothing of the kind", "{\"universes\":[]}"] {
        let problem = import(&server, "", "application/json", body.as_bytes()).is_problem(422, "import");
        let detail = problem["detail"].as_str().expect("text");
        assert!(!detail.contains("/tmp"), "it does not say where it lay: {detail}");
    }
    let good = server.get("/api/v1/universes/top_10/export").body;
    import(&server, "?only=mega_cap", "application/json", &good).is_problem(400, "query");
    import(&server, "?source=..", "application/json", &good).is_problem(400, "query");
    import(&server, "?source=a%2Fb", "application/json", &good).is_problem(400, "query");
    import(&server, "?yes=true", "application/json", &good).is_problem(400, "query");
    import(&server, "", "application/json", b"").is_problem(400, "body");
    import(&server, "", "application/x-www-form-urlencoded", &good).is_problem(415, "content-type");
    server.send("POST", IMPORTS, &[], &good).is_problem(415, "content-type");
    let large = vec![b' '; 32 * 1024 * 1024 + 1];
    import(&server, "", "application/json", &large).is_problem(413, "body-too-large");
    let larger_than_others = [good, vec![b' '; 128 * 1024]].concat();
    import(&server, "?dry_run=true", "application/json", &larger_than_others).is(200);
    assert_eq!(server.place.dump(), before, "nothing was changed");
}
