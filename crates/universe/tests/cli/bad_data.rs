//! Bad data and unusable databases: each with a clear message, and nothing lost.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::harness::Place;
use crate::market::{FIRST, HEADER, TOP_10, first_day, row, screener, sessions_later, stocks};

fn gzipped(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).expect("compressed");
    encoder.finish().expect("compressed")
}

#[test]
fn a_file_that_is_not_right_is_refused_whole() {
    for place in Place::on_both_stores() {
        first_day(&place);
        let before = place.dump();
        let packed = gzipped(&screener(&stocks()));
        place.write("cut_2024-01-03.csv.gz", &packed[..packed.len() / 2]);
        place.write("noise_2024-01-03.csv.gz", b"\x1f\x8b\x08 this is no deflate stream at all");
        place.write("header_2024-01-03.csv", "Ticker Name,Price\nMEGA,1\n");
        place.write("empty_2024-01-03.csv", "");
        place.write("bare_2024-01-03.csv", format!("{HEADER}\n"));
        place.write("page_2024-01-03.csv", "<html><body>Access denied</body></html>\n");
        for (file, fragments) in [
            ("cut_2024-01-03.csv.gz", &["is truncated", "fetch it again"][..]),
            ("noise_2024-01-03.csv.gz", &["noise_2024-01-03.csv.gz"]),
            ("header_2024-01-03.csv", &["has the wrong columns", "missing symbol", "found \"Ticker Name\", \"Price\""]),
            ("empty_2024-01-03.csv", &["is empty"]),
            ("bare_2024-01-03.csv", &["bare_2024-01-03.csv", "no usable row"]),
            ("page_2024-01-03.csv", &["page_2024-01-03.csv"]),
            ("missing_2024-01-03.csv", &["cannot open missing_2024-01-03.csv", "No such file"]),
            (".", &["."]),
        ] {
            place.run(&["load", "screener", file]).refused(1, fragments);
        }
        for form in ["symbols", "prices", "snapshots"] {
            place.run(&["load", form, "header_2024-01-03.csv"]).refused(1, &["header_2024-01-03.csv"]);
            place.run(&["load", form, "missing"]).refused(1, &["missing"]);
        }
        place.run(&["load", "universe", "empty_2024-01-03.csv", "--universe", "index_dow30"]).refused(1, &["is empty"]);
        assert_eq!(place.dump(), before);
    }
}

#[test]
fn one_refused_file_does_not_stop_the_others() {
    for place in Place::on_both_stores() {
        let second = sessions_later(FIRST, 1);
        place.write("a_2024-01-02.csv", screener(&stocks()));
        place.write("b_2024-01-03.csv", "nothing,of,use\n1,2,3\n");
        let output = place.run(&["load", "screener", "b_2024-01-03.csv", "a_2024-01-02.csv", "--format", "json"]);
        assert_eq!(output.code, 1, "{output:#?}");
        assert_eq!(output.json()["files"], serde_json::json!(["a_2024-01-02.csv"]));
        assert_eq!(output.json()["issues"][0]["file"], "b_2024-01-03.csv");
        assert_eq!(output.stderr.matches("has the wrong columns").count(), 1, "{}", output.stderr);
        place.run(&["sync"]).done();
        assert_eq!(place.members("top_10"), TOP_10);
        place.write("c_2024-01-04.csv", "");
        place.run(&["load", "screener", "b_2024-01-03.csv", "c_2024-01-04.csv"]).refused(1, &["none of the 2 files"]);
        place.run(&["sync", "--session", &second.to_string()]).done();
    }
}

