//! The OpenAPI document, as a whole: `UPDATE_EXPECT=1` writes `tests/openapi.json` anew.

use std::path::Path;

use serde_json::Value;

use crate::harness::Place;
use crate::server::Server;

#[test]
fn the_document_is_what_was_agreed() {
    let place = Place::embedded();
    let printed = place.run(&["serve", "--openapi"]).done().stdout;
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/openapi.json");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&file, &printed).expect("written");
    }
    let agreed = std::fs::read_to_string(&file).expect("tests/openapi.json can be read");
    assert!(printed == agreed, "the routes are not what tests/openapi.json says; UPDATE_EXPECT=1 writes it anew");
    assert!(!place.exists("universe.db"), "printing it makes nothing");

    let document: Value = serde_json::from_str(&printed).expect("JSON");
    let server = Server::start(place);
    assert_eq!(server.get("/openapi.json").is(200), document);
    let page = server.get("/docs");
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let page = page.text();
    for path in document["paths"].as_object().expect("paths").keys() {
        assert!(page.contains(&format!("<code>{path}</code>")), "{path} is not on the page");
    }
    for loads in ["<script", "<link", "<img", "@import", "url(", "http://", "https://"] {
        assert!(!page.contains(loads), "the page has {loads}");
    }
}

#[test]
fn figures_have_bounded_labels() {
    let place = Place::embedded();
    crate::market::first_day(&place);
    let server = Server::start(place);
    server.ended(&server.trigger(""));
    for path in ["/api/v1/universes/top_10", "/api/v1/universes/mega_cap", "/api/v1/universes/nothing", "/api/v1/else"]
    {
        server.get(path);
    }
    server.send("BREW", "/docs", &[], b"");
    let figures = crate::server::soon("the run among the figures", || {
        let figures = server.get("/metrics");
        assert_eq!(figures.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
        Some(figures.text()).filter(|text| text.contains("universe_run_seconds_count"))
    });
    for line in [
        "universe_http_request_seconds_count{route=\"/api/v1/universes/{universe}\",method=\"GET\",status=\"2xx\"} 2",
        "universe_http_request_seconds_count{route=\"/api/v1/universes/{universe}\",method=\"GET\",status=\"4xx\"} 1",
        "universe_http_request_seconds_count{route=\"unknown\",method=\"GET\",status=\"4xx\"} 1",
        "universe_http_request_seconds_count{route=\"/docs\",method=\"other\",status=\"4xx\"} 1",
        "universe_run_seconds_count{mode=\"full\",status=\"completed\"} 1",
        "universe_members{universe=\"stock_universe:top_10\"} 10",
        "universe_head_version 1",
        "# TYPE universe_outbox_unpublished gauge",
        "# TYPE universe_outbox_lag_seconds gauge",
    ] {
        assert!(figures.lines().any(|found| found == line), "{line} is not in\n{figures}");
    }
}
