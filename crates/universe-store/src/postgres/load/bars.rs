//! Daily bars.

use deadpool_postgres::Object;
use jiff::Timestamp;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::Type;
use universe_core::{Bar, Price};

use super::super::Sql;
use super::super::columns::Columns;
use super::super::failure::Failure;
use super::{LOADS_LOCK, load_insert};
use crate::{LoadRecord, Loaded};

const INCOMING: &str = "\
create temporary table incoming_bar (
  number bigint generated always as identity,
  symbol text collate \"C\" not null,
  date date not null,
  open_micros bigint,
  high_micros bigint,
  low_micros bigint,
  close_micros bigint not null,
  volume bigint
) on commit drop";

const INCOMING_COPY: &str = "\
copy incoming_bar (symbol, date, open_micros, high_micros, low_micros, close_micros, volume)
from stdin (format binary)";

const INCOMING_TYPES: &[Type] = &[Type::TEXT, Type::DATE, Type::INT8, Type::INT8, Type::INT8, Type::INT8, Type::INT8];

/// Returns the statement that stores bars; it returns how many are new or changed.
pub(in super::super) fn bars_sql(columns: &Columns) -> String {
    let price = |name: &str| format!("trim_scale({name}_micros * 0.000001) as {name}");
    let (open, high, low, close) = (price("open"), price("high"), price("low"), price("close"));
    // An older table takes full bars only: what a source leaves out is the close then.
    let inserted = match columns.bar_is_full {
        true => {
            "coalesce(v.open, v.close), coalesce(v.high, v.close), coalesce(v.low, v.close), v.close, coalesce(v.volume, 0)"
        }
        false => "v.open, v.high, v.low, v.close, v.volume",
    };
    // Where a file has a bar twice, the later line counts.
    format!(
        "with v as (
  select distinct on (symbol, date) symbol, date, {open}, {high}, {low}, {close}, volume
  from incoming_bar
  order by symbol, date, number desc
),
changed as (
  update public.ohlcv_daily o
  set open = coalesce(v.open, o.open), high = coalesce(v.high, o.high), low = coalesce(v.low, o.low),
    close = v.close, volume = coalesce(v.volume, o.volume)
  from v
  where o.symbol = v.symbol
    and o.date = v.date
    and (o.open::numeric, o.high::numeric, o.low::numeric, o.close::numeric, o.volume::bigint)
      is distinct from (
        coalesce(v.open, o.open::numeric), coalesce(v.high, o.high::numeric), coalesce(v.low, o.low::numeric),
        v.close, coalesce(v.volume, o.volume::bigint)
      )
  returning 1
),
created as (
  insert into public.ohlcv_daily (symbol, date, open, high, low, close, volume)
  select v.symbol, v.date, {inserted}
  from v
  where not exists (select from public.ohlcv_daily o where o.symbol = v.symbol and o.date = v.date)
  returning 1
)
select (select count(*) from changed) + (select count(*) from created)"
    )
}

/// Stores bars where they differ; what a source does not give stays.
pub(in super::super) async fn bar_load(
    client: &mut Object,
    sql: &Sql,
    bars: &[Bar],
    load: &LoadRecord,
    now: Timestamp,
) -> Result<Loaded, Failure> {
    let tx = client.transaction().await?;
    tx.batch_execute(LOADS_LOCK).await?;
    tx.batch_execute(INCOMING).await?;
    let sink = tx.copy_in(INCOMING_COPY).await?;
    let mut writer = std::pin::pin!(BinaryCopyInWriter::new(sink, INCOMING_TYPES));
    let micros = |price: Option<Price>| price.map(Price::micros);
    for bar in bars {
        writer
            .as_mut()
            .write(&[
                &bar.symbol.as_str(),
                &bar.date,
                &micros(bar.open),
                &micros(bar.high),
                &micros(bar.low),
                &bar.close.micros(),
                &bar.volume,
            ])
            .await?;
    }
    writer.finish().await?;
    tx.batch_execute("analyze incoming_bar").await?;
    let written: i64 = tx.query_one(&sql.bars, &[]).await?.get(0);
    load_insert(&tx, load, now).await?;
    tx.commit().await?;
    let written = written.cast_unsigned();
    Ok(Loaded { written, unchanged: bars.len() as u64 - written })
}
