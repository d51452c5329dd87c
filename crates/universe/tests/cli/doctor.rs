//! `universe doctor`: what it finds, and that it finds it whatever else is wrong.

use serde_json::Value;
use universe_testkit::{older_database, test_redis};

use crate::harness::{Output, Place};
use crate::market;

/// Every check, in its order.
const CHECKS: [&str; 16] = [
    "configuration",
    "secrets",
    "database",
    "migrations",
    "tables",
    "rights",
    "redis",
    "keys",
    "clock",
    "disk",
    "feeds",
    "rules",
    "market_data",
    "server",
    "outbox",
    "leases",
];

fn examine(place: &Place, environment: &[(&str, &str)]) -> Output {
    // A port on which nobody listens.
    let environment = [environment, &[("TICKSTOCKPL_PORT", "1")]].concat();
    let output = place.run_in(&environment, &["doctor", "--format", "json"]);
    let names: Vec<Value> = checks(&output).iter().map(|check| check["check"].clone()).collect();
    for check in CHECKS {
        assert!(names.contains(&check.into()), "{check} is missing: {output:#?}");
    }
    for check in checks(&output) {
        assert_eq!(check["remedy"].is_null(), check["status"] == "ok", "{check}");
    }
    let has_error = checks(&output).iter().any(|check| check["status"] == "error");
    assert_eq!(output.code, if has_error { 3 } else { 0 }, "{output:#?}");
    output
}

fn checks(output: &Output) -> Vec<Value> {
    output.json()["checks"].as_array().expect("a list").clone()
}

#[track_caller]
fn assert_found(output: &Output, check: &str, status: &str, part: &str) {
    let is_it = |found: &Value| {
        found["check"] == check
            && found["status"] == status
            && format!("{} {}", found["detail"], found["remedy"]).contains(part)
    };
    assert!(checks(output).iter().any(is_it), "{check} {status} {part}: {output:#?}");
}

#[test]
fn a_place_without_anything_is_looked_at_and_left_alone() {
    let place = Place::embedded();
    let output = examine(&place, &[]);
    assert_found(&output, "database", "warning", "does not exist yet");
    assert_found(&output, "server", "warning", "universe serve");
    assert!(!place.exists("universe.db"));
    let table = place.run(&["doctor"]).done();
    assert!(table.stdout.starts_with(" CHECK"), "{}", table.stdout);
    assert!(table.stderr.contains("0 errors"), "{}", table.stderr);
}

#[test]
fn a_day_that_went_well_has_old_prices_and_nothing_else() {
    for place in Place::on_both_stores() {
        market::first_day(&place);
        let output = examine(&place, &[]);
        let errors: Vec<Value> = checks(&output).into_iter().filter(|check| check["status"] == "error").collect();
        assert_eq!(errors.len(), 1, "{errors:#?}");
        assert_found(&output, "feeds", "error", "the newest prices are of 2024-01-02: stale by");
        assert_found(&output, "migrations", "ok", "are applied");
        assert_found(&output, "outbox", "ok", "without Redis");
        assert_found(&output, "leases", "ok", "nobody");
    }
}

#[test]
fn everything_else_is_checked_when_the_configuration_is_wrong() {
    let place = Place::embedded();
    place.write("universe.toml", "[server]\nprot = 1\n");
    place.write("rules/bad.toml", "category = 7\n");
    let output = examine(&place, &[("UNIVERSE__RULES__DIRECTORY", "rules")]);
    assert_found(&output, "configuration", "error", "did you mean server.port?");
    assert_found(&output, "rules", "error", "bad.toml");
}

#[test]
fn secrets_are_found_and_not_shown() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::embedded();
    let secret = "postgresql://app:very-secret@127.0.0.1:1/tickstock";
    place.write("universe.toml", format!("[database]\nuri = \"{secret}\"\n"));
    place.write(".env", "TICKSTOCKPL_API_KEY=also-secret\n");
    for file in ["universe.toml", ".env"] {
        std::fs::set_permissions(place.path(file), std::fs::Permissions::from_mode(0o644)).expect("set");
    }
    let output = examine(&place, &[("REDIS_URL", "redis://me:third-secret@127.0.0.1:1/0")]);
    assert_found(&output, "secrets", "warning", "chmod 600 universe.toml");
    assert_found(&output, "secrets", "warning", "chmod 600 .env");
    assert_found(&output, "database", "error", "127.0.0.1:1");
    assert_found(&output, "redis", "error", "127.0.0.1:1");
    let all = format!("{output:?}");
    assert!(!all.contains("very-secret") && !all.contains("also-secret") && !all.contains("third-secret"), "{all}");
    for file in ["universe.toml", ".env"] {
        std::fs::set_permissions(place.path(file), std::fs::Permissions::from_mode(0o600)).expect("set");
    }
    assert_found(&examine(&place, &[]), "secrets", "ok", "none");
}

