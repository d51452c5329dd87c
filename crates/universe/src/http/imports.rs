//! The route that takes exports back in: what `universe import` does with a file.

use std::path::Path;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use universe_core::Issue;
use universe_core::plan::Plan;
use universe_service::{ImportError, Imported, RestoredTold, import_exports};
use utoipa::IntoParams;

use super::App;
use super::address::unknown;
use super::input::Asked;
use super::keys::Caller;
use super::problem::{Problem, ProblemBody};
use super::restoring::{catch_up, finished, request, stale};
use super::schemas::ImportAnswer;
use crate::clock::Surroundings;

/// The largest export that is taken in: every universe of a market of ten thousand listings has two megabytes.
pub(super) const IMPORT_BYTES_MAX: usize = 32 * 1024 * 1024;

/// The address of the route, which takes larger bodies than others.
pub(super) const IMPORTS: &str = "/api/v1/imports";

/// What an export may be sent as; what it is, it says itself.
const MEDIA_TYPES: [&str; 5] =
    ["application/json", "text/csv", "application/vnd.apache.parquet", "application/gzip", "application/octet-stream"];

/// The longest name of a source.
const SOURCE_LEN_MAX: usize = 64;

/// What of an export is taken in, and how
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ImportQuery {
    /// Take in these universes only: keys or `type:key`, with commas between them
    only: Option<String>,
    /// What lists are recorded to come from
    #[serde(default = "api")]
    #[param(max_length = 64, pattern = "^[A-Za-z0-9][A-Za-z0-9._-]*$", default = "api")]
    source: String,
    /// Say what would change, and change nothing
    #[serde(default)]
    dry_run: bool,
    /// Go on only while the memberships are at this version: `base_version` of the dry run that was looked at
    base_version: Option<u64>,
}

/// What became of an import, or would.
#[derive(Serialize)]
pub(crate) struct ImportTold {
    #[serde(flatten)]
    restored: RestoredTold,
    rows: u64,
    universes_read: usize,
    issues: Vec<Issue>,
}

/// Put universes in place from an export
///
/// Everything is read and checked before anything is changed; where something cannot be, nothing is. Universes that
/// the export does not have stay as they are. Members that a rule decides hold until the next run.
#[utoipa::path(
    post, path = "/api/v1/imports", tag = "admin", operation_id = "create_import", params(ImportQuery),
    request_body(description = "An export, at most 32 MiB", content(
        (Vec<u8> = "application/json"), (String = "text/csv"), (Vec<u8> = "application/vnd.apache.parquet"),
    )),
    responses(
        (status = 200, description = "What changed, or would; `written` says which", body = ImportAnswer),
        (status = 409, description = "Another run is at work, or the memberships are at another version than \
            `base_version`", body = ProblemBody<'static>, content_type = "application/problem+json"),
        (status = 413, description = "The export is larger than 32 MiB", body = ProblemBody<'static>,
            content_type = "application/problem+json"),
        (status = 422, description = "It is no export, or says what cannot be; `issues` has each fault",
            body = ProblemBody<'static>, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn create_import(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Asked(query): Asked<ImportQuery>,
    body: Request,
) -> Result<Json<ImportTold>, Problem> {
    let ImportQuery { only, source, dry_run, base_version } = query;
    check_source(&source)?;
    let only: Vec<String> = only.iter().flat_map(|only| only.split(',')).map(|key| key.trim().to_owned()).collect();
    check_media_type(&body)?;
    let bytes = read(body.into_body()).await?;
    let request = request(&app, &caller, dry_run);
    // On a thread of its own: reading a large file takes its time.
    let work = {
        let app = Arc::clone(&app);
        move || {
            let directory = tempfile::tempdir().map_err(Failure::Disk)?;
            let file = directory.path().join(source);
            std::fs::write(&file, bytes).map_err(Failure::Disk)?;
            let rules = app.rules.load_full();
            let is_expected = |plan: &Plan| base_version.is_none_or(|expected| expected == plan.base_version);
            let store = &*app.daemon.store;
            let files = [file];
            let importing = import_exports(store, &rules, &request, &files, &only, &Surroundings, &is_expected);
            let imported = Handle::current().block_on(importing);
            imported.map_err(|error| Failure::Import(error, directory.path().display().to_string()))
        }
    };
    let imported = finished(tokio::task::spawn_blocking(work).await)?.map_err(|failure| failure.told(&app))?;
    let Imported { restored, universes, rows, issues } = imported;
    let told = restored.told(dry_run);
    if restored.is_declined || base_version.is_some_and(|expected| expected != told.base_version) {
        return Err(stale(told.base_version));
    }
    if told.written {
        catch_up(&app).await;
        tracing::info!(run.id = ?told.job_id, by = caller.name(), cause = told.cause, "an export was imported");
    }
    Ok(Json(ImportTold { restored: told, rows, universes_read: universes, issues: named(issues) }))
}

fn check_source(source: &str) -> Result<(), Problem> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let is_name = source.starts_with(|first: char| first.is_ascii_alphanumeric()) && source.bytes().all(is_plain);
    if is_name && source.len() <= SOURCE_LEN_MAX {
        return Ok(());
    }
    let detail = format!("source is a name of at most {SOURCE_LEN_MAX} letters, digits, dots, dashes and underscores");
    Err(Problem::bad_request("query", detail))
}

fn check_media_type(request: &Request) -> Result<(), Problem> {
    let stated = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = stated.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if MEDIA_TYPES.iter().any(|media_type| essence.eq_ignore_ascii_case(media_type)) {
        return Ok(());
    }
    let detail = format!("send the export as one of {}", MEDIA_TYPES.join(", "));
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "content-type", detail))
}

