//! The documented answers as texts.

use std::fmt::Write as _;

use jiff::civil::Date;
use serde_json::{Value, json};
use universe_core::TimedBar;

use super::market::StandInListing;
use super::script::Fault;

/// A stray: an instant of another year, which no test asks for.
const STRAY_MILLIS: i64 = 631_292_400_000;

/// One page of bars; faults of the data are worked in.
pub(super) fn bars(name: &str, bars: &[TimedBar], next_url: Option<&str>, fault: Option<&Fault>) -> String {
    let mut rows: Vec<String> = bars.iter().map(row).collect();
    let mut count = rows.len();
    match fault {
        Some(Fault::OutOfOrder) => rows.reverse(),
        Some(Fault::Strays) => {
            rows.insert(
                0,
                format!(r#"{{"v":206,"vw":14.49,"o":14.49,"c":14.49,"h":14.49,"l":14.49,"t":{STRAY_MILLIS},"n":1}}"#),
            );
            count += 1;
        }
        Some(Fault::WrongTypes) => {
            let wrong = [r#"{"v":null,"o":"1.5","c":[1],"h":{"x":1},"l":true,"t":"now"}"#, "null", r#""bar""#, "{}"];
            rows.extend(wrong.map(str::to_owned));
            count += wrong.len();
        }
        Some(Fault::Short) => count += 1,
        _ => {}
    }
    let name = if fault == Some(&Fault::OtherSymbol) { "OTHER" } else { name };
    let mut text = format!(
        r#"{{"ticker":"{name}","queryCount":{count},"resultsCount":{count},"adjusted":true,"results":[{}],"status":"OK","request_id":"{}""#,
        rows.join(","),
        REQUEST_ID
    );
    if rows.is_empty() {
        text = text.replace(r#""results":[],"#, "");
    }
    if let Some(next_url) = next_url {
        let _ = write!(text, r#","count":{count},"next_url":"{next_url}""#);
    }
    text + "}"
}

const REQUEST_ID: &str = "6a7e466379af0a71039d60cc78e72282";

fn row(bar: &TimedBar) -> String {
    let TimedBar { start, open, high, low, close, volume, .. } = bar;
    let [open, high, low, close] = [open, high, low, close].map(|price| price.dollars());
    let start = start.as_millisecond();
    format!(r#"{{"v":{volume}.0,"vw":{close},"o":{open},"c":{close},"h":{high},"l":{low},"t":{start},"n":7}}"#)
}

/// A row of the list of tickers; the overview of one has more.
pub(super) fn ticker(name: &str, listing: &StandInListing) -> Value {
    let mut row = json!({
        "ticker": name, "name": listing.name, "market": "stocks", "locale": "us", "primary_exchange": listing.exchange,
        "type": listing.kind, "active": listing.last_session.is_none(), "currency_name": "usd", "cik": "0000320193",
        "last_updated_utc": "2023-12-01T00:00:00Z"
    });
    if let Some(last) = listing.last_session {
        row["delisted_utc"] = json!(format!("{last}T00:00:00Z"));
    }
    row
}

/// The overview of one ticker.
pub(super) fn overview(name: &str, listing: &StandInListing) -> Value {
    let mut row = ticker(name, listing);
    row["list_date"] = json!(listing.first_session.to_string());
    if let Some(shares) = listing.shares {
        row["share_class_shares_outstanding"] = json!(shares);
        row["weighted_shares_outstanding"] = json!(shares);
    }
    if let Some(industry) = &listing.industry {
        row["sic_description"] = json!(industry);
    }
    row
}

/// The symbols of one listing, the newest first.
pub(super) fn events(name: &str, listing: &StandInListing) -> Value {
    let change = |symbol: &str, date: Date| json!({"ticker_change": {"ticker": symbol}, "type": "ticker_change", "date": date.to_string()});
    let mut symbols = listing.earlier_symbols.clone();
    symbols.push((name.to_owned(), symbols.last().map_or(listing.first_session, |(_, since)| later(*since))));
    let events: Vec<Value> = symbols.iter().rev().map(|(symbol, since)| change(symbol, *since)).collect();
    json!({"name": listing.name, "figi": "BBG000MM2P62", "cik": "0001326801", "events": events})
}

/// An earlier symbol is given up some day; the stand-in says a year later.
fn later(since: Date) -> Date {
    since.saturating_add(jiff::Span::new().years(1))
}

/// An offering.
pub(super) fn offering(name: &str, listing: &StandInListing, on: Date) -> Value {
    json!({
        "ticker": name, "issuer_name": listing.name, "listing_date": on.to_string(), "ipo_status": "history",
        "security_type": listing.kind, "primary_exchange": listing.exchange, "currency_code": "USD"
    })
}

/// What is around results.
pub(super) fn page(results: &Value, next_url: Option<&str>) -> String {
    let mut answer = json!({"results": results, "status": "OK", "request_id": REQUEST_ID});
    if let Some(rows) = results.as_array() {
        answer["count"] = json!(rows.len());
    }
    if let Some(next_url) = next_url {
        answer["next_url"] = json!(next_url);
    }
    answer.to_string()
}

/// A failure in the API's words.
pub(super) fn failure(status: u16) -> String {
    let (word, key, text) = match status {
        401 => ("ERROR", "error", "Unknown API Key"),
        403 => {
            let text = "Attempted to request today's data before end of day. Please upgrade your plan at https://massive.com/pricing";
            ("NOT_AUTHORIZED", "message", text)
        }
        404 => ("NOT_FOUND", "message", "Ticker not found."),
        400 => ("ERROR", "error", "The parameter 'to' cannot be a time that occurs before 'from'"),
        429 => {
            let text = "You've exceeded the maximum requests per minute, please wait or upgrade your subscription to continue.";
            ("ERROR", "error", text)
        }
        _ => ("ERROR", "error", "internal error"),
    };
    json!({"status": word, "request_id": REQUEST_ID, key: text}).to_string()
}
