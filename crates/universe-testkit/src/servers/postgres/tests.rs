use super::*;

#[test]
fn puts_the_database_into_any_spelling_of_the_server() {
    for server in ["postgresql://me:pw@host:1", "postgresql://me:pw@host:1/", "postgresql://me:pw@host:1/postgres"] {
        assert_eq!(database_uri(server, "db"), "postgresql://me:pw@host:1/db");
    }
    assert_eq!(database_uri("postgresql://host/x?sslmode=disable", "db"), "postgresql://host/db?sslmode=disable");
}

#[test]
fn two_tests_get_two_databases_and_leave_none() {
    let Some(first) = test_database() else { return };
    let second = test_database().expect("the first worked");
    assert_ne!(first.name(), second.name());
    assert_eq!(execute(&first.uri(), "create table t (x int)".into()), Ok(()));
    assert_eq!(execute(&second.uri(), "create table t (x int)".into()), Ok(()));
    let uri = second.uri();
    drop(second);
    let (code, _) = execute(&uri, "select 1".into()).expect_err("it is dropped");
    assert_eq!(code, Some(SqlState::INVALID_CATALOG_NAME));
}

#[tokio::test]
async fn works_inside_a_runtime() {
    let Some(database) = test_database() else { return };
    let (client, connection) = tokio_postgres::connect(&database.uri(), NoTls).await.expect("connects");
    tokio::spawn(connection);
    let row = client.query_one("select current_database()::text", &[]).await.expect("answers");
    assert_eq!(row.get::<_, String>(0), database.name());
}

#[test]
fn data_survives_a_stop_and_a_crash() {
    let Some(mut server) = or_skip("PostgreSQL", PostgresServer::start()) else { return };
    let uri = server.database().expect("creates");
    execute(&uri, "create table t (x int); insert into t values (1)".into()).expect("writes");
    server.stop();
    assert!(execute(&uri, "select 1".into()).is_err());
    server.restart().expect("starts again");
    execute(&uri, "insert into t values (2)".into()).expect("writes");
    server.kill();
    assert!(execute(&uri, "select 1".into()).is_err());
    server.restart().expect("recovers");
    execute(&uri, "do $$ begin assert (select count(*) from t) = 2; end $$".into()).expect("both rows are there");
    let directory = server.directory.path().to_owned();
    drop(server);
    assert!(!directory.exists());
}
