//! Routes that answer which symbols belong to which universe: what is ready, and, of the past, what memory knows of it.

use std::sync::Arc;

use axum::body::{Body as HttpBody, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Deserialize;
use universe_service::{
    Body, Detail, LookupError, Question, Recorded, list_body, look_up_in, nearest_keys, past_body, universes_at,
    universes_of,
};
use utoipa::IntoParams;

use super::App;
use super::input::{Asked, Named};
use super::problem::{Problem, ProblemBody};
use super::schemas::{MembersAnswer, SymbolAnswer, SymbolsAnswer, UniverseList};

/// The longest expression.
pub(super) const ASKED_LEN_MAX: usize = 2_000;

/// The longest spelling of a symbol.
const SYMBOL_LEN_MAX: usize = 32;

/// Which universe
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "describes the path in the OpenAPI document")]
pub(crate) struct UniversePath {
    /// A key, `type:key`, or an expression such as `top_500 & sector_technology - theme_esg`, with parentheses
    /// where they help
    #[param(max_length = 2000, pattern = "^[a-z][a-z0-9_]*( ?[:+&-] ?[a-z][a-z0-9_]*)*$")]
    universe: String,
}

/// What a lookup is about beside the universe
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct When {
    /// The session that the answer is for (`2024-01-02`); now when it is missing
    as_of: Option<Date>,
    /// What was known at this instant (`2024-01-03T12:00:00Z`)
    known_at: Option<Timestamp>,
}

impl When {
    fn is_now(&self) -> bool {
        self.as_of.is_none() && self.known_at.is_none()
    }

    fn question<'a>(&self, app: &'a App) -> Question<'a> {
        Question { environment: &app.daemon.environment, as_of: self.as_of, known_at: self.known_at }
    }
}

/// No parameters
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

/// List all universes
#[utoipa::path(
    get, path = "/api/v1/universes", tag = "lookups", operation_id = "list_universes",
    params(When),
    responses(
        (status = 200, description = "Every universe that has an entry; of the past, every one that had members", body = UniverseList),
        (status = 304, description = "It is as the client has it"),
    )
)]
pub(crate) async fn list_universes(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Asked(when): Asked<When>,
) -> Result<Response, Problem> {
    let snapshot = app.lookups.current();
    if when.is_now() {
        return Ok(send_current(&app, snapshot.list(), &headers));
    }
    let recorded = Recorded { store: &*app.daemon.store, past: snapshot.past() };
    let (as_of, standing, universes) = universes_at(recorded, when.question(&app)).await?;
    Ok(send(&list_body(as_of, standing, &universes), &headers))
}

