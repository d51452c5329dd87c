//! The relay: Redis away, restarted, the process dying at the worst moment, two processes, retention.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::civil::Date;
use serde_json::Value;
use tokio::sync::watch;
use universe_core::next_session;
use universe_service::{Daemon, Relay, RelayError, RelaySettings, RelayState, Wish, relay, work_once};
use universe_testkit::builders::ENVIRONMENT;
use universe_testkit::test_redis;

use crate::harness::{Listener, Place, WORKER, die_after, eventually, in_time, relaying};

/// Runs for some sessions, each of which changes the ranking.
async fn runs(place: &Place, daemon: &Daemon, count: usize) {
    for _ in 0..count {
        let mut session = place.store.session_latest(Date::MAX).await.expect("read").expect("there are prices");
        daemon.order(&Wish::full("api")).await.expect("ordered");
        work_once(daemon, WORKER).await.expect("worked");
        session = next_session(session);
        place.ambient.advance(if session.weekday() == jiff::civil::Weekday::Monday { 72 } else { 24 } * 3_600);
        place.load_other(session, session.day_of_year().unsigned_abs().into()).await;
    }
}

async fn unpublished(place: &Place) -> usize {
    place.store.outbox_unpublished(ENVIRONMENT, 10_000).await.expect("read").len()
}

