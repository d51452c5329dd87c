//! The bars that are stored, past the program.

use std::collections::BTreeMap;

use tokio::runtime::Runtime;
use universe_testkit::MassiveStandIn;

use crate::harness::Place;

/// How many daily bars there are of a symbol, and the sum of their closes in millionths of a dollar.
pub(crate) type Sums = BTreeMap<String, (i64, i64)>;

/// Returns what is stored of each symbol.
pub(crate) fn stored(place: &Place) -> Sums {
    let sql = "select symbol, count(*), cast(sum(round(close * 1000000)) as bigint) from ohlcv_daily group by symbol";
    let Some(uri) = place.postgres_uri() else {
        let file = rusqlite::Connection::open(place.path("universe.db")).expect("opens");
        let mut statement = file.prepare(sql).expect("prepared");
        let rows = statement.query_map([], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?)))).expect("queried");
        return rows.collect::<Result<_, _>>().expect("read");
    };
    let rows = query(&uri, sql);
    rows.iter().map(|row| (row.get(0), (row.get(1), row.get(2)))).collect()
}

/// Returns what the provider has of each symbol.
pub(crate) fn expected(
    provider: &MassiveStandIn,
    symbols: impl IntoIterator<Item = impl AsRef<str>>,
    (first, last): (jiff::civil::Date, jiff::civil::Date),
) -> Sums {
    let sums = symbols.into_iter().map(|symbol| {
        let bars = provider.bars(symbol.as_ref(), universe_core::Timeframe::Day, first, last);
        let closes = bars.iter().map(|bar| bar.close.micros()).sum::<i64>();
        (symbol.as_ref().to_owned(), (i64::try_from(bars.len()).expect("few"), closes))
    });
    sums.collect()
}

/// Asks PostgreSQL.
pub(crate) fn query(uri: &str, sql: &str) -> Vec<tokio_postgres::Row> {
    let runtime: Runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(uri, tokio_postgres::NoTls).await.expect("connects");
        let driver = tokio::spawn(connection);
        let rows = client.query(sql, &[]).await.expect("answered");
        drop(client);
        driver.await.expect("no panic").expect("closed");
        rows
    })
}
