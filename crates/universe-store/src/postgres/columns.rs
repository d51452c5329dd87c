//! The columns of the public tables as this database names them.
//!
//! An older TickStock database calls some of them otherwise; what it has is used (contract, section 2).

use tokio_postgres::Client;

use super::failure::Failure;
use crate::StoreError;

/// How this database names what the contract names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Columns {
    pub(super) company_name: &'static str,
    pub(super) security_type: &'static str,
    pub(super) exchange: &'static str,
    pub(super) listing_date: &'static str,
    pub(super) is_active: &'static str,
    /// Whether `(type, key, environment)` identifies an entry; older tables have other keys.
    pub(super) entry_key_is_unique: bool,
    /// Whether `updated_at` of an entry is what was written: older tables may note the instant themselves, or round it.
    pub(super) entry_instant_is_kept: bool,
    /// Whether bars must have all prices and a volume; older tables were made for full bars only.
    pub(super) bar_is_full: bool,
}

/// Columns that have an older name: the contract's first.
const RENAMED: &[(&str, &str)] = &[
    ("company_name", "name"),
    ("security_type", "type"),
    ("exchange", "primary_exchange"),
    ("listing_date", "list_date"),
    ("is_active", "active"),
];

/// Columns of `symbols` that have one name only.
const SYMBOLS: &[&str] = &[
    "symbol",
    "sector",
    "industry",
    "country",
    "currency",
    "market_cap",
    "weighted_shares_outstanding",
    "delisted_date",
    "last_updated",
    "etf_type",
    "issuer",
    "aum_millions",
    "ipo_year",
    "first_seen_session",
    "last_seen_session",
];

const CACHE_ENTRIES: &[&str] =
    &["id", "type", "name", "key", "value", "environment", "universe_category", "universe_metadata", "updated_at"];

const OHLCV_DAILY: &[&str] = &["symbol", "date", "open", "high", "low", "close", "volume"];

const COLUMNS: &str = "\
select c.relname::text, a.attname::text, a.attnotnull
from pg_attribute a
join pg_class c on c.oid = a.attrelid
join pg_namespace n on n.oid = c.relnamespace
where n.nspname = 'public'
  and c.relname in ('cache_entries', 'symbols', 'ohlcv_daily')
  and a.attnum > 0
  and not a.attisdropped
order by 1, 2";

pub(super) const ENTRY_KEY: &str = "\
select exists (
  select from pg_index i
  where i.indrelid = to_regclass('public.cache_entries')
    and i.indisunique
    and i.indpred is null
    and (
      select array_agg(a.attname::text order by a.attname::text)
      from pg_attribute a
      where a.attrelid = i.indrelid and a.attnum = any(i.indkey)
    ) <@ array['environment', 'key', 'type']
), to_regclass('universe.migration') is not null, not exists (
  select from pg_trigger g
  where g.tgrelid = to_regclass('public.cache_entries') and not g.tgisinternal and g.tgenabled <> 'D'
) and not exists (
  select from pg_attribute a
  where a.attrelid = to_regclass('public.cache_entries') and a.attname = 'updated_at' and a.atttypmod >= 0
)";

impl Columns {
    /// Reads the catalogue of a database that is set up.
    pub(super) async fn read(client: &Client) -> Result<Self, Failure> {
        // Asked once, so that preparing the statements would only be another way to the server.
        let (columns, entry_key) =
            tokio::try_join!(client.query_typed(COLUMNS, &[]), client.query_typed_one(ENTRY_KEY, &[]))?;
        if !entry_key.get::<_, bool>(1) {
            return Err(not_set_up("it has not been set up").into());
        }
        let columns: Vec<(String, String, bool)> =
            columns.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect();
        Ok(Self { entry_instant_is_kept: entry_key.get(2), ..Self::resolve(&columns, entry_key.get(0))? })
    }

    fn resolve(columns: &[(String, String, bool)], entry_key_is_unique: bool) -> Result<Self, StoreError> {
        let find = |table: &str, name: &str| columns.iter().find(|(t, c, _)| t == table && c == name);
        for (table, names) in [("symbols", SYMBOLS), ("cache_entries", CACHE_ENTRIES), ("ohlcv_daily", OHLCV_DAILY)] {
            if let Some(missing) = names.iter().find(|name| find(table, name).is_none()) {
                return Err(not_set_up(&format!("table {table} has no column {missing}")));
            }
        }
        let mut names = [""; RENAMED.len()];
        for (name, (current, older)) in names.iter_mut().zip(RENAMED) {
            *name = match (find("symbols", current), find("symbols", older)) {
                (Some(_), _) => current,
                (None, Some(_)) => older,
                (None, None) => return Err(not_set_up(&format!("table symbols has no column {current}"))),
            };
        }
        let [company_name, security_type, exchange, listing_date, is_active] = names;
        let is_required = |name: &str| find("ohlcv_daily", name).is_some_and(|(_, _, not_null)| *not_null);
        Ok(Self {
            company_name,
            security_type,
            exchange,
            listing_date,
            is_active,
            entry_key_is_unique,
            entry_instant_is_kept: true,
            bar_is_full: ["open", "high", "low", "volume"].into_iter().any(is_required),
        })
    }
}

fn not_set_up(why: &str) -> StoreError {
    StoreError::Schema(format!("the database cannot be used: {why}; set it up with: universe db migrate"))
}

#[cfg(test)]
mod tests;
