//! Histories of an index: intervals, changes or dated member lists, as CSV, Parquet or JSON lines.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use jiff::civil::Date;
use serde_json::Value;
use universe_core::Symbol;
use universe_core::constituents::{ChangeLine, IntervalLine, MemberList};

use crate::cell::Cell;
use crate::csv_table::Step;
use crate::issue_log::IssueLog;
use crate::source::{self, Source, TextSource};
use crate::table::{self, Table, plain_name};
use crate::{FeedError, Read};

const SYMBOL: [&str; 2] = ["symbol", "ticker"];
const FROM: [&str; 5] = ["startdate", "start", "from", "validfrom", "dateadded"];
const UNTIL: [&str; 6] = ["enddate", "end", "until", "to", "validto", "dateremoved"];
const DAY: [&str; 5] = ["date", "effectivedate", "observeddate", "asof", "session"];
const ACTION: [&str; 3] = ["action", "change", "event"];

/// The most lines that a history has: thirty years of the largest index, many times over.
const LINES_MAX: u64 = 5_000_000;

/// What a file of an index's history holds.
#[derive(Clone, Debug, PartialEq)]
pub enum ConstituentFile {
    /// A line for each stay: symbol, first day, first day no longer.
    Intervals(Vec<IntervalLine>),
    /// A line for each change: day, added or removed, symbol.
    Changes(Vec<ChangeLine>),
    /// The members of certain days.
    Lists(Vec<MemberList>),
}

/// Reads a history of an index; its kind is told from its columns.
///
/// CSV or Parquet with `symbol` (or `ticker`) and `start_date, end_date` is intervals, with `date, action` changes,
/// with `date` alone the members of each day; JSON lines such as `{"date": "2024-01-02", "symbols": [..]}` are the
/// members of each day too. All may be compressed with gzip. A bad row is an issue; where what stands in the place
/// of a symbol is none, the change or the list says that it is incomplete.
///
/// # Errors
/// When the file cannot be read, is not such a file, is truncated, or has no usable row.
pub fn read_constituents(path: &Path) -> Result<Read<ConstituentFile>, FeedError> {
    let mut issues = IssueLog::new(path);
    let (value, rows) = if let Some(text) = json_lines(path)? {
        let (lists, rows) = read_json_lines(text, &mut issues)?;
        (ConstituentFile::Lists(lists), rows)
    } else {
        read_table(path, &mut issues)?
    };
    let count = match &value {
        ConstituentFile::Intervals(lines) => lines.len(),
        ConstituentFile::Changes(lines) => lines.len(),
        ConstituentFile::Lists(lists) => lists.len(),
    };
    if count == 0 {
        let detail = issues.first().map_or("it has a header only".to_owned(), |issue| issue.reason.clone());
        return Err(FeedError::NoRows { path: path.to_owned(), detail });
    }
    Ok(Read { value, rows, issues: issues.into_issues() })
}

fn json_lines(path: &Path) -> Result<Option<TextSource>, FeedError> {
    Ok(match source::open(path)? {
        Source::Json(text) => Some(text),
        Source::Lines(_) | Source::Parquet(_) => None,
    })
}

fn read_json_lines(mut text: TextSource, issues: &mut IssueLog) -> Result<(Vec<MemberList>, u64), FeedError> {
    let (mut lists, mut rows, mut line) = (Vec::new(), 0, String::new());
    while text.read_line(&mut line)? {
        if line.trim_ascii().is_empty() {
            continue;
        }
        rows += 1;
        let number = Some(text.line());
        let Ok(document) = serde_json::from_str::<Value>(&line) else {
            if !text.ended_with_newline() {
                let detail = format!("its last line, {}, is no complete JSON", text.line());
                return Err(FeedError::Truncated { path: text.path().to_owned(), detail });
            }
            issues.push(number, None, "no JSON object of one day; the line was skipped");
            continue;
        };
        let day = DAY.iter().find_map(|name| document.get(*name)).map(Cell::from_json).map(Cell::day);
        let symbols = ["symbols", "members", "tickers"].iter().find_map(|name| document.get(*name)?.as_array());
        let (Some(Ok(Some(day))), Some(symbols)) = (day, symbols) else {
            issues.push(number, None, "no `date` and `symbols`; the line was skipped");
            continue;
        };
        let mut list = MemberList { day, symbols: BTreeSet::new(), is_complete: true };
        for entry in symbols {
            match symbol_in(Cell::from_json(entry)) {
                Ok(symbol) => {
                    list.symbols.insert(symbol);
                }
                Err(reason) => {
                    list.is_complete = false;
                    issues.push(number, Some(&Cell::from_json(entry).shown()), reason);
                }
            }
        }
        lists.push(list);
    }
    Ok((lists, rows))
}

