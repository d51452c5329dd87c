//! Reference data: lists, overviews, delistings, offerings, symbols that changed.

use std::collections::BTreeMap;

use universe_core::{ListingRecord, SecurityType};
use universe_feeds::massive::{Listed, ListingPages, SymbolChange};
use universe_testkit::{Fault, StandInListing};

use super::*;

fn market_with_history() -> MassiveStandIn {
    let mut market = market();
    let listing = |symbol: &str| StandInListing::common_stock(symbol);
    let meta = StandInListing {
        earlier_symbols: vec![("FB".to_owned(), date(2012, 5, 18))],
        first_session: date(2012, 5, 18),
        ..listing("META")
    };
    let arm = StandInListing { offered_on: Some(date(2023, 9, 14)), kind: "ADRC".to_owned(), ..listing("ARM") };
    let gone = StandInListing { last_session: Some(date(2023, 4, 28)), ..listing("FRC") };
    let spy = StandInListing { kind: "ETF".to_owned(), exchange: "ARCX".to_owned(), shares: None, ..listing("SPY") };
    market.listings.extend(
        [("META", meta), ("ARM", arm), ("FRC", gone), ("SPY", spy)].map(|(name, listing)| (name.to_owned(), listing)),
    );
    market.listings.insert("GEVw".to_owned(), listing("GEVw"));
    market.page_rows_max = 3;
    MassiveStandIn::start(market)
}

async fn all(mut pages: ListingPages) -> (BTreeMap<String, ListingRecord>, Vec<Issue>, usize) {
    let (mut records, mut issues, mut count) = (BTreeMap::new(), Vec::new(), 0);
    while let Some(page) = pages.next_page().await.expect("pages") {
        count += 1;
        issues.extend(page.issues);
        records.extend(page.value.into_iter().map(|record| (record.symbol.to_string(), record)));
    }
    (records, issues, count)
}

#[tokio::test]
async fn lists_what_trades_over_several_pages() {
    let server = market_with_history();
    let (records, issues, pages) = all(client(&server).listings(Listed::Now)).await;
    let symbols: Vec<&str> = records.keys().map(String::as_str).collect();
    assert_eq!(symbols, ["AAPL", "ARM", "BAC^K", "BRK.B", "META", "MSFT", "SPY"]);
    assert_eq!(pages, 3);
    assert_eq!(records["SPY"].security_type, Some(SecurityType::Etf));
    assert_eq!(records["ARM"].security_type, Some(SecurityType::Adrc));
    assert_eq!(records["AAPL"].exchange.as_deref(), Some("XNAS"));
    assert_eq!(records["AAPL"].is_active, Some(true));
    assert_eq!(issues.len(), 1, "{issues:?}");
    assert_eq!(issues[0].symbol.as_deref(), Some("GEVw"));
}

#[tokio::test]
async fn lists_what_was_delisted_with_the_first_day_without_it() {
    let server = market_with_history();
    let (records, _, _) = all(client(&server).listings(Listed::Formerly)).await;
    assert_eq!(records.len(), 1);
    assert_eq!((records["FRC"].is_active, records["FRC"].delisted_date), (Some(false), Some(date(2023, 5, 1))));
}

#[tokio::test]
async fn lists_offerings_of_a_range_of_days() {
    let server = market_with_history();
    let client = client(&server);
    let (records, _, _) = all(client.offerings(date(2023, 9, 1), date(2023, 9, 30))).await;
    assert_eq!(records.keys().collect::<Vec<_>>(), ["ARM"]);
    assert_eq!((records["ARM"].listing_date, records["ARM"].ipo_year), (Some(date(2023, 9, 14)), Some(2023)));
    let (records, _, _) = all(client.offerings(date(2023, 10, 1), date(2023, 10, 31))).await;
    assert!(records.is_empty());
}

#[tokio::test]
async fn knows_shares_and_first_day_of_what_trades() {
    let server = market_with_history();
    let read = client(&server).listing(&symbol("META")).await.expect("an overview");
    assert_eq!(read.value.listing_date, Some(date(2012, 5, 18)));
    assert!(read.value.weighted_shares_outstanding.is_some_and(|shares| shares > 0));
    assert_eq!(read.value.delisted_date, None);
}

#[tokio::test]
async fn finds_a_delisted_symbol_in_the_list_and_an_unknown_one_nowhere() {
    let server = market_with_history();
    let client = client(&server);
    let read = client.listing(&symbol("FRC")).await.expect("a delisting");
    assert_eq!((read.value.is_active, read.value.delisted_date), (Some(false), Some(date(2023, 5, 1))));
    let error = client.listing(&symbol("NOSUCH")).await.expect_err("nobody knows it");
    assert!(matches!(error, MassiveError::NotFound { .. }), "{error}");
    assert!(error.to_string().contains("NOSUCH"), "{error}");
}

#[tokio::test]
async fn knows_the_symbols_that_a_company_had() {
    let server = market_with_history();
    let changes = client(&server).symbol_changes(&symbol("META")).await.expect("its symbols");
    let change = |text: &str, date: Date| SymbolChange { symbol: symbol(text), date };
    assert_eq!(changes, [change("META", date(2013, 5, 18)), change("FB", date(2012, 5, 18))]);
}

#[tokio::test]
async fn faults_are_those_of_bars() {
    let server = market_with_history();
    server.fail("AAPL", Fault::CutOff, Some(2));
    assert!(client(&server).listing(&symbol("AAPL")).await.is_ok());
    server.fail("AAPL", Fault::Status(401), None);
    assert!(client(&server).listing(&symbol("AAPL")).await.expect_err("refused").ends_job());
    server.fail("", Fault::Malformed, None);
    let error = client(&server).listings(Listed::Now).next_page().await.expect_err("no JSON");
    assert!(error.to_string().contains("the list of what trades"), "{error}");
}
