//! Lookups over HTTP: what `universe show` says, from memory, and soon after every commit.

use std::io::Read as _;

use flate2::read::GzDecoder;
use serde_json::{Value, json};

use crate::harness::{Place, keys, texts};
use crate::market::{self, FIRST, TOP_10, offering, stocks};
use crate::server::{Server, soon};

/// Starts a server on each store, with the first session synchronized.
fn servers() -> Vec<Server> {
    let ready = |place: Place| {
        market::first_day(&place);
        Server::start(place)
    };
    Place::on_both_stores().into_iter().map(ready).collect()
}

#[test]
fn lookups_say_what_the_command_line_says() {
    for server in servers() {
        let list = server.get("/api/v1/universes").is(200);
        let names =
            ["as_of", "count", "held", "is_point_in_time", "quarantined_count", "source_age_sessions", "universes"];
        assert_eq!(keys(&list), names);
        let names = ["category", "count", "is_ranked", "key", "last_updated", "name", "rule", "type"];
        assert_eq!(keys(&list["universes"][0]), names);
        let listed = server.place.run(&["list", "--format", "json"]).done().json();
        assert_eq!(list["count"], json!(listed.as_array().expect("universes").len()));

        for asked in [
            "top_10",
            "stock_universe:top_10",
            "mega_cap",
            "top_10 & sector_technology",
            "(top_10 + mid_cap) - mega_cap",
        ] {
            let shown = server.place.run(&["show", asked, "--format", "json"]).done().json();
            let path = format!("/api/v1/universes/{}", encoded(asked));
            let answer = server.get(&path).is(200);
            let names = [
                "as_of",
                "count",
                "held",
                "is_point_in_time",
                "key",
                "members",
                "name",
                "quarantined_count",
                "source_age_sessions",
                "symbols",
                "type",
            ];
            assert_eq!(keys(&answer), names);
            for name in names {
                assert_eq!(answer[name], shown[name], "{name} of {asked}");
            }
            let symbols = server.get(&format!("{path}/symbols")).is(200);
            assert_eq!(
                keys(&symbols),
                [
                    "as_of",
                    "count",
                    "held",
                    "is_point_in_time",
                    "key",
                    "quarantined_count",
                    "source_age_sessions",
                    "symbols",
                    "type"
                ]
            );
            assert_eq!(symbols["symbols"], shown["symbols"], "{asked}");
        }
        let seats = server.get("/api/v1/symbols/mega/universes").is(200);
        assert_eq!(
            keys(&seats),
            [
                "as_of",
                "count",
                "held",
                "is_point_in_time",
                "quarantined_count",
                "source_age_sessions",
                "symbol",
                "universes"
            ]
        );
        assert_eq!(seats["symbol"], "MEGA");
        let top = seats["universes"].as_array().expect("universes").iter().find(|seat| seat["key"] == "top_10");
        let top = top.expect("the largest of all is in it");
        assert_eq!(keys(top), ["category", "key", "name", "rank", "since", "type"]);
        assert_eq!((&top["rank"], &top["since"]), (&json!(1), &json!(FIRST)));
    }
}

#[test]
fn an_answer_that_the_client_has_is_not_sent_again() {
    let server = servers().remove(0);
    let universe = "/api/v1/universes/master_all_stocks";
    for path in [
        universe,
        "/api/v1/universes",
        "/api/v1/symbols/MEGA/universes",
        "/openapi.json",
        "/api/v1/universes/top_10?as_of=2024-01-02",
    ] {
        let answer = server.get(path);
        answer.is(200);
        let etag = answer.header("etag").expect("an entity tag").to_owned();
        for known in [etag.clone(), format!("W/{etag}"), format!("\"other\", {etag}"), "*".to_owned()] {
            let again = server.get_with(path, &[("if-none-match", &known)]);
            assert_eq!((again.status, again.body.len()), (304, 0), "{path} {known}");
            assert_eq!(again.header("etag"), Some(etag.as_str()));
        }
        assert_eq!(server.get_with(path, &[("if-none-match", "\"other\"")]).status, 200);
    }
    let plain = server.get(universe);
    let packed = server.get_with(universe, &[("accept-encoding", "br, gzip;q=0.8")]);
    assert_eq!((packed.status, packed.header("content-encoding")), (200, Some("gzip")));
    let mut unpacked = Vec::new();
    GzDecoder::new(packed.body.as_slice()).read_to_end(&mut unpacked).expect("gzip");
    assert_eq!(unpacked, plain.body);
    assert_ne!(packed.header("etag"), plain.header("etag"), "other bytes have another name");
    let known = packed.header("etag").expect("an entity tag");
    assert_eq!(server.get_with(universe, &[("if-none-match", known)]).status, 304, "the content is the same");
}