/// Which columns a table has that matter.
#[derive(Clone, Copy)]
enum Kind {
    Intervals { has_end: bool },
    Changes,
    Lists,
}

fn read_table(path: &Path, issues: &mut IssueLog) -> Result<(ConstituentFile, u64), FeedError> {
    let (mut table, kind) = table::open(path, |headers| choose(path, headers))?;
    let (mut intervals, mut changes, mut lists) = (Vec::new(), Vec::new(), BTreeMap::<Date, MemberList>::new());
    let mut rows = 0;
    loop {
        match table.advance()? {
            Step::End => break,
            Step::Bad(reason) => {
                rows += 1;
                issues.push(Some(table.line()), table.text_if_there(0), reason);
                continue;
            }
            Step::Row => rows += 1,
        }
        if rows > LINES_MAX {
            return Err(FeedError::TooLarge { path: path.to_owned(), limit: format!("{LINES_MAX} lines") });
        }
        let line = table.line();
        let symbol = symbol_in(table.cell(0));
        if let Err(reason) = &symbol {
            issues.push(Some(line), Some(&table.cell(0).shown()), reason.clone());
        }
        let Some(day) = day_in(&table, 1, line, issues) else { continue };
        match kind {
            Kind::Intervals { has_end } => {
                let until = if has_end { table.cell(2).day() } else { Ok(None) };
                match (symbol, until) {
                    (Ok(symbol), Ok(until)) => intervals.push(IntervalLine { line, symbol, from: day, until }),
                    (Ok(_), Err(bad)) => issues.push(Some(line), None, format!("{}; the row was skipped", bad.0)),
                    (Err(_), _) => {}
                }
            }
            Kind::Changes => match is_addition(&table.cell(2)) {
                Some(is_added) => changes.push(ChangeLine { line, symbol: symbol.ok(), day, is_added }),
                None => {
                    let reason = format!("{} is neither add nor remove; the row was skipped", table.cell(2).shown());
                    issues.push(Some(line), None, reason);
                }
            },
            Kind::Lists => {
                let empty = || MemberList { day, symbols: BTreeSet::new(), is_complete: true };
                let list = lists.entry(day).or_insert_with(empty);
                list.is_complete &= symbol.is_ok();
                list.symbols.extend(symbol);
            }
        }
    }
    let value = match kind {
        Kind::Intervals { .. } => ConstituentFile::Intervals(intervals),
        Kind::Changes => ConstituentFile::Changes(changes),
        Kind::Lists => ConstituentFile::Lists(lists.into_values().collect()),
    };
    Ok((value, rows))
}

/// Finds the columns: the symbol first, then the days, then the action.
fn choose(path: &Path, headers: &[String]) -> Result<(Vec<usize>, Kind), FeedError> {
    let names: Vec<String> = headers.iter().map(|header| plain_name(header)).collect();
    let find = |spellings: &[&str]| spellings.iter().find_map(|name| names.iter().position(|header| header == name));
    let wrong =
        |detail: &str| FeedError::Columns { path: path.to_owned(), detail: detail.to_owned(), found: headers.to_vec() };
    let symbol = find(&SYMBOL).ok_or_else(|| wrong("missing symbol (or ticker)"))?;
    match (find(&FROM), find(&UNTIL), find(&DAY), find(&ACTION)) {
        (_, _, Some(day), Some(action)) => Ok((vec![symbol, day, action], Kind::Changes)),
        (Some(from), Some(until), ..) => Ok((vec![symbol, from, until], Kind::Intervals { has_end: true })),
        (Some(from), None, None, _) => Ok((vec![symbol, from], Kind::Intervals { has_end: false })),
        (_, _, Some(day), None) => Ok((vec![symbol, day], Kind::Lists)),
        _ => Err(wrong("neither start_date and end_date, nor date and action, nor date")),
    }
}

fn symbol_in(cell: Cell<'_>) -> Result<Symbol, String> {
    let text = match cell {
        Cell::Text(text) => text.to_owned(),
        other => other.owned_text().unwrap_or_default(),
    };
    Symbol::parse(&text).map_err(|error| format!("no usable symbol: {error}"))
}

fn day_in(table: &Table, column: usize, line: u64, issues: &mut IssueLog) -> Option<Date> {
    let reason = match table.cell(column).day() {
        Ok(Some(day)) => return Some(day),
        Ok(None) => "no date; the row was skipped".to_owned(),
        Err(bad) => format!("{}; the row was skipped", bad.0),
    };
    issues.push(Some(line), None, reason);
    None
}

fn is_addition(cell: &Cell<'_>) -> Option<bool> {
    match cell.text()?.to_ascii_lowercase().as_str() {
        "add" | "added" | "addition" | "in" | "join" | "+" => Some(true),
        "remove" | "removed" | "removal" | "delete" | "drop" | "out" | "leave" | "-" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
