//! Changes of members that are known and not made yet: announced ones, and those that a run held for approval.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use universe_core::state::Override;
use universe_core::{Symbol, UniverseId};
use universe_store::{OverrideRecord, RunRecord, Store, StoreError};
use uuid::Uuid;

/// How many runs are searched for the one that held something; more work by hand than that is none.
const RUNS_SEARCHED: u32 = 200;

/// What a change waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Awaits {
    /// The run of its session; or the next one, where that session was synchronized before it was said.
    Session,
    /// Somebody's approval.
    Approval,
}

impl Awaits {
    /// Returns its spelling.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Approval => "approval",
        }
    }
}

/// A change of one member that is known and not made yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PendingChange {
    /// The universe.
    pub universe: UniverseId,
    /// The symbol.
    pub symbol: Symbol,
    /// Whether it is to be a member.
    pub is_member: bool,
    /// What it waits for.
    pub awaits: Awaits,
    /// The first session; that of the run where it waits for approval.
    pub from: Option<Date>,
    /// The first session no longer; `None` where no end was announced.
    pub until: Option<Date>,
    /// Why.
    pub reason: String,
    /// Who says so; of what waits for approval, who asked for the run.
    pub by: String,
    /// When it was said.
    pub recorded_at: Timestamp,
    /// The override that announces it.
    pub override_id: Option<Uuid>,
    /// The run that holds it: approving that makes the change.
    pub run_id: Option<Uuid>,
}

/// Changes that are known and not made yet.
#[derive(Clone, Debug, Serialize)]
pub struct Pending {
    /// The session that memberships stand at; `None` before the first run.
    pub as_of: Option<Date>,
    /// The changes, in order of session, universe and symbol; those that wait for approval first.
    pub changes: Vec<PendingChange>,
}

/// A change as a run records that it held it.
#[derive(Deserialize)]
struct Held {
    universe: UniverseId,
    count_before: usize,
    added: Vec<Symbol>,
    removed: Vec<Symbol>,
}

/// Finds the changes that are known and not made yet, of one universe or of all.
///
/// # Errors
/// When the store cannot be read.
pub async fn pending_changes(
    store: &dyn Store,
    environment: &str,
    universe: Option<&UniverseId>,
) -> Result<Pending, StoreError> {
    let run = store.run_as_of(environment, Date::MAX, None).await?;
    let as_of = run.as_ref().and_then(|run| run.session);
    let is_asked = |id: &UniverseId| universe.is_none_or(|universe| universe == id);
    let decided = match run {
        // What is done by hand in between leaves what waits waiting.
        Some(run) if run.kind() != RunRecord::SYNC => last_by_rules(store, environment).await?,
        run => run,
    };
    let mut changes: Vec<PendingChange> =
        decided.iter().flat_map(held_by).filter(|change| is_asked(&change.universe)).collect();
    let mut members: BTreeMap<UniverseId, BTreeSet<Symbol>> = BTreeMap::new();
    for entry in store.override_list(environment).await? {
        let content = &entry.content;
        let is_over = content.until.zip(as_of).is_some_and(|(until, last)| until <= last);
        if entry.withdrawn.is_some() || is_over || !is_asked(&content.universe) {
            continue;
        }
        let has_begun = as_of.is_some_and(|last| content.from <= last);
        if has_begun && !members.contains_key(&content.universe) {
            let found =
                store.entry_find(environment, &content.universe).await?.map(|entry| entry.symbols).unwrap_or_default();
            members.insert(content.universe.clone(), found.into_iter().collect());
        }
        let is_made = has_begun && members[&content.universe].contains(&content.symbol) == content.is_member;
        if !is_made {
            changes.push(announced(entry));
        }
    }
    changes.sort_by(|a, b| {
        let key = |change: &PendingChange| {
            (change.awaits == Awaits::Session, change.from, change.universe.clone(), change.symbol.clone())
        };
        key(a).cmp(&key(b))
    });
    Ok(Pending { as_of, changes })
}

/// Finds the newest run that went by the rules; `None` where it is not among the last ones.
async fn last_by_rules(store: &dyn Store, environment: &str) -> Result<Option<RunRecord>, StoreError> {
    let has_decided = |run: &RunRecord| {
        let is_over = matches!(run.status.as_str(), "completed" | "completed_with_errors" | "held");
        is_over && !run.dry_run && run.kind() == RunRecord::SYNC
    };
    Ok(store.run_list(environment, RUNS_SEARCHED, 0).await?.into_iter().find(has_decided))
}

fn announced(entry: OverrideRecord) -> PendingChange {
    let Override { universe, symbol, is_member, from, until, reason, actor } = entry.content;
    PendingChange {
        universe,
        symbol,
        is_member,
        awaits: Awaits::Session,
        from: Some(from),
        until,
        reason,
        by: actor,
        recorded_at: entry.recorded_at,
        override_id: Some(entry.override_id),
        run_id: None,
    }
}

fn held_by(run: &RunRecord) -> Vec<PendingChange> {
    let held: Vec<Held> = serde_json::from_value(run.held.clone()).unwrap_or_default();
    let of = |held: Held| {
        let reason = format!(
            "held: {} in and {} out of {} are more than change at once without approval",
            held.added.len(),
            held.removed.len(),
            held.count_before,
        );
        let change = |symbol, is_member| PendingChange {
            universe: held.universe.clone(),
            symbol,
            is_member,
            awaits: Awaits::Approval,
            from: run.session,
            until: None,
            reason: reason.clone(),
            by: run.triggered_by.clone(),
            recorded_at: run.recorded_at(),
            override_id: None,
            run_id: Some(run.run_id),
        };
        let removed = held.removed.iter().map(|symbol| change(symbol.clone(), false));
        removed.chain(held.added.iter().map(|symbol| change(symbol.clone(), true))).collect::<Vec<_>>()
    };
    held.into_iter().flat_map(of).collect()
}
