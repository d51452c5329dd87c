//! A run from end to end: observe, plan, check, apply.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use universe_core::event::{RunFacts, events_of_failure, events_of_run};
use universe_core::plan::{Alert, AlertKind, Plan, Step};
use universe_core::planner::{Planner, Request, plan_import};
use universe_core::rule::RuleSet;
use universe_core::state::State;
use universe_core::{Observation, Symbol, UniverseId, expect_session, session_on_or_before};
use universe_store::{Needs, RunRecord, Store, StoreError};
use uuid::Uuid;

use crate::{Ambient, SyncError};

/// How often a run starts again because another one changed the state in between.
const STALE_RETRIES_MAX: usize = 5;

/// A run that takes longer raises an alert (contract, section 3).
const DURATION_ALERT_SECONDS: f64 = 300.0;

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
}

/// Called before each step with the number of steps done.
pub type Progress<'a> = &'a (dyn Fn(Step, usize) + Send + Sync);

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
    let started_at = ambient.now();
    let (session, remarks) = choose_session(store, request.session, started_at).await?;
    let mut attempts = 0;
    loop {
        let mut run = new_run(request, session, started_at, ambient.new_run_id());
        let state = store.state_read(&request.environment, session).await.map_err(SyncError::Observe)?;
        if let Some(last) = state.last_session.filter(|last| session < *last) {
            return Err(SyncError::OutOfOrder { session, last });
        }
        let observation = observe(store, rules, &state, session).await?;
        let (mut plan, durations) = plan_with_durations(&observation, rules, &state, request.request, ambient, progress);
        drop((observation, state));
        let finished_at = ambient.now();
        check_duration(&mut plan, started_at, finished_at);
        complete(&mut run, &plan, &durations, finished_at);
        let outcome = |was_written, run, plan| SyncOutcome { run, plan, was_written, remarks: remarks.clone() };
        if plan.is_empty() || request.writing == Writing::DryRun {
            return Ok(outcome(false, run, plan));
        }
        match apply(store, &plan, &run, request).await {
            Ok(()) => return Ok(outcome(true, run, plan)),
            Err(StoreError::Stale { .. }) if attempts < STALE_RETRIES_MAX => attempts += 1,
            Err(error) => {
                record_failure(store, run, request, &error).await;
                return Err(SyncError::Apply(error));
            }
        }
    }
}

