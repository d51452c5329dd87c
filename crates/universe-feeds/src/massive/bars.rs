//! Bars of one symbol (Custom Bars), a page at a time.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use reqwest::Url;
use universe_core::{Price, Symbol, TimedBar, Timeframe, expect_session};

use super::answer::{Number, RawBar};
use super::transport::Transport;
use super::{MassiveError, calendar, ticker};
use crate::Read;
use crate::issue_log::IssueLog;

/// More pages than this no range has: 50,000 minutes are two months, and the exchange is 250 years old.
const PAGES_MAX: u32 = 2_000;

/// Which bars are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BarRequest {
    /// The listing.
    pub symbol: Symbol,
    /// How long each bar is.
    pub timeframe: Timeframe,
    /// The first day, in New York; a week or month that it falls into is asked for from its beginning.
    pub from: Date,
    /// The last day, in New York. Some plans refuse a range that ends before its last day has ended.
    pub to: Date,
}

/// The bars of one request, page by page.
///
/// Bars come in strictly ascending order of their start, across pages too, and none is outside the range
/// that was asked for. After an error or the last page there is nothing more to come.
pub struct BarPages {
    transport: Arc<Transport>,
    request: BarRequest,
    /// The first day of the first window.
    from: Date,
    next: Option<Url>,
    pages: u32,
    rows: u64,
    last: Option<Timestamp>,
}

/// Why a bar is not taken.
type Refusal = String;

impl BarPages {
    pub(super) fn new(transport: Arc<Transport>, request: BarRequest) -> Self {
        let from = calendar::window_start(request.timeframe, request.from);
        let settings = transport.settings();
        let timespan = match request.timeframe {
            Timeframe::Minute => "minute",
            Timeframe::Hour => "hour",
            Timeframe::Day => "day",
            Timeframe::Week => "week",
            Timeframe::Month => "month",
        };
        let name = ticker::ticker_of(&request.symbol);
        let (first, to) = (from.to_string(), request.to.to_string());
        let adjusted = if settings.adjusted { "true" } else { "false" };
        let limit = settings.page_rows.clamp(1, super::PAGE_ROWS_MAX).to_string();
        let url = transport.url(
            &["v2", "aggs", "ticker", &name, "range", "1", timespan, &first, &to],
            &[("adjusted", adjusted), ("sort", "asc"), ("limit", &limit)],
        );
        let next = (from <= request.to).then_some(url);
        Self { transport, request, from, next, pages: 0, rows: 0, last: None }
    }

    /// Returns the next page; `None` after the last one. A symbol without bars has no page, or empty ones.
    ///
    /// Pages are what may be stored before the next one is asked for: to go on after a crash, ask again
    /// from the date of the last bar that was stored.
    ///
    /// # Errors
    /// When the API refuses the request or does not answer it in full, however often it was tried.
    pub async fn next_page(&mut self) -> Result<Option<Read<Vec<TimedBar>>>, MassiveError> {
        let Some(url) = self.next.take() else { return Ok(None) };
        let what = format!("the {} bars of {}", shown(self.request.timeframe), self.request.symbol);
        let answer = self.transport.get::<Vec<RawBar>>(&what, &url).await?;
        let malformed = |detail: String| MassiveError::Malformed { what: what.clone(), detail };
        let asked = ticker::ticker_of(&self.request.symbol);
        if let Some(other) = answer.ticker.filter(|ticker| *ticker != asked) {
            return Err(malformed(format!("the bars are of {}", crate::issue_log::shown(&other))));
        }
        let raw = answer.results.unwrap_or_default();
        self.pages += 1;
        self.rows += raw.len() as u64;
        // Whether the count is of this page or of all of them: at the end not more can be missing.
        let promised = answer.results_count.0.filter(|count| answer.next_url.is_none() && *count > self.rows as f64);
        if let Some(count) = promised {
            return Err(malformed(format!("{count} bars were promised and {} came", self.rows)));
        }
        if let Some(next) = answer.next_url {
            if self.pages >= PAGES_MAX {
                return Err(malformed(format!("there are more than {PAGES_MAX} pages")));
            }
            self.next = Some(self.transport.next_page(&what, &url, &next)?);
        }
        Ok(Some(self.checked(&url, &raw)))
    }

