//! The one way from a raw row of a daily listing file to a [`SnapshotRow`], whatever the file.

use std::path::Path;

use jiff::civil::Date;
use universe_core::{ListingRecord, Price, SecurityType, Snapshot, SnapshotRow, Symbol, Usd};

use crate::cell::Cell;
use crate::issue_log::IssueLog;
use crate::{FeedError, Read};

/// A cap above this is a fault of the source: it is about the value of the whole US market, and the
/// largest company has never passed a tenth of it. Smaller faults are for the checks of a run to find.
pub(crate) const CAP_DOLLARS_MAX: i64 = 100_000_000_000_000;

/// A row as the source has it; what the source lacks altogether is [`Cell::Null`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawListing<'a> {
    pub(crate) symbol: Cell<'a>,
    pub(crate) exchange: Cell<'a>,
    pub(crate) name: Cell<'a>,
    pub(crate) last_sale: Cell<'a>,
    pub(crate) volume: Cell<'a>,
    pub(crate) market_cap: Cell<'a>,
    pub(crate) country: Cell<'a>,
    pub(crate) ipo_year: Cell<'a>,
    pub(crate) industry: Cell<'a>,
    pub(crate) sector: Cell<'a>,
}

/// Collects the rows of one session.
#[derive(Default)]
pub(crate) struct SnapshotBuilder {
    rows: Vec<(u64, SnapshotRow)>,
    read: u64,
}

impl SnapshotBuilder {
    /// Counts a row that is no listing; its issue is already noted.
    pub(crate) fn skip(&mut self) {
        self.read += 1;
    }

    /// Adds a row; what is wrong with it goes to `issues`.
    pub(crate) fn add(&mut self, line: u64, raw: &RawListing<'_>, issues: &mut IssueLog) {
        self.read += 1;
        if let Some(row) = snapshot_row(line, raw, issues) {
            self.rows.push((line, row));
        }
    }

    /// Sorts the rows by symbol and takes each symbol once, the row that came first.
    pub(crate) fn finish(
        mut self,
        path: &Path,
        session: Date,
        source: &str,
        mut issues: IssueLog,
    ) -> Result<Read<Snapshot>, FeedError> {
        if self.rows.is_empty() {
            let detail = match issues.first() {
                Some(issue) => format!("all {} rows are wrong, the first because {}", self.read, issue.reason),
                None => "there is a header and nothing else".to_owned(),
            };
            return Err(FeedError::NoRows { path: path.to_owned(), detail });
        }
        // Stable, so that of equal symbols the first line stays first.
        self.rows.sort_by(|(_, a), (_, b)| a.listing.symbol.cmp(&b.listing.symbol));
        self.rows.dedup_by(|(line, row), (kept_line, kept)| {
            let same = row.listing.symbol == kept.listing.symbol;
            if same {
                note_duplicate(&mut issues, &row.listing.symbol, *line, *kept_line);
            }
            same
        });
        let rows = self.rows.into_iter().map(|(_, row)| row).collect();
        let value = Snapshot { session, source: source.to_owned(), rows };
        Ok(Read { value, rows: self.read, issues: issues.into_issues() })
    }
}

/// Notes that a symbol stands in a file a second time.
pub(crate) fn note_duplicate(issues: &mut IssueLog, symbol: &Symbol, line: u64, kept_line: u64) {
    let reason = format!("{symbol} is on line {kept_line} already; line {line} was skipped");
    issues.push(Some(line), Some(symbol.as_str()), reason);
}

/// Parses the symbol of a row; without one the row cannot be used.
pub(crate) fn parse_symbol(line: u64, cell: Cell<'_>, issues: &mut IssueLog) -> Option<Symbol> {
    // Not `Cell::text`, which would take `N/A` for nothing, and a symbol is never absent.
    let text = match cell {
        Cell::Text(text) => text.to_owned(),
        other => other.owned_text().unwrap_or_default(),
    };
    Symbol::parse(&text)
        .map_err(|error| {
            let reason = match error {
                universe_core::SymbolError::Empty => "no symbol; the row was skipped".to_owned(),
                other => format!("no usable symbol: {other}; the row was skipped"),
            };
            issues.push(Some(line), Some(&text), reason);
        })
        .ok()
}

