//! Bars of any length into their tables, as one set each.

use deadpool_postgres::Transaction;
use jiff::Timestamp;
use jiff::civil::Date;
use tokio_postgres::types::ToSql;
use universe_core::{Price, TimedBar, Timeframe};

use super::super::failure::Failure;
use crate::loading_records::{bars_of, volume};
use crate::{DataLoadPart, Loaded, StoreError};

/// The column that tells when a bar is, and whether it makes a key together with the symbol.
///
/// An older database may have the other one of the two, or one without a zone, or no key.
const TIME_COLUMN: &str = "\
select a.attname::text, t.typname::text, exists (
  select
  from pg_index i
  join pg_attribute s on s.attrelid = i.indrelid and s.attname = 'symbol'
  where i.indrelid = a.attrelid
    and i.indisunique
    and i.indpred is null
    and i.indnkeyatts = 2
    and array[i.indkey[0], i.indkey[1]] in (array[s.attnum, a.attnum], array[a.attnum, s.attnum])
)
from pg_attribute a
join pg_type t on t.oid = a.atttypid
where a.attrelid = to_regclass($1)
  and a.attname in ('date', 'timestamp')
  and not a.attisdropped
order by a.attname = $2 desc
limit 1";

/// How a table of bars is made.
struct TimeColumn {
    name: String,
    kind: String,
    is_key: bool,
}

/// Stores the bars of one length where they differ.
pub(super) async fn store(
    tx: &Transaction<'_>,
    timeframe: Timeframe,
    parts: &[DataLoadPart],
    loaded: &mut Loaded,
) -> Result<(), Failure> {
    let bars = bars_of(parts, timeframe);
    if bars.is_empty() {
        return Ok(());
    }
    let column = time_column(tx, timeframe).await?;
    let statement = tx.prepare_cached(&bars_sql(timeframe, &column)).await?;
    let symbols: Vec<&str> = bars.iter().map(|bar| bar.symbol.as_str()).collect();
    let dates: Vec<Date>;
    let starts: Vec<Timestamp>;
    let times: &(dyn ToSql + Sync) = if timeframe.is_dated() {
        dates = bars.iter().map(|bar| bar.date).collect();
        &dates
    } else {
        starts = bars.iter().map(|bar| bar.start).collect();
        &starts
    };
    let micros = |price: fn(&TimedBar) -> Price| -> Vec<i64> { bars.iter().map(|bar| price(bar).micros()).collect() };
    let (opens, highs) = (micros(|bar| bar.open), micros(|bar| bar.high));
    let (lows, closes) = (micros(|bar| bar.low), micros(|bar| bar.close));
    let volumes: Vec<i64> = bars.iter().map(|bar| volume(bar)).collect();
    let row = tx.query_one(&statement, &[&symbols, times, &opens, &highs, &lows, &closes, &volumes]).await?;
    let written = row.get::<_, i64>(0).cast_unsigned();
    loaded.written += written;
    loaded.unchanged += bars.len() as u64 - written;
    Ok(())
}

async fn time_column(tx: &Transaction<'_>, timeframe: Timeframe) -> Result<TimeColumn, Failure> {
    let table = format!("public.{}", timeframe.table());
    let contract = if timeframe.is_dated() { "date" } else { "timestamp" };
    let statement = tx.prepare_cached(TIME_COLUMN).await?;
    let missing = || {
        StoreError::Schema(format!(
            "the database cannot be used for {timeframe} bars: there is no table {table} with a column {contract}; \
             set it up with: universe db migrate"
        ))
    };
    let row = tx.query_opt(&statement, &[&table, &contract]).await?.ok_or_else(missing)?;
    Ok(TimeColumn { name: row.get(0), kind: row.get(1), is_key: row.get(2) })
}

/// Returns the statement that stores bars; it returns how many are new or changed.
fn bars_sql(timeframe: Timeframe, column: &TimeColumn) -> String {
    let (table, TimeColumn { name, kind, is_key }) = (timeframe.table(), column);
    let given = if timeframe.is_dated() { "date" } else { "timestamptz" };
    // Where a zone is missing, other programs wrote UTC.
    let time = match (given, kind.as_str()) {
        ("timestamptz", "timestamp") => "u.at at time zone 'UTC'",
        ("timestamptz", "date") => "(u.at at time zone 'America/New_York')::date",
        _ => "u.at",
    };
    let incoming = format!(
        "with v as (
  select u.symbol, {time} as at,
    trim_scale(u.open * 0.000001) as open, trim_scale(u.high * 0.000001) as high,
    trim_scale(u.low * 0.000001) as low, trim_scale(u.close * 0.000001) as close, u.volume
  from unnest($1::text[], $2::{given}[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])
    u (symbol, at, open, high, low, close, volume)
)"
    );
    let differs = "(o.open::numeric, o.high::numeric, o.low::numeric, o.close::numeric, o.volume::bigint)";
    if *is_key {
        return format!(
            "{incoming},
written as (
  insert into public.{table} as o (symbol, {name}, open, high, low, close, volume)
  select v.symbol, v.at, v.open, v.high, v.low, v.close, v.volume
  from v
  on conflict (symbol, {name}) do update
  set open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close,
    volume = excluded.volume
  where {differs}
    is distinct from (
      excluded.open::numeric, excluded.high::numeric, excluded.low::numeric, excluded.close::numeric,
      excluded.volume::bigint
    )
  returning 1
)
select count(*) from written"
        );
    }
    format!(
        "{incoming},
changed as (
  update public.{table} o
  set open = v.open, high = v.high, low = v.low, close = v.close, volume = v.volume
  from v
  where o.symbol = v.symbol
    and o.{name} = v.at
    and {differs} is distinct from (v.open, v.high, v.low, v.close, v.volume)
  returning 1
),
created as (
  insert into public.{table} (symbol, {name}, open, high, low, close, volume)
  select v.symbol, v.at, v.open, v.high, v.low, v.close, v.volume
  from v
  where not exists (select from public.{table} o where o.symbol = v.symbol and o.{name} = v.at)
  returning 1
)
select (select count(*) from changed) + (select count(*) from created)"
    )
}
