use jiff::civil::date;
use proptest::prelude::*;

use super::*;

fn symbol(text: &str) -> Symbol {
    Symbol::from_stored(text)
}

fn change(line: u64, day: Date, is_added: bool, text: &str) -> ChangeLine {
    ChangeLine { line, symbol: Some(symbol(text)), day, is_added }
}

fn list(day: Date, texts: &[&str]) -> MemberList {
    MemberList { day, symbols: texts.iter().map(|text| symbol(text)).collect(), is_complete: true }
}

fn interval(line: u64, text: &str, from: Date, until: Option<Date>) -> IntervalLine {
    IntervalLine { line, symbol: symbol(text), from, until }
}

fn on(record: &ConstituentRecord, day: Date) -> Vec<&str> {
    record.members_on(day).into_iter().map(Symbol::as_str).collect()
}

const JAN: Date = date(2024, 1, 2);
const FEB: Date = date(2024, 2, 1);
const MAR: Date = date(2024, 3, 1);
const APR: Date = date(2024, 4, 1);

#[test]
fn intervals_that_overlap_are_reported_and_left_out() {
    let lines = [
        interval(2, "A", JAN, Some(FEB)),
        interval(3, "A", MAR, None),
        interval(4, "B", JAN, None),
        interval(5, "B", FEB, None),
        interval(6, "C", MAR, Some(FEB)),
    ];
    let (record, issues) = ConstituentRecord::from_intervals("mit", &lines, None);
    assert_eq!(on(&record, JAN), ["A", "B"]);
    assert_eq!(on(&record, FEB), ["B"], "half-open");
    assert_eq!(on(&record, MAR), ["A", "B"], "it came back");
    let told: Vec<String> = issues.iter().map(|issue| format!("{:?} {}", issue.line, issue.reason)).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(
        told.iter().any(|issue| issue.starts_with("Some(5) begins on 2024-02-01, within the interval")),
        "{told:?}"
    );
    assert!(told.iter().any(|issue| issue.starts_with("Some(6) ends on 2024-02-01, not after")), "{told:?}");
}

#[test]
fn changes_follow_from_the_day_they_begin_with() {
    let lines = [
        change(2, FEB, false, "A"),
        change(3, FEB, true, "C"),
        change(4, MAR, false, "X"),
        change(5, MAR, true, "B"),
        change(6, APR, true, "A"),
    ];
    let baseline = list(JAN, &["A", "B"]);
    let (record, issues) =
        ConstituentRecord::from_changes("changes", Some(&baseline), &lines, ChangeDates::Effective, None);
    assert_eq!(on(&record, JAN), ["A", "B"]);
    assert_eq!(on(&record, FEB), ["B", "C"]);
    assert_eq!(on(&record, APR), ["A", "B", "C"]);
    let lines: Vec<Option<u64>> = issues.iter().map(|issue| issue.line).collect();
    assert_eq!(lines, [Some(4), Some(5)], "the removal of a stranger, and a member added again");
}

#[test]
fn observed_changes_are_dated_with_a_window() {
    let lines = [change(2, FEB, true, "C"), change(3, MAR, false, "A")];
    let baseline = list(JAN, &["A"]);
    let (record, _) = ConstituentRecord::from_changes("seen", Some(&baseline), &lines, ChangeDates::Observed, None);
    let changes = record.changes();
    assert_eq!(changes[0].at, Dating { not_before: Some(date(2024, 1, 3)), by: FEB });
    assert_eq!(changes[1].at, Dating { not_before: Some(date(2024, 2, 2)), by: MAR });
    assert_eq!(changes.len(), 2, "whoever was in from the beginning has not come");
}

#[test]
fn without_a_beginning_the_first_removal_tells_of_a_member() {
    let lines = [change(2, FEB, true, "C"), change(3, MAR, false, "A")];
    let (record, issues) = ConstituentRecord::from_changes("seen", None, &lines, ChangeDates::Effective, None);
    assert_eq!(issues, []);
    assert_eq!(on(&record, FEB), ["A", "C"]);
    assert_eq!(record.intervals[0].from, Dating::by(FEB));
}

#[test]
fn an_empty_list_is_a_fault_and_no_exodus() {
    let lists = [list(JAN, &["A", "B"]), list(FEB, &[]), list(MAR, &["B", "C"])];
    let (record, issues) = ConstituentRecord::from_lists("wiki", &lists);
    assert_eq!(issues.len(), 1);
    assert_eq!(record.changes().len(), 2);
    assert_eq!(record.changes()[0].at, Dating::between(JAN, MAR));
    assert_eq!(on(&record, FEB), ["A", "B"], "until the next list that says otherwise");
}

#[test]
fn nobody_leaves_by_an_incomplete_list_or_another_spelling() {
    let incomplete = MemberList { is_complete: false, ..list(FEB, &["B"]) };
    let (record, issues) =
        ConstituentRecord::from_lists("wiki", &[list(JAN, &["A", "B"]), incomplete.clone(), list(MAR, &["A", "B"])]);
    assert_eq!((record.changes(), issues.len()), (Vec::new(), 1));
    let (record, _) = ConstituentRecord::from_lists("wiki", &[list(JAN, &["A", "B"]), incomplete, list(MAR, &["B"])]);
    assert_eq!(record.changes()[0].at, Dating::between(JAN, MAR), "since the last list that had it");

    let lines = [change(2, FEB, false, "A"), change(3, FEB, true, "A")];
    let baseline = list(JAN, &["A"]);
    let (record, issues) =
        ConstituentRecord::from_changes("seen", Some(&baseline), &lines, ChangeDates::Effective, None);
    assert_eq!((record.changes(), issues.len()), (Vec::new(), 2));

    // A name in the place of a symbol: whoever it stands for is removed on that day, and added again later.
    let name = ChangeLine { symbol: None, ..change(2, FEB, true, "") };
    let lines = [name, change(3, FEB, false, "A"), change(4, MAR, true, "A")];
    let (record, issues) =
        ConstituentRecord::from_changes("seen", Some(&baseline), &lines, ChangeDates::Effective, None);
    assert_eq!((record.changes(), issues.len()), (Vec::new(), 3));
}

