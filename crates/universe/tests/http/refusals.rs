//! Requests that cannot be meant as they are: each is answered by a problem that says what to do.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::json;

use crate::harness::Place;
use crate::market;
use crate::server::{ROUTES, Server};

#[test]
fn wrong_requests_are_answered_by_problems() {
    for place in Place::on_both_stores() {
        market::first_day(&place);
        let server = Server::start(place);
        let trigger = format!("{ROUTES}/trigger");
        for (body, says) in [
            ("{", "EOF"),
            ("[]", "struct Trigger"),
            ("{\"mode\": 1}", "string"),
            ("{\"force\": \"yes\"}", "boolean"),
            ("{\"forced\": true}", "unknown field"),
            ("\u{0}", "expected value"),
        ] {
            let problem = server.post(&trigger, body).is_problem(400, "body");
            assert!(problem["detail"].as_str().expect("text").contains(says), "{body}: {problem}");
        }
        let mode = server.post(&trigger, "{\"mode\": \"everything\"}").is_problem(400, "mode");
        assert!(mode["detail"].as_str().expect("text").contains("full, market_cap, themes and ipos"));
        server.post(&trigger, "{\"session\": \"yesterday\"}").is_problem(400, "session");
        server.send("POST", &trigger, &[("content-type", "text/plain")], b"{}").is_problem(415, "content-type");
        server.send("POST", &trigger, &[], b"{}").is_problem(415, "content-type");
        let form = [("content-type", "application/x-www-form-urlencoded")];
        let rebuild = "/admin/historical-data/rebuild-cache";
        server.send("POST", rebuild, &form, b"preserve_existing=perhaps").is_problem(400, "body");
        server.send("POST", rebuild, &form, b"other=1").is_problem(400, "body");

        for job in ["nothing", "00000000-0000-0000-0000-000000000000", "%00", "..%2f..", "%FF"] {
            for answer in [
                server.get(&format!("{ROUTES}/status/{job}")),
                server.get(&format!("/api/admin/cache-sync/status/{job}")),
                server.post(&format!("{ROUTES}/cancel/{job}"), ""),
                server.post(&format!("{ROUTES}/approve/{job}"), ""),
            ] {
                if job == "%FF" {
                    answer.is_problem(400, "path")
                } else {
                    answer.is_problem(404, "unknown-run")
                };
            }
        }
        for (path, kind) in [
            ("/api/v1/universes/top_10%20%26", "expression"),
            ("/api/v1/universes/(top_10", "expression"),
            ("/api/v1/universes/%20", "expression"),
            ("/api/v1/universes/top_10%20%26/symbols?as_of=2024-01-02", "expression"),
            ("/api/v1/universes/top_10?as_of=tomorrow", "query"),
            ("/api/v1/universes/top_10?asof=2024-01-02", "query"),
            ("/api/v1/universes/top_10?known_at=2024-01-02", "query"),
            ("/api/v1/universes/top_10/changes", "query"),
            ("/api/v1/universes?limit=1", "query"),
            ("/api/v1/events?after=-1", "query"),
            ("/api/v1/events?after=x", "query"),
            ("/api/v1/events?limit=0", "query"),
            ("/api/v1/events?limit=1001", "query"),
            ("/api/v1/events/stream?after=-1", "query"),
            ("/api/v1/alerts?limit=0", "query"),
            ("/api/processing/cache-sync/history?limit=0", "query"),
            ("/api/processing/cache-sync/history?limit=1001", "query"),
            ("/api/processing/cache-sync/history?offset=-1", "query"),
        ] {
            server.get(path).is_problem(400, kind);
        }
        server.get_with("/api/v1/events/stream", &[("last-event-id", "x")]).is_problem(400, "query");
        let long = format!("/api/v1/universes/{}", "top_10+".repeat(300));
        server.get(&long).is_problem(400, "expression");
        let deep = format!("/api/v1/universes/{}top_10{}", "(".repeat(900), ")".repeat(900));
        server.get(&deep).is_problem(400, "expression");

        for path in [
            "/api/v1/universes/top_1O",
            "/api/v1/universes/top_1O/symbols",
            "/api/v1/universes/top_1O?as_of=2024-01-02",
        ] {
            let problem = server.get(path).is_problem(404, "unknown-universe");
            assert_eq!(problem["nearest"][0], "top_10", "{problem}");
        }
        assert_eq!(
            server.get("/api/v1/universes/etf_universe:top_10").is_problem(404, "unknown-universe")["status"],
            404
        );
        server.get("/api/v1/symbols/ZZZZ/universes").is_problem(404, "unknown-symbol");
        server.get(&format!("/api/v1/symbols/{}/universes", "A".repeat(5_000))).is_problem(404, "unknown-symbol");
        server.get("/api/v1/nothing").is_problem(404, "unknown-route");
        server.get("/").is_problem(404, "unknown-route");
        for (method, path, allow) in [
            ("GET", trigger.as_str(), "POST"),
            ("DELETE", "/api/v1/universes", "GET,HEAD"),
            ("PUT", "/health", "GET,HEAD"),
            ("BREW", "/docs", "GET,HEAD"),
        ] {
            let answer = server.send(method, path, &[], b"");
            answer.is_problem(405, "method");
            assert_eq!(answer.header("allow"), Some(allow), "{method} {path}");
        }
        assert_eq!(server.get(&format!("{ROUTES}/history")).is(200)["total"], json!(1), "nothing was run");
    }
}

