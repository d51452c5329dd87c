//! Histories of indexes: what sources say is kept side by side, and what enough of them agree on becomes the
//! recorded past of a universe.

use std::collections::BTreeSet;

use universe_core::constituents::{Agreement, ConstituentRecord};
use universe_core::plan::{
    Cause, ListChange, PastChange, PastInterval, Plan, PlannedPresent, RecordedInterval, plan_past,
};
use universe_core::planner::plan_imports;
use universe_core::rule::RuleSet;
use universe_core::state::State;
use universe_core::{Symbol, UniverseId};
use universe_store::{KeptSource, MembershipRecord, Store, StoreError};

use crate::index_sources::{alerts_of, list_as_of, session_on_or_after, together};
use crate::restore::Agree;
use crate::sync::{Standpoint, again_while_stale, apply, complete_by_hand, new_run, stand};
use crate::{Ambient, SyncError, SyncOutcome, SyncRequest, Writing};

/// The code of the reason with which intervals of an imported history begin and end.
pub(crate) const IMPORTED_HISTORY: &str = "imported_history";

/// What became of an imported history.
#[derive(Clone, Debug)]
pub struct ImportedHistory {
    /// The run. It is recorded where something was written.
    pub outcome: SyncOutcome,
    /// What the sources say together, where they differ, and which of them fell silent.
    pub agreement: Agreement,
    /// The sources, in order of their names.
    pub sources: Vec<String>,
    /// Whether whoever was asked did not agree, so that nothing was written.
    pub is_declined: bool,
}

/// A history to import.
#[derive(Clone, Copy, Debug)]
pub struct HistoryRequest<'a> {
    /// The universe.
    pub universe: &'a UniverseId,
    /// What people call it; the rule's or the present name when none is given.
    pub name: Option<&'a str>,
    /// What the new source says.
    pub record: &'a ConstituentRecord,
    /// How many sources must agree where several are kept.
    pub quorum: usize,
    /// Whether the source is no more, so that its silence is no news.
    pub has_ended: bool,
}

/// Keeps what a source says, and makes what enough sources agree on the recorded past of the universe.
///
/// Who is a constituent as of the run's session, or was at the end of what the sources speak for, is a member; what
/// they date later takes effect with the run of its session. What was recorded otherwise is superseded, and still
/// answers for what was known before.
///
/// # Errors
/// When the store fails; the memberships are then as before.
pub async fn import_history(
    store: &dyn Store,
    rules: &RuleSet,
    request: &SyncRequest,
    history: HistoryRequest<'_>,
    ambient: &dyn Ambient,
    agreed_to: Agree<'_>,
) -> Result<ImportedHistory, SyncError> {
    let environment = request.environment.as_str();
    let id = history.universe;
    let mut sources = store.constituent_source_list(environment, id).await.map_err(SyncError::Observe)?;
    sources.retain(|kept| kept.record.source != history.record.source);
    let HistoryRequest { record, quorum, has_ended, .. } = history;
    let source = KeptSource { record: record.clone(), quorum, has_ended, loaded_at: ambient.now() };
    sources.push(source.clone());
    sources.sort_by(|a, b| a.record.source.cmp(&b.record.source));
    let names: Vec<String> = sources.iter().map(|kept| kept.record.source.clone()).collect();
    let agreement = together(sources, quorum);
    let started_at = ambient.now();
    again_while_stale(|| async {
        let Standpoint { mut state, session, observation } = stand(store, rules, request, None, started_at).await?;
        let list = list_as_of(&state, id, history.name, &agreement.record, session);
        let is_new_list = state.imports.get(id) != Some(&list);
        state.imports.insert(id.clone(), list.clone());
        let mut plan = plan_imports(&observation, rules, &state, &[id.clone()].into());
        plan.cause = Some(Cause::History { source: names.join(" + ") });
        plan.lists = is_new_list.then(|| ListChange { id: id.clone(), list: Some(list) }).into_iter().collect();
        let past =
            past_of(store, environment, id, &plan, &state, &agreement.record).await.map_err(SyncError::Observe)?;
        plan.alerts.extend(alerts_of(id, &agreement, session));
        plan.past = if past.is_empty() { Vec::new() } else { vec![past] };
        let mut run = new_run(request, session, started_at, ambient.new_run_id());
        complete_by_hand(store, &mut run, &plan, ambient.now()).await.map_err(SyncError::Observe)?;
        let is_nothing = plan.universes.is_empty() && plan.lists.is_empty() && plan.past.is_empty();
        let is_written = request.writing == Writing::Apply;
        let is_declined = is_written && !is_nothing && !agreed_to(&plan);
        if is_written && !is_declined {
            // Kept first: a source that is kept and not applied yet is taken up by the next import.
            store.constituent_source_put(environment, id, &source).await.map_err(SyncError::Apply)?;
        }
        let was_written = is_written && !is_declined && !is_nothing;
        if was_written {
            apply(store, &plan, &run).await.map_err(SyncError::Apply)?;
        }
        Ok(ImportedHistory {
            outcome: SyncOutcome { run, plan, was_written, remarks: Vec::new(), ended_at: ambient.now() },
            agreement: agreement.clone(),
            sources: names.clone(),
            is_declined,
        })
    })
    .await
}

/// Compares the recorded past with what the sources say.
async fn past_of(
    store: &dyn Store,
    environment: &str,
    id: &UniverseId,
    plan: &Plan,
    state: &State,
    record: &ConstituentRecord,
) -> Result<PastChange, StoreError> {
    let rows = store.membership_list(environment, Some(id), None).await?;
    let recorded: Vec<RecordedInterval> =
        rows.into_iter().filter(MembershipRecord::is_in_force).map(RecordedInterval::from).collect();
    let wanted: Vec<PastInterval> = record
        .intervals
        .iter()
        .map(|interval| PastInterval {
            symbol: interval.symbol.clone(),
            valid_from: session_on_or_after(interval.from.by),
            valid_to: interval.until.map(|until| session_on_or_after(until.by)),
        })
        .filter(|interval| interval.valid_to != Some(interval.valid_from))
        .collect();
    let members: BTreeSet<Symbol> = match plan.universes.iter().find(|universe| universe.id == *id) {
        Some(universe) => plan.member_symbols(universe).cloned().collect(),
        None => state.universes.get(id).into_iter().flat_map(|universe| &universe.members).cloned().collect(),
    };
    let present = PlannedPresent { session: plan.session, members: &members };
    let (superseded, intervals) = plan_past(&recorded, &wanted, present);
    Ok(PastChange { id: id.clone(), reason: IMPORTED_HISTORY, source: record.source.clone(), superseded, intervals })
}
