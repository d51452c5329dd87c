//! Keeping universes in order: `organize`, `validate`, `stats`, and lists of many universes, on both stores.

mod lists;
mod organizing;
mod statistics;
mod validating;

use universe_store::Backend;

use crate::harness::Place;

/// Executes a statement as another program would.
pub(crate) fn execute(place: &Place, sql: &str) {
    match place.postgres_uri() {
        None => {
            let database = rusqlite::Connection::open(place.path("universe.db")).expect("opened");
            database.execute_batch(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
        }
        Some(uri) => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let (client, connection) =
                    tokio_postgres::connect(&uri, tokio_postgres::NoTls).await.expect("connected");
                tokio::spawn(connection);
                client.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
            });
        }
    }
}

/// Returns the name of a table of the project's own.
pub(crate) fn own(place: &Place, table: &str) -> String {
    match if place.is_postgres() { Backend::Postgres } else { Backend::Sqlite } {
        Backend::Postgres => format!("universe.{table}"),
        Backend::Sqlite => format!("universe_{table}"),
    }
}

/// Writes an entry as another program would.
pub(crate) fn put_entry(place: &Place, universe_type: &str, key: &str, name: &str, value: &str) {
    execute(
        place,
        &format!(
            "insert into cache_entries (type, name, key, value) values ('{universe_type}', '{name}', '{key}', '{value}')"
        ),
    );
}
