//! The published records of two indexes: what they say, alone and together.
//!
//! Reads `../shared/data/indexes`; where that is absent the tests say so and pass.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::PathBuf;

use jiff::civil::{Date, date};
use universe_core::Symbol;
use universe_core::constituents::{ChangeDates, ChangeLine, ConstituentRecord, IntervalLine, MemberList, agree};

fn text_of(file: &str) -> Option<String> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/indexes").join(file);
    let Ok(bytes) = std::fs::read(&path) else {
        eprintln!("skipped: ../shared/data/indexes/{file} is not there");
        return None;
    };
    if !file.ends_with(".gz") {
        return Some(String::from_utf8(bytes).expect("UTF-8"));
    }
    let mut text = String::new();
    flate2::read::GzDecoder::new(bytes.as_slice()).read_to_string(&mut text).expect("gzip");
    Some(text)
}

fn symbol(text: &str) -> Symbol {
    Symbol::parse(text.trim().trim_matches(['\'', '"'])).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn day(text: &str) -> Date {
    text.trim().parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn changes_of(text: &str) -> Vec<ChangeLine> {
    let lines = text.lines().zip(1..).skip(1).map(|(text, line)| {
        let cells: Vec<&str> = text.split(',').collect();
        ChangeLine { line, day: day(cells[0]), is_added: cells[1] == "add", symbol: Symbol::parse(cells[2]).ok() }
    });
    lines.collect()
}

/// The year and the members of the first of January in one of the yearly files.
fn baseline_of(text: &str) -> MemberList {
    let year = text.lines().find_map(|line| line.strip_prefix("year:")).expect("a year").trim();
    let members = text.lines().skip_while(|line| !line.starts_with("tickers_on_Jan_1")).skip(1);
    let members = members.map(str::trim).take_while(|line| line.starts_with("- ")).map(|line| symbol(&line[2..]));
    MemberList { day: day(&format!("{year}-01-01")), symbols: members.collect(), is_complete: true }
}

#[test]
fn every_yearly_baseline_of_the_nasdaq_100_follows_from_the_changes() {
    let Some(changes) = text_of("nasdaq100/events_2015_2021.csv") else { return };
    let baselines: Vec<MemberList> = (2015..=2021)
        .map(|year| text_of(&format!("nasdaq100/n100-ticker-changes-{year}.yaml")).expect("a file a year"))
        .map(|text| baseline_of(&text))
        .collect();
    let changes = changes_of(&changes);
    let (record, issues) =
        ConstituentRecord::from_changes("nasdaq100", Some(&baselines[0]), &changes, ChangeDates::Effective, None);
    assert_eq!(issues, [], "every change is one");
    for baseline in &baselines {
        let members: BTreeSet<Symbol> = record.members_on(baseline.day).into_iter().cloned().collect();
        assert_eq!(members, baseline.symbols, "as of {}", baseline.day);
    }
}

fn sp500() -> Option<(Vec<MemberList>, Vec<ChangeLine>, Vec<IntervalLine>)> {
    let lists = text_of("sp500/snapshots.jsonl.gz")?;
    let list = |line: &str| {
        let value: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let texts = value["symbols"].as_array().expect("symbols");
        // On some days a name stands in the place of a symbol.
        let symbols: BTreeSet<Symbol> =
            texts.iter().filter_map(|text| Symbol::parse(text.as_str().expect("text")).ok()).collect();
        let is_complete = symbols.len() == texts.len();
        MemberList { day: day(value["date"].as_str().expect("a date")), symbols, is_complete }
    };
    let lists = lists.lines().map(list).collect();
    let changes = changes_of(&text_of("sp500/events_observed.csv")?);
    let intervals = text_of("sp500/intervals_mit.csv")?;
    let interval = |(text, line): (&str, u64)| {
        let cells: Vec<&str> = text.split(',').collect();
        let until = (!cells[2].trim().is_empty()).then(|| day(cells[2]));
        IntervalLine { line, symbol: symbol(cells[0]), from: day(cells[1]), until }
    };
    let intervals = intervals.lines().zip(1..).skip(1).map(interval).collect();
    Some((lists, changes, intervals))
}

#[test]
fn three_records_of_the_sp_500_agree_or_say_where_they_do_not() {
    let Some((lists, changes, intervals)) = sp500() else { return };
    let last = lists.iter().map(|list| list.day).max();
    let (by_lists, list_issues) = ConstituentRecord::from_lists("lists", &lists);
    let (by_changes, change_issues) =
        ConstituentRecord::from_changes("changes", lists.first(), &changes, ChangeDates::Observed, last);
    let (by_intervals, interval_issues) = ConstituentRecord::from_intervals("intervals", &intervals, last);
    assert_eq!((list_issues.len(), interval_issues.len()), (2, 0), "two lists have a name for a symbol");
    assert!(change_issues.iter().any(|issue| issue.reason.contains("no change but of spelling")), "{change_issues:?}");
    // No invented change: on the day of every list, the record has the list, and nothing changes on other days.
    let days: BTreeSet<Date> = lists.iter().map(|list| list.day).collect();
    for list in lists.iter().filter(|list| !list.symbols.is_empty() && list.is_complete) {
        let same_day = lists.iter().rfind(|other| other.day == list.day).expect("itself");
        let members: BTreeSet<Symbol> = by_lists.members_on(list.day).into_iter().cloned().collect();
        assert_eq!(members, same_day.symbols, "as of {}", list.day);
    }
    for change in by_lists.changes().iter().chain(&by_changes.changes()) {
        let after = change.at.not_before.expect("a window");
        assert!(after <= change.at.by && days.contains(&change.at.by), "{change:?}");
    }
    let sources = [by_lists, by_changes, by_intervals];
    let agreed = agree(&sources, 2);
    // Nor do they invent a change together: one of them has each, in a window that holds the day.
    let known: BTreeSet<(Symbol, bool, Date)> = sources
        .iter()
        .flat_map(|source| &source.intervals)
        .flat_map(|i| {
            let until = i.until.map(|until| (i.symbol.clone(), false, until.by));
            std::iter::once((i.symbol.clone(), true, i.from.by)).chain(until)
        })
        .collect();
    let changes = agreed.record.changes();
    for change in &changes {
        let window = change.at.not_before.expect("a window")..=change.at.by;
        let is_known = |day: Date| known.contains(&(change.symbol.clone(), change.is_added, day));
        assert!(is_known(*window.end()), "nobody has {change:?}");
        assert!(window.start() <= window.end(), "{change:?}");
    }
    assert!(changes.len() > 900, "only {} changes in thirty years", changes.len());
    // The lists and the changes are of one origin, but the changes skip a list, and leave it to the other two.
    for list in lists.iter().filter(|list| list.is_complete) {
        let members: BTreeSet<Symbol> = agreed.record.members_on(list.day).into_iter().cloned().collect();
        let (more, less) = (members.difference(&list.symbols).count(), list.symbols.difference(&members).count());
        assert!(more + less <= 40, "{more} more and {less} less than the list of {}", list.day);
    }
    let stopped: Vec<&str> = agreed.stopped.iter().map(|stopped| stopped.source.as_str()).collect();
    assert_eq!(stopped, ["intervals"], "it ends a year before the others");
    let named = |text: &str| agreed.disagreements.iter().any(|d| d.symbol.as_str() == text);
    assert!(named("BKNG") && named("AABA"), "the intervals carry later symbols back in time");
    for day in [date(2013, 6, 3), date(2016, 6, 1), date(2019, 6, 3), date(2022, 6, 1), date(2025, 6, 2)] {
        let count = agreed.record.members_on(day).len();
        assert!((495..=510).contains(&count), "{count} constituents on {day}");
    }
}