/// Show a universe: its members with their figures
#[utoipa::path(
    get, path = "/api/v1/universes/{universe}", tag = "lookups", operation_id = "show_universe",
    params(UniversePath, When),
    responses(
        (status = 200, description = "The members", body = MembersAnswer),
        (status = 304, description = "It is as the client has it"),
        (status = 404, description = "There is no such universe; `nearest` has names that may be meant",
            body = ProblemBody<'static>, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn show_universe(
    State(app): State<Arc<App>>,
    Named(universe): Named<String>,
    headers: HeaderMap,
    Asked(when): Asked<When>,
) -> Result<Response, Problem> {
    answer_to(&app, &universe, &when, Detail::Figures, &headers).await
}

/// List the symbols of a universe
#[utoipa::path(
    get, path = "/api/v1/universes/{universe}/symbols", tag = "lookups", operation_id = "list_universe_symbols",
    params(UniversePath, When),
    responses(
        (status = 200, description = "The symbols, in order of rank where there is one", body = SymbolsAnswer),
        (status = 304, description = "They are as the client has them"),
        (status = 404, description = "There is no such universe; `nearest` has names that may be meant",
            body = ProblemBody<'static>, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list_universe_symbols(
    State(app): State<Arc<App>>,
    Named(universe): Named<String>,
    headers: HeaderMap,
    Asked(when): Asked<When>,
) -> Result<Response, Problem> {
    answer_to(&app, &universe, &when, Detail::Symbols, &headers).await
}

/// List the universes of a symbol
#[utoipa::path(
    get, path = "/api/v1/symbols/{symbol}/universes", tag = "lookups", operation_id = "list_symbol_universes",
    params(("symbol" = String, Path, description = "A symbol in any usual spelling: `BRK.B`, `BRK-B`, `BRK/B`, `BRKB`"), When),
    responses(
        (status = 200, description = "The universes, with the rank where there is one", body = SymbolAnswer),
        (status = 304, description = "They are as the client has them"),
        (status = 404, description = "No universe has this symbol", body = ProblemBody<'static>,
            content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list_symbol_universes(
    State(app): State<Arc<App>>,
    Named(symbol): Named<String>,
    headers: HeaderMap,
    Asked(when): Asked<When>,
) -> Result<Response, Problem> {
    let snapshot = app.lookups.current();
    let unknown = || {
        let detail = format!("no universe has the symbol {:?}", shortened(&symbol));
        Problem::new(StatusCode::NOT_FOUND, "unknown-symbol", detail)
    };
    if SYMBOL_LEN_MAX < symbol.len() {
        return Err(unknown());
    }
    if when.is_now() {
        let found = snapshot.universes_of(&symbol).ok_or_else(unknown)?;
        return Ok(send_current(&app, &Body::json(&found), &headers));
    }
    let recorded = Recorded { store: &*app.daemon.store, past: snapshot.past() };
    let found = universes_of(recorded, &app.rules.load(), &symbol, when.question(&app)).await?.ok_or_else(unknown)?;
    Ok(send(&Body::json(&found), &headers))
}

/// Sends what memory answers; where the store could not be asked for a while, with the age of that.
fn send_current(app: &App, body: &Body, headers: &HeaderMap) -> Response {
    let mut response = send(body, headers);
    let age = app.lookups.age(tokio::time::Instant::now()).as_secs();
    if age > 0 {
        response.headers_mut().insert(header::AGE, HeaderValue::from(age));
    }
    response
}

/// Answers what is ready in memory, or puts the answer together where the question is about the past.
async fn answer_to(
    app: &App,
    asked: &str,
    when: &When,
    detail: Detail,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    if asked.len() > ASKED_LEN_MAX {
        let detail = format!("an expression has at most {ASKED_LEN_MAX} characters");
        return Err(Problem::bad_request("expression", detail));
    }
    let snapshot = app.lookups.current();
    let rules = app.rules.load();
    let unknown = |error: LookupError| {
        let nearest = match &error {
            LookupError::Unknown { asked, .. } => Some(nearest_keys(asked, &snapshot, &rules)),
            _ => None,
        };
        let problem = Problem::from(error);
        match nearest {
            Some(nearest) => problem.with("nearest", nearest),
            None => problem,
        }
    };
    if when.is_now() {
        let ready = snapshot.look_up(asked, &rules).map_err(unknown)?;
        let body = match detail {
            Detail::Symbols => &ready.symbols,
            Detail::Figures => &ready.members,
        };
        return Ok(send_current(app, body, headers));
    }
    let recorded = Recorded { store: &*app.daemon.store, past: snapshot.past() };
    let answer = look_up_in(recorded, &rules, asked, when.question(app), detail).await.map_err(unknown)?;
    Ok(send(&past_body(&answer, detail), headers))
}

/// What is sent of an answer, and under which name.
pub(super) struct Sent<'a> {
    pub(super) etag: &'a str,
    /// What tells the names of the same content in other bytes apart.
    pub(super) etag_ending: &'static str,
    pub(super) is_compressed: bool,
    /// Nothing when the client has it.
    pub(super) bytes: Option<&'a Bytes>,
}

pub(super) const CACHE_CONTROL: &str = "private, no-cache";
pub(super) const VARY: &str = "accept-encoding, x-api-key";

/// Chooses what is sent: nothing when the client has it, compressed when the client takes that.
pub(super) fn choose<'a>(body: &'a Body, accept_encoding: Option<&str>, if_none_match: Option<&str>) -> Sent<'a> {
    let gzip = accept_encoding.filter(|accepted| accepts_gzip(accepted)).and_then(|_| body.gzip());
    let is_known = if_none_match.is_some_and(|known| names(known, body.etag()));
    Sent {
        etag: body.etag(),
        // Different bytes have different names; either says that the client has the content.
        etag_ending: if gzip.is_some() { "-gzip" } else { "" },
        is_compressed: gzip.is_some(),
        bytes: if is_known { None } else { Some(gzip.unwrap_or(body.plain())) },
    }
}

/// Sends an answer.
pub(super) fn send(body: &Body, headers: &HeaderMap) -> Response {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let sent = choose(body, text(header::ACCEPT_ENCODING), text(header::IF_NONE_MATCH));
    let etag = format!("\"{}{}\"", sent.etag, sent.etag_ending);
    let mut response = Response::new(sent.bytes.map_or_else(HttpBody::empty, |bytes| HttpBody::from(bytes.clone())));
    let headers = response.headers_mut();
    headers.insert(header::ETAG, HeaderValue::from_str(&etag).unwrap_or(HeaderValue::from_static("\"\"")));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(CACHE_CONTROL));
    headers.insert(header::VARY, HeaderValue::from_static(VARY));
    if sent.bytes.is_none() {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return response;
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if sent.is_compressed {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

fn accepts_gzip(accepted: &str) -> bool {
    accepted.split(',').any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let refused = weight.trim().strip_prefix("q=").is_some_and(|q| q.trim().parse() == Ok(0.0));
        name.trim().eq_ignore_ascii_case("gzip") && !refused
    })
}

/// Returns whether a list of entity tags names a content, compressed or not.
fn names(known: &str, etag: &str) -> bool {
    known.split(',').map(str::trim).any(|tag| {
        let tag = tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"');
        tag == "*" || tag.strip_suffix("-gzip").unwrap_or(tag) == etag
    })
}

fn shortened(text: &str) -> String {
    text.chars().take(SYMBOL_LEN_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entity_tags_are_compared_weakly() {
        assert!(names("\"a\"", "a") && names("W/\"a\"", "a") && names("\"b\", \"a-gzip\"", "a") && names("*", "a"));
        assert!(!names("\"ab\"", "a") && !names("", "a"));
    }

    #[test]
    fn gzip_is_sent_to_whoever_takes_it() {
        assert!(accepts_gzip("gzip") && accepts_gzip("br;q=1.0, GZIP;q=0.5"));
        assert!(!accepts_gzip("identity") && !accepts_gzip("gzip;q=0") && !accepts_gzip("gzip;q=0.0"));
    }
}
