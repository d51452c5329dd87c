//! Routes about the server itself: health, readiness, figures, alerts, and what routes there are.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use universe_core::plan::AlertKind;
use universe_service::{Alerts, Ambient as _, RaisedAlert, RelayState, Severity, alerts};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::App;
use super::input::Asked;
use super::lookups::send;
use super::problem::{Problem, ProblemBody};
use crate::clock::Surroundings;

/// How long the database may take to say that it is there.
const READY_WITHIN: Duration = Duration::from_secs(2);

/// How many alerts are listed at most.
const ALERTS_MAX: u32 = 1_000;

/// The server runs
#[derive(Serialize, ToSchema)]
pub(crate) struct Health {
    /// Always `ok`
    status: &'static str,
    version: &'static str,
}

/// The server can answer
#[derive(Serialize, ToSchema)]
pub(crate) struct Ready {
    /// Always `ready`
    status: &'static str,
    /// `off`, `standby`, `publishing` or `failing`; the last one delays events and loses none
    publication: &'static str,
    /// The session that lookups stand at
    as_of: Option<Date>,
    /// The version of the memberships that lookups are answered from
    version: u64,
}

/// Alerts, newest first
#[derive(Serialize, ToSchema)]
pub(crate) struct AlertList {
    /// What still holds
    active: Vec<AlertEntry>,
    /// Everything that was raised
    alerts: Vec<AlertEntry>,
}

/// One alert
#[derive(Serialize, ToSchema)]
pub(crate) struct AlertEntry {
    /// The run that raised it, or goes on in spite of it
    job_id: Option<Uuid>,
    raised_at: Timestamp,
    session: Option<Date>,
    /// What kind of alert: the runbook has an entry for each
    #[schema(value_type = String, example = "membership_change")]
    alert: AlertKind,
    /// `warning` (look at it) or `error` (work was not done)
    #[schema(value_type = String)]
    severity: Severity,
    /// `cache_sync` (a run), `scheduler` or `relay`
    component: &'static str,
    universe: Option<String>,
    message: String,
}

/// How many alerts
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AlertPage {
    /// How many alerts
    #[serde(default = "fifty")]
    #[param(minimum = 1, maximum = 1000, default = 50)]
    limit: u32,
}

/// See whether the server runs
#[utoipa::path(
    get, path = "/health", tag = "system", operation_id = "show_health",
    responses((status = 200, description = "It runs", body = Health))
)]
pub(crate) async fn show_health() -> Json<Health> {
    Json(Health { status: "ok", version: env!("CARGO_PKG_VERSION") })
}

/// See whether the server can answer
#[utoipa::path(
    get, path = "/ready", tag = "system", operation_id = "show_readiness",
    responses(
        (status = 200, description = "It can", body = Ready),
        (status = 503, description = "The database cannot be reached, or the server is stopping",
            body = ProblemBody<'static>, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn show_readiness(State(app): State<Arc<App>>) -> Result<Json<Ready>, Problem> {
    let not_ready = |detail: &str| Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not-ready", detail).retry_after(1);
    if *app.shutdown.borrow() {
        return Err(not_ready("the server is stopping"));
    }
    let asked = tokio::time::timeout(READY_WITHIN, app.daemon.store.head_version(&app.daemon.environment)).await;
    asked.map_err(|_| not_ready("the database does not answer in time"))??;
    let snapshot = app.lookups.current();
    let publication = match app.daemon.relay_state() {
        RelayState::Off => "off",
        RelayState::Standby => "standby",
        RelayState::Publishing => "publishing",
        RelayState::Failing(_) => "failing",
    };
    Ok(Json(Ready { status: "ready", publication, as_of: snapshot.as_of(), version: snapshot.version() }))
}

/// Read figures, as Prometheus takes them
#[utoipa::path(
    get, path = "/metrics", tag = "system", operation_id = "show_metrics",
    responses((status = 200, description = "The figures", body = String, content_type = "text/plain"))
)]
pub(crate) async fn show_metrics(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    let snapshot = app.lookups.current();
    metrics::gauge!("universe_head_version").set(snapshot.version() as f64);
    for universe in snapshot.universes() {
        let address = universe.record.id.to_string();
        metrics::gauge!("universe_members", "universe" => address).set(universe.record.count as f64);
    }
    // Without the database there are still the figures of this process.
    if let Ok(span) = app.daemon.store.outbox_span(&app.daemon.environment).await {
        let waiting = span.and_then(|span| span.unpublished_since);
        let lag = waiting.map_or(0.0, |since| Surroundings.now().duration_since(since).as_secs_f64());
        metrics::gauge!("universe_outbox_unpublished").set(span.map_or(0, |span| span.unpublished) as f64);
        metrics::gauge!("universe_outbox_lag_seconds").set(lag);
    }
    let mut response = app.figures.render().into_response();
    let text = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, text);
    Ok(response)
}

/// List alerts: what still holds, and what was raised
#[utoipa::path(
    get, path = "/api/v1/alerts", tag = "runs", operation_id = "list_alerts", params(AlertPage),
    responses((status = 200, description = "The alerts, newest first", body = AlertList))
)]
pub(crate) async fn list_alerts(
    State(app): State<Arc<App>>,
    Asked(page): Asked<AlertPage>,
) -> Result<Json<AlertList>, Problem> {
    if !(1..=ALERTS_MAX).contains(&page.limit) {
        return Err(Problem::bad_request("query", format!("limit is a number from 1 to {ALERTS_MAX}")));
    }
    let Alerts { active, recent } = alerts(&app.daemon, page.limit as usize).await?;
    let entries = |alerts: Vec<RaisedAlert>| alerts.into_iter().map(AlertEntry::from).collect();
    Ok(Json(AlertList { active: entries(active), alerts: entries(recent) }))
}

/// Read this description
#[utoipa::path(
    get, path = "/openapi.json", tag = "system", operation_id = "show_openapi",
    responses(
        (status = 200, description = "The OpenAPI document", body = Object),
        (status = 304, description = "It is as the client has it"),
    )
)]
pub(crate) async fn show_openapi(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    send(&app.openapi, &headers)
}

/// Read this description as a page
#[utoipa::path(
    get, path = "/docs", tag = "system", operation_id = "show_documentation",
    responses((status = 200, description = "A page that loads nothing else", body = String, content_type = "text/html"))
)]
pub(crate) async fn show_documentation(State(app): State<Arc<App>>) -> Response {
    let mut response = Html(app.documentation.clone()).into_response();
    let policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'";
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    response
}

impl From<RaisedAlert> for AlertEntry {
    fn from(raised: RaisedAlert) -> Self {
        let RaisedAlert { alert, severity, component, universe, session, run_id, raised_at, message } = raised;
        Self { job_id: run_id, raised_at, session, alert, severity, component, universe, message }
    }
}

fn fifty() -> u32 {
    50
}
