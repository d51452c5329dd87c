//! Everything that a database holds, as text.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;

use crate::harness::Place;

/// Returns the members of every universe as `cache_entries` has them.
pub(crate) fn entries(place: &Place) -> BTreeMap<String, Value> {
    const SQL: &str = "select type || ':' || key, cast(value as text) from cache_entries
                       where type in ('stock_universe', 'etf_universe')";
    let rows: Vec<(String, String)> = match place.postgres_uri() {
        Some(uri) => on_postgres(&uri, async |client| {
            let rows = client.query(SQL, &[]).await.expect("the entries");
            rows.iter().map(|row| (row.get(0), row.get(1))).collect()
        }),
        None => rusqlite::Connection::open(place.path("universe.db"))
            .and_then(|database| database.prepare(SQL)?.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect())
            .expect("the entries"),
    };
    rows.into_iter().map(|(id, value)| (id, serde_json::from_str(&value).expect("JSON"))).collect()
}

/// Returns every row of every table of an SQLite file; nothing when there is no file.
pub(crate) fn sqlite(file: &Path) -> String {
    let mut text = String::new();
    if !file.exists() {
        return text;
    }
    let database = rusqlite::Connection::open(file).expect("opened");
    let tables: Vec<String> = database
        .prepare("select name from sqlite_schema where type = 'table' order by name")
        .and_then(|mut statement| statement.query_map([], |row| row.get(0))?.collect())
        .expect("the tables");
    for table in tables {
        let mut statement = database.prepare(&format!("select * from \"{table}\"")).expect("a table");
        let columns = statement.column_count();
        let mut rows: Vec<String> = statement
            .query_map([], |row| {
                (0..columns).map(|at| Ok(format!("{:?}", row.get_ref(at)?))).collect::<Result<Vec<_>, _>>()
            })
            .and_then(|rows| rows.map(|row| row.map(|cells| cells.join("|"))).collect())
            .expect("the rows");
        rows.sort();
        writeln!(text, "{table}\n{}", rows.join("\n")).expect("a string");
    }
    text
}

/// Returns every row of every table of a PostgreSQL database.
pub(crate) fn postgres(uri: &str) -> String {
    on_postgres(uri, async |client| {
        let tables = client
            .query(
                "select format('%I.%I', table_schema, table_name)
                 from information_schema.tables
                 where table_schema in ('public', 'universe') and table_type = 'BASE TABLE'
                 order by 1",
                &[],
            )
            .await
            .expect("the tables");
        let mut text = String::new();
        for table in tables {
            let table: String = table.get(0);
            let sql = format!("select coalesce(string_agg(t::text, E'\\n' order by t::text), '') from {table} t");
            let rows: String = client.query_one(&sql, &[]).await.expect("the rows").get(0);
            writeln!(text, "{table}\n{rows}").expect("a string");
        }
        text
    })
}

fn on_postgres<T>(uri: &str, ask: impl AsyncFnOnce(tokio_postgres::Client) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(uri, tokio_postgres::NoTls).await.expect("connected");
        tokio::spawn(connection);
        ask(client).await
    })
}
