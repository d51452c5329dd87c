//! A run from end to end: observe, plan, check, apply.

mod again;
mod organize;
mod record;
mod repair;

use std::collections::BTreeSet;

use async_trait::async_trait;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use tokio::runtime::{Handle, RuntimeFlavor};
use universe_core::identity::carry_over;
use universe_core::plan::{Alert, AlertKind, Plan, Step};
use universe_core::planner::{Holds, Planner, Request, Undefined, plan_imports};
use universe_core::rule::RuleSet;
use universe_core::state::State;
use universe_core::{Observation, Symbol, UniverseId, expect_session, session_on_or_before};
use universe_store::{ClaimedRun, Needs, RunOrder, RunRecord, Store, StoreError};

use crate::index_sources::{Followed, follow_histories};
use crate::{Ambient, SyncError};
pub(crate) use again::again_while_stale;
pub use organize::{Consent, Losses, organize};
use record::{Work, complete, events_of, record_failure};
pub(crate) use record::{claimed_run, complete_by_hand, facts_of_order, facts_of_run, new_run};
pub use repair::repair;

/// A run that takes longer raises an alert (contract, section 3).
pub(crate) const DURATION_ALERT_SECONDS: f64 = 300.0;

/// What a run is asked to do.
#[derive(Clone, Debug)]
pub struct SyncRequest {
    /// The environment of `cache_entries`.
    pub environment: String,
    /// The session; the newest one with prices when none is given.
    pub session: Option<Date>,
    /// The part of the work, and what happens to the undefined and the held.
    pub request: Request,
    /// Who asks (`api`, `cli`, `scheduler`, `signal`).
    pub triggered_by: String,
    /// Whether anything is written.
    pub writing: Writing,
}

/// Whether a run writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writing {
    /// It applies its plan.
    Apply,
    /// It only plans.
    DryRun,
}

/// What became of a run.
#[derive(Clone, Debug)]
pub struct SyncOutcome {
    /// The run as it is recorded; a run that found nothing to do is recorded nowhere.
    pub run: RunRecord,
    /// Everything that it decided.
    pub plan: Plan,
    /// Whether anything was written.
    pub was_written: bool,
    /// What a person should know about the data that it went by.
    pub remarks: Vec<String>,
    /// When everything was written: later than the end in the record, which is written with it.
    pub ended_at: Timestamp,
}

impl SyncOutcome {
    /// Returns how long the run took, with all that it read and wrote.
    #[must_use]
    pub fn duration_seconds(&self) -> f64 {
        self.run.started_at.map_or(0.0, |began| self.ended_at.max(began).duration_since(began).as_secs_f64())
    }
}

/// Called before each step with the number of steps done.
pub type Progress<'a> = &'a (dyn Fn(Step, usize) + Send + Sync);

/// Looks on while a run goes from step to step, and may stop it.
#[async_trait]
pub(crate) trait Watch: Send + Sync {
    /// Called before each step with the number of steps done, and without a step before the plan is written.
    ///
    /// An error stops the run; nothing has been written then.
    async fn before(&self, step: Option<Step>, done: usize) -> Result<(), SyncError>;

    /// Returns what should be known about the surroundings of the run.
    async fn alerts(&self) -> Vec<Alert>;

    /// Called with the state that the run starts from, each time that it starts.
    fn started(&self, _state: &mut State) {}

    /// Called with the plan before it is written; an error stops the run, and nothing has been written then.
    fn permit(&self, _plan: &Plan) -> Result<(), SyncError> {
        Ok(())
    }
}

/// Tells progress, and stops nothing.
struct Told<'a>(Progress<'a>);

#[async_trait]
impl Watch for Told<'_> {
    async fn before(&self, step: Option<Step>, done: usize) -> Result<(), SyncError> {
        if let Some(step) = step {
            (self.0)(step, done);
        }
        Ok(())
    }

    async fn alerts(&self) -> Vec<Alert> {
        Vec::new()
    }
}

/// Synchronizes one session.
///
/// The plan is applied in one transaction, or nothing is. When another run changed the state in between,
/// the run observes and plans again; so two runs at once are as two after each other.
///
/// # Errors
/// When the day is no session or out of order, or the store fails; the failure is recorded where it can be.
pub async fn sync(
    store: &dyn Store,
    rules: &RuleSet,
    request: &SyncRequest,
    ambient: &dyn Ambient,
    progress: Progress<'_>,
) -> Result<SyncOutcome, SyncError> {
    synchronize(store, rules, request, None, ambient, &Told(progress)).await
}

