//! Member lists: the symbols of a universe, as CSV, as a plain list or as JSON.

use std::collections::HashMap;
use std::path::Path;

use serde_json::{Map, Value};
use universe_core::Symbol;

use crate::cell::Cell;
use crate::csv_table::{CsvTable, Step};
use crate::issue_log::IssueLog;
use crate::listing_row::{note_duplicate, parse_symbol};
use crate::source::{self, Source, TextSource};
use crate::table::plain_name;
use crate::{FeedError, Read};

/// The names of a column, or of a key in a JSON object, that holds symbols.
const SYMBOL_NAMES: [&str; 2] = ["symbol", "ticker"];

/// The keys under which older writers put a list, in the order in which they are looked for.
const LIST_KEYS: [&str; 5] = ["symbols", "value", "stocks", "etfs", "members"];

/// How deep a list may lie in a JSON document.
const DEPTH_MAX: usize = 3;

/// Collects symbols in the order of the file, each once.
struct Members {
    symbols: Vec<Symbol>,
    first_lines: HashMap<Symbol, u64>,
    rows: u64,
    issues: IssueLog,
}

/// Reads a member list; the order is kept, as it may be a ranking.
///
/// CSV with a column `symbol` or `ticker`, one symbol a line without a header, or JSON in any shape that
/// was ever stored: `["AAPL"]`, `{"symbols": [..]}`, `{"value": [..]}`, `{"stocks": [{"ticker": ..}]}`,
/// `{"etfs": [{"symbol": ..}]}`; also compressed with gzip. A bad symbol is an issue.
///
/// # Errors
/// When the file cannot be read, is not such a file, is truncated, or lists nobody: a source that
/// publishes an empty list is at fault, and a universe is never emptied for it.
pub fn read_universe(path: &Path) -> Result<Read<Vec<Symbol>>, FeedError> {
    let mut members =
        Members { symbols: Vec::new(), first_lines: HashMap::new(), rows: 0, issues: IssueLog::new(path) };
    match source::open(path)? {
        Source::Json(text) => read_json(path, &text.read_json()?, &mut members)?,
        Source::Lines(lines) => read_lines(path, lines, &mut members)?,
        Source::Parquet(_) => {
            let detail = "it is Parquet; a member list is CSV, a plain list or JSON".to_owned();
            return Err(FeedError::Damaged { path: path.to_owned(), detail });
        }
    }
    if members.symbols.is_empty() {
        let detail = match members.issues.first() {
            Some(issue) => format!("all {} entries are wrong, the first because {}", members.rows, issue.reason),
            None => "the list is empty, and no universe is emptied by a file".to_owned(),
        };
        return Err(FeedError::NoRows { path: path.to_owned(), detail });
    }
    Ok(Read { value: members.symbols, rows: members.rows, issues: members.issues.into_issues() })
}

impl Members {
    fn add(&mut self, line: u64, cell: Cell<'_>) {
        self.rows += 1;
        let Some(symbol) = parse_symbol(line, cell, &mut self.issues) else { return };
        match self.first_lines.get(&symbol) {
            Some(kept) => note_duplicate(&mut self.issues, &symbol, line, *kept),
            None => {
                self.first_lines.insert(symbol.clone(), line);
                self.symbols.push(symbol);
            }
        }
    }
}

fn read_lines(path: &Path, lines: TextSource, members: &mut Members) -> Result<(), FeedError> {
    let mut table = CsvTable::new(lines)?;
    let is_symbol = |header: &String| SYMBOL_NAMES.contains(&plain_name(header).as_str());
    let column = table.headers().iter().position(is_symbol);
    if column.is_none() {
        if table.headers().len() > 1 {
            let (detail, found) = ("missing symbol (or ticker)".to_owned(), table.headers().to_vec());
            return Err(FeedError::Columns { path: path.to_owned(), detail, found });
        }
        // No header: the first line is a member like the others.
        members.add(table.line(), Cell::Text(&table.headers()[0]));
    }
    let column = column.unwrap_or(0);
    loop {
        match table.advance()? {
            Step::End => return Ok(()),
            Step::Row => members.add(table.line(), table.cell(column)),
            Step::Bad(reason) => {
                members.rows += 1;
                members.issues.push(Some(table.line()), table.cell_if_there(column), reason);
            }
        }
    }
}

fn read_json(path: &Path, document: &Value, members: &mut Members) -> Result<(), FeedError> {
    let Some(list) = find_list(document, DEPTH_MAX) else {
        let detail = format!("its JSON has no list, neither by itself nor under {}", LIST_KEYS.join(", "));
        return Err(FeedError::Damaged { path: path.to_owned(), detail });
    };
    for (line, entry) in (1..).zip(list) {
        let cell = match entry {
            Value::Object(fields) => symbol_field(fields),
            other => Cell::from_json(other),
        };
        members.add(line, cell);
    }
    Ok(())
}

fn find_list(document: &Value, depth: usize) -> Option<&Vec<Value>> {
    match document {
        Value::Array(list) => Some(list),
        Value::Object(fields) if depth > 0 => LIST_KEYS.iter().find_map(|key| find_list(fields.get(*key)?, depth - 1)),
        Value::Object(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

fn symbol_field(fields: &Map<String, Value>) -> Cell<'_> {
    let is_symbol = |(key, _): &(&String, &Value)| SYMBOL_NAMES.contains(&plain_name(key).as_str());
    fields.iter().find(is_symbol).map_or(Cell::Null, |(_, value)| Cell::from_json(value))
}

#[cfg(test)]
mod tests;
