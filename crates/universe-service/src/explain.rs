//! Why a symbol is in a universe as of a session, or is not: what was recorded, and what the rule says of the
//! figures of that session.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;
use universe_core::identity::{SymbolChange, carry_over};
use universe_core::planner::explain::{Verdict, explain};
use universe_core::rule::RuleSet;
use universe_core::state::State;
use universe_core::{EvaluationError, Symbol, UniverseId, Usd, previous_session, resolve_symbol};
use universe_store::{MembershipRecord, Needs, RunVersion, Store, StoreError};
use uuid::Uuid;

use crate::Footing;

use crate::identity::symbol_remark;

/// The last thing that was recorded about a symbol in a universe.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RecordedChange {
    /// The session from which it holds.
    pub session: Date,
    /// Whether it came (`added`) or went (`removed`).
    pub action: &'static str,
    /// The code of the reason.
    pub reason: String,
    /// The market cap that decided, in dollars.
    pub market_cap: Option<Usd>,
    /// The rank that decided.
    pub rank: Option<u32>,
    /// The run that recorded it.
    pub run_id: Option<Uuid>,
    /// When it was recorded.
    pub recorded_at: Option<Timestamp>,
}

/// Why a symbol is in a universe as of a session, or is not.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation {
    /// The universe.
    pub universe: UniverseId,
    /// The symbol.
    pub symbol: Symbol,
    /// Its name.
    pub company_name: Option<String>,
    /// The session that the answer is for.
    pub as_of: Date,
    /// Whether it is a member, as it is recorded.
    pub is_member: bool,
    /// The session since which it has been one.
    pub since: Option<Date>,
    /// The last change up to the session; `None` when it was never a member.
    pub recorded: Option<RecordedChange>,
    /// What the rule says of the figures of the session; `None` where nothing defines the universe any more.
    pub by_rule: Option<Verdict>,
    /// What a person should know about the answer.
    pub remarks: Vec<String>,
}

/// Why there is no explanation.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// Nothing was ever synchronized.
    #[error("nothing was synchronized yet; load data and run: universe sync")]
    NothingYet,
    /// The rule cannot be evaluated.
    #[error("the rule of {universe} cannot be evaluated")]
    Evaluation {
        /// The universe.
        universe: UniverseId,
        /// Why.
        source: EvaluationError,
    },
    /// The store could not answer.
    #[error("could not explain {symbol} in {universe}")]
    Store {
        /// The symbol.
        symbol: Symbol,
        /// The universe.
        universe: UniverseId,
        /// Why.
        source: StoreError,
    },
}

/// What is to be explained.
#[derive(Clone, Copy, Debug)]
pub struct ExplainQuestion<'a> {
    /// The environment of `cache_entries`.
    pub environment: &'a str,
    /// The universe.
    pub universe: &'a UniverseId,
    /// The symbol.
    pub symbol: &'a Symbol,
    /// The session that the answer is for, or the day after some; the last one synchronized when none is given.
    pub as_of: Option<Date>,
}

/// Explains why a symbol is in a universe, or is not.
///
/// What was recorded is the answer; what the rule says of the same session's figures explains it. Where they differ,
/// the answer says why that may be.
///
/// # Errors
/// When nothing was synchronized yet, or the store fails.
pub async fn explain_membership(
    store: &dyn Store,
    rules: &RuleSet,
    question: ExplainQuestion<'_>,
) -> Result<Explanation, ExplainError> {
    let ExplainQuestion { environment, universe, symbol, as_of } = question;
    let failed = |source| ExplainError::Store { symbol: symbol.clone(), universe: universe.clone(), source };
    let mut remarks = Vec::new();
    let far = as_of.map_or(Date::MAX, universe_core::session_on_or_before);
    let mut state = store.state_read(environment, far).await.map_err(failed)?;
    let last = state.last_session.ok_or(ExplainError::NothingYet)?;
    let session = far.min(last);
    if let Some(asked) = as_of.filter(|asked| *asked != session) {
        let why = if session == last { "nothing newer is synchronized" } else { "it is no session" };
        remarks.push(format!("as of {session} instead of {asked}: {why}"));
    }
    let rule_mark = state.universes.get(universe).and_then(|universe| universe.rule.clone());
    state.market.retain(|figures| figures.session <= session);
    put_members_before(store, environment, rules, universe, session, &mut state).await.map_err(failed)?;
    let needs = Needs {
        company_names: true,
        details: true,
        facts: rules.facts(),
        returns: state.market.last().is_none_or(|figures| figures.session != session),
    };
    let mut seen = store.observation_read(session, &needs).await.map_err(failed)?;
    let changes = store.symbol_change_list().await.map_err(failed)?;
    let changes: Vec<SymbolChange> = changes.into_iter().map(|record| record.change).collect();
    state.symbol_changes.retain(|change| change.date <= session);
    carry_over(&mut seen, &state.symbol_changes);
    let symbol = &resolve_symbol(symbol.as_str(), &seen.symbol).unwrap_or_else(|| symbol.clone());
    let rows = store.membership_list(environment, Some(universe), Some(symbol)).await.map_err(failed)?;
    let versions = store.version_list(environment).await.map_err(failed)?;
    let current = rows.iter().find(|row| row.covers(session));
    let by_rule = explain(&seen, rules, &state, universe, symbol)
        .map_err(|source| ExplainError::Evaluation { universe: universe.clone(), source })?;

    let is_member = current.is_some();
    remarks.extend(symbol_remark(&changes, symbol, session).filter(|_| !is_member));
    if by_rule.is_none() {
        remarks.push(format!("no rule and no import defines {universe} any more"));
    }
    if let Some(verdict) = by_rule.as_ref().filter(|verdict| verdict.is_member != is_member) {
        let says = if verdict.is_member { "would be a member" } else { "would not be a member" };
        let why = match rule_mark {
            Some(mark) if mark.version != verdict.rule_version => "the rule was changed since it was decided",
            _ if Footing::find(store, environment, Some(session), None).await.map_err(failed)?.holds(universe) => {
                "the change is held and waits for approval"
            }
            _ => "it was decided on other figures, by hand, or is decided more rarely than every session",
        };
        remarks.push(format!("by the rule as it stands, {symbol} {says}: {why}"));
    }
    Ok(Explanation {
        universe: universe.clone(),
        symbol: symbol.clone(),
        company_name: seen.position(symbol).and_then(|at| seen.company_name.value(at)).map(ToOwned::to_owned),
        as_of: session,
        is_member,
        since: current.map(|row| row.valid_from),
        recorded: last_change(&rows, session).map(|change| change.told(&versions)),
        by_rule,
        remarks,
    })
}

