//! A TickStock database as it was before this program: older names, shapes, keys and types, and rows of others.
//!
//! Made from what the platform's own documents and its older programs say; thousands of rows, every older shape of
//! `value`, what people left in it over the years, and things of other programs that hang on its tables.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use tokio_postgres::Client;

/// The tables: other names, other keys, other types, more columns, and what other programs hung on them.
const TABLES: &str = r#"
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
  industry varchar(150),
  market_cap numeric(20, 2),
  weighted_shares_outstanding bigint,
  last_updated timestamp without time zone default '2024-02-29 18:00:01.123456',
  raw json,
  cik char(12)
);
create table cache_entries (
  id serial primary key,
  type varchar(100) not null,
  name varchar(100) not null,
  key varchar(100) not null,
  value jsonb not null,
  "Owner Note" text,
  created_at timestamp without time zone default '2023-10-29 02:30:00.5',
  updated_at timestamp with time zone default '2023-10-29 02:30:00.5+02',
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
  vwap double precision,
  primary key (symbol, date)
);
create table watchlist (
  id serial primary key,
  symbol varchar(20) not null references symbols (symbol) on update cascade,
  cache_entry_id integer references cache_entries (id) on delete cascade,
  noted_at timestamptz default '2024-01-02 03:04:05.678901+00'
);
create view universe_sizes as
  select e.*, case when jsonb_typeof(e.value) = 'array' then jsonb_array_length(e.value) end as size
  from cache_entries e
  where e.type like '%universe';
create function note_update() returns trigger language plpgsql as $$
begin
  new.updated_at = clock_timestamp();
  return new;
end
$$;
create trigger cache_entries_updated before update on cache_entries for each row execute function note_update();
create trigger cache_entries_off before update on cache_entries for each row execute function note_update();
alter table cache_entries disable trigger cache_entries_off;
create index cache_entries_lower_key on cache_entries (lower(key));
"#;

/// The rows that have a name.
const ROWS: &str = r#"
insert into symbols (symbol, name, type, active, primary_exchange, list_date, sector, industry, market_cap, weighted_shares_outstanding, raw, cik)
values
  ('AAPL', 'Apple Inc.', 'CS', true, 'XNAS', '1980-12-12', 'Technology', 'Computer Manufacturing', 2500000000000.00, 15400000000, '{"b":1,  "a":2, "b":3}', '0000320193'),
  ('BRK.B', 'Berkshire Hathaway Inc.', 'CS', true, 'XNYS', '1996-05-09', 'Finance', 'Property-Casualty Insurers', null, 1300000000, null, null),
  ('MSFT', 'Microsoft Corporation', 'CS', true, 'XNAS', '1986-03-13', 'Technology', 'Computer Software', 3000000000000.00, 7430000000, null, 'x'),
  ('JPM', 'JPMorgan Chase & Co.', 'CS', true, 'XNYS', '1980-03-17', 'Finance', 'Major Banks', 540000000000.00, 2880000000, null, null),
  ('V', 'Visa Inc.', 'CS', true, 'XNYS', '2008-03-19', 'Finance', 'Diner''s Cards', 560000000000.00, 2000000000, null, null),
  ('SIVB', 'SVB Financial Group', 'CS', false, 'XNAS', '1987-10-19', 'Finance', 'Major Banks', 6000000000.00, 59000000, null, null),
  ('SPY', 'SPDR S&P 500 ETF Trust', 'ETF', null, 'ARCX', '1993-01-29', null, null, null, null, null, null),
  ('XLK', 'Technology Select Sector SPDR', 'ETF', true, 'ARCX', '1998-12-22', null, null, null, null, null, null),
  ('QQQ', 'Invesco QQQ Trust', 'ETF', true, 'XNAS', '1999-03-10', null, null, null, null, null, null);
