use std::fs;
use std::path::PathBuf;

use jiff::civil::date;
use rusqlite::params;
use tempfile::TempDir;
use universe_core::{Bar, Price};

use super::*;

const SESSION: Date = date(2024, 3, 4);

fn file() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("universe.db");
    (directory, path)
}

#[track_caller]
fn refused(path: &Path, what: &str) {
    let before = fs::read(path).ok();
    let error = SqliteStore::open(path).expect_err("is refused").to_string();
    assert!(error.contains(what), "{error}");
    assert!(error.contains(&path.display().to_string()), "{error}");
    assert_eq!(fs::read(path).ok(), before);
}

fn bars(count: u32) -> Vec<Bar> {
    let bar = |at: u32| Bar {
        symbol: Symbol::from_stored(&format!("S{at:06}")),
        date: SESSION,
        open: None,
        high: None,
        low: None,
        close: Price::from_micros(1_234_567),
        volume: Some(1),
    };
    (0..count).map(bar).collect()
}

fn record() -> LoadRecord {
    LoadRecord {
        kind: "prices".into(),
        file: "prices.csv".into(),
        session: None,
        rows: 0,
        loaded: 0,
        issues: Vec::new(),
    }
}

fn bar_count(store: &SqliteStore) -> i64 {
    store.connections.writer().query_row("select count(*) from ohlcv_daily", [], |row| row.get(0)).expect("counts")
}

#[test]
fn refuses_what_is_no_database_and_leaves_it() {
    let (directory, path) = file();
    refused(directory.path(), "is a directory");
    refused(&directory.path().join("none/universe.db"), "there is no directory");
    fs::write(&path, "symbol,date,close\nAAPL,2024-03-04,175.10\n".repeat(50)).expect("writes");
    refused(&path, "not an SQLite database");
}

#[test]
fn refuses_the_database_of_another_program_and_leaves_it() {
    let (_directory, path) = file();
    let other = rusqlite::Connection::open(&path).expect("opens");
    other.execute_batch("create table moz_places (id integer); insert into moz_places values (1)").expect("writes");
    drop(other);
    refused(&path, "the database of another program");
}

#[test]
fn refuses_a_file_that_may_only_be_read() {
    let (_directory, path) = file();
    drop(SqliteStore::open(&path).expect("opens"));
    let mut permissions = fs::metadata(&path).expect("a file").permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&path, permissions).expect("sets");
    if fs::OpenOptions::new().append(true).open(&path).is_ok() {
        eprintln!("skipped: this user may write everywhere");
        return;
    }
    refused(&path, "cannot be opened for reading and writing");
}

#[tokio::test]
async fn says_that_migrations_are_missing() {
    let store = SqliteStore::in_memory().expect("opens");
    let error = store.session_latest(SESSION).await.expect_err("has no tables");
    assert!(matches!(&error, StoreError::Schema(what) if what.contains("migrations")), "{error:?}");
    assert!(store.migration_list().await.expect("lists").iter().all(|migration| migration.applied_at.is_none()));
}

