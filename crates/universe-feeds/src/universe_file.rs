//! Member lists: the symbols of a universe or of several, as CSV, as a plain list or as JSON.

mod json;

use std::collections::HashMap;
use std::path::Path;

use universe_core::{Symbol, UniverseId, UniverseType};

use crate::cell::Cell;
use crate::csv_table::{CsvTable, Step};
use crate::issue_log::{IssueLog, shown};
use crate::listing_row::{note_duplicate, parse_symbol};
use crate::source::{self, Source, TextSource};
use crate::table::plain_name;
use crate::{FeedError, Read};
pub(crate) use json::{LIST_KEYS, find_list, symbol_field};

/// The names of a column, or of a key in a JSON object, that holds symbols.
const SYMBOL_NAMES: [&str; 2] = ["symbol", "ticker"];

/// The names of a column, or of a key in a JSON object, that says which universe is meant.
const UNIVERSE_NAMES: [&str; 3] = ["universe", "universekey", "key"];

/// The most members of all lists of a file: a hundred times as many as the whole market has.
const MEMBERS_MAX: usize = 1_000_000;

/// The most universes of a file; a thousand are many.
const LISTS_MAX: usize = 10_000;

/// The members of one universe, as a file lists them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberList {
    /// Which universe; `None` where the file does not say.
    pub universe: Option<ListedUniverse>,
    /// The members in the order of the file, each once, with their lines.
    pub members: Vec<(Symbol, u64)>,
}

/// A universe, as a file names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListedUniverse {
    /// Its type, where the file says it.
    pub universe_type: Option<UniverseType>,
    /// Its key.
    pub key: String,
    /// What people call it, where the file says it.
    pub name: Option<String>,
}

/// Collects lists in the order of the file, each symbol once in each.
struct Lists<'f> {
    path: &'f Path,
    lists: Vec<List>,
    /// The list of each universe; that of no universe under the empty key.
    places: HashMap<(Option<UniverseType>, String), usize>,
    members: usize,
    rows: u64,
    issues: IssueLog,
}

#[derive(Default)]
struct List {
    universe: Option<ListedUniverse>,
    members: Vec<(Symbol, u64)>,
    first_lines: HashMap<Symbol, u64>,
}

/// Reads the list of one universe, whatever the file says about which; the order is kept, as it may be a ranking.
///
/// CSV with a column `symbol` or `ticker`, one symbol a line without a header, or JSON in any shape that
/// was ever stored: `["AAPL"]`, `{"symbols": [..]}`, `{"value": [..]}`, `{"stocks": [{"ticker": ..}]}`,
/// `{"etfs": [{"symbol": ..}]}`; also compressed with gzip. A bad symbol is an issue.
///
/// # Errors
/// When the file cannot be read, is not such a file, is truncated, or lists nobody: a source that
/// publishes an empty list is at fault, and a universe is never emptied for it.
pub fn read_universe(path: &Path) -> Result<Read<Vec<Symbol>>, FeedError> {
    let Read { value, rows, issues } = read_member_list(path)?;
    Ok(Read { value: value.members.into_iter().map(|(symbol, _)| symbol).collect(), rows, issues })
}

/// Reads the list of one universe as [`read_universe`] does, with the line of each member.
///
/// # Errors
/// As for [`read_universe`].
pub fn read_member_list(path: &Path) -> Result<Read<MemberList>, FeedError> {
    let mut lists = Lists::new(path);
    match source::open(path)? {
        Source::Json(text) => json::read_one(path, &text.read_json()?, &mut lists)?,
        Source::Lines(lines) => read_lines(path, lines, Addressed::No, &mut lists)?,
        Source::Parquet(_) => return Err(is_parquet(path)),
    }
    let Read { mut value, rows, issues } = lists.finish()?;
    let value = value.pop().unwrap_or_else(|| MemberList { universe: None, members: Vec::new() });
    Ok(Read { value, rows, issues })
}

