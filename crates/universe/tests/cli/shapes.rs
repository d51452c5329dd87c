//! The shapes of JSON answers, field by field, as the contract has them.

use serde_json::{Value, json};

use crate::harness::{Place, keys};
use crate::market::{FIRST, HEADER, first_day, load, row, stocks};

#[track_caller]
fn check(object: &Value, fields: &[&str]) {
    let mut fields = fields.to_vec();
    fields.sort_unstable();
    assert_eq!(keys(object), fields);
}

#[test]
fn load_answers_with_counts_and_issues() {
    for place in Place::on_both_stores() {
        let bad = "BAD,NYSE,Bad Corp Common Stock,$0.00,0,0%,1,-5.00,United States,,,";
        place.write("screener_2024-01-02.csv", format!("{HEADER}\n{}\n{bad}\n", row(&stocks()[0])));
        let output = place.run(&["load", "screener", "screener_2024-01-02.csv", "--format", "json"]).done();
        let answer = output.json();
        check(&answer, &["files", "rows", "loaded", "issues"]);
        assert_eq!(answer["files"], json!(["screener_2024-01-02.csv"]));
        assert_eq!(answer["rows"], 2);
        let issue = &answer["issues"][0];
        check(issue, &["file", "line", "symbol", "reason"]);
        assert_eq!((&issue["line"], &issue["symbol"]), (&json!(3), &json!("BAD")));
        assert!(output.stderr.contains("screener_2024-01-02.csv:3: BAD: "), "{}", output.stderr);
    }
}

#[test]
fn every_form_of_load_answers_alike() {
    let place = Place::embedded();
    place.write("symbols.csv", "symbol,company_name,dividend_yield\nMEGA,Mega Inc,0.03\n");
    place.write("prices.csv", "symbol,date,close\nMEGA,2023-12-28,49.5\nMEGA,2023-12-29,50.5\n");
    place.write("dow.txt", "MEGA\nMEGB\nNOBODY\n");
    load(&place, FIRST, &stocks());
    let symbols = place.run(&["load", "symbols", "symbols.csv", "--as-of", "2024-01-02", "--format", "json"]);
    let prices = place.run(&["load", "prices", "prices.csv", "--format", "json"]);
    let members = place.run(&["load", "universe", "dow.txt", "--universe", "index_dow30", "--format", "json"]);
    for (output, rows) in [(symbols, 1), (prices, 2), (members, 3)] {
        let answer = output.done().json();
        check(&answer, &["files", "rows", "loaded", "issues"]);
        assert_eq!((&answer["rows"], &answer["loaded"]), (&json!(rows), &json!(rows)));
    }
}

#[test]
fn sync_answers_with_the_run() {
    for place in Place::on_both_stores() {
        load(&place, FIRST, &stocks());
        let run = place.run(&["sync", "--format", "json"]).done().json();
        check(
            &run,
            &[
                "job_id",
                "status",
                "mode",
                "session",
                "total_changes",
                "universes_updated",
                "task_results",
                "alerts",
                "held",
                "duration_seconds",
            ],
        );
        assert_eq!(
            (&run["status"], &run["mode"], &run["session"]),
            (&json!("completed"), &json!("full"), &json!("2024-01-02"))
        );
        assert!(run["universes_updated"].as_array().expect("a list").contains(&json!("stock_universe:top_10")));
        let steps =
            ["delisted_cleanup", "ipo_assignment", "market_cap_recalculation", "notifications", "theme_rebalancing"];
        assert_eq!(keys(&run["task_results"]), steps);
        for step in steps {
            check(&run["task_results"][step], &["status", "changes", "duration_seconds", "notes", "error"]);
        }
        let runs = place.run(&["runs", "--limit", "1", "--format", "json"]).done().json();
        assert_eq!(runs.as_array().map(Vec::len), Some(1));
        assert_eq!((&runs[0]["run_id"], &runs[0]["triggered_by"]), (&run["job_id"], &json!("cli")));
    }
}

