//! Answers without faults: every timeframe, pages, spellings, what there is nothing of.

use universe_core::sessions;

use super::*;

#[tokio::test]
async fn reads_every_timeframe_as_the_market_has_it() {
    let server = stand_in();
    let client = client(&server);
    // Over the change of clocks on 2023-03-12, and over an early close.
    for (from, to) in [(date(2023, 3, 6), date(2023, 3, 17)), (date(2023, 11, 20), date(2023, 11, 24))] {
        for timeframe in Timeframe::ALL {
            let read = read(&client, request("AAPL", timeframe, from, to)).await.expect("bars");
            let whole = if timeframe == Timeframe::Month { from.first_of_month() } else { from };
            let expected = match timeframe {
                Timeframe::Week => server.bars(
                    "AAPL",
                    timeframe,
                    date(2023, 3, 5).max(from.saturating_sub(jiff::Span::new().days(1))),
                    to,
                ),
                _ => server.bars("AAPL", timeframe, whole, to),
            };
            assert!(!expected.is_empty());
            assert_eq!(read.bars, expected, "{timeframe} from {from}");
            assert!(read.issues.is_empty(), "{:?}", read.issues);
        }
    }
}

#[tokio::test]
async fn daily_bars_are_dated_by_the_session() {
    let server = stand_in();
    let read = read_days(&client(&server), "MSFT").await.expect("bars");
    let dates: Vec<Date> = read.bars.iter().map(|bar| bar.date).collect();
    assert_eq!(dates, sessions(FROM, TO).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_range_of_many_pages_is_read_a_page_at_a_time_without_gap_or_overlap() {
    for next_pages_at in [None, Some("https://api.massive.com"), Some("https://api.polygon.io")] {
        let mut market = market();
        market.page_rows_max = 7;
        market.next_pages_at = next_pages_at.map(str::to_owned);
        let server = MassiveStandIn::start(market);
        let read = read_days(&client(&server), "AAPL").await.expect("bars");
        assert_eq!(read.bars, server.bars("AAPL", Timeframe::Day, FROM, TO));
        assert_eq!(read.sizes.len(), 62_usize.div_ceil(7));
        assert!(server.answered().values().all(|times| *times == 1), "no page is asked for twice");
    }
}

#[tokio::test]
async fn minutes_come_in_pages_of_the_size_that_was_asked_for() {
    let server = stand_in();
    let client = Client::new(Settings { page_rows: 500, ..settings(&server) }).expect("usable settings");
    let (from, to) = (date(2023, 3, 9), date(2023, 3, 14));
    let read = read(&client, request("AAPL", Timeframe::Minute, from, to)).await.expect("bars");
    assert_eq!(read.sizes, [500, 500, 500, 60]);
    assert_eq!(read.bars, server.bars("AAPL", Timeframe::Minute, from, to));
}

#[tokio::test]
async fn classes_and_preferred_shares_are_asked_for_in_the_spelling_of_the_api() {
    let server = stand_in();
    for text in ["BRK.B", "BRK/B", "BAC^K"] {
        let read = read_days(&client(&server), text).await.expect("bars");
        assert_eq!(read.bars, server.bars(text, Timeframe::Day, FROM, TO), "{text}");
        assert!(!read.bars.is_empty(), "{text}");
    }
    let asked: Vec<String> = server.answered().into_keys().map(|asked| asked.symbol).collect();
    assert_eq!(asked, ["BACpK", "BRK.B"]);
}

#[tokio::test]
async fn a_symbol_that_nobody_knows_has_no_bars() {
    let server = stand_in();
    let read = read_days(&client(&server), "NOSUCH").await.expect("an empty answer");
    assert!(read.bars.is_empty() && read.issues.is_empty());
}

#[tokio::test]
async fn a_range_without_a_session_and_one_that_ends_before_it_begins_have_no_bars() {
    let server = stand_in();
    let client = client(&server);
    let weekend = request("AAPL", Timeframe::Day, date(2023, 1, 7), date(2023, 1, 8));
    assert!(read(&client, weekend).await.expect("an empty answer").bars.is_empty());
    let asked = server.requests();
    let backward = request("AAPL", Timeframe::Day, date(2023, 1, 7), date(2023, 1, 6));
    assert!(read(&client, backward).await.expect("an empty answer").bars.is_empty());
    assert_eq!(server.requests(), asked, "nothing is asked that cannot be answered");
}

#[tokio::test]
async fn a_check_tells_whether_the_key_is_let_in() {
    let server = stand_in();
    client(&server).check().await.expect("it is let in");
    let wrong =
        Client::new(Settings { api_key: ApiKey::new("wrong-key"), ..settings(&server) }).expect("usable settings");
    assert!(wrong.check().await.expect_err("the key is refused").ends_job());
}

#[tokio::test]
async fn the_key_is_in_the_header_and_nowhere_else() {
    let server = stand_in();
    let client = client(&server);
    assert!(
        !format!("{client:?} {:?}", client.bars(request("AAPL", Timeframe::Day, FROM, TO))).contains("stand-in-key")
    );
    let wrong =
        Client::new(Settings { api_key: ApiKey::new("wrong-key"), ..settings(&server) }).expect("usable settings");
    let error = read_days(&wrong, "AAPL").await.expect_err("the key is refused");
    assert!(error.ends_job() && !error.is_transient());
    let words = format!("{error} {error:?}");
    assert!(words.contains("Unknown API Key") && words.contains("massive.api_key"), "{words}");
    assert!(!words.contains("wrong-key"), "{words}");
    assert_eq!(server.requests(), 1, "a refused key is not tried again");
}
