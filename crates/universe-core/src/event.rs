//! Events: what followers are told about a run, in the words of the public contract (section 4).
//!
//! They are made here, from the plan, and written with the run's own transaction; only the relay
//! publishes them. Ids are derived from the run and the event, so that the same run makes the same ids.

mod data_load;

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::plan::{Action, Alert, Mode, Plan, Step, StepReport, UniversePlan};
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
    /// How it ended (`completed`, `completed_with_errors`, `held`).
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

/// Returns every event of a run that nobody ordered before, in the order in which they are published.
#[must_use]
pub fn events_of_run(plan: &Plan, run: &RunFacts<'_>) -> Vec<Event> {
    let mut events = events_of_order(run);
    events.extend(events_of_ordered_run(plan, run));
    events
}

/// Returns the events of a run whose order was an event of its own.
#[must_use]
pub fn events_of_ordered_run(plan: &Plan, run: &RunFacts<'_>) -> Vec<Event> {
    let mut events = EventsOfRun { run, events: Vec::new() };
    events.started();
    for (done, step) in (1_usize..).zip(run.steps) {
        events.progress(done, step);
    }
    for universe in plan.changed_universes() {
        events.universe_updated(plan, universe);
    }
    events.offerings(plan);
    events.delistings(plan);
    for alert in run.alerts {
        events.alert(alert);
    }
    events.completed(plan);
    events.events
}

/// Returns the events of a run that nobody ordered before, and that failed before it changed anything.
#[must_use]
pub fn events_of_failure(run: &RunFacts<'_>, error: &str) -> Vec<Event> {
    let mut events = events_of_order(run);
    events.extend(events_of_ordered_failure(run, error));
    events
}

/// Returns the events of a run whose order was an event of its own, and that was cancelled.
#[must_use]
pub fn events_of_cancellation(run: &RunFacts<'_>) -> Vec<Event> {
    let mut events = EventsOfRun { run, events: Vec::new() };
    events.phase("phase_failed", "cancelled", &Value::Null, None);
    events.events
}

/// Returns the events of a run whose order was an event of its own, and that failed.
#[must_use]
pub fn events_of_ordered_failure(run: &RunFacts<'_>, error: &str) -> Vec<Event> {
    let mut events = EventsOfRun { run, events: Vec::new() };
    events.started();
    events.phase("phase_failed", "failed", &Value::Null, Some(error));
    let payload = json!({
        "component": PHASE, "severity": "error", "message": error, "run_id": run.run_id, "alert": Value::Null,
    });
    events.push("error", ERRORS, "failure", None, payload);
    events.events
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
        event: &'static str,
        channels: &'static [&'static str],
        what: &str,
        universe: Option<(UniverseId, u64)>,
        payload: Value,
    ) {
        let digest = blake3::hash(format!("{}/{event}/{what}", self.run.run_id).as_bytes());
        let bytes: [u8; 16] = std::array::from_fn(|at| digest.as_bytes()[at]);
        let id = uuid::Builder::from_custom_bytes(bytes).into_uuid();
        let message = json!({
            "id": id,
            "event": event,
            "timestamp": at.to_string(),
            "source": EVENT_SOURCE,
            "version": EVENT_VERSION,
            "payload": payload,
        });
        self.events.push(Event { id, event, channels, universe, message });
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

    fn phase(&mut self, event: &'static str, status: &str, stats: &Value, error: Option<&str>) {
        let payload =
            json!({"run_id": self.run.run_id, "phase": PHASE, "status": status, "stats": stats, "error": error});
        self.push(event, PROCESSING_STATUS, "", None, payload);
    }

    fn progress(&mut self, done: usize, step: &StepReport) {
        let total = Step::ALL.len();
        let payload = json!({
            "run_id": self.run.run_id,
            "phase": PHASE,
            "step": step.step,
            "completed": done,
            "total": total,
            "percentage": done * 100 / total,
        });
        self.push("job_progress_update", MONITORING, step.step.as_str(), None, payload);
    }

    fn universe_updated(&mut self, plan: &Plan, universe: &UniversePlan) {
        let symbols = |changes: &[crate::plan::Change]| -> Vec<&str> {
            changes.iter().map(|change| plan.symbol(change.listing).as_str()).collect()
        };
        let (came, went) = (universe.added.len(), universe.removed.len());
        let reason = match universe.action {
            Action::Created => format!("new universe with {came} members"),
            Action::Retired => "no rule and no import defines it any more".to_owned(),
            Action::Updated | Action::Reordered | Action::Refreshed | Action::Held => {
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
        if plan.delistings.is_empty() {
            return;
        }
        let symbols: Vec<&str> = plan.delistings.iter().map(|d| plan.symbol(d.listing).as_str()).collect();
        let mut universes: Vec<&str> = plan.delistings.iter().flat_map(|d| &d.universes).map(UniverseId::key).collect();
        universes.sort_unstable();
        universes.dedup();
        let payload = json!({
            "removed_count": symbols.len(), "symbols": symbols, "universes": universes, "job_id": self.run.run_id,
        });
        self.push("delisting_cleanup", DELISTING_CLEANUP, "", None, payload);
    }

    fn alert(&mut self, alert: &Alert) {
        let payload = json!({
            "component": PHASE,
            "severity": "warning",
            "message": alert.message,
            "run_id": self.run.run_id,
            "alert": alert.alert,
        });
        self.push("error", ERRORS, &alert.message, None, payload);
    }

    fn completed(&mut self, plan: &Plan) {
        let run = self.run;
        let tasks: serde_json::Map<String, Value> = run
            .steps
            .iter()
            .map(|step| (step.step.as_str().to_owned(), json!({"status": step.status, "changes": step.changes})))
            .collect();
        let updated: Vec<&str> = plan.changed_universes().map(|universe| universe.id.key()).collect();
        let duration = run.finished_at.duration_since(run.started_at).as_secs_f64();
        let payload = json!({
            "job_id": run.run_id,
            "status": run.status,
            "sync_status": run.status,
            "mode": run.mode,
            "total_changes": plan.total_changes(),
            "universes_updated": updated,
            "duration_seconds": duration,
            "task_results": tasks,
        });
        let stats = json!({"total_changes": plan.total_changes(), "universes_updated": updated.len(), "duration_seconds": duration});
        self.phase("phase_completed", run.status, &stats, None);
        self.push("cache_sync_completed", SYNC_COMPLETE, "", None, payload);
    }
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
