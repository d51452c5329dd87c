//! Everything that can go wrong with an answer: what is tried again, what fails one symbol, what ends a job.

use universe_testkit::{Fault, RetryAfter};

use super::*;

/// Faults that are over after a while.
fn passing() -> Vec<Fault> {
    vec![
        Fault::CutOff,
        Fault::Malformed,
        Fault::WrongShape,
        Fault::Empty,
        Fault::Status(500),
        Fault::Status(502),
        Fault::Status(503),
        Fault::Status(504),
        Fault::TooMany(RetryAfter::Untold),
        Fault::TooMany(RetryAfter::Seconds(0)),
        Fault::TooMany(RetryAfter::DateIn(0)),
    ]
}

#[tokio::test]
async fn a_fault_that_passes_costs_another_try_and_no_bar() {
    for fault in passing() {
        let server = stand_in();
        server.fail("AAPL", fault.clone(), Some(2));
        let read = read_days(&client(&server), "AAPL").await.unwrap_or_else(|error| panic!("{fault:?}: {error}"));
        assert_eq!(read.bars, server.bars("AAPL", Timeframe::Day, FROM, TO), "{fault:?}");
        assert_eq!(server.requests(), 3, "{fault:?}");
    }
}

#[tokio::test]
async fn a_fault_that_stays_fails_the_symbol_after_a_few_tries_and_no_other() {
    for fault in passing() {
        let server = stand_in();
        server.fail("AAPL", fault.clone(), None);
        let client = Client::new(Settings { retries: 3, ..settings(&server) }).expect("usable settings");
        let error = read_days(&client, "AAPL").await.expect_err("it never works");
        assert!(!error.ends_job(), "{fault:?}: {error}");
        assert!(error.to_string().contains("AAPL"), "{error}");
        assert!(server.requests() <= 4, "{fault:?}");
        assert!(!read_days(&client, "MSFT").await.expect("the others go on").bars.is_empty(), "{fault:?}");
    }
}

#[tokio::test]
async fn an_answer_that_stops_in_the_middle_is_given_up_and_asked_for_again() {
    let server = stand_in();
    server.fail("AAPL", Fault::Slow, Some(1));
    let client = Client::new(Settings { answer_timeout: Duration::from_millis(300), ..settings(&server) });
    let read = read_days(&client.expect("usable settings"), "AAPL").await.expect("the second try works");
    assert_eq!(read.bars, server.bars("AAPL", Timeframe::Day, FROM, TO));
}

#[tokio::test]
async fn nobody_listening_is_said_so() {
    let server = stand_in();
    let settings = Settings { retries: 1, ..settings(&server) };
    drop(server);
    let client = Client::new(settings).expect("usable settings");
    let error = read_days(&client, "AAPL").await.expect_err("nobody answers");
    assert!(error.is_transient() && !error.ends_job());
    assert!(error.to_string().contains("2 tries") && error.to_string().contains("no connection"), "{error}");
}

#[tokio::test]
async fn refusals_are_not_tried_again() {
    for (status, ends_job) in [(400, false), (401, true), (403, true), (404, false)] {
        let server = stand_in();
        server.fail("AAPL", Fault::Status(status), None);
        let error = read_days(&client(&server), "AAPL").await.expect_err("it is refused");
        assert_eq!(error.ends_job(), ends_job, "{error}");
        assert!(!error.is_transient(), "{error}");
        assert_eq!(server.requests(), 1, "{status}");
    }
}

#[tokio::test]
async fn what_the_api_says_about_a_refusal_is_repeated() {
    let server = stand_in();
    server.fail("AAPL", Fault::Status(403), None);
    let error = read_days(&client(&server), "AAPL").await.expect_err("it is refused").to_string();
    assert!(error.contains("today's data before end of day") && error.contains("plan"), "{error}");
}

#[tokio::test]
async fn a_whole_answer_with_nothing_is_no_fault() {
    let server = stand_in();
    server.fail("AAPL", Fault::NoResults, Some(1));
    let read = read_days(&client(&server), "AAPL").await.expect("an empty answer");
    assert!(read.bars.is_empty() && read.issues.is_empty());
}

