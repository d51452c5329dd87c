//! Alerts: what an administrator should know, what of it still holds, and what there was before.
//!
//! The runbook (`docs/operations.md`) has an entry for each kind. What raised an alert also wrote an `error`
//! event; here it is read back, from the runs and from what the scheduler told.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;
use serde_json::Value;
use universe_core::event::PHASE;
use universe_core::plan::{Alert, AlertKind, Mode};
use universe_store::{OutboxEntry, OutboxSpan, RunRecord, StoreError};
use uuid::Uuid;

use crate::sync::DURATION_ALERT_SECONDS;
use crate::{Daemon, RelayState};

/// How many runs are searched for alerts: more than anybody looks at, and read in a moment.
const RUNS_MAX: u32 = 1_000;

/// How many `error` events are searched for those of the scheduler.
const EVENTS_MAX: u32 = 1_000;

/// Events that wait longer than this for publication raise an alert.
const UNPUBLISHED_ALERT_SECONDS: i64 = 300;

/// What an administrator should know.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RaisedAlert {
    /// Which kind.
    pub alert: AlertKind,
    /// How bad it is.
    pub severity: Severity,
    /// Who says it: `cache_sync` (a run), `scheduler` or `relay`.
    pub component: &'static str,
    /// The universe that it is about.
    pub universe: Option<String>,
    /// The session that it is about.
    pub session: Option<Date>,
    /// The run that raised it, or goes on in spite of it.
    pub run_id: Option<Uuid>,
    /// Since when.
    pub raised_at: Timestamp,
    /// What happened.
    pub message: String,
}

/// How bad an alert is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The work was done; somebody should look at it.
    Warning,
    /// Work was not done.
    Error,
}

/// Every alert of an environment that is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Alerts {
    /// What still holds, newest first.
    pub active: Vec<RaisedAlert>,
    /// Everything that was raised, newest first.
    pub recent: Vec<RaisedAlert>,
}

/// Returns what still holds, and at most `limit` alerts that were raised.
///
/// An alert of a run holds until the next run of the whole does without it; a held change until it is made; a
/// missing signal or a failure until a run has done its work.
///
/// # Errors
/// When the database cannot be read.
pub async fn alerts(daemon: &Daemon, limit: usize) -> Result<Alerts, StoreError> {
    let (store, environment) = (&*daemon.store, daemon.environment.as_str());
    let mut runs = store.run_list(environment, RUNS_MAX, 0).await?;
    let slow = runs.iter().find_map(|run| at_work_for_long(run, daemon.ambient.now()));
    runs.retain(|run| run.is_over() && !run.dry_run);
    let events = store.outbox_newest(environment, "error", EVENTS_MAX).await?;
    let scheduler: Vec<RaisedAlert> = events.iter().filter_map(of_scheduler).collect();
    let span = store.outbox_span(environment).await?;

    let mut active: Vec<RaisedAlert> = publication(daemon, span).into_iter().collect();
    active.extend(slow);
    active.extend(active_of_runs(&runs));
    let last_work = runs.iter().find(|run| did_its_work(run)).map(RunRecord::recorded_at);
    active.extend(scheduler.first().filter(|alert| last_work.is_none_or(|at| at < alert.raised_at)).cloned());
    active.sort_by_key(|alert| std::cmp::Reverse(alert.raised_at));
    let mut recent: Vec<RaisedAlert> = runs.iter().flat_map(of_run).chain(scheduler).collect();
    recent.sort_by_key(|alert| std::cmp::Reverse(alert.raised_at));
    recent.truncate(limit);
    Ok(Alerts { active, recent })
}

/// Says that events have been waiting for too long, when there is somebody to wait for.
pub(crate) fn publication(daemon: &Daemon, span: Option<OutboxSpan>) -> Option<RaisedAlert> {
    let (span, state) = (span?, daemon.relay_state());
    let since = span.unpublished_since.filter(|_| state != RelayState::Off)?;
    let is_late = daemon.ambient.now().duration_since(since).as_secs() > UNPUBLISHED_ALERT_SECONDS;
    let mut message = format!("{} events have been waiting for Redis, the oldest since {since}", span.unpublished);
    if let RelayState::Failing(cause) = &state {
        message = format!("{message}: {cause}");
    }
    is_late.then_some(RaisedAlert {
        alert: AlertKind::PublishingFailures,
        severity: Severity::Warning,
        component: "relay",
        universe: None,
        session: None,
        run_id: None,
        raised_at: since,
        message,
    })
}