#[test]
fn two_of_three_decide_and_the_third_is_named() {
    let of = |source: &str, lines: &[IntervalLine]| ConstituentRecord::from_intervals(source, lines, Some(APR)).0;
    let one = of("one", &[interval(2, "A", JAN, Some(MAR)), interval(3, "B", JAN, None)]);
    let two = of("two", &[interval(2, "A", JAN, Some(MAR)), interval(3, "B", JAN, None)]);
    let three = of("three", &[interval(2, "A", JAN, None), interval(3, "B", JAN, Some(date(2024, 1, 5)))]);
    let agreed = agree(&[one, two, three], 2);
    assert_eq!(on(&agreed.record, FEB), ["A", "B"]);
    assert_eq!(on(&agreed.record, MAR), ["B"]);
    let told: Vec<String> = agreed
        .disagreements
        .iter()
        .map(|d| format!("{} {} in {:?} out {:?}: {}", d.symbol, d.from, d.says_in, d.says_out, d.is_member))
        .collect();
    assert_eq!(
        told,
        [
            "A 2024-03-01 in [\"three\"] out [\"one\", \"two\"]: false",
            "B 2024-01-05 in [\"one\", \"two\"] out [\"three\"]: true",
        ]
    );
}

#[test]
fn changes_without_a_beginning_have_no_say_about_those_they_never_name() {
    let intervals = [interval(2, "A", JAN, None), interval(3, "B", JAN, Some(MAR))];
    let (all, _) = ConstituentRecord::from_intervals("all", &intervals, Some(APR));
    let lines = [change(2, MAR, false, "B")];
    let (some, _) = ConstituentRecord::from_changes("some", None, &lines, ChangeDates::Effective, Some(APR));
    let agreed = agree(&[all, some], 2);
    assert_eq!(agreed.disagreements, []);
    assert_eq!((on(&agreed.record, FEB), on(&agreed.record, APR)), (vec!["A", "B"], vec!["A"]));
}

#[test]
fn an_exact_date_narrows_a_window() {
    let lists = [list(JAN, &["A"]), list(MAR, &["A", "B"])];
    let (windowed, _) = ConstituentRecord::from_lists("lists", &lists);
    let (exact, _) = ConstituentRecord::from_intervals(
        "exact",
        &[interval(2, "A", JAN, None), interval(3, "B", FEB, None)],
        Some(MAR),
    );
    let agreed = agree(&[windowed, exact], 2);
    let changes = agreed.record.changes();
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].at, Dating::on(FEB));
    assert_eq!(agreed.disagreements, [], "within its window a source has no say");
}

#[test]
fn a_source_that_stops_changing_is_named() {
    let changes = |count: u32| -> Vec<ChangeLine> {
        (1..=count)
            .map(|month| {
                change(
                    u64::from(month),
                    date(2024, month as i8, 3),
                    true,
                    ["A", "B", "C", "D", "E", "F", "G", "H"][month as usize - 1],
                )
            })
            .collect()
    };
    let of = |source: &str, count| {
        let baseline = list(JAN, &["Z"]);
        let last = Some(date(2024, 12, 31));
        ConstituentRecord::from_changes(source, Some(&baseline), &changes(count), ChangeDates::Effective, last).0
    };
    let agreed = agree(&[of("one", 8), of("two", 8), of("silent", 2)], 2);
    assert_eq!(
        agreed.stopped,
        [StoppedSource { source: "silent".to_owned(), last_change: date(2024, 2, 3), missed: 6 }]
    );
}

proptest! {
    /// Whatever lists a source publishes: on the day of each list the record has exactly its members.
    #[test]
    fn lists_are_reproduced_on_their_days(days in prop::collection::vec(prop::collection::btree_set("[A-E]", 1..5), 1..12)) {
        let lists: Vec<MemberList> = days
            .iter()
            .zip(1..)
            .map(|(texts, day)| MemberList {
                day: date(2024, 1, day),
                symbols: texts.iter().map(|text| symbol(text)).collect(),
                is_complete: true,
            })
            .collect();
        let (record, issues) = ConstituentRecord::from_lists("lists", &lists);
        prop_assert_eq!(issues, []);
        for list in &lists {
            let members: BTreeSet<Symbol> = record.members_on(list.day).into_iter().cloned().collect();
            prop_assert_eq!(&members, &list.symbols);
        }
        // One source alone is its own quorum, and three times the same source are no disagreement.
        prop_assert_eq!(&agree(std::slice::from_ref(&record), 2).record.intervals, &record.intervals);
        let three = agree(&[record.clone(), record.clone(), record.clone()], 2);
        prop_assert_eq!(three.disagreements, []);
        prop_assert_eq!(three.record.intervals, record.intervals);
    }
}

#[test]
fn records_stored_with_the_former_name_of_their_intervals_are_read() {
    let (record, _) = ConstituentRecord::from_intervals("mit", &[interval(2, "A", JAN, Some(FEB))], None);
    let stored = serde_json::to_string(&record).expect("JSON");
    let former = stored.replace("\"intervals\"", "\"tenures\"");
    assert_ne!(former, stored);
    assert_eq!(serde_json::from_str::<ConstituentRecord>(&former).expect("read"), record);
}
