//! What every request goes through: its id, who asks, how much at once, how long, and how errors look.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures_util::StreamExt as _;
use tokio::sync::Semaphore;
use universe_service::Ambient as _;

use super::App;
use super::imports::{IMPORT_BYTES_MAX, IMPORTS, too_large};
use super::keys::{Refusal, Scope};
use super::metrics::note_request;
use super::problem::{PROBLEM_JSON, Problem};
use crate::clock::Surroundings;

/// The largest body, but for exports that come back in: a trigger has a hundred bytes.
pub(crate) const BODY_BYTES_MAX: usize = 64 * 1024;

/// How much of a body that is too large is read and thrown away, so that its sender reads the answer.
const DRAIN_BYTES_MAX: usize = 48 * 1024 * 1024;

/// How many requests are answered at once; more are told to come again.
const REQUESTS_AT_ONCE: usize = 1_024;

/// How long an answer may take to begin.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// The longest request id that is taken over from a client.
const REQUEST_ID_LEN_MAX: usize = 64;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const API_KEY: &str = "x-api-key";

/// The routes that anybody may ask: what load balancers need, and a page that asks for a key itself.
pub(super) const PUBLIC_PATHS: [&str; 3] = ["/health", "/ready", "/admin/historical-data"];

/// The routes that change what is recorded of the past, or take every member back at once.
const ADMIN_PATHS: [&str; 3] = ["/api/v1/corrections", IMPORTS, "/api/v1/rollbacks"];

/// Counts requests, and limits how many there are at once.
pub(crate) struct Gate {
    process: u32,
    requests: AtomicU64,
    at_once: Semaphore,
    /// Whether only names of this machine are answered: what a page in a browser here cannot pretend.
    names_of_this_machine_only: bool,
}

impl Gate {
    pub(crate) fn new(process: u32, names_of_this_machine_only: bool) -> Self {
        let at_once = Semaphore::new(REQUESTS_AT_ONCE);
        Self { process, requests: AtomicU64::new(1), at_once, names_of_this_machine_only }
    }

    /// Returns the id that the client gave a request, where it is harmless, or a new one.
    fn request_id(&self, headers: &HeaderMap) -> HeaderValue {
        let mut id = Vec::with_capacity(REQUEST_ID_LEN_MAX);
        self.write_request_id(headers.get(&REQUEST_ID).map(HeaderValue::as_bytes), &mut id);
        HeaderValue::from_maybe_shared(Bytes::from(id)).unwrap_or(HeaderValue::from_static("0"))
    }

    /// Writes the id that the client gave a request, where it is harmless, or a new one.
    pub(super) fn write_request_id(&self, given: Option<&[u8]>, out: &mut Vec<u8>) {
        let is_harmless = |bytes: &&[u8]| {
            let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
            (1..=REQUEST_ID_LEN_MAX).contains(&bytes.len()) && bytes.iter().all(is_plain)
        };
        if let Some(given) = given.filter(is_harmless) {
            return out.extend_from_slice(given);
        }
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        // Every answer has one: not worth the machinery of formatting.
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digit = |number: u64, at: u32| DIGITS[(number >> (4 * at) & 0xf) as usize];
        out.extend((0..8).rev().map(|at| digit(self.process.into(), at)));
        out.push(b'-');
        let length = 16 - (number | 1).leading_zeros() / 4;
        out.extend((0..length).rev().map(|at| digit(number, at)));
    }

    /// Returns whether a request without a key goes to a name that a page in a browser here may have made up.
    pub(super) fn is_foreign_name(&self, host: &str) -> bool {
        self.names_of_this_machine_only && !is_this_machine(host)
    }
}

