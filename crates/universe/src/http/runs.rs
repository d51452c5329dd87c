//! Routes of the contract about runs: ask for one, watch it, stop it, approve what it held.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use universe_core::plan::Mode;
use universe_service::{Ambient as _, Approval, Placed, Wish, job_statistics};
use universe_store::RunRecord;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::App;
use super::input::{Asked, JsonBody, Named};
use super::problem::{Problem, ProblemBody, run_in_progress, unknown_run};
use crate::clock::Surroundings;

/// How many runs a page has at most.
const PAGE_MAX: u32 = 1_000;

/// Who asks for a run that is asked for here.
pub(super) const TRIGGERED_BY: &str = "api";

/// What a run is asked to do; every member may be missing
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Trigger {
    /// The part of the work; `full` when it is missing
    #[schema(value_type = Option<RunMode>)]
    mode: Option<String>,
    /// Make changes that would be held
    force: Option<bool>,
    /// Keep universes that no rule and no import defines
    preserve: Option<bool>,
    /// Plan and report, but write nothing
    dry_run: Option<bool>,
    /// The session; the newest one with prices when it is missing
    #[schema(value_type = Option<Date>)]
    session: Option<String>,
}

/// The part of the work
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "describes the spellings of `Mode` in the OpenAPI document")]
pub(crate) enum RunMode {
    Full,
    MarketCap,
    Themes,
    Ipos,
}

/// A run that was asked for
#[derive(Serialize, ToSchema)]
pub(crate) struct Triggered {
    success: bool,
    job_id: Uuid,
    run_id: Uuid,
    #[schema(value_type = RunMode)]
    mode: Mode,
    message: String,
}

/// A run as it stands
#[derive(Serialize, ToSchema)]
pub(crate) struct RunStatus {
    success: bool,
    job_id: Uuid,
    run_id: Uuid,
    /// What was done by hand (`rollback`, `import`, `import_history`, `correction`, `repair`, `load_universe`), whose
    /// mode means nothing; missing where the rules were followed
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    #[schema(value_type = RunMode)]
    mode: Mode,
    /// `pending`, `running`, `completed`, `completed_with_errors`, `held`, `failed` or `cancelled`
    status: String,
    session: Option<Date>,
    created_at: Timestamp,
    start_time: Option<Timestamp>,
    end_time: Option<Timestamp>,
    duration_seconds: Option<f64>,
    triggered_by: String,
    error_details: Option<String>,
    /// How far it is; null unless it runs
    progress: Option<Value>,
    /// What each step did: `{step: {status, changes, duration_seconds, notes, error}}`
    task_results: Option<Value>,
    total_changes: i64,
    universes_updated: Vec<String>,
    /// What it held: `[{universe, added, removed, count_before}]`
    held: Option<Value>,
    /// The alerts that it raised
    alerts: Option<Value>,
}

/// A page of runs, newest first
#[derive(Serialize, ToSchema)]
pub(crate) struct History {
    jobs: Vec<HistoryEntry>,
    total: u64,
    limit: u32,
    offset: u32,
}

/// One run of the history
#[derive(Serialize, ToSchema)]
pub(crate) struct HistoryEntry {
    job_id: Uuid,
    /// What was done by hand (`rollback`, `import`, `import_history`, `correction`, `repair`, `load_universe`), whose
    /// mode means nothing; missing where the rules were followed
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    #[schema(value_type = RunMode)]
    mode: Mode,
    status: String,
    created_at: Timestamp,
    start_time: Option<Timestamp>,
    end_time: Option<Timestamp>,
    duration_seconds: Option<f64>,
    triggered_by: String,
    has_errors: bool,
}

/// Which part of the history
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct HistoryPage {
    /// How many runs
    #[serde(default = "ten")]
    #[param(minimum = 1, maximum = 1000, default = 10)]
    limit: u32,
    /// How many newer ones are left out
    #[serde(default)]
    #[param(minimum = 0, maximum = 1_000_000, default = 0)]
    offset: u32,
}

/// How the universes and the runs of the last week stand
#[derive(Serialize, ToSchema)]
pub(crate) struct Stats {
    universes: Vec<UniverseStats>,
    job_statistics: JobStatistics,
}

/// One universe
#[derive(Serialize, ToSchema)]
pub(crate) struct UniverseStats {
    universe: String,
    /// Its category
    #[serde(rename = "type")]
    category: Option<String>,
    symbol_count: usize,
    last_updated: Option<Timestamp>,
}

/// The runs of the last seven days
#[derive(Serialize, ToSchema)]
pub(crate) struct JobStatistics {
    total_jobs_7d: u64,
    successful_jobs_7d: u64,
    failed_jobs_7d: u64,
    avg_duration_seconds: Option<f64>,
}

/// What became of a wish to stop a run
#[derive(Serialize, ToSchema)]
pub(crate) struct Cancelled {
    success: bool,
    job_id: Uuid,
    run_id: Uuid,
    /// `cancelled`, or `running` until it comes to its next step
    status: String,
    message: String,
}

