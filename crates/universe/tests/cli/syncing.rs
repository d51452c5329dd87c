//! `universe sync`: modes, dry runs, and what becomes of universes that nothing defines.

use crate::harness::{Place, keys};
use crate::market::{FIRST, TOP_10, load, sessions_later, stocks};

#[test]
fn a_dry_run_shows_reasons_and_writes_nothing() {
    for place in Place::on_both_stores() {
        load(&place, FIRST, &stocks());
        let before = place.dump();
        let plan = place.run(&["sync", "--dry-run", "-v"]).done().stdout;
        for part in [
            "stock_universe:top_10  created  0 -> 10  (+10 -0)",
            "MEGA",
            "rank 1 of 10",
            "dry run: nothing was written",
        ] {
            assert!(plan.contains(part), "{part:?} is not in\n{plan}");
        }
        let csv = place.run(&["sync", "--dry-run", "--format", "csv"]).done().stdout;
        assert!(csv.starts_with("universe,action,change,symbol,reason,market_cap,rank\n"), "{csv}");
        assert!(csv.contains("stock_universe:top_10,created,added,MEGA,"), "{csv}");
        assert_eq!(place.dump(), before);
        assert_eq!(place.run(&["list", "--format", "json"]).done().json(), serde_json::json!([]));
    }
}

#[test]
fn a_mode_does_its_own_steps_only() {
    let place = Place::embedded();
    load(&place, FIRST, &stocks());
    let run = place.run(&["sync", "--mode", "market_cap", "--format", "json"]).done().json();
    assert_eq!(run["mode"], "market_cap");
    assert_eq!(run["task_results"]["market_cap_recalculation"]["status"], "success");
    assert_eq!(run["task_results"]["theme_rebalancing"]["status"], "skipped");
    assert_eq!(place.members("top_10"), TOP_10);
    place
        .run(&["show", "theme_growth"])
        .refused(1, &["stock_universe:theme_growth has no members yet", "universe sync"]);
    for mode in ["themes", "ipos", "full"] {
        assert_eq!(place.run(&["sync", "--mode", mode, "--format", "json"]).done().json()["mode"], mode);
    }
    assert!(!place.members("theme_growth").is_empty());
}

#[test]
fn what_nothing_defines_is_retired_unless_preserved() {
    for place in Place::on_both_stores() {
        place.write(
            "rules/theme_own.toml",
            "description = \"Ours.\"\ncategory = \"theme\"\nscreen = \"sector = 'Energy'\"\n\n\
             [universe]\nkey = \"theme_own\"\nname = \"Own\"\n",
        );
        load(&place, FIRST, &stocks());
        place.run_in(&[("UNIVERSE__RULES__DIRECTORY", "rules")], &["sync"]).done();
        assert_eq!(place.members("theme_own").len(), 10);
        for flag in ["--preserve", "--no-delete"] {
            place.run(&["sync", flag]).done();
            assert_eq!(place.members("theme_own").len(), 10, "{flag}");
        }
        place.run(&["sync"]).done();
        let listed = place.run(&["list", "--format", "csv"]).done().stdout;
        assert!(!listed.contains("theme_own"), "{listed}");
        let day = FIRST.to_string();
        let then = place.run(&["show", "stock_universe:theme_own", "--as-of", &day, "--format", "json"]).done().json();
        assert_eq!(keys(&then), keys(&place.run(&["show", "top_10", "--format", "json"]).done().json()));
        place.run(&["validate"]).done();
    }
}

#[test]
fn two_notes_a_step_are_shown_and_all_with_verbose() {
    let place = Place::embedded();
    load(&place, FIRST, &stocks());
    let usual = place.run(&["sync", "--dry-run"]).done().stdout;
    assert!(usual.contains("more notes with -v)"), "{usual}");
    let step =
        usual.split_once(" theme_rebalancing").expect("the step").1.split(" notifications").next().expect("more");
    assert_eq!(step.lines().filter(|line| !line.trim().is_empty()).count(), 3, "{step}");
    let all = place.run(&["sync", "--dry-run", "--verbose"]).done().stdout;
    assert!(!all.contains("with -v)") && all.len() > usual.len(), "{all}");
}

#[test]
fn sessions_follow_one_another() {
    let place = Place::embedded();
    let second = sessions_later(FIRST, 1);
    load(&place, FIRST, &stocks());
    load(&place, second, &stocks());
    place.run(&["sync"]).done();
    let before = place.dump();
    let first = FIRST.to_string();
    let refused = place.run(&["sync", "--session", &first, "--format", "json"]);
    refused.refused(1, &[&first, &second.to_string(), "follow one another"]);
    assert_eq!(place.dump(), before);
    let ahead = sessions_later(second, 1).to_string();
    let stale = place.run(&["sync", "--session", &ahead]).done();
    assert!(stale.stderr.contains(&format!("there are no prices of {ahead}")), "{}", stale.stderr);
}

#[test]
fn runs_at_the_same_time_are_as_runs_after_each_other() {
    for place in Place::on_both_stores() {
        load(&place, FIRST, &stocks());
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| place.run(&["sync"]).done());
            }
        });
        assert_eq!(place.run(&["runs", "--format", "json"]).done().json().as_array().map(Vec::len), Some(1));
        assert_eq!(place.members("top_10"), TOP_10);
        place.run(&["validate"]).done();
    }
}

#[test]
fn first_starts_at_the_same_time_make_one_database() {
    let place = Place::embedded();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| place.run(&["list", "--quiet"]).done());
        }
    });
    place.run(&["db", "status"]).done();
}
