//! Events on their way out: published in order, and deleted when they were kept long enough.

use universe_store::{OutboxSpan, RunRecord};

use super::Subject;
use crate::builders::{
    ENVIRONMENT, MONDAY, TUESDAY, WEDNESDAY, event, instant, order, run_record, six_listings, snapshot, stock, sync,
};

/// Events wait in order until they are marked; marking them again changes nothing.
pub async fn events_are_published_in_order(subject: &Subject) {
    five_events(subject).await;
    let waiting = async |limit: u32| -> Vec<i64> {
        let entries = subject.store.outbox_unpublished(ENVIRONMENT, limit).await.expect("reads");
        entries.iter().map(|entry| entry.number).collect()
    };
    let mark = async |up_to: i64, number: u32| {
        subject.store.outbox_published(ENVIRONMENT, up_to, instant(number)).await.expect("writes")
    };
    assert_eq!(waiting(10).await, [1, 2, 3, 4, 5]);
    assert_eq!(waiting(2).await, [1, 2]);
    assert_eq!(mark(2, 6).await, 2);
    assert_eq!(waiting(10).await, [3, 4, 5]);
    let before = subject.dump().await;
    assert_eq!(mark(2, 7).await, 0);
    assert_eq!(subject.dump().await, before);
    assert_eq!(mark(4, 7).await, 2);
    let all = subject.store.outbox_list(ENVIRONMENT, 0, 10).await.expect("reads");
    let published: Vec<_> = all.iter().map(|entry| entry.published_at).collect();
    assert_eq!(published, [Some(instant(6)), Some(instant(6)), Some(instant(7)), Some(instant(7)), None]);
    assert_eq!(all[4], subject.store.outbox_unpublished(ENVIRONMENT, 1).await.expect("reads")[0]);
    assert_eq!(subject.store.outbox_unpublished("STAGING", 10).await.expect("reads"), []);
    assert_eq!(subject.store.outbox_published("STAGING", 10, instant(8)).await.expect("writes"), 0);
}

/// Only what is old and published goes, from the oldest on, and leaves no gap.
pub async fn old_published_events_are_deleted(subject: &Subject) {
    assert_eq!(span(subject).await, None);
    assert_eq!(prune(subject, 9).await, 0);
    five_events(subject).await;
    let expected = |oldest, unpublished, since: Option<u32>| {
        Some(OutboxSpan { oldest, newest: 5, unpublished, unpublished_since: since.map(instant) })
    };
    assert_eq!(span(subject).await, expected(1, 5, Some(1)));
    assert_eq!(prune(subject, 9).await, 0);
    subject.store.outbox_published(ENVIRONMENT, 3, instant(6)).await.expect("writes");
    assert_eq!(prune(subject, 1).await, 0);
    assert_eq!(prune(subject, 3).await, 2);
    assert_eq!(span(subject).await, expected(3, 2, Some(4)));
    assert_eq!(prune(subject, 9).await, 1);
    assert_eq!(span(subject).await, expected(4, 2, Some(4)));
    subject.store.outbox_published(ENVIRONMENT, 5, instant(6)).await.expect("writes");
    assert_eq!(prune(subject, 9).await, 2);
    assert_eq!(span(subject).await, expected(6, 0, None));
    assert_eq!(prune(subject, 9).await, 0);
    assert_eq!(subject.store.outbox_list(ENVIRONMENT, 0, 10).await.expect("reads"), []);
    assert_eq!(subject.store.inconsistency_list(ENVIRONMENT).await.expect("reads"), []);
    subject.store.run_order(&order(9), &[event(9)]).await.expect("orders");
    assert_eq!(subject.store.outbox_list(ENVIRONMENT, 0, 10).await.expect("reads")[0].number, 6);
    assert_eq!(subject.store.inconsistency_list(ENVIRONMENT).await.expect("reads"), []);
}

/// After events of universes were deleted, their numbers still have to follow each other.
pub async fn deleted_events_hide_no_gaps(subject: &Subject) {
    sync(subject.store(), &snapshot(MONDAY, six_listings()), 1).await;
    subject.store.outbox_published(ENVIRONMENT, i64::MAX, instant(1)).await.expect("writes");
    assert!(prune(subject, 2).await > 0);
    assert_eq!(checks(subject).await, [""; 0]);
    for (session, close, number) in [(TUESDAY, 48.0, 2), (WEDNESDAY, 16.0, 3)] {
        let mut rows = six_listings();
        rows[1] = stock("GME", close, 305);
        sync(subject.store(), &snapshot(session, rows), number).await;
    }
    assert_eq!(checks(subject).await, [""; 0]);
    let last = "select max(sequence) from {outbox} where universe = 'stock_universe:mid_cap'";
    assert_eq!(subject.value(last).await, "3");
    let oldest = span(subject).await.expect("events").oldest;
    subject
        .execute("update {outbox} set sequence = 7 where universe = 'stock_universe:mid_cap' and sequence = 3")
        .await;
    let found = checks(subject).await;
    assert!(!found.is_empty() && found.iter().all(|check| *check == "sequence_gap"), "{found:?}");
    subject
        .execute("update {outbox} set sequence = 3 where universe = 'stock_universe:mid_cap' and sequence = 7")
        .await;
    subject.execute(&format!("delete from {{outbox}} where event_number = {oldest}")).await;
    assert_eq!(checks(subject).await, ["outbox_gap"]);
}

/// Writes five events, one in each of the minutes 1 to 5.
async fn five_events(subject: &Subject) {
    let plan = crate::builders::plan(subject.store(), MONDAY, &crate::builders::rules(&[])).await;
    for number in 1..=5 {
        let record = RunRecord { status: "failed".to_owned(), ..run_record(&plan, number) };
        subject.store.run_close(&record, &[event(number)]).await.expect("writes");
    }
}

async fn prune(subject: &Subject, number: u32) -> u64 {
    subject.store.outbox_prune(ENVIRONMENT, instant(number)).await.expect("deletes")
}

async fn span(subject: &Subject) -> Option<OutboxSpan> {
    subject.store.outbox_span(ENVIRONMENT).await.expect("reads")
}

async fn checks(subject: &Subject) -> Vec<&'static str> {
    let found = subject.store.inconsistency_list(ENVIRONMENT).await.expect("reads");
    found.iter().map(|found| found.check).collect()
}
