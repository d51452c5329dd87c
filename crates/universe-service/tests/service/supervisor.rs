//! The whole of a server, started, used, stopped and dropped.

use std::sync::Arc;

use tokio::sync::watch;
use universe_service::{
    DataLoadSettings, EodWait, RelaySettings, STANDARD_CRON, STANDARD_ZONE, Schedule, SchedulerSettings,
    SupervisorSettings, Wish, supervise,
};
use universe_testkit::builders::ENVIRONMENT;
use universe_testkit::test_redis;

use crate::harness::{Listener, Place, WORKER, eventually, in_time, relaying};

fn settings(relay: RelaySettings) -> SupervisorSettings {
    let schedule = Schedule::parse(STANDARD_CRON, STANDARD_ZONE).expect("a schedule");
    let scheduler = Some(SchedulerSettings { schedule, eod_wait: EodWait::Off });
    let loading = DataLoadSettings {
        client: Err("nobody asks for bars here".to_owned()),
        concurrency: 1,
        use_cache_universes: true,
        csv_directory: ".".into(),
        lease_seconds: DataLoadSettings::LEASE_SECONDS,
        poll: WORKER.poll,
    };
    SupervisorSettings { worker: WORKER, relay, scheduler, loading }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_carries_out_publishes_and_stops() {
    let Some(redis) = test_redis() else { return };
    for place in Place::all().await {
        let daemon = Arc::new(place.daemon("a"));
        let (stop, stopped) = watch::channel(false);
        let server = tokio::spawn(supervise(Arc::clone(&daemon), settings(relaying(&redis)), stopped));
        let mut listener = Listener::on(&redis).await;
        daemon.order(&Wish::full("api")).await.expect("ordered");
        let heard = listener.until("phase_completed").await;
        assert_eq!(heard[0].1["event"], "cache_sync_triggered");

        // Stopped with a run in the queue: either it is carried out and told, or it waits for the next start.
        daemon.order(&Wish::full("api")).await.expect("ordered");
        stop.send_replace(true);
        in_time("the end of the server", server).await.expect("no panic");
        let last = place.runs().await.remove(0);
        assert!(["completed", "pending"].contains(&last.status.as_str()), "{last:?}");
        assert_eq!(place.store.outbox_unpublished(ENVIRONMENT, 100).await.expect("read").len(), 0);
        for lease in ["relay", "scheduler", "signals", "run"] {
            let name = format!("{lease}:{ENVIRONMENT}");
            let now = universe_service::Ambient::now(&*place.ambient);
            let free = place.store.lease_take(&name, "next", now, 1).await.expect("asked");
            assert!(free.is_some(), "{name} was given back");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_server_is_succeeded_by_the_next() {
    for place in Place::all().await {
        let relay = RelaySettings { redis: None, retention_days: 30 };
        let dropped = Arc::new(place.daemon("dropped"));
        let (_keep, stopped) = watch::channel(false);
        let server = tokio::spawn(supervise(Arc::clone(&dropped), settings(relay.clone()), stopped));
        dropped.order(&Wish::full("api")).await.expect("ordered");
        eventually("a beginning", async || (place.runs().await[0].status != "pending").then_some(())).await;
        server.abort();
        assert!(server.await.expect_err("aborted").is_cancelled());

        // Wherever it was, its run comes to one end, and another one can be ordered.
        place.ambient.advance(WORKER.lease_seconds + 1);
        let next = Arc::new(place.other_daemon("next").await);
        let (stop, stopped) = watch::channel(false);
        let server = tokio::spawn(supervise(Arc::clone(&next), settings(relay), stopped));
        eventually("a place in the queue", async || {
            matches!(next.order(&Wish::full("api")).await, Ok(universe_service::Placed::Queued { .. })).then_some(())
        })
        .await;
        eventually("the end of all", async || place.runs().await.iter().all(|run| run.is_over()).then_some(())).await;
        let runs = place.runs().await;
        assert_eq!(runs[0].status, "completed");
        assert!(["completed", "failed"].contains(&runs[1].status.as_str()), "{runs:?}");
        stop.send_replace(true);
        in_time("the end of the server", server).await.expect("no panic");
        place.check().await;
    }
}
