//! NATS JetStream: killed and started again, two processes, events that it has already.

#[path = "../service/harness.rs"]
#[expect(dead_code, reason = "shared with the tests of the service, which use all of it")]
mod harness;
mod server;

use std::sync::Arc;

use jiff::civil::Date;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use universe_core::next_session;
use universe_service::{Daemon, NatsSettings, Wish, relay_to_nats, work_once};
use universe_store::OutboxEntry;
use universe_testkit::builders::ENVIRONMENT;

use harness::{Place, WORKER, eventually};
use server::NatsServer;

const STREAM: &str = "UNIVERSE";

/// A process that publishes, until it is told to stop.
struct Publisher {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Publisher {
    fn start(daemon: &Arc<Daemon>, server: &NatsServer) -> Self {
        let (stop, stopped) = watch::channel(false);
        let (daemon, settings) = (Arc::clone(daemon), settings(server));
        Self { stop, task: tokio::spawn(async move { relay_to_nats(&daemon, settings, stopped).await }) }
    }

    async fn stop(self) {
        self.stop.send_replace(true);
        self.task.await.expect("no panic");
    }
}

fn settings(server: &NatsServer) -> NatsSettings {
    NatsSettings { url: server.url(), stream: STREAM.to_owned() }
}

/// Runs for a session that changes the ranking.
async fn run(place: &Place, daemon: &Daemon) {
    daemon.order(&Wish::full("api")).await.expect("ordered");
    work_once(daemon, WORKER).await.expect("worked");
    let latest = place.store.session_latest(Date::MAX).await.expect("read").expect("there are prices");
    let session = next_session(latest);
    place.ambient.advance((session - latest).get_days() as i64 * 24 * 3_600);
    place.load_other(session, session.day_of_year().unsigned_abs().into()).await;
}

async fn events(place: &Place) -> Vec<OutboxEntry> {
    place.store.outbox_list(ENVIRONMENT, 0, 10_000).await.expect("read")
}

/// Waits until the stream has every event, and checks that it has each once, in order.
async fn all_are_there(place: &Place, server: &NatsServer) {
    let expected: Vec<String> = events(place).await.iter().map(|entry| entry.id.to_string()).collect();
    let last = expected.last().expect("events").clone();
    eventually("the last event", async || {
        let stored = server.messages(STREAM).await?;
        (stored.last()?.0 == last).then_some(())
    })
    .await;
    let stored = server.messages(STREAM).await.expect("a stream");
    let ids: Vec<String> = stored.iter().map(|(id, _)| id.clone()).collect();
    assert_eq!(ids, expected);
    assert!(
        stored.iter().all(|(_, subject)| subject.starts_with("tickstock.") && !subject.contains(':')),
        "{stored:?}"
    );
    assert!(stored.iter().any(|(_, subject)| subject == "tickstock.universe.updated"), "{stored:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nats_killed_delays_events_and_neither_loses_nor_doubles_one() {
    let Some(mut server) = NatsServer::start() else { return };
    let place = Place::sqlite().await;
    let daemon = Arc::new(place.daemon("a"));
    let publisher = Publisher::start(&daemon, &server);
    run(&place, &daemon).await;
    all_are_there(&place, &server).await;
    for _ in 0..3 {
        server.kill();
        run(&place, &daemon).await;
        server.restart();
        all_are_there(&place, &server).await;
    }
    publisher.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_process_goes_on_where_the_stream_is() {
    let Some(server) = NatsServer::start() else { return };
    let place = Place::sqlite().await;
    let (one, other) = (Arc::new(place.daemon("a")), Arc::new(place.daemon("b")));
    let publishers = [Publisher::start(&one, &server), Publisher::start(&other, &server)];
    run(&place, &one).await;
    all_are_there(&place, &server).await;
    let [first, second] = publishers;
    first.stop().await;
    run(&place, &one).await;
    all_are_there(&place, &server).await;
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_the_stream_has_is_told_by_its_id() {
    let Some(server) = NatsServer::start() else { return };
    let place = Place::sqlite().await;
    let daemon = Arc::new(place.daemon("a"));
    run(&place, &daemon).await;
    let publisher = Publisher::start(&daemon, &server);
    all_are_there(&place, &server).await;
    publisher.stop().await;
    // Somebody else's message is the last one: the stream does not say how far it is, and has all events already.
    assert!(!server.publish("tickstock.other", "another id").await);
    let publisher = Publisher::start(&daemon, &server);
    run(&place, &daemon).await;
    let expected = events(&place).await.len() + 1;
    eventually("the new events", async || (server.messages(STREAM).await?.len() == expected).then_some(())).await;
    publisher.stop().await;
    assert!(server.publish("tickstock.other", &events(&place).await[0].id.to_string()).await, "a duplicate");
}