/// Says that a run takes long while it does: it raises the alert itself when it ends, if ever.
fn at_work_for_long(run: &RunRecord, now: Timestamp) -> Option<RaisedAlert> {
    let began = run.started_at.filter(|_| run.status == "running")?;
    let seconds = now.duration_since(began).as_secs_f64();
    (seconds > DURATION_ALERT_SECONDS).then(|| RaisedAlert {
        alert: AlertKind::RunTooLong,
        severity: Severity::Warning,
        component: PHASE,
        universe: None,
        session: run.session,
        run_id: Some(run.run_id),
        raised_at: began,
        message: format!("the run has been at work for {seconds:.0} seconds, more than {DURATION_ALERT_SECONDS:.0}"),
    })
}

/// Returns what still holds of what runs raised, which come newest first.
fn active_of_runs(runs: &[RunRecord]) -> Vec<RaisedAlert> {
    let mut active: Vec<RaisedAlert> = Vec::new();
    let mut made: BTreeSet<&str> = BTreeSet::new();
    let newest = runs.iter().find(|run| run.status != "cancelled");
    active.extend(newest.filter(|run| run.status == "failed").into_iter().flat_map(of_run));
    for run in runs.iter().filter(|run| did_its_work(run)) {
        for alert in of_run(run) {
            let universe = alert.universe.as_deref().unwrap_or_default();
            let is_held = || run.held.as_array().into_iter().flatten().any(|held| held["universe"] == universe);
            let holds = match alert.alert {
                AlertKind::MembershipChange => is_held() && !made.contains(universe),
                // Whether that is still so is known from the outbox itself.
                AlertKind::PublishingFailures => false,
                AlertKind::RunTooLong
                | AlertKind::CalculationFailures
                | AlertKind::StepFailed
                | AlertKind::RunFailed
                | AlertKind::NoEodSignal
                | AlertKind::SourceSilent => true,
            };
            let is_known = active.iter().any(|known| known.alert == alert.alert && known.universe == alert.universe);
            if holds && !is_known {
                active.push(alert);
            }
        }
        made.extend(run.universes_updated.iter().map(String::as_str));
        // Work by hand, such as a rollback or the import of a list, says nothing about the rest.
        if run.mode == Mode::Full && run.kind() == RunRecord::SYNC {
            break;
        }
    }
    active
}

fn did_its_work(run: &RunRecord) -> bool {
    matches!(run.status.as_str(), "completed" | "completed_with_errors" | "held")
}

/// Returns everything that a run raised.
fn of_run(run: &RunRecord) -> Vec<RaisedAlert> {
    let raised = |alert, severity, universe, message| RaisedAlert {
        alert,
        severity,
        component: PHASE,
        universe,
        session: run.session,
        run_id: Some(run.run_id),
        raised_at: run.recorded_at(),
        message,
    };
    let alerts: Vec<Alert> = serde_json::from_value(run.alerts.clone()).unwrap_or_default();
    let mut all: Vec<RaisedAlert> = alerts
        .into_iter()
        .map(|a| raised(a.alert, Severity::Warning, a.universe.map(|universe| universe.to_string()), a.message))
        .collect();
    for (step, result) in run.task_results.as_object().into_iter().flatten() {
        if let Some(error) = result["error"].as_str() {
            let message = format!("the step {step} failed: {error}");
            all.push(raised(AlertKind::StepFailed, Severity::Error, None, message));
        }
    }
    if let Some(error) = run.error.as_ref().filter(|_| run.status == "failed") {
        all.push(raised(AlertKind::RunFailed, Severity::Error, None, error.clone()));
    }
    all
}

/// Returns what an `error` event of the scheduler says; those of runs are read from the runs.
fn of_scheduler(entry: &OutboxEntry) -> Option<RaisedAlert> {
    let payload = &entry.message["payload"];
    if payload["component"] != "scheduler" {
        return None;
    }
    let text = |value: &Value| value.as_str().map(str::to_owned);
    Some(RaisedAlert {
        alert: serde_json::from_value(payload["alert"].clone()).ok()?,
        severity: if payload["severity"] == "error" { Severity::Error } else { Severity::Warning },
        component: "scheduler",
        universe: None,
        session: None,
        run_id: payload["run_id"].as_str().and_then(|run_id| run_id.parse().ok()),
        raised_at: entry.created_at,
        message: text(&payload["message"])?,
    })
}
