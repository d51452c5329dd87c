use jiff::civil::date;
use universe_core::UniverseType;

use super::*;

fn day(day: i8) -> Date {
    date(2024, 3, day)
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("an instant")
}

/// A run whose number is the second at which it ended.
fn run(number: i64) -> TimelineRun {
    TimelineRun {
        run_number: number,
        session: Some(day(i8::try_from(number / 100).expect("a day"))),
        is_version: true,
        recorded_at: at(number),
        held: Vec::new(),
        has_figures: true,
    }
}

fn span(symbol: &str, from: i8, opened: i64, closed: Option<(i8, i64)>) -> Span {
    Span {
        symbol: Symbol::from_stored(symbol),
        valid_from: day(from),
        valid_to: closed.map(|(to, _)| day(to)),
        opened_run: opened,
        closed_run: closed.map(|(_, run)| run),
        superseded_run: None,
    }
}

fn timeline(spans: &[Span]) -> Timeline {
    let record = UniverseRecord {
        id: UniverseId::from_stored(UniverseType::StockUniverse, "top_2"),
        name: "Top 2".to_owned(),
        category: None,
        count: 0,
        last_updated: None,
        rule: None,
        is_ranked: true,
    };
    let mut spans = spans.to_vec();
    spans.sort_by(|a, b| (&a.symbol, a.opened_run).cmp(&(&b.symbol, b.opened_run)));
    Timeline {
        universes: vec![UniverseTimeline { record, spans }],
        runs: [100, 200, 300, 400, 500, 600].map(run).into(),
    }
}

#[track_caller]
fn check_renamed(
    spans: &[Span],
    changes: &[SymbolChange],
    as_of: Option<i8>,
    known_at: Option<i64>,
    expected: &[(&str, i8)],
) {
    let timeline = timeline(spans);
    let when = When { as_of: as_of.map(day), known_at: known_at.map(at) };
    let members = timeline.members(&timeline.universes[0], when, changes);
    let members: Vec<(&str, Date)> =
        members.iter().map(|m| (m.symbol.as_str(), m.since.expect("always known"))).collect();
    let expected: Vec<(&str, Date)> = expected.iter().map(|(symbol, since)| (*symbol, day(*since))).collect();
    assert_eq!(members, expected);
}

#[track_caller]
fn check(spans: &[Span], as_of: Option<i8>, known_at: Option<i64>, expected: &[(&str, i8)]) {
    check_renamed(spans, &[], as_of, known_at, expected);
}

#[test]
fn intervals_are_half_open() {
    let spans = [span("NVDA", 4, 100, Some((6, 200)))];
    check(&spans, Some(3), None, &[]);
    check(&spans, Some(4), None, &[("NVDA", 4)]);
    check(&spans, Some(5), None, &[("NVDA", 4)]);
    check(&spans, Some(6), None, &[]);
    check(&spans, None, None, &[]);
}

#[test]
fn what_was_recorded_later_has_not_happened() {
    let spans = [span("NVDA", 4, 100, Some((6, 200)))];
    check(&spans, Some(7), Some(99), &[]);
    check(&spans, Some(7), Some(150), &[("NVDA", 4)]);
    check(&spans, Some(7), Some(200), &[]);
    check(&spans, None, Some(150), &[("NVDA", 4)]);
}

#[test]
fn a_run_nobody_knows_recorded_nothing_that_was_known() {
    let spans = [span("NVDA", 4, 150, None)];
    check(&spans, Some(4), Some(900), &[]);
    check(&spans, Some(4), None, &[("NVDA", 4)]);
}

#[test]
fn a_correction_within_the_session_supersedes() {
    let spans = [span("NVDA", 4, 100, Some((4, 200)))];
    check(&spans, Some(4), None, &[]);
    check(&spans, Some(4), Some(150), &[("NVDA", 4)]);
}

#[test]
fn a_correction_of_the_past_is_found_by_what_was_known() {
    let wrong = Span { superseded_run: Some(300), ..span("NVDA", 4, 100, Some((8, 200))) };
    let spans = [wrong, span("NVDA", 5, 300, Some((8, 300)))];
    check(&spans, Some(4), None, &[]);
    check(&spans, Some(4), Some(250), &[("NVDA", 4)]);
    check(&spans, Some(6), None, &[("NVDA", 5)]);
}

#[test]
fn membership_goes_on_where_intervals_meet() {
    let spans =
        [span("NVDA", 4, 100, Some((6, 200))), span("NVDA", 6, 200, Some((6, 300))), span("NVDA", 6, 400, None)];
    check(&spans, None, None, &[("NVDA", 4)]);
    check(&[span("NVDA", 4, 100, Some((5, 200))), span("NVDA", 6, 300, None)], None, None, &[("NVDA", 6)]);
}

#[test]
fn membership_goes_on_under_another_symbol() {
    let change = |from: &str, to: &str, on| SymbolChange {
        date: day(on),
        from: Symbol::from_stored(from),
        to: Some(Symbol::from_stored(to)),
    };
    let spans = [
        span("AA", 2, 100, Some((3, 200))),
        span("BB", 3, 200, Some((5, 300))),
        span("CC", 5, 300, None),
        span("DD", 5, 300, None),
    ];
    // The sources followed the second change one session after its date.
    let changes = [change("AA", "BB", 3), change("BB", "CC", 4)];
    check_renamed(&spans, &changes, None, None, &[("CC", 2), ("DD", 5)]);
    check_renamed(&spans, &changes, Some(4), None, &[("BB", 2)]);
    check_renamed(&spans, &changes, Some(2), None, &[("AA", 2)]);
    check_renamed(&spans, &changes[..1], None, None, &[("CC", 5), ("DD", 5)]);
    // Who left before the symbol changed has not been a member all along.
    let broken = [span("AA", 2, 100, Some((3, 200))), span("BB", 4, 300, None)];
    check_renamed(&broken, &changes, None, None, &[("BB", 4)]);
    // Two that exchange their symbols do not go round for ever.
    let exchanged = [change("AA", "BB", 3), change("BB", "AA", 3)];
    let spans = [
        span("AA", 2, 100, Some((3, 200))),
        span("BB", 2, 100, Some((3, 200))),
        span("AA", 3, 200, None),
        span("BB", 3, 200, None),
    ];
    check_renamed(&spans, &exchanged, None, None, &[("AA", 2), ("BB", 2)]);
}

#[test]
fn answers_stand_on_the_newest_run_that_was_known() {
    let mut timeline = timeline(&[]);
    timeline.runs[3].is_version = false;
    timeline.runs[4].has_figures = false;
    let footing = |as_of: Option<i8>, known_at: Option<i64>| {
        timeline.footing(When { as_of: as_of.map(day), known_at: known_at.map(at) }).map(|run| run.run_number)
    };
    assert_eq!(footing(None, None), Some(600));
    assert_eq!(footing(Some(4), None), Some(300), "a run that failed changed nothing");
    assert_eq!(footing(None, Some(250)), Some(200));
    assert_eq!(footing(Some(1), Some(99)), None);
    assert_eq!(timeline.figures(day(3), None), Some(300));
    assert_eq!(timeline.figures(day(3), Some(at(299))), None);
    assert_eq!(timeline.figures(day(5), None), None);
}
