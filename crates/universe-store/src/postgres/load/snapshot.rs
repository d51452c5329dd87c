//! Full snapshots: who was seen, with closes.

use deadpool_postgres::Object;
use jiff::{Timestamp, ToSpan};
use universe_core::Snapshot;

use super::super::Sql;
use super::super::columns::Columns;
use super::super::failure::Failure;
use super::{LOADS_LOCK, copy_listings, load_insert};
use crate::fingerprint::snapshot_fingerprint;
use crate::{LoadRecord, Loaded};

/// A first appearance counts only against a snapshot that is at most so old.
const APPEARANCE_DAYS_MAX: i32 = 30;

const SNAPSHOTS_AROUND: &str = "\
select
  exists (select from universe.snapshot where session = $1 and source = $2 and content_hash = $3),
  exists (select from universe.snapshot where session > $1),
  exists (select from universe.snapshot where session < $1 and session >= $4)";

const SNAPSHOT: &str = "\
insert into universe.snapshot (session, source, rows, content_hash, loaded_at)
values ($1, $2, $3, $4, $5)
on conflict (session, source) do update
set rows = excluded.rows, content_hash = excluded.content_hash, loaded_at = excluded.loaded_at";

/// Returns the statement that stores closes; it returns the symbols whose bars are new or changed.
pub(in super::super) fn closes_sql(columns: &Columns) -> String {
    let (more_columns, more_values) = match columns.bar_is_full {
        // An older table takes full bars only: a close is then all four prices of its day.
        true => (", open, high, low", ", v.close, v.close, v.close"),
        false => ("", ""),
    };
    let volume = if columns.bar_is_full { "coalesce(v.volume, 0)" } else { "v.volume" };
    format!(
        "with v as (
  select symbol, trim_scale(close_micros * 0.000001) as close, volume
  from incoming_listing
  where close_micros is not null
),
changed as (
  update public.ohlcv_daily o
  set close = v.close, volume = coalesce(v.volume, o.volume)
  from v
  where o.symbol = v.symbol
    and o.date = $1
    and (o.close::numeric, o.volume::bigint) is distinct from (v.close, coalesce(v.volume, o.volume::bigint))
  returning o.symbol::text
),
created as (
  insert into public.ohlcv_daily (symbol, date, close, volume{more_columns})
  select v.symbol, $1, v.close, {volume}{more_values}
  from v
  where not exists (select from public.ohlcv_daily o where o.symbol = v.symbol and o.date = $1)
  returning symbol::text
)
select symbol from changed
union all
select symbol from created"
    )
}

/// Stores a snapshot; the same one again changes nothing.
pub(in super::super) async fn snapshot_load(
    client: &mut Object,
    sql: &Sql,
    snapshot: &Snapshot,
    load: &LoadRecord,
    now: Timestamp,
) -> Result<Loaded, Failure> {
    let rows = snapshot.rows.len() as u64;
    let hash = snapshot_fingerprint(snapshot);
    let tx = client.transaction().await?;
    tx.batch_execute(LOADS_LOCK).await?;
    let since = snapshot.session.saturating_sub(APPEARANCE_DAYS_MAX.days());
    let around = tx.query_one(SNAPSHOTS_AROUND, &[&snapshot.session, &snapshot.source, &hash, &since]).await?;
    let (is_known, has_newer, has_earlier): (bool, bool, bool) = (around.get(0), around.get(1), around.get(2));
    if is_known {
        return Ok(Loaded { written: 0, unchanged: rows });
    }
    copy_listings(&tx, snapshot.rows.iter().map(|row| (&row.listing, row.close, row.volume))).await?;
    let merge = if has_newer { &sql.older_snapshot_merge } else { &sql.snapshot_merge };
    let listings = tx.query(merge, &[&now, &Some(snapshot.session), &has_earlier]).await?;
    let closes = tx.query(&sql.closes, &[&snapshot.session]).await?;
    let mut written: Vec<&str> = listings.iter().chain(&closes).map(|row| row.get(0)).collect();
    written.sort_unstable();
    written.dedup();
    let written = written.len() as u64;
    tx.execute(SNAPSHOT, &[&snapshot.session, &snapshot.source, &rows.cast_signed(), &hash, &now]).await?;
    load_insert(&tx, load, now).await?;
    tx.commit().await?;
    Ok(Loaded { written, unchanged: rows - written })
}
