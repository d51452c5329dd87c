//! Days of a market from end to end, on both stores.

use crate::harness::{Place, texts};
use crate::market::{FIRST, TOP_10, first_day, load, offering, sessions_later, stocks, with_price};

#[test]
fn first_day_fills_bands_rankings_and_sectors() {
    for place in Place::on_both_stores() {
        first_day(&place);
        assert_eq!(place.members("top_10"), TOP_10);
        assert_eq!(place.members("mega_cap").len(), 8);
        assert_eq!(place.members("micro_cap").last().map(String::as_str), Some("MICH"), "the lower bound is inclusive");
        assert_eq!(place.members("sector_energy").len(), 10);
        assert_eq!(place.members("master_all_stocks").len(), 40);
        assert!(place.members("recent_ipos").is_empty(), "nothing in the first load is an offering for being new");
        place.run(&["validate"]).done();
    }
}

#[test]
fn an_unchanged_session_writes_nothing() {
    for place in Place::on_both_stores() {
        first_day(&place);
        let before = place.dump();
        let again = place.run(&["sync"]).done();
        assert!(again.stdout.contains("nothing to do"), "{}", again.stdout);
        let json = place.run(&["sync", "--format", "json"]).done().json();
        assert_eq!(json["total_changes"], 0);
        place.run(&["load", "screener", &crate::market::file_of(FIRST)]).done();
        assert_eq!(place.dump(), before);
    }
}

#[test]
fn an_offering_leaves_recent_ipos_on_day_31() {
    for place in Place::on_both_stores() {
        first_day(&place);
        let mut stocks = stocks();
        stocks.push(offering("NEWCO"));
        // First seen on 3 January, so 2 February is day 30 and 5 February the first session after it.
        for (day, members) in [("2024-01-03", 1), ("2024-02-02", 1), ("2024-02-05", 0)] {
            load(&place, day.parse().expect("a day"), &stocks);
            let run = place.run(&["sync", "--format", "json"]).done().json();
            assert_eq!(run["session"], day);
            assert_eq!(place.members("recent_ipos").len(), members, "on {day}");
        }
        let then = place.run(&["show", "recent_ipos", "--as-of", "2024-01-03", "--format", "json"]).done().json();
        assert_eq!(texts(&then["symbols"]), ["NEWCO"]);
        assert!(place.members("master_all_stocks").contains(&"NEWCO".to_owned()));
        let diff = place.run(&["diff", "recent_ipos", "2024-01-02", "2024-01-03", "--format", "json"]).done().json();
        assert_eq!((texts(&diff["added"]), texts(&diff["removed"])), (vec!["NEWCO".to_owned()], Vec::new()));
        place.run(&["validate"]).done();
    }
}

#[test]
fn a_listing_is_delisted_after_ten_snapshots_without_it() {
    for place in Place::on_both_stores() {
        first_day(&place);
        let without: Vec<_> = stocks().into_iter().filter(|stock| stock.symbol != "SMAC").collect();
        for absences in 1..=10 {
            load(&place, sessions_later(FIRST, absences), &without);
            let run = place.run(&["sync", "--format", "json"]).done().json();
            let cleaned = &run["task_results"]["delisted_cleanup"]["changes"];
            let is_member = place.members("master_all_stocks").contains(&"SMAC".to_owned());
            assert_eq!(is_member, absences < 10, "after {absences} absences");
            assert_eq!(cleaned.as_i64().expect("a number") > 0, absences == 10, "after {absences} absences");
        }
        for universe in ["small_cap", "sector_utilities", "top_100"] {
            assert!(!place.members(universe).contains(&"SMAC".to_owned()), "{universe}");
        }
        place.run(&["validate"]).done();
    }
}

#[test]
fn a_large_change_is_held_until_it_is_forced() {
    for place in Place::on_both_stores() {
        first_day(&place);
        let mut stocks = stocks();
        // Three of ten places of `top_10` change hands.
        with_price(&mut stocks, &["LARC", "LARD", "LARE"], 100);
        let day = sessions_later(FIRST, 1);
        load(&place, day, &stocks);

        let preview = place.run(&["sync", "--dry-run"]).held();
        assert!(
            preview.stdout.contains("LARC") && preview.stdout.contains("nothing was written"),
            "{}",
            preview.stdout
        );
        assert!(place.run(&["sync", "--session", "2024-01-03"]).held().stdout.contains("universe sync --force"));
        assert_eq!(place.members("top_10"), TOP_10);
        let held = place.run(&["sync", "--format", "json"]).held().json();
        assert_eq!(held["status"], "held");
        let top_10 = held["held"]
            .as_array()
            .and_then(|all| all.iter().find(|one| one["universe"] == "stock_universe:top_10"))
            .expect("top_10 is held");
        assert_eq!(texts(&top_10["added"]), ["LARC", "LARD", "LARE"]);
        assert_eq!(texts(&top_10["removed"]), ["LARA", "LARB", "MEGH"]);
        let alerts = held["alerts"].as_array().expect("alerts");
        assert!(alerts.iter().any(|alert| alert["universe"] == "stock_universe:top_10"), "{alerts:?}");
        let runs = place.run(&["runs", "--format", "json"]).done().json();
        assert_eq!(runs[0]["status"], "held");

        let forced = place.run(&["sync", "--force", "--format", "json"]).done().json();
        assert_eq!((&forced["status"], &forced["held"]), (&"completed".into(), &serde_json::json!([])));
        assert_eq!(place.members("top_10")[..3], ["LARC", "LARD", "LARE"]);
        assert!(place.run(&["sync"]).done().stdout.contains("nothing to do"));
        place.run(&["validate"]).done();
    }
}
