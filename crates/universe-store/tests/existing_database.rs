//! A TickStock database that was there before this program: used as it stands, nothing of it changed.

use jiff::civil::Date;
use serde_json::{Value, json};
use tokio_postgres::{Client, NoTls};
use universe_core::plan::{Action, Mode};
use universe_core::planner::{self, Holds, Request, Undefined};
use universe_core::{Bar, ListingRecord, Price, SecurityType, Usd};
use universe_store::{Needs, PostgresStore, Store};
use universe_testkit::builders::{
    ENVIRONMENT, MONDAY, RULES, TUESDAY, apply, instant, load, load_record, plan, rules, snapshot, stock, symbol,
    symbols, universe,
};
use universe_testkit::{TestDatabase, test_database};

/// The tables as an older program made them: other names, other keys, other types, more columns.
const OLDER_TABLES: &str = "
create table symbols (
  id serial,
  symbol varchar(20) primary key,
  name varchar(255) not null,
  type varchar(20),
  market varchar(20) default 'stocks',
  active boolean default true,
  primary_exchange varchar(20),
  list_date date,
  sector varchar(100),
  market_cap numeric(20, 2),
  weighted_shares_outstanding bigint,
  last_updated timestamp without time zone default now()
);
create table cache_entries (
  id serial primary key,
  type varchar(100) not null,
  name varchar(100) not null,
  key varchar(100) not null,
  value jsonb not null,
  created_at timestamp without time zone default now(),
  updated_at timestamp without time zone default now(),
  unique (type, name, key)
);
create table ohlcv_daily (
  symbol varchar(20) not null references symbols (symbol),
  date date not null,
  open numeric(10, 4) not null,
  high numeric(10, 4) not null,
  low numeric(10, 4) not null,
  close numeric(10, 4) not null,
  volume bigint not null,
  vwap numeric(10, 4),
  primary key (symbol, date)
);
insert into symbols (symbol, name, type, active, primary_exchange, list_date, sector, market_cap, weighted_shares_outstanding)
values
  ('AAPL', 'Apple Inc.', 'CS', true, 'XNAS', '1980-12-12', 'Technology', 2500000000000.00, 15400000000),
  ('BRK.B', 'Berkshire Hathaway Inc.', 'CS', true, 'XNYS', '1996-05-09', 'Finance', null, 1300000000),
  ('MSFT', 'Microsoft Corporation', 'CS', true, 'XNAS', '1986-03-13', 'Technology', 3000000000000.00, 7430000000),
  ('SIVB', 'SVB Financial Group', 'CS', false, 'XNAS', '1987-10-19', 'Finance', 6000000000.00, 59000000),
  ('SPY', 'SPDR S&P 500 ETF Trust', 'ETF', null, 'ARCX', '1993-01-29', null, null, null),
  ('QQQ', 'Invesco QQQ Trust', 'ETF', true, 'XNAS', '1999-03-10', null, null, null);
insert into symbols (symbol, name, type, active)
select 'Z' || n, 'Filler ' || n, case n % 3 when 0 then 'CS' when 1 then 'WARRANT' end, true
from generate_series(1, 3000) n;
insert into ohlcv_daily (symbol, date, open, high, low, close, volume, vwap)
values
  ('AAPL', '2024-03-01', 179, 180, 177, 179.66, 73000000, 179.1),
  ('AAPL', '2024-03-04', 176, 177, 173, 175.10, 81000000, 175.2),
  ('BRK.B', '2024-03-01', 406, 409, 403, 407.50, 4000000, null),
  ('MSFT', '2024-03-04', 413, 417, 412, 414.92, 17000000, null),
  ('SIVB', '2023-03-09', 176, 177, 100, 106.04, 38000000, null);
insert into ohlcv_daily (symbol, date, open, high, low, close, volume)
select symbol, date '2023-01-02' + d, 1, 1, 1, 1, 1
from symbols, generate_series(1, 3) d
where symbol like 'Z%';
insert into cache_entries (type, name, key, value)
values
  ('stock_universe', 'Market Leaders', 'top_2', '[\"AAPL\", \"MSFT\"]'),
  ('stock_universe', 'Mega Cap', 'mega_cap', '{\"symbols\": [\"AAPL\", \"BRK-B\"], \"count\": 2}'),
  ('stock_universe', 'My Picks', 'picks', '{\"stocks\": [{\"ticker\": \"AAPL\", \"rank\": 1}]}'),
  ('stock_universe', 'Watch', 'watch', '{\"value\": [\"MSFT\"]}'),
  ('stock_universe', 'Broken', 'broken', '{\"members\": 7}'),
  ('etf_universe', 'Core ETFs', 'etf_core', '{\"etfs\": [{\"symbol\": \"SPY\"}, {\"symbol\": \"QQQ\"}]}'),
  ('app_settings', 'Theme', 'top_2', '{\"dark\": true, \"symbols\": [\"none\"]}'),
  ('cache_config', 'TTL', 'seconds', '3600'),
  ('themes', 'List', 'all', '[\"ai\", \"ev\"]');
