//! Runs as jobs: ordered, claimed, carried out under a lease, and ended exactly once.

use std::sync::Arc;

use serde_json::{Value, json};
use universe_core::plan::{Mode, Plan};
use universe_store::{ClaimedRun, Ordered, RunOrder, RunRecord, RunStatistics, Store, StoreError, open, run_lease};
use uuid::Uuid;

use super::{Subject, at_once};
use crate::builders::{
    ENVIRONMENT, MONDAY, RULES, TUESDAY, event, events, events_of_begin, events_of_end, instant, load, order, plan,
    rules, run_record, six_listings, snapshot, stock, sync, universe,
};

/// Longer than the time between two instants of the tests, shorter than that between three.
const TTL_SECONDS: i64 = 90;

const NONE: [Uuid; 0] = [];

/// An order waits as it was given, before all runs that ended, and its events are in the outbox.
pub async fn an_order_waits_with_its_events(subject: &Subject) {
    let ended = run_record(&sync(subject.store(), &snapshot(MONDAY, six_listings()), 1).await, 1);
    let sent = subject.store.outbox_list(ENVIRONMENT, 0, 1_000).await.expect("reads").len();
    let mut order = order(2);
    order.mode = Mode::Themes;
    order.session = Some(TUESDAY);
    (order.force, order.preserve, order.dry_run) = (true, true, true);
    order.approves = vec![universe("stock_universe:top_2"), universe("etf_universe:index_broad_market")];
    assert_eq!(subject.store.run_order(&order, &[event(7)]).await.expect("orders"), Ordered::Queued);

    let found = find(subject, order.run_id).await;
    assert_eq!((found.status.as_str(), found.is_over()), ("pending", false));
    assert_eq!((found.session, found.started_at, found.finished_at), (Some(TUESDAY), None, None));
    assert_eq!((found.mode, found.triggered_by.as_str(), found.created_at), (Mode::Themes, "api", instant(2)));
    assert_eq!((found.force, found.preserve, found.dry_run), (true, true, true));
    assert_eq!((&found.approves, &found.progress, found.lease_token), (&order.approves, &Value::Null, None));
    assert_eq!(subject.value("select count(*) from {run} where run_number is null").await, "1");
    assert_eq!(subject.store.run_list(ENVIRONMENT, 10, 0).await.expect("reads"), [found, ended]);
    assert_eq!(subject.store.run_count(ENVIRONMENT).await.expect("reads"), 2);
    assert_eq!(subject.store.run_count("STAGING").await.expect("reads"), 0);
    assert_eq!(subject.store.run_find(Uuid::from_u128(9)).await.expect("reads"), None);
    let news = subject.store.outbox_list(ENVIRONMENT, i64::try_from(sent).expect("few"), 10).await.expect("reads");
    assert_eq!(news.iter().map(|entry| (entry.id, entry.created_at)).collect::<Vec<_>>(), [(event(7).id, instant(2))]);
    assert_sound(subject).await;
}

/// While a run waits or runs, another order of its environment is told which one; others are not concerned.
pub async fn one_run_of_an_environment_is_queued(subject: &Subject) {
    let busy = Ordered::Busy { run_id: order(1).run_id };
    subject.store.run_order(&order(1), &[event(1)]).await.expect("orders");
    let before = subject.dump().await;
    assert_eq!(subject.store.run_order(&order(2), &[event(2)]).await.expect("is told"), busy);
    assert_eq!(subject.dump().await, before);

    let claimed = claim(subject.store(), "a", 1).await.expect("a run");
    let before = subject.dump().await;
    assert_eq!(subject.store.run_order(&order(2), &[event(2)]).await.expect("is told"), busy);
    assert_eq!(subject.dump().await, before);
    let mut elsewhere = order(3);
    elsewhere.environment = "STAGING".to_owned();
    assert_eq!(subject.store.run_order(&elsewhere, &[]).await.expect("orders"), Ordered::Queued);

    subject.store.run_close(&ended(&claimed, "completed", 2), &[]).await.expect("closes");
    assert_eq!(subject.store.run_order(&order(2), &[event(2)]).await.expect("orders"), Ordered::Queued);
    assert_sound(subject).await;
}