/// Reads the lists of all universes that a file names.
///
/// CSV with a column `symbol` (or `ticker`) and a column `universe` (or `key`, with or without `type`), and perhaps
/// `universe_name`; or JSON: `{"KEY": ["AAPL"]}`, `{"universes": [{"type": .., "key": .., "name": .., "symbols": ..}]}`,
/// rows of `cache_entries`, each list in any shape that was ever stored. A file that names no universe has one list
/// without. The line of an entry of JSON is its place, counted through all lists.
///
/// # Errors
/// As for [`read_universe`], for any of the lists; and when a universe is named by what cannot be its key.
pub fn read_universes(path: &Path) -> Result<Read<Vec<MemberList>>, FeedError> {
    let mut lists = Lists::new(path);
    match source::open(path)? {
        Source::Json(text) => json::read_many(path, &text.read_json()?, &mut lists)?,
        Source::Lines(lines) => read_lines(path, lines, Addressed::WhereItSays, &mut lists)?,
        Source::Parquet(_) => return Err(is_parquet(path)),
    }
    lists.finish()
}

/// Whether a file's own words about which universe is meant are looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Addressed {
    No,
    WhereItSays,
}

impl<'f> Lists<'f> {
    fn new(path: &'f Path) -> Self {
        Self { path, lists: Vec::new(), places: HashMap::new(), members: 0, rows: 0, issues: IssueLog::new(path) }
    }

    /// Returns the place of a universe's list, which is made where there is none yet.
    fn place(&mut self, universe: Option<ListedUniverse>) -> Result<usize, FeedError> {
        let key = universe.as_ref().map_or((None, String::new()), |u| (u.universe_type, u.key.clone()));
        if let Some(at) = self.places.get(&key).copied() {
            let known = self.lists[at].universe.as_mut();
            if let Some((known, name)) = known.zip(universe.and_then(|universe| universe.name)) {
                known.name.get_or_insert(name);
            }
            return Ok(at);
        }
        if self.lists.len() >= LISTS_MAX {
            return Err(self.too_large(format!("{LISTS_MAX} universes")));
        }
        self.places.insert(key, self.lists.len());
        self.lists.push(List { universe, ..List::default() });
        Ok(self.lists.len() - 1)
    }

    fn add(&mut self, at: usize, line: u64, cell: Cell<'_>) -> Result<(), FeedError> {
        self.rows += 1;
        let Some(symbol) = parse_symbol(line, cell, &mut self.issues) else { return Ok(()) };
        let list = &mut self.lists[at];
        if let Some(kept) = list.first_lines.get(&symbol) {
            note_duplicate(&mut self.issues, &symbol, line, *kept);
            return Ok(());
        }
        if self.members >= MEMBERS_MAX {
            return Err(self.too_large(format!("{MEMBERS_MAX} members")));
        }
        self.members += 1;
        list.first_lines.insert(symbol.clone(), line);
        list.members.push((symbol, line));
        Ok(())
    }

    fn finish(self) -> Result<Read<Vec<MemberList>>, FeedError> {
        let empty = self.lists.iter().find(|list| list.members.is_empty());
        if self.lists.is_empty() || empty.is_some() {
            let whose = empty.and_then(|list| list.universe.as_ref());
            let whose = whose.map(|universe| format!("{}: ", universe.key)).unwrap_or_default();
            let detail = match self.issues.first() {
                Some(issue) => {
                    format!("{whose}all {} entries are wrong, the first because {}", self.rows, issue.reason)
                }
                None => format!("{whose}the list is empty, and no universe is emptied by a file"),
            };
            return Err(FeedError::NoRows { path: self.path.to_owned(), detail });
        }
        let lists = self.lists.into_iter().map(|list| MemberList { universe: list.universe, members: list.members });
        Ok(Read { value: lists.collect(), rows: self.rows, issues: self.issues.into_issues() })
    }

    fn too_large(&self, limit: String) -> FeedError {
        FeedError::TooLarge { path: self.path.to_owned(), limit }
    }
}

