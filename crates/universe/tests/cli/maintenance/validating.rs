//! `universe validate`: every kind of damage is found, and what is safe is mended.

use serde_json::{Value, json};

use super::{execute, own, put_entry};
use crate::harness::{Place, keys, texts};
use crate::market::{TOP_10, first_day};

/// Returns the findings as `severity check key symbol`, in their order.
fn found(answer: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let line = |finding: &Value| {
        assert_eq!(keys(finding), ["check", "detail", "severity", "symbol", "universe"]);
        let universe = text(&finding["universe"]);
        let key = universe.rsplit(':').next().unwrap_or("-");
        format!("{} {} {key} {}", text(&finding["severity"]), text(&finding["check"]), text(&finding["symbol"]))
    };
    answer["findings"].as_array().expect("a list").iter().map(line).collect()
}

#[test]
fn finds_every_kind_of_damage() {
    for place in Place::on_both_stores() {
        first_day(&place);
        assert_eq!(found(&place.run(&["validate", "--format", "json"]).done().json()), [""; 0]);
        put_entry(&place, "stock_universe", "my_list", "my list", "{\"rows\": 7}");
        put_entry(&place, "stock_etf_combo", "everything", "All", "[\"MEGA\", \"SPY\"]");
        put_entry(&place, "app_settings", "theme", "x", "\"dark\"");
        execute(&place, "update cache_entries set value = '[\"MEGB\", \"MEGA\", \"MEGA\"]' where key = 'mega_cap'");
        execute(&place, "update cache_entries set universe_metadata = '{\"count\": 99}' where key = 'mid_cap'");
        execute(&place, "delete from cache_entries where key = 'small_cap'");
        let active = if place.is_postgres() { "false" } else { "0" };
        execute(&place, &format!("update symbols set is_active = {active} where symbol = 'MICA'"));
        execute(&place, "update symbols set security_type = 'ETF' where symbol = 'LARA'");
        execute(&place, "delete from symbols where symbol = 'SMAA'");
        execute(&place, &format!("delete from {} where audit_number = 2", own(&place, "audit_entry")));
        let answer = place.run(&["validate", "--format", "json"]).held().json();
        let found = found(&answer);
        for expected in [
            "error audit_gap - -",
            "error duplicate_members mega_cap MEGA",
            "error entry_count mid_cap -",
            "error entry_equals_intervals mega_cap MEGC",
            "error entry_equals_intervals small_cap -",
            "error inactive_members micro_cap MICA",
            "error metadata_drift mid_cap -",
            "error security_type top_10 LARA",
            "error unknown_members small_cap SMAA",
            "error value_shape my_list -",
            "warning key_convention my_list -",
            "warning name_convention my_list -",
            "warning older_type everything -",
        ] {
            assert!(found.iter().any(|line| line == expected), "{expected}: {found:#?}");
        }
        assert!(!found.iter().any(|line| line.contains("app_settings") || line.contains(" theme ")), "{found:#?}");
        let errors_only = place.run(&["validate", "--severity", "error", "--format", "json"]).held().json();
        assert!(errors_only["findings"].as_array().expect("a list").iter().all(|one| one["severity"] == "error"));
        let table = place.run(&["validate"]).held();
        assert!(table.stderr.contains("universe validate --fix --dry-run"), "{}", table.stderr);
    }
}

#[test]
fn warnings_are_no_failure() {
    for place in Place::on_both_stores() {
        first_day(&place);
        put_entry(&place, "stock_etf_combo", "everything", "All", "[\"MEGA\"]");
        let answer = place.run(&["validate", "--format", "json"]).done().json();
        assert_eq!(found(&answer), ["warning older_type everything -"]);
        let infos = place.run(&["validate", "--severity", "info", "--format", "json"]).done().json();
        assert!(found(&infos).iter().any(|line| line == "info missing_universe index_sp500 -"), "{infos}");
    }
}

#[test]
fn universes_behind_the_prices_are_stale() {
    let place = Place::embedded();
    first_day(&place);
    place.write("prices.csv", "symbol,date,close\nMEGA,2024-01-05,50\n");
    place.run(&["load", "prices", "prices.csv"]).done();
    assert_eq!(found(&place.run(&["validate", "--format", "json"]).done().json()), [""; 0]);
    let answer = place.run(&["validate", "--stale-after", "2", "--format", "json"]).done().json();
    assert_eq!(found(&answer), ["warning stale - -"]);
}

