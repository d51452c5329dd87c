//! What is recorded of a run, and what is told about it.

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Value, json};
use universe_core::event::{Event, RunFacts, events_of_failure, events_of_result, events_of_run};
use universe_core::plan::{Cause, Change, Plan, StepStatus};
use universe_core::planner::{Holds, Undefined};
use universe_store::{ClaimedRun, RunOrder, RunRecord, Store, StoreError};
use uuid::Uuid;

use super::{SyncRequest, Writing};

/// Returns the record of a run that begins outside the queue.
pub(crate) fn new_run(request: &SyncRequest, session: Date, started_at: Timestamp, run_id: Uuid) -> RunRecord {
    RunRecord {
        run_id,
        environment: request.environment.clone(),
        mode: request.request.mode,
        session: Some(session),
        status: "running".to_owned(),
        triggered_by: request.triggered_by.clone(),
        created_at: started_at,
        started_at: Some(started_at),
        finished_at: None,
        total_changes: 0,
        universes_updated: Vec::new(),
        task_results: Value::Null,
        alerts: Value::Null,
        held: Value::Null,
        error: None,
        force: request.request.holds == Holds::Release,
        preserve: request.request.undefined == Undefined::Preserve,
        dry_run: request.writing == Writing::DryRun,
        approves: Vec::new(),
        cancel_requested: false,
        progress: Value::Null,
        lease_token: None,
    }
}

/// Returns the record of a run from the queue.
pub(crate) fn claimed_run(claimed: &ClaimedRun, session: Option<Date>) -> RunRecord {
    let order = &claimed.order;
    RunRecord {
        run_id: order.run_id,
        environment: order.environment.clone(),
        mode: order.mode,
        session,
        status: "running".to_owned(),
        triggered_by: order.triggered_by.clone(),
        created_at: order.created_at,
        started_at: Some(claimed.started_at),
        finished_at: None,
        total_changes: 0,
        universes_updated: Vec::new(),
        task_results: Value::Null,
        alerts: Value::Null,
        held: Value::Null,
        error: None,
        force: order.force,
        preserve: order.preserve,
        dry_run: order.dry_run,
        approves: order.approves.clone(),
        cancel_requested: false,
        progress: Value::Null,
        lease_token: Some(claimed.token),
    }
}

/// The word for a run that took up lists of members, where runs are listed.
const LOADED_LISTS: &str = "load_universe";

/// What a run consists of, as its record tells.
#[derive(Clone, Copy, Debug)]
pub(super) enum Work<'w> {
    /// The steps of a run of the rules, with their durations in seconds.
    Steps(&'w [f64]),
    /// One piece of work by hand, which the cause of its plan names; without a cause, lists were loaded.
    ByHand,
}

/// Writes into the record what the plan decided.
pub(super) fn complete(run: &mut RunRecord, plan: &Plan, work: Work<'_>, finished_at: Timestamp) {
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
    run.task_results = match work {
        Work::Steps(durations) => {
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
            Value::Object(tasks.collect())
        }
        Work::ByHand => {
            let result = json!({
                "status": StepStatus::Success,
                "changes": plan.total_changes(),
                "duration_seconds": run.duration_seconds().unwrap_or(0.0),
                "notes": plan.cause.iter().map(ToString::to_string).collect::<Vec<_>>(),
                "error": null,
            });
            let kind = plan.cause.as_ref().map_or(LOADED_LISTS, Cause::kind);
            Value::Object([(kind.to_owned(), result)].into_iter().collect())
        }
    };
    run.alerts = json!(plan.alerts);
    let symbols = |changes: &[Change]| -> Vec<String> {
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

/// Returns the events of a run that did its work; one from the queue told its order, start and steps already.
pub(super) fn events_of(plan: &Plan, run: &RunRecord, offering_names: &[Option<String>]) -> Vec<Event> {
    let facts = RunFacts { steps: &plan.steps, alerts: &plan.alerts, offering_names, ..facts_of_run(run) };
    match run.lease_token {
        Some(_) => events_of_result(plan, &facts),
        None => events_of_run(plan, &facts),
    }
}

/// Writes into the record of work by hand what its plan decided.
///
/// It evaluates nothing, so that what waited for approval still does, but for the universes that it changes.
///
/// # Errors
/// When the store cannot be read.
pub(crate) async fn complete_by_hand(
    store: &dyn Store,
    run: &mut RunRecord,
    plan: &Plan,
    finished_at: Timestamp,
) -> Result<(), StoreError> {
    complete(run, plan, Work::ByHand, finished_at);
    let before = store.run_as_of(&run.environment, Date::MAX, None).await?;
    let held = before.and_then(|before| before.held.as_array().cloned()).unwrap_or_default();
    let is_changed = |held: &Value| plan.universes.iter().any(|universe| held["universe"] == json!(universe.id));
    run.held = held.into_iter().filter(|held| !is_changed(held)).collect();
    Ok(())
}

/// Records that a run failed; when even that is impossible, the caller's error says what is wrong.
pub(super) async fn record_failure(store: &dyn Store, mut run: RunRecord, error: &StoreError, failed_at: Timestamp) {
    run.status = "failed".to_owned();
    run.error = Some(error.to_string());
    run.finished_at = Some(failed_at);
    let events = events_of_failure(&facts_of_run(&run), &error.to_string());
    if let Err(second) = store.run_close(&run, &events).await {
        tracing::warn!(run.id = %run.run_id, error = %second, "the failure of a run could not be recorded");
    }
}

/// Returns what events say about a run without a plan.
pub(crate) fn facts_of_run(run: &RunRecord) -> RunFacts<'_> {
    RunFacts {
        run_id: run.run_id,
        mode: run.mode,
        status: &run.status,
        started_at: run.started_at.unwrap_or(run.created_at),
        finished_at: run.recorded_at(),
        // Over HTTP the key stands behind it, which is nobody's business who follows events.
        triggered_by: run.triggered_by.split(':').next().unwrap_or_default(),
        force: run.force,
        steps: &[],
        alerts: &[],
        offering_names: &[],
    }
}

/// Returns what events say about a run that was only asked for.
pub(crate) fn facts_of_order(order: &RunOrder) -> RunFacts<'_> {
    RunFacts {
        run_id: order.run_id,
        mode: order.mode,
        status: "pending",
        started_at: order.created_at,
        finished_at: order.created_at,
        triggered_by: &order.triggered_by,
        force: order.force,
        steps: &[],
        alerts: &[],
        offering_names: &[],
    }
}
