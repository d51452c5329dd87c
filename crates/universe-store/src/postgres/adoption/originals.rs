//! Rows of the public schema as they were: kept as texts, each of which its column's type reads back exactly.

use deadpool_postgres::Transaction;
use serde_json::{Value, json};

use super::super::failure::Failure;
use super::catalogue::{Catalogue, Column};

/// What the texts of values depend on, apart from the values; held by both who keeps and who puts back.
const EXACT: &str = "\
set local datestyle = 'ISO, YMD';
set local intervalstyle = 'postgres';
set local timezone = 'UTC';
set local extra_float_digits = 1;
set local bytea_output = 'hex'";

/// A table of which rows are kept.
pub(super) struct Kept {
    pub(super) name: &'static str,
    /// The column that identifies a row.
    pub(super) key: &'static str,
    /// Which rows are kept, as a condition on `t` and the environment `$1`.
    pub(super) rows: &'static str,
}

pub(super) const ENTRIES: Kept = Kept {
    name: "cache_entries",
    key: "id",
    rows: "t.environment = $1 and t.type in ('stock_universe', 'etf_universe')",
};
pub(super) const SYMBOLS: Kept = Kept { name: "symbols", key: "symbol", rows: "$1::text is not null" };

/// Makes texts exact until the end of the transaction.
pub(super) async fn be_exact(tx: &Transaction<'_>) -> Result<(), Failure> {
    Ok(tx.batch_execute(EXACT).await?)
}

/// Keeps the rows that runs may rewrite, in the columns that they had; returns the names of these.
pub(super) async fn keep(tx: &Transaction<'_>, environment: &str, before: &Catalogue) -> Result<Value, Failure> {
    be_exact(tx).await?;
    let mut columns = json!({});
    for table in [ENTRIES, SYMBOLS] {
        let kept: Vec<&Column> = before.columns_of(table.name).filter(|column| !column.is_generated).collect();
        if kept.is_empty() {
            continue;
        }
        let Kept { name, key, rows } = table;
        let sql = format!(
            "insert into universe.adoption_original (environment, table_name, row_key, row_values)
            select $1, '{name}', t.{key}::text, {}
            from public.{name} t
            where {rows}",
            values(&kept)
        );
        tx.execute(&sql, &[&environment]).await?;
        columns[name] = json!(kept.iter().map(|column| &column.name).collect::<Vec<_>>());
    }
    // What follows reads columns without a time zone as every other session does.
    tx.batch_execute("set local timezone to default").await?;
    Ok(columns)
}

/// Returns the expression for the values of row `t` as texts.
pub(super) fn values(columns: &[&Column]) -> String {
    let texts: Vec<String> = columns.iter().map(|column| format!("t.{}::text", quoted(&column.name))).collect();
    format!("array[{}]::text[]", texts.join(", "))
}

/// Returns an identifier as SQL takes it, whatever is in it.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