/// Brings one universe up to date with the list that was imported for it, as a run of its own.
///
/// # Errors
/// As for [`sync`].
pub async fn sync_import(
    store: &dyn Store,
    rules: &RuleSet,
    request: &SyncRequest,
    id: &UniverseId,
    ambient: &dyn Ambient,
) -> Result<SyncOutcome, SyncError> {
    let started_at = ambient.now();
    let mut attempts = 0;
    loop {
        let today = session_on_or_before(new_york_date(started_at));
        let mut state = store.state_read(&request.environment, today).await.map_err(SyncError::Observe)?;
        let session = request.session.or(state.last_session).unwrap_or(today);
        if let Some(last) = state.last_session.filter(|last| session < *last) {
            return Err(SyncError::OutOfOrder { session, last });
        }
        state.market.retain(|figures| figures.session <= session);
        let observation = observe(store, rules, &state, session).await?;
        let mut run = new_run(request, session, started_at, ambient.new_run_id());
        let plan = plan_import(&observation, rules, &state, id);
        complete(&mut run, &plan, &[], ambient.now());
        if plan.universes.is_empty() {
            return Ok(SyncOutcome { run, plan, was_written: false, remarks: Vec::new() });
        }
        match apply(store, &plan, &run, request).await {
            Ok(()) => return Ok(SyncOutcome { run, plan, was_written: true, remarks: Vec::new() }),
            Err(StoreError::Stale { .. }) if attempts < STALE_RETRIES_MAX => attempts += 1,
            Err(error) => return Err(SyncError::Apply(error)),
        }
    }
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

async fn observe(
    store: &dyn Store,
    rules: &RuleSet,
    state: &State,
    session: Date,
) -> Result<Observation, SyncError> {
    let needs = Needs {
        company_names: rules.reads_company_name(),
        facts: rules.facts(),
        returns: state.market.last().is_none_or(|figures| figures.session != session),
    };
    store.observation_read(session, &needs).await.map_err(SyncError::Observe)
}

fn plan_with_durations(
    observation: &Observation,
    rules: &RuleSet,
    state: &State,
    request: Request,
    ambient: &dyn Ambient,
    progress: Progress<'_>,
) -> (Plan, Vec<f64>) {
    let mut planner = Planner::new(observation, rules, state, request);
    let mut durations = Vec::with_capacity(Step::ALL.len());
    for (done, step) in Step::ALL.into_iter().enumerate() {
        progress(step, done);
        let began = ambient.now();
        planner.take(step);
        durations.push(ambient.now().duration_since(began).as_secs_f64());
    }
    (planner.finish(), durations)
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

async fn apply(store: &dyn Store, plan: &Plan, run: &RunRecord, request: &SyncRequest) -> Result<(), StoreError> {
    let offered: Vec<Symbol> = plan.offerings.iter().map(|offering| plan.symbol(offering.listing).clone()).collect();
    let names = if offered.is_empty() { Vec::new() } else { store.company_name_list(&offered).await? };
    let events = events_of_run(plan, &facts(run, request, plan, &names));
    store.run_apply(plan, run, &events).await
}

/// Records that a run failed; when even that is impossible, the caller's error says what is wrong.
async fn record_failure(store: &dyn Store, mut run: RunRecord, request: &SyncRequest, error: &StoreError) {
    run.status = "failed".to_owned();
    run.error = Some(error.to_string());
    run.total_changes = 0;
    run.universes_updated.clear();
    let facts = RunFacts {
        run_id: run.run_id,
        mode: run.mode,
        status: "failed",
        started_at: run.started_at,
        finished_at: run.finished_at.unwrap_or(run.started_at),
        triggered_by: &run.triggered_by,
        force: is_forced(request),
        steps: &[],
        alerts: &[],
        offering_names: &[],
    };
    let events = events_of_failure(&facts, &error.to_string());
    if let Err(second) = store.run_failed(&run, &events).await {
        tracing::warn!(run.id = %run.run_id, error = %second, "the failure of a run could not be recorded");
    }
}

fn facts<'a>(run: &'a RunRecord, request: &SyncRequest, plan: &'a Plan, names: &'a [Option<String>]) -> RunFacts<'a> {
    RunFacts {
        run_id: run.run_id,
        mode: run.mode,
        status: &run.status,
        started_at: run.started_at,
        finished_at: run.finished_at.unwrap_or(run.started_at),
        triggered_by: &run.triggered_by,
        force: is_forced(request),
        steps: &plan.steps,
        alerts: &plan.alerts,
        offering_names: names,
    }
}

fn is_forced(request: &SyncRequest) -> bool {
    request.request.holds == universe_core::planner::Holds::Release
}

fn new_run(request: &SyncRequest, session: Date, started_at: Timestamp, run_id: Uuid) -> RunRecord {
    RunRecord {
        run_id,
        environment: request.environment.clone(),
        mode: request.request.mode,
        session,
        status: "running".to_owned(),
        triggered_by: request.triggered_by.clone(),
        created_at: started_at,
        started_at,
        finished_at: None,
        total_changes: 0,
        universes_updated: Vec::new(),
        task_results: Value::Null,
        alerts: Value::Null,
        held: Value::Null,
        error: None,
    }
}

fn complete(run: &mut RunRecord, plan: &Plan, durations: &[f64], finished_at: Timestamp) {
    run.finished_at = Some(finished_at);
    run.status = if plan.has_failed_step() {
        "completed_with_errors"
    } else if plan.held_universes().next().is_some() {
        "held"
    } else {
        "completed"
    }
    .to_owned();
    run.total_changes = i64::try_from(plan.total_changes()).unwrap_or(i64::MAX);
    run.universes_updated = plan.changed_universes().map(|universe| universe.id.to_string()).collect();
    let tasks = plan.steps.iter().enumerate().map(|(at, step)| {
        let result = json!({
            "status": step.status,
            "changes": step.changes,
            "duration_seconds": durations.get(at).copied().unwrap_or(0.0),
            "notes": step.notes,
            "error": step.error,
        });
        (step.step.as_str().to_owned(), result)
    });
    run.task_results = Value::Object(tasks.collect());
    run.alerts = json!(plan.alerts);
    let symbols = |changes: &[universe_core::plan::Change]| -> Vec<String> {
        changes.iter().map(|change| plan.symbol(change.listing).to_string()).collect()
    };
    let held = plan.held_universes().map(|(universe, held)| {
        json!({
            "universe": universe.id,
            "count_before": universe.count_before,
            "added": symbols(&held.added),
            "removed": symbols(&held.removed),
        })
    });
    run.held = Value::Array(held.collect());
}