/// Of several orders at once one is queued, and all others are told of that one.
pub async fn of_orders_at_once_one_is_queued(subject: &Subject) {
    let give = |store: Arc<dyn Store>, number| async move {
        (order(number).run_id, store.run_order(&order(number), &[event(number)]).await.expect("orders"))
    };
    let answers = at_once(subject, give).await;
    let queued: Vec<Uuid> = answers.iter().filter(|(_, a)| *a == Ordered::Queued).map(|(run_id, _)| *run_id).collect();
    assert_eq!(queued.len(), 1, "{answers:?}");
    let others = answers.iter().filter(|(_, answer)| *answer != Ordered::Queued);
    assert!(others.into_iter().all(|(_, answer)| *answer == Ordered::Busy { run_id: queued[0] }), "{answers:?}");
    assert_eq!(subject.store.outbox_list(ENVIRONMENT, 0, 10).await.expect("reads").len(), 1);
    assert_sound(subject).await;
}

/// An order with the id of another run, or with an event that was sent already, is refused and writes nothing.
pub async fn a_conflicting_order_writes_nothing(subject: &Subject) {
    subject.store.run_order(&order(1), &[event(1)]).await.expect("orders");
    let claimed = claim(subject.store(), "a", 1).await.expect("a run");
    subject.store.run_close(&ended(&claimed, "completed", 2), &[]).await.expect("closes");
    let before = subject.dump().await;
    for (order, event) in [(order(1), event(2)), (order(2), event(1))] {
        let error = subject.store.run_order(&order, &[event]).await.expect_err("is refused");
        assert!(matches!(error, StoreError::Conflict { .. }), "{error:?}");
    }
    assert_eq!(subject.dump().await, before);
}

/// Of several claims at once one gets the run; nobody gets it a second time, not even its holder.
pub async fn a_run_is_claimed_once(subject: &Subject) {
    assert_eq!(claim(subject.store(), "a", 1).await, None);
    let order = order(1);
    subject.store.run_order(&order, &[]).await.expect("orders");
    let take = |store: Arc<dyn Store>, number: u32| async move { claim(&*store, &number.to_string(), 2).await };
    let answers = at_once(subject, take).await;
    let claimed: Vec<ClaimedRun> = answers.into_iter().flatten().collect();
    assert_eq!(claimed, [ClaimedRun { order: order.clone(), started_at: instant(2), token: 1 }]);
    let found = find(subject, order.run_id).await;
    assert_eq!((found.status.as_str(), found.started_at, found.lease_token), ("running", Some(instant(2)), Some(1)));
    for (holder, number) in [("1", 2), ("2", 3), ("1", 60)] {
        assert_eq!(claim(subject.store(), holder, number).await, None, "{holder}");
    }
    assert_eq!(claim_in("STAGING", subject.store(), "a", 2).await, None);
}

/// A claim writes the event of the start with it, and the run begins no earlier than it was ordered.
pub async fn a_claim_tells_its_start(subject: &Subject) {
    let order = order(3);
    subject.store.run_order(&order, &[event(1)]).await.expect("orders");
    // The clock of whoever claims it is two minutes behind.
    let claimed = subject.store.run_claim(ENVIRONMENT, "a", instant(1), TTL_SECONDS, events_of_begin).await;
    let claimed = claimed.expect("claims").expect("a run");
    assert_eq!(claimed.started_at, instant(3));
    assert_eq!(find(subject, order.run_id).await.started_at, Some(instant(3)));
    let sent = subject.store.outbox_list(ENVIRONMENT, 0, 10).await.expect("reads");
    let sent: Vec<_> = sent.iter().map(|entry| (entry.number, entry.created_at, &entry.message)).collect();
    let begun = json!({"run_id": order.run_id, "status": "running", "started_at": instant(3)});
    assert_eq!(sent, [(1, instant(3), &json!({"number": 1})), (2, instant(3), &begun)]);

    // Nobody's end comes before its start either.
    assert_eq!(reap(subject, 3).await, [order.run_id]);
    assert_eq!(find(subject, order.run_id).await.finished_at, Some(instant(3)));
    assert_sound(subject).await;
}

