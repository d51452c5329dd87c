//! Every reading SQL statement that the requirements print, unmodified, against a database set up by this project.
//!
//! Each literal names the document and the heading it stands under. They run as the application's own user
//! does: in a role that may only read.

use std::collections::BTreeSet;

use jiff::ToSpan;
use jiff::civil::Date;
use serde_json::{Value, json};
use tokio_postgres::{Client, NoTls, Row};
use universe_core::{ListingRecord, Snapshot};
use universe_store::{PostgresStore, Store};
use universe_testkit::builders::{
    RULES, apply, fund, instant, load, load_record, plan, rules, snapshot, stock, symbol,
};
use universe_testkit::{TestDatabase, test_database};

/// Operations guide, "Check Recent Sync Activity".
const RECENT_SYNC_ACTIVITY: &str = "SELECT 
    key, 
    universe_category,
    jsonb_extract_path_text(universe_metadata, 'last_updated') as last_updated,
    jsonb_extract_path_text(universe_metadata, 'last_cleanup') as last_cleanup,
    jsonb_extract_path_text(universe_metadata, 'last_rebalance') as last_rebalance
FROM cache_entries 
WHERE universe_metadata ? 'last_updated'
ORDER BY jsonb_extract_path_text(universe_metadata, 'last_updated') DESC
LIMIT 20;";

/// Operations guide, "Verify Market Cap Updates".
const MARKET_CAP_UPDATES: &str = "SELECT 
    symbol, 
    market_cap, 
    last_updated
FROM symbols 
WHERE last_updated >= CURRENT_DATE
  AND market_cap IS NOT NULL
ORDER BY last_updated DESC
LIMIT 20;";

/// Operations guide, "Check Universe Counts".
const UNIVERSE_COUNTS: &str = "SELECT 
    key,
    universe_category,
    jsonb_array_length(value) as symbol_count,
    jsonb_extract_path_text(universe_metadata, 'last_updated') as last_updated
FROM cache_entries 
ORDER BY universe_category, key;";

/// Migration instructions, "market_cap_recalculation" (inside Python).
const SYMBOLS_BY_CAP: &str = "
                SELECT s.symbol, s.market_cap, s.sector
                FROM symbols s
                WHERE s.is_active = true
                  AND s.market_cap IS NOT NULL
                  AND s.market_cap > 0
                ORDER BY s.market_cap DESC
            ";

/// Migration instructions, "Add IPO and Delisting Functions", `ipo_universe_assignment` (inside Python).
const NEW_IPOS: &str = "
                SELECT symbol, company_name, market_cap, sector, listing_date
                FROM symbols
                WHERE is_active = true
                  AND listing_date >= NOW() - INTERVAL '30 days'
                  AND symbol NOT IN (
                      SELECT DISTINCT jsonb_array_elements_text(content->'symbols')
                      FROM cache_entries
                      WHERE cache_type = 'ipo'
                  )
            ";

/// Migration instructions, "Add IPO and Delisting Functions", `delisted_cleanup` (inside Python).
const DELISTED: &str = "
                SELECT symbol
                FROM symbols
                WHERE is_active = false
                  OR delisted_date IS NOT NULL
            ";

/// Migration instructions, "Add IPO and Delisting Functions", `delisted_cleanup` (inside Python).
const UNIVERSES_TO_CLEAN: &str = "
                    SELECT universe, content
                    FROM cache_entries
                    WHERE cache_type IN ('market_cap', 'market_leader', 'sector', 'theme')
                ";

/// Integration complete, "Verify Database Updates".
const DATABASE_UPDATES: &str = "
   SELECT universe, jsonb_array_length(content->'symbols') as symbol_count
   FROM cache_entries
   ORDER BY updated_at DESC
   LIMIT 10;";

/// Cache based universe loading, "1. Cache-Based Universe Loading".
const ETF_CORE: &str = "
  SELECT value FROM cache_entries
  WHERE type='etf_universe' AND key='etf_core'";

/// Cache based universe loading, "Database Queries": get ETF universe symbols.
const ETF_UNIVERSE: &str = "
SELECT value FROM cache_entries
WHERE type = 'etf_universe' AND key = $1;";

/// Cache based universe loading, "Database Queries": get stock universe symbols.
const STOCK_UNIVERSE: &str = "
SELECT value FROM cache_entries
WHERE type = 'stock_universe' AND key = $1;";

/// Cache based universe loading, "Database Queries": list all available universes.
const AVAILABLE_UNIVERSES: &str = "
SELECT type, name, key,
       CASE
           WHEN jsonb_typeof(value) = 'array' THEN jsonb_array_length(value)
           ELSE 0
       END as symbol_count
FROM cache_entries
WHERE type IN ('stock_universe', 'etf_universe')
ORDER BY type, name, key;";