/// Lets a request through, or answers it.
pub(crate) async fn pass(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let began = tokio::time::Instant::now();
    let id = app.gate.request_id(request.headers());
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut response = match admit(&app, &mut request).await {
        Ok(()) => answer(&app, request, next).await,
        Err(problem) => problem.into_response(),
    };
    if is_bare_error(&response) {
        response = with_problem(response);
    }
    let status = response.status();
    if status.is_server_error() {
        let route = route.as_ref().map_or("unknown", MatchedPath::as_str);
        tracing::warn!(request.id = ?id, %method, route, status = status.as_u16(), "a request failed");
    }
    response.headers_mut().insert(REQUEST_ID, id);
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    note_request(&method, route.as_ref(), status, began.elapsed());
    response
}

/// Decides whether a request is answered at all.
async fn admit(app: &App, request: &mut Request) -> Result<(), Problem> {
    let path = request.uri().path();
    let needed = scope_needed(request.method(), path);
    if let Some(needed) = needed {
        check_origin(app, request)?;
        let is_page = path == "/docs";
        let given = given_key(request, needed == Scope::Read);
        let checked = app.keys.check(given.as_deref(), needed, Surroundings.now()).await;
        let caller = checked.map_err(|refusal| refused(refusal, needed, is_page))?;
        request.extensions_mut().insert(caller);
    }
    let stated = request.body().size_hint().lower();
    let is_import = request.uri().path() == IMPORTS;
    let allowed = if is_import { IMPORT_BYTES_MAX } else { BODY_BYTES_MAX };
    if stated > allowed as u64 {
        drain(std::mem::replace(request.body_mut(), Body::empty())).await;
        return Err(if is_import { too_large() } else { Problem::of_status(StatusCode::PAYLOAD_TOO_LARGE) });
    }
    Ok(())
}

async fn answer(app: &App, request: Request, next: Next) -> Response {
    let Ok(_permit) = app.gate.at_once.try_acquire() else {
        let detail = format!("{REQUESTS_AT_ONCE} requests are being answered already");
        return Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too-busy", detail).retry_after(1).into_response();
    };
    tokio::time::timeout(ANSWER_WITHIN, next.run(request)).await.unwrap_or_else(|_| {
        let detail = format!("there was no answer within {} seconds", ANSWER_WITHIN.as_secs());
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "timeout", detail).retry_after(1).into_response()
    })
}

/// Returns what a key must allow; `None` where none is needed.
fn scope_needed(method: &Method, path: &str) -> Option<Scope> {
    let is_below =
        |prefix: &str| path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if PUBLIC_PATHS.contains(&path) {
        None
    } else if is_below("/admin") || is_below("/api/admin") {
        Some(Scope::Admin)
    } else if matches!(*method, Method::GET | Method::HEAD) {
        Some(Scope::Read)
    } else if ADMIN_PATHS.into_iter().any(is_below) {
        Some(Scope::Admin)
    } else {
        // Also what has no route: whoever may not change anything need not know what there is.
        Some(Scope::Operate)
    }
}

/// Returns the key: from `X-API-Key`, or for reading also what a browser asked its user for.
fn given_key(request: &Request, is_read: bool) -> Option<String> {
    let text = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    if let Some(key) = text(API_KEY) {
        return Some(key.to_owned());
    }
    let basic = text("authorization").filter(|_| is_read)?.strip_prefix("Basic ")?;
    let login = String::from_utf8(super::base64::decode(basic)?).ok()?;
    login.split_once(':').map(|(_, password)| password.to_owned())
}

/// Keeps pages of other sites, opened in a browser on this machine, from using a server that asks for no key.
fn check_origin(app: &App, request: &Request) -> Result<(), Problem> {
    if app.keys.are_asked_for() {
        return Ok(());
    }
    let text = |name: HeaderName| request.headers().get(name).and_then(|value| value.to_str().ok());
    let host = text(header::HOST).or_else(|| request.uri().authority().map(|authority| authority.as_str()));
    let is_foreign_name = host.is_some_and(|host| app.gate.is_foreign_name(host));
    let is_foreign_page = text(header::ORIGIN)
        .is_some_and(|origin| !origin.split_once("://").is_some_and(|(_, host)| is_this_machine(host)));
    if is_foreign_name || is_foreign_page {
        let detail = "without keys this server answers this machine only, by the names localhost, 127.0.0.1 and [::1]";
        return Err(Problem::new(StatusCode::FORBIDDEN, "foreign-origin", detail));
    }
    Ok(())
}

