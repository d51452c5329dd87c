//! The end-of-day signal: by list and by channel, kept while Redis or another run is in the way.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use universe_service::{
    AfterTimeout, Daemon, EOD_NAMES, EodWait, STANDARD_CRON, STANDARD_ZONE, Schedule, SchedulerSettings, Tick, Wish,
    listen, schedule_tick, work_once,
};
use universe_store::RunRecord;
use universe_testkit::{RedisServer, test_redis};

use crate::harness::{Place, WORKER, address, eventually, in_time};

/// A process that listens, and how it is stopped.
struct Ear {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Ear {
    fn open(daemon: &Arc<Daemon>, redis: &RedisServer) -> Self {
        let (stop, stopped) = watch::channel(false);
        let (daemon, redis) = (Arc::clone(daemon), address(redis));
        Self { stop, task: tokio::spawn(async move { listen(&daemon, redis, stopped).await }) }
    }

    async fn close(self) {
        self.stop.send_replace(true);
        in_time("the end of a listener", self.task).await.expect("no panic");
    }
}

async fn command(redis: &RedisServer, words: &[&str]) -> i64 {
    answer(redis, words).await
}

async fn answer<T: redis::FromRedisValue>(redis: &RedisServer, words: &[&str]) -> T {
    let client = redis::Client::open(redis.uri()).expect("an address");
    let mut connection = client.get_multiplexed_async_connection().await.expect("connects");
    redis::cmd(words[0]).arg(&words[1..]).query_async(&mut connection).await.expect("answered")
}

/// Publishes until somebody hears it: a channel keeps nothing for those who come late.
async fn publish(redis: &RedisServer, channel: &str) {
    eventually("a subscriber", async || {
        (command(redis, &["PUBLISH", channel, "{\"status\": \"complete\"}"]).await == 1).then_some(())
    })
    .await;
}

/// Waits for a number of runs and carries each out.
async fn carried_out(place: &Place, daemon: &Daemon, count: usize) -> Vec<RunRecord> {
    eventually("the runs", async || {
        work_once(daemon, WORKER).await.expect("worked");
        let runs = place.runs().await;
        (runs.len() == count && runs.iter().all(RunRecord::is_over)).then_some(runs)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_on_any_of_the_lists_orders_a_run() {
    let Some(redis) = test_redis() else { return };
    let place = Place::sqlite().await;
    let daemon = Arc::new(place.daemon("a"));
    // Another program's value under one of the names is left alone, and hinders nothing.
    let _: String = answer(&redis, &["SET", EOD_NAMES[2], "no list"]).await;
    // Pushed before anybody listens: a list keeps it.
    command(&redis, &["RPUSH", EOD_NAMES[0], "2024-03-04"]).await;
    let ear = Ear::open(&daemon, &redis);
    for (at, list) in EOD_NAMES.iter().enumerate() {
        if at == 2 {
            command(&redis, &["DEL", list]).await;
        }
        if at > 0 {
            command(&redis, &["LPUSH", list, "1", "1", "2"]).await;
        }
        let runs = carried_out(&place, &daemon, at + 1).await;
        assert_eq!((runs[0].status.as_str(), runs[0].triggered_by.as_str()), ("completed", "signal"));
        eventually("an empty list", async || (command(&redis, &["LLEN", list]).await == 0).then_some(())).await;
    }
    ear.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_on_any_of_the_channels_orders_a_run() {
    let Some(redis) = test_redis() else { return };
    let place = Place::sqlite().await;
    let daemon = Arc::new(place.daemon("a"));
    let ear = Ear::open(&daemon, &redis);
    for (at, channel) in EOD_NAMES.iter().enumerate() {
        publish(&redis, channel).await;
        let runs = carried_out(&place, &daemon, at + 1).await;
        assert_eq!((runs[0].status.as_str(), runs[0].triggered_by.as_str()), ("completed", "signal"));
    }
    ear.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_waits_behind_another_run_and_is_heard_after_a_restart_of_redis() {
    let Some(mut redis) = test_redis() else { return };
    let place = Place::sqlite().await;
    let daemon = Arc::new(place.daemon("a"));
    daemon.order(&Wish::full("api")).await.expect("ordered");
    let ear = Ear::open(&daemon, &redis);
    publish(&redis, EOD_NAMES[1]).await;
    let runs = carried_out(&place, &daemon, 2).await;
    let by: Vec<&str> = runs.iter().map(|run| run.triggered_by.as_str()).collect();
    assert_eq!(by, ["signal", "api"]);

    redis.kill();
    redis.restart().expect("starts again");
    publish(&redis, EOD_NAMES[2]).await;
    carried_out(&place, &daemon, 3).await;
    ear.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_processes_one_hears_a_signal() {
    let Some(redis) = test_redis() else { return };
    for place in Place::all().await {
        let daemons = [Arc::new(place.other_daemon("a").await), Arc::new(place.other_daemon("b").await)];
        let ears = [Ear::open(&daemons[0], &redis), Ear::open(&daemons[1], &redis)];
        publish(&redis, EOD_NAMES[0]).await;
        carried_out(&place, &daemons[0], 1).await;
        for ear in ears {
            ear.close().await;
        }
        assert_eq!(place.runs().await.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schedule_is_content_with_the_run_of_the_signal() {
    let Some(redis) = test_redis() else { return };
    let place = Place::sqlite().await;
    let daemon = Arc::new(place.daemon("a"));
    let settings = SchedulerSettings {
        schedule: Schedule::parse(STANDARD_CRON, STANDARD_ZONE).expect("a schedule"),
        eod_wait: EodWait::Signal { timeout_seconds: 3_600, then: AfterTimeout::Proceed },
    };
    assert_eq!(schedule_tick(&daemon, &settings).await.expect("looked"), Tick::Began);
    place.ambient.advance(23 * 3_600 + 900);
    assert_eq!(schedule_tick(&daemon, &settings).await.expect("looked"), Tick::AwaitsSignal);
    let ear = Ear::open(&daemon, &redis);
    command(&redis, &["RPUSH", EOD_NAMES[0], "done"]).await;
    let tick = eventually("the signal", async || {
        let tick = schedule_tick(&daemon, &settings).await.expect("looked");
        (tick != Tick::AwaitsSignal).then_some(tick)
    })
    .await;
    assert_eq!(tick, Tick::Signalled);
    assert_eq!(schedule_tick(&daemon, &settings).await.expect("looked"), Tick::Idle);
    let runs = carried_out(&place, &daemon, 1).await;
    assert_eq!(runs[0].triggered_by, "signal");
    ear.close().await;
}
