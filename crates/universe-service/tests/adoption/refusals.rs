//! When adopting or undoing is refused or interrupted, nothing has happened.

use universe_core::planner::Holds;
use universe_service::Ambient as _;
use universe_store::{PostgresStore, Store as _};

use crate::harness::{ENVIRONMENT, Older, connect};

#[tokio::test]
async fn a_second_time_is_refused() {
    let Some(older) = Older::new(50).await else { return };
    let adoption = older.adopt().await;
    let error = older.store.adoption_apply(&adoption).await.expect_err("is refused").to_string();
    assert!(error.contains("was adopted already"), "{error}");
    assert!(older.survey().await.adopted.is_some());
}

#[tokio::test]
async fn of_two_at_once_one_adopts() {
    let Some(older) = Older::new(300).await else { return };
    let adoption = older.adoption().await;
    let mut other = adoption.clone();
    other.run.run_id = older.ambient.new_run_id();
    let second = PostgresStore::connect(&older.database.uri()).await.expect("connects");
    let (a, b) = tokio::join!(older.store.adoption_apply(&adoption), second.adoption_apply(&other));
    assert!(a.is_ok() != b.is_ok(), "{a:?} {b:?}");
    let error = a.err().or(b.err()).expect("one is refused").to_string();
    assert!(error.contains("was adopted already"), "{error}");
    assert_eq!(older.store.inconsistency_list(ENVIRONMENT).await.expect("checks"), []);
    assert_eq!(older.store.run_list(ENVIRONMENT, 10, 0).await.expect("lists").len(), 1);
}

#[tokio::test]
async fn a_database_with_runs_is_refused() {
    let Some(older) = Older::new(50).await else { return };
    let adoption = older.adoption().await;
    older.store.migrate(older.ambient.now()).await.expect("migrates");
    older.sync(&adoption, Holds::Wait).await;
    let error = older.store.adoption_apply(&adoption).await.expect_err("is refused").to_string();
    assert!(error.contains("has been synchronized already"), "{error}");
}

#[tokio::test]
async fn rows_that_changed_meanwhile_are_looked_at_again() {
    let Some(older) = Older::new(50).await else { return };
    let adoption = older.adoption().await;
    older.client.batch_execute("update cache_entries set value = '[\"V\"]' where key = 'watch'").await.expect("writes");
    let error = older.store.adoption_apply(&adoption).await.expect_err("is refused").to_string();
    assert!(error.contains("changed since it was looked at"), "{error}");
    assert!(!older.survey().await.is_set_up, "nothing was changed");
}

/// The server ends the connection while the transaction waits for a lock in the midst of its work.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_dies_leaves_nothing() {
    let Some(older) = Older::new(300).await else { return };
    let adoption = older.adoption().await;
    let mut blocker = connect(&older.database.uri()).await;
    let lock = blocker.transaction().await.expect("begins");
    lock.batch_execute("lock table ohlcv_daily in access share mode; lock table symbols in share mode")
        .await
        .expect("locks");
    let killing = async {
        loop {
            let killed = "select count(pg_terminate_backend(pid)) from pg_stat_activity
                where datname = current_database() and application_name = 'universe' and wait_event_type = 'Lock'";
            if older.client.query_one(killed, &[]).await.expect("asks").get::<_, i64>(0) > 0 {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    let (applied, ()) = tokio::join!(older.store.adoption_apply(&adoption), killing);
    applied.expect_err("the connection was ended");
    drop(lock);
    older.assert_as_it_was().await;
    let again = PostgresStore::connect(&older.database.uri()).await.expect("connects");
    again.adoption_apply(&adoption).await.expect("adopts, the next time");
}

#[tokio::test]
async fn missing_rights_are_named_before_anything_is_tried() {
    let Some(older) = Older::new(50).await else { return };
    let role = format!("{}_reader", older.database.name());
    let sql = format!("create role {role} login password 'x'; grant select on all tables in schema public to {role}");
    older.client.batch_execute(&sql).await.expect("makes a role");
    let uri = older.database.uri();
    let host = uri.rsplit('@').next().expect("a host");
    let store = PostgresStore::connect(&format!("postgresql://{role}:x@{host}")).await.expect("connects");
    let survey = store.adoption_survey(ENVIRONMENT).await.expect("looks");
    let said: Vec<String> = survey.obstacles.iter().map(|o| format!("{}; {}", o.detail, o.remedy)).collect();
    let said = said.join("\n");
    for part in ["may not make a schema", "grant create on database", "table symbols belongs to", "table cache_entries"]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(survey.obstacles.iter().all(|obstacle| obstacle.is_right));
    let adoption = older.adoption().await;
    store.adoption_apply(&adoption).await.expect_err("is refused");
    drop(store);
    older.assert_as_it_was().await;
    let drop = format!("drop owned by {role}; drop role {role}");
    older.client.batch_execute(&drop).await.expect("drops the role");
}

#[tokio::test]
async fn a_server_at_work_is_not_pulled_the_rug_from_under() {
    let Some(older) = Older::new(50).await else { return };
    older.adopt().await;
    older.store.lease_take("relay:DEFAULT", "17/ab", older.ambient.now(), 15).await.expect("takes").expect("is free");
    let refused = older.store.adoption_undo_plan(ENVIRONMENT, older.ambient.now()).await;
    let error = refused.expect_err("is refused").to_string();
    assert!(error.contains("process 17/ab is at work"), "{error}");
}