fn is_this_machine(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        Some(_) | None => host,
    };
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn refused(refusal: Refusal, needed: Scope, is_page: bool) -> Problem {
    // A browser that shows a page asks its user; a program that gets this would only be confused.
    let challenge =
        if is_page { "Basic realm=\"universe: the key as password\"" } else { "ApiKey header=\"X-API-Key\"" };
    let unauthorized = |kind, detail: &str| Problem::new(StatusCode::UNAUTHORIZED, kind, detail).challenge(challenge);
    match refusal {
        Refusal::Missing => unauthorized("key-missing", "send a key in the header X-API-Key"),
        Refusal::Wrong => unauthorized("key-wrong", "this key is unknown, was revoked, or has expired"),
        Refusal::Scope => {
            let detail = format!("this key is right but not for this; it needs the scope {}", needed.as_str());
            Problem::new(StatusCode::FORBIDDEN, "scope-missing", detail).with("scope", needed.as_str())
        }
        Refusal::TooOften => {
            let detail = "this key asks more often than server.rate_per_second allows";
            Problem::new(StatusCode::TOO_MANY_REQUESTS, "too-often", detail).retry_after(1)
        }
        Refusal::Store(error) => error.into(),
    }
}

async fn drain(body: Body) {
    let mut rest = DRAIN_BYTES_MAX;
    let mut frames = body.into_data_stream();
    let reading = async {
        while let Some(Ok(frame)) = frames.next().await {
            rest = rest.saturating_sub(frame.len());
            if rest == 0 {
                return;
            }
        }
    };
    // A sender that takes longer may miss the answer.
    let _ = tokio::time::timeout(Duration::from_secs(2), reading).await;
}

fn is_bare_error(response: &Response) -> bool {
    let is_error = response.status().is_client_error() || response.status().is_server_error();
    is_error && response.headers().get(header::CONTENT_TYPE).is_none_or(|value| value != PROBLEM_JSON)
}

/// Replaces what a library answered by a problem, keeping what its headers tell.
fn with_problem(bare: Response) -> Response {
    let mut response = Problem::of_status(bare.status()).into_response();
    if let Some(allow) = bare.headers().get(header::ALLOW) {
        response.headers_mut().insert(header::ALLOW, allow.clone());
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_this_machine_are_known() {
        for host in ["localhost", "LOCALHOST:8080", "127.0.0.1:80", "[::1]:8080", "[::1]", "127.0.0.1"] {
            assert!(is_this_machine(host), "{host}");
        }
        for host in ["example.org", "localhost.example.org", "10.0.0.1:8080", "", "127.0.0.1.example.org"] {
            assert!(!is_this_machine(host), "{host}");
        }
    }

    #[test]
    fn everything_but_health_needs_a_scope() {
        assert_eq!(scope_needed(&Method::GET, "/health"), None);
        assert_eq!(scope_needed(&Method::GET, "/api/v1/universes"), Some(Scope::Read));
        assert_eq!(scope_needed(&Method::POST, "/api/processing/cache-sync/trigger"), Some(Scope::Operate));
        assert_eq!(scope_needed(&Method::GET, "/api/admin/cache-sync/status/x"), Some(Scope::Admin));
        assert_eq!(scope_needed(&Method::POST, "/api/v1/overrides"), Some(Scope::Operate));
        assert_eq!(scope_needed(&Method::POST, "/api/v1/rollbacks"), Some(Scope::Admin));
        assert_eq!(scope_needed(&Method::POST, "/api/v1/corrections"), Some(Scope::Admin));
        assert_eq!(scope_needed(&Method::POST, "/api/v1/imports"), Some(Scope::Admin));
        assert_eq!(scope_needed(&Method::GET, "/administer"), Some(Scope::Read));
        assert_eq!(scope_needed(&Method::DELETE, "/nowhere"), Some(Scope::Operate));
    }
}
