//! Why a symbol is in a universe as of a session, or is not: what was recorded, and what the rule says of the
//! figures of that session.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;
use universe_core::identity::carry_over;
use universe_core::plan::Reason;
use universe_core::planner::explain::{Verdict, explain};
use universe_core::rule::RuleSet;
use universe_core::state::{RuleMark, State};
use universe_core::{EvaluationError, Observation, Symbol, UniverseId, previous_session, resolve_symbol};
use universe_store::{MembershipRecord, Needs, Store, StoreError};

use crate::correct::CORRECTED;
use crate::history::{RecordedChange, last_change};
use crate::identity::{symbol_changes, symbol_remark};
use crate::index_history::IMPORTED_HISTORY;
use crate::known::Known;
use crate::{Footing, Standing};

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
    /// The session since which it has been one without a break, under the symbols of before too.
    pub since: Option<Date>,
    /// The last change up to the session; `None` when it was never a member.
    pub recorded: Option<RecordedChange>,
    /// What the rule says of the figures of the session; `None` where nothing defines the universe.
    pub by_rule: Option<Verdict>,
    /// How far the answer can be trusted.
    #[serde(flatten)]
    pub standing: Standing,
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
    /// What was known at this instant; everything when none is given.
    pub known_at: Option<Timestamp>,
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
    let ExplainQuestion { environment, universe, symbol, as_of, known_at } = question;
    let failed = |source| ExplainError::Store { symbol: symbol.clone(), universe: universe.clone(), source };
    let far = as_of.map_or(Date::MAX, universe_core::session_on_or_before);
    let mut state = store.state_read(environment, far).await.map_err(failed)?;
    let last = state.last_session.ok_or(ExplainError::NothingYet)?;
    // What was known then may end earlier.
    let then = match (as_of, known_at) {
        (None, Some(_)) => Footing::find(store, environment, None, known_at).await.map_err(failed)?.session,
        _ => None,
    };
    let session = then.unwrap_or(far).min(last);
    let rule_mark = state.universes.get(universe).and_then(|universe| universe.rule.clone());
    state.market.retain(|figures| figures.session <= session);
    put_members_before(store, rules, question, session, &mut state).await.map_err(failed)?;
    let needs = Needs {
        company_names: true,
        details: true,
        facts: rules.facts(),
        returns: state.market.last().is_none_or(|figures| figures.session != session),
    };
    let mut seen = store.observation_read(session, &needs).await.map_err(failed)?;
    if session < last {
        relist(&mut seen);
    }
    let changes = symbol_changes(store, known_at).await.map_err(failed)?;
    state.symbol_changes = changes.iter().filter(|change| change.date <= session).cloned().collect();
    carry_over(&mut seen, &state.symbol_changes);
    let symbol = &resolve_symbol(symbol.as_str(), &seen.symbol).unwrap_or_else(|| symbol.clone());
    let versions = store.version_list(environment).await.map_err(failed)?;
    let known = Known::at(&versions, known_at);
    let rows = store.membership_list(environment, Some(universe), Some(symbol)).await.map_err(failed)?;
    let rows: Vec<MembershipRecord> = rows.into_iter().filter_map(|row| known.interval(row)).collect();
    let current = rows.iter().find(|row| row.covers(session));
    let recorded = last_change(&rows, session).map(|change| change.told(known));
    let by_rule = explain(&seen, rules, &state, universe, symbol)
        .map_err(|source| ExplainError::Evaluation { universe: universe.clone(), source })?;

    let is_member = current.is_some();
    let found = store.member_list(environment, universe, Some(session), known_at).await.map_err(failed)?;
    let footing = Footing::find(store, environment, Some(session), known_at).await.map_err(failed)?;
    let held = footing.holds(universe);
    let (members, known_since) = found.map(|found| (found.members, found.known_since)).unwrap_or_default();
    let since = members.iter().find(|member| member.symbol == *symbol).and_then(|member| member.since);
    let standing = footing.standing(Some(session), known_since, held);
    let mut remarks = Vec::new();
    if let Some(asked) = as_of.filter(|asked| *asked != session) {
        let why = if session == last { "nothing newer is synchronized" } else { "it is no session" };
        remarks.push(format!("as of {session} instead of {asked}: {why}"));
    }
    match known_since {
        Some(since) if session < since => {
            remarks.push(format!("nothing is known of {universe} before {since}, so this is no answer for {session}"));
        }
        _ => {}
    }
    if let (Some(1..), Some(source)) = (standing.source_age_sessions, footing.session) {
        remarks.push(format!("{session} was not synchronized; this is what was recorded as of {source}"));
    }
    remarks.extend(what_sources_say(store, question, symbol, session).await.map_err(failed)?);
    remarks.extend(symbol_remark(&changes, symbol, session).filter(|_| !is_member));
    match &by_rule {
        None if rules.rule_of(universe).is_some() => remarks.push(format!("no list was imported for {universe} yet")),
        None => remarks.push(format!("no rule and no import defines {universe} any more")),
        Some(verdict) if verdict.is_member != is_member && standing.is_point_in_time => {
            let says = if verdict.is_member { "would be a member" } else { "would not be a member" };
            let why = why_otherwise(recorded.as_ref(), verdict, rule_mark.as_ref(), held);
            remarks.push(format!("by the rule as it stands, {symbol} {says}: {why}"));
        }
        Some(_) => {}
    }
    Ok(Explanation {
        universe: universe.clone(),
        symbol: symbol.clone(),
        company_name: seen.position(symbol).and_then(|at| seen.company_name.value(at)).map(ToOwned::to_owned),
        as_of: session,
        is_member,
        since,
        recorded,
        by_rule,
        standing,
        remarks,
    })
}

