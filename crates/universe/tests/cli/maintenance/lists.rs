//! `universe load universe`: lists of one universe or of many, all of them or none.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::harness::Place;
use crate::market::first_day;

fn issues(answer: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let line = |issue: &Value| format!("{} {} {}", issue["line"], text(&issue["symbol"]), text(&issue["reason"]));
    answer["issues"].as_array().expect("a list").iter().map(line).collect()
}

#[test]
fn one_file_fills_many_universes_in_one_run() {
    for place in Place::on_both_stores() {
        first_day(&place);
        place.write("lists.csv", "universe,symbol\nindex_dow30,MEGA\nindex_dow30,LARA\netf_universe:theme_ai,BOTZ\n");
        place.write(
            "lists.json",
            r#"{"universes": [
                {"type": "stock_universe", "key": "theme_mine", "name": "My Favourites", "symbols": ["MIDA", "MEGA"]},
                {"key": "index_sp500", "stocks": [{"ticker": "MEGB"}, {"ticker": "MEGC"}]}
            ]}"#,
        );
        let output = place.run(&["load", "universe", "lists.csv", "lists.json", "--format", "json"]).done();
        let answer = output.json();
        assert_eq!((&answer["rows"], &answer["loaded"]), (&json!(7), &json!(7)));
        assert_eq!(answer["files"], json!(["lists.csv", "lists.json"]));
        assert_eq!(issues(&answer), ["4 BOTZ it is not in `symbols`; it was kept"]);
        assert!(
            output.stderr.contains("stock_universe:index_dow30 has 2 members as of 2024-01-02"),
            "{}",
            output.stderr
        );
        for (universe, members) in [
            ("index_dow30", &["LARA", "MEGA"][..]),
            ("etf_universe:theme_ai", &["BOTZ"]),
            ("theme_mine", &["MEGA", "MIDA"]),
            ("index_sp500", &["MEGB", "MEGC"]),
        ] {
            assert_eq!(place.members(universe), members, "{universe}");
        }
        let list = place.run(&["list", "--format", "json"]).done().json();
        let named = |key: &str| {
            list.as_array().expect("a list").iter().find(|one| one["key"] == key).expect(key)["name"].clone()
        };
        assert_eq!((named("theme_mine"), named("index_sp500")), (json!("My Favourites"), json!("S&P 500 Index")));
        let runs = place.run(&["runs", "--limit", "1", "--format", "json"]).done().json();
        assert_eq!(runs[0]["universes_updated"].as_array().map(Vec::len), Some(4), "in one run");
        place.run(&["validate"]).done();
        let again = place.run(&["load", "universe", "lists.csv"]).done();
        assert!(again.stderr.contains("index_dow30 has 2 members already"), "{}", again.stderr);
    }
}

