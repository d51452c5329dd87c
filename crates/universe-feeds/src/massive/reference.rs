//! Reference data: who is listed, since when, with how many shares, and under which symbols before.

use std::path::Path;
use std::sync::Arc;

use jiff::civil::Date;
use reqwest::Url;
use serde_json::Value;
use universe_core::{ListingRecord, SecurityType, Symbol, Usd, next_session};

use super::bars::address;
use super::transport::Transport;
use super::{MassiveError, calendar, ticker};
use crate::Read;
use crate::issue_log::{IssueLog, shown};
use crate::listing_row::CAP_DOLLARS_MAX;

/// The most rows that the API puts on a page of reference data.
const PAGE_ROWS: &str = "1000";

/// A thousand rows each: more than every symbol that ever was.
const PAGES_MAX: u32 = 1_000;

/// More shares than this no company has; the most are about a hundred billion.
const SHARES_MAX: f64 = 1e13;

/// Which listings are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listed {
    /// Those that trade now.
    Now,
    /// Those that do not trade any more. A symbol that was given again comes once for each listing.
    Formerly,
}

/// A symbol that a company has, or had, and since when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SymbolChange {
    /// The symbol.
    pub symbol: Symbol,
    /// The day from which it was this one.
    pub date: Date,
}

/// Listings, page by page; after an error or the last page there is nothing more to come.
pub struct ListingPages {
    transport: Arc<Transport>,
    what: &'static str,
    next: Option<Url>,
    pages: u32,
    record: fn(&Value, u64, &mut IssueLog) -> Option<ListingRecord>,
}

impl ListingPages {
    pub(super) fn of_tickers(transport: Arc<Transport>, listed: Listed) -> Self {
        let (what, active) = match listed {
            Listed::Now => ("the list of what trades", "true"),
            Listed::Formerly => ("the list of what was delisted", "false"),
        };
        let query =
            [("market", "stocks"), ("active", active), ("sort", "ticker"), ("order", "asc"), ("limit", PAGE_ROWS)];
        let next = Some(transport.url(&["v3", "reference", "tickers"], &query));
        Self { transport, what, next, pages: 0, record: ticker_record }
    }

    pub(super) fn of_offerings(transport: Arc<Transport>, from: Date, to: Date) -> Self {
        let (from, to) = (from.to_string(), to.to_string());
        let query = [
            ("listing_date.gte", from.as_str()),
            ("listing_date.lte", to.as_str()),
            ("sort", "listing_date"),
            ("order", "asc"),
            ("limit", PAGE_ROWS),
        ];
        let next = Some(transport.url(&["vX", "reference", "ipos"], &query));
        Self { transport, what: "the list of offerings", next, pages: 0, record: offering_record }
    }

    /// Returns the next page; `None` after the last one.
    ///
    /// # Errors
    /// When the API refuses the request or does not answer it in full, however often it was tried.
    pub async fn next_page(&mut self) -> Result<Option<Read<Vec<ListingRecord>>>, MassiveError> {
        let Some(url) = self.next.take() else { return Ok(None) };
        let answer = self.transport.get::<Vec<Value>>(self.what, &url).await?;
        self.pages += 1;
        if let Some(next) = answer.next_url {
            if self.pages >= PAGES_MAX {
                let detail = format!("there are more than {PAGES_MAX} pages");
                return Err(MassiveError::Malformed { what: self.what.to_owned(), detail });
            }
            self.next = Some(self.transport.next_page(self.what, &url, &next)?);
        }
        let rows = answer.results.unwrap_or_default();
        let mut issues = IssueLog::new(Path::new(&address(&url)));
        let record = |(line, row): (u64, &Value)| (self.record)(row, line, &mut issues);
        let value: Vec<ListingRecord> = (1..).zip(&rows).filter_map(record).collect();
        Ok(Some(Read { value, rows: rows.len() as u64, issues: issues.into_issues() }))
    }
}

impl std::fmt::Debug for ListingPages {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ListingPages").field("what", &self.what).field("pages", &self.pages).finish_non_exhaustive()
    }
}

/// Reads the overview of one symbol, or of a symbol that trades no more its last delisting.
pub(super) async fn listing(transport: &Transport, symbol: &Symbol) -> Result<Read<ListingRecord>, MassiveError> {
    let what = symbol.as_str();
    let name = ticker::ticker_of(symbol);
    let url = transport.url(&["v3", "reference", "tickers", &name], &[]);
    let overview = match transport.get::<Value>(what, &url).await {
        Ok(answer) => answer.results,
        Err(MassiveError::NotFound { .. }) => None,
        Err(error) => return Err(error),
    };
    if let Some(row) = overview {
        let mut issues = IssueLog::new(Path::new(&address(&url)));
        let record = ticker_record(&row, 1, &mut issues).filter(|record| record.symbol == *symbol);
        let record = record.ok_or_else(|| MassiveError::Malformed {
            what: what.to_owned(),
            detail: format!("it is about {}", shown(text(&row, "ticker").unwrap_or_default())),
        })?;
        return Ok(Read { value: record, rows: 1, issues: issues.into_issues() });
    }
    let query = [("ticker", name.as_str()), ("market", "stocks"), ("active", "false"), ("limit", PAGE_ROWS)];
    let url = transport.url(&["v3", "reference", "tickers"], &query);
    let rows = transport.get::<Vec<Value>>(what, &url).await?.results.unwrap_or_default();
    let mut issues = IssueLog::new(Path::new(&address(&url)));
    let records = (1..).zip(&rows).filter_map(|(line, row)| ticker_record(row, line, &mut issues));
    // The same symbol may have been several companies'; the latest of them is the one that left it free.
    let latest = records.filter(|record| record.symbol == *symbol).max_by_key(|record| record.delisted_date);
    let value = latest.ok_or_else(|| MassiveError::NotFound { what: what.to_owned() })?;
    Ok(Read { value, rows: rows.len() as u64, issues: issues.into_issues() })
}

