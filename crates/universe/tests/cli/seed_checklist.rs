//! The checklist of the requirement for universes in the database and their tooling, item by item.
//!
//! Items about jobs are in the tests of jobs. Items about the pages of the web application are about what these ask the
//! database: the statements stand here as the requirement prints them.

use std::time::Duration;

use serde_json::{Value, json};

use crate::dump;
use crate::harness::{Place, texts};
use crate::maintenance::{execute, put_entry};
use crate::market::{FIRST, TOP_10, first_day, load, stocks};

/// Unit tests: `_load_symbols_from_cache()` returns correct symbols.
#[test]
fn symbols_from_the_database_are_correct() {
    for place in Place::on_both_stores() {
        first_day(&place);
        let answer = place.run(&["show", "top_10", "--format", "json"]).done().json();
        assert_eq!(texts(&answer["symbols"]), TOP_10);
        let stored = dump::entries(&place)["stock_universe:top_10"].clone();
        assert_eq!(texts(&stored), TOP_10, "also to those who read `value` themselves");
    }
}

/// Unit tests: database query handles missing keys gracefully.
#[test]
fn missing_keys_are_answered_with_the_nearest() {
    for place in Place::on_both_stores() {
        first_day(&place);
        place.run(&["show", "top_11"]).refused(1, &["there is no universe top_11", "did you mean"]);
        place.run(&["show", "etf_universe:top_10"]).refused(1, &["there is no universe etf_universe:top_10"]);
        place.run(&["show", "stock_universe:"]).refused(2, &["expected"]);
    }
}