/// Says which sources of an index have a symbol on a day; `None` where the universe has no sources.
async fn what_sources_say(
    store: &dyn Store,
    question: ExplainQuestion<'_>,
    symbol: &Symbol,
    day: Date,
) -> Result<Option<String>, StoreError> {
    let mut kept = store.constituent_source_list(question.environment, question.universe).await?;
    kept.retain(|source| question.known_at.is_none_or(|known_at| source.loaded_at <= known_at));
    let Some(quorum) = kept.iter().max_by_key(|source| source.loaded_at).map(|source| source.quorum) else {
        return Ok(None);
    };
    // After all of them ended, what they said last goes on.
    let day = kept.iter().map(|source| source.record.last).max().map_or(day, |last| last.min(day));
    let say = |says: Option<bool>| {
        let names = kept.iter().map(|source| &source.record).filter(|record| record.says(symbol, day) == says);
        let names: Vec<&str> = names.map(|record| record.source.as_str()).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(" ") }
    };
    let (is_in, is_out, silent) = (say(Some(true)), say(Some(false)), say(None));
    let needed = quorum.min(kept.len());
    Ok(Some(format!("sources on {day}: in {is_in}, out {is_out}, cannot say {silent}; {needed} must agree")))
}

/// Says why a rule may say otherwise than what is recorded.
fn why_otherwise(
    recorded: Option<&RecordedChange>,
    verdict: &Verdict,
    rule_mark: Option<&RuleMark>,
    held: bool,
) -> &'static str {
    match recorded.map(|change| change.reason.as_str()) {
        Some(CORRECTED) => return "somebody corrected it",
        Some(IMPORTED_HISTORY) => return "the history of the index was imported",
        _ if held => return "the change is held and waits for approval",
        Some(reason) if reason == Reason::Restored.code() => return "a rollback or an import made it so",
        Some(reason) if reason == Reason::Overridden.code() => return "it was put so by hand",
        Some(_) | None => {}
    }
    match rule_mark {
        Some(mark) if mark.version != verdict.rule_version => "the rule was changed since it was decided",
        Some(_) | None => "it was decided on other figures, or is decided more rarely than every session",
    }
}

/// Whoever left the market on a later session was still on it, whatever reference data says today.
fn relist(seen: &mut Observation) {
    for (is_active, delisted_date) in seen.is_active.iter_mut().zip(&seen.delisted_date) {
        *is_active |= delisted_date.is_some_and(|delisted_date| seen.session < delisted_date);
    }
}

/// Puts the members of before the session into the state, for the universes that are decided together with one.
async fn put_members_before(
    store: &dyn Store,
    rules: &RuleSet,
    question: ExplainQuestion<'_>,
    session: Date,
    state: &mut State,
) -> Result<(), StoreError> {
    let ExplainQuestion { environment, universe, known_at, .. } = question;
    let mut together: BTreeSet<UniverseId> = [universe.clone()].into();
    together.extend(rules.rule_of(universe).into_iter().flat_map(universe_core::rule::Rule::defined_addresses));
    let before = previous_session(session);
    for id in together {
        let Some(known) = state.universes.get_mut(&id) else { continue };
        let found = store.member_list(environment, &id, Some(before), known_at).await?;
        known.members = found.into_iter().flat_map(|found| found.members).map(|member| member.symbol).collect();
    }
    Ok(())
}
