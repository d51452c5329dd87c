//! Errors as `application/problem+json` (RFC 9457), whatever went wrong.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value};
use universe_core::NotASession;
use universe_service::{LookupError, OverrideError, RollbackError, SyncError};
use universe_store::StoreError;

/// The media type of every error.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

/// An answer that says what is wrong.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    kind: &'static str,
    detail: String,
    members: Map<String, Value>,
    retry_after_seconds: Option<u64>,
    challenge: Option<&'static str>,
}

/// What is wrong with a request, or with the service
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody<'a> {
    /// Names the kind of problem, for programs
    #[serde(rename = "type")]
    #[schema(example = "urn:universe:problem:unknown-universe")]
    kind: String,
    /// Names the status, for people
    title: &'a str,
    /// The HTTP status again
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// Says what happened and what to do about it
    detail: &'a str,
    /// Further members, by kind of problem: `job_id`, `nearest`, ...
    #[serde(flatten)]
    members: &'a Map<String, Value>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, kind: &'static str, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self { status, kind, detail, members: Map::new(), retry_after_seconds: None, challenge: None }
    }

    /// Something in the request cannot be meant as it is.
    pub(crate) fn bad_request(kind: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, kind, detail)
    }

    /// Adds a member for programs.
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    /// Says when to come again.
    pub(crate) fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_seconds = Some(seconds);
        self
    }

    /// Says how to identify oneself.
    pub(crate) fn challenge(mut self, challenge: &'static str) -> Self {
        self.challenge = Some(challenge);
        self
    }

    /// What a status says that was set without a word, by a library or a route that does not exist.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        let (kind, detail) = match status {
            StatusCode::NOT_FOUND => {
                ("unknown-route", "there is nothing at this address; /openapi.json lists the routes")
            }
            StatusCode::METHOD_NOT_ALLOWED => ("method", "this address has other methods; the header Allow names them"),
            StatusCode::PAYLOAD_TOO_LARGE => ("body-too-large", "the body is larger than 64 KiB"),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => ("content-type", "the body has another content type than expected"),
            status if status.is_server_error() => ("internal", "something went wrong here; the log says what"),
            _ => ("bad-request", "the request cannot be understood"),
        };
        Self::new(status, kind, detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = ProblemBody {
            kind: format!("urn:universe:problem:{}", self.kind),
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail: &self.detail,
            members: &self.members,
        };
        let json = serde_json::to_vec(&body).unwrap_or_default();
        let mut response = (self.status, json).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(challenge) = self.challenge {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Busy { run_id } => run_in_progress(run_id),
            StoreError::Stale { .. } => {
                let detail = "other runs kept changing the memberships meanwhile; nothing was changed, ask again";
                Self::new(StatusCode::CONFLICT, "stale", detail).retry_after(1)
            }
            StoreError::Unavailable(_) => {
                tracing::warn!(%error, "a request could not be answered");
                Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "store-unavailable",
                    "the database cannot be reached just now",
                )
                .retry_after(1)
            }
            error => {
                tracing::error!(%error, "a request could not be answered");
                Self::of_status(StatusCode::INTERNAL_SERVER_ERROR)
            }
        }
    }
}

impl From<LookupError> for Problem {
    fn from(error: LookupError) -> Self {
        match error {
            LookupError::Expression(_) => Self::bad_request("expression", error.to_string()),
            LookupError::Ambiguous(_) => Self::bad_request("ambiguous-universe", error.to_string()),
            LookupError::Unknown { asked, .. } => Self::new(
                StatusCode::NOT_FOUND,
                "unknown-universe",
                format!("there is no universe {asked}; /api/v1/universes lists them"),
            ),
            LookupError::Store { source, .. } => source.into(),
        }
    }
}

impl From<SyncError> for Problem {
    fn from(error: SyncError) -> Self {
        match error {
            SyncError::NotASession(error) => error.into(),
            SyncError::NoPrices => {
                Self::new(StatusCode::NOT_FOUND, "nothing-synchronized", "nothing was synchronized yet")
            }
            error @ (SyncError::NotPast { .. } | SyncError::BeforeRecord { .. }) => {
                Self::bad_request("session", error.to_string())
            }
            SyncError::Observe(source) | SyncError::Apply(source) | SyncError::Lost(source) => source.into(),
            error @ (SyncError::OutOfOrder { .. } | SyncError::Cancelled | SyncError::Rules(_)) => {
                tracing::error!(%error, "a request could not be answered");
                Self::of_status(StatusCode::INTERNAL_SERVER_ERROR)
            }
        }
    }
}

impl From<NotASession> for Problem {
    fn from(error: NotASession) -> Self {
        Self::bad_request("session", error.to_string()).with("session_before", error.session_before.to_string())
    }
}

impl From<RollbackError> for Problem {
    fn from(error: RollbackError) -> Self {
        let detail = error.to_string();
        match error {
            RollbackError::Unknown { asked, .. } => unknown_run(&asked),
            RollbackError::OtherEnvironment { .. } => Self::new(StatusCode::NOT_FOUND, "unknown-run", detail),
            RollbackError::Ambiguous { .. } => Self::bad_request("ambiguous-run", detail),
            RollbackError::NotOver { status, .. } => {
                Self::new(StatusCode::CONFLICT, "run-not-over", detail).with("run_status", status)
            }
            RollbackError::ChangedNothing { .. } => Self::new(StatusCode::CONFLICT, "run-changed-nothing", detail),
            RollbackError::Combination(_) => Self::bad_request("expression", detail),
            RollbackError::Lookup(error) => error.into(),
            RollbackError::Read(error) => error.into(),
            RollbackError::Sync(error) => error.into(),
        }
    }
}

impl From<OverrideError> for Problem {
    fn from(error: OverrideError) -> Self {
        let detail = error.to_string();
        match error {
            OverrideError::NotASession(error) => error.into(),
            OverrideError::EndsBeforeItBegins { .. } | OverrideError::Reason => Self::bad_request("override", detail),
            OverrideError::NothingToReplace(id) => {
                Self::new(StatusCode::CONFLICT, "override-gone", detail).with("override_id", id.to_string())
            }
            OverrideError::Store(source) => source.into(),
        }
    }
}

/// The problem of a run that does not exist.
pub(crate) fn unknown_run(asked: &str) -> Problem {
    let detail = format!("there is no run {asked:?}; /api/processing/cache-sync/history lists them");
    Problem::new(StatusCode::NOT_FOUND, "unknown-run", detail)
}

/// The answer to whoever wants a run while there is one.
pub(crate) fn run_in_progress(run_id: uuid::Uuid) -> Problem {
    let detail = format!("run {run_id} waits or runs already; wait for its end or cancel it");
    Problem::new(StatusCode::CONFLICT, "run-in-progress", detail)
        .with("job_id", run_id.to_string())
        .with("run_id", run_id.to_string())
}