insert into cache_entries (type, name, key, value, created_at, updated_at)
select 'user_pref', 'User ' || n, 'layout', jsonb_build_object('n', n), '2023-03-26 02:30', '2023-10-29 02:30'
from generate_series(1, 4000) n;
";

/// Fingerprints of what must not change: the rows of other programs, in the columns that they had.
const FOREIGN_ROWS: &str = "\
select
  (select md5(string_agg((id, type, name, key, value, created_at, updated_at)::text, E'\\n' order by id))
   from cache_entries where type not in ('stock_universe', 'etf_universe')),
  (select md5(string_agg((id, symbol, name, type, market, active, primary_exchange, list_date, sector,
     market_cap, weighted_shares_outstanding, last_updated)::text, E'\\n' order by symbol))
   from symbols where symbol like 'Z%'),
  (select md5(string_agg((symbol, date, open, high, low, close, volume, vwap)::text, E'\\n' order by symbol, date))
   from ohlcv_daily where date < '2024-03-04')";

/// What the catalogue says about the older columns, their types, keys and defaults.
const OLDER_CATALOGUE: &str = "\
select md5(
  (select string_agg((table_name, column_name, data_type, is_nullable, column_default)::text, E'\\n'
     order by table_name, ordinal_position)
   from information_schema.columns
   where (table_name, column_name) in (
     ('symbols', 'id'), ('symbols', 'symbol'), ('symbols', 'name'), ('symbols', 'type'), ('symbols', 'market'),
     ('symbols', 'active'), ('symbols', 'primary_exchange'), ('symbols', 'list_date'), ('symbols', 'sector'),
     ('symbols', 'market_cap'), ('symbols', 'weighted_shares_outstanding'), ('symbols', 'last_updated'),
     ('cache_entries', 'id'), ('cache_entries', 'type'), ('cache_entries', 'name'), ('cache_entries', 'key'),
     ('cache_entries', 'value'), ('cache_entries', 'created_at'), ('cache_entries', 'updated_at'),
     ('ohlcv_daily', 'symbol'), ('ohlcv_daily', 'date'), ('ohlcv_daily', 'open'), ('ohlcv_daily', 'high'),
     ('ohlcv_daily', 'low'), ('ohlcv_daily', 'close'), ('ohlcv_daily', 'volume'), ('ohlcv_daily', 'vwap')))
  || (select string_agg(conname || pg_get_constraintdef(oid), E'\\n' order by conname)
   from pg_constraint where connamespace = 'public'::regnamespace
     and conrelid::regclass::text in ('symbols', 'cache_entries', 'ohlcv_daily')))";

struct Older {
    client: Client,
    store: PostgresStore,
    foreign: Vec<Option<String>>,
    catalogue: Option<String>,
    _database: TestDatabase,
}

impl Older {
    /// Makes the older database and migrates it.
    async fn migrated() -> Option<Self> {
        let database = test_database()?;
        let (client, connection) = tokio_postgres::connect(&database.uri(), NoTls).await.expect("connects");
        tokio::spawn(connection);
        client.batch_execute(OLDER_TABLES).await.expect("makes the older tables");
        let foreign = foreign_rows(&client).await;
        let catalogue = client.query_one(OLDER_CATALOGUE, &[]).await.expect("reads the catalogue").get(0);
        let store = PostgresStore::connect(&database.uri()).await.expect("connects");
        store.migrate(instant(0)).await.expect("migrates");
        Some(Self { client, store, foreign, catalogue, _database: database })
    }

    async fn assert_untouched(&self) {
        assert_eq!(foreign_rows(&self.client).await, self.foreign, "rows of other programs");
        let catalogue: Option<String> = self.client.query_one(OLDER_CATALOGUE, &[]).await.expect("reads").get(0);
        assert_eq!(catalogue, self.catalogue, "older columns and constraints");
    }