insert into ohlcv_daily (symbol, date, open, high, low, close, volume, vwap)
values
  ('AAPL', '2024-03-01', 179, 180, 177, 179.66, 73000000, 0.1),
  ('AAPL', '2024-03-04', 176, 177, 173, 175.10, 81000000, 175.2),
  ('BRK.B', '2024-03-01', 406, 409, 403, 407.50, 4000000, null),
  ('MSFT', '2024-03-04', 413, 417, 412, 414.92, 17000000, 1e-300),
  ('JPM', '2024-03-04', 186, 188, 185, 187.10, 9000000, null),
  ('V', '2024-03-04', 284, 286, 282, 283.00, 5000000, null),
  ('SIVB', '2023-03-09', 176, 177, 100, 106.04, 38000000, null);
insert into cache_entries (type, name, key, value, "Owner Note")
values
  ('stock_universe', 'Market Leaders', 'top_100', '["MSFT", "AAPL", "JPM"]', 'by Ann'),
  ('stock_universe', 'Mega Cap', 'mega_cap', '{"symbols": ["AAPL", "BRK-B", "JPM"], "count": 3}', null),
  ('stock_universe', 'My Picks', 'my_picks', '{"stocks": [{"ticker": "AAPL", "rank": 1}, {"ticker": "v", "rank": 2}]}', ' '),
  ('stock_universe', 'Watch', 'watch', '{"value": ["MSFT", "msft", "AAPL"]}', null),
  ('stock_universe', 'S&P 500', 'index_sp500', '["AAPL", "JPM", "MSFT"]', null),
  ('stock_universe', 'Dividend Aristocrats', 'dividend_aristocrats', '{"stocks": [{"ticker": "JPM"}, {"ticker": "V"}]}', null),
  ('stock_universe', 'Tech', 'Tech-Leaders 2', '["AAPL", "MSFT"]', null),
  ('stock_universe', 'Half Broken', 'half_broken', '["AAPL", null, 7, "not a symbol!", {"ticker": "MSFT"}]', null),
  ('stock_universe', 'Broken', 'broken', '{"members": 7}', null),
  ('stock_universe', 'Nothing', 'nothing', '[]', null),
  ('stock_universe', 'First Twin', 'twin', '["AAPL"]', null),
  ('stock_universe', 'Second Twin', 'twin', '["MSFT"]', null),
  ('etf_universe', 'Core ETFs', 'etf_core', '{"etfs": [{"symbol": "SPY"}, {"symbol": "QQQ"}]}', null),
  ('etf_universe', 'Sector ETFs', 'sector_sector_etfs', '{"etfs": [{"symbol": "XLK", "name": "x"}]}', null),
  ('stock_etf_combo', 'Tech Mix', 'tech_mix', '["AAPL", "MSFT", "XLK"]', null),
  ('stock_etf_combo', 'Picks and Funds', 'picks_funds', '{"symbols": ["V", "JPM", "SPY", "QQQ"]}', null),
  ('cache_config', 'market_cap_thresholds', 'all', '{"mega_cap": 250000000000, "large_cap": "10B"}', null),
  ('cache_config', 'settings', 'limits', '{"universe_limits": {"top_25": 25, "top_100": 100}, "ttl_seconds": 60}', null),
  ('cache_config', 'TTL', 'seconds', '3600', null),
  ('cache_config', 'industry_groups', 'all', '{"Banks": ["Major Banks", "Diner''s Cards"]}', null),
  ('themes', 'Payments', 'payments', '["V", "JPM"]', null),
  ('themes', 'List', 'all', '["ai", "ev"]', null),
  ('app_settings', 'Theme', 'top_100', '{"dark": true, "symbols": ["none"]}', null);
insert into watchlist (symbol, cache_entry_id)
select s.symbol, (select id from cache_entries where key = 'my_picks')
from symbols s;
"#;

/// Makes such a database, with `fillers` listings of no importance among its rows, and three bars and a setting each.
///
/// # Panics
/// When the server refuses.
pub async fn make(client: &Client, fillers: u32) {
    let mut sql = TABLES.to_owned();
    let _ = write!(
        sql,
        "insert into symbols (symbol, name, type, active, sector, market_cap, weighted_shares_outstanding)
        select 'Z' || n, 'Filler ' || n, case n % 3 when 0 then 'CS' when 1 then 'WARRANT' end, true, 'Energy',
          n * 1000000.25, n * 1000
        from generate_series(1, {fillers}) n;
        insert into ohlcv_daily (symbol, date, open, high, low, close, volume)
        select symbol, date '2024-02-27' + d, 1, 1, 1, 2000 + d, 1
        from symbols, generate_series(1, 3) d;
        insert into cache_entries (type, name, key, value)
        select 'user_pref', 'User ' || n, 'layout', jsonb_build_object('n', n, 'x', n / 3.0)
        from generate_series(1, {fillers}) n;"
    );
    sql.push_str(ROWS);
    client.batch_execute(&sql).await.unwrap_or_else(|error| panic!("{error:?}"));
}