/// Ask for a run
///
/// Only the order is written; the run itself begins right after.
#[utoipa::path(
    post, path = "/api/processing/cache-sync/trigger", tag = "runs", operation_id = "trigger_run",
    request_body(content = Trigger, description = "What to do; no body is a full run"),
    responses(
        (status = 202, description = "The run waits for its turn, which is next", body = Triggered),
        (status = 409, description = "A run waits or runs already; its `job_id` is in the answer",
            body = ProblemBody<'static>, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn trigger_run(
    State(app): State<Arc<App>>,
    JsonBody(trigger): JsonBody<Trigger>,
) -> Result<(StatusCode, Json<Triggered>), Problem> {
    let mode = match trigger.mode.as_deref() {
        None => Mode::Full,
        Some(text) => Mode::from_spelling(text).ok_or_else(|| {
            let detail = format!("there is no mode {text:?}; the modes are full, market_cap, themes and ipos");
            Problem::bad_request("mode", detail)
        })?,
    };
    let session = trigger.session.as_deref().map(|text| {
        let wrong =
            || Problem::bad_request("session", format!("{text:?} is no day; a session is one such as 2024-01-02"));
        text.parse::<Date>().map_err(|_| wrong())
    });
    let wish = Wish {
        mode,
        session: session.transpose()?,
        force: trigger.force.unwrap_or_default(),
        preserve: trigger.preserve.unwrap_or_default(),
        dry_run: trigger.dry_run.unwrap_or_default(),
        triggered_by: TRIGGERED_BY.to_owned(),
    };
    order(&app, &wish).await
}

/// See how a run stands
#[utoipa::path(
    get, path = "/api/processing/cache-sync/status/{job_id}", tag = "runs", operation_id = "show_run",
    params(("job_id" = Uuid, Path, description = "The id of the run")),
    responses(
        (status = 200, description = "The run", body = RunStatus),
        (status = 404, description = "There is no such run", body = ProblemBody<'static>,
            content_type = "application/problem+json"),
    )
)]
pub(crate) async fn show_run(
    State(app): State<Arc<App>>,
    Named(job_id): Named<String>,
) -> Result<Json<RunStatus>, Problem> {
    status_of_run(&app, &job_id).await.map(Json)
}

/// List runs, newest first
#[utoipa::path(
    get, path = "/api/processing/cache-sync/history", tag = "runs", operation_id = "list_runs",
    params(HistoryPage),
    responses((status = 200, description = "A page of runs", body = History))
)]
pub(crate) async fn list_runs(
    State(app): State<Arc<App>>,
    Asked(page): Asked<HistoryPage>,
) -> Result<Json<History>, Problem> {
    if !(1..=PAGE_MAX).contains(&page.limit) {
        return Err(Problem::bad_request("query", format!("limit is a number from 1 to {PAGE_MAX}")));
    }
    if page.offset > 1_000_000 {
        return Err(Problem::bad_request("query", "offset is a number from 0 to 1000000"));
    }
    let runs = app.daemon.store.run_list(&app.daemon.environment, page.limit, page.offset).await?;
    let total = app.daemon.store.run_count(&app.daemon.environment).await?;
    let jobs = runs.into_iter().map(|run| HistoryEntry {
        job_id: run.run_id,
        kind: kind_of(&run),
        mode: run.mode,
        created_at: run.created_at,
        start_time: run.started_at,
        end_time: run.finished_at,
        duration_seconds: run.duration_seconds(),
        has_errors: matches!(run.status.as_str(), "failed" | "completed_with_errors"),
        triggered_by: run.triggered_by,
        status: run.status,
    });
    Ok(Json(History { jobs: jobs.collect(), total, limit: page.limit, offset: page.offset }))
}

/// See how universes and the runs of the last week stand
#[utoipa::path(
    get, path = "/api/processing/cache-sync/stats", tag = "runs", operation_id = "show_statistics",
    responses((status = 200, description = "The figures", body = Stats))
)]
pub(crate) async fn show_statistics(State(app): State<Arc<App>>) -> Result<Json<Stats>, Problem> {
    let figures = job_statistics(&*app.daemon.store, &app.daemon.environment, Surroundings.now()).await?;
    let snapshot = app.lookups.current();
    let universes = snapshot.universes().iter().map(|universe| UniverseStats {
        universe: universe.record.id.key().to_owned(),
        category: universe.record.category.clone(),
        symbol_count: universe.record.count,
        last_updated: universe.record.last_updated,
    });
    Ok(Json(Stats {
        universes: universes.collect(),
        job_statistics: JobStatistics {
            total_jobs_7d: figures.total_jobs_7d,
            successful_jobs_7d: figures.successful_jobs_7d,
            failed_jobs_7d: figures.failed_jobs_7d,
            avg_duration_seconds: figures.avg_duration_seconds,
        },
    }))
}