/// A list of recent offerings, beside the usual rules of the tests.
const RECENT_IPOS: (&str, &str) = (
    "recent_ipos.toml",
    "category = \"ipo\"\n\
        change_limit = { off = true }\n\
        [universe]\n\
        key = \"recent_ipos\"\n\
        name = \"Recent IPOs\"\n\
        symbols = [\"RDDT\"]\n",
);

/// A synchronized database, and a connection in the role that may only read.
struct Market {
    reader: Client,
    today: Date,
    // Dropped last, after the connection.
    database: TestDatabase,
}

/// Synchronizes a small market as of the server's own day, for two statements compare with it.
async fn market() -> Option<Market> {
    let database = test_database()?;
    let store = PostgresStore::connect(&database.uri()).await.expect("connects");
    store.migrate(instant(0)).await.expect("migrates");
    let reader = connect(&database.uri()).await;
    let today: Date = reader.query_one("select current_date", &[]).await.expect("a day").get(0);

    load(&store, &listings(today), 1).await;
    let mut recent = [ListingRecord::new(symbol("RDDT")), ListingRecord::new(symbol("ALAB"))];
    for listing in &mut recent {
        listing.listing_date = Some(today - 5.days());
    }
    let mut delisted = ListingRecord::new(symbol("SIVB"));
    delisted.is_active = Some(false);
    delisted.delisted_date = Some(today - 3.days());
    let reference: Vec<_> = recent.into_iter().chain([delisted]).collect();
    store.listing_load(&reference, today, &load_record("symbols", None), instant(2)).await.expect("loads");

    let planned = plan(&store, today, &rules(&[RULES, &[RECENT_IPOS]].concat())).await;
    apply(&store, &planned, 3).await.expect("applies");
    reader.batch_execute("set role tickstock_reader").await.expect("may become the reader");
    Some(Market { reader, today, database })
}

fn listings(session: Date) -> Snapshot {
    let rows = [
        stock("AAPL", 175.0, 15_400),
        stock("ALAB", 70.0, 155),
        stock("GME", 15.0, 305),
        stock("MSFT", 415.0, 7_430),
        stock("NVDA", 852.0, 2_500),
        stock("RDDT", 49.0, 160),
        stock("SIVB", 100.0, 59),
        fund("QQQ", 444.0),
        fund("SPY", 512.0),
    ];
    snapshot(session, rows)
}

async fn connect(uri: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(uri, NoTls).await.expect("connects");
    tokio::spawn(connection);
    client
}

async fn query(market: &Market, statement: &str) -> Vec<Row> {
    market.reader.query(statement, &[]).await.unwrap_or_else(|error| panic!("{statement}\n{error:?}"))
}

fn texts(rows: &[Row], column: usize) -> Vec<&str> {
    rows.iter().map(|row| row.get(column)).collect()
}

const KEYS: [&str; 7] = ["etf_core", "index_broad_market", "large_cap", "mega_cap", "mid_cap", "recent_ipos", "top_2"];

#[tokio::test]
async fn recent_sync_activity_shows_every_universe() {
    let Some(market) = market().await else { return };
    let rows = query(&market, RECENT_SYNC_ACTIVITY).await;
    assert_eq!(texts(&rows, 0).into_iter().collect::<BTreeSet<_>>(), KEYS.into_iter().collect());
    let run = instant(3).to_string();
    for column in 2..=4 {
        assert!(rows.iter().all(|row| row.get::<_, &str>(column) == run), "column {column}");
    }
}

#[tokio::test]
async fn caps_rewritten_today_are_shown() {
    let Some(market) = market().await else { return };
    // The run of this test is dated; the statement asks for today's.
    let owner = connect(&market.database.uri()).await;
    owner.execute("update symbols set last_updated = now() where symbol in ('AAPL', 'SPY')", &[]).await.expect("dates");
    let rows = query(&market, MARKET_CAP_UPDATES).await;
    assert_eq!(texts(&rows, 0), ["AAPL"], "SPY has no cap");
    assert_eq!(rows[0].get::<_, i64>(1), 2_695_000_000_000);
}

#[tokio::test]
async fn universe_counts_are_those_of_the_lists() {
    let Some(market) = market().await else { return };
    let rows = query(&market, UNIVERSE_COUNTS).await;
    let counts: Vec<(&str, &str, i32)> = rows.iter().map(|row| (row.get(1), row.get(0), row.get(2))).collect();
    assert_eq!(
        counts,
        [
            ("etf", "etf_core", 2),
            ("etf", "index_broad_market", 2),
            ("ipo", "recent_ipos", 1),
            ("market_cap", "large_cap", 1),
            ("market_cap", "mega_cap", 3),
            ("market_cap", "mid_cap", 2),
            ("market_leader", "top_2", 2),
        ]
    );
    let run = instant(3).to_string();
    assert!(rows.iter().all(|row| row.get::<_, &str>(3) == run));
}

