//! `universe stats`: figures that a small market lets one count by hand.

use serde_json::{Value, json};

use crate::harness::{Place, keys};
use crate::market::{FIRST, first_day, load, sessions_later, stocks, with_price};

fn figures(answer: &Value, key: &str) -> Value {
    let all = answer["universes"].as_array().expect("a list");
    all.iter().find(|one| one["key"] == key).unwrap_or_else(|| panic!("{key}: {answer}")).clone()
}

#[test]
fn counts_members_changes_and_caps() {
    for place in Place::on_both_stores() {
        first_day(&place);
        let mut stocks = stocks();
        with_price(&mut stocks, &["LARC"], 100);
        load(&place, sessions_later(FIRST, 1), &stocks);
        place.run(&["sync", "--force"]).done();
        let answer = place.run(&["stats", "--format", "json"]).done().json();
        assert_eq!(keys(&answer), ["job_statistics", "session", "universes"]);
        assert_eq!(answer["session"], "2024-01-03");
        let jobs = &answer["job_statistics"];
        assert_eq!(keys(jobs), ["avg_duration_seconds", "failed_jobs_7d", "successful_jobs_7d", "total_jobs_7d"]);
        assert_eq!((&jobs["total_jobs_7d"], &jobs["failed_jobs_7d"]), (&json!(2), &json!(0)));
        let top_10 = figures(&answer, "top_10");
        assert_eq!(
            keys(&top_10),
            [
                "age_sessions",
                "category",
                "changes",
                "count",
                "key",
                "last_updated",
                "median_market_cap",
                "name",
                "rule",
                "top_10_share",
                "total_market_cap",
                "type",
            ]
        );
        assert_eq!(
            (&top_10["count"], &top_10["rule"], &top_10["age_sessions"]),
            (&json!(10), &json!("rankings"), &json!(0))
        );
        let changes = top_10["changes"].as_array().expect("a list");
        assert_eq!(changes[0], json!({"sessions": 1, "added": 1, "removed": 1, "turnover": 0.1}));
        assert_eq!(
            (&changes[1]["added"], &changes[1]["removed"]),
            (&json!(10), &json!(0)),
            "all of it is two sessions old"
        );
        assert_eq!((&top_10["top_10_share"], &top_10["category"]), (&json!(1.0), &json!("market_leader")));
        // 270, 260 .. 200 billion, 13.5 billion of LARA, and LARC at a hundred times 12.5 billion; LARB fell out.
        let total: i64 = (200..=270).step_by(10).sum::<i64>() * 1_000 + 13_500 + 1_250_000;
        assert_eq!(top_10["total_market_cap"], json!(total * 1_000_000));
        assert_eq!(top_10["median_market_cap"], json!(235_000_000_000_i64));
        let one = place.run(&["stats", "mega_cap", "--format", "json"]).done().json();
        assert_eq!(one["universes"].as_array().map(Vec::len), Some(1));
        let table = place.run(&["stats", "top_10"]).done();
        assert!(table.stdout.contains("+1 -1") && table.stdout.contains("100.0%"), "{}", table.stdout);
        assert!(table.stderr.contains("runs of the last 7 days: 2"), "{}", table.stderr);
        let csv = place.run(&["stats", "top_10", "--format", "csv"]).done().stdout;
        assert!(csv.starts_with("universe,category,rule,count,change_1,change_5,change_21,turnover_21,"), "{csv}");
    }
}

#[test]
fn overlaps_are_counted_two_by_two() {
    for place in Place::on_both_stores() {
        first_day(&place);
        let answer =
            place.run(&["stats", "--overlap", "mega_cap", "top_10", "small_cap", "--format", "json"]).done().json();
        let expected = json!({
            "universe": "stock_universe:mega_cap",
            "other": "stock_universe:top_10",
            "shared": 8,
            "share": 1.0,
            "share_of_other": 0.8,
        });
        assert_eq!(answer, json!({"overlaps": [expected]}));
    }
}

#[test]
fn figures_of_nothing_are_empty_and_of_the_unknown_refused() {
    for place in Place::on_both_stores() {
        let answer = place.run(&["stats", "--format", "json"]).done().json();
        assert_eq!((&answer["session"], &answer["universes"]), (&Value::Null, &json!([])));
        first_day(&place);
        place.run(&["stats", "top_11"]).refused(1, &["there is no universe top_11", "did you mean"]);
        place.run(&["stats", "top_10 & mega_cap"]).refused(2, &["one at a time"]);
        place.run(&["stats", "index_sp500"]).refused(1, &["index_sp500 has no members yet"]);
    }
}
