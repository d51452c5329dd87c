//! Rolling back: every run is a version, going back is a run of its own, and one can go forward again.

use std::collections::BTreeSet;

use universe_core::next_session;

use crate::harness::{Output, Place};
use crate::market::{FIRST, load, stocks, with_price};
use crate::transfer::{exported, members_of, random_days, run_days};

/// Compares exports by what a version is: who is in which universe, and in which order where a rule ranks by cap.
#[track_caller]
fn assert_same(one: &str, other: &str, what: &str) {
    let sets = |export: &str| -> Vec<(String, BTreeSet<String>)> {
        members_of(export).into_iter().map(|(id, members)| (id, members.into_iter().collect())).collect()
    };
    assert_eq!(sets(one), sets(other), "{what}");
}

fn rolled_back(place: &Place, run: &str) -> Output {
    place.run(&["rollback", "--to", run, "--yes", "--format", "json"]).done()
}

fn assert_sound(place: &Place) {
    let checked = place.run(&["validate", "--format", "json"]).json();
    let findings = checked["findings"].as_array().expect("a list");
    assert!(findings.iter().all(|finding| finding["severity"] != "error"), "{checked}");
}

#[test]
fn back_to_any_run_and_forward_again() {
    for seed in [2, 9] {
        for place in Place::on_both_stores() {
            let days = random_days(seed, 4);
            let (mut runs, mut exports) = (Vec::new(), Vec::new());
            let mut session = FIRST;
            for day in &days {
                load(&place, session, day);
                let outcome = place.run(&["sync", "--force", "--format", "json"]).done().json();
                runs.push(outcome["job_id"].as_str().expect("an id").to_owned());
                exports.push(exported(&place));
                session = next_session(session);
            }
            let top = "stock_universe:top_10";
            for (run, export) in runs.iter().zip(&exports).rev().chain(runs.iter().zip(&exports)) {
                rolled_back(&place, run);
                let now = exported(&place);
                assert_same(&now, export, &format!("seed {seed}, run {run}"));
                assert_eq!(members_of(&now)[top], members_of(export)[top], "in order of rank");
            }
            assert_sound(&place);
        }
    }
}

#[test]
fn it_is_a_run_with_its_reason_and_rewrites_nothing() {
    for place in Place::on_both_stores() {
        let mut later = stocks();
        with_price(&mut later, &["LARH"], 40);
        let runs = run_days(&place, &[stocks(), later]);
        let history = |place: &Place| place.run(&["export", "--what", "intervals"]).done().json();
        let before = history(&place);
        let answer = rolled_back(&place, &runs[0]);
        let data = answer.json();
        assert_eq!(data["cause"], format!("rollback to {}", runs[0]));
        assert!(answer.stderr.contains("until the next `universe sync`"), "{answer:#?}");
        let newest = place.run(&["runs", "--format", "json"]).done().json();
        assert_eq!(newest[0]["run_id"], data["job_id"]);
        assert_eq!(newest[0]["status"], "completed");
        // What was recorded stays: each interval is there still, at most closed now.
        let after = history(&place);
        for row in before.as_array().expect("a list") {
            let same = |other: &&serde_json::Value| {
                ["type", "key", "symbol", "valid_from", "opened_run"].iter().all(|name| other[*name] == row[*name])
            };
            let now = after.as_array().expect("a list").iter().find(same).unwrap_or_else(|| panic!("{row} is gone"));
            assert!(row["closed_run"].is_null() || now == row, "{row} became {now}");
        }
        // The next run decides by the rules again.
        place.run(&["sync", "--force"]).done();
        assert!(place.members("mega_cap").contains(&"LARH".to_owned()));
        // Of the version that stands already there is nothing to do.
        let dump = place.dump();
        let newest = place.run(&["runs", "--format", "json"]).done().json();
        let newest = newest[0]["run_id"].as_str().expect("an id").to_owned();
        assert_eq!(rolled_back(&place, &newest).json()["written"], false);
        assert!(place.dump() == dump);
        assert_sound(&place);
    }
}

#[test]
fn one_universe_goes_back_alone_and_lists_go_with_their_members() {
    for place in Place::on_both_stores() {
        let runs = run_days(&place, &[stocks()]);
        let import = |symbols: &str| {
            place.write("list.txt", symbols);
            place.run(&["load", "universe", "list.txt", "--universe", "stock_universe:mine"]).done();
            let runs = place.run(&["runs", "--format", "json"]).done().json();
            runs[0]["run_id"].as_str().expect("an id").to_owned()
        };
        let first = import("MEGA\nMEGB\n");
        import("MIDA\n");
        let mut later = stocks();
        with_price(&mut later, &["LARH"], 40);
        load(&place, next_session(FIRST), &later);
        place.run(&["sync", "--force"]).done();
        place.run(&["rollback", "--to", &first, "--universe", "mine", "--yes"]).done();
        assert_eq!(place.members("mine"), ["MEGA", "MEGB"]);
        assert!(place.members("mega_cap").contains(&"LARH".to_owned()), "the others stay");
        place.run(&["sync"]).done();
        assert_eq!(place.members("mine"), ["MEGA", "MEGB"], "the list came back with its members");
        // Before it was made, it did not exist; and it comes back from there.
        place.run(&["rollback", "--to", &runs[0], "--universe", "mine", "--yes"]).done();
        assert!(!members_of(&exported(&place)).contains_key("stock_universe:mine"), "it is retired");
        place.run(&["sync"]).done();
        assert!(!members_of(&exported(&place)).contains_key("stock_universe:mine"), "and stays so");
        place.run(&["export", "mine"]).refused(1, &["any more", "--as-of"]);
        place.run(&["rollback", "--to", &first, "--universe", "mine", "--yes"]).done();
        assert_eq!(place.members("mine"), ["MEGA", "MEGB"]);
        assert_sound(&place);
    }
}

#[test]
fn a_look_before_writes_nothing() {
    for place in Place::on_both_stores() {
        let mut later = stocks();
        with_price(&mut later, &["LARH"], 40);
        let runs = run_days(&place, &[stocks(), later]);
        let dump = place.dump();
        let shown = place.run(&["rollback", "--to", &runs[0], "--dry-run"]).done();
        assert!(shown.stdout.contains("- LARH") && shown.stdout.contains("rollback to"), "{shown:#?}");
        place.run(&["rollback", "--to", &runs[0]]).refused(2, &["nobody can be asked", "--yes"]);
        assert!(place.dump() == dump);
    }
}

#[test]
fn refuses_what_is_no_version() {
    for place in Place::on_both_stores() {
        let none = "00000000-0000-4000-8000-000000000000";
        place.run(&["rollback", "--to", none]).refused(1, &["there is no run", "there was no run yet"]);
        let runs = run_days(&place, &[stocks()]);
        place.run(&["rollback", "--to", none]).refused(1, &["the latest are", &runs[0], "universe runs"]);
        place.run(&["rollback", "--to", "yesterday"]).refused(1, &["there is no run yesterday", &runs[0]]);
        place.run(&["rollback", "--to", &runs[0], "--universe", "top_11"]).refused(1, &["did you mean \"top_10\"?"]);
        place.run(&["rollback", "--to", &runs[0], "--universe", "a + b"]).refused(2, &["is a combination"]);
        let other = [("UNIVERSE__DATABASE__ENVIRONMENT", "TEST")];
        place
            .run_in(&other, &["rollback", "--to", &runs[0]])
            .refused(1, &["is one of the environment DEFAULT, not of TEST"]);
        place.run(&["rollback", "--to", &runs[0][..13], "--yes"]).done();
    }
}
