//! Stores market data: rows are copied into a temporary table and merged from there, set by set.

mod bars;
mod merge;
mod snapshot;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use deadpool_postgres::{Object, Transaction};
use jiff::Timestamp;
use jiff::civil::Date;
use tokio_postgres::types::{Json, ToSql, Type};
use universe_core::state::ImportedList;
use universe_core::{ListingRecord, Price, UniverseId};

use super::Sql;
use super::failure::Failure;
use crate::{LoadRecord, Loaded};

pub(super) use bars::{bar_load, bars_sql};
pub(super) use merge::{MergeRule, merge_sql};
pub(super) use snapshot::{closes_sql, snapshot_known_sql, snapshot_load};

/// Loads wait for each other, so that what one finds missing the other has not inserted meanwhile.
pub(super) const LOADS_LOCK: &str = "lock table universe.load in share row exclusive mode";

const LOAD: &str = "\
insert into universe.load (kind, file, session, rows, loaded, issues, loaded_at)
values ($1, $2, $3, $4, $5, $6, $7)";

const INCOMING: &str = "\
create temporary table incoming_listing (
  symbol text collate \"C\" not null,
  company_name text,
  security_type text,
  exchange text,
  sector text,
  industry text,
  country text,
  currency text,
  market_cap bigint,
  weighted_shares_outstanding bigint,
  listing_date date,
  ipo_year smallint,
  is_active boolean,
  delisted_date date,
  etf_type text,
  issuer text,
  aum_millions double precision,
  close_micros bigint,
  volume bigint
) on commit drop";

const INCOMING_COPY: &str = "copy incoming_listing from stdin (format binary)";

const INCOMING_TYPES: &[Type] = &[
    Type::TEXT,
    Type::TEXT,
    Type::TEXT,
    Type::TEXT,
    Type::TEXT,
    Type::TEXT,
    Type::TEXT,
    Type::TEXT,
    Type::INT8,
    Type::INT8,
    Type::DATE,
    Type::INT2,
    Type::BOOL,
    Type::DATE,
    Type::TEXT,
    Type::TEXT,
    Type::FLOAT8,
    Type::INT8,
    Type::INT8,
];

/// Without statistics a temporary table is taken for a thousand rows.
const INCOMING_ANALYZE: &str = "analyze incoming_listing";

const FACTS: &str = "\
insert into universe.listing_fact (field, symbol, as_of, value)
select v.field, v.symbol, $1, v.value
from unnest($2::text[], $3::text[], $4::double precision[]) v (field, symbol, value)
on conflict (field, symbol, as_of) do update
set value = excluded.value
where listing_fact.value is distinct from excluded.value
returning symbol";

const IMPORT: &str = "\
insert into universe.import_list (environment, type, key, name, symbols, source, loaded_at)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (environment, type, key) do update
set name = excluded.name, symbols = excluded.symbols, source = excluded.source, loaded_at = excluded.loaded_at";

/// Stores reference data, and figures beyond the columns as of a day.
pub(super) async fn listing_load(
    client: &mut Object,
    sql: &Sql,
    listings: &[ListingRecord],
    as_of: Date,
    load: &LoadRecord,
    now: Timestamp,
) -> Result<Loaded, Failure> {
    let tx = client.transaction().await?;
    tx.batch_execute(LOADS_LOCK).await?;
    let mut once: BTreeMap<&str, Cow<'_, ListingRecord>> = BTreeMap::new();
    for listing in listings {
        once.entry(listing.symbol.as_str())
            .and_modify(|earlier| overlay(earlier.to_mut(), listing))
            .or_insert(Cow::Borrowed(listing));
    }
    copy_listings(&tx, once.values().map(|listing| (&**listing, None, None))).await?;
    let rows = tx.query(&sql.listing_merge, &[&now, &None::<Date>, &false]).await?;
    let mut written: BTreeSet<String> = rows.iter().map(|row| row.get(0)).collect();

    let facts = || once.values().flat_map(|l| l.facts.iter().map(|(field, value)| (l.symbol.as_str(), field, value)));
    if facts().next().is_some() {
        let symbols: Vec<&str> = facts().map(|(symbol, _, _)| symbol).collect();
        let fields: Vec<&str> = facts().map(|(_, field, _)| field.as_str()).collect();
        let values: Vec<f64> = facts().map(|(_, _, value)| *value).collect();
        let rows = tx.query(FACTS, &[&as_of, &fields, &symbols, &values]).await?;
        written.extend(rows.iter().map(|row| row.get::<_, String>(0)));
    }
    load_insert(&tx, load, now).await?;
    tx.commit().await?;
    let written = written.len() as u64;
    Ok(Loaded { written, unchanged: listings.len() as u64 - written })
}

