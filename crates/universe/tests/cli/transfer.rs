//! Exports: the same state gives the same bytes, and they put that state back, on either database.

use std::collections::BTreeMap;

use serde_json::Value;
use universe_core::next_session;

use crate::harness::{Place, texts};
use crate::market::{FIRST, Stock, first_day, load, offering, stocks, with_price};

/// Days of a market that goes up and down by a seed: some prices double, some halve, some stocks come and go.
pub(crate) fn random_days(seed: u64, days: usize) -> Vec<Vec<Stock>> {
    let mut random = seed.wrapping_mul(2) | 1;
    let mut next = move || {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as usize
    };
    let mut market = stocks();
    (0..days)
        .map(|day| {
            for stock in &mut market {
                match next() % 12 {
                    0 => stock.cents *= 2,
                    1 => stock.cents = (stock.cents / 2).max(1),
                    2 => stock.sector = ["Technology", "Finance", "Utilities", "Energy"][next() % 4],
                    _ => {}
                }
            }
            if next() % 2 == 0 {
                market.push(offering(&format!("NEW{}", (b'A' + day as u8) as char)));
            }
            market.clone()
        })
        .collect()
}

/// Loads and synchronizes days, and returns the ids of their runs.
pub(crate) fn run_days(place: &Place, days: &[Vec<Stock>]) -> Vec<String> {
    let mut session = FIRST;
    let mut runs = Vec::new();
    for day in days {
        load(place, session, day);
        let outcome = place.run(&["sync", "--force", "--format", "json"]).done().json();
        runs.push(outcome["job_id"].as_str().expect("an id").to_owned());
        session = next_session(session);
    }
    runs
}

/// Returns every universe as an export has it.
pub(crate) fn exported(place: &Place) -> String {
    place.run(&["export"]).done().stdout
}

/// Returns the members of every universe of an export, by address.
pub(crate) fn members_of(export: &str) -> BTreeMap<String, Vec<String>> {
    let document: Value = serde_json::from_str(export).expect("JSON");
    let universes = document["universes"].as_array().expect("a list").iter();
    let text = |universe: &Value, name: &str| universe[name].as_str().expect("a text").to_owned();
    universes.map(|u| (format!("{}:{}", text(u, "type"), text(u, "key")), texts(&u["symbols"]))).collect()
}

/// A list of one's own beside what the rules make.
fn with_lists(place: &Place) {
    first_day(place);
    place.write("sp.csv", "symbol\nMEGB\nMEGA\nLARA\n");
    place.run(&["load", "universe", "sp.csv", "--universe", "index_sp500"]).done();
    place.write("mine.txt", "LARB\nMIDA\nZZZZ\n");
    place.run(&["load", "universe", "mine.txt", "--universe", "stock_universe:my_list"]).done();
}

#[test]
fn an_export_says_what_is_shown() {
    for place in Place::on_both_stores() {
        with_lists(&place);
        let export = exported(&place);
        assert_eq!(exported(&place), export, "the same state gives the same bytes");
        let document: Value = serde_json::from_str(&export).expect("JSON");
        assert_eq!((&document["version"], &document["as_of"]), (&1.into(), &FIRST.to_string().into()));
        let listed = place.run(&["list", "--format", "json"]).done().json();
        let listed = listed.as_array().expect("a list");
        let members = members_of(&export);
        assert_eq!(members.len(), listed.len());
        for (universe, listed) in document["universes"].as_array().expect("a list").iter().zip(listed) {
            for field in ["type", "key", "name", "category", "count"] {
                assert_eq!(universe[field], listed[field], "{listed}");
            }
        }
        for universe in ["stock_universe:top_10", "stock_universe:index_sp500", "stock_universe:my_list"] {
            assert_eq!(members[universe], place.members(universe), "{universe}");
        }
        let some = place.run(&["export", "top_10", "mega_cap - top_10", "--output", "some.json"]).done();
        assert_eq!(some.stdout, "", "the data went to the file");
        let some: Value = serde_json::from_slice(&std::fs::read(place.path("some.json")).expect("read")).expect("JSON");
        assert_eq!(texts(&some["universes"][0]["symbols"]), place.members("top_10"));
        assert_eq!(some["universes"][0]["metadata"]["ranked"], true);
        assert_eq!((&some["universes"][1]["type"], &some["universes"][1]["count"]), (&Value::Null, &0.into()));
    }
}