#[test]
fn mends_entries_and_tells_followers() {
    for place in Place::on_both_stores() {
        first_day(&place);
        let sound = crate::dump::entries(&place);
        execute(&place, "update cache_entries set value = '[\"MEGA\", \"GHOST\", \"MEGA\"]' where key = 'top_10'");
        execute(&place, "update cache_entries set universe_metadata = '{\"count\": 99}' where key = 'mid_cap'");
        execute(&place, "delete from cache_entries where key = 'sector_energy'");
        execute(&place, "update cache_entries set value = '[]' where key = 'etf_core'");
        let before = place.dump();
        let preview = place.run(&["validate", "--fix", "--dry-run", "--format", "json"]).held().json();
        assert_eq!(place.dump(), before);
        assert_eq!((&preview["dry_run"], &preview["job_id"]), (&json!(true), &Value::Null));
        let output = place.run(&["validate", "--fix", "--format", "json"]).done();
        let answer = output.json();
        assert_eq!(keys(&answer), ["checked", "dry_run", "findings", "fixed", "job_id"]);
        assert_eq!(answer["fixed"], preview["fixed"]);
        let fixed = |key: &str| {
            let all = answer["fixed"].as_array().expect("a list");
            all.iter().find(|one| one["universe"].as_str().is_some_and(|id| id.ends_with(key))).expect(key).clone()
        };
        assert_eq!(answer["fixed"].as_array().map(Vec::len), Some(4));
        assert_eq!(texts(&fixed(":top_10")["removed"]), ["GHOST"]);
        assert_eq!(texts(&fixed(":top_10")["added"]).len(), 9);
        assert_eq!((&fixed(":mid_cap")["added"], &fixed(":mid_cap")["count"]), (&json!([]), &json!(8)));
        assert_eq!(texts(&fixed(":sector_energy")["added"]).len(), 10);
        assert!(output.stderr.contains("the entry of stock_universe:top_10 was written anew"), "{}", output.stderr);
        assert_eq!(crate::dump::entries(&place), sound, "everything is as it was");
        assert_eq!(place.members("top_10"), TOP_10);

        let runs = place.run(&["runs", "--limit", "1", "--format", "json"]).done().json();
        assert_eq!((&runs[0]["run_id"], &runs[0]["status"]), (&answer["job_id"], &json!("completed")));
        let told = texts(&runs[0]["universes_updated"]);
        assert_eq!(
            told,
            ["stock_universe:sector_energy", "stock_universe:top_10"],
            "those whose readers saw something else"
        );
        let again = place.run(&["validate", "--fix", "--format", "json"]).done();
        assert_eq!((&again.json()["fixed"], &again.json()["job_id"]), (&json!([]), &Value::Null));
        assert!(again.stderr.contains("nothing"), "{}", again.stderr);
        let nothing = place.run(&["sync"]).done().stdout;
        assert!(nothing.contains("nothing to do"), "{nothing}");
    }
}

#[test]
fn says_what_it_leaves_as_it_is() {
    for place in Place::on_both_stores() {
        first_day(&place);
        put_entry(&place, "stock_universe", "theme_odd", "Odd", "[7]");
        execute(&place, &format!("delete from {} where audit_number = 2", own(&place, "audit_entry")));
        execute(&place, "update cache_entries set value = '[]' where key = 'top_10'");
        let output = place.run(&["validate", "--fix", "--format", "json"]).held();
        assert_eq!(found(&output.json())[..2], ["error audit_gap - -", "error value_shape theme_odd -"]);
        assert!(output.stderr.contains("left as they are: 2 errors"), "{}", output.stderr);
        assert_eq!(place.members("top_10"), TOP_10);
        place.run(&["validate", "--dry-run"]).refused(2, &["--fix"]);
    }
}

#[test]
fn an_instant_that_cannot_be_read_is_nothing_to_fail_for() {
    let place = Place::embedded();
    first_day(&place);
    put_entry(&place, "stock_universe", "theme_odd", "Odd", "not json at all");
    execute(&place, "update cache_entries set updated_at = 'yesterday' where key in ('theme_odd', 'top_10')");
    let answer = place.run(&["validate", "--format", "json"]).held().json();
    assert_eq!(found(&answer), ["error value_shape theme_odd -", "warning stale theme_odd -"]);
    place.run(&["list"]).done();
    place.run(&["show", "top_10"]).done();
    place.run(&["sync", "--preserve"]).done();
}