/// Tells what kind of security a listing is; `None` where there is no name to tell it from.
pub(crate) fn kind_of(symbol: &Symbol, name: Option<&str>, industry: Option<&str>) -> Option<SecurityType> {
    name.map(|name| SecurityType::classify(symbol, name, industry))
}

/// Checks a cap; one that cannot be is dropped with an issue, blank and zero both mean that there is none.
pub(crate) fn believable_cap(line: u64, symbol: &Symbol, cell: Cell<'_>, issues: &mut IssueLog) -> Option<Usd> {
    let fault = match cell.whole() {
        Ok(None | Some(0)) => return None,
        Ok(Some(cap)) if cap < 0 => "is negative".to_owned(),
        Ok(Some(cap)) if cap > CAP_DOLLARS_MAX => format!("is more than {}", Usd(CAP_DOLLARS_MAX)),
        Ok(Some(cap)) => return Some(Usd(cap)),
        Err(_) => "is not a number".to_owned(),
    };
    let reason = format!("the market cap {} {fault}; the cap was dropped", cell.shown());
    issues.push(Some(line), Some(symbol.as_str()), reason);
    None
}

fn snapshot_row(line: u64, raw: &RawListing<'_>, issues: &mut IssueLog) -> Option<SnapshotRow> {
    let symbol = parse_symbol(line, raw.symbol, issues)?;
    let close = believable_close(line, &symbol, raw.last_sale, issues);
    let market_cap = believable_cap(line, &symbol, raw.market_cap, issues);
    let shares = market_cap.zip(close).and_then(|(cap, close)| cap.shares_at(close));
    let volume = believable_volume(line, &symbol, raw.volume, issues);
    let ipo_year = believable_year(line, &symbol, raw.ipo_year, issues);
    let (company_name, industry) = (raw.name.owned_text(), raw.industry.owned_text());
    let listing = ListingRecord {
        security_type: kind_of(&symbol, company_name.as_deref(), industry.as_deref()),
        company_name,
        exchange: raw.exchange.owned_text(),
        sector: raw.sector.owned_text(),
        industry,
        country: raw.country.owned_text(),
        market_cap,
        // A cap far below the price rounds to no share at all, which is no count.
        weighted_shares_outstanding: shares.filter(|shares| *shares > 0),
        ipo_year,
        ..ListingRecord::new(symbol)
    };
    Some(SnapshotRow { listing, close, volume })
}

fn believable_close(line: u64, symbol: &Symbol, cell: Cell<'_>, issues: &mut IssueLog) -> Option<Price> {
    let fault = match cell.number() {
        Ok(None) => "there is no last sale; the listing has no close".to_owned(),
        Ok(Some(dollars)) => match Price::from_dollars(dollars) {
            Some(price) if price.micros() > 0 => return Some(price),
            Some(_) | None => format!("the last sale {} is no price; the close was dropped", cell.shown()),
        },
        Err(fault) => format!("the last sale {}; the close was dropped", fault.0),
    };
    issues.push(Some(line), Some(symbol.as_str()), fault);
    None
}

fn believable_volume(line: u64, symbol: &Symbol, cell: Cell<'_>, issues: &mut IssueLog) -> Option<i64> {
    let fault = match cell.whole() {
        Ok(Some(volume)) if volume < 0 => format!("{} is negative", cell.shown()),
        Ok(volume) => return volume,
        Err(fault) => fault.0,
    };
    issues.push(Some(line), Some(symbol.as_str()), format!("the volume {fault}; it was dropped"));
    None
}

/// The oldest listed companies went public in the 1790s.
pub(crate) fn believable_year(line: u64, symbol: &Symbol, cell: Cell<'_>, issues: &mut IssueLog) -> Option<i16> {
    const IPO_YEARS: std::ops::RangeInclusive<i64> = 1780..=2200;
    let fault = match cell.whole() {
        Ok(None | Some(0)) => return None,
        Ok(Some(year)) if IPO_YEARS.contains(&year) => return i16::try_from(year).ok(),
        Ok(Some(_)) => format!("{} is no year of an offering", cell.shown()),
        Err(fault) => fault.0,
    };
    issues.push(Some(line), Some(symbol.as_str()), format!("the IPO year {fault}; it was dropped"));
    None
}

#[cfg(test)]
mod tests;
