//! Commands given wrongly: refused with exit code 2 and words that help, before anything is touched.

use crate::harness::Place;
use crate::market::first_day;

#[test]
fn wrong_commands_and_values_are_refused() {
    let place = Place::embedded();
    first_day(&place);
    let before = place.dump();
    for (arguments, fragments) in [
        (&["snyc"][..], &["unrecognized subcommand 'snyc'", "sync"][..]),
        (&["sync", "--mode", "some"], &["the modes are full, market_cap, themes and ipos"]),
        (&["sync", "--session", "2024-01-06"], &["2024-01-06 is not a session (Saturday)", "2024-01-05"]),
        (&["sync", "--session", "2024-01-01"], &["2024-01-01 is not a session"]),
        (&["sync", "--session", "tomorrow"], &["'tomorrow'", "--session", "a day is written as 2024-01-02"]),
        (&["show"], &["<UNIVERSE>"]),
        (&["show", "top_10 &"], &["column 9", "expected a universe"]),
        (&["show", "(top_10"], &["column"]),
        (&["show", "top_10", "--known-at", "noon"], &["'noon'", "--known-at", "2024-01-02T21:00:00Z"]),
        (&["diff", "top_10", "2024-01-03", "2024-01-02"], &["2024-01-03 is after 2024-01-02"]),
        (&["runs", "--limit", "0"], &["1..=1000"]),
        (&["list", "--format", "yaml"], &["'yaml'", "table, json, csv"]),
        (&["demo", "--listings", "3"], &["200..=1000000"]),
        (&["load", "screener"], &["<FILE>"]),
        (
            &["load", "snapshots", "x.parquet", "--as-of", "2024-01-02", "--from", "2024-01-02"],
            &["cannot be used with"],
        ),
        (&["completions", "cmd"], &["'cmd'"]),
    ] {
        place.run(arguments).refused(2, fragments);
    }
    assert_eq!(place.dump(), before);
}

#[test]
fn a_screener_file_is_refused_for_a_day_without_trading() {
    for place in Place::on_both_stores() {
        first_day(&place);
        place.write("day_2022-05-30.csv", crate::market::screener(&crate::market::stocks()));
        place.write("day.csv", crate::market::screener(&crate::market::stocks()));
        let before = place.dump();
        place
            .run(&["load", "screener", "day_2022-05-30.csv"])
            .refused(2, &["2022-05-30 is not a session (Memorial Day)"]);
        place.run(&["load", "screener", "day.csv", "--as-of", "2023-11-04"]).refused(2, &["Saturday", "2023-11-03"]);
        place.run(&["load", "screener", "day.csv"]).refused(1, &["does not say which session", "--as-of"]);
        assert_eq!(place.dump(), before);
    }
}

#[test]
fn nothing_to_synchronize_says_what_to_do() {
    for place in Place::on_both_stores() {
        let refused = place.run(&["sync", "--format", "json"]);
        refused.refused(1, &["there are no prices yet", "hint: load some first", "universe load screener"]);
        assert!(place.run(&["runs"]).done().stdout.contains("(none)"));
    }
}
