//! Lists of members, of one universe or of many: looked at as a whole before anything is written.

use std::collections::{BTreeMap, BTreeSet};

use universe_core::rule::RuleSet;
use universe_core::state::ImportedList;
use universe_core::{Issue, Symbol, UniverseId, session_on_or_before};
use universe_store::{LoadRecord, Needs, Store, StoreError};

use super::{LoadReport, not_stored};
use crate::sync::{SyncOutcome, SyncRequest, new_york_date, sync_imports};
use crate::{Ambient, LoadError, SyncError};

/// The members that one universe is to have, and where they stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UniverseList {
    /// The universe.
    pub id: UniverseId,
    /// What people call it; `None` leaves its present name.
    pub name: Option<String>,
    /// The file.
    pub file: String,
    /// The members, each with its line.
    pub members: Vec<(Symbol, u64)>,
}

/// Stores the lists of several universes and brings these up to date, as one run.
///
/// `report` says what was read; what becomes of it is added. A symbol that nothing is known of is kept and noted,
/// one that is known under another spelling (`BRKB`) becomes that.
///
/// # Errors
/// When the session is before the last one, or the store refuses; no list is then stored.
pub async fn load_lists(
    store: &dyn Store,
    rules: &RuleSet,
    mut lists: Vec<UniverseList>,
    mut report: LoadReport,
    request: &SyncRequest,
    ambient: &dyn Ambient,
) -> Result<(LoadReport, SyncOutcome), LoadError> {
    let file = std::path::PathBuf::from(report.files.join(", "));
    let refused = |source| not_stored(&file, source);
    let today = session_on_or_before(new_york_date(ambient.now()));
    let last = store.state_read(&request.environment, today).await.map_err(refused)?.last_session;
    if let Some((session, last)) = request.session.zip(last).filter(|(session, last)| session < last) {
        return Err(SyncError::OutOfOrder { session, last }.into());
    }
    report.issues.extend(look_at(store, &mut lists, request.session.or(last).unwrap_or(today)).await.map_err(refused)?);
    let record = LoadRecord {
        kind: "universe".to_owned(),
        file: file.display().to_string(),
        session: request.session,
        rows: report.rows,
        loaded: report.loaded,
        issues: report.issues.clone(),
    };
    let ids: BTreeSet<UniverseId> = lists.iter().map(|list| list.id.clone()).collect();
    let lists: Vec<(UniverseId, ImportedList)> = lists.into_iter().map(imported).collect();
    store.import_put_all(&request.environment, &lists, &record, ambient.now()).await.map_err(refused)?;
    let outcome = sync_imports(store, rules, request, &ids, ambient).await?;
    report.written = outcome.plan.universes.len() as u64;
    Ok((report, outcome))
}

fn imported(list: UniverseList) -> (UniverseId, ImportedList) {
    let source = list.file.rsplit(['/', '\\']).next().unwrap_or(&list.file).to_owned();
    let symbols = list.members.into_iter().map(|(symbol, _)| symbol).collect();
    (list.id, ImportedList { name: list.name, symbols, source })
}

/// Spells symbols as they are known, and notes those that are not; nothing is noted while nothing at all is known.
async fn look_at(
    store: &dyn Store,
    lists: &mut [UniverseList],
    session: jiff::civil::Date,
) -> Result<Vec<Issue>, StoreError> {
    let needs = Needs { company_names: false, details: false, facts: Vec::new(), returns: false };
    let known = store.observation_read(session, &needs).await?.symbol;
    let mut issues = Vec::new();
    if known.is_empty() {
        return Ok(issues);
    }
    let spellings = spellings(&known);
    for list in lists {
        let listed: BTreeSet<Symbol> = list.members.iter().map(|(symbol, _)| symbol.clone()).collect();
        list.members.retain_mut(|(symbol, line)| {
            if known.binary_search(symbol).is_ok() {
                return true;
            }
            let (is_kept, reason) = match spellings.get(&bare(symbol)) {
                Some(Some(meant)) if listed.contains(*meant) => {
                    (false, format!("it is {meant}, which is listed already"))
                }
                Some(Some(meant)) => {
                    let reason = format!("it was taken for {meant}");
                    issues.push(issue(&list.file, *line, symbol, reason));
                    *symbol = (*meant).clone();
                    return true;
                }
                Some(None) | None => (true, "it is not in `symbols`; it was kept".to_owned()),
            };
            issues.push(issue(&list.file, *line, symbol, reason));
            is_kept
        });
    }
    issues.truncate(universe_feeds::ISSUES_MAX);
    Ok(issues)
}

fn issue(file: &str, line: u64, symbol: &Symbol, reason: String) -> Issue {
    Issue { file: file.to_owned(), line: Some(line), symbol: Some(symbol.to_string()), reason }
}

/// Returns the one known symbol of each spelling without separators; `None` where there are several.
fn spellings(known: &[Symbol]) -> BTreeMap<String, Option<&Symbol>> {
    let mut spellings: BTreeMap<String, Option<&Symbol>> = BTreeMap::new();
    for symbol in known {
        spellings.entry(bare(symbol)).and_modify(|only| *only = None).or_insert(Some(symbol));
    }
    spellings
}

fn bare(symbol: &Symbol) -> String {
    symbol.as_str().replace('.', "")
}
