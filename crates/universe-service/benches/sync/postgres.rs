//! The server, and the floor under it: the same rows by plain queries, `COPY` and `UNNEST`, nothing else.

use std::io::Cursor;
use std::pin::pin;
use std::sync::Arc;

use futures_util::future::try_join_all;
use futures_util::{SinkExt as _, TryStreamExt as _};
use jiff::civil::Date;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, NoTls, Statement};
use universe_core::rule::RuleSet;
use universe_store::{Store, open};
use universe_testkit::TestDatabase;

use super::child;
use super::market::{self, FIRST_SESSION, TwoDays};
use super::measure::{Comparison, Samples, now, timed};
use super::written::{Marks, TABLES, Table, marks_sql};

const CHANGES: usize = 9;
const UNCHANGED: usize = 40;

/// What a run reads: every row of it, every column that a decision uses.
const READS: &[&str] = &[
    "select max(date) from ohlcv_daily where date <= $1",
    "select version, session, held from universe.head where $1::date is not null",
    "select u.type, u.key, u.name, u.category, u.rule, u.rule_version, u.is_ranked, u.sequence, u.members,
        u.reconstituted_session, u.entry_updated_at, e.updated_at
    from universe.universe u
    left join cache_entries e on e.type = u.type and e.key = u.key and e.environment = u.environment
    where not u.is_retired and $1::date is not null",
    "select type, key, name, symbols, source from universe.import_list where $1::date is not null",
    "select session, listings, breadth, median_return, volatility from universe.market_session
    where session <= $1 order by session desc limit 300",
    "select distinct session from universe.snapshot where session <= $1",
    "select symbol, security_type, is_active, delisted_date, listing_date, first_seen_session, last_seen_session,
        ipo_year, market_cap, weighted_shares_outstanding, sector, industry
    from symbols
    where $1::date is not null",
    "select symbol, close, volume from ohlcv_daily where date = $1",
    "select field, symbol, value from universe.listing_fact where as_of <= $1",
    "select c.close, c.volume
    from symbols s
    cross join lateral (
        select close, volume from ohlcv_daily o where o.symbol = s.symbol and o.date < $1 order by date desc limit 1
    ) c
    where s.symbol = any($2)",
];

/// A database that copies are made of.
struct Server {
    admin: Client,
    prefix: String,
    uri: String,
}

/// Measures the three runs, and returns the peak memory of a first one in MB; `None` without a server.
pub(crate) async fn compare(days: &TwoDays) -> Option<f64> {
    let database = universe_testkit::test_database()?;
    let uri = database.uri();
    let began = now();
    prepare(&uri, days).await;
    let server = Server { admin: connect(&server_uri(&database)).await, prefix: database.name().to_owned(), uri };
    let second = server.copy(&server.prefix, "second").await;
    {
        let (store, rules) = opened(&server.uri_of(&second)).await;
        market::run(&*store, &rules, FIRST_SESSION).await;
        market::load(&*store, &days.second).await;
    }
    let db = connect(&server.uri_of(&second)).await;
    db.batch_execute("vacuum analyze").await.expect("vacuumed");
    drop(db);
    eprintln!("PostgreSQL: prepared in {:.1} s", began.elapsed().as_secs_f64());

    server.compare_change("PostgreSQL, first population", &server.prefix, FIRST_SESSION).await.print();
    server.compare_change("PostgreSQL, usual next session", &second, days.second.session).await.print();
    server.compare_unchanged(days.second.session).await.print();
    let alone = server.copy(&server.prefix, "ours").await;
    let peak = child::spawn(&server.uri_of(&alone), FIRST_SESSION, 0).peak_mb;
    for name in ["ours", "floor", "second"] {
        server.drop(&format!("{}_{name}", server.prefix)).await;
    }
    Some(peak)
}

/// Makes the database as it is before the first run: four million bars, and one full snapshot.
async fn prepare(uri: &str, days: &TwoDays) {
    {
        let (store, _) = opened(uri).await;
        market::load_first(&*store, days).await;
    }
    let db = connect(uri).await;
    let index: String =
        db.query_one("select pg_get_indexdef('ohlcv_daily_date_idx'::regclass)", &[]).await.expect("an index").get(0);
    db.batch_execute("drop index ohlcv_daily_date_idx").await.expect("dropped");
    // The way up to the last close, with a wave, so that no two closes are the same.
    db.execute(
        "insert into ohlcv_daily (symbol, date, open, high, low, close, volume)
        select o.symbol, d.date, p.price, p.price, p.price, p.price, o.volume
        from ohlcv_daily o
        cross join unnest($1::date[]) with ordinality d (date, number)
        cross join lateral (
            select greatest(0.01, round(o.close * (0.7 + 0.0005 * d.number + 0.01 * (d.number % 7)), 2)) as price
        ) p
        where o.date = $2
        order by o.symbol, d.date",
        &[&market::sessions_before(), &FIRST_SESSION],
    )
    .await
    .expect("filled");
    db.batch_execute(&index).await.expect("indexed");
    drop(db);
    {
        let (store, _) = opened(uri).await;
        market::keep_figures_of_first(&*store).await;
    }
    connect(uri).await.batch_execute("vacuum analyze").await.expect("vacuumed");
}

