//! Restoring: universes become again what an earlier run left, or what an export says, as a run of its own.
//!
//! Nothing is rewritten. Memberships are closed and opened as in every run, with events and audit entries, and the
//! runs in between stay what they were: one can go forward again in the same way.

mod version;

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use serde_json::json;
use universe_core::expression::SetExpression;
use universe_core::plan::{Cause, Plan};
use universe_core::planner::{Wanted, WantedMembers, deciding_rule, is_ordered_daily, order_members, plan_restore};
use universe_core::rule::RuleSet;
use universe_core::state::{RuleMark, State};
use universe_core::{Category, Observation, Symbol, UniverseId, session_on_or_before};
use universe_store::{Needs, RunVersion, Store, StoreError};

use crate::sync::{Standpoint, again_while_stale, apply, complete_by_hand, new_run, new_york_date, stand};
use crate::{Ambient, LookupError, SyncError, SyncOutcome, SyncRequest, Writing, resolve};
use version::{members_of, version_find};

/// Asked with the plan before anything is written; returns whether to go on.
pub type Agree<'a> = &'a (dyn Fn(&Plan) -> bool + Send + Sync);

/// What became of a restoration.
#[derive(Clone, Debug)]
pub struct Restored {
    /// The run. It is recorded where something was written.
    pub outcome: SyncOutcome,
    /// Whether whoever was asked did not agree, so that nothing was written.
    pub is_declined: bool,
}

