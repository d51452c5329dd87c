//! Bars of jobs in tables that an older program made: other types, other constraints, keys or none.

use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use tokio_postgres::NoTls;
use universe_core::{ListingRecord, Price, TimedBar, Timeframe};
use universe_store::{
    DataLoadOrder, DataLoadPart, DataLoadPlan, DataLoadRequest, DataLoadStore as _, DataLoadTaskEnd, Loaded,
    PostgresStore, Store as _, StoreError,
};
use universe_testkit::builders::{ENVIRONMENT, MONDAY, TUESDAY, instant, load_record, symbol};
use universe_testkit::test_database;

/// Daily bars that refer to listings, minutes without a zone, hours without a key, weeks under another name.
const OLDER_TABLES: &str = "
create table symbols (symbol varchar(20) primary key, name varchar(255), type varchar(20), active boolean);
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
create table ohlcv_1min (
  id bigserial primary key,
  symbol varchar(20) not null,
  timestamp timestamp without time zone not null,
  open double precision not null,
  high double precision not null,
  low double precision not null,
  close double precision not null,
  volume integer not null,
  unique (timestamp, symbol)
);
create table ohlcv_hourly (
  symbol text, timestamp timestamptz, open numeric, high numeric, low numeric, close numeric, volume numeric
);
create table ohlcv_weekly (
  symbol text, timestamp timestamptz, open numeric, high numeric, low numeric, close numeric, volume bigint
);
set timezone to 'Asia/Tokyo';
";

fn bar(day: Date, close: f64) -> TimedBar {
    let price = |dollars: f64| Price::from_dollars(dollars).expect("a price");
    TimedBar {
        symbol: symbol("AAPL"),
        start: day.at(14, 30, 0, 0).to_zoned(TimeZone::UTC).expect("exists").timestamp(),
        date: day,
        open: price(close),
        high: price(close + 1.0),
        low: price(close - 1.0),
        close: price(close),
        volume: 1_000,
    }
}

#[tokio::test]
async fn bars_go_into_tables_as_they_are() {
    let Some(database) = test_database() else { return };
    let (client, connection) = tokio_postgres::connect(&database.uri(), NoTls).await.expect("connects");
    tokio::spawn(connection);
    client.batch_execute(OLDER_TABLES).await.expect("makes the older tables");
    let store = PostgresStore::connect(&database.uri()).await.expect("connects");
    store.migrate(instant(0)).await.expect("migrates");
    let order = DataLoadOrder {
        job_id: "job".to_owned(),
        environment: ENVIRONMENT.to_owned(),
        request: DataLoadRequest {
            universe_key: None,
            csv_file: None,
            symbols: vec![symbol("AAPL")],
            years: 1,
            timeframes: Timeframe::ALL.to_vec(),
            include_ohlcv: true,
        },
        requested_by: "a test".to_owned(),
        created_at: instant(1),
    };
    store.data_load_order(&order).await.expect("ordered");
    let token = store.data_load_claim(ENVIRONMENT, "a", instant(1), 60).await.expect("claims").expect("a job").token;
    let plan = DataLoadPlan {
        message: "loading".to_owned(),
        symbols: vec![symbol("AAPL")],
        first_date: MONDAY,
        last_date: TUESDAY,
    };
    store.data_load_plan("job", token, &plan, instant(1)).await.expect("planned");
    let load = async |timeframe: Timeframe, bars: &[TimedBar]| -> Result<Loaded, StoreError> {
        let end = DataLoadTaskEnd::Continued;
        let part = DataLoadPart { symbol: symbol("AAPL"), timeframe, bars: bars.to_vec(), end };
        store.timed_bar_load("job", token, &[part], instant(1)).await
    };

    // A listing that nobody knows has no bars here; when it is known it has.
    let refused = load(Timeframe::Day, &[bar(MONDAY, 175.5)]).await.expect_err("refers to nothing");
    assert!(matches!(refused, StoreError::Conflict { .. }), "{refused:?}");
    let listing = ListingRecord::new(symbol("AAPL"));
    store.listing_load(&[listing], MONDAY, &load_record("data_load", None), instant(1)).await.expect("known");
    for timeframe in Timeframe::ALL {
        let loaded = load(timeframe, &[bar(MONDAY, 175.5), bar(TUESDAY, 170.25)]).await.expect("stored");
        assert_eq!((loaded.written, loaded.unchanged), (2, 0), "{timeframe}");
        let loaded = load(timeframe, &[bar(MONDAY, 175.5), bar(TUESDAY, 171.25)]).await.expect("stored");
        assert_eq!((loaded.written, loaded.unchanged), (1, 1), "{timeframe}");
        let sql = format!("select count(*), sum(close)::float8 from {}", timeframe.table());
        let row = client.query_one(&sql, &[]).await.expect("read");
        assert_eq!((row.get::<_, i64>(0), row.get::<_, f64>(1)), (2, 175.5 + 171.25), "{timeframe}");
    }
    let row = client.query_one("select min(timestamp)::text from ohlcv_1min", &[]).await.expect("read");
    assert_eq!(row.get::<_, &str>(0), "2024-03-04 14:30:00");
    assert_eq!(store.session_latest(date(2030, 1, 1)).await.expect("read"), Some(TUESDAY));
}
