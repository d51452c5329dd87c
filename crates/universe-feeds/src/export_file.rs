//! Exports of universes, as `universe export` writes them and as older programs stored them.
//!
//! Unlike market data, an export is believed whole or not at all: whatever contradicts itself is a fault, and a
//! file with faults is not imported. All of them are found, so that they can be mended at once.

mod json;
mod rows;

use std::collections::HashMap;
use std::path::Path;

use jiff::civil::Date;
use universe_core::{Category, Issue, Symbol, UniverseId, UniverseType};

use crate::issue_log::{IssueLog, shown};
use crate::source::{self, Source};
use crate::{FeedError, table};

/// The most members that are read from one file: a hundred universes of all listings of a large market.
pub const EXPORT_MEMBERS_MAX: u64 = 10_000_000;

/// The versions of the document that are understood.
const VERSIONS: std::ops::RangeInclusive<i64> = 1..=1;

/// What a file says about universes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExportFile {
    /// The environment that it was exported from.
    pub environment: Option<String>,
    /// The session that it describes.
    pub as_of: Option<Date>,
    /// The universes, in the order of the file.
    pub universes: Vec<ExportedUniverse>,
    /// How many rows or entries of lists it has.
    pub rows: u64,
    /// What forbids to import it.
    pub faults: Vec<Issue>,
    /// What should be known about it.
    pub issues: Vec<Issue>,
}

/// What a file says about one universe.
#[derive(Clone, Debug, PartialEq)]
pub struct ExportedUniverse {
    /// Its address.
    pub id: UniverseId,
    /// What people call it.
    pub name: Option<String>,
    /// What it groups by.
    pub category: Option<Category>,
    /// The name of the rule that chose its members.
    pub rule: Option<String>,
    /// The version of that rule.
    pub rule_version: Option<String>,
    /// Whether its members are in order of rank; `None` where the file does not say.
    pub is_ranked: Option<bool>,
    /// Whether a change of its members waited for approval where it was exported.
    pub held: bool,
    /// Its members, each once, in the order of the file.
    pub symbols: Vec<Symbol>,
}

/// Reads an export: the JSON document, CSV or Parquet; also rows of `cache_entries` as JSON, with their value
/// in any shape that older programs wrote.
///
/// # Errors
/// When the file cannot be read, is damaged or cut off, or is no export at all. Contradictions within it are in
/// [`ExportFile::faults`].
pub fn read_export(path: &Path) -> Result<ExportFile, FeedError> {
    let mut draft = Draft::new(path);
    match source::open(path)? {
        Source::Json(text) => json::read(path, &text.read_json()?, &mut draft)?,
        Source::Lines(_) | Source::Parquet(_) => rows::read(path, &mut draft)?,
    }
    let file = draft.finish();
    if file.universes.is_empty() && file.faults.is_empty() {
        let detail = "no universe stands in it".to_owned();
        return Err(FeedError::NoRows { path: path.to_owned(), detail });
    }
    Ok(file)
}

/// An export as far as it has been read.
struct Draft {
    file: ExportFile,
    places: HashMap<UniverseId, usize>,
    faults: IssueLog,
    issues: IssueLog,
}

impl Draft {
    fn new(path: &Path) -> Self {
        Self {
            file: ExportFile::default(),
            places: HashMap::new(),
            faults: IssueLog::new(path),
            issues: IssueLog::new(path),
        }
    }

    fn fault(&mut self, line: Option<u64>, symbol: Option<&str>, reason: impl Into<String>) {
        self.faults.push(line, symbol, reason);
    }

    fn issue(&mut self, line: Option<u64>, symbol: Option<&str>, reason: impl Into<String>) {
        self.issues.push(line, symbol, reason);
    }

    /// Adds a universe; one that stands there already is a fault.
    fn add(&mut self, line: Option<u64>, universe: ExportedUniverse) {
        if self.places.contains_key(&universe.id) {
            self.fault(line, None, format!("{} stands in the file twice", universe.id));
            return;
        }
        self.places.insert(universe.id.clone(), self.file.universes.len());
        self.file.universes.push(universe);
    }

    fn finish(self) -> ExportFile {
        let Self { mut file, faults, issues, .. } = self;
        file.faults = faults.into_issues();
        file.issues = issues.into_issues();
        file
    }
}

/// Parses the two halves of an address.
fn address(universe_type: &str, key: &str) -> Result<UniverseId, String> {
    let Some(universe_type) = UniverseType::from_spelling(universe_type) else {
        let wanted = "stock_universe or etf_universe";
        return Err(format!("{} is no type of universe; it is {wanted}", shown(universe_type)));
    };
    UniverseId::new(universe_type, key).map_err(|error| error.to_string())
}

/// Reads the spelling of a category; `None` for what an older program wrote.
fn category_of(text: &str) -> Option<Category> {
    serde_json::from_value(serde_json::Value::from(text)).ok()
}

/// Takes off the apostrophe by which a text in CSV is kept from being a formula.
fn unguarded(text: &str) -> &str {
    match text.strip_prefix('\'') {
        Some(rest) if rest.starts_with(table::FORMULA_STARTS) => rest,
        Some(_) | None => text,
    }
}

#[cfg(test)]
mod tests;
