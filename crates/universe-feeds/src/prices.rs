//! Daily bars: one row per symbol and session, as CSV or Parquet, in batches.

use std::collections::HashMap;
use std::path::Path;

use jiff::civil::Date;
use universe_core::{Bar, Issue, Price, Symbol, expect_session};

use crate::cell::Cell;
use crate::csv_table::Step;
use crate::issue_log::IssueLog;
use crate::listing_row::parse_symbol;
use crate::table::{self, ColumnNames, Table, find_columns};
use crate::{FeedError, Read};

/// How many bars are handed over at a time: some megabytes, and enough for a store to write at once.
pub const BAR_BATCH_ROWS: usize = 50_000;

/// The years that bars can be of; outside them a date is a fault, and would cost [`SeenDays`] memory.
const BAR_YEARS: std::ops::RangeInclusive<i16> = 1900..=2200;

const COLUMNS: [ColumnNames<'static>; 7] = [
    ColumnNames { name: "symbol", spellings: &["symbol", "ticker"], required: true },
    ColumnNames { name: "date", spellings: &["date", "timestamp", "asof"], required: true },
    ColumnNames { name: "close", spellings: &["close"], required: true },
    ColumnNames { name: "open", spellings: &["open"], required: false },
    ColumnNames { name: "high", spellings: &["high"], required: false },
    ColumnNames { name: "low", spellings: &["low"], required: false },
    ColumnNames { name: "volume", spellings: &["volume"], required: false },
];

/// The bars of a file; an iterator over batches of at most [`BAR_BATCH_ROWS`].
///
/// A symbol and date that stand in the file twice are an issue, wherever in the file they stand, and the
/// first is kept. Memory is one batch and a bit for each session of each symbol.
pub struct Prices {
    table: Table,
    columns: Vec<Option<usize>>,
    issues: IssueLog,
    rows: u64,
    loaded: u64,
    seen: HashMap<Symbol, SeenDays>,
    ended: bool,
}

/// Opens a file of daily bars: CSV (also compressed with gzip) or Parquet, columns by name.
///
/// `symbol`, `date` (or `timestamp`, or `as_of`) and `close` are required. A bad row is an issue and the
/// rest is read.
///
/// # Errors
/// When the file cannot be opened, is not such a file, is empty or has the wrong columns. Damage further
/// on is found while reading: after an error from the iterator nothing of the file may be kept.
pub fn read_prices(path: &Path) -> Result<Prices, FeedError> {
    let (table, columns) = table::open(path, |headers| {
        let found = find_columns(path, headers, &COLUMNS)?;
        let mut read: Vec<usize> = Vec::new();
        let mut columns = Vec::new();
        for position in found {
            columns.push(position.map(|_| read.len()));
            read.extend(position);
        }
        Ok((read, columns))
    })?;
    let issues = IssueLog::new(path);
    Ok(Prices { table, columns, issues, rows: 0, loaded: 0, seen: HashMap::new(), ended: false })
}

impl Prices {
    /// Ends reading: how many bars were handed over, how many rows read, and what was wrong with them.
    #[must_use]
    pub fn finish(self) -> Read<u64> {
        let issues: Vec<Issue> = self.issues.into_issues();
        Read { value: self.loaded, rows: self.rows, issues }
    }

    fn next_batch(&mut self) -> Result<Vec<Bar>, FeedError> {
        let mut bars = Vec::new();
        while bars.len() < BAR_BATCH_ROWS {
            match self.table.advance()? {
                Step::End => {
                    self.ended = true;
                    break;
                }
                Step::Bad(reason) => {
                    self.issues.push(Some(self.table.line()), self.table.text_if_there(0), reason);
                }
                Step::Row => bars.extend(self.bar()),
            }
            self.rows += 1;
        }
        self.loaded += bars.len() as u64;
        Ok(bars)
    }

    /// Understands the current row; `None`, with an issue, where it cannot be used.
    fn bar(&mut self) -> Option<Bar> {
        let line = self.table.line();
        let symbol = parse_symbol(line, self.table.cell(0), &mut self.issues)?;
        match self.bar_of(symbol.clone()) {
            Ok(bar) if self.seen.entry(symbol).or_default().insert(bar.date) => Some(bar),
            Ok(bar) => {
                let reason = format!("{} has a bar of {} already; the row was skipped", bar.symbol, bar.date);
                self.issues.push(Some(line), Some(bar.symbol.as_str()), reason);
                None
            }
            Err((symbol, fault)) => {
                self.issues.push(Some(line), Some(symbol.as_str()), format!("{fault}; the row was skipped"));
                None
            }
        }
    }

