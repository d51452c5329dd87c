//! Exports: what `universe export` writes, byte for byte, sent as it is written.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use futures_util::stream;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Deserialize;
use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe;
use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinHandle;
use universe_core::expression::SetExpression;
use universe_core::session_on_or_before;
use universe_service::LookupError;
use universe_store::StoreError;
use utoipa::{IntoParams, ToSchema};

use super::App;
use super::address::{backwards, unknown};
use super::input::{Asked, Named};
use super::lookups::{ASKED_LEN_MAX, CACHE_CONTROL, UniversePath};
use super::problem::{Problem, ProblemBody};
use crate::cli::arguments::{Export, Form, Format, Global, What};
use crate::cli::export::{Place, write};

/// How many exports are written at once: each holds a thread for as long as its reader takes.
pub(super) const EXPORTS_AT_ONCE: usize = 8;

/// How much is sent at a time: what a pipe holds.
const CHUNK_BYTES: usize = 64 * 1024;

/// The session that an export is as of, where one was asked for.
const AS_OF: HeaderName = HeaderName::from_static("x-as-of");

/// What is exported of universes
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ExportWhat {
    /// Their members as of one session
    #[default]
    Members,
    /// Every interval of membership, with its reasons
    Intervals,
    /// A row for each session and member
    Panel,
}

/// The formats of exports
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ExportFormat {
    /// One document for members, a list of objects for the rest
    #[default]
    Json,
    /// A header and a line for each row
    Csv,
    /// Columns, compressed
    Parquet,
    /// The instrument file of qlib, for intervals of one universe
    Qlib,
}

/// What is exported, and how
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExportQuery {
    /// What is exported
    #[serde(default)]
    #[param(inline)]
    what: ExportWhat,
    /// In which format
    #[serde(default)]
    #[param(inline)]
    format: ExportFormat,
    /// The session that members are exported as of (`2024-01-02`); the header `x-as-of` of the answer says which it
    /// is, where the day is no session
    as_of: Option<Date>,
    /// What was known at this instant (`2024-01-03T12:00:00Z`)
    known_at: Option<Timestamp>,
    /// The first session of a panel; the first with members when it is missing
    from: Option<Date>,
    /// The last session of a panel; the last one synchronized when it is missing
    to: Option<Date>,
}

/// Export a universe: what `universe export` writes
///
/// The answer is sent while it is read. When something goes wrong on the way, the connection ends before the answer
/// does.
#[utoipa::path(
    get, path = "/api/v1/universes/{universe}/export", tag = "lookups", operation_id = "export_universe",
    params(UniversePath, ExportQuery),
    responses(
        (status = 200, description = "The export, as a file to be saved", content(
            (Vec<u8> = "application/json"), (String = "text/csv"), (Vec<u8> = "application/vnd.apache.parquet"),
            (String = "text/plain"),
        )),
        (status = 404, description = "There is no such universe; `nearest` has names that may be meant",
            body = ProblemBody<'static>, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn export_universe(
    State(app): State<Arc<App>>,
    Named(universe): Named<String>,
    Asked(query): Asked<ExportQuery>,
) -> Result<Response, Problem> {
    if universe.len() > ASKED_LEN_MAX {
        let detail = format!("an expression has at most {ASKED_LEN_MAX} characters");
        return Err(Problem::bad_request("expression", detail));
    }
    let expression = SetExpression::parse(&universe).map_err(LookupError::from)?;
    let name = match &expression {
        SetExpression::Universe(address) => address.key.clone(),
        SetExpression::Union(..) | SetExpression::Intersection(..) | SetExpression::Difference(..) => {
            if query.what != ExportWhat::Members {
                let detail = "a combination has members, but no history; ask for its universes one by one";
                return Err(Problem::bad_request("expression", detail));
            }
            "combination".to_owned()
        }
    };
    export(app, vec![universe], &name, query).await
}

/// Export every universe: what `universe export` writes
///
/// The answer is sent while it is read. When something goes wrong on the way, the connection ends before the answer
/// does.
#[utoipa::path(
    get, path = "/api/v1/export", tag = "lookups", operation_id = "export_universes", params(ExportQuery),
    responses((status = 200, description = "The export, as a file to be saved", content(
        (Vec<u8> = "application/json"), (String = "text/csv"), (Vec<u8> = "application/vnd.apache.parquet"),
    )))
)]
pub(crate) async fn export_universes(
    State(app): State<Arc<App>>,
    Asked(query): Asked<ExportQuery>,
) -> Result<Response, Problem> {
    if query.format == ExportFormat::Qlib {
        return Err(Problem::bad_request("query", "qlib has a file for each universe: ask for one universe"));
    }
    export(app, Vec::new(), "universes", query).await
}