/// Where a table says which universe is meant.
struct AddressColumns {
    universe: usize,
    universe_type: Option<usize>,
    name: Option<usize>,
}

fn read_lines(path: &Path, lines: TextSource, addressed: Addressed, lists: &mut Lists<'_>) -> Result<(), FeedError> {
    let mut table = CsvTable::new(lines)?;
    let headers: Vec<String> = table.headers().iter().map(|header| plain_name(header)).collect();
    let position = |names: &[&str]| names.iter().find_map(|name| headers.iter().position(|header| header == name));
    let column = position(&SYMBOL_NAMES);
    if column.is_none() && headers.len() > 1 {
        let (detail, found) = ("missing symbol (or ticker)".to_owned(), table.headers().to_vec());
        return Err(FeedError::Columns { path: path.to_owned(), detail, found });
    }
    let address = position(&UNIVERSE_NAMES).filter(|_| addressed == Addressed::WhereItSays && column.is_some());
    let address = address.map(|universe| AddressColumns {
        universe,
        universe_type: position(&["universetype", "type"]),
        name: position(&["universename"]),
    });
    // Most rows are of the universe of the row before.
    let mut last: (String, usize) = match &address {
        Some(_) => (String::new(), usize::MAX),
        None => (String::new(), lists.place(None)?),
    };
    if column.is_none() {
        // No header: the first line is a member like the others.
        lists.add(last.1, table.line(), Cell::Text(&table.headers()[0]))?;
    }
    let column = column.unwrap_or(0);
    loop {
        match table.advance()? {
            Step::End => return Ok(()),
            Step::Bad(reason) => {
                lists.rows += 1;
                lists.issues.push(Some(table.line()), table.cell_if_there(column), reason);
                continue;
            }
            Step::Row => {}
        }
        if let Some(columns) = &address {
            let text = |column: Option<usize>| column.and_then(|at| table.cell(at).owned_text());
            let Some(universe) = text(Some(columns.universe)) else {
                lists.rows += 1;
                let reason = "no universe; the row was skipped";
                lists.issues.push(Some(table.line()), table.cell_if_there(column), reason);
                continue;
            };
            let (kind, name) = (text(columns.universe_type), text(columns.name));
            let said = format!("{universe}\n{}\n{}", kind.as_deref().unwrap_or(""), name.as_deref().unwrap_or(""));
            if last.1 == usize::MAX || said != last.0 {
                let listed = listed_universe(path, table.line(), &universe, kind.as_deref(), name)?;
                last = (said, lists.place(Some(listed))?);
            }
        }
        lists.add(last.1, table.line(), table.cell(column))?;
    }
}

/// Reads which universe is meant: `type:key`, or a key, perhaps with its type beside it.
fn listed_universe(
    path: &Path,
    line: u64,
    universe: &str,
    kind: Option<&str>,
    name: Option<String>,
) -> Result<ListedUniverse, FeedError> {
    let (spelling, key) = match universe.split_once(':') {
        Some((spelling, key)) => (Some(spelling), key),
        None => (kind, universe),
    };
    let damaged = |what: String| {
        let detail = format!("line {line}: {what}; nothing of the file was taken");
        FeedError::Damaged { path: path.to_owned(), detail }
    };
    let universe_type = match spelling {
        Some(spelling) => Some(UniverseType::from_spelling(spelling).ok_or_else(|| {
            damaged(format!("{} is no universe type (stock_universe, etf_universe)", shown(spelling)))
        })?),
        None => None,
    };
    UniverseId::new(universe_type.unwrap_or(UniverseType::StockUniverse), key)
        .map_err(|_| damaged(format!("{} is no universe key (snake_case, from a letter)", shown(key))))?;
    Ok(ListedUniverse { universe_type, key: key.to_owned(), name })
}

fn is_parquet(path: &Path) -> FeedError {
    let detail = "it is Parquet; a member list is CSV, a plain list or JSON".to_owned();
    FeedError::Damaged { path: path.to_owned(), detail }
}

#[cfg(test)]
mod tests;
