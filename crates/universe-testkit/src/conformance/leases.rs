//! Leases with fencing tokens, and schedules that fire once.

use std::sync::Arc;

use universe_store::{Lease, Store, StoreError};

use super::{Subject, at_once};
use crate::builders::{ENVIRONMENT, MONDAY, TUESDAY, event, instant};

/// Longer than the time between two instants of the tests, shorter than that between three.
const TTL_SECONDS: i64 = 90;

const NAME: &str = "relay:DEFAULT";

/// One holder has a lease until it expires or is given back, and may renew it; leases do not know each other.
pub async fn a_lease_has_one_holder(subject: &Subject) {
    assert_eq!(take(subject, "a", 1).await, Some(Lease { token: 1 }));
    assert_eq!(take(subject, "b", 1).await, None);
    assert_eq!(take(subject, "a", 2).await, Some(Lease { token: 1 }));
    assert_eq!(take(subject, "b", 3).await, None);
    let other = subject.store.lease_take("scheduler:DEFAULT", "b", instant(1), TTL_SECONDS).await.expect("takes");
    assert_eq!(other, Some(Lease { token: 1 }));
    subject.store.lease_release(NAME, 1).await.expect("releases");
    assert_eq!(take(subject, "b", 3).await, Some(Lease { token: 2 }));
    assert_eq!(take(subject, "a", 3).await, None);
}

/// An expired lease is taken over with the next token, and what its last holder gives back is not its own.
pub async fn an_expired_lease_is_taken_over(subject: &Subject) {
    assert_eq!(take(subject, "a", 1).await, Some(Lease { token: 1 }));
    assert_eq!(take(subject, "b", 3).await, Some(Lease { token: 2 }));
    assert_eq!(take(subject, "a", 3).await, None);
    subject.store.lease_release(NAME, 1).await.expect("releases nothing");
    assert_eq!(take(subject, "a", 4).await, None);
    assert_eq!(take(subject, "a", 5).await, Some(Lease { token: 3 }));
}

/// A lease is over in the very instant at which it expires, to the microsecond.
pub async fn a_lease_ends_when_it_expires(subject: &Subject) {
    let later = |micros: i64| instant(1) + jiff::SignedDuration::from_micros(micros);
    let take = async |holder: &str, at| subject.store.lease_take(NAME, holder, at, 1).await.expect("takes");
    assert!(take("a", later(500_000)).await.is_some());
    assert_eq!(take("b", later(1_000_000)).await, None);
    assert_eq!(take("b", later(1_499_999)).await, None);
    assert_eq!(take("b", later(1_500_000)).await, Some(Lease { token: 2 }));
}

/// Of several who take a lease at once one gets it.
pub async fn of_takes_at_once_one_succeeds(subject: &Subject) {
    for number in [1, 3, 5] {
        let take = |store: Arc<dyn Store>, holder: u32| async move {
            store.lease_take(NAME, &holder.to_string(), instant(number), TTL_SECONDS).await.expect("takes")
        };
        let answers = at_once(subject, take).await;
        assert_eq!(answers.iter().flatten().count(), 1, "{answers:?}");
        let token = answers.iter().flatten().next().expect("one").token;
        subject.store.lease_release(NAME, token).await.expect("releases");
    }
}

/// A schedule fires once for a session, whoever asks, and remembers the newest one.
pub async fn a_schedule_fires_once_for_a_session(subject: &Subject) {
    let fire = async |store: &dyn Store, schedule: &str, session: jiff::civil::Date| {
        let told = [event(u32::from(session.day().unsigned_abs()))];
        store.schedule_fired(ENVIRONMENT, schedule, session, instant(1), &told).await.expect("writes")
    };
    assert_eq!(subject.store.schedule_last(ENVIRONMENT, "daily").await.expect("reads"), None);
    let fired = at_once(subject, move |store: Arc<dyn Store>, _| async move { fire(&*store, "daily", TUESDAY).await });
    assert_eq!(fired.await.iter().filter(|fired| **fired).count(), 1);
    let before = subject.dump().await;
    assert!(!fire(subject.store(), "daily", TUESDAY).await);
    assert_eq!(subject.dump().await, before);
    assert!(fire(subject.store(), "daily", MONDAY).await);
    assert_eq!(subject.store.schedule_last(ENVIRONMENT, "daily").await.expect("reads"), Some(TUESDAY));
    assert_eq!(subject.store.schedule_last(ENVIRONMENT, "weekly").await.expect("reads"), None);
    assert_eq!(subject.store.schedule_last("STAGING", "daily").await.expect("reads"), None);
    let sent = subject.store.outbox_list(ENVIRONMENT, 0, 10).await.expect("reads");
    assert_eq!(sent.iter().map(|entry| entry.id).collect::<Vec<_>>(), [event(5).id, event(4).id], "told once each");

    // What is told already is told by nobody, and then there is nothing to remember either.
    let before = subject.dump().await;
    let again = subject.store.schedule_fired(ENVIRONMENT, "weekly", TUESDAY, instant(1), &[event(5)]).await;
    assert!(matches!(again, Err(StoreError::Conflict { .. })), "{again:?}");
    assert_eq!(subject.dump().await, before);
}

async fn take(subject: &Subject, holder: &str, number: u32) -> Option<Lease> {
    subject.store.lease_take(NAME, holder, instant(number), TTL_SECONDS).await.expect("takes")
}
