//! Setting a database up.

use universe_store::{StoreError, open};

use super::{OWN_TABLES, PUBLIC_TABLES, Subject};
use crate::builders::instant;

/// A database tells its version, whether it takes writes, and who holds leases.
pub async fn vital_signs_are_those_of_the_database(subject: &Subject) {
    let signs = subject.store.vital_signs().await.expect("tells");
    assert!(signs.version.starts_with(|c: char| c.is_ascii_digit()), "{}", signs.version);
    assert!(!signs.is_read_only && signs.bytes > 0 && signs.leases.is_empty(), "{signs:?}");
    match subject.store.backend() {
        universe_store::Backend::Sqlite => {
            assert!(signs.now.is_none() && signs.journal.is_some_and(|mode| ["wal", "memory"].contains(&&*mode)));
        }
        universe_store::Backend::Postgres => assert!(signs.now.is_some() && signs.journal.is_none()),
    }
    subject.store.lease_take("relay:DEFAULT", "17/ab", instant(1), 15).await.expect("takes").expect("is free");
    let leases = subject.store.vital_signs().await.expect("tells").leases;
    assert_eq!((&*leases[0].name, &*leases[0].holder), ("relay:DEFAULT", "17/ab"));
    assert_eq!(leases[0].expires_at.duration_since(instant(1)).as_secs(), 15);
}

/// A migration is listed with the instant at which it was applied, and is not applied again.
pub async fn migrations_are_listed_and_applied_once(subject: &Subject) {
    let listed = subject.store.migration_list().await.expect("lists");
    assert!(!listed.is_empty());
    assert!(listed.iter().all(|migration| migration.applied_at.is_some() && migration.is_intact));
    let before = subject.dump().await;
    assert_eq!(subject.store.migrate(instant(5)).await.expect("migrates"), [""; 0]);
    assert_eq!(subject.dump().await, before);
}

/// Several stores on one database may open and migrate at the same time.
pub async fn processes_may_start_at_once(subject: &Subject) {
    let start = async || {
        let store = open(&subject.uri).await.expect("opens");
        store.migrate(instant(1)).await.expect("migrates").len()
    };
    let (a, b, c) = tokio::join!(start(), start(), start());
    assert_eq!([a, b, c], [0; 3]);
}

/// A migration that was applied with another text is found out, and nothing is done about it.
pub async fn refuses_changed_migrations(subject: &Subject) {
    subject.execute("update {migration} set checksum = 'other' where version = 1").await;
    let listed = subject.store.migration_list().await.expect("lists");
    assert!(!listed[0].is_intact);
    assert!(matches!(subject.store.migrate(instant(1)).await, Err(StoreError::Schema(_))));
}

/// A database from a newer program is refused, in words that say what to do.
pub async fn refuses_the_database_of_a_newer_program(subject: &Subject) {
    let columns = "version, name, checksum, applied_at";
    subject.execute(&format!("insert into {{migration}} ({columns}) select 9999, 'later', '', applied_at from {{migration}} where version = 1")).await;
    let error = subject.store.migrate(instant(1)).await.expect_err("is newer");
    assert!(error.to_string().contains("newer"), "{error}");
}

/// Both backends have the same tables with the same columns.
pub async fn tables_are_those_of_the_other_backend(subject: &Subject) {
    let mut found = String::new();
    for (table, full_name) in OWN_TABLES
        .iter()
        .map(|table| (*table, subject.own(table)))
        .chain(PUBLIC_TABLES.iter().map(|t| (*t, (*t).to_owned())))
    {
        found.push_str(&format!("{table}({})\n", columns(subject, table, &full_name).await.join(" ")));
    }
    assert_eq!(found, include_str!("tables.txt"));
}

/// Older readers find `universe`, `cache_type` and `content` beside the columns that are written.
pub async fn entries_have_the_generated_columns(subject: &Subject) {
    subject
        .execute(
            "insert into cache_entries (type, name, key, value, universe_category, universe_metadata)
            values ('stock_universe', 'Two', 'two', '[\"AAPL\", \"MSFT\"]', 'theme', '{\"last_updated\": \"now\"}')",
        )
        .await;
    subject
        .execute("insert into cache_entries (type, name, key, value) values ('app_settings', 'x', 'y', '[\"z\"]')")
        .await;
    let rows = subject.rows("select universe, cache_type, content from cache_entries order by key").await;
    assert_eq!(rows[0][..2], [Some("two".to_owned()), Some("theme".to_owned())]);
    let content: serde_json::Value = serde_json::from_str(rows[0][2].as_deref().expect("content")).expect("JSON");
    assert_eq!(content["symbols"], serde_json::json!(["AAPL", "MSFT"]));
    assert_eq!(content["count"], 2);
    assert_eq!(content["last_updated"], "now");
    assert_eq!(content["metadata"], serde_json::json!({"last_updated": "now"}));
    assert_eq!(rows[1][2], None);
}

async fn columns(subject: &Subject, table: &str, full_name: &str) -> Vec<String> {
    let sql = match subject.store.backend() {
        universe_store::Backend::Sqlite => format!("select name from pragma_table_xinfo('{full_name}') order by name"),
        universe_store::Backend::Postgres => {
            let schema = if full_name.starts_with("universe.") { "universe" } else { "public" };
            format!(
                "select column_name::text from information_schema.columns
                where table_schema = '{schema}' and table_name = '{table}' order by column_name::text collate \"C\""
            )
        }
    };
    subject.rows(&sql).await.into_iter().filter_map(|mut row| row.remove(0)).collect()
}
