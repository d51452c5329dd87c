//! Runs of a whole market's size, which PostgreSQL is given in bulk.

use universe_store::{PostgresStore, Store};
use universe_testkit::builders::{ENVIRONMENT, MONDAY, TUESDAY, instant, snapshot, stock, sync, universe};
use universe_testkit::test_database;

/// More than what is still written row by row.
const LISTINGS: i64 = 6_000;

#[tokio::test]
async fn thousands_of_memberships_open_and_close() {
    let Some(database) = test_database() else { return };
    let store = PostgresStore::connect(&database.uri()).await.expect("connects");
    store.migrate(instant(0)).await.expect("migrates");
    let market = |close: f64| (0..LISTINGS).map(move |number| stock(&format!("Z{number}"), close, 10_000 + number));

    sync(&store, &snapshot(MONDAY, market(100.0)), 1).await;
    let mega = universe("stock_universe:mega_cap");
    let members = store.member_list(ENVIRONMENT, &mega, None, None).await.expect("reads").expect("exists").members;
    assert_eq!(members.len(), 6_000);
    assert!(members.iter().all(|member| member.since == Some(MONDAY)));
    assert_eq!(store.inconsistency_list(ENVIRONMENT).await.expect("checks"), []);
    let opened = store.membership_list(ENVIRONMENT, Some(&mega), None).await.expect("lists");
    assert!(opened.iter().all(|row| row.opened_run == 1 && row.opened_reason == "in_band" && row.opened_cap.is_some()));

    sync(&store, &snapshot(TUESDAY, market(1.0)), 2).await;
    let large = universe("stock_universe:large_cap");
    let count =
        async |id| store.member_list(ENVIRONMENT, id, None, None).await.expect("reads").expect("exists").universe.count;
    assert_eq!((count(&mega).await, count(&large).await), (0, 6_000), "all of them moved down");
    assert_eq!(store.inconsistency_list(ENVIRONMENT).await.expect("checks"), []);
    let before = store.member_list(ENVIRONMENT, &mega, Some(MONDAY), None).await.expect("reads").expect("exists");
    assert_eq!(before.members.len(), 6_000, "the day before is remembered");
}