#[test]
fn exports_go_by_ending_option_and_format() {
    let place = Place::embedded();
    first_day(&place);
    place.run(&["export", "top_10", "--output", "top.csv"]).done();
    let csv = std::fs::read_to_string(place.path("top.csv")).expect("read");
    let mut lines = csv.lines();
    assert_eq!(
        lines.next(),
        Some(
            "type,key,name,rank,symbol,company_name,market_cap,since,category,rule,as_of,is_point_in_time,source_age_sessions,held,quarantined_count"
        )
    );
    let first = "stock_universe,top_10,Top 10,1,MEGA,MEGA Inc. Common Stock,270000000000,2024-01-02,market_leader,rankings,2024-01-02,true,0,false,0";
    assert_eq!(lines.next(), Some(first));
    assert_eq!(place.run(&["export", "top_10", "--as", "csv"]).done().stdout, csv);
    assert_eq!(place.run(&["export", "top_10", "--format", "csv"]).done().stdout, csv);
    place.run(&["export", "top_10", "--output", "top.pq"]).done();
    assert!(std::fs::read(place.path("top.pq")).expect("read").starts_with(b"PAR1"));
    for (arguments, words) in [
        (&["export", "--output", "top.xlsx"][..], "pass --as"),
        (&["export", "--as", "qlib"], "--what intervals"),
        (&["export", "--what", "intervals", "--as", "qlib"], "--output DIR"),
        (&["export", "--what", "panel", "--as-of", "2024-01-02"], "--as-of is for members"),
        (&["export", "--from", "2024-01-02"], "--what panel"),
        (&["export", "--what", "panel", "--from", "2024-01-03", "--to", "2024-01-02"], "is after"),
        (&["export", "--all", "top_10"], "cannot be used with"),
    ] {
        place.run(arguments).refused(2, &[words]);
    }
    place.run(&["export", "top_11"]).refused(1, &["there is no universe top_11; did you mean \"top_10\"?"]);
    place.run(&["export", "a & b", "--what", "intervals"]).refused(1, &["a combination has members, but no intervals"]);
}

#[test]
fn an_export_put_back_changes_nothing() {
    for place in Place::on_both_stores() {
        with_lists(&place);
        for file in ["all.json", "all.csv", "all.parquet"] {
            place.run(&["export", "--output", file]).done();
            let before = place.dump();
            let answer = place.run(&["import", file, "--yes", "--format", "json"]).done().json();
            assert_eq!(answer["written"], false, "{file}: {answer}");
            let issues = answer["issues"].as_array().expect("a list");
            assert!(issues.iter().any(|issue| issue["symbol"] == "ZZZZ"), "{file}: {answer}");
            assert!(place.dump() == before, "{file}: not even a run is recorded");
        }
    }
}

#[test]
fn an_export_fills_an_empty_database_with_the_same_bytes() {
    for from in Place::on_both_stores() {
        with_lists(&from);
        let export = exported(&from);
        for to in Place::on_both_stores() {
            to.write("universes.json", &export);
            // Nobody leaves, so nobody is asked.
            let answer = to.run(&["import", "universes.json"]).done();
            assert!(answer.stderr.contains("decided by rules"), "{answer:#?}");
            assert_eq!(exported(&to), export);
            let checked = to.run(&["validate", "--format", "json"]).json();
            let findings = checked["findings"].as_array().expect("a list").iter();
            let errors = findings.filter(|f| f["severity"] == "error" && f["check"] != "unknown_members");
            assert_eq!(errors.count(), 0, "but for the listings, which are not there yet: {checked}");
            // With the market loaded again, the rules find nobody to move.
            load(&to, FIRST, &stocks());
            let outcome = to.run(&["sync", "--format", "json"]).done().json();
            let before = members_of(&export);
            let after = members_of(&exported(&to));
            assert_eq!(after, before, "{outcome}");
        }
    }
}

