//! Corrections by hand: a symbol was a member on days of the past, or was not.

use std::collections::BTreeSet;

use jiff::civil::Date;
use universe_core::plan::{Cause, PastChange, PastInterval, PlannedPresent, RecordedInterval, plan_past};
use universe_core::planner::plan_restore;
use universe_core::rule::RuleSet;
use universe_core::{Symbol, UniverseId};
use universe_store::{MembershipRecord, Store};

use crate::sync::{Standpoint, again_while_stale, apply, complete_by_hand, new_run, stand};
use crate::{Ambient, SyncError, SyncOutcome, SyncRequest, Writing};

/// The code of the reason with which corrected intervals begin and end.
pub(crate) const CORRECTED: &str = "corrected";

/// What was otherwise than it is recorded.
#[derive(Clone, Copy, Debug)]
pub struct Correction<'a> {
    /// The universe.
    pub universe: &'a UniverseId,
    /// The symbol.
    pub symbol: &'a Symbol,
    /// Whether it was a member.
    pub was_member: bool,
    /// The first session.
    pub from: Date,
    /// The first session no longer; the last one synchronized when none is given, which is the present.
    pub until: Option<Date>,
    /// Why, for people.
    pub reason: &'a str,
}

/// Corrects the recorded past of one symbol in one universe; the present stays as it is.
///
/// What was recorded is superseded, and still answers for what was known before.
///
/// # Errors
/// When the store fails; nothing is then changed.
pub async fn correct(
    store: &dyn Store,
    rules: &RuleSet,
    request: &SyncRequest,
    correction: Correction<'_>,
    ambient: &dyn Ambient,
) -> Result<SyncOutcome, SyncError> {
    let environment = request.environment.as_str();
    let started_at = ambient.now();
    again_while_stale(|| async {
        let Standpoint { state, session, observation } = stand(store, rules, request, None, started_at).await?;
        if state.last_session.is_none() {
            return Err(SyncError::NoPrices);
        }
        check_days(store, environment, correction, session).await?;
        let cause = Cause::Correction { reason: correction.reason.to_owned() };
        let mut plan = plan_restore(&observation, rules, &state, &[], cause);
        let (id, symbol) = (correction.universe, correction.symbol);
        let rows = store.membership_list(environment, Some(id), Some(symbol)).await.map_err(SyncError::Observe)?;
        let recorded: Vec<RecordedInterval> =
            rows.into_iter().filter(MembershipRecord::is_in_force).map(RecordedInterval::from).collect();
        let is_member = state.universes.get(id).is_some_and(|universe| universe.members.contains(symbol));
        let members: BTreeSet<Symbol> = is_member.then(|| symbol.clone()).into_iter().collect();
        let wanted = wanted(&recorded, correction, session);
        let (superseded, intervals) = plan_past(&recorded, &wanted, PlannedPresent { session, members: &members });
        let change = PastChange {
            id: id.clone(),
            reason: CORRECTED,
            source: correction.reason.to_owned(),
            superseded,
            intervals,
        };
        plan.past = if change.is_empty() { Vec::new() } else { vec![change] };
        let mut run = new_run(request, session, started_at, ambient.new_run_id());
        complete_by_hand(store, &mut run, &plan, ambient.now()).await.map_err(SyncError::Observe)?;
        let was_written = !plan.past.is_empty() && request.writing == Writing::Apply;
        if was_written {
            apply(store, &plan, &run).await.map_err(SyncError::Apply)?;
        }
        let is_known = observation.position(symbol).is_some() || !recorded.is_empty();
        let remarks = if is_known { Vec::new() } else { vec![format!("{symbol} is in no listing")] };
        Ok(SyncOutcome { run, plan, was_written, remarks, ended_at: ambient.now() })
    })
    .await
}

/// Refuses what is no past of the universe: the present, and days of which nothing is recorded.
async fn check_days(
    store: &dyn Store,
    environment: &str,
    correction: Correction<'_>,
    session: Date,
) -> Result<(), SyncError> {
    let Correction { universe, from: day, .. } = correction;
    if session <= day {
        return Err(SyncError::NotPast { day, session });
    }
    let found = store.member_list(environment, universe, Some(day), None).await.map_err(SyncError::Observe)?;
    match found.and_then(|found| found.known_since) {
        Some(since) if day < since => Err(SyncError::BeforeRecord { universe: universe.clone(), since }),
        Some(_) | None => Ok(()),
    }
}

/// Puts the corrected days into what is recorded, or takes them out of it.
fn wanted(recorded: &[RecordedInterval], correction: Correction<'_>, session: Date) -> Vec<PastInterval> {
    let (from, until) = (correction.from, correction.until.unwrap_or(session).min(session));
    let interval = |valid_from: Date, valid_to: Option<Date>| PastInterval {
        symbol: correction.symbol.clone(),
        valid_from,
        valid_to,
    };
    let mut wanted = Vec::new();
    for stay in recorded {
        if correction.was_member {
            wanted.push(interval(stay.valid_from, stay.valid_to));
            continue;
        }
        let before = stay.valid_to.map_or(from, |end| end.min(from));
        if stay.valid_from < before {
            wanted.push(interval(stay.valid_from, Some(before)));
        }
        let after = stay.valid_from.max(until);
        if stay.valid_to.is_none_or(|end| after < end) {
            wanted.push(interval(after, stay.valid_to));
        }
    }
    if correction.was_member && from < until {
        wanted.push(interval(from, Some(until)));
    }
    wanted
}
