//! What a PostgreSQL store says and leaves behind when something goes wrong around it.

use std::sync::Arc;

use tokio_postgres::{Client, NoTls};
use universe_store::{PostgresStore, Store, StoreError};
use universe_testkit::builders::{
    ENVIRONMENT, MONDAY, RULES, TUESDAY, apply, instant, load, plan, rules, six_listings, snapshot, stock, sync,
};
use universe_testkit::{PostgresServer, ServerError, test_database};

async fn connect(uri: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(uri, NoTls).await.expect("connects");
    tokio::spawn(connection);
    client
}

async fn migrated(uri: &str) -> PostgresStore {
    let store = PostgresStore::connect(uri).await.expect("connects");
    store.migrate(instant(0)).await.expect("migrates");
    store
}

/// Starts a server that a test may stop, unless there are no binaries for one.
fn own_server() -> Option<PostgresServer> {
    match PostgresServer::start() {
        Ok(server) => Some(server),
        Err(ServerError::Missing { hint, .. }) if !universe_testkit::servers_required() => {
            eprintln!("skipped: no PostgreSQL ({hint})");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// Puts another user and password into an address.
fn with_user(uri: &str, user: &str, password: &str) -> String {
    let (_, place) = uri.rsplit_once('@').expect("an address with a user");
    format!("postgresql://{user}:{password}@{place}")
}

async fn counts(client: &Client) -> Vec<i64> {
    let sql = "select count(*) from universe.run
        union all select count(*) from universe.membership
        union all select count(*) from universe.audit_entry
        union all select count(*) from universe.outbox
        union all select count(*) from cache_entries
        union all select coalesce(sum(version), 0)::bigint from universe.head";
    client.query(sql, &[]).await.expect("counts").iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let error = PostgresStore::connect("postgresql://me:secret@127.0.0.1:1/ticks").await.expect_err("nobody listens");
    assert!(matches!(error, StoreError::Unavailable(_)) && error.is_transient(), "{error:?}");
    let message = error.to_string();
    assert!(message.contains("127.0.0.1:1") && message.contains("check that PostgreSQL runs there"), "{message}");
    assert!(!message.contains("secret"), "{message}");
}

#[tokio::test]
async fn a_wrong_password_and_a_missing_database_are_told_apart() {
    let Some(database) = test_database() else { return };
    let uri = with_user(&database.uri(), "nobody_known", "secret");
    let message = PostgresStore::connect(&uri).await.expect_err("no such user").to_string();
    assert!(message.contains("does not let user nobody_known in") && message.contains("password"), "{message}");
    assert!(!message.contains("secret"), "{message}");

    let uri = database.uri().replace(database.name(), "no_such_database");
    let message = PostgresStore::connect(&uri).await.expect_err("no such database").to_string();
    assert!(message.contains("no database no_such_database") && message.contains("createdb"), "{message}");
}

#[tokio::test]
async fn a_database_that_is_not_set_up_says_how() {
    let Some(database) = test_database() else { return };
    let store = PostgresStore::connect(&database.uri()).await.expect("connects");
    let error = store.state_read(ENVIRONMENT, MONDAY).await.expect_err("no tables");
    assert!(matches!(&error, StoreError::Schema(message) if message.contains("universe db migrate")), "{error:?}");
    assert!(store.migration_list().await.expect("lists").iter().all(|migration| migration.applied_at.is_none()));
}

#[tokio::test]
async fn many_migrations_at_once_apply_each_once() {
    let Some(database) = test_database() else { return };
    let mut tasks = Vec::new();
    for _ in 0..6 {
        let store = PostgresStore::connect(&database.uri()).await.expect("connects");
        tasks.push(tokio::spawn(async move { store.migrate(instant(0)).await.expect("migrates") }));
    }
    let mut applied = Vec::new();
    for task in tasks {
        applied.extend(task.await.expect("ends"));
    }
    let store = PostgresStore::connect(&database.uri()).await.expect("connects");
    let migrations = store.migration_list().await.expect("lists");
    assert_eq!(applied, migrations.iter().map(|migration| migration.name.clone()).collect::<Vec<_>>());
    assert!(migrations.iter().all(|migration| migration.is_intact && migration.applied_at == Some(instant(0))));
}

#[tokio::test]
async fn a_migration_that_was_changed_afterwards_is_refused() {
    let Some(database) = test_database() else { return };
    let store = migrated(&database.uri()).await;
    let owner = connect(&database.uri()).await;
    owner.execute("update universe.migration set checksum = 'another'", &[]).await.expect("tampers");
    let error = store.migrate(instant(1)).await.expect_err("tampered with");
    assert!(matches!(&error, StoreError::Schema(message) if message.contains("other statements")), "{error:?}");
}

#[tokio::test]
async fn of_runs_at_once_one_is_applied_and_the_others_are_stale() {
    let Some(database) = test_database() else { return };
    let store = Arc::new(migrated(&database.uri()).await);
    load(&*store, &snapshot(MONDAY, six_listings()), 1).await;
    let planned = Arc::new(plan(&*store, MONDAY, &rules(RULES)).await);
    let mut tasks = Vec::new();
    for number in 2..6 {
        let (store, planned) = (Arc::clone(&store), Arc::clone(&planned));
        tasks.push(tokio::spawn(async move { apply(&*store, &planned, number).await }));
    }
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.expect("ends"));
    }
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "{results:?}");
    let stale = |result: &&Result<(), StoreError>| matches!(result, Err(StoreError::Stale { expected: 0, current: 1 }));
    assert_eq!(results.iter().filter(stale).count(), 3, "{results:?}");
    assert_eq!(store.inconsistency_list(ENVIRONMENT).await.expect("checks"), []);
    assert_eq!(store.run_list(ENVIRONMENT, 10, 0).await.expect("lists").len(), 1);
}

