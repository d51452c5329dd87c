//! Alerts: what still holds, what was raised, and when it is over.

use std::sync::Arc;

use universe_core::plan::{AlertKind, Mode};
use universe_service::{
    AfterTimeout, Ambient as _, Daemon, EodWait, RaisedAlert, Relay, RelaySettings, STANDARD_CRON, STANDARD_ZONE,
    Schedule, SchedulerSettings, Severity, Tick, Wish, alerts, schedule_tick, work_once,
};
use universe_testkit::builders::{ENVIRONMENT, MONDAY, TUESDAY, rules, six_listings, stock};

use crate::harness::{Place, WORKER};

/// A ranking whose changes are held.
const RULES: &[(&str, &str)] = &[(
    "rankings.toml",
    "category = \"market_leader\"\n\
    ranking = [{ key = \"top_2\", name = \"Top 2\", count = 2 }]\n\
    change_limit = { share = 0.2, count_min = 1 }\n",
)];

async fn active(daemon: &Daemon) -> Vec<AlertKind> {
    alerts(daemon, 50).await.expect("read").active.into_iter().map(|alert| alert.alert).collect()
}

async fn recent(daemon: &Daemon) -> Vec<RaisedAlert> {
    alerts(daemon, 50).await.expect("read").recent
}

async fn run(daemon: &Daemon, wish: &Wish) {
    daemon.order(wish).await.expect("ordered");
    work_once(daemon, WORKER).await.expect("worked").expect("a run");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_is_active_until_it_is_made() {
    for place in Place::all().await {
        let daemon = place.daemon_by("a", Arc::clone(&place.store), Arc::new(rules(RULES)));
        run(&daemon, &Wish::full("api")).await;
        assert_eq!(active(&daemon).await, []);
        place.ambient.advance(24 * 3_600);
        let mut rows = six_listings();
        rows.push(stock("LLY", 9_000.0, 950));
        place.load(TUESDAY, rows).await;
        run(&daemon, &Wish::full("scheduler")).await;
        assert_eq!(active(&daemon).await, [AlertKind::MembershipChange]);
        // A part of the work, and a look at it, leave it waiting.
        run(&daemon, &Wish { mode: Mode::Ipos, ..Wish::full("api") }).await;
        run(&daemon, &Wish { force: true, dry_run: true, ..Wish::full("api") }).await;
        assert_eq!(active(&daemon).await, [AlertKind::MembershipChange]);

        run(&daemon, &Wish { force: true, ..Wish::full("api") }).await;
        assert_eq!(active(&daemon).await, []);
        let recent = recent(&daemon).await;
        let kinds: Vec<_> = recent.iter().map(|alert| (alert.alert, alert.universe.as_deref())).collect();
        let held = (AlertKind::MembershipChange, Some("stock_universe:top_2"));
        assert_eq!(kinds, [held, held], "when it was held, and when it was made; a dry run raises nothing");
        assert_eq!((recent[0].session, recent[0].severity), (Some(TUESDAY), Severity::Warning));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_active_until_a_run_does_its_work() {
    for place in Place::all().await {
        let daemon = place.daemon("a");
        run(&daemon, &Wish { session: Some(jiff::civil::date(2024, 3, 9)), ..Wish::full("api") }).await;
        assert_eq!(active(&daemon).await, [AlertKind::RunFailed]);
        let recent = recent(&daemon).await;
        assert!(recent[0].message.contains("Saturday"), "{recent:?}");
        assert_eq!(recent[0].severity, Severity::Error);
        daemon.order(&Wish::full("api")).await.map(drop).expect("ordered");
        assert_eq!(active(&daemon).await, [AlertKind::RunFailed], "one that waits proves nothing");
        place.ambient.advance(1);
        work_once(&daemon, WORKER).await.expect("worked");
        assert_eq!(active(&daemon).await, []);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_signal_is_active_until_a_run_does_its_work() {
    for place in Place::all().await {
        let daemon = place.daemon("a");
        let settings = SchedulerSettings {
            schedule: Schedule::parse(STANDARD_CRON, STANDARD_ZONE).expect("a schedule"),
            eod_wait: EodWait::Signal { timeout_seconds: 60, then: AfterTimeout::GiveUp },
        };
        schedule_tick(&daemon, &settings).await.expect("looked");
        place.ambient.advance(24 * 3_600);
        assert_eq!(schedule_tick(&daemon, &settings).await.expect("looked"), Tick::GaveUp);
        assert_eq!(active(&daemon).await, [AlertKind::NoEodSignal]);
        let recent = recent(&daemon).await;
        assert_eq!((recent[0].component, recent[0].severity, recent[0].run_id), ("scheduler", Severity::Error, None));
        place.ambient.advance(60);
        run(&daemon, &Wish { session: Some(MONDAY), ..Wish::full("api") }).await;
        assert_eq!(active(&daemon).await, []);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_does_not_end_is_an_alert_while_it_is_at_work() {
    for place in Place::all().await {
        let daemon = place.daemon("a");
        daemon.order(&Wish::full("api")).await.expect("ordered");
        let now = place.ambient.now();
        let claimed = place.store.run_claim(ENVIRONMENT, "a", now, 3_600, |_| Vec::new()).await.expect("claimed");
        place.ambient.advance(299);
        assert_eq!(active(&daemon).await, []);
        place.ambient.advance(60);
        assert_eq!(active(&daemon).await, [AlertKind::RunTooLong]);
        let alerts = alerts(&daemon, 50).await.expect("read");
        assert_eq!(alerts.active[0].run_id, claimed.map(|claimed| claimed.order.run_id));
        assert_eq!(alerts.recent, [], "it raises it itself when it ends");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_wait_for_too_long_are_an_alert_while_they_do() {
    for place in Place::all().await {
        let daemon = place.daemon("a");
        let redis = "redis://127.0.0.1:1".parse().expect("an address");
        let mut relay = Relay::new(&daemon, RelaySettings { redis: Some(redis), retention_days: 30 });
        run(&daemon, &Wish::full("api")).await;
        relay.round().await.expect_err("nobody is there");
        assert_eq!(active(&daemon).await, []);
        place.ambient.advance(301);
        assert_eq!(active(&daemon).await, [AlertKind::PublishingFailures]);
        let span = place.store.outbox_span(ENVIRONMENT).await.expect("read");
        let newest = span.expect("there are events").newest;
        let now = place.ambient.now();
        place.store.outbox_published(ENVIRONMENT, newest, now).await.expect("written");
        assert_eq!(active(&daemon).await, []);
    }
}
