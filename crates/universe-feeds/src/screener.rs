//! NASDAQ screener files as they are downloaded: every US listing on one session.
//!
//! CSV with the header of the website's download or of the daily records made from its API, JSON as the
//! API answers. The file has no share count (it is implied by cap and price) and no listing date.

use std::path::Path;

use jiff::civil::Date;
use serde::Deserialize;
use serde_json::{Map, Value};
use universe_core::Snapshot;

use crate::cell::Cell;
use crate::csv_table::{CsvTable, Step};
use crate::issue_log::IssueLog;
use crate::listing_row::{RawListing, SnapshotBuilder};
use crate::session::session_of;
use crate::source::{self, Source, TextSource};
use crate::table::{ColumnNames, find_columns, plain_name};
use crate::{FeedError, Read};

/// The name of this source in a [`Snapshot`].
const SOURCE: &str = "screener";

/// In the order of [`RawListing`]. The API's table for display has only the first few.
const COLUMNS: [ColumnNames<'static>; 10] = [
    ColumnNames { name: "symbol", spellings: &["symbol"], required: true },
    ColumnNames { name: "exchange", spellings: &["exchange"], required: false },
    ColumnNames { name: "name", spellings: &["name"], required: true },
    ColumnNames { name: "lastsale", spellings: &["lastsale"], required: true },
    ColumnNames { name: "volume", spellings: &["volume"], required: true },
    ColumnNames { name: "marketCap", spellings: &["marketcap"], required: true },
    ColumnNames { name: "country", spellings: &["country"], required: true },
    ColumnNames { name: "ipoyear", spellings: &["ipoyear"], required: true },
    ColumnNames { name: "industry", spellings: &["industry"], required: true },
    ColumnNames { name: "sector", spellings: &["sector"], required: true },
];

/// What the API's table for display leaves out; the stored values stay as they are.
const NOT_IN_DISPLAY_TABLE: [&str; 5] = ["volume", "country", "ipoyear", "industry", "sector"];

/// Reads a screener file: CSV or JSON, also compressed with gzip.
///
/// The session is `as_of_date`, else the date in the file's name. A bad row is an issue and the rest is
/// read; the rows come back sorted by symbol, each symbol once.
///
/// # Errors
/// When the file cannot be read, is not such a file, is empty, truncated or has the wrong columns, when
/// no session is given or the day is none. Nothing of the file may be used then.
pub fn read_screener(path: &Path, as_of_date: Option<Date>) -> Result<Read<Snapshot>, FeedError> {
    let session = session_of(path, as_of_date)?;
    let mut issues = IssueLog::new(path);
    let builder = match source::open(path)? {
        Source::Lines(lines) => read_csv(lines, &mut issues)?,
        Source::Json(text) => read_json(path, text, &mut issues)?,
        Source::Parquet(_) => {
            let detail = "it is Parquet; daily snapshots in Parquet are loaded with `load snapshots`".to_owned();
            return Err(FeedError::Damaged { path: path.to_owned(), detail });
        }
    };
    builder.finish(path, session, SOURCE, issues)
}

fn read_csv(lines: TextSource, issues: &mut IssueLog) -> Result<SnapshotBuilder, FeedError> {
    let path = lines.path().to_owned();
    let mut table = CsvTable::new(lines)?;
    let columns = find_columns(&path, table.headers(), &COLUMNS)?;
    let mut builder = SnapshotBuilder::default();
    loop {
        match table.advance()? {
            Step::End => return Ok(builder),
            Step::Row => {
                let raw = raw_listing(|column| columns[column].map_or(Cell::Null, |at| table.cell(at)));
                builder.add(table.line(), &raw, issues);
            }
            Step::Bad(reason) => {
                let symbol = columns[0].and_then(|at| table.cell_if_there(at));
                issues.push(Some(table.line()), symbol, reason);
                builder.skip();
            }
        }
    }
}

/// What the API answers, and what people save of it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Document {
    Rows(Vec<Value>),
    Answer { data: Option<Data> },
}

#[derive(Deserialize)]
struct Data {
    rows: Option<Vec<Value>>,
    table: Option<DisplayTable>,
}

#[derive(Deserialize)]
struct DisplayTable {
    rows: Option<Vec<Value>>,
}

fn read_json(path: &Path, text: TextSource, issues: &mut IssueLog) -> Result<SnapshotBuilder, FeedError> {
    let (rows, is_display_table) = match text.read_json()? {
        Document::Rows(rows) => (rows, false),
        Document::Answer { data: Some(Data { rows: Some(rows), .. }) } => (rows, false),
        Document::Answer { data: Some(Data { table: Some(DisplayTable { rows: Some(rows) }), .. }) } => (rows, true),
        Document::Answer { .. } => {
            let detail = "the answer of the API carries no rows".to_owned();
            return Err(FeedError::NoRows { path: path.to_owned(), detail });
        }
    };
    let mut builder = SnapshotBuilder::default();
    let first = rows.iter().find_map(Value::as_object);
    let headers: Vec<String> = first.map(|row| row.keys().cloned().collect()).unwrap_or_default();
    if first.is_some() {
        let wanted = COLUMNS.map(|column| ColumnNames {
            required: column.required && !(is_display_table && NOT_IN_DISPLAY_TABLE.contains(&column.name)),
            ..column
        });
        find_columns(path, &headers, &wanted)?;
    }
    for (line, row) in (1..).zip(&rows) {
        match row.as_object() {
            Some(row) => builder.add(line, &raw_listing(|column| json_cell(row, &COLUMNS[column])), issues),
            None => {
                issues.push(Some(line), None, "the row is not an object; it was skipped");
                builder.skip();
            }
        }
    }
    Ok(builder)
}

fn raw_listing<'a>(cell: impl Fn(usize) -> Cell<'a>) -> RawListing<'a> {
    RawListing {
        symbol: cell(0),
        exchange: cell(1),
        name: cell(2),
        last_sale: cell(3),
        volume: cell(4),
        market_cap: cell(5),
        country: cell(6),
        ipo_year: cell(7),
        industry: cell(8),
        sector: cell(9),
    }
}

fn json_cell<'a>(row: &'a Map<String, Value>, column: &ColumnNames<'_>) -> Cell<'a> {
    // Nearly every file spells its keys as the API does; the search is for those that do not.
    let value = row.get(column.name).or_else(|| {
        let matches = |(key, _): &(&String, &Value)| column.spellings.contains(&plain_name(key).as_str());
        row.iter().find(matches).map(|(_, value)| value)
    });
    value.map_or(Cell::Null, Cell::from_json)
}

#[cfg(test)]
mod tests;