/// The columns of every table, as they were at one moment.
#[derive(Debug)]
pub struct Shape {
    columns: Vec<(String, Vec<String>)>,
    newest_entry: i32,
}

/// Which rows are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    /// Every row of every table.
    All,
    /// Every row but entries that came since: adopting adds some.
    Older,
    /// All but what a run is there to write: entries of the two types, and caps of listings.
    Foreign,
}

impl Shape {
    /// Reads the columns of every public table.
    ///
    /// # Panics
    /// When the catalogue cannot be read.
    pub async fn read(client: &Client) -> Self {
        let rows = client
            .query(
                "select c.relname::text, array_agg(quote_ident(a.attname) order by a.attnum)
                from pg_class c
                join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
                where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
                group by 1 order by 1",
                &[],
            )
            .await
            .expect("reads the catalogue");
        let columns = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        let newest = client.query_one("select max(id) from cache_entries", &[]).await.expect("reads");
        Self { columns, newest_entry: newest.get(0) }
    }

    /// Returns a fingerprint of each table, over the text of each row in the columns that it had.
    ///
    /// # Panics
    /// When a table or a column is gone.
    pub async fn fingerprints(&self, client: &Client, which: Rows) -> BTreeMap<String, String> {
        let mut fingerprints = BTreeMap::new();
        for (table, columns) in &self.columns {
            let is_foreign = |column: &&String| {
                which != Rows::Foreign
                    || table != "symbols"
                    || !["market_cap", "last_updated"].contains(&column.as_str())
            };
            let columns = columns.iter().filter(is_foreign).map(String::as_str).collect::<Vec<_>>().join(", ");
            let rows = match (which, table.as_str()) {
                (Rows::Foreign, "cache_entries") => "type not in ('stock_universe', 'etf_universe')".to_owned(),
                (Rows::Older, "cache_entries") => format!("id <= {}", self.newest_entry),
                _ => "true".to_owned(),
            };
            let sql = format!(
                "select count(*)::text || ' ' || coalesce(md5(string_agg(md5(r.t), '' order by r.t collate \"C\")), '')
                from (select row({columns})::text as t from public.{table} where {rows}) r"
            );
            let row = client.query_one(&sql, &[]).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
            fingerprints.insert(table.clone(), row.get(0));
        }
        fingerprints
    }
}

/// Returns everything that the catalogue says about the database but rights: a line for each fact, sorted.
///
/// # Panics
/// When it cannot be read.
pub async fn catalogue(client: &Client) -> Vec<String> {
    let sql = "
        select 'schema ' || nspname::text from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema'
        union all
        select 'column ' || c.oid::regclass || ' ' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
          || ' ' || a.attnotnull::text || ' ' || a.attgenerated::text || coalesce(' ' || pg_get_expr(d.adbin, d.adrelid), '')
        from pg_class c
        join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
        where c.relnamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
          and c.relkind in ('r', 'p', 'v') and c.oid::regclass::text !~ '^pg_'
        union all
        select 'constraint ' || conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid)
        from pg_constraint where connamespace = 'public'::regnamespace
        union all
        select 'index ' || pg_get_indexdef(indexrelid) from pg_index
        where indrelid in (select oid from pg_class where relnamespace = 'public'::regnamespace)
        union all
        select 'trigger ' || pg_get_triggerdef(oid) || ' ' || tgenabled::text from pg_trigger where not tgisinternal
        union all
        select 'view ' || pg_get_viewdef(oid) from pg_class where relkind = 'v' and relnamespace = 'public'::regnamespace
        order by 1";
    let rows = client.query(sql, &[]).await.expect("reads the catalogue");
    rows.iter().map(|row| row.get(0)).collect()
}
