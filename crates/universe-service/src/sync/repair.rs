//! Mends entries that are not what the memberships say, as a run of its own.

use jiff::civil::Date;
use serde_json::Value;
use universe_core::Category;
use universe_core::plan::Rebalance;
use universe_core::planner::{DamagedEntry, Standing, plan_repair};
use universe_core::rule::RuleSet;
use universe_core::state::RuleMark;
use universe_store::{IntegrityFacts, Store, UniverseFacts, entry_symbols};

use super::{SyncOutcome, SyncRequest, Writing, again_while_stale, apply, complete_by_hand, new_run};
use crate::{Ambient, SyncError, damaged_entries};

/// Writes the entries anew that are not what the memberships say, all of them in one transaction.
///
/// Memberships stay as they are. `None` when there is nothing to mend; of a dry run what would be done.
///
/// # Errors
/// When the store cannot be read or written; nothing was then mended.
pub async fn repair(
    store: &dyn Store,
    rules: &RuleSet,
    request: &SyncRequest,
    ambient: &dyn Ambient,
) -> Result<Option<SyncOutcome>, SyncError> {
    let started_at = ambient.now();
    again_while_stale(|| async {
        let facts = store.integrity_read(&request.environment).await.map_err(SyncError::Observe)?;
        let Some(session) = facts.session else { return Ok(None) };
        let damaged = damaged(&facts, rules, session);
        if damaged.is_empty() {
            return Ok(None);
        }
        let standing = Standing { version: facts.version, session, held: facts.held };
        let plan = plan_repair(&standing, rules, &damaged);
        let mut run = new_run(request, session, started_at, ambient.new_run_id());
        run.mode = plan.mode;
        complete_by_hand(store, &mut run, &plan, ambient.now()).await.map_err(SyncError::Observe)?;
        let was_written = request.writing == Writing::Apply;
        if was_written {
            apply(store, &plan, &run).await.map_err(SyncError::Apply)?;
        }
        Ok(Some(SyncOutcome { run, plan, was_written, remarks: Vec::new(), ended_at: ambient.now() }))
    })
    .await
}

fn damaged(facts: &IntegrityFacts, rules: &RuleSet, session: Date) -> Vec<DamagedEntry> {
    let ids = damaged_entries(facts, rules);
    let universes = facts.universes.iter().filter(|universe| ids.contains(&universe.id));
    universes.filter_map(|universe| damaged_entry(universe, session)).collect()
}

/// Returns what is to be written of a universe; `None` when its category is none of ours.
fn damaged_entry(universe: &UniverseFacts, session: Date) -> Option<DamagedEntry> {
    let category: Category = serde_json::from_value(Value::from(universe.category.as_str())).ok()?;
    let seen = universe.entry.as_ref().and_then(|(value, _)| entry_symbols(value).ok()).unwrap_or_default();
    let rebalance = universe.entry.as_ref().and_then(|(_, metadata)| metadata.pointer("/rebalance/statistics"));
    Some(DamagedEntry {
        id: universe.id.clone(),
        name: universe.name.clone(),
        category,
        rule: RuleMark { name: universe.rule.clone(), version: universe.rule_version.clone() },
        is_ranked: universe.is_ranked,
        sequence: universe.sequence,
        reconstituted_session: universe.reconstituted_session.unwrap_or(session),
        members: ordered_members(universe),
        seen,
        rebalance: rebalance
            .and_then(|statistics| serde_json::from_value::<Option<Rebalance>>(statistics.clone()).ok()?),
    })
}

/// Returns the members by their intervals: in the order that was written last, what is missing there behind it.
fn ordered_members(universe: &UniverseFacts) -> Vec<universe_core::Symbol> {
    if !universe.is_ranked {
        return universe.open.clone();
    }
    let mut left: std::collections::BTreeSet<_> = universe.open.iter().collect();
    let mut members: Vec<_> = universe.members.iter().filter(|symbol| left.remove(symbol)).cloned().collect();
    members.extend(left.into_iter().cloned());
    members
}