#[test]
fn whatever_the_days_the_export_is_the_state() {
    for seed in 1..=2 {
        for from in Place::on_both_stores() {
            run_days(&from, &random_days(seed, 3));
            let export = exported(&from);
            for to in Place::on_both_stores() {
                to.write("universes.json", &export);
                to.run(&["import", "universes.json"]).done();
                assert_eq!(exported(&to), export, "seed {seed}");
            }
        }
    }
}

#[test]
fn rows_carry_members_to_another_database() {
    let from = Place::embedded();
    with_lists(&from);
    let before = members_of(&exported(&from));
    for to in Place::on_both_stores() {
        for (file, count) in [("all.csv", 1), ("all.parquet", 0)] {
            from.run(&["export", "--output", file]).done();
            to.write(file, std::fs::read(from.path(file)).expect("read"));
            let answer = to.run(&["import", file, "--format", "json"]).done().json();
            assert_eq!(answer["written"], count > 0, "{file}");
        }
        let after = members_of(&exported(&to));
        // Rows say nothing of universes without members.
        assert_eq!(after, before.clone().into_iter().filter(|(_, members)| !members.is_empty()).collect());
    }
}

#[test]
fn what_would_change_is_shown_and_asked() {
    for place in Place::on_both_stores() {
        with_lists(&place);
        let export = exported(&place);
        place.write("then.json", &export);
        place.write("sp.csv", "symbol\nMIDA\n");
        place.run(&["load", "universe", "sp.csv", "--universe", "index_sp500"]).done();
        let now = place.dump();
        place.run(&["import", "then.json"]).refused(2, &["1 universe", "3 members in, 1 out", "--yes", "--dry-run"]);
        let shown = place.run(&["import", "then.json", "--dry-run"]).done();
        assert!(shown.stdout.contains("+ MEGA"), "{shown:#?}");
        place.run(&["import", "then.json", "--only", "top_10", "--yes"]).done();
        assert!(place.dump() == now, "neither of them wrote anything");
        place.run(&["import", "then.json", "--only", "index_sp500", "--yes"]).done();
        assert_eq!(exported(&place), export);
        let sync = place.run(&["sync", "--format", "json"]).done().json();
        assert_eq!(sync["total_changes"], 0, "a list that came back stays: {sync}");
        place.run(&["import", "then.json", "--only", "top_1"]).refused(1, &["top_1 stands in none of the files"]);
    }
}

#[test]
fn rows_of_older_tables_become_universes() {
    for place in Place::on_both_stores() {
        place.write(
            "rows.json",
            r#"[{"type":"stock_universe","key":"theme_old","name":"Old Theme","value":{"stocks":[{"ticker":"MSFT"},{"ticker":"BRK-B"}]},"universe_category":"theme"},
                {"type":"etf_universe","key":"my_funds","name":"My Funds","value":["SPY","QQQ"]},
                {"type":"app_settings","key":"x","value":{}}]"#,
        );
        let answer = place.run(&["import", "rows.json", "--format", "json"]).done();
        assert_eq!(answer.json()["universes_read"], 2, "{answer:#?}");
        assert_eq!(place.members("theme_old"), ["BRK.B", "MSFT"]);
        assert_eq!(place.members("etf_universe:my_funds"), ["QQQ", "SPY"]);
    }
}