/// With stricter isolation than the stock server's, the losers meet serialization failures instead of waiting.
#[tokio::test]
async fn serialization_failures_are_tried_again() {
    let Some(database) = test_database() else { return };
    let owner = connect(&database.uri()).await;
    let name = database.name();
    let sql = format!("alter database {name} set default_transaction_isolation = 'serializable'");
    owner.batch_execute(&sql).await.expect("sets the isolation");
    let store = Arc::new(migrated(&database.uri()).await);
    load(&*store, &snapshot(MONDAY, six_listings()), 1).await;
    sync(&*store, &snapshot(MONDAY, six_listings()), 2).await;
    load(&*store, &snapshot(TUESDAY, six_listings().into_iter().chain([stock("TSLA", 200.0, 3_180)])), 3).await;
    let planned = plan(&*store, TUESDAY, &rules(RULES)).await;

    // Somebody takes the head first, so that the run must wait for it; the change makes the run's
    // transaction fail, and its second attempt then sees the version of the other.
    let mut other = connect(&database.uri()).await;
    let tx = other.transaction().await.expect("begins");
    tx.execute("update universe.head set version = version + 1", &[]).await.expect("takes the head");
    let run = tokio::spawn({
        let (store, planned) = (Arc::clone(&store), planned.clone());
        async move { apply(&*store, &planned, 4).await }
    });
    loop {
        let waiting = "select exists (select from pg_stat_activity
            where datname = current_database() and wait_event_type = 'Lock')";
        if owner.query_one(waiting, &[]).await.expect("looks").get::<_, bool>(0) {
            break;
        }
        tokio::task::yield_now().await;
    }
    tx.commit().await.expect("commits");
    let result = run.await.expect("ends");
    assert!(matches!(result, Err(StoreError::Stale { expected: 1, current: 2 })), "{result:?}");

    owner.execute("update universe.head set version = version - 1", &[]).await.expect("gives it back");
    apply(&*store, &planned, 4).await.expect("applies");
    assert_eq!(store.inconsistency_list(ENVIRONMENT).await.expect("checks"), []);
}

