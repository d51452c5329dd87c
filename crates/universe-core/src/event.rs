//! Events: what followers are told about a run, in the words of the public contract (section 4).
//!
//! They are made here, from the plan, and written with the run's own transaction; only the relay
//! publishes them. Ids are derived from the run and the event, so that the same run makes the same ids.

mod data_load;

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::plan::{Action, Alert, AlertKind, Delisting, DelistingEvidence, Mode, Plan, Step, StepReport, UniversePlan};
use crate::{Category, UniverseId};

pub use data_load::event_of_data_load;

/// The version of the payloads.
pub const EVENT_VERSION: &str = "1.0";

/// What `source` says in every event.
pub const EVENT_SOURCE: &str = "tickstock-universe";

/// The name of the processing phase that a run is for the platform's pipeline.
pub const PHASE: &str = "cache_sync";

/// An event as it waits for publication.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Identifies it, for followers that see it twice.
    pub id: Uuid,
    /// What happened.
    pub event: &'static str,
    /// The channels that it is published on.
    pub channels: &'static [&'static str],
    /// The universe that it is about, and the number of its change.
    pub universe: Option<(UniverseId, u64)>,
    /// The message, complete with its envelope.
    pub message: Value,
}

/// What a run is called, and how it went, as far as events say it.
#[derive(Clone, Debug, PartialEq)]
pub struct RunFacts<'a> {
    /// Its id.
    pub run_id: Uuid,
    /// Its mode.
    pub mode: Mode,
    /// How it stands, or ended (`completed`, `completed_with_errors`, `held`, `failed`, `cancelled`).
    pub status: &'a str,
    /// When it was asked for or began: the instant of the events that say so.
    pub started_at: Timestamp,
    /// When its events were made.
    pub finished_at: Timestamp,
    /// Who asked for it (`api`, `cli`, `scheduler`, `signal`).
    pub triggered_by: &'a str,
    /// Whether holds were released.
    pub force: bool,
    /// The reports of its steps.
    pub steps: &'a [StepReport],
    /// The alerts that were raised.
    pub alerts: &'a [Alert],
    /// The names of the companies of its public offerings, in the order of the plan.
    pub offering_names: &'a [Option<String>],
}

const SYNC_TRIGGERED: &[&str] = &["tickstock:cache:sync_triggered"];
const SYNC_COMPLETE: &[&str] = &["tickstock:cache:sync_complete", "cache_updates"];
const UNIVERSE_UPDATED: &[&str] = &["tickstock:universe:updated", "universe_updates"];
const IPO_ASSIGNMENT: &[&str] = &["tickstock:cache:ipo_assignment"];
const DELISTING_CLEANUP: &[&str] = &["tickstock:cache:delisting_cleanup"];
const PROCESSING_STATUS: &[&str] = &["tickstock:processing:status"];
const MONITORING: &[&str] = &["tickstock:monitoring"];
const ERRORS: &[&str] = &["tickstock:errors", "admin_notifications"];

/// Returns the event that says that a run was asked for.
#[must_use]
pub fn events_of_order(run: &RunFacts<'_>) -> Vec<Event> {
    let mut events = EventsOfRun { run, events: Vec::new() };
    events.triggered();
    events.events
}

/// Returns the event that says that a run began.
#[must_use]
pub fn events_of_start(run: &RunFacts<'_>) -> Vec<Event> {
    let mut events = EventsOfRun { run, events: Vec::new() };
    events.started();
    events.events
}

/// Returns the event that says that a step was taken, the last of `done`.
#[must_use]
pub fn events_of_step(run: &RunFacts<'_>, step: Step, done: usize) -> Vec<Event> {
    let mut events = EventsOfRun { run, events: Vec::new() };
    events.progress(done, step);
    events.events
}

