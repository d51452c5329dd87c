//! Routes about data-load jobs: ask for one, watch it, stop it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use universe_service::{DataLoadWish, JOB_ID_LEN_MAX, Question, look_up};
use universe_store::{DataLoadOrdered, DataLoadRecord, DataLoadStatus};
use utoipa::{IntoParams, ToSchema};

use super::App;
use super::input::{Asked, JsonBody, Named};
use super::problem::{Problem, ProblemBody};

/// Who asks for a job that is asked for here, where the request does not say.
const REQUESTED_BY: &str = "api";

/// Which bars are to be loaded: of a universe, of the symbols of a file, or of symbols by name
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct JobWish {
    /// The id of the job, so that asking twice is one job; a new one when it is missing
    #[schema(max_length = 100)]
    job_id: Option<String>,
    /// The key of a universe, `type:key`, or an expression
    #[schema(example = "etf_core")]
    universe_key: Option<String>,
    /// A file in `loading.csv_directory` of the server
    csv_file: Option<String>,
    /// Symbols by name
    #[serde(default)]
    symbols: Vec<String>,
    /// How many years back, up to 50; 1 when it is missing
    #[schema(minimum = 1, maximum = 50)]
    years: Option<u32>,
    /// How long bars are: `1min`, `hour`, `day`, `week`, `month`; `day` when it is missing
    #[serde(default)]
    timeframes: Vec<String>,
    /// Load bars; when false the symbols are only made known
    include_ohlcv: Option<bool>,
    /// Who asks, for people
    requested_by: Option<String>,
}

/// A job as it stands
#[derive(Serialize, ToSchema)]
pub(crate) struct Job {
    job_id: String,
    /// `pending`, `running`, `completed`, `completed_with_errors`, `failed` or `cancelled`
    status: &'static str,
    /// How much of it is done, in percent
    progress: u32,
    /// The same for people
    message: String,
    /// Null until it is known whose bars are loaded
    symbols_total: Option<u32>,
    /// Those that have nothing more to come
    symbols_done: u32,
    /// One for each symbol and timeframe
    tasks_total: u32,
    tasks_done: u32,
    /// How many bars were received
    bars: u64,
    /// How many tasks failed
    error_count: u32,
    /// The first hundred of them
    errors: Vec<JobFault>,
    universe_key: Option<String>,
    csv_file: Option<String>,
    years: u32,
    timeframes: Vec<&'static str>,
    include_ohlcv: bool,
    /// The first day of its bars; null until it begins
    first_date: Option<Date>,
    last_date: Option<Date>,
    requested_by: String,
    created_at: Timestamp,
    started_at: Option<Timestamp>,
    finished_at: Option<Timestamp>,
    updated_at: Timestamp,
    cancel_requested: bool,
}

/// A task that failed
#[derive(Serialize, ToSchema)]
pub(crate) struct JobFault {
    symbol: String,
    timeframe: String,
    message: String,
}

/// A page of jobs, newest first
#[derive(Serialize, ToSchema)]
pub(crate) struct JobList {
    jobs: Vec<Job>,
    total: u64,
    limit: u32,
    offset: u32,
}

/// Which part of the list
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct JobPage {
    /// How many jobs
    #[serde(default = "ten")]
    #[param(minimum = 1, maximum = 1000, default = 10)]
    limit: u32,
    /// How many newer ones are left out
    #[serde(default)]
    #[param(minimum = 0, maximum = 1_000_000, default = 0)]
    offset: u32,
}

/// Ask for bars to be loaded
///
/// Only the order is written; the job itself begins when those before it are over.
#[utoipa::path(
    post, path = "/api/v1/jobs", tag = "jobs", operation_id = "create_job",
    request_body(content = JobWish, description = "What to load"),
    responses(
        (status = 202, description = "The job waits for its turn", body = Job),
        (status = 200, description = "There is a job of that id already; this is it", body = Job),
        (status = 404, description = "There is no such universe", body = ProblemBody<'static>,
            content_type = "application/problem+json"),
    )
)]
pub(crate) async fn create_job(
    State(app): State<Arc<App>>,
    JsonBody(wish): JsonBody<JobWish>,
) -> Result<(StatusCode, Json<Job>), Problem> {
    let bad = |detail: String| Problem::bad_request("job", detail);
    let is_id =
        |id: &String| (1..=JOB_ID_LEN_MAX).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
    if let Some(job_id) = wish.job_id.as_ref().filter(|id| !is_id(id)) {
        return Err(bad(format!("{job_id:?} is no id: up to 100 characters of ASCII without spaces are one")));
    }
    let (job_id, requested_by) = (wish.job_id.clone(), wish.requested_by.clone());
    let request = checked(wish).map_err(|faults| bad(faults.join("; ")))?;
    if let Some(universe) = &request.universe_key {
        let question = Question { environment: &app.daemon.environment, as_of: None, known_at: None };
        look_up(&*app.daemon.store, &app.rules.load(), universe, question).await?;
    }
    let requested_by = requested_by.unwrap_or_else(|| REQUESTED_BY.to_owned());
    let (job_id, ordered) = app.daemon.order_data_load(job_id, request, &requested_by).await?;
    let status = match ordered {
        DataLoadOrdered::Queued => {
            tracing::info!(job.id = job_id, "data-load job {job_id} was asked for over HTTP");
            StatusCode::ACCEPTED
        }
        DataLoadOrdered::Known => StatusCode::OK,
    };
    Ok((status, Json(job_of(find(&app, &job_id).await?))))
}