    fn bar_of(&mut self, symbol: Symbol) -> Result<Bar, (Symbol, String)> {
        let line = self.table.line();
        let cell = |column: usize| self.columns[column].map_or(Cell::Null, |at| self.table.cell(at));
        match daily_bar(&symbol, cell, |fault| self.issues.push(Some(line), Some(symbol.as_str()), fault)) {
            Ok(bar) => Ok(bar),
            Err(fault) => Err((symbol, fault)),
        }
    }
}

impl Iterator for Prices {
    type Item = Result<Vec<Bar>, FeedError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        match self.next_batch() {
            Ok(bars) if bars.is_empty() && self.ended => None,
            Ok(bars) => Some(Ok(bars)),
            Err(error) => {
                self.ended = true;
                Some(Err(error))
            }
        }
    }
}

/// Understands one row; prices other than the close are dropped where they are none.
fn daily_bar<'a>(
    symbol: &Symbol,
    cell: impl Fn(usize) -> Cell<'a>,
    mut note: impl FnMut(String),
) -> Result<Bar, String> {
    let date = cell(1).day().map_err(|fault| fault.0)?.ok_or("there is no date")?;
    if !BAR_YEARS.contains(&date.year()) {
        return Err(format!("{date} is outside the years {} to {}", BAR_YEARS.start(), BAR_YEARS.end()));
    }
    expect_session(date).map_err(|not_a_session| not_a_session.to_string())?;
    let close = price(cell(2)).map_err(|fault| format!("the close {fault}"))?.ok_or("there is no close")?;
    let mut side_price = |name: &str, column: usize| {
        price(cell(column)).unwrap_or_else(|fault| {
            note(format!("the {name} {fault}; it was dropped"));
            None
        })
    };
    let (open, high, low) = (side_price("open", 3), side_price("high", 4), side_price("low", 5));
    if let (Some(high), Some(low)) = (high, low)
        && high < low
    {
        return Err(format!("the high {high} is below the low {low}"));
    }
    let volume = cell(6).whole().map_err(|fault| format!("the volume {}", fault.0))?;
    if volume.is_some_and(|volume| volume < 0) {
        return Err(format!("the volume {} is negative", cell(6).shown()));
    }
    Ok(Bar { symbol: symbol.clone(), date, open, high, low, close, volume })
}

fn price(cell: Cell<'_>) -> Result<Option<Price>, String> {
    let Some(dollars) = cell.number().map_err(|fault| fault.0)? else { return Ok(None) };
    let price = Price::from_dollars(dollars).filter(|price| price.micros() > 0);
    price.map(Some).ok_or_else(|| format!("{} is no price", cell.shown()))
}

/// The days of one symbol that were met, a bit each.
///
/// Only sessions come here, so the span of days, and with it the size, is small: 50 years are 2 KB.
#[derive(Default)]
struct SeenDays {
    /// The number of the first word since 1970.
    first_word: i64,
    words: Vec<u64>,
}

impl SeenDays {
    /// Notes a day; `false` where it was noted before.
    fn insert(&mut self, date: Date) -> bool {
        let day = days_since_epoch(date);
        let word = day.div_euclid(64);
        if self.words.is_empty() {
            self.first_word = word;
        }
        if word < self.first_word {
            // Files run forward in time as a rule; some run backward, and grow at the front a little ahead.
            let room = (self.first_word - word).max(self.words.len() as i64);
            let front = vec![0; usize::try_from(room).unwrap_or(0)];
            self.words.splice(0..0, front);
            self.first_word -= room;
        }
        let index = usize::try_from(word - self.first_word).unwrap_or(0);
        if index >= self.words.len() {
            self.words.resize(index + 1, 0);
        }
        let bit = 1 << day.rem_euclid(64);
        let is_new = self.words[index] & bit == 0;
        self.words[index] |= bit;
        is_new
    }
}

fn days_since_epoch(date: Date) -> i64 {
    date.duration_since(Date::constant(1970, 1, 1)).as_hours() / 24
}

#[cfg(test)]
mod tests;
