//! Routes that the platform's web application offered its administrators.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse as _, Response};
use serde::Deserialize;
use universe_service::Wish;
use utoipa::ToSchema;

use super::App;
use super::input::{FormBody, Named};
use super::problem::{Problem, ProblemBody};
use super::runs::{self, RunStatus, TRIGGERED_BY, Triggered};
use crate::clock::random_hex;

const PAGE: &str = include_str!("admin/page.html");
const STYLE: &str = include_str!("admin/page.css");
const SCRIPT: &str = include_str!("admin/page.js");

/// The form of the page
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RebuildForm {
    /// `1` keeps universes that no rule and no import defines
    #[schema(value_type = String, required = false, pattern = "^(0|1|on|off|true|false|)$")]
    preserve_existing: Option<String>,
}

/// Rebuild every universe
#[utoipa::path(
    post, path = "/admin/historical-data/rebuild-cache", tag = "admin", operation_id = "rebuild_cache",
    request_body(content = RebuildForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 202, description = "The run waits for its turn, which is next", body = Triggered),
        (status = 409, description = "A run waits or runs already; its `job_id` is in the answer",
            body = ProblemBody<'static>, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn rebuild_cache(
    State(app): State<Arc<App>>,
    FormBody(form): FormBody<RebuildForm>,
) -> Result<(StatusCode, Json<Triggered>), Problem> {
    let preserve = match form.preserve_existing.as_deref() {
        Some("1" | "on" | "true") => true,
        None | Some("" | "0" | "off" | "false") => false,
        Some(other) => {
            let detail = format!("preserve_existing is 1 or 0, not {other:?}");
            return Err(Problem::bad_request("body", detail));
        }
    };
    runs::order(&app, &Wish { preserve, ..Wish::full(TRIGGERED_BY) }).await
}

/// Open the page of administrators
///
/// It asks for a key itself: what it shows and does, it gets from the routes here, with that key.
#[utoipa::path(
    get, path = "/admin/historical-data", tag = "admin", operation_id = "show_historical_data",
    responses((status = 200, description = "A page that loads nothing else", body = String, content_type = "text/html"))
)]
pub(crate) async fn show_historical_data() -> Result<Response, Problem> {
    let nonce = random_hex(16).map_err(|error| {
        tracing::error!(%error, "the page of administrators cannot be made");
        Problem::of_status(StatusCode::INTERNAL_SERVER_ERROR)
    })?;
    let page = PAGE.replace("NONCE", &nonce).replacen("STYLE", STYLE, 1).replacen("SCRIPT", SCRIPT, 1);
    // Only what carries the nonce of this answer runs, and it talks to nobody but this server.
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; \
         form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
    );
    let mut response = Html(page).into_response();
    let headers = response.headers_mut();
    if let Ok(policy) = HeaderValue::try_from(policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    Ok(response)
}

/// See how a run stands
#[utoipa::path(
    get, path = "/api/admin/cache-sync/status/{job_id}", tag = "admin", operation_id = "show_run_to_administrator",
    params(("job_id" = uuid::Uuid, Path, description = "The id of the run")),
    responses(
        (status = 200, description = "The run", body = RunStatus),
        (status = 404, description = "There is no such run", body = ProblemBody<'static>,
            content_type = "application/problem+json"),
    )
)]
pub(crate) async fn show_run_to_administrator(
    State(app): State<Arc<App>>,
    Named(job_id): Named<String>,
) -> Result<Json<RunStatus>, Problem> {
    runs::status_of_run(&app, &job_id).await.map(Json)
}
