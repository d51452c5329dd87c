//! The conformance suite on PostgreSQL, each case with a database of its own.

use async_trait::async_trait;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};
use universe_store::open;
use universe_testkit::builders::instant;
use universe_testkit::conformance::{RawSql, Subject};
use universe_testkit::{store_conformance, test_database};

store_conformance!(crate::subject);

async fn subject() -> Option<Subject> {
    let database = test_database()?;
    let uri = database.uri().parse().expect("a PostgreSQL address");
    let store = open(&uri).await.expect("opens");
    store.migrate(instant(0)).await.expect("migrates");
    let (client, connection) = tokio_postgres::connect(&database.uri(), NoTls).await.expect("connects");
    tokio::spawn(connection);
    Some(Subject { store, uri, raw: Box::new(RawPostgres(client)), keep: Box::new(database) })
}

struct RawPostgres(Client);

#[async_trait]
impl RawSql for RawPostgres {
    async fn execute(&self, sql: &str) {
        self.0.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }

    async fn rows(&self, sql: &str) -> Vec<Vec<Option<String>>> {
        let messages = self.0.simple_query(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        let rows = messages.iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        rows.map(|row| (0..row.len()).map(|at| row.get(at).map(str::to_owned)).collect()).collect()
    }
}