#[test]
fn a_body_that_is_too_large_is_refused() {
    let server = Server::start(Place::embedded());
    let large = format!("{{\"mode\": \"{}\"}}", "x".repeat(10_000_000));
    server.post(&format!("{ROUTES}/trigger"), &large).is_problem(413, "body-too-large");
    let just_too_large = "x".repeat(64 * 1024 + 1);
    server.post(&format!("{ROUTES}/trigger"), &just_too_large).is_problem(413, "body-too-large");
    server.post("/api/v1/nothing", &large).is_problem(413, "body-too-large");
    // One that does not say its size is measured as it comes.
    let mut socket = TcpStream::connect(server.address.trim_start_matches("http://")).expect("a connection");
    let head = format!(
        "POST {ROUTES}/trigger HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
    );
    socket.write_all(head.as_bytes()).expect("sent");
    for _ in 0..5 {
        socket.write_all(format!("4000\r\n{}\r\n", "x".repeat(0x4000)).as_bytes()).expect("sent");
    }
    let mut answer = [0; 12];
    socket.read_exact(&mut answer).expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 413");
}

#[test]
fn a_request_keeps_its_id() {
    let server = Server::start(Place::embedded());
    let kept = server.get_with("/health", &[("x-request-id", "job-7.a_b")]);
    assert_eq!(kept.header("x-request-id"), Some("job-7.a_b"));
    let long = "x".repeat(65);
    for odd in ["a b", "<script>", long.as_str(), ""] {
        let made = server.get_with("/health", &[("x-request-id", odd)]);
        assert_ne!(made.header("x-request-id"), Some(odd));
    }
}

#[test]
fn what_is_no_http_does_no_harm() {
    let server = Server::start(Place::embedded());
    for bytes in [b"\x16\x03\x01\x02\x00".as_slice(), b"GET / HTTP/9\r\n\r\n", b"\r\n\r\n\r\n", b"GET"] {
        let mut socket = TcpStream::connect(server.address.trim_start_matches("http://")).expect("a connection");
        socket.write_all(bytes).expect("sent");
        socket.shutdown(std::net::Shutdown::Write).expect("closed");
        let mut answer = Vec::new();
        let _ = socket.read_to_end(&mut answer);
    }
    server.get("/health").is(200);
    assert!(!server.log().contains("panicked"), "{}", server.log());
}