#[test]
fn an_export_as_of_a_day_is_what_was_shown_then() {
    for place in Place::on_both_stores() {
        let mut later = stocks();
        with_price(&mut later, &["LARH"], 40);
        run_days(&place, &[stocks(), later]);
        let then = place.run(&["export", "mega_cap", "--as-of", "2024-01-02"]).done().stdout;
        let now = place.run(&["export", "mega_cap"]).done().stdout;
        let members = |export: &str| members_of(export)["stock_universe:mega_cap"].clone();
        assert!(!members(&then).contains(&"LARH".to_owned()) && members(&now).contains(&"LARH".to_owned()));
        let shown = place.run(&["show", "mega_cap", "--as-of", "2024-01-02", "--format", "json"]).done().json();
        assert_eq!(members(&then), texts(&shown["symbols"]));
        let ranked = place.run(&["export", "top_10", "--as-of", "2024-01-02"]).done();
        assert_eq!(ranked.json()["universes"][0]["metadata"]["ranked"], true);
        assert_eq!(members_of(&ranked.stdout)["stock_universe:top_10"], crate::market::TOP_10);
        let known = place.run(&["export", "mega_cap", "--known-at", "2000-01-01T00:00:00Z"]).done().stdout;
        assert_eq!(members(&known), [""; 0], "nothing was known then");
        place.run(&["export", "--all", "--as-of", "2024-01-06"]).done();
    }
}

#[test]
fn an_export_as_of_a_day_comes_back_with_the_same_bytes() {
    for from in Place::on_both_stores() {
        run_days(&from, &random_days(7, 2));
        // The third day doubles too much at once: some changes are held, and the export says so.
        let mut third = stocks();
        with_price(&mut third, &["LARA", "LARB", "LARC", "LARD", "LARE", "LARF", "LARG", "LARH"], 20);
        let day = next_session(next_session(FIRST));
        load(&from, day, &third);
        from.run(&["sync"]).held();
        load(&from, next_session(day), &stocks());
        from.run(&["sync", "--force"]).done();
        for day in [next_session(FIRST), day] {
            let export = from.run(&["export", "--as-of", &day.to_string()]).done().stdout;
            assert_eq!(export.contains("\"held\":true"), day != next_session(FIRST), "{day}");
            for to in Place::on_both_stores() {
                to.write("then.json", &export);
                to.run(&["import", "then.json"]).done();
                assert_eq!(to.run(&["export", "--as-of", &day.to_string()]).done().stdout, export);
            }
        }
    }
}

#[test]
fn rows_say_of_when_they_are_and_how_far_they_can_be_trusted() {
    for place in Place::on_both_stores() {
        run_days(&place, &[stocks(), stocks()]);
        let (second, gap) = (next_session(FIRST), next_session(next_session(FIRST)));
        let after = next_session(gap);
        load(&place, after, &stocks());
        place.run(&["sync"]).done();
        let last_fields = |arguments: &[&str]| -> Vec<String> {
            let csv = place.run(&[&["export", "top_10", "--as", "csv"], arguments].concat()).done().stdout;
            csv.lines().skip(1).map(|line| line.rsplitn(6, ',').take(5).collect::<Vec<_>>().join(" ")).collect()
        };
        assert!(last_fields(&[]).iter().all(|fields| *fields == format!("0 false 0 true {after}")));
        let carried = last_fields(&["--as-of", &gap.to_string()]);
        assert_eq!(carried, vec![format!("0 false 1 false {gap}"); 10], "carried over from {second}");
        let document = place.run(&["export", "top_10", "--as-of", &gap.to_string()]).done().json();
        let metadata = &document["universes"][0]["metadata"];
        assert_eq!((&metadata["is_point_in_time"], &metadata["source_age_sessions"]), (&false.into(), &1.into()));
        let panel = place.run(&["export", "top_10", "--what", "panel", "--as", "csv"]).done().stdout;
        for line in panel.lines().skip(1) {
            assert_eq!(line.ends_with(",false"), line.starts_with(&gap.to_string()), "{line}");
        }
        // A day in a file counts: rows put back in place are of then.
        let then = place.run(&["export", "top_10", "--as", "csv", "--as-of", &second.to_string()]).done().stdout;
        for to in Place::on_both_stores() {
            to.write("then.csv", &then);
            let answer = to.run(&["import", "then.csv", "--format", "json"]).done().json();
            assert_eq!(answer["session"], second.to_string());
            to.write(
                "mixed.csv",
                then.replacen(&format!(",{second},true,0,false"), &format!(",{FIRST},true,0,false"), 1),
            );
            to.run(&["import", "mixed.csv", "--yes"]).refused(1, &["another day before"]);
        }
    }
}
