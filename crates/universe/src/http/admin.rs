//! Routes that the platform's web application offered its administrators.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use universe_service::Wish;
use utoipa::ToSchema;

use super::App;
use super::input::{FormBody, Named};
use super::problem::{Problem, ProblemBody};
use super::runs::{self, RunStatus, TRIGGERED_BY, Triggered};

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