async fn export(app: Arc<App>, universes: Vec<String>, name: &str, query: ExportQuery) -> Result<Response, Problem> {
    check(&query)?;
    let ExportQuery { what, format, as_of, known_at, from, to } = query;
    let Ok(permit) = Arc::clone(&app.exports).try_acquire_owned() else {
        let detail = format!("{EXPORTS_AT_ONCE} exports are being written already");
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too-busy", detail).retry_after(1));
    };
    let (what, form) = (what_of(what), form_of(format));
    let command =
        Export { universes, all: false, what, as_of, known_at, from, to, output: PathBuf::new(), form: Some(form) };
    let mut sent = begin(&app, command, form, permit).map_err(|error| broken(&error))?;
    let first = sent.next().await;
    let first = match first {
        Ok(first) => first,
        Err(error) => return Err(problem_of(&app, error)),
    };
    let session = as_of.map(session_on_or_before);
    let mut response = Response::new(body(first, sent));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type(form)));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(CACHE_CONTROL));
    let file = file_name(name, what, session, form);
    if let Ok(disposition) = HeaderValue::from_str(&format!("attachment; filename=\"{file}\"")) {
        headers.insert(header::CONTENT_DISPOSITION, disposition);
    }
    if let Some(session) = session.and_then(|session| HeaderValue::from_str(&session.to_string()).ok()) {
        headers.insert(AS_OF, session);
    }
    Ok(response)
}

/// Refuses what cannot be meant.
fn check(query: &ExportQuery) -> Result<(), Problem> {
    let refuse = |detail: &str| Err(Problem::bad_request("query", detail));
    if query.format == ExportFormat::Qlib && query.what != ExportWhat::Intervals {
        return refuse("qlib takes intervals: add what=intervals");
    }
    if query.as_of.is_some() && query.what != ExportWhat::Members {
        return refuse("as_of is for members; intervals and panels have every session (a panel takes from and to)");
    }
    if (query.from.is_some() || query.to.is_some()) && query.what != ExportWhat::Panel {
        return refuse("from and to are for a panel: add what=panel");
    }
    match (query.from, query.to) {
        (Some(from), Some(to)) if to < from => Err(backwards(from, to)),
        _ => Ok(()),
    }
}

/// An export while it is written: on a thread of its own, because its reader may take its time.
struct Sent {
    pipe: pipe::Receiver,
    writing: Option<JoinHandle<anyhow::Result<()>>>,
}

fn begin(app: &Arc<App>, command: Export, form: Form, permit: OwnedSemaphorePermit) -> io::Result<Sent> {
    let (sender, receiver) = pipe::pipe()?;
    let pipe = File::from(sender.into_blocking_fd()?);
    let app = Arc::clone(app);
    let writing = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        let rules = app.rules.load_full();
        let global = Global { database: None, config: None, format: Format::Json, quiet: true, verbose: 0 };
        let (store, environment) = (&*app.daemon.store, app.daemon.environment.as_str());
        let written = write(&global, store, &rules, environment, &command, form, Place::Pipe(&pipe));
        Handle::current().block_on(written).map(|_| ())
    });
    Ok(Sent { pipe: receiver, writing: Some(writing) })
}

impl Sent {
    /// Returns what comes next; nothing at the end.
    async fn next(&mut self) -> anyhow::Result<Bytes> {
        let mut chunk = Vec::with_capacity(CHUNK_BYTES);
        self.pipe.read_buf(&mut chunk).await?;
        if chunk.is_empty()
            && let Some(writing) = self.writing.take()
        {
            writing.await??;
        }
        Ok(Bytes::from(chunk))
    }
}

fn body(first: Bytes, sent: Sent) -> Body {
    Body::from_stream(stream::unfold((Some(first), Some(sent)), async |(first, sent)| {
        let mut sent = sent?;
        let chunk = match first {
            Some(first) => Ok(first),
            None => sent.next().await,
        };
        match chunk {
            Ok(chunk) if chunk.is_empty() => None,
            Ok(chunk) => Some((Ok(chunk), (None, Some(sent)))),
            Err(error) => {
                tracing::error!(%error, "an export ended before its end");
                Some((Err(io::Error::other(error)), (None, None)))
            }
        }
    }))
}

fn problem_of(app: &App, error: anyhow::Error) -> Problem {
    match error.downcast::<LookupError>() {
        Ok(error) => unknown(app, error),
        Err(error) => match error.downcast::<StoreError>() {
            Ok(error) => error.into(),
            Err(error) => broken(&error),
        },
    }
}

fn broken(error: &dyn std::fmt::Display) -> Problem {
    tracing::error!(%error, "an export could not be written");
    Problem::of_status(StatusCode::INTERNAL_SERVER_ERROR)
}

fn file_name(name: &str, what: What, session: Option<Date>, form: Form) -> String {
    let what = match what {
        What::Members => "members",
        What::Intervals => "intervals",
        What::Panel => "panel",
    };
    let session = session.map(|session| format!("-{session}")).unwrap_or_default();
    let ending = match form {
        Form::Json => "json",
        Form::Csv => "csv",
        Form::Parquet => "parquet",
        Form::Qlib => return format!("{name}.txt"),
    };
    format!("{name}-{what}{session}.{ending}")
}

const fn media_type(form: Form) -> &'static str {
    match form {
        Form::Json => "application/json",
        Form::Csv => "text/csv; charset=utf-8",
        Form::Parquet => "application/vnd.apache.parquet",
        Form::Qlib => "text/plain; charset=utf-8",
    }
}

const fn what_of(what: ExportWhat) -> What {
    match what {
        ExportWhat::Members => What::Members,
        ExportWhat::Intervals => What::Intervals,
        ExportWhat::Panel => What::Panel,
    }
}

const fn form_of(format: ExportFormat) -> Form {
    match format {
        ExportFormat::Json => Form::Json,
        ExportFormat::Csv => Form::Csv,
        ExportFormat::Parquet => Form::Parquet,
        ExportFormat::Qlib => Form::Qlib,
    }
}
