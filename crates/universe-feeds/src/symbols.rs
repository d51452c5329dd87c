//! Reference data of listings: one row per symbol, as CSV or Parquet.

use std::collections::HashMap;
use std::path::Path;

use universe_core::{ListingRecord, SecurityType, Symbol};

use crate::cell::{BadCell, Cell};
use crate::csv_table::Step;
use crate::issue_log::IssueLog;
use crate::listing_row::{believable_cap, believable_year, kind_of, note_duplicate, parse_symbol};
use crate::table::{self, ColumnNames, Table, find_columns, plain_name};
use crate::{FeedError, Read};

/// A column of further figures that holds texts is told from a few bad cells, not from every row.
const FACT_ISSUES_PER_COLUMN_MAX: u64 = 20;

const fn optional(name: &'static str, spellings: &'static [&'static str]) -> ColumnNames<'static> {
    ColumnNames { name, spellings, required: false }
}

/// The columns of the `symbols` table, with the names that older databases have for them.
const COLUMNS: [ColumnNames<'static>; 17] = [
    ColumnNames { name: "symbol", spellings: &["symbol", "ticker"], required: true },
    optional("company_name", &["companyname", "name"]),
    optional("security_type", &["securitytype", "type"]),
    optional("exchange", &["exchange", "primaryexchange"]),
    optional("sector", &["sector"]),
    optional("industry", &["industry"]),
    optional("country", &["country"]),
    optional("currency", &["currency", "currencyname"]),
    optional("market_cap", &["marketcap"]),
    optional("weighted_shares_outstanding", &["weightedsharesoutstanding", "sharesoutstanding"]),
    optional("listing_date", &["listingdate", "listdate"]),
    optional("ipo_year", &["ipoyear"]),
    optional("is_active", &["isactive", "active"]),
    optional("delisted_date", &["delisteddate", "delistedutc"]),
    optional("etf_type", &["etftype"]),
    optional("issuer", &["issuer"]),
    optional("aum_millions", &["aummillions"]),
];

/// Bookkeeping of the table itself, which says nothing about a listing.
const IGNORED: [&str; 4] = ["id", "lastupdated", "createdat", "updatedat"];

/// Which columns of a file are what; positions count the columns that are read.
struct Layout {
    known: Vec<Option<usize>>,
    facts: Vec<Fact>,
}

struct Fact {
    name: String,
    column: usize,
    bad_cells: u64,
}

/// Reads reference data: CSV (also compressed with gzip) or Parquet, columns by name.
///
/// Only `symbol` is required. A column that the `symbols` table does not have is a figure under its
/// snake_case name (`dividend_yield`), for rules to use. A bad row or cell is an issue, and the rest is
/// read; the records come in the order of the file, each symbol once.
///
/// # Errors
/// When the file cannot be read, is not such a file, is empty, truncated or has the wrong columns.
pub fn read_symbols(path: &Path) -> Result<Read<Vec<ListingRecord>>, FeedError> {
    let (mut table, mut layout) = table::open(path, |headers| layout_of(path, headers))?;
    let mut issues = IssueLog::new(path);
    let mut first_lines: HashMap<Symbol, u64> = HashMap::new();
    let (mut records, mut rows) = (Vec::new(), 0);
    loop {
        match table.advance()? {
            Step::End => break,
            Step::Bad(reason) => issues.push(Some(table.line()), table.text_if_there(0), reason),
            Step::Row => {
                if let Some(symbol) = parse_symbol(table.line(), table.cell(0), &mut issues) {
                    match first_lines.get(&symbol) {
                        Some(kept) => note_duplicate(&mut issues, &symbol, table.line(), *kept),
                        None => {
                            first_lines.insert(symbol.clone(), table.line());
                            records.push(record(&table, &mut layout, symbol, &mut issues));
                        }
                    }
                }
            }
        }
        rows += 1;
    }
    for fact in layout.facts.iter().filter(|fact| fact.bad_cells > FACT_ISSUES_PER_COLUMN_MAX) {
        let more = fact.bad_cells - FACT_ISSUES_PER_COLUMN_MAX;
        issues.push(None, None, format!("and {more} more values of {} that are no number", fact.name));
    }
    if records.is_empty() {
        let detail = match issues.first() {
            Some(issue) => format!("all {rows} rows are wrong, the first because {}", issue.reason),
            None => "there is a header and nothing else".to_owned(),
        };
        return Err(FeedError::NoRows { path: path.to_owned(), detail });
    }
    Ok(Read { value: records, rows, issues: issues.into_issues() })
}

/// Puts the symbol first, then the other known columns, then the figures.
fn layout_of(path: &Path, headers: &[String]) -> Result<(Vec<usize>, Layout), FeedError> {
    let found = find_columns(path, headers, &COLUMNS)?;
    let mut columns: Vec<usize> = Vec::new();
    let mut known = Vec::new();
    for position in found {
        known.push(position.map(|_| columns.len()));
        columns.extend(position);
    }
    let mut facts: Vec<Fact> = Vec::new();
    for (position, header) in headers.iter().enumerate() {
        let plain = plain_name(header);
        let is_known = COLUMNS.iter().any(|column| column.spellings.contains(&plain.as_str()));
        if is_known || plain.is_empty() || IGNORED.contains(&plain.as_str()) {
            continue;
        }
        let name = snake_case(header);
        if facts.iter().any(|fact| fact.name == name) {
            let detail = format!("more than one column for {name}");
            return Err(FeedError::Columns { path: path.to_owned(), detail, found: headers.to_vec() });
        }
        facts.push(Fact { name, column: columns.len(), bad_cells: 0 });
        columns.push(position);
    }
    Ok((columns, Layout { known, facts }))
}

fn record(table: &Table, layout: &mut Layout, symbol: Symbol, issues: &mut IssueLog) -> ListingRecord {
    let line = table.line();
    let cell = |column: usize| layout.known[column].map_or(Cell::Null, |at| table.cell(at));
    let listing_date = or_dropped("listing_date", cell(10).day(), line, &symbol, issues);
    let is_active = or_dropped("is_active", cell(12).flag(), line, &symbol, issues);
    let delisted_date = or_dropped("delisted_date", cell(13).day(), line, &symbol, issues);
    let shares = not_negative(cell(9), Cell::whole);
    let weighted_shares_outstanding = or_dropped("weighted_shares_outstanding", shares, line, &symbol, issues);
    let aum_millions = or_dropped("aum_millions", not_negative(cell(16), Cell::number), line, &symbol, issues);
    let (company_name, industry) = (cell(1).owned_text(), cell(5).owned_text());
    let security_type = match cell(2).text() {
        None => kind_of(&symbol, company_name.as_deref(), industry.as_deref()),
        Some(code) => SecurityType::from_code(&code).or_else(|| {
            let reason = format!("{} is no known security type; it was told from the name", cell(2).shown());
            issues.push(Some(line), Some(symbol.as_str()), reason);
            kind_of(&symbol, company_name.as_deref(), industry.as_deref())
        }),
    };
    let mut record = ListingRecord {
        company_name,
        security_type,
        exchange: cell(3).owned_text(),
        sector: cell(4).owned_text(),
        industry,
        country: cell(6).owned_text(),
        currency: cell(7).owned_text(),
        market_cap: believable_cap(line, &symbol, cell(8), issues),
        weighted_shares_outstanding,
        listing_date,
        ipo_year: believable_year(line, &symbol, cell(11), issues),
        is_active,
        delisted_date,
        etf_type: cell(14).owned_text(),
        issuer: cell(15).owned_text(),
        aum_millions,
        ..ListingRecord::new(symbol)
    };
    for fact in &mut layout.facts {
        match table.cell(fact.column).number() {
            Ok(None) => {}
            Ok(Some(figure)) => {
                record.facts.insert(fact.name.clone(), figure);
            }
            Err(fault) => {
                fact.bad_cells += 1;
                if fact.bad_cells <= FACT_ISSUES_PER_COLUMN_MAX {
                    let reason = format!("{}: {}; the value was dropped", fact.name, fault.0);
                    issues.push(Some(line), Some(record.symbol.as_str()), reason);
                }
            }
        }
    }
    record
}

/// Takes a value, or notes why there is none.
fn or_dropped<V>(
    name: &str,
    value: Result<Option<V>, BadCell>,
    line: u64,
    symbol: &Symbol,
    issues: &mut IssueLog,
) -> Option<V> {
    value.unwrap_or_else(|fault| {
        issues.push(Some(line), Some(symbol.as_str()), format!("{name}: {}; the value was dropped", fault.0));
        None
    })
}

fn not_negative<'a, N: PartialOrd + Default>(
    cell: Cell<'a>,
    parse: impl FnOnce(Cell<'a>) -> Result<Option<N>, BadCell>,
) -> Result<Option<N>, BadCell> {
    match parse(cell)? {
        Some(number) if number < N::default() => Err(BadCell(format!("{} is negative", cell.shown()))),
        number => Ok(number),
    }
}

/// Returns `dividend_yield` for `Dividend Yield`, `dividendYield` and `DIVIDEND_YIELD`.
fn snake_case(header: &str) -> String {
    let mut name = String::new();
    let mut after_lower = false;
    for c in header.trim().chars() {
        if !c.is_alphanumeric() {
            after_lower = false;
            if !name.is_empty() && !name.ends_with('_') {
                name.push('_');
            }
            continue;
        }
        if c.is_uppercase() && after_lower {
            name.push('_');
        }
        after_lower = c.is_lowercase() || c.is_numeric();
        name.extend(c.to_lowercase());
    }
    name.trim_end_matches('_').to_owned()
}

#[cfg(test)]
mod tests;