    /// Takes the bars that can be, in order, and says what is wrong with the others.
    fn checked(&mut self, url: &Url, raw: &[RawBar]) -> Read<Vec<TimedBar>> {
        let mut issues = IssueLog::new(Path::new(&address(url)));
        let mut bars: Vec<(u64, TimedBar)> = Vec::with_capacity(raw.len());
        for (line, bar) in (1..).zip(raw) {
            match self.bar(bar) {
                Ok(bar) => bars.push((line, bar)),
                Err(refusal) => issues.push(Some(line), Some(self.request.symbol.as_str()), refusal),
            }
        }
        if !bars.is_sorted_by_key(|(_, bar)| bar.start) {
            issues.push(
                None,
                Some(self.request.symbol.as_str()),
                "the bars were not in order of time; they were sorted",
            );
            bars.sort_by_key(|(line, bar)| (bar.start, *line));
        }
        let mut value: Vec<TimedBar> = Vec::with_capacity(bars.len());
        for (line, bar) in bars {
            let before = value.last().map(|bar| bar.start).or(self.last);
            // Two bars of one day are told by their date: their instants may differ by an hour.
            let is_again = before.is_some_and(|before| {
                bar.start <= before || self.request.timeframe.is_dated() && calendar::date_of(before) == bar.date
            });
            if is_again {
                let reason = format!("there is a bar of {} already; this one was skipped", bar.start);
                issues.push(Some(line), Some(self.request.symbol.as_str()), reason);
            } else {
                value.push(bar);
            }
        }
        self.last = value.last().map(|bar| bar.start).or(self.last);
        Read { value, rows: raw.len() as u64, issues: issues.into_issues() }
    }

    fn bar(&self, raw: &RawBar) -> Result<TimedBar, Refusal> {
        let start = raw.t.0.and_then(instant).ok_or("the time is no instant; the bar was skipped")?;
        let date = calendar::date_of(start);
        let (from, to) = (self.from, self.request.to);
        if date < from || to < date {
            return Err(format!("{start} is outside {from} to {to}; the bar was skipped"));
        }
        if !matches!(self.request.timeframe, Timeframe::Week | Timeframe::Month) {
            expect_session(date).map_err(|no_session| format!("{no_session}; the bar was skipped"))?;
        }
        let price = |name: &str, number: Number| {
            let price = number.0.and_then(Price::from_dollars).filter(|price| price.micros() > 0);
            price.ok_or_else(|| format!("at {start} the {name} is no price; the bar was skipped"))
        };
        let open = price("open", raw.o)?;
        let (high, low) = (price("high", raw.h)?, price("low", raw.l)?);
        let close = price("close", raw.c)?;
        if high < open.max(close).max(low) || open.min(close) < low {
            return Err(format!("at {start} high and low do not enclose open and close; the bar was skipped"));
        }
        let volume = raw.v.0.and_then(shares);
        let volume =
            volume.ok_or_else(|| format!("at {start} the volume is no number of shares; the bar was skipped"))?;
        Ok(TimedBar { symbol: self.request.symbol.clone(), start, date, open, high, low, close, volume })
    }
}

impl std::fmt::Debug for BarPages {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BarPages").field("request", &self.request).field("pages", &self.pages).finish_non_exhaustive()
    }
}

fn instant(millis: f64) -> Option<Timestamp> {
    let is_whole = millis.is_finite() && millis.fract() == 0.0 && millis.abs() < 1e15;
    is_whole.then(|| Timestamp::from_millisecond(millis as i64).ok()).flatten()
}

/// Rounds a volume, which has fractions where it is adjusted or where fractions of shares were traded.
fn shares(volume: f64) -> Option<u64> {
    let rounded = volume.round();
    (0.0 <= rounded && rounded < i64::MAX as f64).then_some(rounded as u64)
}

/// Returns a timeframe as people say it.
fn shown(timeframe: Timeframe) -> &'static str {
    match timeframe {
        Timeframe::Minute => "minute",
        Timeframe::Hour => "hourly",
        Timeframe::Day => "daily",
        Timeframe::Week => "weekly",
        Timeframe::Month => "monthly",
    }
}

/// Returns an address as issues name it: without its query.
pub(super) fn address(url: &Url) -> String {
    let mut plain = url.clone();
    plain.set_query(None);
    plain.into()
}

#[cfg(test)]
mod tests;
