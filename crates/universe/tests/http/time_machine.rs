//! The past and its reasons over HTTP: what `universe explain` and `universe history` say.

use universe_core::next_session;

use crate::harness::Place;
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
        assert_eq!(history, server.place.run(&["history", "top_10", "--format", "json"]).done().json());
        let later = server.get(&format!("/api/v1/universes/top_10/history?from={}", next_session(FIRST))).is(200);
        assert_eq!(later["changes"].as_array().map(Vec::len), Some(2));
        let seats = server.get("/api/v1/symbols/LARH/history").is(200);
        assert_eq!(seats, server.place.run(&["history", "LARH", "--format", "json"]).done().json());
    }
}

#[test]
fn questions_that_cannot_be_meant_are_refused() {
    let place = Place::embedded();
    first_day(&place);
    let server = Server::start(place);
    let problem = |path: &str, status, kind| server.get(path).is_problem(status, kind);
    let unknown = problem("/api/v1/universes/top_1O/explain/MEGA", 404, "unknown-universe");
    assert!(unknown["nearest"].as_array().is_some_and(|nearest| !nearest.is_empty()), "{unknown}");
    problem("/api/v1/universes/top_10+mega_cap/history", 400, "expression");
    problem("/api/v1/symbols/NEVER/history", 404, "unknown-symbol");
    problem("/api/v1/universes/top_10/history?from=2024-02-01&to=2024-01-01", 400, "query");
    problem("/api/v1/universes/top_10/explain/MEGA?as_of=soon", 400, "query");
}