/// Why memberships could not be rolled back.
#[derive(Debug, thiserror::Error)]
pub enum RollbackError {
    /// No run has that id.
    #[error("there is no run {asked}{hint}")]
    Unknown {
        /// What was asked for.
        asked: String,
        /// The runs that there are, as it is appended to the sentence.
        hint: String,
    },
    /// The beginning of an id that several runs have.
    #[error("{asked} is the beginning of {count} run ids; write more of it")]
    Ambiguous {
        /// What was asked for.
        asked: String,
        /// How many runs.
        count: usize,
    },
    /// The run is one of another environment.
    #[error("run {run} is one of the environment {of}, not of {environment}; name the one as database.environment")]
    OtherEnvironment {
        /// The run.
        run: String,
        /// Its environment.
        of: String,
        /// The one that was asked about.
        environment: String,
    },
    /// The run has not ended.
    #[error("run {run} has not ended; it is {status}")]
    NotOver {
        /// The run.
        run: String,
        /// How it stands.
        status: String,
    },
    /// The run is no version.
    #[error("run {run} {how} and changed nothing{hint}")]
    ChangedNothing {
        /// The run.
        run: String,
        /// What became of it.
        how: String,
        /// The run before it, as it is appended to the sentence.
        hint: String,
    },
    /// A universe was asked for that does not exist, and did not then.
    #[error(transparent)]
    Lookup(#[from] LookupError),
    /// More than one universe was asked for at once.
    #[error("{0} is a combination of universes; name each one with a --universe of its own")]
    Combination(String),
    /// The earlier memberships could not be read.
    #[error("could not read what the run left")]
    Read(#[from] StoreError),
    /// The run failed.
    #[error(transparent)]
    Sync(#[from] SyncError),
}

/// Rolls memberships back to what a run left: all of them, or those of some universes.
///
/// `asked` is the id of the run, or a beginning of it that no other run has. A universe that did not exist then is
/// retired; one whose members are the same stays as it is. Members in order of rank are put in the order of the
/// figures of that run's session, as they are known now.
///
/// # Errors
/// When there is no such run or universe, or the store fails; nothing is then changed.
pub async fn rollback(
    store: &dyn Store,
    rules: &RuleSet,
    request: &SyncRequest,
    asked: &str,
    universes: &[String],
    ambient: &dyn Ambient,
    agree: Agree<'_>,
) -> Result<Restored, RollbackError> {
    let environment = &request.environment;
    let versions = store.version_list(environment).await?;
    let version = version_find(store, environment, &versions, asked).await?;
    let session = version.session.unwrap_or(session_on_or_before(new_york_date(ambient.now())));
    let state = store.state_read(environment, session).await?;
    let only = chosen(rules, &state, universes)?;
    let candidates = match &only {
        Some(only) => only.clone(),
        None => state.universes.keys().chain(state.retired.keys()).cloned().collect(),
    };
    let then = members_of(store, environment, &versions, version, candidates).await?;
    let needs = Needs {
        company_names: rules.reads_company_name(),
        details: rules.reads_details(),
        facts: rules.facts(),
        returns: false,
    };
    let seen = store.observation_read(session, &needs).await?;
    let mut wanted = Vec::with_capacity(then.len());
    for (id, members) in then {
        wanted.push(wanted_of(store, rules, &state, environment, &seen, version, id, members).await?);
    }
    let cause = Cause::Rollback { run_id: version.run_id };
    let wanted = |state: &State| as_of_state(rules, state, &wanted, only.as_ref());
    let restoration = Restoration { not_before: None, cause: &cause, wanted: &wanted, held: &BTreeSet::new() };
    Ok(carry_out(store, rules, request, restoration, ambient, agree).await?)
}

/// Finds the run that is meant by an id or the beginning of one, as a version of the memberships.
///
/// # Errors
/// When there is no such run, or it left no version of its own.
pub async fn find_version(store: &dyn Store, environment: &str, asked: &str) -> Result<RunVersion, RollbackError> {
    let versions = store.version_list(environment).await?;
    version_find(store, environment, &versions, asked).await.cloned()
}

/// Returns the universes that were named; `None` for all of them.
fn chosen(rules: &RuleSet, state: &State, universes: &[String]) -> Result<Option<BTreeSet<UniverseId>>, RollbackError> {
    if universes.is_empty() {
        return Ok(None);
    }
    let known: Vec<UniverseId> = state.universes.keys().chain(state.retired.keys()).cloned().collect();
    let mut chosen = BTreeSet::new();
    for text in universes {
        let SetExpression::Universe(address) = SetExpression::parse(text).map_err(LookupError::from)? else {
            return Err(RollbackError::Combination(text.clone()));
        };
        let id = resolve(&address, &known, rules)?;
        if !known.contains(&id) {
            return Err(
                LookupError::Unknown { asked: id.to_string(), hint: "; it never had members".to_owned() }.into()
            );
        }
        chosen.insert(id);
    }
    Ok(Some(chosen))
}

/// Returns what a universe is to be: its members of then, with what is said about it now or was said last.
#[expect(clippy::too_many_arguments, reason = "what is asked, and every place where the answer may stand")]
async fn wanted_of(
    store: &dyn Store,
    rules: &RuleSet,
    state: &State,
    environment: &str,
    seen: &Observation,
    version: &RunVersion,
    id: UniverseId,
    mut members: Vec<Symbol>,
) -> Result<WantedMembers, StoreError> {
    let present = state.universes.get(&id).and_then(|universe| Some((universe, universe.rule.clone()?)));
    let (name, category, mut rule) = match present {
        Some((universe, mark)) => (universe.name.clone(), universe.category, mark),
        None => {
            // It was retired since; its row still says what it was.
            let found = store.member_list(environment, &id, None, None).await?;
            let record = found.map(|found| found.universe);
            let name = record.as_ref().map_or_else(|| id.key().to_owned(), |record| record.name.clone());
            let category = record.as_ref().and_then(|record| record.category.as_deref()).and_then(category_of);
            let rule = record.and_then(|record| record.rule).unwrap_or_else(|| "import".to_owned());
            let version = deciding_rule(rules, &id, Some(&rule)).map(|rule| rule.version.clone()).unwrap_or_default();
            (name, category, RuleMark { name: rule, version })
        }
    };
    let decided_by = deciding_rule(rules, &id, Some(&rule.name));
    let is_ranked = order_members(seen, decided_by, &mut members);
    if decided_by.is_none() {
        rule.version = Cause::Rollback { run_id: version.run_id }.to_string();
    }
    Ok(WantedMembers { id, name, category: category.unwrap_or(Category::Theme), rule, is_ranked, members })
}

/// Reads the spelling of a category; `None` for what an older program wrote.
pub(crate) fn category_of(text: &str) -> Option<Category> {
    serde_json::from_value(serde_json::Value::from(text)).ok()
}

/// Leaves out what is so already, and adds what is to go.
fn as_of_state(
    rules: &RuleSet,
    state: &State,
    then: &[WantedMembers],
    only: Option<&BTreeSet<UniverseId>>,
) -> Vec<Wanted> {
    let has_members = |wanted: &WantedMembers| {
        let present = state.universes.get(&wanted.id).filter(|universe| universe.rule.is_some());
        present.is_some_and(|universe| {
            // The order is another one only where it is known to follow from the figures of the session.
            let is_ordered = deciding_rule(rules, &wanted.id, Some(&wanted.rule.name)).is_some_and(is_ordered_daily);
            universe.members == wanted.members
                || (!is_ordered && universe.members.iter().collect::<BTreeSet<_>>() == wanted.members.iter().collect())
        })
    };
    let existed: BTreeSet<&UniverseId> = then.iter().map(|wanted| &wanted.id).collect();
    let is_asked_for = |id: &&UniverseId| only.is_none_or(|only| only.contains(*id));
    // What another program wrote was never a part of any version.
    let gone = state.universes.iter().filter(|(_, universe)| universe.rule.is_some()).map(|(id, _)| id);
    let gone = gone.filter(|id| !existed.contains(id)).filter(is_asked_for).cloned().map(Wanted::Gone);
    then.iter().filter(|wanted| !has_members(wanted)).cloned().map(Wanted::Members).chain(gone).collect()
}

/// What universes are to become.
#[derive(Clone, Copy)]
pub(crate) struct Restoration<'r> {
    /// The session before which it is not to take effect.
    pub(crate) not_before: Option<Date>,
    /// Why.
    pub(crate) cause: &'r Cause,
    /// What is wanted, given the state.
    pub(crate) wanted: &'r (dyn Fn(&State) -> Vec<Wanted> + Send + Sync),
    /// The universes of which a change waited for approval where the members are from.
    pub(crate) held: &'r BTreeSet<UniverseId>,
}

/// Makes universes what is wanted of them, in one run; when another run comes between, it plans and asks again.
pub(crate) async fn carry_out(
    store: &dyn Store,
    rules: &RuleSet,
    request: &SyncRequest,
    restoration: Restoration<'_>,
    ambient: &dyn Ambient,
    agree: Agree<'_>,
) -> Result<Restored, SyncError> {
    let started_at = ambient.now();
    let Restoration { not_before, cause, wanted, held } = restoration;
    again_while_stale(|| async {
        let Standpoint { state, session, observation } = stand(store, rules, request, not_before, started_at).await?;
        let mut run = new_run(request, session, started_at, ambient.new_run_id());
        let plan = plan_restore(&observation, rules, &state, &wanted(&state), cause.clone());
        complete_by_hand(store, &mut run, &plan, ambient.now()).await.map_err(SyncError::Observe)?;
        let came_held = plan.universes.iter().filter(|universe| held.contains(&universe.id));
        let came_held = came_held.map(|universe| {
            json!({"universe": universe.id, "count_before": universe.members.len(), "added": [], "removed": []})
        });
        run.held = run.held.as_array().cloned().into_iter().flatten().chain(came_held).collect();
        let remarks = remarks(rules, &observation, &plan);
        let is_nothing = plan.universes.is_empty() && plan.lists.is_empty();
        let is_asked = !is_nothing && request.writing == Writing::Apply;
        let is_declined = is_asked && !agree(&plan);
        let was_written = is_asked && !is_declined;
        if was_written {
            apply(store, &plan, &run).await.map_err(SyncError::Apply)?;
        }
        let outcome = SyncOutcome { run, plan, was_written, remarks, ended_at: ambient.now() };
        Ok(Restored { outcome, is_declined })
    })
    .await
}

/// Says what the next run will make of what was restored.
fn remarks(rules: &RuleSet, observation: &Observation, plan: &Plan) -> Vec<String> {
    let mut by_rule: BTreeMap<&str, usize> = BTreeMap::new();
    for universe in plan.changed_universes() {
        if let Some(rule) = deciding_rule(rules, &universe.id, Some(&universe.rule)) {
            *by_rule.entry(rule.name.as_str()).or_default() += 1;
        }
    }
    let mut remarks = Vec::new();
    let decided: usize = by_rule.values().sum();
    if decided > 0 {
        let names = by_rule.keys().copied().collect::<Vec<_>>().join(", ");
        let are = if decided == 1 { "1 universe is" } else { &format!("{decided} universes are") };
        remarks.push(format!(
            "{are} decided by rules ({names}): these members hold until the next `universe sync`, which decides anew; \
             mend the data or the rule before it"
        ));
    }
    let has_left = |symbol: &Symbol| {
        observation.symbol.binary_search(symbol).is_ok_and(|at| {
            !observation.is_active[at] || observation.delisted_date[at].is_some_and(|day| day <= observation.session)
        })
    };
    let added = plan.universes.iter().flat_map(|universe| &universe.added).map(|change| plan.symbol(change.listing));
    let left: BTreeSet<&Symbol> = added.filter(|symbol| has_left(symbol)).collect();
    if let Some(first) = left.first() {
        let count = left.len();
        remarks
            .push(format!("{count} of them are delisted ({first}, …): the next `universe sync` takes them out again"));
    }
    remarks
}
