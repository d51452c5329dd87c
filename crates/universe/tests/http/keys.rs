//! Keys: who is let in, and where.

use serde_json::json;

use crate::harness::{Place, keys};
use crate::server::{ROUTES, Server, soon};

const EXAMPLE: &str = "tickstock-cache-sync-2025";

/// Makes a key and returns its id and text.
fn create(place: &Place, arguments: &[&str]) -> (String, String) {
    let made = place.run(&[&["keys", "create", "a test", "--format", "json"], arguments].concat()).done().json();
    assert_eq!(keys(&made), ["expires_at", "id", "key", "name", "scopes"]);
    let text = |name: &str| made[name].as_str().expect("text").to_owned();
    (text("id"), text("key"))
}

#[test]
fn a_key_opens_what_its_scope_allows() {
    for place in Place::on_both_stores() {
        let (_, read) = create(&place, &[]);
        let (_, operate) = create(&place, &["--scope", "operate"]);
        let (_, admin) = create(&place, &["--scope", "admin"]);
        let server = Server::start(place);
        let job = "00000000-0000-0000-0000-000000000000";
        let reads = ["/api/v1/universes", "/api/v1/events", "/metrics", "/openapi.json", "/docs", "/nowhere"];
        let (status, cancel) = (format!("/api/admin/cache-sync/status/{job}"), format!("{ROUTES}/cancel/{job}"));
        for path in ["/health", "/ready"] {
            server.get(path).is(200);
        }
        for path in reads {
            let problem = server.get(path).is_problem(401, "key-missing");
            assert!(problem["detail"].as_str().expect("text").contains("X-API-Key"));
            assert!(server.get(path).header("www-authenticate").is_some());
            let wrong = [("x-api-key", "tsu_00000000_00")];
            server.get_with(path, &wrong).is_problem(401, "key-wrong");
            server.get_with(path, &[("x-api-key", EXAMPLE)]).is_problem(401, "key-wrong");
            for key in [&read, &operate, &admin] {
                let status = server.get_with(path, &[("x-api-key", key)]).status;
                assert_eq!(status, if path == "/nowhere" { 404 } else { 200 }, "{path}");
            }
        }
        let post = |path: &str, key: &str| server.send("POST", path, &[("x-api-key", key)], b"");
        server.post(&cancel, "").is_problem(401, "key-missing");
        assert_eq!(post(&cancel, &read).is_problem(403, "scope-missing")["scope"], "operate");
        post(&cancel, &operate).is_problem(404, "unknown-run");
        post(&cancel, &admin).is_problem(404, "unknown-run");
        for key in [&read, &operate] {
            assert_eq!(
                server.get_with(&status, &[("x-api-key", key)]).is_problem(403, "scope-missing")["scope"],
                "admin"
            );
            post("/admin/historical-data/rebuild-cache", key).is_problem(403, "scope-missing");
        }
        server.get_with(&status, &[("x-api-key", &admin)]).is_problem(404, "unknown-run");
        // A secret with the id of another key, and a key that was cut short.
        let swapped = format!("{}_{}", &admin[..12], &read[13..]);
        server.get_with("/docs", &[("x-api-key", &swapped)]).is_problem(401, "key-wrong");
        server.get_with("/docs", &[("x-api-key", &admin[..admin.len() - 1])]).is_problem(401, "key-wrong");
        assert!(
            !server.log().contains(&admin[13..]) && !server.place.dump().contains(&admin[13..]),
            "a secret is kept"
        );
    }
}

#[test]
fn a_revoked_key_opens_nothing() {
    for place in Place::on_both_stores() {
        let (id, key) = create(&place, &["--scope", "operate", "--expires", "90d"]);
        let server = Server::start(place).with_key(&key);
        let cancel = format!("{ROUTES}/cancel/nothing");
        server.get("/api/v1/universes").is(200);
        server.post(&cancel, "").is_problem(404, "unknown-run");
        let rotated = server.place.run(&["keys", "rotate", &id, "--format", "json"]).done().json();
        // What changes something is refused at once, what reads within a moment.
        server.post(&cancel, "").is_problem(401, "key-wrong");
        soon("the refusal", || (server.get("/api/v1/universes").status == 401).then_some(()));
        let fresh = rotated["key"].as_str().expect("a key");
        assert_eq!(rotated["scopes"], json!(["operate"]));
        server.get_with("/api/v1/universes", &[("x-api-key", fresh)]).is_problem(401, "key-wrong");
        let server = server.with_key(fresh);
        server.get("/api/v1/universes").is(200);
        let listed = server.place.run(&["keys", "list", "--format", "json"]).done().json();
        let states: Vec<_> = listed.as_array().expect("keys").iter().map(|key| key["state"].clone()).collect();
        assert_eq!(states, [json!("revoked"), json!("valid")]);
        let fresh_id = rotated["id"].as_str().expect("an id");
        server.place.run(&["keys", "revoke", fresh_id]).done();
        server.post(&cancel, "").is_problem(401, "key-wrong");
        // All keys are revoked: that does not open the door again.
        soon("the refusal", || (server.get("/api/v1/universes").status == 401).then_some(()));
        server.place.run(&["keys", "revoke", "deadbeef"]).refused(1, &["there is no key deadbeef"]);
        server.place.run(&["keys", "rotate", fresh_id]).refused(2, &["revoked"]);
    }
}