impl Server {
    fn uri_of(&self, name: &str) -> String {
        self.uri.replace(&self.prefix, name)
    }

    /// Copies a database, once nobody is connected to it any more, and returns the copy's name.
    async fn copy(&self, template: &str, name: &str) -> String {
        let name = format!("{}_{name}", self.prefix);
        self.drop(&name).await;
        self.disconnect(template).await;
        let version: i32 =
            self.admin.query_one("select current_setting('server_version_num')::int", &[]).await.expect("read").get(0);
        // The other strategy, which older versions do not have, writes every page to the log.
        let strategy = if version >= 150_000 { "strategy file_copy" } else { "" };
        let sql = format!("create database {name} template {template} {strategy}");
        self.admin.batch_execute(&sql).await.expect("copied");
        name
    }

    async fn drop(&self, name: &str) {
        self.admin.batch_execute(&format!("drop database if exists {name} with (force)")).await.expect("dropped");
    }

    async fn disconnect(&self, name: &str) {
        let sql = "select count(pg_terminate_backend(pid, 5000)) from pg_stat_activity where datname = $1";
        self.admin.query_one(sql, &[&name]).await.expect("disconnected");
    }

    async fn compare_change(&self, name: &str, template: &str, session: Date) -> Comparison {
        let mut result = Comparison {
            name: name.to_owned(),
            ours: Samples::default(),
            floor: Samples::default(),
            rows: String::new(),
        };
        for _ in 0..CHANGES {
            let ours = self.copy(template, "ours").await;
            let db = connect(&self.uri_of(&ours)).await;
            let marks = marks(&db).await;
            let (store, rules) = opened(&self.uri_of(&ours)).await;
            market::warm(&*store, &rules, session).await;
            let (outcome, duration) = timed(market::run(&*store, &rules, session)).await;
            assert!(outcome.was_written);
            result.ours.push(duration);
            drop(store);
            let finished_at = outcome.run.finished_at.expect("finished").to_string();
            let rows = Rows::written(&db, &marks, session, &finished_at).await;
            drop(db);

            let floor = self.copy(template, "floor").await;
            let mut db = connect(&self.uri_of(&floor)).await;
            let reads = Reads::new(&db, session).await;
            reads.take(&db).await;
            let statements = rows.prepare(&db).await;
            let began = now();
            let read = reads.take(&db).await;
            rows.write(&mut db, &statements).await;
            result.floor.push(began.elapsed());
            result.rows = format!("{read}, {}", rows.count());
        }
        result
    }

    async fn compare_unchanged(&self, session: Date) -> Comparison {
        let uri = self.uri_of(&format!("{}_ours", self.prefix));
        let (store, rules) = opened(&uri).await;
        market::warm(&*store, &rules, session).await;
        let db = connect(&uri).await;
        let reads = Reads::new(&db, session).await;
        let mut result = Comparison {
            name: "PostgreSQL, the same again".to_owned(),
            ours: Samples::default(),
            floor: Samples::default(),
            rows: format!("{}, 0", reads.take(&db).await),
        };
        for _ in 0..UNCHANGED {
            let (outcome, duration) = timed(market::run(&*store, &rules, session)).await;
            assert!(!outcome.was_written);
            result.ours.push(duration);
            let (_, duration) = timed(reads.take(&db)).await;
            result.floor.push(duration);
        }
        result
    }
}

/// The rows that a run reads.
struct Reads {
    session: Date,
    statements: Vec<Statement>,
    /// Listings without a close in the session.
    missing: Vec<String>,
}

impl Reads {
    async fn new(db: &Client, session: Date) -> Self {
        let sql = "select symbol from symbols where symbol not in (select symbol from ohlcv_daily where date = $1)";
        let rows = db.query(sql, &[&session]).await.expect("read");
        let missing = rows.iter().map(|row| row.get(0)).collect();
        let statements = try_join_all(READS.iter().map(|sql| db.prepare(sql))).await.expect("prepared");
        Self { session, statements, missing }
    }

    /// Sends all queries at once and takes every row in; returns how many there were.
    async fn take(&self, db: &Client) -> usize {
        let counts = self.statements.iter().map(|statement| async {
            let given: [&(dyn ToSql + Sync); 2] = [&self.session, &self.missing];
            let mut rows = pin!(db.query_raw(statement, given[..statement.params().len()].iter().copied()).await?);
            let mut count = 0;
            while let Some(row) = rows.try_next().await? {
                std::hint::black_box(&row);
                count += 1;
            }
            Ok::<usize, tokio_postgres::Error>(count)
        });
        try_join_all(counts).await.expect("read").into_iter().sum()
    }
}

/// The rows that a run wrote, each lot with the statement that writes it.
struct Rows(Vec<Lot>);

struct Lot {
    sql: String,
    count: usize,
    rows: Content,
}

enum Content {
    /// In the format of `COPY`.
    Inserted(Vec<u8>),
    /// In columns, as texts.
    Updated(Vec<Vec<Option<String>>>),
}