#[test]
fn a_bad_row_is_an_issue_and_the_rest_loads() {
    for place in Place::on_both_stores() {
        let mut text = screener(&stocks());
        let first = row(&stocks()[0]);
        let bad = |symbol: &str, price: &str, cap: &str| {
            format!("{symbol},NYSE,{symbol} Inc. Common Stock,{price},0,0%,1,{cap},United States,1999,Banks,Finance\n")
        };
        text.push_str(&format!("{}\n", first.replace("$50.00", "$1.00")));
        text.push_str(&bad("NEGA", "$10.00", "-5000000000.00"));
        text.push_str(&bad("HUGE", "$10.00", "999000000000000000.00"));
        text.push_str(&bad("ZERO", "$0.00", "5000000000.00"));
        text.push_str(&bad("W@RD$", "$1.00", "5000000000.00"));
        text.push_str("SHORT,NYSE\n");
        place.write("screener_2024-01-02.csv", text);
        let answer = place.run(&["load", "screener", "screener_2024-01-02.csv", "--format", "json"]).done().json();
        let issues = answer["issues"].as_array().expect("issues");
        for (symbol, line) in [("MEGA", 42), ("NEGA", 43), ("HUGE", 44), ("ZERO", 45), ("W@RD$", 46), ("SHORT", 47)] {
            let about = issues.iter().find(|issue| issue["symbol"] == symbol && issue["line"] == line);
            assert!(
                about.is_some_and(|issue| issue["reason"].as_str().is_some_and(|r| r.len() > 10)),
                "{symbol}: {issues:#?}"
            );
        }
        place.run(&["sync"]).done();
        assert_eq!(place.members("top_10"), TOP_10, "no wrong cap is believed, and the first row of a symbol counts");
        place.run(&["validate"]).done();
    }
}

#[test]
fn a_close_of_zero_is_no_price() {
    for place in Place::on_both_stores() {
        first_day(&place);
        place.write("prices.csv", "symbol,date,close\nMEGA,2024-01-03,0\nMEGB,2024-01-03,-1\nMEGC,2024-01-03,90\n");
        let answer = place.run(&["load", "prices", "prices.csv", "--format", "json"]).done().json();
        assert_eq!((&answer["rows"], &answer["loaded"]), (&3.into(), &1.into()));
        assert_eq!(answer["issues"].as_array().map(Vec::len), Some(2));
        place.run(&["sync"]).done();
        assert_eq!(place.members("top_10")[..2], ["MEGC", "MEGA"], "only the right price moved a rank");
    }
}

#[test]
fn a_rule_that_is_not_right_stops_the_run_before_it_starts() {
    for place in Place::on_both_stores() {
        first_day(&place);
        let before = place.dump();
        let own = [("UNIVERSE__RULES__DIRECTORY", "rules")];
        let rule = |screen: &str| {
            format!(
                "description = \"Ours.\"\ncategory = \"theme\"\n{screen}\n\n[universe]\nkey = \"theme_own\"\nname = \"Own\"\n"
            )
        };
        for (screen, fragments) in [
            ("screan = \"market_cap > 1\"", &["theme_own.toml", "line 3", "unknown field `screan`"][..]),
            (
                "screen = \"market_cap >= sector\"",
                &["theme_own.toml, line 3", "column 1", "cannot compare a number with a text"],
            ),
            ("screen = \"market_cap >\"", &["theme_own.toml, line 3", "screen"]),
            ("screen = \"market_cap + 1\"", &["theme_own.toml, line 3"]),
            ("screen = \"marketcap > 1\"", &["theme_own.toml, line 3", "market_cap"]),
            ("screen = ", &["theme_own.toml"]),
        ] {
            place.write("rules/theme_own.toml", rule(screen));
            place.run_in(&own, &["sync"]).refused(2, fragments);
            place.run_in(&own, &["rules", "check"]).refused(2, fragments);
            place.run(&["rules", "check", "rules/theme_own.toml"]).refused(2, fragments);
        }
        assert_eq!(place.dump(), before);
    }
    let place = Place::embedded();
    let nowhere = [("UNIVERSE__RULES__DIRECTORY", "nowhere")];
    place
        .run_in(&nowhere, &["rules", "check"])
        .refused(1, &["cannot read the rules directory nowhere", "No such file"]);
    place.run(&["rules", "check", "nowhere.toml"]).refused(1, &["cannot read the rule file nowhere.toml"]);
}

