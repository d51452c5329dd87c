use jiff::civil::date;
use serde_json::json;

use super::*;

fn read(
    record: fn(&Value, u64, &mut IssueLog) -> Option<ListingRecord>,
    row: Value,
) -> (Option<ListingRecord>, String) {
    let mut issues = IssueLog::new(Path::new("tickers"));
    let record = record(&row, 1, &mut issues);
    let reasons: Vec<String> = issues.into_issues().into_iter().map(|issue| issue.reason).collect();
    (record, reasons.join("; "))
}

#[test]
fn reads_an_overview_as_the_api_documents_it() {
    let (record, issues) = read(
        ticker_record,
        json!({
            "ticker": "AAPL", "name": "Apple Inc.", "market": "stocks", "locale": "us", "primary_exchange": "XNAS",
            "type": "CS", "active": true, "currency_name": "usd", "cik": "0000320193", "market_cap": 2771126040150_i64,
            "sic_code": "3571", "sic_description": "ELECTRONIC COMPUTERS", "list_date": "1980-12-12",
            "share_class_shares_outstanding": 16406400000_i64, "weighted_shares_outstanding": 16334371000_i64,
            "branding": {"icon_url": "x"}, "total_employees": 154000
        }),
    );
    let expected = ListingRecord {
        company_name: Some("Apple Inc.".to_owned()),
        security_type: Some(SecurityType::Cs),
        exchange: Some("XNAS".to_owned()),
        industry: Some("ELECTRONIC COMPUTERS".to_owned()),
        currency: Some("USD".to_owned()),
        market_cap: Some(Usd(2_771_126_040_150)),
        weighted_shares_outstanding: Some(16_334_371_000),
        listing_date: Some(date(1980, 12, 12)),
        is_active: Some(true),
        ..ListingRecord::new(Symbol::parse("AAPL").expect("a symbol"))
    };
    assert_eq!(record, Some(expected));
    assert_eq!(issues, "");
}

#[test]
fn a_delisting_takes_effect_on_the_session_after_the_last_one() {
    let row = json!({"ticker": "LEH", "name": "Lehman", "type": "CS", "active": false, "delisted_utc": "2008-09-12T04:00:00Z"});
    let (record, issues) = read(ticker_record, row);
    let record = record.expect("a record");
    assert_eq!((record.is_active, record.delisted_date), (Some(false), Some(date(2008, 9, 15))));
    assert_eq!(issues, "");
}

#[test]
fn shares_of_the_class_do_where_the_weighted_ones_are_missing() {
    let shares = |row: Value| read(ticker_record, row).0.expect("a record").weighted_shares_outstanding;
    assert_eq!(shares(json!({"ticker": "X", "share_class_shares_outstanding": 5})), Some(5));
    assert_eq!(
        shares(json!({"ticker": "X", "weighted_shares_outstanding": 0, "share_class_shares_outstanding": 5})),
        Some(5)
    );
    assert_eq!(shares(json!({"ticker": "X"})), None);
}

#[test]
fn wrong_values_are_dropped_with_an_issue() {
    let row = json!({
        "ticker": "X", "name": "X Inc. Common Stock", "type": "ZZ", "list_date": "soon", "delisted_utc": "never",
        "weighted_shares_outstanding": -5, "share_class_shares_outstanding": "many", "market_cap": 1e300, "active": "yes"
    });
    let (record, issues) = read(ticker_record, row);
    let record = record.expect("a record");
    assert_eq!(record.security_type, Some(SecurityType::Cs));
    assert_eq!((record.listing_date, record.delisted_date, record.is_active), (None, None, None));
    assert_eq!((record.weighted_shares_outstanding, record.market_cap), (None, None));
    assert_eq!(issues.split("; ").filter(|part| !part.starts_with("it was")).count(), 6, "{issues}");
}

#[test]
fn what_is_no_symbol_of_the_tape_is_skipped() {
    for row in [
        json!({"ticker": "GEVw"}),
        json!({"ticker": 5}),
        json!({}),
        json!(null),
        json!("AAPL"),
        json!({"ticker": "A B"}),
    ] {
        let (record, issues) = read(ticker_record, row);
        assert_eq!(record, None);
        assert!(issues.contains("skipped"), "{issues}");
    }
}

#[test]
fn only_offerings_that_trade_are_listings() {
    let row = |status: &str| json!({"ticker": "ARM", "ipo_status": status, "listing_date": "2023-09-14", "issuer_name": "Arm"});
    let (record, _) = read(offering_record, row("history"));
    let record = record.expect("a record");
    assert_eq!((record.listing_date, record.ipo_year), (Some(date(2023, 9, 14)), Some(2023)));
    for status in ["pending", "rumor", "withdrawn", "postponed", "direct_listing_process"] {
        assert_eq!(read(offering_record, row(status)), (None, String::new()));
    }
    assert!(read(offering_record, json!({"ticker": "ARM", "ipo_status": "new"})).1.contains("listing_date"));
}

#[test]
fn a_change_without_its_parts_is_none() {
    let change = |event: Value| change_of(&event);
    let meta = json!({"ticker_change": {"ticker": "META"}, "type": "ticker_change", "date": "2022-06-09"});
    let expected = SymbolChange { symbol: Symbol::parse("META").expect("a symbol"), date: date(2022, 6, 9) };
    assert_eq!(change(meta), Some(expected));
    assert_eq!(change(json!({"date": "2022-06-09"})), None);
    assert_eq!(change(json!({"ticker_change": {"ticker": "META"}})), None);
    assert_eq!(change(json!(7)), None);
}
