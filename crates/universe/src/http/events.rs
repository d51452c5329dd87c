//! The events again, from any point: as pages and as a stream of server-sent events.
//!
//! Both read the outbox, with or without Redis. A stream reads at the pace of its client: a slow one is late,
//! and misses nothing.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use universe_store::{OutboxEntry, OutboxSpan, Store};
use utoipa::IntoParams;

use super::App;
use super::input::Asked;
use super::metrics::note_event;
use super::problem::{Problem, ProblemBody};
use super::schemas::EventPage;

/// How many events a page has at most.
const PAGE_MAX: u32 = 1_000;

/// How many events a stream reads at a time.
const STREAM_BATCH: u32 = 200;

/// How many streams are open at once: each reads the store for itself.
const STREAMS_MAX: usize = 256;

/// How often the outbox is asked for its newest number.
const POLL_EVERY: Duration = Duration::from_millis(100);

/// How long a stream waits after the store could not answer.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// How often a stream without events gives a sign of life, for whatever stands in between.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Knows the newest event.
pub(crate) struct EventFeed {
    newest: watch::Sender<i64>,
    streams: Arc<Semaphore>,
}

/// Which part of the events
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventRange {
    /// The number of the last event that is known; 0 for all that are kept
    #[serde(default)]
    #[param(minimum = 0, default = 0)]
    after: i64,
    /// How many events
    #[serde(default = "hundred")]
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: u32,
}

/// Where a stream begins
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct StreamStart {
    /// The number of the last event that is known; the newest when this and `Last-Event-ID` are missing
    #[param(minimum = 0)]
    after: Option<i64>,
}

impl EventFeed {
    pub(crate) async fn open(store: &dyn Store, environment: &str) -> Result<Self, universe_store::StoreError> {
        let newest = store.outbox_span(environment).await?.map_or(0, |span| span.newest);
        Ok(Self { newest: watch::Sender::new(newest), streams: Arc::new(Semaphore::new(STREAMS_MAX)) })
    }

    /// Follows the outbox until `shutdown` says true: tells streams of new events, and counts them.
    pub(crate) async fn run(&self, app: &App, mut shutdown: watch::Receiver<bool>) {
        loop {
            tokio::select! {
                _ = shutdown.wait_for(|is_over| *is_over) => return,
                () = tokio::time::sleep(POLL_EVERY) => {}
            }
            // While the store cannot answer there is nothing new.
            let Ok(Some(span)) = app.daemon.store.outbox_span(&app.daemon.environment).await else { continue };
            let known = *self.newest.borrow();
            if span.newest > known && self.count(app, known).await.is_ok() {
                self.newest.send_replace(span.newest);
            }
        }
    }

    async fn count(&self, app: &App, mut after: i64) -> Result<(), universe_store::StoreError> {
        let snapshot = app.lookups.current();
        let is_known = |address: &str| snapshot.universes().iter().any(|u| u.record.id.to_string() == address);
        loop {
            let entries = app.daemon.store.outbox_list(&app.daemon.environment, after, PAGE_MAX).await?;
            let Some(last) = entries.last() else { return Ok(()) };
            after = last.number;
            for entry in &entries {
                note_event(entry, is_known);
            }
        }
    }
}