/// A claim whose event was sent already is refused, and leaves the run to others.
pub async fn a_conflicting_claim_writes_nothing(subject: &Subject) {
    subject.store.run_order(&order(1), &[event(1)]).await.expect("orders");
    let before = subject.dump().await;
    let claim = subject.store.run_claim(ENVIRONMENT, "a", instant(1), TTL_SECONDS, |_| vec![event(1)]).await;
    assert!(matches!(claim, Err(StoreError::Conflict { .. })), "{claim:?}");
    assert_eq!(subject.dump().await, before);
}

/// Progress is told by the events that come with it, or nothing of it is written.
pub async fn progress_is_told_with_its_events(subject: &Subject) {
    let claimed = ordered_and_claimed(subject, 1).await;
    let tell = async |progress: u32, events: &[universe_core::event::Event]| {
        let (run_id, token) = (claimed.order.run_id, claimed.token);
        subject.store.run_progress(run_id, token, &json!(progress), events, instant(2), TTL_SECONDS).await
    };
    tell(1, &[event(1), event(2)]).await.expect("is the holder's");
    tell(2, &[event(3)]).await.expect("is the holder's");
    let sent = subject.store.outbox_list(ENVIRONMENT, 0, 10).await.expect("reads");
    let sent: Vec<_> = sent.iter().map(|entry| (entry.number, entry.id, entry.created_at)).collect();
    assert_eq!(sent, [1, 2, 3].map(|number| (i64::from(number), event(number).id, instant(2))));
    let newest = subject.store.outbox_newest(ENVIRONMENT, "error", 2).await.expect("reads");
    assert_eq!(newest.iter().map(|entry| entry.number).collect::<Vec<_>>(), [3, 2]);
    assert_eq!(subject.store.outbox_newest(ENVIRONMENT, "phase_started", 2).await.expect("reads"), []);
    assert_eq!(subject.store.outbox_newest("STAGING", "error", 2).await.expect("reads"), []);

    let before = subject.dump().await;
    let refused = tell(3, &[event(4), event(1)]).await;
    assert!(matches!(refused, Err(StoreError::Conflict { .. })), "{refused:?}");
    assert_eq!(subject.dump().await, before);
    assert_sound(subject).await;
}

/// Progress is kept with the run and makes its lease last longer; it brings back whether to stop.
pub async fn progress_renews_the_lease(subject: &Subject) {
    let claimed = ordered_and_claimed(subject, 1).await;
    let run_id = claimed.order.run_id;
    for number in 2..8 {
        let progress = json!({"step": "ipo_assignment", "completed": number});
        let told =
            subject.store.run_progress(run_id, claimed.token, &progress, &[], instant(number), TTL_SECONDS).await;
        assert!(!told.expect("is the holder's"));
        assert_eq!(find(subject, run_id).await.progress, progress);
        assert_eq!(reap(subject, number + 1).await, NONE);
    }
    let status = subject.store.run_cancel(run_id, instant(8), events_of_end).await.expect("asks");
    assert_eq!(status.as_deref(), Some("running"));
    assert!(find(subject, run_id).await.cancel_requested);
    let told = subject.store.run_progress(run_id, claimed.token, &json!(1), &[], instant(8), TTL_SECONDS).await;
    assert!(told.expect("is the holder's"));
    assert!(subject.store.outbox_list(ENVIRONMENT, 0, 10).await.expect("reads").is_empty());
    let close = RunRecord { cancel_requested: false, ..ended(&claimed, "cancelled", 9) };
    subject.store.run_close(&close, &[]).await.expect("closes");
    let found = find(subject, run_id).await;
    assert_eq!((found.status.as_str(), found.cancel_requested, found.progress), ("cancelled", true, Value::Null));
}