#[tokio::test]
async fn symbols_come_by_cap_without_delisted_ones() {
    let Some(market) = market().await else { return };
    let rows = query(&market, SYMBOLS_BY_CAP).await;
    assert_eq!(texts(&rows, 0), ["MSFT", "AAPL", "NVDA", "ALAB", "RDDT", "GME"]);
    assert_eq!(rows[0].get::<_, i64>(1), 3_083_450_000_000);
    assert_eq!(rows[0].get::<_, &str>(2), "Technology");
}

#[tokio::test]
async fn new_ipos_are_those_that_are_not_assigned_yet() {
    let Some(market) = market().await else { return };
    let rows = query(&market, NEW_IPOS).await;
    assert_eq!(texts(&rows, 0), ["ALAB"], "RDDT is in recent_ipos already");
    assert_eq!(rows[0].get::<_, &str>(1), "ALAB Inc. Common Stock");
    assert_eq!(rows[0].get::<_, Date>(4), market.today - 5.days());
}

#[tokio::test]
async fn delisted_symbols_are_found_and_in_no_universe() {
    let Some(market) = market().await else { return };
    assert_eq!(texts(&query(&market, DELISTED).await, 0), ["SIVB"]);
    let rows = query(&market, UNIVERSES_TO_CLEAN).await;
    assert_eq!(
        texts(&rows, 0).into_iter().collect::<BTreeSet<_>>(),
        ["large_cap", "mega_cap", "mid_cap", "top_2"].into()
    );
    for row in &rows {
        let content: Value = row.get(1);
        let symbols = content["symbols"].as_array().expect("a list");
        assert_eq!(content["count"], json!(symbols.len()));
        assert_eq!(content["last_updated"], json!(instant(3).to_string()));
        assert_eq!(content["metadata"]["count"], json!(symbols.len()));
        assert!(!symbols.contains(&json!("SIVB")), "{content}");
    }
}

#[tokio::test]
async fn database_updates_show_universes_and_counts() {
    let Some(market) = market().await else { return };
    let rows = query(&market, DATABASE_UPDATES).await;
    let counts: BTreeSet<(&str, i32)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    assert_eq!(
        counts,
        [
            ("etf_core", 2),
            ("index_broad_market", 2),
            ("large_cap", 1),
            ("mega_cap", 3),
            ("mid_cap", 2),
            ("recent_ipos", 1),
            ("top_2", 2),
        ]
        .into()
    );
}

#[tokio::test]
async fn a_job_finds_its_universe() {
    let Some(market) = market().await else { return };
    assert_eq!(query(&market, ETF_CORE).await[0].get::<_, Value>(0), json!(["QQQ", "SPY"]));
    let by_key = async |statement: &str, key: &str| -> Vec<Value> {
        let rows = market.reader.query(statement, &[&key]).await.expect("reads");
        rows.iter().map(|row| row.get(0)).collect()
    };
    assert_eq!(by_key(ETF_UNIVERSE, "etf_core").await, [json!(["QQQ", "SPY"])]);
    assert_eq!(by_key(STOCK_UNIVERSE, "top_2").await, [json!(["MSFT", "AAPL"])], "in order of rank");
    assert_eq!(by_key(STOCK_UNIVERSE, "etf_core").await, [] as [Value; 0]);
}

#[tokio::test]
async fn available_universes_are_listed_with_their_counts() {
    let Some(market) = market().await else { return };
    let rows = query(&market, AVAILABLE_UNIVERSES).await;
    let listed: Vec<(&str, &str, &str, i32)> =
        rows.iter().map(|row| (row.get(0), row.get(1), row.get(2), row.get(3))).collect();
    assert_eq!(
        listed,
        [
            ("etf_universe", "Broad Market ETFs", "etf_core", 2),
            ("etf_universe", "Broad Market ETFs", "index_broad_market", 2),
            ("stock_universe", "Large Cap", "large_cap", 1),
            ("stock_universe", "Mega Cap", "mega_cap", 3),
            ("stock_universe", "Mid Cap", "mid_cap", 2),
            ("stock_universe", "Recent IPOs", "recent_ipos", 1),
            ("stock_universe", "Top 2", "top_2", 2),
        ]
    );
}

#[tokio::test]
async fn the_reader_cannot_write() {
    let Some(market) = market().await else { return };
    for statement in [
        "delete from cache_entries",
        "update symbols set market_cap = 0",
        "insert into ohlcv_daily (symbol, date, close) values ('SPY', '2024-03-04', 1)",
        "update universe.head set version = 0",
        "delete from universe.membership",
        "create table public.mine (number integer)",
    ] {
        let error = market.reader.execute(statement, &[]).await.expect_err(statement);
        assert_eq!(error.code().map(|code| code.code()), Some("42501"), "{statement}: {error}");
    }
    let memberships: i64 =
        market.reader.query_one("select count(*) from universe.membership", &[]).await.expect("reads").get(0);
    assert_eq!(memberships, 11);
}