/// Returns the events of a run that did its work, and has told its order, its start and its steps already.
#[must_use]
pub fn events_of_result(plan: &Plan, run: &RunFacts<'_>) -> Vec<Event> {
    let mut events = EventsOfRun { run, events: Vec::new() };
    for universe in plan.changed_universes() {
        events.universe_updated(plan, universe);
    }
    events.offerings(plan);
    events.delistings(plan);
    for alert in run.alerts {
        events.alert(alert);
    }
    for step in run.steps {
        if let Some(error) = &step.error {
            events.error(AlertKind::StepFailed, &format!("the step {} failed: {error}", step.step.as_str()));
        }
    }
    events.completed(plan);
    events.events
}

/// Returns every event of a run that nobody ordered before, in the order in which they are published.
#[must_use]
pub fn events_of_run(plan: &Plan, run: &RunFacts<'_>) -> Vec<Event> {
    let mut events = events_of_order(run);
    events.extend(events_of_start(run));
    for (done, step) in (1_usize..).zip(run.steps) {
        events.extend(events_of_step(run, step.step, done));
    }
    events.extend(events_of_result(plan, run));
    events
}

/// Returns every event of a run that nobody ordered before, and that failed before it changed anything.
#[must_use]
pub fn events_of_failure(run: &RunFacts<'_>, error: &str) -> Vec<Event> {
    let mut events = events_of_order(run);
    events.extend(events_of_start(run));
    events.extend(events_of_failed_end(run, error));
    events
}

/// Returns the events of the end of a run that failed, after those of its order and its start.
#[must_use]
pub fn events_of_failed_end(run: &RunFacts<'_>, error: &str) -> Vec<Event> {
    let mut events = EventsOfRun { run, events: Vec::new() };
    events.error(AlertKind::RunFailed, error);
    events.ended(0, &[]);
    events.phase("phase_failed", &Value::Null, Some(error));
    events.events
}

/// Returns the events of the end of a run that was cancelled, after those of its order and its start.
#[must_use]
pub fn events_of_cancellation(run: &RunFacts<'_>) -> Vec<Event> {
    let mut events = EventsOfRun { run, events: events_of_cancelled_order(run) };
    events.phase("phase_failed", &Value::Null, None);
    events.events
}

/// Returns the events of an order that was cancelled before its run began: a phase that never began does not end.
#[must_use]
pub fn events_of_cancelled_order(run: &RunFacts<'_>) -> Vec<Event> {
    let mut events = EventsOfRun { run, events: Vec::new() };
    events.ended(0, &[]);
    events.events
}

/// Returns the event that says that the end-of-day signal did not come in time.
///
/// `schedule` names what waited for it, the same each time it is asked; `run_id` is the run that goes on without.
#[must_use]
pub fn event_of_missing_signal(schedule: Uuid, run_id: Option<Uuid>, at: Timestamp, message: &str) -> Event {
    let payload = json!({
        "component": "scheduler",
        "severity": if run_id.is_some() { "warning" } else { "error" },
        "message": message,
        "run_id": run_id,
        "alert": AlertKind::NoEodSignal,
    });
    event(&format!("{schedule}/error/no_eod_signal"), at, "error", ERRORS, None, payload)
}

/// Makes an event; the same seed makes the same id.
fn event(
    seed: &str,
    at: Timestamp,
    event: &'static str,
    channels: &'static [&'static str],
    universe: Option<(UniverseId, u64)>,
    payload: Value,
) -> Event {
    let digest = blake3::hash(seed.as_bytes());
    let id = uuid::Builder::from_custom_bytes(std::array::from_fn(|at| digest.as_bytes()[at])).into_uuid();
    let message = json!({
        "id": id,
        "event": event,
        "timestamp": at.to_string(),
        "source": EVENT_SOURCE,
        "version": EVENT_VERSION,
        "payload": payload,
    });
    Event { id, event, channels, universe, message }
}

struct EventsOfRun<'a> {
    run: &'a RunFacts<'a>,
    events: Vec<Event>,
}