#[test]
fn keys_are_looked_at() {
    let place = Place::embedded();
    let open = ("TICKSTOCKPL_HOST", "0.0.0.0");
    assert_found(&examine(&place, &[open]), "keys", "error", "there is none");
    let example = ("TICKSTOCKPL_API_KEY", "tickstock-cache-sync-2025");
    assert_found(&examine(&place, &[example]), "keys", "warning", "public documents print");
    assert_found(&examine(&place, &[example, open]), "keys", "error", "refuses it");
    place.run(&["keys", "create", "soon", "--expires", "3d"]).done();
    assert_found(&examine(&place, &[open]), "keys", "warning", "universe keys rotate");
}

#[test]
fn redis_is_asked() {
    let Some(server) = test_redis() else { return };
    let (place, redis) = (Place::embedded(), server.uri());
    let output = examine(&place, &[("REDIS_URL", &redis)]);
    assert_found(&output, "redis", "ok", "answered in");
    assert_found(&output, "clock", "ok", "Redis");
    let locked = redis.replacen("redis://", "redis://nobody:wrong@", 1);
    assert_found(&examine(&place, &[("REDIS_URL", &locked)]), "redis", "error", "correct user and password");
}

#[test]
fn servers_are_asked() {
    let place = Place::embedded();
    for (status, server, market_data) in [("200 OK", "ok", "ok"), ("401 Unauthorized", "error", "error")] {
        let port = stand_in(status).to_string();
        let base = format!("http://127.0.0.1:{port}");
        let environment = [
            ("TICKSTOCKPL_PORT", &*port),
            ("UNIVERSE__MASSIVE__BASE_URL", &*base),
            ("UNIVERSE__MASSIVE__API_KEY", "kept-to-itself"),
        ];
        let output = place.run_in(&environment, &["doctor", "--format", "json"]);
        assert_found(&output, "server", server, "/health answers");
        assert_found(&output, "market_data", market_data, &base);
        assert!(!format!("{output:?}").contains("kept-to-itself"), "{output:?}");
    }
}

/// Answers every request with a status, and returns its port; it ends with this process.
fn stand_in(status: &'static str) -> u16 {
    use std::io::{Read as _, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("binds");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut request = [0; 4096];
            let _ = stream.read(&mut request);
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}");
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    port
}

#[test]
fn what_is_not_set_up_says_how() {
    let Some(place) = Place::on_empty_postgres() else { return };
    assert_found(&examine(&place, &[]), "migrations", "error", "universe db migrate");
    place.run(&["db", "migrate"]).done();
    let output = examine(&place, &[]);
    assert_found(&output, "migrations", "ok", "are applied");
    assert_found(&output, "clock", "ok", "the database server");
    execute(&place, "update universe.migration set checksum = 'x' where version = 2");
    assert_found(&examine(&place, &[]), "migrations", "error", "service");
    execute(&place, "alter table symbols drop column industry");
    assert_found(&examine(&place, &[]), "tables", "error", "symbols.industry");
}

#[test]
fn an_older_database_is_recognised() {
    let Some(place) = Place::on_empty_postgres() else { return };
    let uri = place.postgres_uri().expect("an address");
    block_on(async {
        let client = connect(&uri).await;
        older_database::make(&client, 20).await;
    });
    let output = examine(&place, &[]);
    assert_found(&output, "migrations", "warning", "universe adopt --dry-run");
    assert_found(&output, "tables", "warning", "create unique index");
    assert_found(&output, "rights", "ok", "may do what is needed");
    execute(
        &place,
        "drop view universe_sizes; alter table cache_entries alter column value type text using value::text",
    );
    assert_found(&examine(&place, &[]), "tables", "error", "cache_entries.value is text");
}

#[test]
fn leases_of_the_dead_are_named() {
    let place = Place::embedded();
    place.run(&["db", "migrate"]).done();
    let file = rusqlite::Connection::open(place.path("universe.db")).expect("opens");
    let lease = "insert into universe_lease values ('relay:DEFAULT', '999999999/ab', 1, ?1)";
    file.execute(lease, ["2999-01-01T00:00:00.000000Z"]).expect("writes");
    assert_found(&examine(&place, &[]), "leases", "warning", "does not run here");
    file.execute("update universe_lease set expires_at = ?1", ["2024-01-01T00:00:00.000000Z"]).expect("writes");
    assert_found(&examine(&place, &[]), "leases", "warning", "which died");
}

fn execute(place: &Place, sql: &str) {
    let uri = place.postgres_uri().expect("an address");
    block_on(async { connect(&uri).await.batch_execute(sql).await.expect("executes") });
}

async fn connect(uri: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(uri, tokio_postgres::NoTls).await.expect("connects");
    tokio::spawn(connection);
    client
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(work)
}
