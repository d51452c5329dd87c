//! The scheduler at work: once for every session, whoever fires it and whatever was missed.

use serde_json::{Value, json};
use tokio::sync::watch;
use universe_service::{
    AfterTimeout, Daemon, EodWait, STANDARD_CRON, STANDARD_ZONE, Schedule, SchedulerSettings, Tick, Wish, schedule,
    schedule_tick, work_once,
};
use universe_testkit::builders::{ENVIRONMENT, TUESDAY, WEDNESDAY};

use crate::harness::{Place, WORKER, eventually, in_time};

const HOUR: i64 = 3_600;

fn settings(eod_wait: EodWait) -> SchedulerSettings {
    SchedulerSettings { schedule: Schedule::parse(STANDARD_CRON, STANDARD_ZONE).expect("a schedule"), eod_wait }
}

/// The payloads of the `error` events, newest first.
async fn alerts(place: &Place) -> Vec<Value> {
    let alerts = place.store.outbox_newest(ENVIRONMENT, "error", 10).await.expect("listed");
    alerts.into_iter().map(|entry| entry.message["payload"].clone()).collect()
}

async fn tick(daemon: &Daemon, settings: &SchedulerSettings) -> Tick {
    schedule_tick(daemon, settings).await.expect("looked")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_fired_once_and_a_missed_one_is_caught_up_once() {
    for place in Place::all().await {
        let (daemon, settings) = (place.daemon("a"), settings(EodWait::Off));
        // Monday, 17:00 in New York: what was due before anybody looked is nobody's business.
        assert_eq!(tick(&daemon, &settings).await, Tick::Began);
        assert_eq!(tick(&daemon, &settings).await, Tick::Idle);
        place.ambient.advance(23 * HOUR);
        assert_eq!(tick(&daemon, &settings).await, Tick::Idle, "Tuesday, 16:00: not yet");
        place.ambient.advance(600);
        let Tick::Fired { run_id } = tick(&daemon, &settings).await else { panic!("Tuesday, 16:10") };
        assert_eq!(tick(&daemon, &settings).await, Tick::Idle);
        work_once(&daemon, WORKER).await.expect("worked");
        let run = daemon.store.run_find(run_id).await.expect("read").expect("there");
        assert_eq!((run.status.as_str(), run.triggered_by.as_str()), ("completed", "scheduler"));

        // Nothing runs from here to Saturday morning: Wednesday and Thursday and Friday are missed.
        place.ambient.advance(3 * 24 * HOUR + 16 * HOUR);
        let later = place.other_daemon("later").await;
        assert!(matches!(tick(&later, &settings).await, Tick::Fired { .. }), "the last of them is caught up");
        assert_eq!(tick(&later, &settings).await, Tick::Idle, "once");
        assert_eq!(place.runs().await.len(), 2);
        let last = daemon.store.schedule_last(ENVIRONMENT, settings.schedule.name()).await.expect("read");
        assert_eq!(last, Some(jiff::civil::date(2024, 3, 8)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_between_order_and_memory_orders_nothing_twice() {
    let place = Place::sqlite().await;
    let (daemon, settings) = (place.daemon("a"), settings(EodWait::Off));
    tick(&daemon, &settings).await;
    place.ambient.advance(24 * HOUR);
    let fired = tick(&daemon, &settings).await;
    assert!(matches!(fired, Tick::Fired { .. }), "{fired:?}");
    // Crashed before it was remembered; once while the run waits, once after it.
    for _ in 0..2 {
        assert_eq!(place.execute("delete from universe_fired where session = '2024-03-05'"), 1);
        assert_eq!(tick(&daemon, &settings).await, fired, "the same run");
        work_once(&daemon, WORKER).await.expect("worked");
    }
    assert_eq!(place.runs().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_waits_behind_another_run() {
    let place = Place::sqlite().await;
    let (daemon, settings) = (place.daemon("a"), settings(EodWait::Off));
    tick(&daemon, &settings).await;
    place.ambient.advance(24 * HOUR);
    daemon.order(&Wish::full("api")).await.expect("ordered");
    assert_eq!(tick(&daemon, &settings).await, Tick::Busy);
    work_once(&daemon, WORKER).await.expect("worked");
    assert!(matches!(tick(&daemon, &settings).await, Tick::Fired { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_signal_it_proceeds_after_the_timeout() {
    for place in Place::all().await {
        let daemon = place.daemon("a");
        let settings = settings(EodWait::Signal { timeout_seconds: 3_600, then: AfterTimeout::Proceed });
        tick(&daemon, &settings).await;
        place.ambient.advance(23 * HOUR + 600);
        assert_eq!(tick(&daemon, &settings).await, Tick::AwaitsSignal);
        place.ambient.advance(3_590);
        assert_eq!(tick(&daemon, &settings).await, Tick::AwaitsSignal);
        place.ambient.advance(10);
        daemon.order(&Wish::full("api")).await.expect("ordered");
        assert_eq!(tick(&daemon, &settings).await, Tick::Busy, "another run stands before it");
        assert_eq!(alerts(&place).await, Vec::<Value>::new());
        work_once(&daemon, WORKER).await.expect("worked");
        let Tick::Fired { run_id } = tick(&daemon, &settings).await else { panic!("it is due") };
        let message = "no end-of-day signal for 2024-03-05 came within 3600 seconds; the run proceeds without it";
        let alert = json!({
            "component": "scheduler", "severity": "warning", "message": message, "run_id": run_id, "alert": "no_eod_signal",
        });
        assert_eq!(alerts(&place).await, [alert]);
        assert_eq!(tick(&daemon, &settings).await, Tick::Idle);
        assert_eq!(alerts(&place).await.len(), 1, "told once");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_signal_it_gives_up_where_that_is_configured() {
    for place in Place::all().await {
        let daemon = place.daemon("a");
        let settings = settings(EodWait::Signal { timeout_seconds: 60, then: AfterTimeout::GiveUp });
        tick(&daemon, &settings).await;
        place.ambient.advance(23 * HOUR + 600 + 60);
        assert_eq!(tick(&daemon, &settings).await, Tick::GaveUp);
        assert_eq!(tick(&daemon, &settings).await, Tick::Idle);
        assert_eq!(place.runs().await.len(), 0);
        let message = "no end-of-day signal for 2024-03-05 came within 60 seconds; there is no run, as configured";
        let alert = json!({
            "component": "scheduler", "severity": "error", "message": message, "run_id": null, "alert": "no_eod_signal",
        });
        assert_eq!(alerts(&place).await, [alert]);
        place.ambient.advance(24 * HOUR);
        let name = settings.schedule.name();
        assert_eq!(tick(&daemon, &settings).await, Tick::GaveUp, "the next session is another matter");
        assert_eq!(daemon.store.schedule_last(ENVIRONMENT, name).await.expect("read"), Some(WEDNESDAY));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_processes_one_fires() {
    for place in Place::all().await {
        let settings = settings(EodWait::Off);
        let daemons = [place.other_daemon("a").await, place.other_daemon("b").await];
        tick(&daemons[0], &settings).await;
        place.ambient.advance(24 * HOUR);
        let (stop, stopped) = watch::channel(false);
        let both = async {
            tokio::join!(
                schedule(&daemons[0], settings.clone(), stopped.clone()),
                schedule(&daemons[1], settings.clone(), stopped.clone()),
            )
        };
        let watching = async {
            eventually("a run", async || (!place.runs().await.is_empty()).then_some(())).await;
            work_once(&daemons[0], WORKER).await.expect("worked");
            // The lease of whoever fired is over: now it is the other one's turn to look.
            place.ambient.advance(60);
            let name = settings.schedule.name();
            eventually("the memory of it", async || {
                daemons[1].store.schedule_last(ENVIRONMENT, name).await.expect("read").filter(|last| *last == TUESDAY)
            })
            .await;
            stop.send_replace(true);
        };
        in_time("the end of both", async { tokio::join!(both, watching) }).await;
        for daemon in &daemons {
            assert_eq!(tick(daemon, &settings).await, Tick::Idle);
        }
        assert_eq!(place.runs().await.len(), 1);
    }
}