/// Puts the members of before the session into the state, for the universes that are decided together with one.
async fn put_members_before(
    store: &dyn Store,
    environment: &str,
    rules: &RuleSet,
    universe: &UniverseId,
    session: Date,
    state: &mut State,
) -> Result<(), StoreError> {
    let mut together: BTreeSet<UniverseId> = [universe.clone()].into();
    together.extend(rules.rule_of(universe).into_iter().flat_map(universe_core::rule::Rule::defined_addresses));
    let before = previous_session(session);
    for id in together {
        let Some(known) = state.universes.get_mut(&id) else { continue };
        let found = store.member_list(environment, &id, Some(before), None).await?;
        known.members = found.into_iter().flat_map(|found| found.members).map(|member| member.symbol).collect();
    }
    Ok(())
}

/// A beginning or an end of a membership, before its run is looked up.
struct Turn<'r> {
    row: &'r MembershipRecord,
    session: Date,
    is_end: bool,
}

impl Turn<'_> {
    fn run_number(&self) -> Option<i64> {
        if self.is_end { self.row.closed_run } else { Some(self.row.opened_run) }
    }

    /// `versions` are in order of their numbers.
    fn told(&self, versions: &[RunVersion]) -> RecordedChange {
        let Self { row, session, is_end } = *self;
        let place = |number| versions.binary_search_by_key(&number, |version| version.run_number).ok();
        let run = self.run_number().and_then(place).map(|at| &versions[at]);
        RecordedChange {
            session,
            action: if is_end { "removed" } else { "added" },
            reason: if is_end { row.closed_reason.clone().unwrap_or_default() } else { row.opened_reason.clone() },
            market_cap: if is_end { row.closed_cap } else { row.opened_cap },
            rank: if is_end { row.closed_rank } else { row.opened_rank },
            run_id: run.map(|run| run.run_id),
            recorded_at: run.map(|run| run.recorded_at),
        }
    }
}

fn turns(rows: &[MembershipRecord]) -> impl Iterator<Item = Turn<'_>> {
    rows.iter().filter(|row| row.is_in_force()).flat_map(|row| {
        let end = row.valid_to.map(|session| Turn { row, session, is_end: true });
        std::iter::once(Turn { row, session: row.valid_from, is_end: false }).chain(end)
    })
}

fn last_change(rows: &[MembershipRecord], session: Date) -> Option<Turn<'_>> {
    turns(rows).filter(|turn| turn.session <= session).max_by_key(|turn| (turn.session, !turn.is_end))
}

/// One line of a history: a symbol that came into a universe or went.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HistoryLine {
    /// The universe.
    pub universe: UniverseId,
    /// The symbol.
    pub symbol: Symbol,
    /// What happened.
    #[serde(flatten)]
    pub change: RecordedChange,
}

/// Turns memberships into lines, one for each change, in order of session, universe and symbol.
///
/// A membership that was corrected, or taken back before it ever held, gives none. `versions` are in order of their
/// numbers.
#[must_use]
pub fn history_lines(rows: &[MembershipRecord], versions: &[RunVersion]) -> Vec<HistoryLine> {
    let mut turns: Vec<Turn<'_>> = turns(rows).collect();
    // Of one session, who goes stands before who comes, as in the announcements of index providers.
    turns.sort_by(|a, b| {
        let key = |turn: &Turn<'_>| (turn.session, turn.row.universe.clone(), !turn.is_end, turn.row.symbol.clone());
        key(a).cmp(&key(b))
    });
    turns
        .iter()
        .map(|turn| HistoryLine {
            universe: turn.row.universe.clone(),
            symbol: turn.row.symbol.clone(),
            change: turn.told(versions),
        })
        .collect()
}