/// Carries out a run from the queue; unless it fails, its row is then at its end and its lease released.
///
/// # Errors
/// As for [`sync`], and when it is stopped between steps; the run is then still the caller's to close.
pub(crate) async fn sync_claimed(
    store: &dyn Store,
    rules: &RuleSet,
    claimed: &ClaimedRun,
    ambient: &dyn Ambient,
    watch: &dyn Watch,
) -> Result<SyncOutcome, SyncError> {
    synchronize(store, rules, &request_of(&claimed.order), Some(claimed), ambient, watch).await
}

async fn synchronize(
    store: &dyn Store,
    rules: &RuleSet,
    request: &SyncRequest,
    claimed: Option<&ClaimedRun>,
    ambient: &dyn Ambient,
    watch: &dyn Watch,
) -> Result<SyncOutcome, SyncError> {
    let started_at = claimed.map_or_else(|| ambient.now(), |claimed| claimed.started_at);
    let (session, remarks) = choose_session(store, request.session, started_at).await?;
    let begin = || match claimed {
        Some(claimed) => claimed_run(claimed, Some(session)),
        None => new_run(request, session, started_at, ambient.new_run_id()),
    };
    let outcome = again_while_stale(|| async {
        let mut run = begin();
        let mut state = store.state_read(&request.environment, session).await.map_err(SyncError::Observe)?;
        watch.started(&mut state);
        if let Some(last) = state.last_session.filter(|last| session < *last) {
            return Err(SyncError::OutOfOrder { session, last });
        }
        let followed = follow_histories(store, &request.environment, &mut state, session).await;
        let Followed { lists, alerts: of_sources } = followed.map_err(SyncError::Observe)?;
        let observation = observe(store, rules, &state, session).await?;
        let (mut plan, durations) =
            plan_with_durations(&observation, rules, &state, &request.request, ambient, watch).await?;
        drop((observation, state));
        watch.before(None, Step::ALL.len()).await?;
        let alerts = watch.alerts().await;
        // The clock of the machine that ordered the run may be ahead of this one's.
        let finished_at = ambient.now().max(started_at);
        check_duration(&mut plan, started_at, finished_at);
        plan.alerts.extend(of_sources.into_iter().chain(alerts));
        plan.lists = lists;
        complete(&mut run, &plan, Work::Steps(&durations), finished_at);
        let was_written = !plan.is_empty() && request.writing == Writing::Apply;
        if was_written {
            watch.permit(&plan)?;
            apply(store, &plan, &run).await.map_err(SyncError::Apply)?;
        } else if claimed.is_some() {
            let events = if run.dry_run { Vec::new() } else { events_of(&plan, &run, &[]) };
            store.run_close(&run, &events).await.map_err(SyncError::Apply)?;
        }
        Ok(SyncOutcome { run, plan, was_written, remarks: remarks.clone(), ended_at: ambient.now() })
    })
    .await;
    if let (Err(SyncError::Apply(error)), None) = (&outcome, claimed)
        && !matches!(error, StoreError::Busy { .. })
    {
        record_failure(store, begin(), error, ambient.now()).await;
    }
    outcome
}

/// Returns what an order asks for, in the words of a run.
fn request_of(order: &RunOrder) -> SyncRequest {
    let holds = match order.force {
        true => Holds::Release,
        false if order.approves.is_empty() => Holds::Wait,
        false => Holds::ReleaseOnly(order.approves.iter().cloned().collect()),
    };
    SyncRequest {
        environment: order.environment.clone(),
        session: order.session,
        request: Request {
            mode: order.mode,
            undefined: if order.preserve { Undefined::Preserve } else { Undefined::Retire },
            holds,
        },
        triggered_by: order.triggered_by.clone(),
        writing: if order.dry_run { Writing::DryRun } else { Writing::Apply },
    }
}

/// Brings universes up to date with the lists that were imported for them, as one run.
///
/// # Errors
/// As for [`sync`].
pub async fn sync_imports(
    store: &dyn Store,
    rules: &RuleSet,
    request: &SyncRequest,
    ids: &BTreeSet<UniverseId>,
    ambient: &dyn Ambient,
) -> Result<SyncOutcome, SyncError> {
    let started_at = ambient.now();
    again_while_stale(|| async {
        let today = session_on_or_before(new_york_date(started_at));
        let mut state = store.state_read(&request.environment, today).await.map_err(SyncError::Observe)?;
        let session = request.session.or(state.last_session).unwrap_or(today);
        if let Some(last) = state.last_session.filter(|last| session < *last) {
            return Err(SyncError::OutOfOrder { session, last });
        }
        state.market.retain(|figures| figures.session <= session);
        let observation = observe(store, rules, &state, session).await?;
        let mut run = new_run(request, session, started_at, ambient.new_run_id());
        let plan = plan_imports(&observation, rules, &state, ids);
        complete_by_hand(store, &mut run, &plan, ambient.now()).await.map_err(SyncError::Observe)?;
        let was_written = !plan.universes.is_empty();
        if was_written {
            apply(store, &plan, &run).await.map_err(SyncError::Apply)?;
        }
        Ok(SyncOutcome { run, plan, was_written, remarks: Vec::new(), ended_at: ambient.now() })
    })
    .await
}