/// Stop a run
///
/// One that waits is cancelled at once, one that runs before its next step; it has then changed nothing.
#[utoipa::path(
    post, path = "/api/processing/cache-sync/cancel/{job_id}", tag = "runs", operation_id = "cancel_run",
    params(("job_id" = Uuid, Path, description = "The id of the run")),
    responses(
        (status = 200, description = "It is cancelled, or will be in a moment", body = Cancelled),
        (status = 404, description = "There is no such run", body = ProblemBody<'static>,
            content_type = "application/problem+json"),
        (status = 409, description = "It is over already", body = ProblemBody<'static>,
            content_type = "application/problem+json"),
    )
)]
pub(crate) async fn cancel_run(
    State(app): State<Arc<App>>,
    Named(job_id): Named<String>,
) -> Result<Json<Cancelled>, Problem> {
    let run_id = job_id.parse().map_err(|_| unknown_run(&job_id))?;
    let status = app.daemon.cancel(run_id).await?.ok_or_else(|| unknown_run(&job_id))?;
    let message = match status.as_str() {
        "cancelled" => "the run is cancelled; it changed nothing",
        "running" => "the run stops before its next step",
        over => {
            let detail = format!("run {run_id} is over: {over}");
            return Err(Problem::new(StatusCode::CONFLICT, "run-over", detail).with("run_status", over));
        }
    };
    Ok(Json(Cancelled { success: true, job_id: run_id, run_id, message: message.to_owned(), status }))
}

/// Release what a run held
///
/// Asks for a new run of the same session that makes the held changes of that run, and none else that is too
/// large.
#[utoipa::path(
    post, path = "/api/processing/cache-sync/approve/{job_id}", tag = "runs", operation_id = "approve_run",
    params(("job_id" = Uuid, Path, description = "The id of the run that held something")),
    responses(
        (status = 202, description = "The new run waits for its turn", body = Triggered),
        (status = 404, description = "There is no such run", body = ProblemBody<'static>,
            content_type = "application/problem+json"),
        (status = 409, description = "It held nothing, or another run waits or runs", body = ProblemBody<'static>,
            content_type = "application/problem+json"),
    )
)]
pub(crate) async fn approve_run(
    State(app): State<Arc<App>>,
    Named(job_id): Named<String>,
) -> Result<(StatusCode, Json<Triggered>), Problem> {
    let held_by = find(&app, &job_id).await?;
    match app.daemon.approve(held_by.run_id, TRIGGERED_BY).await? {
        Approval::Placed(placed) => answer(placed, held_by.mode),
        Approval::Unknown => Err(unknown_run(&job_id)),
        Approval::NothingHeld { status } => {
            let detail = format!("run {} holds nothing: it is {status}", held_by.run_id);
            Err(Problem::new(StatusCode::CONFLICT, "nothing-held", detail).with("run_status", status))
        }
    }
}

/// Orders a run; another process may carry it out.
pub(super) async fn order(app: &App, wish: &Wish) -> Result<(StatusCode, Json<Triggered>), Problem> {
    answer(app.daemon.order(wish).await?, wish.mode)
}

fn answer(placed: Placed, mode: Mode) -> Result<(StatusCode, Json<Triggered>), Problem> {
    match placed {
        Placed::Busy { run_id } => Err(run_in_progress(run_id)),
        Placed::Queued { run_id } => {
            tracing::info!(run.id = %run_id, mode = mode.as_str(), "a run was asked for over HTTP");
            let message = format!("the {} run was queued", mode.as_str());
            Ok((StatusCode::ACCEPTED, Json(Triggered { success: true, job_id: run_id, run_id, mode, message })))
        }
    }
}

/// Finds a run of this environment.
async fn find(app: &App, job_id: &str) -> Result<RunRecord, Problem> {
    let run_id: Uuid = job_id.parse().map_err(|_| unknown_run(job_id))?;
    let found = app.daemon.store.run_find(run_id).await?;
    found.filter(|run| run.environment == app.daemon.environment).ok_or_else(|| unknown_run(job_id))
}

/// Returns how a run stands.
pub(super) async fn status_of_run(app: &App, job_id: &str) -> Result<RunStatus, Problem> {
    find(app, job_id).await.map(status_of)
}

/// Returns what was done by hand; `None` for a run of the rules.
fn kind_of(run: &RunRecord) -> Option<String> {
    Some(run.kind()).filter(|kind| *kind != RunRecord::SYNC).map(str::to_owned)
}

fn status_of(run: RunRecord) -> RunStatus {
    let is_running = run.status == "running";
    let duration_seconds = run.duration_seconds();
    let present = |value: Value| Some(value).filter(|value| !value.is_null());
    RunStatus {
        success: true,
        job_id: run.run_id,
        run_id: run.run_id,
        kind: kind_of(&run),
        mode: run.mode,
        session: run.session,
        created_at: run.created_at,
        start_time: run.started_at,
        end_time: run.finished_at,
        duration_seconds,
        triggered_by: run.triggered_by,
        error_details: run.error,
        progress: present(run.progress).filter(|_| is_running),
        task_results: present(run.task_results),
        total_changes: run.total_changes,
        universes_updated: run.universes_updated,
        held: present(run.held),
        alerts: present(run.alerts),
        status: run.status,
    }
}

fn ten() -> u32 {
    10
}
