//! The conformance suite on SQLite, each case with a file of its own.

use std::sync::Mutex;

use async_trait::async_trait;
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use universe_store::{DatabaseUri, open};
use universe_testkit::builders::instant;
use universe_testkit::conformance::{RawSql, Subject};
use universe_testkit::store_conformance;

store_conformance!(crate::subject);

async fn subject() -> Option<Subject> {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("universe.db");
    let uri = DatabaseUri::sqlite_file(&path);
    let store = open(&uri).await.expect("opens");
    store.migrate(instant(0)).await.expect("migrates");
    let raw = Box::new(RawSqlite(Mutex::new(Connection::open(&path).expect("opens"))));
    Some(Subject { store, uri, raw, keep: Box::new(directory) })
}

struct RawSqlite(Mutex<Connection>);

#[async_trait]
impl RawSql for RawSqlite {
    async fn execute(&self, sql: &str) {
        let connection = self.0.lock().expect("no panic before");
        connection.execute_batch(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    async fn rows(&self, sql: &str) -> Vec<Vec<Option<String>>> {
        let connection = self.0.lock().expect("no panic before");
        let mut statement = connection.prepare(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
        let columns = statement.column_count();
        let rows = statement.query_map([], |row| (0..columns).map(|at| row.get_ref(at).map(text)).collect());
        rows.and_then(Iterator::collect).unwrap_or_else(|error| panic!("{sql}: {error}"))
    }
}

fn text(value: ValueRef<'_>) -> Option<String> {
    match value {
        ValueRef::Null => None,
        ValueRef::Integer(number) => Some(number.to_string()),
        ValueRef::Real(number) => Some(number.to_string()),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
    }
}