/// Unit tests: JSONB value extraction works for all formats.
#[test]
fn values_of_every_shape_are_read() {
    for place in Place::on_both_stores() {
        place.run(&["db", "migrate"]).done();
        let shapes = [
            ("theme_a", r#"["MEGA", "BRK-B"]"#),
            ("theme_b", r#"{"symbols": ["MEGA", "BRK/B"], "count": 2}"#),
            ("theme_c", r#"{"value": ["MEGA", "BRK.B"]}"#),
            ("theme_d", r#"{"stocks": [{"ticker": "MEGA", "name": "x"}, {"ticker": "BRK.B"}]}"#),
            ("theme_e", r#"{"etfs": [{"symbol": "MEGA"}, {"symbol": "BRK.B"}]}"#),
        ];
        for (key, value) in shapes {
            put_entry(&place, "stock_universe", key, "Older", value);
            assert_eq!(place.members(key), ["MEGA", "BRK.B"], "{value}");
        }
        put_entry(&place, "stock_universe", "theme_odd", "Odd", r#"{"rows": 3}"#);
        assert_eq!(place.members("theme_odd"), [""; 0], "what cannot be read has no members, and is a finding:");
        let findings = place.run(&["validate", "--format", "json"]).held().json()["findings"].to_string();
        assert!(findings.contains("stock_universe:theme_odd") && findings.contains("value_shape"), "{findings}");
    }
}

/// Unit tests: error handling for database connection failures.
#[test]
fn a_database_that_is_away_is_told_and_nothing_is_made_up() {
    let place = Place::embedded();
    let away = [("DATABASE_URI", "postgresql://app:secret@127.0.0.1:1/tickstock")];
    place.write("list.csv", "universe,symbol\nindex_dow30,MEGA\n");
    for arguments in
        [&["show", "top_10"][..], &["organize", "--yes"], &["validate"], &["stats"], &["load", "universe", "list.csv"]]
    {
        let refused = place.run_in(&away, arguments).refused(1, &["127.0.0.1:1", "cannot be reached"]);
        assert!(!refused.stderr.contains("secret"), "{}", refused.stderr);
    }
    assert!(!place.exists("universe.db"));
}

/// Integration tests: ETF universe loads from cache.
#[test]
fn an_etf_universe_loads_from_the_database() {
    for place in Place::on_both_stores() {
        first_day(&place);
        let members = place.members("etf_universe:index_broad_market");
        assert!(
            ["SPY", "QQQ", "IWM", "DIA"].iter().all(|fund| members.iter().any(|member| member == fund)),
            "{members:?}"
        );
        assert_eq!(place.members("etf_core"), members, "under its older key too");
    }
}

/// Integration tests: Stock+ETF combo loads from cache.
#[test]
fn a_combination_of_stocks_and_funds_loads_from_the_database() {
    for place in Place::on_both_stores() {
        first_day(&place);
        let funds = place.members("etf_core");
        let both = place.members("top_10 + etf_core");
        assert_eq!(both.len(), TOP_10.len() + funds.len());
        assert_eq!(place.members("top_10:etf_core"), both, "as older job messages write it");
    }
}

/// Script tests: cache organization script runs without errors.
#[test]
fn organizing_runs_without_errors() {
    for place in Place::on_both_stores() {
        load(&place, FIRST, &stocks());
        let answer = place.run(&["organize", "--format", "json"]).done().json();
        assert_eq!((&answer["summary"]["errors"], &answer["errors"]), (&json!(0), &json!([])));
        assert!(answer["summary"]["added"].as_u64().is_some_and(|added| added > 30), "{answer}");
    }
}

/// Script tests: validation script detects test inconsistencies.
#[test]
fn validation_detects_test_inconsistencies() {
    for place in Place::on_both_stores() {
        first_day(&place);
        for (sql, check) in [
            ("update cache_entries set value = '[\"AAPL\"]' where key = 'top_10'", "entry_equals_intervals"),
            ("delete from cache_entries where key = 'mega_cap'", "entry_equals_intervals"),
            ("update cache_entries set value = '{\"symbols\": []}' where key = 'micro_cap'", "value_shape"),
        ] {
            execute(&place, sql);
            let found = place.run(&["validate", "--format", "json"]).held().json()["findings"].to_string();
            assert!(found.contains(check), "{sql}: {found}");
            place.run(&["validate", "--fix"]).done();
        }
    }
}

/// Script tests: symbol loader adds new universes correctly.
#[test]
fn loading_adds_new_universes() {
    for place in Place::on_both_stores() {
        first_day(&place);
        place.write("mine.csv", "symbol\nMEGB\nMEGA\n");
        place.run(&["load", "universe", "mine.csv", "--universe", "stock_universe:theme_mine"]).done();
        assert_eq!(place.members("theme_mine"), ["MEGA", "MEGB"]);
        let entry = dump::entries(&place)["stock_universe:theme_mine"].clone();
        assert_eq!(entry, json!(["MEGA", "MEGB"]));
        place.run(&["organize"]).done();
        assert_eq!(place.members("theme_mine"), ["MEGA", "MEGB"], "organizing keeps what was loaded");
        place.run(&["validate"]).done();
    }
}

/// Manual verification: UI universe dropdown still works. It lists entries with their counts.
#[test]
fn the_dropdown_lists_every_universe_with_its_count() {
    for place in Place::on_both_stores() {
        first_day(&place);
        let list = place.run(&["list", "--format", "json"]).done().json();
        let entries = dump::entries(&place);
        for universe in list.as_array().expect("a list") {
            let text = |name: &str| universe[name].as_str().expect("a text").to_owned();
            let stored = &entries[&format!("{}:{}", text("type"), text("key"))];
            assert_eq!(stored.as_array().map(Vec::len), universe["count"].as_u64().map(|count| count as usize));
        }
    }
}

/// Manual verification: script execution via command line works.
#[test]
fn every_script_is_a_command_with_help() {
    let place = Place::embedded();
    for command in [&["organize"][..], &["validate"], &["stats"], &["load", "universe"], &["export"], &["import"]] {
        let help = place.run(&[command, &["--help"]].concat()).done().stdout;
        assert!(help.contains("Examples:"), "{help}");
    }
}

/// Performance targets, with much room: the figures themselves are those of `cargo bench --bench maintenance`.
#[test]
fn nothing_takes_as_long_as_it_may() {
    let place = Place::embedded();
    place.run(&["demo", "--sessions", "5", "--listings", "2000", "--database", "sqlite:universe.db"]).done();
    let run: Value = place.run(&["organize", "--yes", "--format", "json"]).done().json();
    let organized = Duration::from_secs_f64(run["duration_seconds"].as_f64().expect("a number"));
    assert!(organized < Duration::from_secs(60), "{organized:?}");
}
