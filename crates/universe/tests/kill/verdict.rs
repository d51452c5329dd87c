//! What must be true afterwards, whatever happened.

use std::collections::{BTreeMap, BTreeSet};

use universe_store::OutboxEntry;
use universe_testkit::builders::ENVIRONMENT;

use crate::listener::Listener;
use crate::world::{World, eventually};

/// Checks everything that holds between the database and those who listened, once all is quiet.
pub(crate) fn check(world: &World, listener: &Listener) {
    world.idle();
    assert_eq!(world.ask(async |store| store.inconsistency_list(ENVIRONMENT).await), []);
    eventually("publication", || {
        let span = world.ask(async |store| store.outbox_span(ENVIRONMENT).await).expect("there are events");
        (span.unpublished == 0).then_some(())
    });
    let events = events(world);
    check_numbers(&events);
    check_ends(world, &events);
    check_overlaps(world);
    check_delivery(&events, listener);
    check_order_heard(&events, listener);
    let mut ends: BTreeMap<String, usize> = BTreeMap::new();
    for run in world.runs() {
        *ends.entry(run.status).or_default() += 1;
    }
    eprintln!("runs {ends:?}, {} events, {} messages", events.len(), listener.all().len());
}

fn events(world: &World) -> Vec<OutboxEntry> {
    let mut events: Vec<OutboxEntry> = Vec::new();
    loop {
        let after = events.last().map_or(0, |event| event.number);
        let page = world.ask(async |store| store.outbox_list(ENVIRONMENT, after, 1_000).await);
        if page.is_empty() {
            return events;
        }
        events.extend(page);
    }
}

/// Numbers have no gaps, and neither have the sequences of universes.
fn check_numbers(events: &[OutboxEntry]) {
    let mut sequences: BTreeMap<String, u64> = BTreeMap::new();
    for (number, event) in (1_i64..).zip(events) {
        assert_eq!(event.number, number);
        if let Some((universe, sequence)) = &event.universe {
            let last = sequences.entry(universe.to_string()).or_default();
            assert_eq!(*sequence, *last + 1, "{universe}");
            *last = *sequence;
        }
    }
    assert!(sequences.values().any(|sequence| *sequence > 1), "nothing happened: {sequences:?}");
}

/// Every run was ordered once and has one end, which its row and its events agree on, told in order.
fn check_ends(world: &World, events: &[OutboxEntry]) {
    let mut told: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for event in events {
        let payload = &event.message["payload"];
        let run_id = [&payload["job_id"], &payload["run_id"]].into_iter().find_map(serde_json::Value::as_str);
        let what = match event.event.as_str() {
            "cache_sync_triggered" | "phase_started" => event.event.clone(),
            "job_progress_update" => format!("step {}", payload["completed"]),
            "cache_sync_completed" | "phase_completed" | "phase_failed" => {
                format!("{} {}", event.event, text(&payload["status"]))
            }
            _ => continue,
        };
        told.entry(run_id.expect("the id of a run").to_owned()).or_default().push(what);
    }
    for run in &world.runs() {
        assert!(run.is_over(), "{run:?}");
        let told = told.remove(&run.run_id.to_string());
        // Nobody hears of a dry run.
        let Some(mut told) = told else {
            assert!(run.dry_run, "{run:?}");
            continue;
        };
        assert!(!run.dry_run, "{run:?}: {told:?}");
        let steps: Vec<String> = told.extract_if(.., |what| what.starts_with("step ")).collect();
        assert!(steps.is_sorted_by(|a, b| a < b), "{run:?}: {steps:?}");
        let end = match run.status.as_str() {
            "failed" | "cancelled" => "phase_failed",
            _ => "phase_completed",
        };
        let (ended, phase) = (format!("cache_sync_completed {}", run.status), format!("{end} {}", run.status));
        // A run that was cancelled before it began has no phase.
        let expected = match run.started_at {
            Some(_) => vec!["cache_sync_triggered".to_owned(), "phase_started".to_owned(), ended, phase],
            None => vec!["cache_sync_triggered".to_owned(), ended],
        };
        assert_eq!(told, expected, "{run:?}");
    }
    assert!(told.is_empty(), "events of runs that are not there: {told:?}");
}

/// No run began before the one before it was over.
fn check_overlaps(world: &World) {
    let mut spans: Vec<_> = world.runs().iter().filter_map(|run| Some((run.started_at?, run.finished_at?))).collect();
    spans.sort_unstable();
    for pair in spans.windows(2) {
        assert!(pair[0].1 <= pair[1].0, "two runs at once: {pair:?}");
    }
}

/// Every event was heard on each of its channels.
fn check_delivery(events: &[OutboxEntry], listener: &Listener) {
    let expected: BTreeSet<(String, String)> = events
        .iter()
        .flat_map(|event| event.channels.iter().map(|channel| (channel.clone(), event.id.to_string())))
        .collect();
    // Published is not yet arrived.
    eventually("every message", || {
        let heard = listener.all();
        let heard: BTreeSet<(String, String)> =
            heard.iter().map(|heard| (heard.channel.clone(), text(&heard.message["id"]))).collect();
        let missing = expected.difference(&heard).count();
        assert_eq!(heard.difference(&expected).next(), None, "heard of what never happened");
        (missing == 0).then_some(())
    });
}

/// Without repetitions, what was heard of each universe is complete and in order.
fn check_order_heard(events: &[OutboxEntry], listener: &Listener) {
    let mut seen = BTreeSet::new();
    let mut sequences: BTreeMap<String, u64> = BTreeMap::new();
    for heard in listener.all().iter().filter(|heard| heard.channel == "tickstock:universe:updated") {
        if seen.insert(text(&heard.message["id"])) {
            let payload = &heard.message["payload"];
            let universe = format!("{}:{}", text(&payload["type"]), text(&payload["universe"]));
            let last = sequences.entry(universe).or_default();
            assert_eq!(payload["sequence"].as_u64(), Some(*last + 1), "{payload}");
            *last += 1;
        }
    }
    let expected = events.iter().filter(|event| event.universe.is_some()).count();
    assert_eq!(seen.len(), expected);
}

fn text(value: &serde_json::Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}