/// Who lost a run, or never had it, is told so with the next sign of life, and changes nothing.
pub async fn progress_of_a_lost_run_is_fenced(subject: &Subject) {
    let claimed = ordered_and_claimed(subject, 1).await;
    let run_id = claimed.order.run_id;
    let before = subject.dump().await;
    let tell = async |run_id: Uuid, token: u64| {
        subject
            .store
            .run_progress(run_id, token, &json!(1), &[event(9)], instant(9), TTL_SECONDS)
            .await
            .expect_err("is lost")
    };
    let error = tell(run_id, claimed.token + 1).await;
    assert!(matches!(error, StoreError::Fenced { run_id: id, token: 2 } if id == run_id), "{error:?}");
    assert!(!error.is_transient());
    assert!(matches!(tell(Uuid::from_u128(9), claimed.token).await, StoreError::Fenced { .. }));
    assert_eq!(subject.dump().await, before);

    assert_eq!(reap(subject, 3).await, [run_id]);
    let before = subject.dump().await;
    assert!(matches!(tell(run_id, claimed.token).await, StoreError::Fenced { .. }));
    assert_eq!(subject.dump().await, before);
}

/// A plan of a claimed run ends that run, and gives its lease back.
pub async fn a_claimed_run_is_applied(subject: &Subject) {
    load(subject.store(), &snapshot(MONDAY, six_listings()), 1).await;
    let claimed = ordered_and_claimed(subject, 1).await;
    subject
        .store
        .run_progress(claimed.order.run_id, claimed.token, &json!(1), &[], instant(1), 90)
        .await
        .expect("holds");
    let plan = plan(subject.store(), MONDAY, &rules(RULES)).await;
    let record = record_of(&claimed, &plan, 2);
    assert_eq!(subject.store.head_version(ENVIRONMENT).await.expect("reads"), 0);
    subject.store.run_apply(&plan, &record, &events(&plan, &record)).await.expect("applies");

    assert_eq!(subject.store.head_version(ENVIRONMENT).await.expect("reads"), 1);
    assert_eq!(find(subject, record.run_id).await, record);
    assert_eq!(subject.store.run_count(ENVIRONMENT).await.expect("reads"), 1);
    assert_eq!(subject.value("select run_number from {run}").await, "1");
    assert_eq!(subject.value("select count(*) from {lease} where holder is null").await, "1");
    assert_eq!(subject.store.run_order(&order(2), &[]).await.expect("orders"), Ordered::Queued);
    assert_eq!(claim(subject.store(), "a", 2).await.map(|claimed| claimed.token), Some(2));
    assert_sound(subject).await;
}

/// Whoever lost a run cannot apply its plan: not while it is dead, not after it was reaped, not beside the next.
pub async fn a_fenced_run_applies_nothing(subject: &Subject) {
    load(subject.store(), &snapshot(MONDAY, six_listings()), 1).await;
    let claimed = ordered_and_claimed(subject, 1).await;
    let plan = plan(subject.store(), MONDAY, &rules(RULES)).await;
    let record = record_of(&claimed, &plan, 5);
    let refused = async |record: &RunRecord| {
        let before = subject.dump().await;
        let applied = subject.store.run_apply(&plan, record, &events(&plan, record)).await;
        assert!(matches!(applied, Err(StoreError::Fenced { .. })), "{applied:?}");
        let closed = subject.store.run_close(record, &events(&plan, record)).await;
        assert!(matches!(closed, Err(StoreError::Fenced { .. })), "{closed:?}");
        assert_eq!(subject.dump().await, before);
    };
    refused(&RunRecord { lease_token: Some(claimed.token + 1), ..record.clone() }).await;
    refused(&RunRecord { run_id: Uuid::from_u128(9), ..record.clone() }).await;
    assert_eq!(reap(subject, 3).await, [record.run_id]);
    refused(&record).await;
    let next = ordered_and_claimed(subject, 2).await;
    assert_eq!(next.token, claimed.token + 1);
    refused(&record).await;
    refused(&RunRecord { lease_token: Some(next.token), ..record.clone() }).await;

    let record = record_of(&next, &plan, 3);
    subject.store.run_apply(&plan, &record, &events(&plan, &record)).await.expect("applies");
    assert_sound(subject).await;
}