#[test]
fn an_expired_key_opens_nothing() {
    let place = Place::embedded();
    let (id, key) = create(&place, &[]);
    let database = rusqlite::Connection::open(place.path("universe.db")).expect("the database");
    let changed = database.execute(
        "update universe_api_key set expires_at = (select min(created_at) from universe_api_key) where api_key_id = ?1",
        [&id],
    );
    assert_eq!(changed.expect("written"), 1);
    drop(database);
    place.run(&["keys", "create", "x", "--expires", "2020-01-01"]).refused(2, &["over already"]);
    place.run(&["keys", "create", "x", "--expires", "soon"]).refused(2, &["90d"]);
    let server = Server::start(place).with_key(&key);
    server.get("/api/v1/universes").is_problem(401, "key-wrong");
}

#[test]
fn the_public_example_works_on_this_machine_only() {
    let server = Server::start_with(Place::embedded(), &[("TICKSTOCKPL_API_KEY", EXAMPLE)]);
    assert!(server.log().contains("is public"), "{}", server.log());
    server.get("/api/v1/universes").is_problem(401, "key-missing");
    server.get_with("/api/v1/universes", &[("x-api-key", EXAMPLE)]).is(200);
    let elsewhere =
        server.place.run_in(&[("TICKSTOCKPL_API_KEY", EXAMPLE)], &["serve", "--host", "0.0.0.0", "--port", "0"]);
    elsewhere.refused(2, &["public", "0.0.0.0", "universe keys create"]);
}

#[test]
fn without_a_key_only_this_machine_is_answered() {
    let place = Place::embedded();
    place.run(&["serve", "--host", "0.0.0.0", "--port", "0"]).refused(2, &["without a key", "universe keys create"]);
    let server = Server::start(place);
    server.get_with("/api/v1/universes", &[("host", "localhost:1")]).is(200);
    server.get_with("/api/v1/universes", &[("host", "rebound.example")]).is_problem(403, "foreign-origin");
    let origin = [("origin", "https://evil.example")];
    server.send("POST", &format!("{ROUTES}/trigger"), &origin, b"").is_problem(403, "foreign-origin");
    server.get_with("/api/v1/universes", &[("origin", "http://localhost:3000")]).is(200);
}

#[test]
fn a_key_opens_the_door_to_other_machines() {
    let place = Place::embedded();
    let (_, key) = create(&place, &[]);
    let server = Server::start_with(place, &[("TICKSTOCKPL_HOST", "0.0.0.0")]);
    let port = server.address.rsplit_once(':').expect("a port").1.to_owned();
    let path = "/api/v1/universes";
    let mut server = server;
    server.address = format!("http://127.0.0.1:{port}");
    server.get(path).is_problem(401, "key-missing");
    server.get_with(path, &[("x-api-key", &key), ("host", "universe.example")]).is(200);
    // A browser asks its user for the key of the page, and sends it so.
    let basic = [("authorization", format!("Basic {}", base64(&format!("me:{key}"))))];
    let basic = [(basic[0].0, basic[0].1.as_str())];
    assert_eq!(server.get_with("/docs", &basic).status, 200);
    server.send("POST", &format!("{ROUTES}/trigger"), &basic, b"").is_problem(401, "key-missing");
}

#[test]
fn a_key_that_asks_too_often_is_told_to_wait() {
    let place = Place::embedded();
    let (_, key) = create(&place, &[]);
    let server = Server::start_with(place, &[("UNIVERSE__SERVER__RATE_PER_SECOND", "2")]).with_key(&key);
    let refused = soon("a refusal", || Some(server.get("/api/v1/universes")).filter(|answer| answer.status != 200));
    refused.is_problem(429, "too-often");
    assert_eq!(refused.header("retry-after"), Some("1"));
}

fn base64(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut encoded = String::new();
    for group in text.as_bytes().chunks(3) {
        let bits = group.iter().fold(0_u32, |bits, byte| (bits << 8) | u32::from(*byte)) << (8 * (3 - group.len()));
        for at in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * at)) as usize & 63];
            encoded.push(if at <= group.len() { char::from(digit) } else { '=' });
        }
    }
    encoded
}
