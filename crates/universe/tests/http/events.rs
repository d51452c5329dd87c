//! Events over HTTP: pages from any point, and a stream that goes on where it was.

use std::io::{BufRead as _, BufReader};

use serde_json::{Value, json};

use crate::harness::{Place, keys};
use crate::market;
use crate::server::{ROUTES, SOON, Server};

fn servers() -> Vec<Server> {
    let ready = |place: Place| {
        market::first_day(&place);
        Server::start(place)
    };
    Place::on_both_stores().into_iter().map(ready).collect()
}

/// One event of a stream.
#[derive(Debug, PartialEq)]
struct Sent {
    id: i64,
    event: String,
    data: Value,
}

/// Opens a stream and returns its events as they come.
fn stream(server: &Server, path: &str, last: Option<&str>) -> impl Iterator<Item = Sent> + use<> {
    let settings = ureq::Agent::config_builder().timeout_global(Some(SOON)).build();
    let agent: ureq::Agent = settings.into();
    let mut request = agent.get(format!("{}{path}", server.address));
    if let Some(last) = last {
        request = request.header("last-event-id", last);
    }
    let answer = request.call().expect("a stream");
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let mut lines = BufReader::new(answer.into_body().into_reader()).lines();
    std::iter::from_fn(move || {
        let mut fields = std::collections::BTreeMap::new();
        loop {
            let line = lines.next()?.expect("a line");
            match line.split_once(": ") {
                Some((name, value)) => {
                    fields.insert(name.to_owned(), value.to_owned());
                }
                None if fields.contains_key("data") => break,
                None => fields.clear(),
            }
        }
        Some(Sent {
            id: fields.get("id").map_or(0, |id| id.parse().expect("a number")),
            event: fields["event"].clone(),
            data: serde_json::from_str(&fields["data"]).expect("JSON"),
        })
    })
}

#[test]
fn pages_come_from_any_point_without_gaps() {
    for server in servers() {
        let all = server.get("/api/v1/events?limit=1000").is(200);
        assert_eq!(keys(&all), ["events", "newest", "next_after", "oldest"]);
        let events = all["events"].as_array().expect("events");
        let numbers: Vec<i64> = events.iter().map(|event| event["number"].as_i64().expect("a number")).collect();
        assert_eq!(numbers, (1..=numbers.len() as i64).collect::<Vec<_>>());
        assert_eq!((&all["oldest"], &all["newest"]), (&json!(1), &json!(numbers.len())));
        let names = ["channels", "event", "id", "number", "payload", "source", "timestamp", "version"];
        assert!(events.iter().all(|event| keys(event) == names));
        assert_eq!(events[0]["event"], "cache_sync_triggered");
        assert_eq!(events[0]["channels"], json!(["tickstock:cache:sync_triggered"]));

        let mut paged = Vec::new();
        let mut after = 0;
        loop {
            let page = server.get(&format!("/api/v1/events?after={after}&limit=7")).is(200);
            let part = page["events"].as_array().expect("events");
            if part.is_empty() {
                break;
            }
            paged.extend(part.iter().cloned());
            after = page["next_after"].as_i64().expect("a number");
        }
        assert_eq!(&paged, events);
    }
}

#[test]
fn events_that_are_gone_are_not_passed_over() {
    let server = servers().remove(0);
    let newest = server.get("/api/v1/events?limit=1").is(200)["newest"].as_i64().expect("a number");
    server.with_store(async |store| {
        let late = jiff::Timestamp::from_second(4_000_000_000).expect("an instant");
        store.outbox_published("DEFAULT", newest - 2, late).await.expect("written");
        store.outbox_prune("DEFAULT", late).await.expect("written");
    });
    let oldest = newest - 1;
    let problem = server.get("/api/v1/events?after=1").is_problem(410, "events-gone");
    assert_eq!(problem["oldest"], json!(oldest));
    assert_eq!(server.get("/api/v1/events").is(200)["events"][0]["number"], json!(oldest));
    assert_eq!(server.get(&format!("/api/v1/events?after={}", oldest - 1)).is(200)["oldest"], json!(oldest));
    let beyond = server.get(&format!("/api/v1/events?after={}", i64::MAX)).is(200);
    assert_eq!((&beyond["events"], &beyond["next_after"]), (&json!([]), &json!(i64::MAX)));
    let mut sent = stream(&server, "/api/v1/events/stream", Some("1"));
    let gap = sent.next().expect("a gap");
    assert_eq!((gap.event.as_str(), gap.data), ("gap", json!({"missed_from": 2, "missed_to": oldest - 1})));
    assert_eq!(sent.next().expect("an event").id, oldest);
}

#[test]
fn a_stream_goes_on_where_it_was_and_ends_with_the_server() {
    for mut server in servers() {
        let newest = server.get("/api/v1/events?limit=1").is(200)["newest"].as_i64().expect("a number");
        let mut first = stream(&server, "/api/v1/events/stream?after=0", None);
        let begun: Vec<Sent> = first.by_ref().take(5).collect();
        assert_eq!(begun.iter().map(|sent| sent.id).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
        drop(first);
        let mut second = stream(&server, "/api/v1/events/stream", Some("5"));
        let rest: Vec<Sent> = second.by_ref().take(newest as usize - 5).collect();
        assert_eq!(rest.last().map(|sent| sent.id), Some(newest));
        let page = server.get("/api/v1/events?limit=1000").is(200);
        for sent in begun.iter().chain(&rest) {
            let event = &page["events"][sent.id as usize - 1];
            assert_eq!((&event["event"], &event["payload"]), (&json!(sent.event), &sent.data["payload"]));
            assert_eq!(keys(&sent.data), ["event", "id", "payload", "source", "timestamp", "version"]);
        }

        // Without a number a stream begins now; both hear of what comes.
        let mut third = stream(&server, "/api/v1/events/stream", None);
        server.post(&format!("{ROUTES}/trigger"), "{}").is(202);
        let (heard, also) = (second.next().expect("an event"), third.next().expect("an event"));
        assert_eq!((heard.id, heard.event.as_str()), (newest + 1, "cache_sync_triggered"));
        assert_eq!(also, heard);
        let _ = third.by_ref().find(|sent| sent.event == "phase_completed").expect("the end of the run");
        server.terminate();
        assert_eq!(third.count(), 0, "the stream ends");
        assert_eq!(server.wait(), Some(0));
    }
}