/// A run from the command line does not come beside a claimed one, until that one's process is dead.
pub async fn a_run_beside_a_claimed_one_is_refused(subject: &Subject) {
    load(subject.store(), &snapshot(MONDAY, six_listings()), 1).await;
    let plan = plan(subject.store(), MONDAY, &rules(RULES)).await;
    let claimed = ordered_and_claimed(subject, 1).await;
    let before = subject.dump().await;
    let error = crate::builders::apply(subject.store(), &plan, 2).await.expect_err("is busy");
    assert!(matches!(error, StoreError::Busy { run_id } if run_id == claimed.order.run_id), "{error:?}");
    assert!(!error.is_transient());
    assert_eq!(subject.dump().await, before);

    crate::builders::apply(subject.store(), &plan, 3).await.expect("applies");
    let record = record_of(&claimed, &plan, 3);
    let error = subject.store.run_apply(&plan, &record, &[]).await.expect_err("is stale");
    assert!(matches!(error, StoreError::Stale { .. }), "{error:?}");
    assert_sound(subject).await;
}

/// A claimed run that changes nothing ends with its events, once.
pub async fn a_claimed_run_is_closed_once(subject: &Subject) {
    let claimed = ordered_and_claimed(subject, 1).await;
    let mut record = ended(&claimed, "failed", 2);
    record.error = Some("the disk is full".to_owned());
    record.task_results = json!({"market_cap_recalculation": {"status": "failed"}});
    subject.store.run_close(&record, &[event(2), event(3)]).await.expect("closes");
    assert_eq!(find(subject, record.run_id).await, record);
    assert_eq!(subject.store.head_version(ENVIRONMENT).await.expect("reads"), 0);
    assert_eq!(subject.value("select count(*) from {lease} where holder is null").await, "1");
    assert_eq!(subject.store.outbox_list(ENVIRONMENT, 0, 10).await.expect("reads").len(), 2);

    let before = subject.dump().await;
    record.status = "completed".to_owned();
    let error = subject.store.run_close(&record, &[event(4)]).await.expect_err("has ended");
    assert!(matches!(error, StoreError::Fenced { .. }), "{error:?}");
    let error = subject.store.run_close(&RunRecord { lease_token: None, ..record }, &[]).await.expect_err("is there");
    assert!(matches!(error, StoreError::Conflict { .. }), "{error:?}");
    assert_eq!(subject.dump().await, before);
    assert_sound(subject).await;
}

/// A close whose events are refused leaves the run as it is, with its lease.
pub async fn a_refused_close_writes_nothing(subject: &Subject) {
    let claimed = ordered_and_claimed(subject, 1).await;
    let before = subject.dump().await;
    let error = subject.store.run_close(&ended(&claimed, "failed", 2), &[event(2), event(2)]).await;
    assert!(matches!(error, Err(StoreError::Conflict { .. })), "{error:?}");
    assert_eq!(subject.dump().await, before);
}

/// A run that waits is cancelled at once, with its events, and never again.
pub async fn a_waiting_run_is_cancelled(subject: &Subject) {
    assert_eq!(subject.store.run_cancel(Uuid::from_u128(9), instant(1), events_of_end).await.expect("reads"), None);
    subject.store.run_order(&order(1), &[]).await.expect("orders");
    let run_id = order(1).run_id;
    let cancel = async || subject.store.run_cancel(run_id, instant(2), events_of_end).await.expect("cancels");
    assert_eq!(cancel().await.as_deref(), Some("cancelled"));
    let found = find(subject, run_id).await;
    assert_eq!((found.status.as_str(), found.is_over(), found.cancel_requested), ("cancelled", true, true));
    assert_eq!((found.started_at, found.finished_at, found.duration_seconds()), (None, Some(instant(2)), None));
    assert_eq!(subject.value("select run_number from {run}").await, "1");
    let sent = subject.store.outbox_list(ENVIRONMENT, 0, 10).await.expect("reads");
    assert_eq!((sent.len(), &sent[0].message["status"]), (1, &json!("cancelled")));

    let before = subject.dump().await;
    assert_eq!(cancel().await.as_deref(), Some("cancelled"));
    assert_eq!(claim(subject.store(), "a", 3).await, None);
    assert_eq!(subject.dump().await, before);
    assert_eq!(subject.store.run_order(&order(2), &[]).await.expect("orders"), Ordered::Queued);
    assert_sound(subject).await;
}