/// Returns the date in New York at an instant.
#[must_use]
pub fn new_york_date(at: Timestamp) -> Date {
    // The last hours of a session in New York are the same date in UTC, whatever the season; a run shortly
    // after midnight UTC is still about the day before.
    at.to_zoned(TimeZone::fixed(jiff::tz::offset(-5))).date()
}

async fn choose_session(
    store: &dyn Store,
    asked: Option<Date>,
    now: Timestamp,
) -> Result<(Date, Vec<String>), SyncError> {
    let limit = match asked {
        Some(session) => expect_session(session)?,
        None => session_on_or_before(new_york_date(now)),
    };
    let latest = store.session_latest(limit).await.map_err(SyncError::Observe)?.ok_or(SyncError::NoPrices)?;
    let Some(session) = asked else { return Ok((session_on_or_before(latest), Vec::new())) };
    let stale = (latest < session).then(|| format!("there are no prices of {session}; the latest are of {latest}"));
    Ok((session, stale.into_iter().collect()))
}

/// What a run by hand begins from: the state, the newest session, and what is observed as of it.
pub(crate) struct Standpoint {
    pub(crate) state: State,
    pub(crate) session: Date,
    pub(crate) observation: Observation,
}

/// Reads what a run by hand begins from; it is about the newest session that was synchronized, or a later one where
/// that is not before `not_before`, and about today where nothing was.
pub(crate) async fn stand(
    store: &dyn Store,
    rules: &RuleSet,
    request: &SyncRequest,
    not_before: Option<Date>,
    started_at: Timestamp,
) -> Result<Standpoint, SyncError> {
    let today = session_on_or_before(new_york_date(started_at));
    let mut state = store.state_read(&request.environment, today).await.map_err(SyncError::Observe)?;
    let session = state.last_session.max(not_before).unwrap_or(today);
    state.market.retain(|figures| figures.session <= session);
    let observation = observe(store, rules, &state, session).await?;
    Ok(Standpoint { state, session, observation })
}

pub(crate) async fn observe(
    store: &dyn Store,
    rules: &RuleSet,
    state: &State,
    session: Date,
) -> Result<Observation, SyncError> {
    let needs = Needs {
        company_names: rules.reads_company_name(),
        details: rules.reads_details(),
        facts: rules.facts(),
        returns: state.market.last().is_none_or(|figures| figures.session != session),
    };
    let mut seen = store.observation_read(session, &needs).await.map_err(SyncError::Observe)?;
    carry_over(&mut seen, &state.symbol_changes);
    Ok(seen)
}

async fn plan_with_durations(
    observation: &Observation,
    rules: &RuleSet,
    state: &State,
    request: &Request,
    ambient: &dyn Ambient,
    watch: &dyn Watch,
) -> Result<(Plan, Vec<f64>), SyncError> {
    let mut planner = beside_others(|| Planner::new(observation, rules, state, request.clone()));
    let mut durations = Vec::with_capacity(Step::ALL.len());
    for (done, step) in Step::ALL.into_iter().enumerate() {
        watch.before(Some(step), done).await?;
        let began = ambient.now();
        beside_others(|| planner.take(step));
        durations.push(ambient.now().duration_since(began).as_secs_f64());
    }
    Ok((beside_others(|| planner.finish()), durations))
}

/// Computes for some milliseconds without keeping a server's other tasks waiting.
fn beside_others<T>(compute: impl FnOnce() -> T) -> T {
    match Handle::current().runtime_flavor() {
        RuntimeFlavor::MultiThread => tokio::task::block_in_place(compute),
        _ => compute(),
    }
}

fn check_duration(plan: &mut Plan, started_at: Timestamp, finished_at: Timestamp) {
    let seconds = finished_at.duration_since(started_at).as_secs_f64();
    if seconds > DURATION_ALERT_SECONDS {
        plan.alerts.push(Alert {
            alert: AlertKind::RunTooLong,
            universe: None,
            message: format!("the run has taken {seconds:.0} seconds, more than {DURATION_ALERT_SECONDS:.0}"),
        });
    }
}

pub(crate) async fn apply(store: &dyn Store, plan: &Plan, run: &RunRecord) -> Result<(), StoreError> {
    let offered: Vec<Symbol> = plan.offerings.iter().map(|offering| plan.symbol(offering.listing).clone()).collect();
    let names = if offered.is_empty() { Vec::new() } else { store.company_name_list(&offered).await? };
    store.run_apply(plan, run, &events_of(plan, run, &names)).await
}
