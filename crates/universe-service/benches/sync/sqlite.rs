//! The embedded store, and the floor under it: the same rows by prepared statements and nothing else.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::civil::Date;
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, TransactionBehavior, params, params_from_iter};
use universe_core::rule::RuleSet;
use universe_store::{DatabaseUri, Store, open};

use super::child;
use super::market::{self, FIRST_SESSION, TwoDays};
use super::measure::{Comparison, Samples, now, timed};
use super::written::{Marks, TABLES, Table, marks_sql};

const CHANGES: usize = 9;
const UNCHANGED: usize = 40;

/// What a run reads, but for the members of rules: every row of it, every column that a decision uses.
const READS: &[&str] = &[
    "select max(date) from ohlcv_daily where date <= ?1",
    "select version, session, held from universe_head where ?1 is not null",
    "select u.type, u.key, u.name, u.category, u.rule, u.rule_version, u.is_ranked, u.sequence, u.members,
        u.reconstituted_session, u.entry_updated_at, c.updated_at
    from universe_universe u
    left join cache_entries c on c.type = u.type and c.key = u.key and c.environment = u.environment
    where u.is_retired = 0 and ?1 is not null",
    "select type, key, name, symbols, source from universe_import_list where ?1 is not null",
    "select session, listings, breadth, median_return, volatility from universe_market_session
    where session <= ?1 order by session desc limit 300",
    "select distinct session from universe_snapshot where session <= ?1",
    "select symbol, security_type, is_active, delisted_date, listing_date, first_seen_session, last_seen_session,
        ipo_year, market_cap, weighted_shares_outstanding, sector, industry
    from symbols
    where ?1 is not null",
    "select symbol, close, volume from ohlcv_daily where date = ?1",
    "select field, symbol, value from universe_listing_fact where as_of <= ?1",
];

const EARLIER: &str =
    "select close, volume from ohlcv_daily where symbol = ?1 and date < ?2 order by date desc limit 1";

/// Measures the three runs, and returns the peak memory of a first one in MB.
pub(crate) async fn compare(folder: &Path, days: &TwoDays) -> f64 {
    let before_first = folder.join("before-first.db");
    let before_second = folder.join("before-second.db");
    let began = now();
    prepare(&before_first, days).await;
    copy(&before_first, &before_second);
    {
        let (store, rules) = opened(&before_second).await;
        market::run(&*store, &rules, FIRST_SESSION).await;
        market::load(&*store, &days.second).await;
    }
    settle(&before_second);
    eprintln!("SQLite: prepared in {:.1} s", began.elapsed().as_secs_f64());

    compare_change("SQLite, first population", &before_first, FIRST_SESSION, folder).await.print();
    compare_change("SQLite, usual next session", &before_second, days.second.session, folder).await.print();
    compare_unchanged(&folder.join("ours.db"), days.second.session).await.print();

    let alone = folder.join("alone.db");
    copy(&before_first, &alone);
    child::spawn(&format!("sqlite:{}", alone.display()), FIRST_SESSION, 0).peak_mb
}

/// Makes the database as it is before the first run: four million bars, and one full snapshot.
async fn prepare(path: &Path, days: &TwoDays) {
    let (store, _) = opened(path).await;
    market::load_first(&*store, days).await;
    drop(store);
    let mut db = Connection::open(path).expect("opened");
    let index: String = db
        .query_row("select sql from sqlite_schema where name = 'ohlcv_daily_date_symbol_idx'", [], |row| row.get(0))
        .expect("an index");
    let tx = db.transaction().expect("begun");
    tx.execute_batch("create temp table day (number integer primary key, date text)").expect("made");
    for session in market::sessions_before() {
        tx.execute("insert into day (date) values (?1)", [session.to_string()]).expect("written");
    }
    tx.execute_batch("drop index ohlcv_daily_date_symbol_idx").expect("dropped");
    // The way up to the last close, with a wave, so that no two closes are the same.
    tx.execute(
        "insert into ohlcv_daily (symbol, date, open, high, low, close, volume)
        select symbol, date, price, price, price, price, volume
        from (
            select o.symbol, d.date, o.volume,
                max(0.01, round(o.close * (0.7 + 0.0005 * d.number + 0.01 * (d.number % 7)), 2)) as price
            from ohlcv_daily o
            cross join day d
            where o.date = ?1
            order by o.symbol, d.date
        )",
        [FIRST_SESSION.to_string()],
    )
    .expect("filled");
    tx.execute_batch(&index).expect("indexed");
    tx.commit().expect("written");
    db.execute_batch("analyze").expect("analysed");
    drop(db);
    let (store, _) = opened(path).await;
    market::keep_figures_of_first(&*store).await;
    drop(store);
    settle(path);
}

