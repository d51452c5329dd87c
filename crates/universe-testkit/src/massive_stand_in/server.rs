//! The stand-in on a socket: the key, the limit, the endpoints, and answers that go wrong on the way.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io::{self, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::Response;
use futures_util::{StreamExt, stream};
use jiff::civil::Date;
use serde_json::Value;
use tokio::sync::Notify;
use universe_core::Timeframe;

use super::script::{Asked, Fault, RetryAfter};
use super::{Shared, answers};

/// Answers at least this long are packed where the client can unpack them.
const PACKED_FROM_BYTES: usize = 512;

/// The clock of an answer that tells a date to wait for; only the difference counts.
const DATE: &str = "Fri, 01 Dec 2023 20:59:00 GMT";

pub(super) fn run(listener: TcpListener, shared: Arc<Shared>, stop: &Notify) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener).expect("a socket that can be polled");
        let router = axum::Router::new().fallback(answer).with_state(shared);
        tokio::select! {
            ended = axum::serve(listener, router) => ended.expect("it serves until it is stopped"),
            () = stop.notified() => {}
        }
    });
}

/// What the path and the query ask for.
struct Question {
    asked: Asked,
    query: BTreeMap<String, String>,
    pieces: Vec<String>,
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Result<Response, Infallible> {
    let settings = &shared.settings;
    if settings.latency > Duration::ZERO {
        tokio::time::sleep(settings.latency).await;
    }
    let question = question(request.uri());
    if let Err(wait) = shared.script.admit(settings.limit, settings.limit_window) {
        let seconds = wait.as_secs_f64().ceil().max(1.0) as u32;
        return Ok(too_many(RetryAfter::Seconds(seconds)));
    }
    if !has_key(request.headers(), &question.query, &settings.api_key) {
        return Ok(failure(401));
    }
    let fault = shared.script.fault_of(&question.asked);
    let is_packed = request
        .headers()
        .get(header::ACCEPT_ENCODING)
        .is_some_and(|value| value.to_str().is_ok_and(|value| value.contains("gzip")));
    Ok(match fault {
        Some(Fault::Status(status)) => failure(status),
        Some(Fault::TooMany(after)) => too_many(after),
        Some(Fault::Empty) => ok(Body::empty()),
        Some(Fault::Malformed) => ok(Body::from("<html><body>502 Bad Gateway</body></html>")),
        Some(Fault::WrongShape) => ok(Body::from(r#"{"status":"OK","results":"none"}"#)),
        Some(Fault::Redirect(to)) => with(ok(Body::empty()), StatusCode::FOUND, &[(header::LOCATION, &to)]),
        Some(Fault::Endless) => {
            let blanks = Bytes::from_static(&[b' '; 1 << 16]);
            ok(Body::from_stream(stream::repeat(blanks).map(Ok::<_, Infallible>)))
        }
        fault => match text_of(&shared, &question, fault.as_ref()) {
            Ok(text) => delivered(&text, is_packed, fault.as_ref()),
            Err(status) => failure(status),
        },
    })
}

fn question(uri: &Uri) -> Question {
    let query = uri.query().unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    let query: BTreeMap<String, String> = query.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let pieces: Vec<String> = uri.path().split('/').skip(1).map(str::to_owned).collect();
    let piece = |at: usize| pieces.get(at).map_or("", String::as_str);
    let (symbol, timeframe, range) = match (piece(0), piece(1), piece(2)) {
        ("v2", "aggs", "ticker") => (piece(3), piece(6), format!("{}/{}", piece(7), piece(8))),
        (_, "reference", "tickers") if piece(4) == "events" => (piece(3), "events", String::new()),
        (_, "reference", "tickers") if !piece(3).is_empty() => (piece(3), "overview", String::new()),
        (_, "reference", "tickers") => (query.get("ticker").map_or("", String::as_str), "tickers", String::new()),
        (_, "reference", name) => ("", name, String::new()),
        _ => ("", "", String::new()),
    };
    let first_row = query.get("cursor").and_then(|cursor| cursor.split('-').next()?.parse().ok()).unwrap_or(0);
    let asked = Asked { symbol: symbol.to_owned(), timeframe: timeframe.to_owned(), range, first_row };
    Question { asked, query, pieces }
}

fn has_key(headers: &HeaderMap, query: &BTreeMap<String, String>, key: &str) -> bool {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    bearer == Some(key) || query.get("apiKey").is_some_and(|given| given == key)
}

/// Returns the answer to a question, or the status of its refusal.
fn text_of(shared: &Shared, question: &Question, fault: Option<&Fault>) -> Result<String, u16> {
    let Question { asked, query, pieces } = question;
    let market = &shared.market;
    if pieces.first().is_some_and(|version| version == "v2") {
        let date = |at: usize| pieces.get(at).and_then(|piece| piece.parse::<Date>().ok()).ok_or(400_u16);
        let (from, to) = (date(7)?, date(8)?);
        let timeframe = match asked.timeframe.as_str() {
            "minute" => Timeframe::Minute,
            "hour" => Timeframe::Hour,
            "day" => Timeframe::Day,
            "week" => Timeframe::Week,
            "month" => Timeframe::Month,
            _ => return Err(400),
        };
        if to < from {
            return Err(400);
        }
        let bars =
            if fault == Some(&Fault::NoResults) { Vec::new() } else { market.bars(&asked.symbol, timeframe, from, to) };
        let (rows, next) = page_of(shared, question, &bars, 5_000);
        let next = match fault {
            Some(Fault::NextPageAt(address)) => Some(address.clone()),
            _ => next,
        };
        return Ok(answers::bars(&asked.symbol, rows, next.as_deref(), fault));
    }
    let listing = || market.listings.get(&asked.symbol).ok_or(404_u16);
    match asked.timeframe.as_str() {
        // The overview is of what trades; of the rest the list knows.
        "overview" => {
            let listing = listing()?;
            if listing.last_session.is_some() {
                return Err(404);
            }
            Ok(answers::page(&answers::overview(&asked.symbol, listing), None))
        }
        "events" => Ok(answers::page(&answers::events(&asked.symbol, listing()?), None)),
        "tickers" => {
            let active = query.get("active").is_none_or(|active| active == "true");
            let rows = market.listings.iter().filter(|(name, listing)| {
                let is_meant = asked.symbol.is_empty() || asked.symbol == **name;
                is_meant && listing.last_session.is_none() == active
            });
            let rows: Vec<Value> = rows.map(|(name, listing)| answers::ticker(name, listing)).collect();
            let (rows, next) = page_of(shared, question, &rows, 100);
            Ok(answers::page(&Value::from(rows), next.as_deref()))
        }
        "ipos" => {
            let limit = |name: &str| query.get(name).and_then(|text| text.parse::<Date>().ok());
            let (from, to) = (limit("listing_date.gte"), limit("listing_date.lte"));
            let mut offerings: Vec<_> = market.listings.iter().collect();
            offerings.sort_by_key(|(name, listing)| (listing.offered_on, (*name).clone()));
            let rows = offerings.iter().filter_map(|(name, listing)| {
                let on = listing.offered_on?;
                let is_meant = from.is_none_or(|from| from <= on) && to.is_none_or(|to| on <= to);
                is_meant.then(|| answers::offering(name, listing, on))
            });
            let rows: Vec<Value> = rows.collect();
            let (rows, next) = page_of(shared, question, &rows, 10);
            Ok(answers::page(&Value::from(rows), next.as_deref()))
        }
        _ => Err(404),
    }
}

/// Cuts a page out of rows, and says where the next one is. A cursor carries what the query said before.
fn page_of<'a, T>(
    shared: &Shared,
    question: &Question,
    rows: &'a [T],
    rows_default: usize,
) -> (&'a [T], Option<String>) {
    let Question { asked, query, pieces } = question;
    let of_cursor = query.get("cursor").and_then(|cursor| cursor.split('-').nth(1)?.parse().ok());
    let limit = of_cursor.or_else(|| query.get("limit")?.parse().ok()).unwrap_or(rows_default);
    let limit = limit.clamp(1, shared.settings.page_rows_max);
    let first = asked.first_row.min(rows.len());
    let end = (first + limit).min(rows.len());
    let next = (end < rows.len()).then(|| {
        let base = shared.settings.next_pages_at.as_ref().unwrap_or(&shared.base_url);
        let kept = query.iter().filter(|(name, _)| name.starts_with("listing_date") || *name == "active");
        let kept: String = kept.map(|(name, value)| format!("&{name}={value}")).collect();
        format!("{base}/{}?cursor={end}-{limit}{kept}", pieces.join("/"))
    });
    (&rows[first..end], next)
}

/// Sends a text, packed where the client likes it, whole or not.
fn delivered(text: &str, is_packed: bool, fault: Option<&Fault>) -> Response {
    let is_packed = is_packed && text.len() >= PACKED_FROM_BYTES;
    let bytes = if is_packed { packed(text) } else { text.as_bytes().to_vec() };
    let half = piece(&bytes[..bytes.len() / 2]);
    let length = bytes.len().to_string();
    let body = match fault {
        Some(Fault::CutOff) => {
            let end = Err(io::Error::from(io::ErrorKind::ConnectionReset));
            Body::from_stream(stream::iter([half, end]))
        }
        Some(Fault::Slow) => Body::from_stream(stream::iter([half]).chain(stream::pending())),
        _ => Body::from(bytes),
    };
    let encoding = if is_packed { "gzip" } else { "identity" };
    with(ok(body), StatusCode::OK, &[(header::CONTENT_LENGTH, &length), (header::CONTENT_ENCODING, encoding)])
}

fn packed(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).expect("memory takes everything");
    encoder.finish().expect("memory takes everything")
}

fn piece(bytes: &[u8]) -> Result<Bytes, io::Error> {
    Ok(Bytes::copy_from_slice(bytes))
}

fn failure(status: u16) -> Response {
    let status_code = StatusCode::from_u16(status).expect("a status");
    with(ok(Body::from(answers::failure(status))), status_code, &[])
}

fn too_many(after: RetryAfter) -> Response {
    let refusal = failure(429);
    match after {
        RetryAfter::Untold => refusal,
        RetryAfter::Seconds(seconds) => {
            with(refusal, StatusCode::TOO_MANY_REQUESTS, &[(header::RETRY_AFTER, &seconds.to_string())])
        }
        RetryAfter::DateIn(seconds) => {
            let until = DATE.replace(":00 GMT", &format!(":{:02} GMT", seconds.min(59)));
            with(refusal, StatusCode::TOO_MANY_REQUESTS, &[(header::RETRY_AFTER, &until), (header::DATE, DATE)])
        }
    }
}

fn ok(body: Body) -> Response {
    with(Response::new(body), StatusCode::OK, &[(header::CONTENT_TYPE, "application/json")])
}

fn with(mut response: Response, status: StatusCode, headers: &[(header::HeaderName, &str)]) -> Response {
    *response.status_mut() = status;
    for (name, value) in headers {
        let value = HeaderValue::from_str(value).expect("a header of a test");
        response.headers_mut().insert(name.clone(), value);
    }
    response
}