#[test]
fn a_commit_of_any_process_is_seen_soon() {
    for server in servers() {
        let path = "/api/v1/universes/recent_ipos/symbols";
        let before = server.get("/api/v1/universes/master_all_stocks/symbols");
        let mut listed = stocks();
        listed.push(offering("NEWC"));
        let second = market::sessions_later(FIRST, 1);
        market::load(&server.place, second, &listed);
        server.place.run(&["sync"]).done();
        let answer = soon("the new member", || Some(server.get(path).is(200)).filter(|answer| answer["count"] != 0));
        assert_eq!((&answer["symbols"], &answer["as_of"]), (&json!(["NEWC"]), &json!(second)));
        let after = server.get("/api/v1/universes/master_all_stocks/symbols");
        assert_ne!(after.header("etag"), before.header("etag"));

        let all = "/api/v1/universes/master_all_stocks";
        let then = server.get(&format!("{all}?as_of={FIRST}")).is(200);
        assert_eq!((&then["as_of"], &then["count"]), (&json!(FIRST), &json!(40)));
        assert_eq!(server.get(&format!("{all}/symbols?as_of={second}")).is(200)["count"], 41);
        assert_eq!(server.get(&format!("{all}?known_at=2020-01-01T00:00:00Z")).is(200)["count"], 0);
        let changes = server.get(&format!("{all}/changes?from={FIRST}&to={second}")).is(200);
        assert_eq!((texts(&changes["added"]), texts(&changes["removed"])), (vec!["NEWC".to_owned()], Vec::new()));
        let top: Value = server.get(&format!("/api/v1/universes/top_10/symbols?as_of={FIRST}")).is(200);
        assert_eq!(texts(&top["symbols"]), TOP_10, "in the order of that day");
        assert_eq!((&top["is_point_in_time"], &top["source_age_sessions"]), (&json!(true), &json!(0)));
        let ahead = server.get("/api/v1/universes/top_10?as_of=2024-01-12").is(200);
        assert_eq!((&ahead["is_point_in_time"], &ahead["source_age_sessions"]), (&json!(false), &json!(7)));
        let seats = server.get(&format!("/api/v1/symbols/mega/universes?as_of={FIRST}")).is(200);
        let top = seats["universes"].as_array().expect("universes").iter().find(|seat| seat["key"] == "top_10");
        let top = top.expect("the largest of all is in it");
        assert_eq!((&seats["as_of"], &top["rank"], &top["since"]), (&json!(FIRST), &json!(1), &json!(FIRST)));
        let seats = server.get(&format!("/api/v1/symbols/NEWC/universes?as_of={FIRST}")).is(200);
        assert_eq!((&seats["count"], &seats["is_point_in_time"]), (&json!(0), &json!(true)));
        server.get(&format!("/api/v1/symbols/nobody/universes?as_of={FIRST}")).is_problem(404, "unknown-symbol");
        let count_of = |list: &Value, key: &str| {
            let found = list["universes"].as_array().expect("universes").iter().find(|universe| universe["key"] == key);
            found.map(|universe| universe["count"].clone())
        };
        let list = server.get(&format!("/api/v1/universes?as_of={FIRST}")).is(200);
        assert_eq!(count_of(&list, "master_all_stocks"), Some(json!(40)));
        let shown = server.place.run(&["list", "--as-of", &FIRST.to_string(), "--format", "json"]).done().json();
        assert_eq!(count_of(&json!({"universes": shown}), "master_all_stocks"), Some(json!(40)));
        let nothing = server.get("/api/v1/universes?known_at=2020-01-01T00:00:00Z").is(200);
        assert_eq!((&nothing["as_of"], &nothing["count"]), (&Value::Null, &json!(0)));

        let before = server.get("/api/v1/universes/top_10?as_of=2023-12-29").is(200);
        assert_eq!((&before["is_point_in_time"], &before["source_age_sessions"]), (&json!(false), &Value::Null));
    }
}

/// Writes a text as a part of a path.
fn encoded(text: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_:".contains(byte);
    text.bytes().map(|byte| if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}