#[test]
fn anything_wrong_with_one_universe_leaves_all_as_they_are() {
    for place in Place::on_both_stores() {
        first_day(&place);
        let before = place.dump();
        for (file, content, code, fragments) in [
            (
                "a.csv",
                "universe,symbol\nindex_a,MEGA\ntop_10,MEGA\n",
                2,
                &["top_10 is decided by the rule rankings"][..],
            ),
            ("b.csv", "universe,symbol\nindex_a,MEGA\ntheme_new,MEGA\n", 2, &["theme_new", "stock_universe:theme_new"]),
            ("c.json", r#"{"index_a": ["MEGA"], "index_b": []}"#, 1, &["index_b: the list is empty"]),
            ("d.csv", "universe,symbol\nindex_a,MEGA\nBig Ones,MEGA\n", 1, &["line 3", "Big Ones"]),
            ("e.csv", "type,key,symbol\nbonds,index_a,MEGA\n", 1, &["\"bonds\" is no universe type"]),
            ("f.csv", "universe,symbol\nindex_a,?\nindex_a,=cmd\n", 1, &["all 2 entries are wrong"]),
            ("g.csv", "symbol\nMEGA\n", 2, &["g.csv does not say which universe", "--universe"]),
        ] {
            place.write(file, content);
            place.run(&["load", "universe", file]).refused(code, fragments);
        }
        place.write("good.csv", "universe,symbol\nindex_a,MEGA\n");
        place.run(&["load", "universe", "good.csv", "c.json"]).refused(1, &["c.json"]);
        place.run(&["load", "universe", "good.csv", "good.csv"]).refused(2, &["index_a is listed twice"]);
        place.run(&["load", "universe", "good.csv", "g.csv", "--universe", "index_a"]).refused(2, &["is for one file"]);
        place
            .run(&["load", "universe", "good.csv", "--as-of", "2023-12-29"])
            .refused(1, &["2024-01-02 has been already"]);
        assert_eq!(place.dump(), before);
    }
}

#[test]
fn bad_spellings_duplicates_and_unknown_symbols_are_issues_with_their_lines() {
    for place in Place::on_both_stores() {
        first_day(&place);
        place.write("symbols.csv", "symbol,company_name\nBRK.B,Berkshire Hathaway Inc. Class B\n");
        place.run(&["load", "symbols", "symbols.csv", "--as-of", "2024-01-02"]).done();
        place.write("dow.csv", "symbol,note\nBRKB,x\nMEGA,\nmega,twice\n=HYPERLINK(1),\nWHO,\n\"\",\n");
        let answer =
            place.run(&["load", "universe", "dow.csv", "--universe", "index_dow30", "--format", "json"]).done().json();
        assert_eq!(
            issues(&answer),
            [
                "4 MEGA MEGA is on line 3 already; line 4 was skipped",
                "5 =HYPERLINK(1) no usable symbol: \"=HYPERLINK(1)\" contains '='; symbols are letters, digits, '.' and '^'; the row was skipped",
                "7 - no symbol; the row was skipped",
                "2 BRKB it was taken for BRK.B",
                "6 WHO it is not in `symbols`; it was kept",
            ]
        );
        assert_eq!(place.members("index_dow30"), ["BRK.B", "MEGA", "WHO"]);
    }
}

#[test]
fn the_type_is_told_from_the_key_where_only_one_can_be_meant() {
    let place = Place::embedded();
    first_day(&place);
    place.write("lists.json", r#"{"index_new": ["MEGA"], "theme_robot_etfs": ["BOTZ"], "etf_core": ["SPY"]}"#);
    place.run(&["load", "universe", "lists.json"]).refused(2, &["index_broad_market is decided by the rule"]);
    place.write("lists.json", r#"{"index_new": ["MEGA"], "theme_robot_etfs": ["BOTZ"]}"#);
    let output = place.run(&["load", "universe", "lists.json"]).done();
    for told in ["stock_universe:index_new is a new universe", "etf_universe:theme_robot_etfs is a new universe"] {
        assert!(output.stderr.contains(told), "{}", output.stderr);
    }
}

#[test]
fn files_come_as_programs_write_them() {
    for place in Place::on_both_stores() {
        first_day(&place);
        place.write("bom.csv", "\u{feff}Symbol,Company,Unknown column\r\nMEGA,\"Mega, Inc.\",=cmd|' /C calc'!A0\r\n");
        place.run(&["load", "universe", "bom.csv", "--universe", "index_dow30"]).done();
        assert_eq!(place.members("index_dow30"), ["MEGA"]);
        let before = place.dump();
        place.write("latin.csv", b"symbol,name\nMEGA,Soci\xe9t\xe9\n");
        place.write("empty.csv", "");
        place.write("blank.csv", "\n\n\n");
        place.write("binary.csv", b"symbol\nMEGA\n\0\0\0\n");
        place.write("cut.json", "{\"symbols\": [\"MEGA\"");
        for (file, said) in [
            ("latin.csv", "latin.csv is not UTF-8: line 2, byte 10"),
            ("empty.csv", "is empty"),
            ("blank.csv", "is empty"),
            ("binary.csv", "is binary data"),
            ("cut.json", "is truncated"),
            ("missing.csv", "cannot open missing.csv"),
        ] {
            place.run(&["load", "universe", file, "--universe", "index_dow30"]).refused(1, &[said]);
            place.run(&["load", "universe", file]).refused(1, &[said]);
        }
        place
            .run(&["load", "universe", "bom.csv", "--universe", "indx_dow30"])
            .refused(1, &["did you mean \"index_dow30\""]);
        assert_eq!(place.dump(), before);
    }
}

/// Three million rows, nearly all of them wrong or there already, are read through in little memory.
#[test]
fn millions_of_rows_are_read_without_keeping_them() {
    let place = Place::embedded();
    first_day(&place);
    let mut text = String::from("universe,symbol\n");
    for row in 0..3_000_000_u32 {
        match row % 3 {
            0 => text.push_str("index_dow30,MEGA\n"),
            1 => text.push_str("index_sp500,not a symbol\n"),
            _ => writeln!(text, "index_sp500,S{}", row % 1_000).expect("a string"),
        }
    }
    place.write("huge.csv", text);
    let answer = place.run(&["load", "universe", "huge.csv", "--format", "json"]).done().json();
    assert_eq!(answer["rows"], 3_000_000);
    let issues = answer["issues"].as_array().expect("a list");
    assert!(issues.len() < 25_000, "{} issues", issues.len());
    let counted =
        issues.iter().any(|issue| issue["reason"].as_str().is_some_and(|reason| reason.contains("more issues")));
    assert!(counted, "what is not listed is counted");
    assert_eq!(place.members("index_dow30"), ["MEGA"]);
}
