//! What the memberships were after a run.

use std::collections::{BTreeMap, BTreeSet};

use universe_core::{Symbol, UniverseId};
use universe_store::{RunVersion, Store, StoreError};
use uuid::Uuid;

use super::RollbackError;

/// So much of an id tells runs apart; less is a slip of the keyboard.
const PREFIX_LEN_MIN: usize = 4;

/// How many runs are named where one was not found.
const RUNS_NAMED: usize = 3;

/// How many audit entries are read at a time.
const AUDIT_PAGE: u32 = 5_000;

/// Finds the run that is meant, and refuses one that left no version of its own.
pub(super) async fn version_find<'v>(
    store: &dyn Store,
    environment: &str,
    versions: &'v [RunVersion],
    asked: &str,
) -> Result<&'v RunVersion, RollbackError> {
    let text = asked.trim().to_ascii_lowercase();
    let found: Vec<&RunVersion> = match text.parse::<Uuid>() {
        Ok(id) => versions.iter().filter(|version| version.run_id == id).collect(),
        Err(_) if text.len() < PREFIX_LEN_MIN => Vec::new(),
        Err(_) => versions.iter().filter(|version| version.run_id.to_string().starts_with(&text)).collect(),
    };
    let version = match found[..] {
        [version] => version,
        [] => return Err(not_found(store, environment, versions, &text).await?),
        _ => return Err(RollbackError::Ambiguous { asked: text, count: found.len() }),
    };
    let how = match version.status.as_str() {
        "failed" => "failed",
        "cancelled" => "was cancelled",
        _ if version.dry_run => "was a dry run",
        _ => return Ok(version),
    };
    let earlier = versions.iter().rev().filter(|earlier| earlier.run_number < version.run_number);
    let hint = earlier.map(|earlier| format!("; the run before it is {}", earlier.run_id)).next().unwrap_or_default();
    Err(RollbackError::ChangedNothing { run: version.run_id.to_string(), how: how.to_owned(), hint })
}

/// Says why there is no such run: it is another environment's, has not ended, or never was.
async fn not_found(
    store: &dyn Store,
    environment: &str,
    versions: &[RunVersion],
    asked: &str,
) -> Result<RollbackError, StoreError> {
    if let Ok(id) = asked.parse::<Uuid>()
        && let Some(run) = store.run_find(id).await?
    {
        let asked = asked.to_owned();
        return Ok(if run.environment == environment {
            RollbackError::NotOver { run: asked, status: run.status }
        } else {
            RollbackError::OtherEnvironment { run: asked, of: run.environment, environment: environment.to_owned() }
        });
    }
    let latest: Vec<String> = versions
        .iter()
        .rev()
        .take(RUNS_NAMED)
        .map(|version| {
            let session = version.session.map(|session| format!(" of {session}")).unwrap_or_default();
            format!("{}{session}", version.run_id)
        })
        .collect();
    let hint = match latest.as_slice() {
        [] => "; there was no run yet".to_owned(),
        latest => format!("; the latest are {}; `universe runs` lists more", latest.join(", ")),
    };
    Ok(RollbackError::Unknown { asked: asked.to_owned(), hint })
}

/// Returns which of the candidates existed after a run, with their members in order of symbol.
pub(super) async fn members_of(
    store: &dyn Store,
    environment: &str,
    versions: &[RunVersion],
    version: &RunVersion,
    candidates: BTreeSet<UniverseId>,
) -> Result<BTreeMap<UniverseId, Vec<Symbol>>, StoreError> {
    let number = version.run_number;
    let existing = existing(store, environment, versions, number).await?;
    let mut universes = BTreeMap::new();
    for id in candidates {
        let intervals = store.membership_list(environment, Some(&id), None).await?;
        let is_later = |run: Option<i64>| run.is_none_or(|run| number < run);
        let open = intervals.into_iter().filter(|interval| {
            let is_known = interval.opened_run <= number && is_later(interval.superseded_run);
            is_known && is_later(interval.closed_run)
        });
        let members: BTreeSet<Symbol> = open.map(|interval| interval.symbol).collect();
        if existing.contains(&id) || !members.is_empty() {
            universes.insert(id, members.into_iter().collect());
        }
    }
    Ok(universes)
}

/// Returns the universes that came and did not go up to a run, as the audit says; also those without members.
async fn existing(
    store: &dyn Store,
    environment: &str,
    versions: &[RunVersion],
    number: i64,
) -> Result<BTreeSet<UniverseId>, StoreError> {
    let numbers: BTreeMap<Uuid, i64> = versions.iter().map(|version| (version.run_id, version.run_number)).collect();
    let mut existing = BTreeSet::new();
    let mut after = 0;
    loop {
        let page = store.audit_list(environment, after, AUDIT_PAGE).await?;
        let Some(last) = page.last() else { return Ok(existing) };
        after = last.number;
        for entry in page {
            let (Some(id), Some(run)) = (entry.universe, numbers.get(&entry.run_id)) else { continue };
            // Audit entries are numbered as the runs are: behind this one nothing is of that time.
            if *run > number {
                return Ok(existing);
            }
            match entry.action.as_str() {
                "retired" => {
                    existing.remove(&id);
                }
                "held" => {}
                _ => {
                    existing.insert(id);
                }
            }
        }
    }
}