/// List jobs
#[utoipa::path(
    get, path = "/api/v1/jobs", tag = "jobs", operation_id = "list_jobs",
    params(JobPage),
    responses((status = 200, description = "The jobs, newest first", body = JobList))
)]
pub(crate) async fn list_jobs(
    State(app): State<Arc<App>>,
    Asked(page): Asked<JobPage>,
) -> Result<Json<JobList>, Problem> {
    let JobPage { limit, offset } = page;
    if !(1..=1_000).contains(&limit) || offset > 1_000_000 {
        return Err(Problem::bad_request("query", "limit is from 1 to 1000, offset from 0 to 1000000"));
    }
    let (store, environment) = (&app.daemon.store, app.daemon.environment.as_str());
    let jobs = store.data_load_list(environment, limit, offset).await?.into_iter().map(job_of).collect();
    Ok(Json(JobList { jobs, total: store.data_load_count(environment).await?, limit, offset }))
}

/// See how a job stands
#[utoipa::path(
    get, path = "/api/v1/jobs/{job_id}", tag = "jobs", operation_id = "show_job",
    params(("job_id" = String, Path, description = "The id of the job")),
    responses(
        (status = 200, description = "The job", body = Job),
        (status = 404, description = "There is no such job", body = ProblemBody<'static>,
            content_type = "application/problem+json"),
    )
)]
pub(crate) async fn show_job(State(app): State<Arc<App>>, Named(job_id): Named<String>) -> Result<Json<Job>, Problem> {
    Ok(Json(job_of(find(&app, &job_id).await?)))
}

/// Stop a job
///
/// One that waits is cancelled at once, one at work within seconds. What it loaded stays.
#[utoipa::path(
    post, path = "/api/v1/jobs/{job_id}/cancel", tag = "jobs", operation_id = "cancel_job",
    params(("job_id" = String, Path, description = "The id of the job")),
    responses(
        (status = 200, description = "It is cancelled, or will be in a moment", body = Job),
        (status = 404, description = "There is no such job", body = ProblemBody<'static>,
            content_type = "application/problem+json"),
        (status = 409, description = "It is over already", body = ProblemBody<'static>,
            content_type = "application/problem+json"),
    )
)]
pub(crate) async fn cancel_job(
    State(app): State<Arc<App>>,
    Named(job_id): Named<String>,
) -> Result<Json<Job>, Problem> {
    let before = find(&app, &job_id).await?;
    if before.status.is_over() {
        let status = before.status.as_str();
        let detail = format!("job {job_id} is over: {status}");
        return Err(Problem::new(StatusCode::CONFLICT, "job-over", detail).with("job_status", status));
    }
    let status = app.daemon.cancel_data_load(&job_id).await?;
    tracing::info!(job.id = job_id, status = status.map(DataLoadStatus::as_str), "a data-load job was cancelled");
    Ok(Json(job_of(find(&app, &job_id).await?)))
}

fn checked(wish: JobWish) -> Result<universe_store::DataLoadRequest, Vec<String>> {
    let JobWish { universe_key, csv_file, symbols, years, timeframes, include_ohlcv, .. } = wish;
    let (years, include_ohlcv) = (years.unwrap_or(1), include_ohlcv.unwrap_or(true));
    DataLoadWish { universe_key, csv_file, symbols, years, timeframes, include_ohlcv }.check()
}

/// Finds a job of this environment.
async fn find(app: &App, job_id: &str) -> Result<DataLoadRecord, Problem> {
    let found = app.daemon.store.data_load_find(job_id).await?;
    found.filter(|job| job.order.environment == app.daemon.environment).ok_or_else(|| {
        let detail = format!("there is no job {job_id:?}; /api/v1/jobs lists them");
        Problem::new(StatusCode::NOT_FOUND, "unknown-job", detail)
    })
}

fn job_of(job: DataLoadRecord) -> Job {
    let fault = |fault: &universe_store::DataLoadFault| JobFault {
        symbol: fault.symbol.clone(),
        timeframe: fault.timeframe.clone(),
        message: fault.message.clone(),
    };
    Job {
        status: job.status.as_str(),
        progress: job.percentage(),
        symbols_total: job.symbols_total,
        symbols_done: job.symbols_done,
        tasks_total: job.tasks_total,
        tasks_done: job.tasks_done,
        bars: job.bars,
        error_count: job.error_count,
        errors: job.errors.iter().map(fault).collect(),
        universe_key: job.order.request.universe_key,
        csv_file: job.order.request.csv_file,
        years: job.order.request.years,
        timeframes: job.order.request.timeframes.iter().map(|timeframe| timeframe.as_str()).collect(),
        include_ohlcv: job.order.request.include_ohlcv,
        first_date: job.first_date,
        last_date: job.last_date,
        requested_by: job.order.requested_by,
        created_at: job.order.created_at,
        started_at: job.started_at,
        finished_at: job.finished_at,
        updated_at: job.updated_at,
        cancel_requested: job.cancel_requested,
        message: job.message,
        job_id: job.order.job_id,
    }
}

fn ten() -> u32 {
    10
}