#[tokio::test]
async fn a_refused_statement_leaves_nothing_behind() {
    let Some(database) = test_database() else { return };
    let store = migrated(&database.uri()).await;
    load(&store, &snapshot(MONDAY, six_listings()), 1).await;
    let planned = plan(&store, MONDAY, &rules(RULES)).await;
    let owner = connect(&database.uri()).await;
    // Refused only when the last event is written, after everything else of the run.
    owner
        .batch_execute(
            "alter table universe.outbox add constraint outbox_test_check check (event <> 'cache_sync_completed')",
        )
        .await
        .expect("adds a constraint");
    let before = counts(&owner).await;
    let error = apply(&store, &planned, 2).await.expect_err("the constraint refuses");
    assert!(matches!(&error, StoreError::Conflict { constraint } if constraint == "outbox_test_check"), "{error:?}");
    assert_eq!(counts(&owner).await, before);

    owner.batch_execute("alter table universe.outbox drop constraint outbox_test_check").await.expect("drops it");
    apply(&store, &planned, 3).await.expect("the same plan still applies");
    assert_eq!(store.inconsistency_list(ENVIRONMENT).await.expect("checks"), []);
}

#[tokio::test]
async fn a_user_without_permission_is_told_about_it() {
    let Some(database) = test_database() else { return };
    let store = migrated(&database.uri()).await;
    load(&store, &snapshot(MONDAY, six_listings()), 1).await;
    let planned = plan(&store, MONDAY, &rules(RULES)).await;
    // Roles belong to the whole server, which tests share.
    let user = format!("{}_user", database.name());
    let owner = connect(&database.uri()).await;
    owner
        .batch_execute(&format!("create role {user} login password 'secret'; grant tickstock_reader to {user}"))
        .await
        .expect("makes a user");
    let limited = PostgresStore::connect(&with_user(&database.uri(), &user, "secret")).await.expect("connects");
    assert!(limited.state_read(ENVIRONMENT, MONDAY).await.is_ok(), "a reader may read");
    let message = apply(&limited, &planned, 2).await.expect_err("may not write").to_string();
    assert!(message.contains("permission denied for table head") && message.contains("grant"), "{message}");
    let hashes = limited.key_list().await.expect_err("may not see hashes").to_string();
    assert!(hashes.contains("permission denied for table api_key"), "{hashes}");
    drop(limited);
    owner.batch_execute(&format!("drop owned by {user}; drop role {user}")).await.expect("removes the user");
}

#[tokio::test]
async fn a_server_that_stops_is_unavailable_and_found_again() {
    let Some(mut server) = own_server() else { return };
    let uri = server.database().expect("a database");
    let store = migrated(&uri).await;
    sync(&store, &snapshot(MONDAY, six_listings()), 1).await;
    load(&store, &snapshot(TUESDAY, six_listings().into_iter().chain([stock("TSLA", 200.0, 3_180)])), 2).await;
    let planned = plan(&store, TUESDAY, &rules(RULES)).await;
    assert!(!planned.is_empty());

    server.stop();
    let error = apply(&store, &planned, 3).await.expect_err("the server is gone");
    assert!(error.is_transient(), "{error:?}");

    server.restart().expect("starts again");
    apply(&store, &planned, 4).await.expect("applies with new connections");
    assert_eq!(store.inconsistency_list(ENVIRONMENT).await.expect("checks"), []);
}

#[tokio::test]
async fn what_was_applied_survives_a_crash_of_the_server() {
    let Some(mut server) = own_server() else { return };
    let uri = server.database().expect("a database");
    let store = migrated(&uri).await;
    sync(&store, &snapshot(MONDAY, six_listings()), 1).await;
    server.kill();
    server.restart().expect("recovers");
    let state = store.state_read(ENVIRONMENT, MONDAY).await;
    // Connections of before the crash may be handed out once more.
    let state = match state {
        Err(error) if error.is_transient() => store.state_read(ENVIRONMENT, MONDAY).await,
        state => state,
    };
    assert_eq!(state.expect("reads").version, 1);
    assert_eq!(store.inconsistency_list(ENVIRONMENT).await.expect("checks"), []);
}
