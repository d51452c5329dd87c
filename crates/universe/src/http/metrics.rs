//! Figures for Prometheus. Labels are bounded: routes, steps, modes and universes, never what a client sends.

use std::time::Duration;

use anyhow::Context as _;
use axum::extract::MatchedPath;
use axum::http::{Method, StatusCode};
use metrics::SharedString;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use serde_json::Value;
use universe_store::OutboxEntry;

/// Lookups take microseconds, runs seconds: one scale for each.
const REQUEST_SECONDS: [f64; 12] =
    [0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.05, 0.25, 1.0, 5.0];
const RUN_SECONDS: [f64; 10] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 30.0, 120.0, 300.0];

/// Starts counting in this process.
pub(crate) fn start() -> anyhow::Result<PrometheusHandle> {
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Full("universe_http_request_seconds".to_owned()), &REQUEST_SECONDS)?
        .set_buckets_for_metric(Matcher::Full("universe_run_seconds".to_owned()), &RUN_SECONDS)?
        .build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).context("figures are being counted already")?;
    describe();
    Ok(handle)
}

fn describe() {
    metrics::describe_histogram!("universe_http_request_seconds", "Time until an answer began, by route");
    metrics::describe_histogram!("universe_run_seconds", "Duration of runs, by mode and status");
    metrics::describe_counter!("universe_membership_changes_total", "Members that came and went, by universe");
    metrics::describe_counter!("universe_alerts_total", "Alerts that runs raised, by kind");
    metrics::describe_counter!("universe_events_total", "Events that were written, by kind");
    metrics::describe_gauge!("universe_outbox_unpublished", "Events that wait for publication");
    metrics::describe_gauge!("universe_outbox_lag_seconds", "Age of the oldest event that waits for publication");
    metrics::describe_gauge!("universe_members", "Members of a universe as lookups answer");
    metrics::describe_gauge!("universe_head_version", "Version of the memberships that lookups answer from");
}

/// Counts one request.
pub(crate) fn note_request(method: &Method, route: Option<&MatchedPath>, status: StatusCode, took: Duration) {
    let route = route.map_or_else(|| "unknown".to_owned(), |route| route.as_str().to_owned());
    let class = match status.as_u16() {
        ..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        500.. => "5xx",
    };
    request_seconds(route, method, class).record(took.as_secs_f64());
}

/// Returns what counts the requests of a route.
pub(crate) fn request_seconds(
    route: impl Into<SharedString>,
    method: &Method,
    class: &'static str,
) -> metrics::Histogram {
    // A client can invent methods.
    let method = match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        _ => "other",
    };
    let route: SharedString = route.into();
    metrics::histogram!("universe_http_request_seconds", "route" => route, "method" => method, "status" => class)
}

/// Counts what an event tells; `is_known` says which universes there are.
pub(crate) fn note_event(entry: &OutboxEntry, is_known: impl Fn(&str) -> bool) {
    let payload = &entry.message["payload"];
    let text = |name: &str| payload[name].as_str().unwrap_or("none").to_owned();
    metrics::counter!("universe_events_total", "event" => entry.event.clone()).increment(1);
    match entry.event.as_str() {
        "universe_updated" => {
            let universe = entry.universe.as_ref().map(|(id, _)| id.to_string()).filter(|id| is_known(id));
            let universe = universe.unwrap_or_else(|| "other".to_owned());
            for change in ["added", "removed"] {
                let count = payload[change].as_array().map_or(0, Vec::len) as u64;
                let labels = [("universe", universe.clone()), ("change", change.to_owned())];
                metrics::counter!("universe_membership_changes_total", &labels).increment(count);
            }
        }
        "cache_sync_completed" => {
            let labels = [("mode", text("mode")), ("status", text("status"))];
            let seconds = payload["duration_seconds"].as_f64().unwrap_or_default();
            metrics::histogram!("universe_run_seconds", &labels).record(seconds);
        }
        "error" if payload["alert"] != Value::Null => {
            metrics::counter!("universe_alerts_total", "alert" => text("alert")).increment(1);
        }
        _ => {}
    }
}