    async fn value(&self, sql: &str) -> Value {
        self.client.query_one(sql, &[]).await.unwrap_or_else(|error| panic!("{sql}: {error:?}")).get(0)
    }
}

async fn foreign_rows(client: &Client) -> Vec<Option<String>> {
    let row = client.query_one(FOREIGN_ROWS, &[]).await.expect("fingerprints");
    (0..3).map(|column| row.get(column)).collect()
}

#[tokio::test]
async fn migrating_adds_what_is_missing_and_no_twins() {
    let Some(older) = Older::migrated().await else { return };
    older.assert_untouched().await;
    let columns = older
        .value(
            "select jsonb_agg(column_name::text order by ordinal_position)
            from information_schema.columns where table_schema = 'public' and table_name = 'symbols'",
        )
        .await;
    for twin in ["company_name", "security_type", "is_active", "listing_date", "exchange"] {
        assert!(!columns.as_array().expect("a list").contains(&json!(twin)), "{twin} beside its older name: {columns}");
    }
    for added in ["industry", "country", "currency", "delisted_date", "etf_type", "ipo_year", "last_seen_session"] {
        assert!(columns.as_array().expect("a list").contains(&json!(added)), "{added} is missing: {columns}");
    }
    assert_eq!(
        older.value("select jsonb_agg(content) from cache_entries where key = 'top_2' order by 1").await,
        json!([{"symbols": ["AAPL", "MSFT"], "count": 2, "last_updated": null, "metadata": null}, null]),
        "the generated column is there, for lists of the two types only",
    );
    assert_eq!(older.store.migrate(instant(1)).await.expect("migrates again"), [] as [String; 0]);
}

#[tokio::test]
async fn listings_are_read_by_their_older_names() {
    let Some(older) = Older::migrated().await else { return };
    let needs = Needs { company_names: true, details: true, facts: Vec::new(), returns: false };
    let observation = older.store.observation_read(MONDAY, &needs).await.expect("observes");
    assert_eq!(observation.len(), 3006);
    let at = |text: &str| observation.position(&symbol(text)).expect("a listing");
    let berkshire = at("BRK.B");
    assert_eq!(observation.close[berkshire], Price::from_dollars(407.5), "the latest before the session");
    assert_eq!(observation.exchange.value(berkshire), Some("XNYS"));
    assert_eq!(observation.company_name.value(berkshire), Some("Berkshire Hathaway Inc."));
    assert_eq!(observation.listing_date[berkshire], Some("1996-05-09".parse::<Date>().expect("a date")));
    assert_eq!(observation.recorded_cap[at("AAPL")], Some(Usd(2_500_000_000_000)));
    assert_eq!(observation.security_type[at("SPY")], SecurityType::Etf);
    assert!(observation.is_active[at("SPY")], "unknown is not delisted");
    assert!(!observation.is_active[at("SIVB")]);
}

#[tokio::test]
async fn entries_are_read_in_every_older_shape() {
    let Some(older) = Older::migrated().await else { return };
    let state = older.store.state_read(ENVIRONMENT, MONDAY).await.expect("reads");
    let members = |address: &str| state.universes[&universe(address)].members.clone();
    assert_eq!(members("stock_universe:top_2"), symbols(&["AAPL", "MSFT"]));
    assert_eq!(members("stock_universe:mega_cap"), symbols(&["AAPL", "BRK.B"]));
    assert_eq!(members("stock_universe:picks"), symbols(&["AAPL"]));
    assert_eq!(members("stock_universe:watch"), symbols(&["MSFT"]));
    assert_eq!(members("stock_universe:broken"), []);
    assert_eq!(members("etf_universe:etf_core"), symbols(&["SPY", "QQQ"]));
    assert_eq!(state.universes.len(), 6, "nothing of other types");
    assert!(state.universes.values().all(|universe| universe.rule.is_none()));
}

