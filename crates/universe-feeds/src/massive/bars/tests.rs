use jiff::civil::date;

use super::*;
use crate::massive::{ApiKey, Settings};

fn pages(timeframe: Timeframe, from: Date, to: Date) -> BarPages {
    let transport = Transport::new(Settings::new("http://127.0.0.1:9", ApiKey::new("k"))).expect("usable settings");
    let symbol = Symbol::parse("AAPL").expect("a symbol");
    BarPages::new(Arc::new(transport), BarRequest { symbol, timeframe, from, to })
}

/// Reads one page of bars, given as `instant open high low close volume`.
fn read(pages: &mut BarPages, rows: &[&str]) -> (Vec<String>, Vec<String>) {
    let raw: Vec<RawBar> = rows.iter().map(|row| raw_bar(row)).collect();
    let url = pages.transport.url(&["x"], &[("limit", "1")]);
    let read = pages.checked(&url, &raw);
    assert_eq!(read.rows, rows.len() as u64);
    let shown = |bar: &TimedBar| {
        let TimedBar { start, date, open, high, low, close, volume, .. } = bar;
        format!("{start} {date} {open} {high} {low} {close} {volume}")
    };
    (read.value.iter().map(shown).collect(), read.issues.iter().map(|issue| issue.reason.clone()).collect())
}

fn raw_bar(row: &str) -> RawBar {
    let words: Vec<&str> = row.split_whitespace().collect();
    let number = |at: usize| Number(words[at].parse().ok());
    let start: Option<Timestamp> = words[0].parse().ok();
    RawBar {
        t: Number(start.map(|start| start.as_millisecond() as f64)),
        o: number(1),
        h: number(2),
        l: number(3),
        c: number(4),
        v: number(5),
    }
}

#[test]
fn asks_as_the_api_documents_it() {
    let url = |timeframe, from: Date, to: Date| {
        pages(timeframe, from, to).next.map(|url| url.to_string().replace("http://127.0.0.1:9", ""))
    };
    assert_eq!(
        url(Timeframe::Day, date(2023, 1, 11), date(2023, 2, 10)).as_deref(),
        Some("/v2/aggs/ticker/AAPL/range/1/day/2023-01-11/2023-02-10?adjusted=true&sort=asc&limit=50000")
    );
    // Windows are asked for whole, or their first bar would be a part that replaces the whole.
    assert_eq!(
        url(Timeframe::Week, date(2023, 1, 11), date(2023, 2, 10)).as_deref(),
        Some("/v2/aggs/ticker/AAPL/range/1/week/2023-01-08/2023-02-10?adjusted=true&sort=asc&limit=50000")
    );
    assert_eq!(url(Timeframe::Minute, date(2023, 1, 11), date(2023, 1, 10)), None);
}

#[test]
fn days_are_dated_by_new_york_across_the_change_of_clocks() {
    let mut pages = pages(Timeframe::Day, date(2023, 3, 10), date(2023, 3, 13));
    let (bars, issues) =
        read(&mut pages, &["2023-03-10T05:00:00Z 1 2 1 2 70642000.0", "2023-03-13T04:00:00Z 2 2.5 1.5 2.25 3.6"]);
    assert_eq!(
        bars,
        [
            "2023-03-10T05:00:00Z 2023-03-10 1.00 2.00 1.00 2.00 70642000",
            "2023-03-13T04:00:00Z 2023-03-13 2.00 2.50 1.50 2.25 4"
        ]
    );
    assert!(issues.is_empty(), "{issues:?}");
}

#[test]
fn bars_that_cannot_be_are_issues_and_the_rest_is_taken() {
    let mut pages = pages(Timeframe::Day, date(2023, 1, 3), date(2023, 1, 17));
    let (bars, issues) = read(
        &mut pages,
        &[
            "x 1 1 1 1 1",
            "2017-02-03T05:00:00Z 1 1 1 1 1",
            "2023-01-18T05:00:00Z 1 1 1 1 1",
            "2023-01-07T05:00:00Z 1 1 1 1 1",
            "2023-01-16T05:00:00Z 1 1 1 1 1",
            "2023-01-04T05:00:00Z 0 1 1 1 1",
            "2023-01-05T05:00:00Z 1 1 1 -1 1",
            "2023-01-06T05:00:00Z 1 x 1 1 1",
            "2023-01-09T05:00:00Z 1 2 3 2 1",
            "2023-01-10T05:00:00Z 1 2 1 2.01 1",
            "2023-01-11T05:00:00Z 1 1 1 1 -1",
            "2023-01-12T05:00:00Z 1 1 1 1 x",
            "2023-01-13T05:00:00Z 1 inf 1 1 1",
            "2023-01-17T05:00:00Z 1 1 1 1 0",
        ],
    );
    assert_eq!(bars, ["2023-01-17T05:00:00Z 2023-01-17 1.00 1.00 1.00 1.00 0"]);
    assert_eq!(issues.len(), 13);
    for (issue, word) in issues.iter().zip([
        "no instant",
        "outside",
        "outside",
        "Saturday",
        "Martin Luther King",
        "open is no price",
        "close is no price",
        "high is no price",
        "enclose",
        "enclose",
        "volume",
        "volume",
        "high is no price",
    ]) {
        assert!(issue.contains(word), "{issue} lacks {word}");
    }
}

#[test]
fn bars_out_of_order_are_sorted_and_bars_that_come_again_are_skipped() {
    let mut pages = pages(Timeframe::Day, date(2023, 1, 3), date(2023, 1, 13));
    let (bars, issues) = read(
        &mut pages,
        &["2023-01-05T05:00:00Z 3 3 3 3 1", "2023-01-03T05:00:00Z 1 1 1 1 1", "2023-01-03T05:00:00Z 2 2 2 2 1"],
    );
    assert_eq!(bars.len(), 2);
    assert!(bars[0].starts_with("2023-01-03T05:00:00Z 2023-01-03 1.00"), "{bars:?}");
    assert_eq!(issues.len(), 2, "{issues:?}");
    // The next page begins behind the last one, and the same day under another hour is the same day.
    let (bars, issues) = read(
        &mut pages,
        &["2023-01-05T05:00:00Z 3 3 3 3 1", "2023-01-05T06:00:00Z 3 3 3 3 1", "2023-01-06T05:00:00Z 4 4 4 4 1"],
    );
    assert_eq!(bars.len(), 1);
    assert_eq!(issues.len(), 2, "{issues:?}");
}

#[test]
fn minutes_keep_their_instant_and_end_with_the_last_day() {
    let mut pages = pages(Timeframe::Minute, date(2023, 11, 3), date(2023, 11, 3));
    let (bars, issues) = read(
        &mut pages,
        &[
            "2023-11-03T03:59:00Z 1 1 1 1 1",
            "2023-11-03T08:00:00Z 1 1 1 1 1",
            "2023-11-03T23:59:00Z 1 1 1 1 1",
            "2023-11-04T04:00:00Z 1 1 1 1 1",
        ],
    );
    assert_eq!(bars.len(), 2);
    assert!(bars[1].starts_with("2023-11-03T23:59:00Z 2023-11-03"), "{bars:?}");
    assert_eq!(issues.len(), 2);
}

#[test]
fn instants_and_volumes_have_limits() {
    assert_eq!(instant(f64::NAN), None);
    assert_eq!(instant(1.5), None);
    assert_eq!(instant(-1e300), None);
    assert_eq!(shares(f64::NAN), None);
    assert_eq!(shares(1e19), None);
    assert_eq!(shares(0.4), Some(0));
}