#[tokio::test]
async fn runs_of_an_older_file_are_kept() {
    let (_directory, path) = file();
    let store = SqliteStore::open(&path).expect("opens");
    let initial = crate::migrations::pending(Backend::Sqlite, &[]).expect("pends");
    {
        let writer = store.connections.writer();
        writer.execute_batch(initial[0].text(Backend::Sqlite)).expect("sets up");
        writer
            .execute(
                "insert into universe_migration (version, name, checksum, applied_at) values (1, 'initial', ?1, ?2)",
                params![initial[0].checksum(Backend::Sqlite), "2024-03-04T00:00:00Z"],
            )
            .expect("writes");
        writer
            .execute_batch(
                "insert into universe_run values (
                    '00000000-0000-0000-0000-000000000001', 1, 'DEFAULT', 'full', '2024-03-04', 'held', 'cli',
                    '2024-03-04T21:10:00Z', '2024-03-04T21:10:00Z', '2024-03-04T21:10:01.5Z',
                    3, '[\"stock_universe:top_500\"]', '{}', '[]', '[]', null
                )",
            )
            .expect("writes");
    }
    let error = store.run_list("DEFAULT", 10, 0).await.expect_err("lacks columns");
    assert!(matches!(&error, StoreError::Schema(what) if what.contains("migrations")), "{error:?}");
    store.migrate(Timestamp::UNIX_EPOCH).await.expect("migrates");
    let runs = store.run_list("DEFAULT", 10, 0).await.expect("reads");
    assert_eq!((runs.len(), runs[0].status.as_str(), runs[0].session), (1, "held", Some(SESSION)));
    assert_eq!((runs[0].total_changes, runs[0].duration_seconds()), (3, Some(1.5)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn processes_that_start_at_once_set_it_up_once() {
    let (_directory, path) = file();
    let start = |path: PathBuf| async move {
        let store = SqliteStore::open(&path).expect("opens");
        store.migrate(Timestamp::UNIX_EPOCH).await.expect("migrates").len()
    };
    let starts: Vec<_> = (0..8).map(|_| tokio::spawn(start(path.clone()))).collect();
    let mut applied = 0;
    for start in starts {
        applied += start.await.expect("no panic");
    }
    assert_eq!(applied, SqliteStore::open(&path).expect("opens").migration_list().await.expect("lists").len());
}

#[tokio::test]
async fn a_full_disk_undoes_the_whole_load() {
    let (_directory, path) = file();
    let store = SqliteStore::open(&path).expect("opens");
    store.migrate(Timestamp::UNIX_EPOCH).await.expect("migrates");
    store.bar_load(&bars(10), &record(), Timestamp::UNIX_EPOCH).await.expect("loads");
    {
        let writer = store.connections.writer();
        let pages: i64 = writer.query_row("pragma page_count", [], |row| row.get(0)).expect("counts");
        writer.query_row(&format!("pragma max_page_count = {}", pages + 20), [], |_| Ok(())).expect("limits");
    }
    let error = store.bar_load(&bars(50_000), &record(), Timestamp::UNIX_EPOCH).await.expect_err("is full");
    assert!(error.to_string().contains("full"), "{error}");
    assert_eq!(bar_count(&store), 10);
    store.connections.writer().query_row("pragma max_page_count = 1000000", [], |_| Ok(())).expect("makes room");
    store.bar_load(&bars(5_000), &record(), Timestamp::UNIX_EPOCH).await.expect("loads after all");
    assert_eq!(bar_count(&store), 5_000);
}

#[tokio::test]
#[expect(clippy::await_holding_lock, reason = "the writer is busy: that is what lookups are not to wait for")]
async fn lookups_do_not_wait_for_a_load() {
    let (_directory, path) = file();
    let store = SqliteStore::open(&path).expect("opens");
    store.migrate(Timestamp::UNIX_EPOCH).await.expect("migrates");
    let writer = store.connections.writer();
    writer.execute_batch("begin immediate").expect("begins");
    let insert = "insert into ohlcv_daily (symbol, date, close) values (?1, ?2, 1)";
    writer.execute(insert, params!["AAPL", "2024-03-04"]).expect("writes");
    assert_eq!(store.session_latest(SESSION).await.expect("reads"), None);
    writer.execute_batch("commit").expect("commits");
    assert_eq!(store.session_latest(SESSION).await.expect("reads"), Some(SESSION));
}

#[tokio::test]
async fn dates_and_instants_of_other_programs_are_read() {
    let store = SqliteStore::in_memory().expect("opens");
    store.migrate(Timestamp::UNIX_EPOCH).await.expect("migrates");
    store
        .connections
        .writer()
        .execute_batch(
            "insert into symbols (symbol, listing_date) values ('AAPL', '1980-12-12 00:00:00');
            insert into cache_entries (type, name, key, value, updated_at)
            values ('etf_universe', 'Mine', 'mine', '[\"SPY\"]', '2024-01-02 03:04:05')",
        )
        .expect("writes");
    let needs = Needs { company_names: false, details: true, facts: Vec::new(), returns: false };
    let seen = store.observation_read(SESSION, &needs).await.expect("reads");
    assert_eq!(seen.listing_date, [Some(date(1980, 12, 12))]);
    let listed = store.universe_list("DEFAULT").await.expect("reads");
    assert_eq!(listed[0].last_updated, Some("2024-01-02T03:04:05Z".parse().expect("an instant")));
    store.connections.writer().execute_batch("update symbols set listing_date = '12/12/1980'").expect("writes");
    let error = store.observation_read(SESSION, &needs).await.expect_err("is no date");
    assert!(error.to_string().contains("12/12/1980"), "{error}");
}
