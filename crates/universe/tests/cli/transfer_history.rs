//! Intervals, panels and the files of qlib: all of them say what `show --as-of` says.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use universe_core::next_session;

use crate::harness::{Place, texts};
use crate::market::FIRST;
use crate::transfer::{random_days, run_days};

/// Members by session, as `show` has them.
fn shown(place: &Place, universe: &str, days: usize) -> BTreeMap<String, BTreeSet<String>> {
    let sessions = std::iter::successors(Some(FIRST), |day| Some(next_session(*day))).take(days);
    let members = |session: String| {
        let answer = place.run(&["show", universe, "--as-of", &session, "--format", "json"]).done().json();
        (session, texts(&answer["symbols"]).into_iter().collect())
    };
    sessions
        .map(|session| members(session.to_string()))
        .filter(|(_, members): &(_, BTreeSet<_>)| !members.is_empty())
        .collect()
}

/// Puts rows of a panel together by session.
fn by_session<'r>(rows: impl Iterator<Item = (&'r str, &'r str)>) -> BTreeMap<String, BTreeSet<String>> {
    let mut sessions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (session, symbol) in rows {
        assert!(sessions.entry(session.to_owned()).or_default().insert(symbol.to_owned()), "{session} {symbol} twice");
    }
    sessions
}

#[test]
fn a_panel_has_the_members_of_every_session() {
    for place in Place::on_both_stores() {
        run_days(&place, &random_days(11, 4));
        for universe in ["top_10", "large_cap", "recent_ipos"] {
            let expected = shown(&place, universe, 4);
            let csv = place.run(&["export", universe, "--what", "panel", "--as", "csv"]).done().stdout;
            let rows = csv.lines().skip(1).map(|line| {
                let fields: Vec<&str> = line.split(',').collect();
                (fields[0], fields[3])
            });
            assert_eq!(by_session(rows), expected, "{universe}");
            let json = place.run(&["export", universe, "--what", "panel"]).done().json();
            let rows = json.as_array().expect("a list");
            let rows =
                rows.iter().map(|row| (row["session"].as_str().expect("a day"), row["symbol"].as_str().expect("one")));
            assert_eq!(by_session(rows), expected, "{universe}");
        }
        let second = next_session(FIRST).to_string();
        let narrow = ["export", "top_10", "--what", "panel", "--as", "csv", "--from", &second, "--to", &second];
        let narrow = place.run(&narrow).done().stdout;
        assert!(narrow.lines().skip(1).all(|line| line.starts_with(&second)), "{narrow}");
        assert_eq!(narrow.lines().count(), 11);
    }
}

#[test]
fn intervals_name_the_runs_and_the_reasons() {
    for place in Place::on_both_stores() {
        let runs = run_days(&place, &random_days(5, 3));
        let rows = place.run(&["export", "--what", "intervals"]).done().json();
        let rows = rows.as_array().expect("a list");
        assert!(rows.iter().any(|row| !row["closed_run"].is_null()), "somebody left");
        for row in rows {
            let run = |name: &str| row[name].as_str().map(str::to_owned);
            assert!(runs.contains(&run("opened_run").expect("a run")), "{row}");
            assert_eq!(row["valid_to"].is_null(), run("closed_run").is_none(), "{row}");
            assert_eq!(row["closed_reason"].is_null(), run("closed_run").is_none(), "{row}");
            assert!(row["opened_reason"].is_string(), "{row}");
        }
        let csv = place.run(&["export", "--what", "intervals", "--format", "csv"]).done().stdout;
        assert_eq!(csv.lines().count(), rows.len() + 1);
        place.run(&["export", "--what", "intervals", "--output", "i.parquet"]).done();
        // What was known before the second run: nobody had left, and nobody else come.
        let first = place.run(&["runs", "--format", "json"]).done().json();
        let known_at = first[2]["finished_at"].as_str().expect("an instant").to_owned();
        let known = place.run(&["export", "--what", "intervals", "--known-at", &known_at]).done().json();
        let known: Vec<&Value> = known.as_array().expect("a list").iter().collect();
        assert!(!known.is_empty() && known.iter().all(|row| row["opened_run"] == runs[0].as_str()), "{known:?}");
        assert!(known.iter().all(|row| row["valid_to"].is_null()));
    }
}

#[test]
fn qlib_reads_the_last_session_as_included() {
    for place in Place::on_both_stores() {
        run_days(&place, &random_days(3, 4));
        place.run(&["export", "--what", "intervals", "--as", "qlib", "--output", "instruments"]).done();
        let last = (1..4).fold(FIRST, |day, _| next_session(day));
        for universe in ["top_10", "mid_cap", "master_all_stocks"] {
            let text = std::fs::read_to_string(place.path(&format!("instruments/{universe}.txt"))).expect("a file");
            let mut members: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
            for line in text.lines() {
                let [symbol, start, end] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
                let (start, end) = (start.parse().expect("a day"), end.parse().expect("a day"));
                assert!(start <= end && end <= last, "{line}");
                for session in universe_core::sessions(start, end) {
                    let is_new = members.entry(session.to_string()).or_default().insert(symbol.to_owned());
                    assert!(is_new, "{symbol} twice on {session}");
                }
            }
            assert_eq!(members, shown(&place, universe, 4), "{universe}");
        }
        let names = std::fs::read_dir(place.path("instruments")).expect("a directory");
        assert!(
            names.flatten().all(|entry| entry.file_name().to_string_lossy().ends_with(".txt")),
            "nothing is left over"
        );
    }
}