impl Rows {
    async fn written(db: &Client, marks: &Marks, session: Date, finished_at: &str) -> Self {
        let mut lots = Vec::new();
        for table in TABLES {
            let name = table_name(table);
            let key = table.key.join(", ");
            if let Some(condition) = table.inserted {
                let condition = marks.condition(condition, finished_at, session);
                let columns: String = db
                    .query_one(
                        "select string_agg(attname, ', ' order by attnum) from pg_attribute
                        where attrelid = $1::text::regclass and attnum > 0 and not attisdropped and attgenerated = ''",
                        &[&name],
                    )
                    .await
                    .expect("columns")
                    .get(0);
                let counted = format!("select count(*) from {name} where {condition}");
                let count: i64 = db.query_one(&counted, &[]).await.expect("counted").get(0);
                let sql = format!(
                    "copy (select {columns} from {name} where {condition} order by {key}) to stdout (format binary)"
                );
                let content = db.copy_out(&sql).await.expect("copied");
                let content: Vec<_> = content.try_collect().await.expect("copied");
                lots.push(Lot {
                    sql: format!("copy {name} ({columns}) from stdin (format binary)"),
                    count: usize::try_from(count).expect("a count"),
                    rows: Content::Inserted(content.concat()),
                });
            }
            if let Some((condition, changed)) = table.updated {
                let condition = marks.condition(condition, finished_at, session);
                lots.push(updated(db, table, &name, changed, &condition).await);
            }
        }
        lots.retain(|lot| lot.count > 0);
        Self(lots)
    }

    async fn prepare(&self, db: &Client) -> Vec<Statement> {
        try_join_all(self.0.iter().map(|lot| db.prepare(&lot.sql))).await.expect("prepared")
    }

    async fn write(&self, db: &mut Client, statements: &[Statement]) {
        let tx = db.transaction().await.expect("begun");
        for (lot, statement) in self.0.iter().zip(statements) {
            let written = match &lot.rows {
                Content::Inserted(content) => {
                    let mut sink = pin!(tx.copy_in(statement).await.expect("begun"));
                    sink.send(Cursor::new(content.clone())).await.expect("sent");
                    sink.finish().await.expect("written")
                }
                Content::Updated(columns) => {
                    let given: Vec<&(dyn ToSql + Sync)> = columns.iter().map(|c| c as &(dyn ToSql + Sync)).collect();
                    tx.execute(statement, &given).await.expect("written")
                }
            };
            assert_eq!(written, lot.count as u64, "{}", lot.sql);
        }
        tx.commit().await.expect("written");
    }

    fn count(&self) -> usize {
        self.0.iter().map(|lot| lot.count).sum()
    }
}

/// Reads the rows that a run changed, and makes the statement that changes them from arrays of texts.
async fn updated(db: &Client, table: &Table, name: &str, changed: &[&str], condition: &str) -> Lot {
    let columns = [changed, table.key].concat();
    let as_texts = columns.iter().map(|column| format!("{column}::text")).collect::<Vec<_>>().join(", ");
    let described = db.prepare(&format!("select {} from {name}", columns.join(", "))).await.expect("described");
    let types: Vec<&Type> = described.columns().iter().map(tokio_postgres::Column::type_).collect();
    let rows = db.query(&format!("select {as_texts} from {name} where {condition}"), &[]).await.expect("read");
    let content = (0..columns.len()).map(|at| rows.iter().map(|row| row.get(at)).collect()).collect();
    let cast = |at: usize| format!("{} = v.{}::{}", columns[at], columns[at], types[at].name());
    let sets = (0..changed.len()).map(cast).collect::<Vec<_>>().join(", ");
    let keys = (changed.len()..columns.len()).map(|at| format!("t.{}", cast(at))).collect::<Vec<_>>().join(" and ");
    let arrays = (1..=columns.len()).map(|at| format!("${at}::text[]")).collect::<Vec<_>>().join(", ");
    let names = columns.join(", ");
    let sql = format!("update {name} t set {sets} from unnest({arrays}) v ({names}) where {keys}");
    Lot { sql, count: rows.len(), rows: Content::Updated(content) }
}

async fn marks(db: &Client) -> Marks {
    let row = db.query_one(&marks_sql(|table| format!("universe.{table}")), &[]).await.expect("read");
    let universe: i32 = row.get(4);
    Marks { run: row.get(0), audit: row.get(1), event: row.get(2), entry: row.get(3), universe: i64::from(universe) }
}

fn table_name(table: &Table) -> String {
    if table.is_own { format!("universe.{}", table.name) } else { format!("public.{}", table.name) }
}

async fn opened(uri: &str) -> (Arc<dyn Store>, RuleSet) {
    let store = open(&uri.parse().expect("an address")).await.expect("opened");
    store.migrate(universe_service::Ambient::now(&market::Surroundings)).await.expect("migrated");
    let rules = market::rules(&*store).await;
    (store, rules)
}

/// Returns the address of the database in which others are made.
fn server_uri(database: &TestDatabase) -> String {
    database.uri().replace(database.name(), "postgres")
}

async fn connect(uri: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(uri, NoTls).await.expect("connected");
    tokio::spawn(connection);
    client
}