#[test]
fn an_unusable_file_is_no_database() {
    let place = Place::embedded();
    let noise = "this is a letter to a friend, not a database\n".repeat(100);
    place.write("letter.db", &noise);
    let refused = place.run(&["list", "--database", "sqlite:letter.db"]);
    let refused = refused.refused(1, &["sqlite:letter.db", "not an SQLite database", "name another file"]);
    assert!(!refused.stderr.contains("hint"), "one advice is enough: {}", refused.stderr);
    assert_eq!(std::fs::read_to_string(place.path("letter.db")).expect("still there"), noise);

    let foreign = rusqlite::Connection::open(place.path("foreign.db")).expect("opened");
    foreign.execute_batch("create table recipe (name text); insert into recipe values ('soup');").expect("written");
    let before = crate::dump::sqlite(&place.path("foreign.db"));
    place.run(&["sync", "--database", "sqlite:foreign.db"]).refused(1, &["database of another program", "recipe"]);
    assert_eq!(crate::dump::sqlite(&place.path("foreign.db")), before);

    place.run(&["list", "--database", "sqlite:no/such/place.db"]).refused(1, &["there is no directory"]);
    place.run(&["list", "--database", "sqlite:."]).refused(1, &["is a directory"]);
    place.run(&["list", "--database", "sqlite:"]).refused(2, &["needs the path of a file"]);
}

#[test]
fn a_directory_that_may_not_be_written_is_told() {
    let place = Place::embedded();
    place.write("locked/keep", "");
    let locked = place.path("locked");
    let unlocked = std::fs::metadata(&locked).expect("there").permissions();
    let mut permissions = unlocked.clone();
    permissions.set_readonly(true);
    std::fs::set_permissions(&locked, permissions).expect("locked");
    // Permissions do not stop root; but nobody makes files among the processes.
    let is_root = std::fs::write(locked.join("try"), "").is_ok();
    let directory = if is_root { "/proc" } else { "locked" };
    let database = format!("sqlite:{directory}/universe.db");
    let logs = format!("{directory}/logs");
    let list = place.run(&["list", "--database", &database]);
    let log = place.run_in(&[("UNIVERSE__LOG__DIRECTORY", &logs)], &["list"]);
    std::fs::set_permissions(&locked, unlocked).expect("unlocked, so that it can be removed");
    list.refused(1, &[&format!("{directory}/universe.db"), "hint: its directory must be one that you may write to"]);
    log.refused(1, &["cannot log to", directory]);
}

#[test]
fn an_unreachable_server_is_told_without_the_password() {
    let place = Place::embedded();
    let uri = "postgresql://app:secret-password@127.0.0.1:1/tickstock";
    for arguments in [&["list"][..], &["sync"], &["db", "migrate"]] {
        let refused = place.run_in(&[("DATABASE_URI", uri)], arguments);
        let refused = refused.refused(1, &["127.0.0.1:1", "cannot be reached", "hint: nothing was changed"]);
        assert!(!refused.stderr.contains("secret-password"), "{}", refused.stderr);
    }
    assert!(!place.exists("universe.db"), "no other database takes its place");
}

#[test]
fn a_wrong_password_and_a_missing_database_are_told_apart() {
    for place in Place::on_both_stores().into_iter().filter(Place::is_postgres) {
        let uri = place.postgres_uri().expect("PostgreSQL");
        let (login, rest) = uri.rsplit_once('@').expect("a login");
        let (user, password) = login.rsplit_once(':').expect("a password");
        let wrong = format!("{user}:secret-guess@{rest}");
        let refused = place.run(&["list", "--database", &wrong]).refused(1, &["user", "password"]);
        assert!(!refused.stderr.contains("secret-guess"), "{}", refused.stderr);
        let (server, _) = uri.rsplit_once('/').expect("a name");
        let refused = place.run(&["list", "--database", &format!("{server}/nowhere")]);
        let refused = refused.refused(1, &["there is no database nowhere", "createdb nowhere"]);
        assert!(!refused.stderr.contains(password), "{}", refused.stderr);
    }
}

#[test]
fn a_server_that_was_not_set_up_says_how() {
    let Some(database) = universe_testkit::test_database() else { return };
    let place = Place::embedded();
    let uri = [("DATABASE_URI", &*database.uri())];
    let refused = place.run_in(&uri, &["list"]).refused(1, &["universe db migrate"]);
    assert!(!refused.stderr.contains("hint"), "one advice is enough: {}", refused.stderr);
    place.run_in(&uri, &["db", "status"]).held();
    place.run_in(&uri, &["db", "migrate"]).done();
    place.run_in(&uri, &["list"]).done();
}