impl EventsOfRun<'_> {
    /// Appends an event; `what` tells events of one kind within a run apart.
    fn push(
        &mut self,
        event: &'static str,
        channels: &'static [&'static str],
        what: &str,
        universe: Option<(UniverseId, u64)>,
        payload: Value,
    ) {
        let at = self.run.finished_at;
        self.push_at(at, event, channels, what, universe, payload);
    }

    fn push_at(
        &mut self,
        at: Timestamp,
        name: &'static str,
        channels: &'static [&'static str],
        what: &str,
        universe: Option<(UniverseId, u64)>,
        payload: Value,
    ) {
        let seed = format!("{}/{name}/{what}", self.run.run_id);
        self.events.push(event(&seed, at, name, channels, universe, payload));
    }

    fn triggered(&mut self) {
        let run = self.run;
        let payload = json!({
            "job_id": run.run_id, "mode": run.mode, "force": run.force, "triggered_by": run.triggered_by,
        });
        self.push_at(run.started_at, "cache_sync_triggered", SYNC_TRIGGERED, "", None, payload);
    }

    fn started(&mut self) {
        let run = self.run;
        let payload = json!({
            "run_id": run.run_id, "phase": PHASE, "status": "running", "stats": Value::Null, "error": Value::Null,
        });
        self.push_at(run.started_at, "phase_started", PROCESSING_STATUS, "", None, payload);
    }

    fn phase(&mut self, event: &'static str, stats: &Value, error: Option<&str>) {
        let run = self.run;
        let payload =
            json!({"run_id": run.run_id, "phase": PHASE, "status": run.status, "stats": stats, "error": error});
        self.push(event, PROCESSING_STATUS, "", None, payload);
    }

    fn progress(&mut self, done: usize, step: Step) {
        let mut payload = progress(step, done);
        payload["run_id"] = json!(self.run.run_id);
        self.push("job_progress_update", MONITORING, step.as_str(), None, payload);
    }

    fn universe_updated(&mut self, plan: &Plan, universe: &UniversePlan) {
        let symbols = |changes: &[crate::plan::Change]| -> Vec<&str> {
            changes.iter().map(|change| plan.symbol(change.listing).as_str()).collect()
        };
        let (came, went) = (universe.added.len(), universe.removed.len());
        let reason = match (&plan.cause, universe.action) {
            (Some(cause), _) => format!("{cause}: {came} added, {went} removed"),
            (None, Action::Created) => format!("new universe with {came} members"),
            (None, Action::Retired) => "no rule and no import defines it any more".to_owned(),
            (None, Action::Updated | Action::Reordered | Action::Refreshed | Action::Repaired | Action::Held) => {
                format!("{}: {came} added, {went} removed", cause(universe))
            }
        };
        let payload = json!({
            "universe": universe.id.key(),
            "type": universe.id.universe_type,
            "action": universe.action,
            "reason": reason,
            "metadata": {
                "name": universe.name,
                "category": universe.category,
                "rule": universe.rule,
                "session": plan.session,
                "rebalance": universe.rebalance,
            },
            "job_id": self.run.run_id,
            "sequence": universe.sequence,
            "added": symbols(&universe.added),
            "removed": symbols(&universe.removed),
            "count": universe.members.len(),
        });
        let address = universe.id.to_string();
        self.push(
            "universe_updated",
            UNIVERSE_UPDATED,
            &address,
            Some((universe.id.clone(), universe.sequence)),
            payload,
        );
    }

    fn offerings(&mut self, plan: &Plan) {
        for (at, offering) in plan.offerings.iter().enumerate() {
            let keys: Vec<&str> = offering.universes.iter().map(UniverseId::key).collect();
            let recent =
                plan.universes.iter().find(|u| u.category == Category::Ipo && offering.universes.contains(&u.id));
            let first = recent.map(|u| u.id.key()).or_else(|| keys.first().copied());
            let symbol = plan.symbol(offering.listing);
            let payload = json!({
                "symbol": symbol,
                "universe": first,
                "universes": keys,
                "company_name": self.run.offering_names.get(at).cloned().flatten(),
                "listing_date": offering.listed_on,
                "sector": offering.sector,
                "job_id": self.run.run_id,
            });
            self.push("ipo_assignment", IPO_ASSIGNMENT, symbol.as_str(), None, payload);
        }
    }

    fn delistings(&mut self, plan: &Plan) {
        // Who goes on under another symbol is gone for nobody.
        let is_gone = |d: &&Delisting| !matches!(d.evidence, DelistingEvidence::Renamed { .. });
        let gone: Vec<&Delisting> = plan.delistings.iter().filter(is_gone).collect();
        if gone.is_empty() {
            return;
        }
        let symbols: Vec<&str> = gone.iter().map(|d| plan.symbol(d.listing).as_str()).collect();
        let mut universes: Vec<&str> = gone.iter().flat_map(|d| &d.universes).map(UniverseId::key).collect();
        universes.sort_unstable();
        universes.dedup();
        let payload = json!({
            "removed_count": symbols.len(), "symbols": symbols, "universes": universes, "job_id": self.run.run_id,
        });
        self.push("delisting_cleanup", DELISTING_CLEANUP, "", None, payload);
    }

    fn alert(&mut self, alert: &Alert) {
        self.trouble("warning", alert.alert, &alert.message);
    }

    fn error(&mut self, alert: AlertKind, message: &str) {
        self.trouble("error", alert, message);
    }

    fn trouble(&mut self, severity: &str, alert: AlertKind, message: &str) {
        let payload = json!({
            "component": PHASE,
            "severity": severity,
            "message": message,
            "run_id": self.run.run_id,
            "alert": alert,
        });
        self.push("error", ERRORS, message, None, payload);
    }

    fn completed(&mut self, plan: &Plan) {
        let updated: Vec<&str> = plan.changed_universes().map(|universe| universe.id.key()).collect();
        self.ended(plan.total_changes(), &updated);
        let stats = json!({
            "total_changes": plan.total_changes(),
            "universes_updated": updated.len(),
            "duration_seconds": self.duration_seconds(),
        });
        self.phase("phase_completed", &stats, None);
    }

    /// Appends the one event that every run ends with, however it ended.
    fn ended(&mut self, total_changes: usize, universes_updated: &[&str]) {
        let run = self.run;
        let tasks: serde_json::Map<String, Value> = run
            .steps
            .iter()
            .map(|step| (step.step.as_str().to_owned(), json!({"status": step.status, "changes": step.changes})))
            .collect();
        let payload = json!({
            "job_id": run.run_id,
            "status": run.status,
            "sync_status": run.status,
            "mode": run.mode,
            "total_changes": total_changes,
            "universes_updated": universes_updated,
            "duration_seconds": self.duration_seconds(),
            "task_results": tasks,
        });
        self.push("cache_sync_completed", SYNC_COMPLETE, "", None, payload);
    }

    fn duration_seconds(&self) -> f64 {
        self.run.finished_at.duration_since(self.run.started_at).as_secs_f64()
    }
}

/// Returns how far a run is after `done` steps, the last of which is named.
#[must_use]
pub fn progress(step: Step, done: usize) -> Value {
    let total = Step::ALL.len();
    json!({"phase": PHASE, "step": step, "completed": done, "total": total, "percentage": done * 100 / total})
}

/// The step that most of a universe's changes belong to, in words.
fn cause(universe: &UniversePlan) -> &'static str {
    let changes = || universe.added.iter().chain(&universe.removed);
    let most = Step::ALL.into_iter().rev().max_by_key(|step| changes().filter(|c| c.step == *step).count());
    match most.unwrap_or(Step::MarketCapRecalculation) {
        Step::MarketCapRecalculation | Step::Notifications => "market cap recalculation",
        Step::IpoAssignment => "IPO assignment",
        Step::DelistedCleanup => "delisted cleanup",
        Step::ThemeRebalancing => "theme rebalancing",
    }
}