#[test]
fn list_show_diff_and_validate_answer_as_agreed() {
    for place in Place::on_both_stores() {
        first_day(&place);
        let list = place.run(&["list", "--format", "json"]).done().json();
        check(&list[0], &["type", "key", "name", "category", "count", "last_updated"]);
        let show = place.run(&["show", "top_10", "--as-of", "2024-01-02", "--format", "json"]).done().json();
        check(
            &show,
            &[
                "type",
                "key",
                "later_symbols",
                "name",
                "as_of",
                "count",
                "is_point_in_time",
                "source_age_sessions",
                "held",
                "quarantined_count",
                "symbols",
                "members",
            ],
        );
        check(&show["members"][0], &["symbol", "company_name", "rank", "market_cap", "sector", "since"]);
        assert_eq!((&show["type"], &show["key"]), (&json!("stock_universe"), &json!("top_10")));
        assert_eq!((&show["as_of"], &show["count"]), (&json!("2024-01-02"), &json!(10)));
        let now = place.run(&["show", "top_10", "--format", "json"]).done().json();
        assert_eq!(now["as_of"], "2024-01-02", "the session that the members stand at");
        let first = now["members"][0].clone();
        let expected = json!({
            "symbol": "MEGA",
            "company_name": "MEGA Inc. Common Stock",
            "rank": 1,
            "market_cap": 270_000_000_000_i64,
            "sector": "Technology",
            "since": "2024-01-02",
        });
        assert_eq!(first, expected);
        let diff = place.run(&["diff", "top_10", "2024-01-01", "2024-01-02", "--format", "json"]).done();
        let fields = ["universe", "from", "to", "added", "removed", "renamed", "before", "after", "remarks"];
        check(&diff.json(), &fields);
        assert_eq!(diff.json()["added"].as_array().map(Vec::len), Some(10));
        let validate = place.run(&["validate", "--format", "json"]).done().json();
        assert_eq!(validate, json!({"checked": list.as_array().expect("a list").len(), "findings": []}));
    }
}

#[test]
fn validate_finds_what_contradicts() {
    let place = Place::embedded();
    first_day(&place);
    let database = rusqlite::Connection::open(place.path("universe.db")).expect("opened");
    database
        .execute("update cache_entries set value = '[\"MEGA\"]' where key = 'top_10'", [])
        .expect("written by somebody else");
    let found = place.run(&["validate", "--format", "json"]).held().json();
    assert!(found["checked"].as_u64().expect("a number") > 0);
    check(&found["findings"][0], &["severity", "check", "universe", "symbol", "detail"]);
    assert!(found["findings"].to_string().contains("stock_universe:top_10"), "{found}");
}

#[test]
fn db_config_and_rules_answer_in_json() {
    let place = Place::embedded();
    let status = place.run(&["db", "status", "--format", "json"]).held().json();
    check(&status[0], &["version", "name", "applied_at", "is_intact"]);
    assert_eq!(status[0]["applied_at"], Value::Null);
    assert_ne!(place.run(&["db", "migrate", "--format", "json"]).done().json(), json!([]));
    assert_eq!(place.run(&["db", "migrate", "--format", "json"]).done().json(), json!([]), "once is enough");
    assert_ne!(place.run(&["db", "status", "--format", "json"]).done().json()[0]["applied_at"], Value::Null);
    let config = place.run(&["config", "show", "--format", "json"]).done().json();
    assert_eq!(config["rules.profile"], json!({"value": "classic", "set_by": "the defaults"}));
    let rules = place.run(&["rules", "show", "--format", "json"]).done().json();
    let rankings = rules.as_array().and_then(|rules| rules.iter().find(|rule| rule["rule"] == "rankings"));
    assert!(rankings.expect("rankings")["universes"].to_string().contains("top_500"));
}
