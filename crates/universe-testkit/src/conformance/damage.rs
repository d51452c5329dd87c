//! Finding what contradicts itself.

use super::Subject;
use crate::builders::{ENVIRONMENT, MONDAY, TUESDAY, six_listings, snapshot, stock, sync};

/// After runs of several kinds everything agrees with everything.
pub async fn a_sound_database_has_no_inconsistencies(subject: &Subject) {
    two_runs(subject).await;
    assert_eq!(checks(subject).await, [""; 0]);
}

/// An entry with other members than the open intervals, or in another order, is found.
pub async fn finds_an_entry_that_differs(subject: &Subject) {
    two_runs(subject).await;
    subject.execute("update cache_entries set value = '[\"MSFT\", \"GE\"]' where key = 'top_2'").await;
    let found = subject.store.inconsistency_list(ENVIRONMENT).await.expect("reads");
    assert!(found.iter().all(|found| found.check == "entry_equals_intervals"), "{found:?}");
    for symbol in ["AAPL", "GE"] {
        let named =
            |found: &&universe_store::Inconsistency| found.symbol.as_ref().is_some_and(|s| s.as_str() == symbol);
        let found = found.iter().find(named).unwrap_or_else(|| panic!("{symbol} is not named"));
        assert_eq!(found.universe.as_ref().map(|id| id.key()), Some("top_2"));
    }
    subject.execute("update cache_entries set value = '[\"AAPL\", \"MSFT\"]' where key = 'top_2'").await;
    assert_eq!(checks(subject).await, ["entry_equals_intervals"]);
}

/// A universe without its entry is found.
pub async fn finds_a_missing_entry(subject: &Subject) {
    two_runs(subject).await;
    subject.execute("delete from cache_entries where key = 'top_2'").await;
    assert_eq!(checks(subject).await, ["entry_equals_intervals"]);
}

/// A count that is not the number of members is found.
pub async fn finds_a_wrong_count(subject: &Subject) {
    two_runs(subject).await;
    subject.execute("update cache_entries set universe_metadata = '{\"count\": 7}' where key = 'top_2'").await;
    assert_eq!(checks(subject).await, ["entry_count"]);
}

/// Two memberships of one symbol at one time are found.
pub async fn finds_overlapping_intervals(subject: &Subject) {
    two_runs(subject).await;
    subject
        .execute(
            "insert into {membership} (universe_id, symbol, valid_from, valid_to, opened_run, closed_run, opened_reason)
            select universe_id, 'MSFT', '2024-03-04', '2024-03-05', 2, 2, 'in_band' from {universe} where key = 'top_2'",
        )
        .await;
    assert_eq!(checks(subject).await, ["intervals_overlap"]);
}

/// A lost audit entry or event is found, in the middle and at the end.
pub async fn finds_gaps_in_numbers(subject: &Subject) {
    two_runs(subject).await;
    subject.execute("delete from {audit_entry} where audit_number = 2").await;
    subject.execute("delete from {outbox} where event_number = 1").await;
    assert_eq!(checks(subject).await, ["audit_gap", "outbox_gap"]);
    subject.execute("delete from {audit_entry}").await;
    assert_eq!(checks(subject).await, ["audit_gap", "outbox_gap"]);
}

/// A universe whose changes are not numbered one after the other is found.
pub async fn finds_a_gap_in_a_sequence(subject: &Subject) {
    two_runs(subject).await;
    subject
        .execute("update {outbox} set sequence = 3 where universe = 'stock_universe:mid_cap' and sequence = 2")
        .await;
    let found = checks(subject).await;
    assert!(!found.is_empty() && found.iter().all(|check| *check == "sequence_gap"), "{found:?}");
}

async fn two_runs(subject: &Subject) {
    sync(subject.store(), &snapshot(MONDAY, six_listings()), 1).await;
    let mut rows = six_listings();
    rows[1] = stock("GME", 48.0, 305);
    sync(subject.store(), &snapshot(TUESDAY, rows), 2).await;
}

async fn checks(subject: &Subject) -> Vec<&'static str> {
    let found = subject.store.inconsistency_list(ENVIRONMENT).await.expect("reads");
    found.iter().map(|found| found.check).collect()
}