/// A cancellation and a claim at once: the run is cancelled, or it runs and knows that it is to stop.
pub async fn cancelling_and_claiming_at_once_agree(subject: &Subject) {
    for number in 1..6 {
        subject.store.run_order(&order(number), &[]).await.expect("orders");
        let run_id = order(number).run_id;
        let cancelling = open(&subject.uri).await.expect("opens");
        let cancelling =
            tokio::spawn(async move { cancelling.run_cancel(run_id, instant(number), events_of_end).await });
        let claimed = claim(subject.store(), "a", number).await;
        let status = cancelling.await.expect("no panic");
        match (claimed, status.expect("cancels").as_deref()) {
            (None, Some("cancelled")) => {}
            (Some(claimed), Some("running")) => {
                let told = subject.store.run_progress(run_id, claimed.token, &json!(1), &[], instant(number), 90).await;
                assert!(told.expect("is the holder's"));
                subject.store.run_close(&ended(&claimed, "cancelled", number), &[]).await.expect("closes");
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(find(subject, run_id).await.status, "cancelled");
    }
    assert_sound(subject).await;
}

/// A run whose lease expired is marked as failed, once, by one of those who look, and its place is free.
pub async fn dead_runs_are_reaped_once(subject: &Subject) {
    subject.store.run_order(&order(1), &[]).await.expect("orders");
    assert_eq!(reap(subject, 60).await, NONE, "one that waits is not dead");
    let claimed = claim(subject.store(), "a", 1).await.expect("a run");
    assert_eq!(reap(subject, 2).await, NONE);
    assert_eq!(subject.store.run_reap("STAGING", instant(9), events_of_end).await.expect("looks"), NONE);
    let look = |store: Arc<dyn Store>, _| async move {
        store.run_reap(ENVIRONMENT, instant(3), events_of_end).await.expect("looks")
    };
    assert_eq!(at_once(subject, look).await.concat(), [claimed.order.run_id]);
    let found = find(subject, claimed.order.run_id).await;
    assert_eq!((found.status.as_str(), found.finished_at), ("failed", Some(instant(3))));
    assert!(found.error.expect("a reason").contains("its process died"));
    let sent = subject.store.outbox_list(ENVIRONMENT, 0, 10).await.expect("reads");
    assert_eq!((sent.len(), &sent[0].message["status"]), (1, &json!("failed")));

    let before = subject.dump().await;
    assert_eq!(reap(subject, 99).await, NONE);
    assert_eq!(subject.dump().await, before);
    assert_eq!(ordered_and_claimed(subject, 4).await.token, claimed.token + 1);
    assert_sound(subject).await;
}

/// Numbers are given in the order in which runs end, without gaps.
pub async fn runs_are_numbered_when_they_end(subject: &Subject) {
    let claimed = ordered_and_claimed(subject, 1).await;
    let plan = plan(subject.store(), MONDAY, &rules(RULES)).await;
    let beside = RunRecord { status: "failed".to_owned(), ..run_record(&plan, 2) };
    subject.store.run_close(&beside, &[]).await.expect("writes");
    subject.store.run_close(&ended(&claimed, "completed", 2), &[]).await.expect("closes");
    let rows = subject.rows("select run_number, status from {run} order by run_number").await;
    let rows: Vec<_> = rows.iter().map(|row| (row[0].as_deref(), row[1].as_deref())).collect();
    assert_eq!(rows, [(Some("1"), Some("failed")), (Some("2"), Some("completed"))]);
    let newest = subject.store.run_list(ENVIRONMENT, 1, 0).await.expect("reads");
    assert_eq!(newest[0].run_id, claimed.order.run_id);
}

/// Statistics count runs by how they ended, from an instant on, and take the mean of how long they ran.
pub async fn statistics_tell_how_runs_went(subject: &Subject) {
    let statistics = async |since: u32| subject.store.run_statistics(ENVIRONMENT, instant(since)).await.expect("reads");
    assert_eq!(statistics(0).await, RunStatistics::default());
    for (number, status) in (1..).zip(["completed", "held", "completed_with_errors", "failed", "cancelled"]) {
        let claimed = ordered_and_claimed(subject, number).await;
        subject.store.run_close(&ended(&claimed, status, number + number), &[]).await.expect("closes");
    }
    subject.store.run_order(&order(6), &[]).await.expect("orders");
    let all = RunStatistics { total: 6, successful: 2, failed: 2, avg_duration_seconds: Some(180.0) };
    assert_eq!(statistics(1).await, all);
    let late = RunStatistics { total: 3, successful: 0, failed: 1, avg_duration_seconds: Some(270.0) };
    assert_eq!(statistics(4).await, late);
    assert_eq!(statistics(7).await, RunStatistics::default());
}

/// The version of the memberships rises with changes only.
pub async fn the_version_rises_with_changes(subject: &Subject) {
    let version = async || subject.store.head_version(ENVIRONMENT).await.expect("reads");
    assert_eq!(version().await, 0);
    let first = sync(subject.store(), &snapshot(MONDAY, six_listings()), 1).await;
    assert_eq!(version().await, 1);
    subject
        .store
        .run_close(&RunRecord { status: "failed".into(), ..run_record(&first, 2) }, &[])
        .await
        .expect("writes");
    let claimed = ordered_and_claimed(subject, 3).await;
    subject.store.run_close(&ended(&claimed, "completed", 4), &[]).await.expect("closes");
    assert_eq!(version().await, 1);
    sync(subject.store(), &snapshot(TUESDAY, [stock("NVDA", 1_500.0, 2_500)]), 4).await;
    assert!(version().await > 1);
    assert_eq!(subject.store.head_version("STAGING").await.expect("reads"), 0);
}

async fn claim(store: &dyn Store, holder: &str, number: u32) -> Option<ClaimedRun> {
    claim_in(ENVIRONMENT, store, holder, number).await
}

async fn claim_in(environment: &str, store: &dyn Store, holder: &str, number: u32) -> Option<ClaimedRun> {
    store.run_claim(environment, holder, instant(number), TTL_SECONDS, |_| Vec::new()).await.expect("claims")
}

async fn ordered_and_claimed(subject: &Subject, number: u32) -> ClaimedRun {
    assert_eq!(subject.store.run_order(&order(number), &[]).await.expect("orders"), Ordered::Queued);
    claim(subject.store(), "a", number).await.expect("a run")
}

async fn reap(subject: &Subject, number: u32) -> Vec<Uuid> {
    subject.store.run_reap(ENVIRONMENT, instant(number), events_of_end).await.expect("looks")
}

async fn find(subject: &Subject, run_id: Uuid) -> RunRecord {
    subject.store.run_find(run_id).await.expect("reads").expect("a run")
}

/// Returns the record of a claimed run that changed nothing, ended at the instant of that number.
fn ended(claimed: &ClaimedRun, status: &str, number: u32) -> RunRecord {
    let RunOrder { run_id, environment, mode, session, force, preserve, dry_run, approves, triggered_by, created_at } =
        claimed.order.clone();
    RunRecord {
        run_id,
        environment,
        mode,
        session,
        status: status.to_owned(),
        triggered_by,
        created_at,
        started_at: Some(claimed.started_at),
        finished_at: Some(instant(number)),
        total_changes: 0,
        universes_updated: Vec::new(),
        task_results: json!({}),
        alerts: json!([]),
        held: json!([]),
        error: None,
        force,
        preserve,
        dry_run,
        approves,
        cancel_requested: false,
        progress: Value::Null,
        lease_token: Some(claimed.token),
    }
}

/// Returns the record of a claimed run that made a plan.
fn record_of(claimed: &ClaimedRun, plan: &Plan, number: u32) -> RunRecord {
    let RunRecord { total_changes, universes_updated, .. } = run_record(plan, number);
    RunRecord { session: Some(plan.session), total_changes, universes_updated, ..ended(claimed, "completed", number) }
}

async fn assert_sound(subject: &Subject) {
    assert_eq!(subject.store.inconsistency_list(ENVIRONMENT).await.expect("reads"), []);
    let active = "select count(*) from {run} where environment = 'DEFAULT' and status in ('pending', 'running')";
    assert!(["0", "1"].contains(&subject.value(active).await.as_str()));
    let lease =
        format!("select count(*) from {{lease}} where name = '{}' and holder is not null", run_lease(ENVIRONMENT));
    let running = "select count(*) from {run} where environment = 'DEFAULT' and status = 'running'";
    assert_eq!(subject.value(&lease).await, subject.value(running).await);
}