#[tokio::test]
async fn a_run_writes_its_own_rows_and_no_others() {
    let Some(older) = Older::migrated().await else { return };
    let planned = plan(&older.store, MONDAY, &rules(RULES)).await;
    apply(&older.store, &planned, 1).await.expect("applies");
    older.assert_untouched().await;
    assert_eq!(
        older
            .value(
                "select jsonb_object_agg(type || ':' || key, value order by type, key)
                from cache_entries where type in ('stock_universe', 'etf_universe')",
            )
            .await,
        json!({
            "etf_universe:etf_core": ["QQQ", "SPY"],
            "etf_universe:index_broad_market": ["QQQ", "SPY"],
            "stock_universe:large_cap": [],
            "stock_universe:mega_cap": ["AAPL", "BRK.B", "MSFT"],
            "stock_universe:mid_cap": [],
            "stock_universe:top_2": ["MSFT", "AAPL"],
        })
    );
    assert_eq!(
        older.value("select to_jsonb(market_cap) from symbols where symbol = 'BRK.B'").await,
        json!(529_750_000_000.00)
    );
    assert_eq!(older.store.inconsistency_list(ENVIRONMENT).await.expect("checks"), []);

    let audit = older.store.audit_list(ENVIRONMENT, 0, 100).await.expect("lists");
    let kept = |address: &str| {
        let row = audit.iter().find(|row| row.universe == Some(universe(address)) && !row.detail["value"].is_null());
        row.map(|row| row.detail["value"].clone())
    };
    assert_eq!(kept("stock_universe:picks"), Some(json!({"stocks": [{"ticker": "AAPL", "rank": 1}]})));
    assert_eq!(kept("stock_universe:mega_cap"), Some(json!({"symbols": ["AAPL", "BRK-B"], "count": 2})));

    let again = plan(&older.store, MONDAY, &rules(RULES)).await;
    assert!(again.is_empty(), "a second run of the session has nothing to do: {again:?}");
}

#[tokio::test]
async fn preserving_leaves_other_programs_entries() {
    let Some(older) = Older::migrated().await else { return };
    let rule_set = rules(RULES);
    let needs = Needs { company_names: false, details: true, facts: Vec::new(), returns: false };
    let observation = older.store.observation_read(MONDAY, &needs).await.expect("observes");
    let state = older.store.state_read(ENVIRONMENT, MONDAY).await.expect("reads");
    let request = Request { mode: Mode::Full, undefined: Undefined::Preserve, holds: Holds::Wait };
    let planned = planner::plan(&observation, &rule_set, &state, request);
    assert!(planned.universes.iter().all(|universe| universe.action != Action::Retired));
    apply(&older.store, &planned, 1).await.expect("applies");
    assert_eq!(
        older.value("select value from cache_entries where key = 'picks'").await,
        json!({"stocks": [{"ticker": "AAPL", "rank": 1}]})
    );
    older.assert_untouched().await;
}

#[tokio::test]
async fn loads_go_into_the_older_columns() {
    let Some(older) = Older::migrated().await else { return };
    let rows = [stock("AAPL", 170.0, 15_400), stock("NVDA", 859.64, 2_500)];
    let loaded = load(&older.store, &snapshot(TUESDAY, rows), 1).await;
    assert_eq!(loaded.written, 2);
    assert_eq!(
        older
            .value(
                "select jsonb_agg(jsonb_build_array(symbol, name, type, active) order by symbol)
                from symbols where symbol in ('AAPL', 'NVDA')",
            )
            .await,
        json!([["AAPL", "AAPL Inc. Common Stock", "CS", true], ["NVDA", "NVDA Inc. Common Stock", "CS", true]])
    );
    assert_eq!(
        older
            .value(
                "select jsonb_agg(jsonb_build_array(symbol, open, close, volume) order by symbol)
                from ohlcv_daily where date = '2024-03-05'",
            )
            .await,
        json!([["AAPL", 170.0000, 170.0000, 1000], ["NVDA", 859.6400, 859.6400, 1000]]),
        "a table that takes full bars only gets the close for all prices",
    );

    let mut listing = ListingRecord::new(symbol("MSFT"));
    listing.exchange = Some("nasdaq".to_owned());
    listing.is_active = Some(true);
    let record = load_record("symbols", None);
    older.store.listing_load(&[listing], TUESDAY, &record, instant(2)).await.expect("loads");
    assert_eq!(
        older.value("select to_jsonb(primary_exchange) from symbols where symbol = 'MSFT'").await,
        json!("nasdaq")
    );

    let close = Price::from_dollars(402.65).expect("a price");
    let bar = Bar { symbol: symbol("MSFT"), date: TUESDAY, open: None, high: None, low: None, close, volume: None };
    let loaded = older.store.bar_load(&[bar.clone(), bar], &load_record("prices", None), instant(3)).await;
    assert_eq!(loaded.expect("loads").written, 1);
    older.assert_untouched().await;
}