async fn compare_change(name: &str, template: &Path, session: Date, folder: &Path) -> Comparison {
    let (ours, floor) = (folder.join("ours.db"), folder.join("floor.db"));
    let mut result =
        Comparison { name: name.to_owned(), ours: Samples::default(), floor: Samples::default(), rows: String::new() };
    for _ in 0..CHANGES {
        copy(template, &ours);
        let (store, rules) = opened(&ours).await;
        market::warm(&*store, &rules, session).await;
        let (outcome, duration) = timed(market::run(&*store, &rules, session)).await;
        assert!(outcome.was_written);
        result.ours.push(duration);
        drop(store);
        settle(&ours);

        copy(template, &floor);
        let finished_at = outcome.run.finished_at.expect("finished").to_string();
        let rows = Rows::written(template, &ours, session, &finished_at);
        let mut db = connect(&floor);
        let reads = Reads::new(&db, session);
        reads.take(&db);
        rows.prepare(&db);
        let began = now();
        let read = reads.take(&db);
        rows.write(&mut db);
        result.floor.push(began.elapsed());
        result.rows = format!("{read}, {}", rows.count());
    }
    result
}

async fn compare_unchanged(path: &Path, session: Date) -> Comparison {
    let (store, rules) = opened(path).await;
    market::warm(&*store, &rules, session).await;
    let db = connect(path);
    let reads = Reads::new(&db, session);
    let mut result = Comparison {
        name: "SQLite, the same again".to_owned(),
        ours: Samples::default(),
        floor: Samples::default(),
        rows: format!("{}, 0", reads.take(&db)),
    };
    for _ in 0..UNCHANGED {
        let (outcome, duration) = timed(market::run(&*store, &rules, session)).await;
        assert!(!outcome.was_written);
        result.ours.push(duration);
        let began = now();
        reads.take(&db);
        result.floor.push(began.elapsed());
    }
    result
}

/// The rows that a run reads.
struct Reads {
    session: String,
    /// Listings without a close in the session.
    missing: Vec<String>,
}

impl Reads {
    fn new(db: &Connection, session: Date) -> Self {
        let session = session.to_string();
        let sql = "select symbol from symbols
            where symbol not in (select symbol from ohlcv_daily where date = ?1) order by symbol";
        let mut statement = db.prepare(sql).expect("prepared");
        let missing = statement.query_map([&session], |row| row.get(0)).expect("read");
        let missing = missing.collect::<Result<_, _>>().expect("read");
        Self { session, missing }
    }

    /// Reads every row and looks at every value; returns how many rows there were.
    fn take(&self, db: &Connection) -> usize {
        let mut rows_read = 0;
        let tx = db.unchecked_transaction().expect("begun");
        for sql in READS {
            rows_read += look_at(&tx, sql, params![self.session]);
        }
        for symbol in &self.missing {
            rows_read += look_at(&tx, EARLIER, params![symbol, self.session]);
        }
        rows_read
    }
}

fn look_at(db: &Connection, sql: &str, given: &[&dyn rusqlite::ToSql]) -> usize {
    let mut statement = db.prepare_cached(sql).expect("prepared");
    let columns = statement.column_count();
    let mut rows = statement.query(given).expect("read");
    let mut rows_read = 0;
    while let Some(row) = rows.next().expect("read") {
        rows_read += 1;
        for column in 0..columns {
            std::hint::black_box(match row.get_ref(column).expect("a column") {
                ValueRef::Text(text) | ValueRef::Blob(text) => text.len(),
                ValueRef::Integer(_) | ValueRef::Real(_) | ValueRef::Null => 0,
            });
        }
    }
    rows_read
}

/// The rows that a run wrote, each with the statement that writes it.
struct Rows(Vec<(String, Vec<Vec<Value>>)>);

