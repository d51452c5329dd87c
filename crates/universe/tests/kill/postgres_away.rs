//! PostgreSQL away for a while: what is in memory is answered, and the rest says so.

use serde_json::Value;
use universe_testkit::{PostgresServer, ServerError, servers_required, test_redis};

use crate::server::{Answer, Server};
use crate::world::{World, eventually};

const TRIGGER: &str = "/api/processing/cache-sync/trigger";
const SYMBOLS: &str = "/api/v1/universes/top_500/symbols";

/// Checks that an answer says that the database is away, and when to come again.
fn refused(what: &str, answer: &Answer) {
    assert_eq!(answer.status, 503, "{what}: {answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{what}: {answer:?}");
    let retry_after: u64 = answer.header("retry-after").expect("a time").parse().expect("seconds");
    assert!((1..=60).contains(&retry_after), "{what}: {answer:?}");
    let problem: Value = serde_json::from_str(&answer.body).expect("JSON");
    assert_eq!(problem["status"], 503, "{what}");
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("database")), "{what}: {problem}");
}

#[test]
fn while_the_database_is_away_lookups_go_on_and_the_rest_says_so() {
    let mut postgres = match PostgresServer::start() {
        Ok(postgres) => postgres,
        Err(error @ ServerError::Missing { .. }) if !servers_required() => return eprintln!("skipped: {error}"),
        Err(error) => panic!("{error}"),
    };
    let Some(redis) = test_redis() else { return };
    let world = World::on(postgres.database().expect("a database"), None);
    let server = Server::start(&world, "server", &redis.uri());
    world.completed(server.trigger_soon());
    let before = eventually("the members", || Some(server.ask("GET", SYMBOLS)).filter(|answer| answer.status == 200));
    assert_eq!(before.header("age"), None, "they are as the database has them");

    postgres.stop();
    for (method, path) in [
        ("GET", "/ready"),
        ("POST", TRIGGER),
        ("GET", "/api/processing/cache-sync/history"),
        ("GET", "/api/v1/events?after=0"),
        ("GET", "/api/v1/alerts"),
        ("GET", "/api/v1/universes/top_500?as_of=2024-01-02"),
    ] {
        refused(path, &server.ask(method, path));
    }
    for path in ["/health", "/metrics", "/api/v1/universes", "/api/v1/universes/top_500 & mega_cap"] {
        assert_eq!(server.ask("GET", &path.replace(' ', "%20").replace('&', "%26")).status, 200, "{path}");
    }
    let aged =
        eventually("an age", || Some(server.ask("GET", SYMBOLS)).filter(|answer| answer.header("age").is_some()));
    assert_eq!((aged.status, &aged.body), (200, &before.body), "the last known members");
    let age: u64 = aged.header("age").expect("an age").parse().expect("seconds");
    assert!(age >= 1);

    postgres.restart().expect("starts again");
    eventually("readiness", || server.get("/ready"));
    world.load_session();
    world.completed(eventually("a trigger", || server.trigger(&serde_json::json!({"force": true}))));
    eventually("an answer of today", || {
        Some(server.ask("GET", SYMBOLS)).filter(|answer| answer.header("age").is_none())
    });
}