/// Read events from any point
#[utoipa::path(
    get, path = "/api/v1/events", tag = "events", operation_id = "list_events",
    params(EventRange),
    responses(
        (status = 200, description = "Events in order", body = EventPage),
        (status = 410, description = "Events after this number are not kept any more; `oldest` is the first that is",
            body = ProblemBody<'static>, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list_events(
    State(app): State<Arc<App>>,
    Asked(range): Asked<EventRange>,
) -> Result<axum::Json<Value>, Problem> {
    if range.after < 0 || !(1..=PAGE_MAX).contains(&range.limit) {
        let detail = format!("after is a number from 0, limit one from 1 to {PAGE_MAX}");
        return Err(Problem::bad_request("query", detail));
    }
    let (store, environment) = (&app.daemon.store, &app.daemon.environment);
    let span = span(&app).await?;
    if is_gone(range.after, &span) {
        let detail =
            format!("the events after {} are not kept any more; go on from after={}", range.after, span.oldest - 1);
        return Err(Problem::new(StatusCode::GONE, "events-gone", detail).with("oldest", span.oldest));
    }
    let entries = store.outbox_list(environment, range.after, range.limit).await?;
    let next_after = entries.last().map_or(range.after, |entry| entry.number);
    let events: Vec<Value> = entries.into_iter().map(numbered).collect();
    Ok(axum::Json(json!({
        "events": events, "next_after": next_after, "oldest": span.oldest, "newest": span.newest,
    })))
}

/// Follow events as they are written
///
/// Server-sent events: `id` is the number, `event` the kind, `data` the message as it is published. A client
/// that comes again with `Last-Event-ID` goes on where it was; an event `gap` tells of numbers that are not
/// kept any more.
#[utoipa::path(
    get, path = "/api/v1/events/stream", tag = "events", operation_id = "stream_events",
    params(StreamStart, ("Last-Event-ID" = Option<String>, Header, description = "The number of the last event that is known")),
    responses((status = 200, description = "The stream; it ends when the server stops", body = String,
        content_type = "text/event-stream"))
)]
pub(crate) async fn stream_events(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Asked(start): Asked<StreamStart>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let wrong = || Problem::bad_request("query", "after and Last-Event-ID are the number of an event");
    let known = match headers.get("last-event-id") {
        Some(given) => Some(given.to_str().ok().and_then(|text| text.trim().parse().ok()).ok_or_else(wrong)?),
        None => start.after,
    };
    if known.is_some_and(|after: i64| after < 0) {
        return Err(wrong());
    }
    let permit = Arc::clone(&app.events.streams).try_acquire_owned().map_err(|_| {
        let detail = format!("{STREAMS_MAX} streams are open already");
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too-busy", detail).retry_after(5)
    })?;
    let span = span(&app).await?;
    let after = known.unwrap_or(span.newest);
    let mut ready = VecDeque::new();
    if is_gone(after, &span) {
        let gap = json!({"missed_from": after + 1, "missed_to": span.oldest - 1});
        ready.push_back(Event::default().event("gap").data(gap.to_string()));
    }
    let newest = app.events.newest.subscribe();
    let shutdown = app.shutdown.clone();
    let follower = Follower { app, after, ready, newest, shutdown, _permit: permit };
    let stream = futures_util::stream::unfold(follower, |mut follower| async move {
        let event = follower.next().await?;
        Some((Ok(event), follower))
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

/// One client that follows the events.
struct Follower {
    app: Arc<App>,
    after: i64,
    ready: VecDeque<Event>,
    newest: watch::Receiver<i64>,
    shutdown: watch::Receiver<bool>,
    _permit: OwnedSemaphorePermit,
}

impl Follower {
    /// Returns the next event, as soon as there is one; `None` when the server stops.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if *self.shutdown.borrow() {
                return None;
            }
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            self.newest.mark_unchanged();
            let (store, environment) = (&self.app.daemon.store, &self.app.daemon.environment);
            match store.outbox_list(environment, self.after, STREAM_BATCH).await {
                Ok(entries) if !entries.is_empty() => {
                    self.after = entries[entries.len() - 1].number;
                    self.ready.extend(entries.into_iter().map(sent));
                }
                Ok(_) => tokio::select! {
                    _ = self.shutdown.wait_for(|is_over| *is_over) => return None,
                    changed = self.newest.changed() => changed.ok()?,
                },
                Err(_) => tokio::select! {
                    _ = self.shutdown.wait_for(|is_over| *is_over) => return None,
                    () = tokio::time::sleep(RETRY_AFTER) => {}
                },
            }
        }
    }
}

fn sent(entry: OutboxEntry) -> Event {
    let number = entry.number.to_string();
    // JSON on one line has no line breaks, which would end the event.
    Event::default().id(number).event(&entry.event).data(entry.message.to_string())
}

fn numbered(entry: OutboxEntry) -> Value {
    let mut event = json!({"number": entry.number});
    if let (Value::Object(event), Value::Object(message)) = (&mut event, entry.message) {
        event.extend(message);
        event.insert("channels".to_owned(), json!(entry.channels));
    }
    event
}

async fn span(app: &App) -> Result<OutboxSpan, Problem> {
    let span = app.daemon.store.outbox_span(&app.daemon.environment).await?;
    Ok(span.unwrap_or(OutboxSpan { oldest: 1, newest: 0, unpublished: 0, unpublished_since: None }))
}

/// Returns whether events after a number were deleted. Whoever knows none asks for all that are kept.
fn is_gone(after: i64, span: &OutboxSpan) -> bool {
    after > 0 && after < span.oldest - 1
}

fn hundred() -> u32 {
    100
}
