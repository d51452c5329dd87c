//! The past and its reasons over HTTP: what `universe explain` and `universe history` say.

use serde_json::json;
use universe_core::next_session;

use crate::harness::{Place, keys};
use crate::market::{FIRST, first_day, load, stocks, with_price};
use crate::server::Server;

#[test]
fn explanations_and_histories_are_those_of_the_command_line() {
    for place in Place::on_both_stores() {
        first_day(&place);
        let mut second = stocks();
        with_price(&mut second, &["LARH"], 40);
        load(&place, next_session(FIRST), &second);
        place.run(&["sync", "--force"]).done();
        let server = Server::start(place);
        let first = FIRST.to_string();

        for (symbol, universe, as_of) in
            [("LARH", "mega_cap", None), ("larb", "top_10", None), ("LARB", "top_10", Some(&first))]
        {
            let mut arguments = vec!["explain", symbol, universe, "--format", "json"];
            let mut path = format!("/api/v1/universes/{universe}/explain/{symbol}");
            if let Some(as_of) = as_of {
                arguments.extend(["--as-of", as_of]);
                path = format!("{path}?as_of={as_of}");
            }
            assert_eq!(server.get(&path).is(200), server.place.run(&arguments).done().json(), "{path}");
        }
        let history = server.get("/api/v1/universes/top_10/history").is(200);
        assert_eq!(keys(&history), ["changes", "from", "to", "universe"]);
        let told = server.place.run(&["history", "top_10", "--format", "json"]).done().json();
        assert_eq!(history["changes"], told["changes"]);
        let later = server.get(&format!("/api/v1/universes/top_10/history?from={}", next_session(FIRST))).is(200);
        assert_eq!(later["changes"].as_array().map(Vec::len), Some(2));
        let seats = server.get("/api/v1/symbols/LARH/history").is(200);
        assert_eq!(keys(&seats), ["from", "memberships", "symbol", "to"]);
        let told = server.place.run(&["history", "LARH", "--format", "json"]).done().json();
        assert_eq!(seats["memberships"], told["memberships"]);
    }
}

#[test]
fn questions_that_cannot_be_meant_are_refused() {
    let place = Place::embedded();
    first_day(&place);
    let server = Server::start(place);
    let unknown = server.get("/api/v1/universes/top_1O/explain/MEGA").is(404);
    assert_eq!(unknown["type"], json!("urn:universe:problem:unknown-universe"));
    assert!(unknown["nearest"].as_array().is_some_and(|nearest| !nearest.is_empty()), "{unknown}");
    assert_eq!(
        server.get("/api/v1/universes/top_10+mega_cap/history").is(400)["type"],
        json!("urn:universe:problem:expression")
    );
    assert_eq!(
        server.get("/api/v1/symbols/NEVER/history").is(404)["type"],
        json!("urn:universe:problem:unknown-symbol")
    );
    let backwards = server.get("/api/v1/universes/top_10/history?from=2024-02-01&to=2024-01-01").is(400);
    assert!(backwards["detail"].as_str().is_some_and(|detail| detail.contains("is after")), "{backwards}");
    server.get("/api/v1/universes/top_10/explain/MEGA?as_of=soon").is(400);
}
