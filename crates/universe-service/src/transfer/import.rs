//! Exports back in: checked as a whole, then put in place by one run, or not at all.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use universe_core::expression::SetExpression;
use universe_core::plan::Cause;
use universe_core::planner::{Wanted, WantedMembers, category_of_key, deciding_rule, title_of_key};
use universe_core::rule::RuleSet;
use universe_core::state::{RuleMark, State};
use universe_core::{Issue, NotASession, Symbol, UniverseId, expect_session, session_on_or_before};
use universe_feeds::{ExportedUniverse, FeedError, ISSUES_MAX, read_export};
use universe_store::{Needs, Store, StoreError};

use crate::restore::{Restoration, carry_out};
use crate::sync::new_york_date;
use crate::{Agree, Ambient, LookupError, Restored, SyncError, SyncRequest, resolve};

/// What became of an import.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The run.
    pub restored: Restored,
    /// How many universes the files have, of those that were asked for.
    pub universes: usize,
    /// How many rows or entries of lists the files have.
    pub rows: u64,
    /// What should be known about them.
    pub issues: Vec<Issue>,
}

/// Why an import came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A file was refused as a whole.
    #[error(transparent)]
    Feed(#[from] FeedError),
    /// The files contradict themselves, each other, or what there is.
    #[error("{} of what the files say cannot be; nothing was imported", count(.0.len()))]
    Faults(Vec<Issue>),
    /// A universe was asked for that no file has.
    #[error("{asked} stands in none of the files{hint}")]
    NotThere {
        /// What was asked for.
        asked: String,
        /// A suggestion, as it is appended to the sentence.
        hint: String,
    },
    /// What was asked for is no address.
    #[error(transparent)]
    Lookup(#[from] LookupError),
    /// The state could not be read.
    #[error("could not read what there is; nothing was imported")]
    Read(#[from] StoreError),
    /// The run failed.
    #[error(transparent)]
    Sync(#[from] SyncError),
}

fn count(faults: usize) -> String {
    if faults == 1 { "1 thing".to_owned() } else { format!("{faults} things") }
}

/// A universe and the file that it stands in.
struct Entry {
    universe: ExportedUniverse,
    file: PathBuf,
    as_of: Option<Date>,
}

/// What the files say, without a contradiction.
struct Checked {
    entries: BTreeMap<UniverseId, Entry>,
    rows: u64,
    issues: Vec<Issue>,
}

/// Imports universes from exports, in one run. Universes that no file has stay as they are.
///
/// Everything is read and checked before anything is written. `only` narrows down which universes are imported;
/// all of them are checked.
///
/// # Errors
/// When a file is refused or says what cannot be, or the store fails; nothing is then changed.
pub async fn import_exports(
    store: &dyn Store,
    rules: &RuleSet,
    request: &SyncRequest,
    files: &[PathBuf],
    only: &[String],
    ambient: &dyn Ambient,
    agree: Agree<'_>,
) -> Result<Imported, ImportError> {
    let Checked { mut entries, rows, mut issues } = read_all(rules, files, ambient)?;
    if !only.is_empty() {
        let wanted = narrowed(rules, &entries, only)?;
        entries.retain(|id, _| wanted.contains(id));
    }
    let as_of = entries.values().filter_map(|entry| entry.as_of).max();
    let today = session_on_or_before(new_york_date(ambient.now()));
    let state = store.state_read(&request.environment, today).await?;
    let session = state.last_session.max(as_of).unwrap_or(today);
    unknown_symbols(store, session, &entries, &mut issues).await?;
    let source = files.iter().map(|file| name_of(file)).collect::<Vec<_>>().join(", ");
    let cause = Cause::Import { source };
    let wanted = |state: &State| -> Vec<Wanted> {
        entries.values().filter_map(|entry| wanted_of(rules, state, entry)).map(Wanted::Members).collect()
    };
    let held = entries.values().filter(|entry| entry.universe.held).map(|entry| entry.universe.id.clone()).collect();
    let restoration = Restoration { not_before: as_of, cause: &cause, wanted: &wanted, held: &held };
    let restored = carry_out(store, rules, request, restoration, ambient, agree).await?;
    Ok(Imported { restored, universes: entries.len(), rows, issues })
}

/// Reads every file, and finds everything that is wrong with them together.
fn read_all(rules: &RuleSet, files: &[PathBuf], ambient: &dyn Ambient) -> Result<Checked, ImportError> {
    let mut entries: BTreeMap<UniverseId, Entry> = BTreeMap::new();
    let (mut rows, mut issues, mut faults) = (0, Vec::new(), Vec::new());
    for path in files {
        let file = read_export(path)?;
        rows += file.rows;
        issues.extend(file.issues);
        faults.extend(file.faults);
        let mut fault = |reason: String| faults.push(Issue { file: shown(path), line: None, symbol: None, reason });
        if let Some(day) = file.as_of
            && let Err(reason) = check_day(day, new_york_date(ambient.now()))
        {
            fault(reason);
        }
        for mut universe in file.universes {
            if let Some(target) = rules.alias_target(&universe.id) {
                let reason = format!("{} is an older spelling of {target}, and imported as that", universe.id);
                issues.push(Issue { file: shown(path), line: None, symbol: None, reason });
                universe.id = target.clone();
            }
            let id = universe.id.clone();
            if rules.is_mirror(&id) {
                fault(format!("{id} is kept as a copy of another universe; import that one"));
            } else if let Some(other) = entries.get(&id) {
                fault(format!("{id} also stands in {}", other.file.display()));
            } else {
                entries.insert(id, Entry { universe, file: path.clone(), as_of: file.as_of });
            }
        }
    }
    if faults.is_empty() { Ok(Checked { entries, rows, issues }) } else { Err(ImportError::Faults(faults)) }
}

fn check_day(day: Date, today: Date) -> Result<(), String> {
    expect_session(day).map_err(|error: NotASession| format!("as_of: {error}"))?;
    if today < day { Err(format!("as_of: {day} is after today, {today}")) } else { Ok(()) }
}

/// Returns the universes that were asked for.
fn narrowed(
    rules: &RuleSet,
    entries: &BTreeMap<UniverseId, Entry>,
    only: &[String],
) -> Result<BTreeSet<UniverseId>, ImportError> {
    let there: Vec<UniverseId> = entries.keys().cloned().collect();
    let mut wanted = BTreeSet::new();
    for text in only {
        let not_there = |hint: &str| ImportError::NotThere { asked: text.clone(), hint: hint.to_owned() };
        let SetExpression::Universe(address) = SetExpression::parse(text).map_err(LookupError::from)? else {
            return Err(not_there(": a combination cannot be imported"));
        };
        match resolve(&address, &there, rules) {
            Ok(id) if entries.contains_key(&id) => wanted.insert(id),
            Ok(_) => return Err(not_there("")),
            Err(LookupError::Unknown { hint, .. }) => {
                let hint = if hint.contains("did you mean") { hint } else { String::new() };
                return Err(not_there(&hint));
            }
            Err(error) => return Err(error.into()),
        };
    }
    Ok(wanted)
}

/// Notes the symbols that are in no listing.
async fn unknown_symbols(
    store: &dyn Store,
    session: Date,
    entries: &BTreeMap<UniverseId, Entry>,
    issues: &mut Vec<Issue>,
) -> Result<(), StoreError> {
    let needs = Needs { company_names: false, details: false, facts: Vec::new(), returns: false };
    let known = store.observation_read(session, &needs).await?.symbol;
    if known.is_empty() {
        let file = entries.values().next().map(|entry| shown(&entry.file)).unwrap_or_default();
        let reason = "no listings are loaded, so that no symbol could be checked".to_owned();
        issues.push(Issue { file, line: None, symbol: None, reason });
        return Ok(());
    }
    let mut unknown: BTreeMap<&Symbol, (&Path, &UniverseId)> = BTreeMap::new();
    for (id, entry) in entries {
        let members = entry.universe.symbols.iter().filter(|symbol| known.binary_search(symbol).is_err());
        for symbol in members {
            unknown.entry(symbol).or_insert((&entry.file, id));
        }
    }
    for (symbol, (file, id)) in unknown.into_iter().take(ISSUES_MAX.saturating_sub(issues.len())) {
        let reason = format!("in {id}, but in no listing");
        issues.push(Issue { file: shown(file), line: None, symbol: Some(symbol.to_string()), reason });
    }
    Ok(())
}

/// Returns what a universe is to be; `None` for another program's entry that is so already.
fn wanted_of(rules: &RuleSet, state: &State, entry: &Entry) -> Option<WantedMembers> {
    let universe = &entry.universe;
    let id = &universe.id;
    let present = state.universes.get(id);
    let mark = present.and_then(|present| present.rule.as_ref());
    if universe.rule.is_none()
        && present.is_some_and(|present| present.rule.is_none() && present.members == universe.symbols)
    {
        return None;
    }
    let made_by = universe.rule.as_deref().or(mark.map(|mark| mark.name.as_str()));
    let rule = match deciding_rule(rules, id, made_by) {
        // What the file does not say stays as it is.
        Some(rule) => RuleMark {
            name: rule.name.clone(),
            version: universe
                .rule_version
                .clone()
                .or_else(|| mark.filter(|mark| mark.name == rule.name).map(|mark| mark.version.clone()))
                .unwrap_or_else(|| rule.version.clone()),
        },
        None => {
            let is_list = universe.rule.as_deref() == Some("import");
            let said = universe.rule_version.clone().filter(|_| is_list);
            let present = || {
                // The same members from a file that does not say where they are from are no change.
                let list = state.imports.get(id)?;
                let same = list.symbols.iter().collect::<BTreeSet<_>>() == universe.symbols.iter().collect();
                same.then(|| list.source.clone())
            };
            let source = said.or_else(present).unwrap_or_else(|| name_of(&entry.file));
            RuleMark { name: "import".to_owned(), version: source }
        }
    };
    let name = universe.name.clone().or_else(|| present.map(|present| present.name.clone()));
    let category = universe.category.or_else(|| present.and_then(|present| present.category));
    Some(WantedMembers {
        id: id.clone(),
        name: name.unwrap_or_else(|| title_of_key(id.key())),
        category: category.unwrap_or_else(|| category_of_key(id)),
        rule,
        is_ranked: universe.is_ranked.unwrap_or(false),
        members: universe.symbols.clone(),
    })
}

fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