pub(super) async fn symbol_changes(transport: &Transport, symbol: &Symbol) -> Result<Vec<SymbolChange>, MassiveError> {
    let what = format!("the symbols of {symbol}");
    let name = ticker::ticker_of(symbol);
    let url = transport.url(&["vX", "reference", "tickers", &name, "events"], &[("types", "ticker_change")]);
    let results = transport.get::<Value>(&what, &url).await?.results.unwrap_or_default();
    let events = results.get("events").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut changes: Vec<SymbolChange> = events.iter().filter_map(change_of).collect();
    changes.sort_by(|a, b| b.date.cmp(&a.date).then_with(|| a.symbol.cmp(&b.symbol)));
    Ok(changes)
}

fn change_of(event: &Value) -> Option<SymbolChange> {
    let symbol = ticker::symbol_of(text(event.get("ticker_change")?, "ticker")?)?;
    Some(SymbolChange { symbol, date: text(event, "date")?.parse().ok()? })
}

/// Reads a row of the list of tickers, or the overview of one, which says more.
fn ticker_record(row: &Value, line: u64, issues: &mut IssueLog) -> Option<ListingRecord> {
    let symbol = symbol_in(row, line, issues)?;
    let mut note = |reason: String| issues.push(Some(line), Some(symbol.as_str()), reason);
    let company_name = text(row, "name").map(str::to_owned);
    let told = || company_name.as_deref().map(|name| SecurityType::classify(&symbol, name, None));
    let security_type = match text(row, "type") {
        None => told(),
        Some(code) => SecurityType::from_code(code).or_else(|| {
            note(format!("{} is no known security type; it was told from the name", shown(code)));
            told()
        }),
    };
    let mut date = |key: &str, read: fn(&str) -> Option<Date>| {
        let text = text(row, key)?;
        read(text).or_else(|| {
            note(format!("the {key} {} is no date; it was dropped", shown(text)));
            None
        })
    };
    let listing_date = date("list_date", |text| text.parse().ok());
    let last_session = date("delisted_utc", calendar::recorded_date);
    let mut figure = |key: &str, most: f64| {
        let value = row.get(key).filter(|value| !value.is_null())?;
        let number = value.as_f64().filter(|number| 0.0 <= *number && *number <= most);
        if number.is_none() {
            note(format!("the {key} {} cannot be; it was dropped", shown(&value.to_string())));
        }
        number.filter(|number| *number > 0.0)
    };
    let weighted = figure("weighted_shares_outstanding", SHARES_MAX);
    let of_class = figure("share_class_shares_outstanding", SHARES_MAX);
    let market_cap = figure("market_cap", CAP_DOLLARS_MAX as f64);
    let is_active = row.get("active").and_then(Value::as_bool);
    Some(ListingRecord {
        company_name,
        security_type,
        exchange: text(row, "primary_exchange").map(str::to_owned),
        industry: text(row, "sic_description").map(str::to_owned),
        currency: text(row, "currency_name").map(str::to_ascii_uppercase),
        market_cap: market_cap.map(|cap| Usd(cap.round() as i64)),
        weighted_shares_outstanding: weighted.or(of_class).map(|shares| shares.round() as i64),
        listing_date,
        is_active,
        // The API gives the last day of trading, and the record the first day without.
        delisted_date: last_session.filter(|_| is_active != Some(true)).map(next_session),
        ..ListingRecord::new(symbol)
    })
}

/// Reads an offering; one that has not begun to trade says nothing.
fn offering_record(row: &Value, line: u64, issues: &mut IssueLog) -> Option<ListingRecord> {
    matches!(text(row, "ipo_status"), Some("history" | "new")).then_some(())?;
    let symbol = symbol_in(row, line, issues)?;
    let Some(date) = text(row, "listing_date").and_then(|text| text.parse::<Date>().ok()) else {
        issues.push(Some(line), Some(symbol.as_str()), "the offering has no listing_date; it was skipped");
        return None;
    };
    Some(ListingRecord { listing_date: Some(date), ipo_year: Some(date.year()), ..ListingRecord::new(symbol) })
}

fn symbol_in(row: &Value, line: u64, issues: &mut IssueLog) -> Option<Symbol> {
    let ticker = text(row, "ticker");
    let symbol = ticker.and_then(ticker::symbol_of);
    if symbol.is_none() {
        let reason = match ticker {
            None => "there is no ticker; the row was skipped".to_owned(),
            Some(_) => "not a symbol of the tape (when issued, a right, or a fault); the row was skipped".to_owned(),
        };
        issues.push(Some(line), ticker, reason);
    }
    symbol
}

fn text<'a>(row: &'a Value, key: &str) -> Option<&'a str> {
    row.get(key)?.as_str().map(str::trim).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests;