/// Stores the list of members of a universe that somebody else decides.
pub(super) async fn import_put(
    client: &mut Object,
    environment: &str,
    lists: &[(UniverseId, ImportedList)],
    load: &LoadRecord,
    now: Timestamp,
) -> Result<(), Failure> {
    let tx = client.transaction().await?;
    for (id, list) in lists {
        import_list_put(&tx, environment, id, list, now).await?;
    }
    load_insert(&tx, load, now).await?;
    tx.commit().await?;
    Ok(())
}

/// Stores a list, without a record of where it was read.
pub(super) async fn import_list_put(
    tx: &Transaction<'_>,
    environment: &str,
    id: &UniverseId,
    list: &ImportedList,
    now: Timestamp,
) -> Result<(), Failure> {
    let ImportedList { name, symbols, source } = list;
    let symbols = symbols.iter().map(AsRef::as_ref).collect::<Vec<&str>>().join(" ");
    let universe_type = id.universe_type.as_str();
    let statement = tx.prepare_cached(IMPORT).await?;
    tx.execute(&statement, &[&environment, &universe_type, &id.key(), name, &symbols, source, &now]).await?;
    Ok(())
}

/// Lays a later line about the same listing over an earlier one.
fn overlay(earlier: &mut ListingRecord, later: &ListingRecord) {
    macro_rules! take_given {
        ($($field:ident),+) => {
            $(if later.$field.is_some() {
                earlier.$field.clone_from(&later.$field);
            })+
        };
    }
    take_given!(
        company_name,
        security_type,
        exchange,
        sector,
        industry,
        country,
        currency,
        market_cap,
        weighted_shares_outstanding,
        listing_date,
        ipo_year,
        is_active,
        delisted_date,
        etf_type,
        issuer,
        aum_millions
    );
    earlier.facts.extend(later.facts.iter().map(|(field, value)| (field.clone(), *value)));
}

async fn load_insert(tx: &Transaction<'_>, load: &LoadRecord, now: Timestamp) -> Result<(), Failure> {
    let (rows, loaded) = (load.rows.cast_signed(), load.loaded.cast_signed());
    tx.execute(LOAD, &[&load.kind, &load.file, &load.session, &rows, &loaded, &Json(&load.issues), &now]).await?;
    Ok(())
}

/// Copies listings with their closes and volumes into the temporary table.
async fn copy_listings(
    tx: &Transaction<'_>,
    rows: impl Iterator<Item = (&ListingRecord, Option<Price>, Option<i64>)>,
) -> Result<(), Failure> {
    tx.batch_execute(INCOMING).await?;
    let sink = tx.copy_in(INCOMING_COPY).await?;
    let mut writer = std::pin::pin!(tokio_postgres::binary_copy::BinaryCopyInWriter::new(sink, INCOMING_TYPES));
    for (listing, close, volume) in rows {
        let values: [&(dyn ToSql + Sync); 19] = [
            &listing.symbol.as_str(),
            &listing.company_name,
            &listing.security_type.map(|kind| kind.code()),
            &listing.exchange,
            &listing.sector,
            &listing.industry,
            &listing.country,
            &listing.currency,
            &listing.market_cap.map(|cap| cap.0),
            &listing.weighted_shares_outstanding,
            &listing.listing_date,
            &listing.ipo_year,
            &listing.is_active,
            &listing.delisted_date,
            &listing.etf_type,
            &listing.issuer,
            &listing.aum_millions,
            &close.map(Price::micros),
            &volume,
        ];
        writer.as_mut().write(&values).await?;
    }
    writer.finish().await?;
    tx.batch_execute(INCOMING_ANALYZE).await?;
    Ok(())
}