#[tokio::test]
async fn wrong_types_spoil_their_own_bars_only() {
    let server = stand_in();
    server.fail("AAPL", Fault::WrongTypes, Some(1));
    let read = read_days(&client(&server), "AAPL").await.expect("bars");
    assert_eq!(read.bars, server.bars("AAPL", Timeframe::Day, FROM, TO));
    assert_eq!(read.issues.len(), 4);
    let issue = &read.issues[0];
    assert_eq!((issue.symbol.as_deref(), issue.line), (Some("AAPL"), Some(63)));
    assert!(issue.file.ends_with("/v2/aggs/ticker/AAPL/range/1/day/2023-01-03/2023-03-31"), "{}", issue.file);
}

#[tokio::test]
async fn bars_in_reverse_are_put_in_order() {
    let server = stand_in();
    server.fail("AAPL", Fault::OutOfOrder, Some(1));
    let read = read_days(&client(&server), "AAPL").await.expect("bars");
    assert_eq!(read.bars, server.bars("AAPL", Timeframe::Day, FROM, TO));
    assert_eq!(read.issues.len(), 1, "{:?}", read.issues);
}

#[tokio::test]
async fn bars_of_another_time_are_not_taken() {
    // As the API has done: polygon-io/issues#65.
    let server = stand_in();
    server.fail("AAPL", Fault::Strays, Some(1));
    let read = read_days(&client(&server), "AAPL").await.expect("bars");
    assert_eq!(read.bars, server.bars("AAPL", Timeframe::Day, FROM, TO));
    assert!(read.issues[0].reason.contains("outside 2023-01-03 to 2023-03-31"), "{:?}", read.issues);
}

#[tokio::test]
async fn fewer_bars_than_promised_and_bars_of_another_symbol_are_refused() {
    for fault in [Fault::Short, Fault::OtherSymbol] {
        let server = stand_in();
        server.fail("AAPL", fault.clone(), None);
        let error = read_days(&client(&server), "AAPL").await.expect_err("it makes no sense");
        assert!(matches!(error, MassiveError::Malformed { .. }), "{fault:?}: {error}");
    }
}

#[tokio::test]
async fn an_answer_without_end_is_cut_at_a_limit() {
    let server = stand_in();
    server.fail("AAPL", Fault::Endless, None);
    let error = read_days(&client(&server), "AAPL").await.expect_err("it has no end");
    assert!(matches!(error, MassiveError::TooLarge { .. }), "{error}");
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn the_key_follows_neither_a_next_page_nor_a_redirect_elsewhere() {
    let hostile = stand_in();
    let server = stand_in();
    let address = format!("{}/v2/aggs/ticker/AAPL/range/1/day/2023-01-03/2023-03-31?cursor=1-2", hostile.base_url());
    server.fail("AAPL", Fault::NextPageAt(address.clone()), Some(1));
    server.fail("AAPL", Fault::Redirect(address), None);
    let client = client(&server);
    let error = read_days(&client, "AAPL").await.expect_err("the page is elsewhere");
    assert!(matches!(&error, MassiveError::ForeignPage { .. }), "{error}");
    let error = read_days(&client, "AAPL").await.expect_err("the answer is elsewhere");
    assert!(matches!(&error, MassiveError::Refused { status: 302, .. }), "{error}");
    assert_eq!(hostile.requests(), 0);
}

#[tokio::test]
async fn a_next_page_that_is_the_same_page_does_not_go_on_for_ever() {
    let server = stand_in();
    let path = "/v2/aggs/ticker/AAPL/range/1/day/2023-01-03/2023-03-31?cursor=0-10";
    server.fail("AAPL", Fault::NextPageAt(path.to_owned()), None);
    let error = read_days(&client(&server), "AAPL").await.expect_err("it has no end");
    assert!(matches!(error, MassiveError::Malformed { .. }), "{error}");
    assert_eq!(server.requests(), 2);
}

#[tokio::test]
async fn a_bad_day_of_the_api_loses_no_bar() {
    for seed in 0..5 {
        let mut market = market();
        market.page_rows_max = 10;
        let server = MassiveStandIn::start(market);
        server.fail_at_random(seed, 300, &passing());
        let client = Client::new(Settings { retries: 30, ..settings(&server) }).expect("usable settings");
        for text in ["AAPL", "MSFT", "BRK.B"] {
            match read_days(&client, text).await {
                Ok(read) => assert_eq!(read.bars, server.bars(text, Timeframe::Day, FROM, TO), "seed {seed}"),
                // Three answers in a row that make no sense are a fault of the source.
                Err(error) => assert!(matches!(error, MassiveError::Malformed { .. }), "seed {seed}: {error}"),
            }
        }
    }
}
