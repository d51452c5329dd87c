//! `universe organize`: the hierarchy built and rebuilt, nothing taken away without consent.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::{execute, put_entry};
use crate::harness::{Place, keys};
use crate::market::{FIRST, TOP_10, first_day, load, sessions_later, stocks, with_price};

fn summary(answer: &Value) -> Vec<u64> {
    let counts = &answer["summary"];
    assert_eq!(keys(counts), ["added", "deleted", "errors", "held", "unchanged", "updated"]);
    ["added", "updated", "deleted", "held", "unchanged", "errors"]
        .map(|name| counts[name].as_u64().expect("a number"))
        .into()
}

#[test]
fn builds_the_hierarchy_of_both_types() {
    for place in Place::on_both_stores() {
        load(&place, FIRST, &stocks());
        let preview = place.run(&["organize", "--dry-run", "--format", "json"]).done();
        assert_eq!(preview.json()["dry_run"], true);
        assert_eq!(place.run(&["list", "--format", "json"]).done().json(), json!([]), "a dry run writes nothing");
        let answer = place.run(&["organize", "--format", "json"]).done().json();
        assert_eq!(
            keys(&answer),
            ["dry_run", "duration_seconds", "errors", "held", "job_id", "session", "status", "summary", "universes"]
        );
        let first = &answer["universes"][0];
        assert_eq!(
            keys(first),
            ["action", "added", "category", "count", "count_before", "key", "name", "removed", "type"]
        );
        assert_eq!(answer["universes"], preview.json()["universes"], "what was shown is what was done");
        let counts = summary(&answer);
        assert_eq!(counts[1..], [0, 0, 0, 0, 0]);
        let list = place.run(&["list", "--format", "json"]).done().json();
        let has = |universe_type: &str, prefix: &str| {
            let starts = |entry: &Value| entry["key"].as_str().is_some_and(|key| key.starts_with(prefix));
            list.as_array().expect("a list").iter().any(|entry| entry["type"] == universe_type && starts(entry))
        };
        for (universe_type, prefix) in [
            ("stock_universe", "master_"),
            ("stock_universe", "sector_"),
            ("stock_universe", "theme_"),
            ("etf_universe", "index_"),
            ("etf_universe", "sector_"),
            ("etf_universe", "theme_"),
        ] {
            assert!(has(universe_type, prefix), "{universe_type}:{prefix}*");
        }
        let again = place.run(&["organize", "--format", "json"]).done().json();
        assert_eq!(summary(&again), [0, 0, 0, 0, counts[0], 0], "a second time there is nothing to do");
        place.run(&["validate"]).done();
    }
}

#[test]
fn builds_entries_again_that_somebody_else_changed() {
    for place in Place::on_both_stores() {
        first_day(&place);
        // With the instant left as it was: nothing but the content tells.
        execute(&place, "update cache_entries set value = '[\"GHOST\"]' where key = 'top_10'");
        execute(&place, "delete from cache_entries where key = 'mega_cap'");
        place.run(&["validate"]).held();
        let answer = place.run(&["organize", "--yes", "--format", "json"]).done().json();
        let rebuilt: Vec<&str> =
            answer["universes"].as_array().expect("a list").iter().filter_map(|one| one["key"].as_str()).collect();
        assert_eq!(rebuilt, ["mega_cap", "top_10"]);
        assert_eq!(summary(&answer)[..4], [0, 2, 0, 0]);
        assert_eq!(place.members("top_10"), TOP_10);
        place.run(&["validate"]).done();
    }
}

