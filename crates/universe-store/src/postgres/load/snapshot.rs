//! Full snapshots: who was seen, with closes.

use std::collections::BTreeMap;

use deadpool_postgres::{Object, Transaction};
use jiff::{Timestamp, ToSpan};
use tokio_postgres::Row;
use universe_core::{Snapshot, SnapshotRow, Usd};

use super::super::Sql;
use super::super::columns::Columns;
use super::super::failure::Failure;
use super::super::past::snapshot_blobs;
use super::{LOADS_LOCK, copy_listings, load_insert};
use crate::fingerprint::snapshot_fingerprint;
use crate::snapshot_facts::{Facts, SnapshotFacts, unreadable};
use crate::{LoadRecord, Loaded};

/// A first appearance counts only against a snapshot that is at most so old.
const APPEARANCE_DAYS_MAX: i32 = 30;

const SNAPSHOTS_AROUND: &str = "\
select
  exists (select from universe.snapshot where session = $1 and source = $2 and content_hash = $3),
  exists (select from universe.snapshot where session > $1),
  exists (select from universe.snapshot where session < $1 and session >= $4)";

const SNAPSHOT: &str = "\
insert into universe.snapshot (session, source, rows, content_hash, loaded_at, facts)
values ($1, $2, $3, $4, $5, $6)
on conflict (session, source) do update
set rows = excluded.rows, content_hash = excluded.content_hash, loaded_at = excluded.loaded_at, facts = excluded.facts";

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

/// Returns the statement that reads what is known of the listings of which a snapshot does not say all of it.
pub(in super::super) fn snapshot_known_sql(columns: &Columns) -> String {
    let Columns { security_type, exchange, .. } = columns;
    let known = format!(
        "s.weighted_shares_outstanding::bigint, s.ipo_year, s.{security_type}::text, s.{exchange}::text,
    s.sector::text, s.industry::text, s.country::text"
    );
    format!(
        "select i.symbol, s.market_cap::bigint,
    {known}
from incoming_listing i
join public.symbols s on s.symbol = i.symbol
where ({known})
  is distinct from (
    i.weighted_shares_outstanding, i.ipo_year, i.security_type, i.exchange, i.sector, i.industry, i.country
  )
  or (s.weighted_shares_outstanding is null and s.market_cap is not null)"
    )
}

/// Returns what is known of each listing with the newest snapshot: what it says, and before it where it is blank.
async fn facts_now(tx: &Transaction<'_>, sql: &Sql, snapshot: &Snapshot) -> Result<SnapshotFacts, Failure> {
    let rows = tx.query(&sql.snapshot_known, &[]).await?;
    let known: BTreeMap<&str, &Row> = rows.iter().map(|row| (row.get(0), row)).collect();
    let mut facts = SnapshotFacts::default();
    for SnapshotRow { listing, .. } in &snapshot.rows {
        let known = known.get(listing.symbol.as_str()).map(|row| Facts {
            recorded_cap: row.get::<_, Option<i64>>(1).map(Usd),
            shares: row.get(2),
            ipo_year: row.get(3),
            security_type: row.get(4),
            exchange: row.get(5),
            sector: row.get(6),
            industry: row.get(7),
            country: row.get(8),
        });
        facts.push(listing.symbol.clone(), known.unwrap_or_else(|| Facts::said(listing)));
    }
    Ok(facts)
}

/// Returns what was known of each listing with a snapshot that is loaded late, by the one before it.
async fn facts_then(tx: &Transaction<'_>, snapshot: &Snapshot) -> Result<SnapshotFacts, Failure> {
    let before = match snapshot_blobs(tx, snapshot.session.saturating_sub(1.day()), 1).await?.pop() {
        Some(blob) => SnapshotFacts::decode(&blob.facts).map_err(|error| unreadable(blob.session, &error))?,
        None => SnapshotFacts::default(),
    };
    let mut facts = SnapshotFacts::default();
    for SnapshotRow { listing, .. } in &snapshot.rows {
        facts.push(listing.symbol.clone(), Facts::said(listing).or(before.of(&listing.symbol)));
    }
    Ok(facts)
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
    let facts = if has_newer { facts_then(&tx, snapshot).await? } else { facts_now(&tx, sql, snapshot).await? };
    let count = rows.cast_signed();
    tx.execute(SNAPSHOT, &[&snapshot.session, &snapshot.source, &count, &hash, &now, &facts.encode()]).await?;
    load_insert(&tx, load, now).await?;
    tx.commit().await?;
    Ok(Loaded { written, unchanged: rows - written })
}