/// What was heard on the channel of changes, by universe: its sequences in order.
fn sequences(heard: &[(String, Value)]) -> BTreeMap<String, Vec<u64>> {
    let mut all: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for (channel, message) in heard {
        if channel == "tickstock:universe:updated" {
            let payload = &message["payload"];
            let universe = payload["universe"].as_str().expect("a text").to_owned();
            all.entry(universe).or_default().push(payload["sequence"].as_u64().expect("a number"));
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_killed_in_mid_stream_delays_events_and_loses_none() {
    let Some(mut redis) = test_redis() else { return };
    for place in Place::all().await {
        let daemon = Arc::new(place.daemon("a"));
        let (stop, stopped) = watch::channel(false);
        let (shared, settings) = (Arc::clone(&daemon), relaying(&redis));
        let relaying = tokio::spawn(async move { relay(&shared, settings, stopped).await });

        let mut listener = Listener::on(&redis).await;
        runs(&place, &daemon, 1).await;
        let mut heard = listener.until("phase_completed").await;
        eventually("marks", async || (unpublished(&place).await == 0).then_some(())).await;

        redis.kill();
        runs(&place, &daemon, 3).await;
        eventually("a failure", async || matches!(daemon.relay_state(), RelayState::Failing(_)).then_some(())).await;
        let waiting = unpublished(&place).await;
        assert!(waiting > 20, "no run waited for Redis, and nothing was marked: {waiting}");

        // Nobody publishes while the server comes back and the listener subscribes again.
        stop.send_replace(true);
        in_time("the end of the relay", relaying).await.expect("no panic");
        redis.restart().expect("starts again");
        let mut listener = Listener::on(&redis).await;
        let (stop, stopped) = watch::channel(false);
        let (shared, settings) = (Arc::clone(&daemon), crate::harness::relaying(&redis));
        let relaying = tokio::spawn(async move { relay(&shared, settings, stopped).await });
        for _ in 0..3 {
            heard.extend(listener.until("phase_completed").await);
        }
        eventually("marks", async || (unpublished(&place).await == 0).then_some(())).await;
        stop.send_replace(true);
        in_time("the end of the relay", relaying).await.expect("no panic");

        let sequences = sequences(&heard);
        assert!(sequences["top_2"].len() >= 3, "{sequences:?}");
        for (universe, numbers) in &sequences {
            let expected: Vec<u64> = (1..=numbers.len() as u64).collect();
            assert_eq!(*numbers, expected, "{universe}: in order, without gaps");
        }
        let ids: BTreeSet<&str> = heard.iter().filter_map(|(_, message)| message["id"].as_str()).collect();
        assert_eq!(ids.len(), place.outbox().await.len(), "every event was heard");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_finds_a_restarted_redis_by_itself() {
    let Some(mut redis) = test_redis() else { return };
    let place = Place::sqlite().await;
    let daemon = Arc::new(place.daemon("a"));
    let (stop, stopped) = watch::channel(false);
    redis.kill();
    let (shared, settings) = (Arc::clone(&daemon), relaying(&redis));
    let relaying = tokio::spawn(async move { relay(&shared, settings, stopped).await });
    runs(&place, &daemon, 1).await;
    eventually("a failure", async || matches!(daemon.relay_state(), RelayState::Failing(_)).then_some(())).await;
    redis.restart().expect("starts again");
    eventually("publication", async || (unpublished(&place).await == 0).then_some(())).await;
    assert_eq!(daemon.relay_state(), RelayState::Publishing);
    stop.send_replace(true);
    in_time("the end of the relay", relaying).await.expect("no panic");
}

#[tokio::test(flavor = "multi_thread")]
async fn events_published_but_not_marked_are_published_again() {
    let Some(redis) = test_redis() else { return };
    for place in Place::all().await {
        let daemon = place.daemon("dying");
        runs(&place, &daemon, 1).await;
        let mut listener = Listener::on(&redis).await;
        {
            let mut dying = Relay::new(&daemon, relaying(&redis));
            let batch = dying.take().await.expect("read");
            dying.publish(&batch).await.expect("published");
            // The process dies here, between publication and mark.
        }
        let first = listener.until("phase_completed").await;
        let next = place.daemon("next");
        let count = Relay::new(&next, relaying(&redis)).round().await.expect("published");
        assert_eq!(listener.until("phase_completed").await, first, "the same messages under the same ids");
        assert_eq!(count, place.outbox().await.len());
        assert_eq!(unpublished(&place).await, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_killed_within_a_batch_marks_nothing() {
    let Some(mut redis) = test_redis() else { return };
    let place = Place::sqlite().await;
    let daemon = place.daemon("a");
    runs(&place, &daemon, 1).await;
    let waiting = unpublished(&place).await;
    let mut relay = Relay::new(&daemon, relaying(&redis));
    let batch = relay.take().await.expect("read");
    relay.publish(&batch[..3]).await.expect("published");
    redis.kill();
    assert!(matches!(relay.round().await, Err(RelayError::Redis(_))), "the connection is gone");
    assert_eq!(unpublished(&place).await, waiting);
    redis.restart().expect("starts again");
    assert_eq!(relay.round().await.expect("published"), waiting);
    assert_eq!(unpublished(&place).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn wherever_a_relay_dies_every_event_is_heard_and_in_order() {
    let Some(redis) = test_redis() else { return };
    for place in Place::all().await {
        let mut listener = Listener::on(&redis).await;
        let daemon = place.daemon("a");
        runs(&place, &daemon, 20).await;
        for polls in 0..30 {
            let dying = place.daemon(&format!("dying {polls}"));
            in_time("a death", die_after(polls, Relay::new(&dying, relaying(&redis)).round())).await;
            place.ambient.advance(20);
        }
        let last = place.daemon("last");
        let mut relay = Relay::new(&last, relaying(&redis));
        while relay.round().await.expect("published") > 0 {}
        assert_eq!(unpublished(&place).await, 0);

        let expected: Vec<_> = place.store.outbox_list(ENVIRONMENT, 0, 10_000).await.expect("listed");
        let expected: Vec<String> = expected.into_iter().map(|entry| entry.id.to_string()).collect();
        let mut heard = Vec::new();
        while heard.len() < expected.len() {
            let (_, message) = listener.next().await;
            let id = message["id"].as_str().expect("a text").to_owned();
            if !heard.contains(&id) {
                heard.push(id);
            }
        }
        assert_eq!(heard, expected, "first heard in the order in which they were written");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_redis_keeps_no_run_waiting() {
    let Some(redis) = test_redis() else { return };
    let place = Place::sqlite().await;
    let daemon = place.daemon("a");
    runs(&place, &daemon, 1).await;
    let client = redis::Client::open(redis.uri()).expect("an address");
    let mut connection = client.get_multiplexed_async_connection().await.expect("connects");
    let mut relay = Relay::new(&daemon, relaying(&redis));
    let batch = relay.take().await.expect("read");
    relay.publish(&batch[..1]).await.expect("connected");
    redis::cmd("CLIENT").arg("PAUSE").arg(60_000).query_async::<()>(&mut connection).await.expect("paused");
    {
        let mut publishing = std::pin::pin!(relay.round());
        tokio::select! {
            _ = &mut publishing => panic!("Redis answers nobody"),
            () = runs(&place, &daemon, 3) => {}
        }
        assert!(matches!(in_time("a timeout", publishing).await, Err(RelayError::Redis(_))));
    }
    assert!(place.runs().await.iter().all(|run| run.status == "completed"));
    assert!(unpublished(&place).await > batch.len(), "nothing was marked");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_process_at_a_time_publishes() {
    let Some(redis) = test_redis() else { return };
    for place in Place::all().await {
        let (first, second) = (place.daemon("first"), place.other_daemon("second").await);
        runs(&place, &first, 1).await;
        let mut leader = Relay::new(&first, relaying(&redis));
        let mut other = Relay::new(&second, relaying(&redis));
        assert!(leader.round().await.expect("published") > 0);
        runs(&place, &first, 2).await;
        assert!(unpublished(&place).await > 0);
        // A day later the first one's lease is long over: whoever asks first has it.
        assert!(other.round().await.expect("its turn") > 0);
        runs(&place, &first, 0).await;
        assert_eq!(leader.round().await.expect("asked"), 0, "it is the other one's turn");
        assert_eq!(first.relay_state(), RelayState::Standby);
        assert_eq!(second.relay_state(), RelayState::Publishing);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_kept_for_their_time_and_longer_while_they_wait() {
    let Some(redis) = test_redis() else { return };
    for place in Place::all().await {
        let daemon = place.daemon("a");
        runs(&place, &daemon, 1).await;
        let month = 31 * 24 * 3_600;
        place.ambient.advance(month);
        assert!(Relay::new(&daemon, relaying(&redis)).round().await.expect("published") > 0, "old, but not published");
        assert!(!place.outbox().await.is_empty());
        place.ambient.advance(601);
        Relay::new(&daemon, relaying(&redis)).round().await.expect("looked");
        assert_eq!(place.outbox().await, [], "published, and a month old");
        let span = place.store.outbox_span(ENVIRONMENT).await.expect("read").expect("there were some");
        assert_eq!((span.oldest, span.unpublished), (span.newest + 1, 0));
        place.check().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_events_are_kept_for_their_time_only() {
    for place in Place::all().await {
        let daemon = place.daemon("a");
        runs(&place, &daemon, 1).await;
        let settings = RelaySettings { redis: None, retention_days: 30 };
        let count = place.outbox().await.len();
        Relay::new(&daemon, settings.clone()).round().await.expect("looked");
        assert_eq!(daemon.relay_state(), RelayState::Off);
        assert_eq!((place.outbox().await.len(), unpublished(&place).await), (count, count));
        place.ambient.advance(30 * 24 * 3_600);
        Relay::new(&daemon, settings).round().await.expect("looked");
        assert_eq!(place.outbox().await, []);
        place.check().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_wait_for_long_raise_an_alert_with_the_next_run() {
    let Some(mut redis) = test_redis() else { return };
    let place = Place::sqlite().await;
    let daemon = place.daemon("a");
    redis.kill();
    let mut relay = Relay::new(&daemon, relaying(&redis));
    runs(&place, &daemon, 1).await;
    assert!(relay.round().await.is_err());
    runs(&place, &daemon, 1).await;
    let alerts = place.runs().await[0].alerts.clone();
    assert_eq!(alerts[0]["alert"], "publishing_failures", "{alerts}");
}