#[test]
fn an_entry_is_built_again_while_a_change_of_it_is_held() {
    for place in Place::on_both_stores() {
        first_day(&place);
        let mut stocks = stocks();
        with_price(&mut stocks, &["LARC", "LARD", "LARE"], 100);
        load(&place, sessions_later(FIRST, 1), &stocks);
        place.run(&["organize"]).held();
        execute(&place, "delete from cache_entries where key = 'top_10'");
        let answer = place.run(&["organize", "--format", "json"]).held().json();
        assert_eq!(answer["status"], "held");
        let top_10 = answer["universes"].as_array().expect("a list").iter().find(|one| one["key"] == "top_10");
        assert_eq!(top_10.expect("is built")["action"], "updated");
        assert_eq!(place.members("top_10"), TOP_10, "the change still waits");
        place.run(&["validate"]).done();
        let again = place.run(&["organize", "--format", "json"]).held().json();
        assert_eq!(summary(&again)[1], 0, "and nothing is built twice");
    }
}

#[test]
fn nothing_is_deleted_or_replaced_without_consent() {
    for place in Place::on_both_stores() {
        first_day(&place);
        put_entry(&place, "stock_universe", "theme_old", "Old", "[\"MEGA\"]");
        let before = place.dump();
        let refused = place.run(&["organize"]).refused(2, &["delete stock_universe:theme_old", "--yes", "--preserve"]);
        assert!(!refused.stderr.contains("hint: "), "{}", refused.stderr);
        let preview = place.run(&["organize", "--dry-run", "--format", "json"]).done().json();
        assert_eq!(summary(&preview)[2], 1);
        assert_eq!(place.dump(), before);

        for preserve in ["--preserve", "--no-delete"] {
            place.run(&["organize", preserve]).done();
            assert_eq!(place.members("theme_old"), ["MEGA"]);
        }
        let deleted = place.run(&["organize", "--yes", "--format", "json"]).done().json();
        assert_eq!((summary(&deleted)[2], &deleted["universes"][0]["key"]), (1, &json!("theme_old")));
        place.run(&["show", "stock_universe:theme_old", "--as-of", "2024-01-02"]).done();
        let list = place.run(&["list"]).done().stdout;
        assert!(!list.contains("theme_old"), "{list}");
        place.run(&["validate"]).done();
    }
}

#[test]
fn an_entry_of_another_program_is_replaced_with_consent() {
    for place in Place::on_both_stores() {
        load(&place, FIRST, &stocks());
        put_entry(&place, "stock_universe", "top_10", "Ten", "{\"stocks\": [{\"ticker\": \"OLD\"}]}");
        place.run(&["organize"]).refused(2, &["replace the entries of other programs stock_universe:top_10"]);
        assert_eq!(place.members("top_10"), ["OLD"]);
        place.run(&["organize", "--yes"]).done();
        assert_eq!(place.members("top_10"), TOP_10);
        place.run(&["validate"]).done();
    }
}

/// On a terminal the question is asked there; `script` makes one.
#[test]
fn a_terminal_is_asked() {
    let place = Place::embedded();
    first_day(&place);
    put_entry(&place, "stock_universe", "theme_old", "Old", "[\"MEGA\"]");
    let asked = |answer: &str| {
        let command = format!("{} organize", env!("CARGO_BIN_EXE_universe"));
        let mut child = Command::new("script")
            .args(["--quiet", "--return", "--command", &command, "/dev/null"])
            .current_dir(place.path("."))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .ok()?;
        let mut input = child.stdin.take().expect("an input");
        writeln!(input, "{answer}").expect("answered");
        let output = child.wait_with_output().expect("ends");
        Some((output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned()))
    };
    let Some((code, text)) = asked("n") else {
        eprintln!("skipped: there is no `script` to make a terminal");
        return;
    };
    assert!(text.contains("This will delete stock_universe:theme_old. Go on? [y/N]"), "{text}");
    assert!(code == Some(1) && text.contains("cancelled; nothing was changed"), "{code:?} {text}");
    assert_eq!(place.members("theme_old"), ["MEGA"]);
    let (code, text) = asked("y").expect("as before");
    assert_eq!(code, Some(0), "{text}");
    assert!(!place.run(&["list"]).done().stdout.contains("theme_old"));
}