async fn read(body: Body) -> Result<axum::body::Bytes, Problem> {
    let bytes = to_bytes(body, IMPORT_BYTES_MAX).await.map_err(|error| {
        if std::error::Error::source(&error).is_some_and(|cause| cause.to_string().contains("length limit")) {
            return too_large();
        }
        Problem::bad_request("body", "the body ended before it was complete")
    })?;
    if bytes.is_empty() { Err(Problem::bad_request("body", "send an export as the body")) } else { Ok(bytes) }
}

/// The problem of an export that is too large.
pub(super) fn too_large() -> Problem {
    let detail = format!("an export may have {} MiB; import a part of it at a time", IMPORT_BYTES_MAX >> 20);
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large", detail)
}

/// Why an import came to nothing.
enum Failure {
    /// What was sent could not be put down.
    Disk(std::io::Error),
    /// It was refused; with the directory in which it lay.
    Import(ImportError, String),
}

impl Failure {
    fn told(self, app: &App) -> Problem {
        let unprocessable = |detail: String| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "import", detail);
        match self {
            Self::Disk(error) => {
                tracing::error!(%error, "an export could not be put into the directory for temporary files");
                Problem::of_status(StatusCode::INTERNAL_SERVER_ERROR)
            }
            Self::Import(ImportError::Faults(faults), _) => {
                let detail = ImportError::Faults(faults.clone()).to_string();
                unprocessable(detail).with("issues", serde_json::json!(named(faults)))
            }
            Self::Import(ImportError::Lookup(error), _) => unknown(app, error),
            Self::Import(ImportError::Read(error), _) => error.into(),
            Self::Import(ImportError::Sync(error), _) => error.into(),
            Self::Import(error @ ImportError::NotThere { .. }, _) => {
                Problem::bad_request("query", format!("only: {error}"))
            }
            // Where it lay here is nobody's business.
            Self::Import(error @ ImportError::Feed(_), directory) => {
                unprocessable(error.to_string().replace(&format!("{directory}/"), ""))
            }
        }
    }
}

/// Calls the file what its sender calls it.
fn named(mut issues: Vec<Issue>) -> Vec<Issue> {
    for issue in &mut issues {
        let name = Path::new(&issue.file).file_name().map(|name| name.to_string_lossy().into_owned());
        issue.file = name.unwrap_or_default();
    }
    issues
}

fn api() -> String {
    "api".to_owned()
}