impl Rows {
    fn written(before: &Path, after: &Path, session: Date, finished_at: &str) -> Self {
        let marks = connect(before)
            .query_row(&marks_sql(|table| format!("universe_{table}")), [], |row| {
                let (run, audit, event) = (row.get(0)?, row.get(1)?, row.get(2)?);
                Ok(Marks { run, audit, event, entry: row.get(3)?, universe: row.get(4)? })
            })
            .expect("read");
        let db = connect(after);
        let mut statements = Vec::new();
        for table in TABLES {
            let name = table_name(table);
            let key = table.key.join(", ");
            let read = |columns: &[&str], condition: &str| {
                let condition = marks.condition(condition, finished_at, session);
                let columns = columns.join(", ");
                let sql = format!("select {columns} from {name} where {condition} order by {key}");
                let mut statement = db.prepare(&sql).expect("prepared");
                let count = statement.column_count();
                let rows = statement.query_map([], |row| (0..count).map(|at| row.get(at)).collect());
                rows.expect("read").collect::<Result<Vec<Vec<Value>>, _>>().expect("read")
            };
            if let Some(condition) = table.inserted {
                let sql = format!("select name from pragma_table_info('{name}')");
                let mut statement = db.prepare(&sql).expect("prepared");
                let columns = statement.query_map([], |row| row.get::<_, String>(0)).expect("read");
                let columns: Vec<String> = columns.collect::<Result<_, _>>().expect("read");
                let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
                let marks: Vec<String> = (1..=columns.len()).map(|at| format!("?{at}")).collect();
                let sql = format!("insert into {name} ({}) values ({})", columns.join(", "), marks.join(", "));
                statements.push((sql, read(&columns, condition)));
            }
            if let Some((condition, changed)) = table.updated {
                let columns = [changed, table.key].concat();
                let set = |at: usize| format!("{} = ?{}", columns[at], at + 1);
                let (sets, keys) = ((0..changed.len()).map(set), (changed.len()..columns.len()).map(set));
                let (sets, keys) = (sets.collect::<Vec<_>>().join(", "), keys.collect::<Vec<_>>().join(" and "));
                statements.push((format!("update {name} set {sets} where {keys}"), read(&columns, condition)));
            }
        }
        statements.retain(|(_, rows)| !rows.is_empty());
        Self(statements)
    }

    fn prepare(&self, db: &Connection) {
        for (sql, _) in &self.0 {
            db.prepare_cached(sql).expect("prepared");
        }
    }

    fn write(&self, db: &mut Connection) {
        let tx = db.transaction_with_behavior(TransactionBehavior::Immediate).expect("begun");
        for (sql, rows) in &self.0 {
            let mut statement = tx.prepare_cached(sql).expect("prepared");
            for row in rows {
                assert_eq!(statement.execute(params_from_iter(row)).expect("written"), 1);
            }
        }
        tx.commit().expect("written");
    }

    fn count(&self) -> usize {
        self.0.iter().map(|(_, rows)| rows.len()).sum()
    }
}

fn table_name(table: &Table) -> String {
    if table.is_own { format!("universe_{}", table.name) } else { table.name.to_owned() }
}

pub(crate) async fn opened(path: &Path) -> (Arc<dyn Store>, RuleSet) {
    let store = open(&DatabaseUri::sqlite_file(path)).await.expect("opened");
    store.migrate(universe_service::Ambient::now(&market::Surroundings)).await.expect("migrated");
    let rules = market::rules(&*store).await;
    (store, rules)
}

/// Opens a file as the store does.
fn connect(path: &Path) -> Connection {
    let db = Connection::open(path).expect("opened");
    db.execute_batch("pragma synchronous = normal; pragma cache_size = -8192; pragma temp_store = memory")
        .expect("set");
    db.set_prepared_statement_cache_capacity(96);
    db
}

/// Moves everything from the log into the file, so that a copy of the file is a copy of the database.
pub(crate) fn settle(path: &Path) {
    let db = Connection::open(path).expect("opened");
    db.query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(())).expect("settled");
}

fn copy(from: &Path, to: &Path) {
    for ending in ["-wal", "-shm"] {
        let mut beside = to.as_os_str().to_owned();
        beside.push(ending);
        let _ = std::fs::remove_file(PathBuf::from(beside));
    }
    std::fs::copy(from, to).expect("copied");
}
