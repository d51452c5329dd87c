//! Reads the memberships, imports and market figures that a run starts from.

use deadpool_postgres::Object;
use jiff::civil::Date;
use tokio_postgres::Row;
use universe_core::market::MarketSession;
use universe_core::state::{ImportedList, State};
use universe_core::{UniverseId, UniverseType};

use super::failure::Failure;
use super::identity::symbol_changes_until;
use super::overrides::overrides_active;
use crate::answers::{UniverseRow, UnmanagedEntry, member_symbols, state_of_entry, state_of_row};

/// A year and a month of sessions, with some to spare: what market conditions look back on.
const MARKET_SESSIONS_MAX: i64 = 300;

const HEAD: &str = "select version, session, held from universe.head where environment = $1";

/// The columns that [`universe_row`] reads.
pub(super) const UNIVERSE_COLUMNS: &str = "u.type, u.key, u.name, u.category, u.rule, u.rule_version, u.is_ranked, \
u.sequence, u.members, u.member_count, u.reconstituted_session, u.entry_updated_at, u.is_retired";
/// How many these are.
pub(super) const UNIVERSE_COLUMNS_COUNT: usize = 13;

const UNIVERSES: &str = "\
select u.type, u.key, u.name, u.category, u.rule, u.rule_version, u.is_ranked,
  u.sequence, u.members, u.member_count, u.reconstituted_session, u.entry_updated_at, u.is_retired,
  e.updated_at::timestamptz
from universe.universe u
left join public.cache_entries e on e.type = u.type and e.key = u.key and e.environment = u.environment
where u.environment = $1 and not u.is_retired
order by u.type collate \"C\", u.key collate \"C\", e.id";

/// Entries of the two types that other programs wrote; the metadata is looked at last, for few rows.
pub(super) const UNMANAGED: &str = "\
select e.type::text, e.key::text, e.name::text, e.universe_category::text, e.value::jsonb, e.updated_at::timestamptz
from (
  select c.*
  from public.cache_entries c
  where c.environment = $1
    and c.type in ('stock_universe', 'etf_universe')
    and not exists (
      select
      from universe.universe u
      where u.environment = $1 and u.type = c.type and u.key = c.key and not u.is_retired
    )
  offset 0
) e
where coalesce(not e.universe_metadata::jsonb ? 'mirror_of', true)
order by e.type::text collate \"C\", e.key::text collate \"C\", e.id";

const RETIRED: &str = "select type, key, sequence from universe.universe where environment = $1 and is_retired";

const IMPORTS: &str = "\
select type, key, name, symbols, source
from universe.import_list
where environment = $1
order by type collate \"C\", key collate \"C\"";

const MARKET: &str = "\
select session, listings, breadth, median_return, volatility
from universe.market_session
where session <= $1
order by session desc
limit $2";

/// Reads the state of an environment.
pub(super) async fn state_read(client: &Object, environment: &str, session: Date) -> Result<State, Failure> {
    let (head, universes, retired, unmanaged, imports) = tokio::try_join!(
        client.prepare_cached(HEAD),
        client.prepare_cached(UNIVERSES),
        client.prepare_cached(RETIRED),
        client.prepare_cached(UNMANAGED),
        client.prepare_cached(IMPORTS),
    )?;
    // In this order on one connection: were a run applied in between, the version read is the older one, and
    // the plan made from it is refused as stale.
    let environment_name = environment;
    let environment: &(dyn tokio_postgres::types::ToSql + Sync) = &environment;
    let (head, universes, retired, unmanaged, imports, market, overrides, symbol_changes) = tokio::try_join!(
        biased;
        async { Ok(client.query_opt(&head, &[environment]).await?) },
        async { Ok(client.query(&universes, &[environment]).await?) },
        async { Ok(client.query(&retired, &[environment]).await?) },
        async { Ok(client.query(&unmanaged, &[environment]).await?) },
        async { Ok(client.query(&imports, &[environment]).await?) },
        market_session_list(client, session),
        overrides_active(client, environment_name, session),
        symbol_changes_until(client, session),
    )?;
    let mut state = State { market, overrides, symbol_changes, ..State::default() };
    if let Some(head) = head {
        state.version = head.get::<_, i64>(0).cast_unsigned();
        state.last_session = head.get(1);
        state.held = head.get(2);
    }
    for row in &universes {
        let universe = universe_row(row)?;
        // Where an older program left an entry twice, the first one counts.
        state.universes.entry(universe.id.clone()).or_insert_with(|| state_of_row(&universe, row.get(13)));
    }
    for row in &retired {
        state.retired.insert(universe_id(row.get(0), row.get(1))?, row.get::<_, i64>(2).cast_unsigned());
    }
    for row in &unmanaged {
        let entry = unmanaged_entry(row)?;
        state.universes.entry(entry.id.clone()).or_insert_with(|| state_of_entry(&entry));
    }
    for row in &imports {
        let list = ImportedList { name: row.get(2), symbols: member_symbols(row.get(3)).collect(), source: row.get(4) };
        state.imports.insert(universe_id(row.get(0), row.get(1))?, list);
    }
    Ok(state)
}

/// Reads the newest figures of the market up to a session, oldest first.
pub(super) async fn market_session_list(client: &Object, session: Date) -> Result<Vec<MarketSession>, Failure> {
    let statement = client.prepare_cached(MARKET).await?;
    let rows = client.query(&statement, &[&session, &MARKET_SESSIONS_MAX]).await?;
    let figures = rows.iter().rev().map(|row| MarketSession {
        session: row.get(0),
        listings: row.get::<_, i32>(1).cast_unsigned(),
        breadth: row.get(2),
        median_return: row.get(3),
        volatility: row.get(4),
    });
    Ok(figures.collect())
}

/// Reads a row of [`UNIVERSE_COLUMNS`].
pub(super) fn universe_row(row: &Row) -> Result<UniverseRow, Failure> {
    Ok(UniverseRow {
        id: universe_id(row.get(0), row.get(1))?,
        name: row.get(2),
        category: row.get(3),
        rule: row.get(4),
        rule_version: row.get(5),
        is_ranked: row.get(6),
        sequence: row.get::<_, i64>(7).cast_unsigned(),
        members: row.get(8),
        member_count: usize::try_from(row.get::<_, i32>(9)).unwrap_or_default(),
        reconstituted_session: row.get(10),
        entry_updated_at: row.get(11),
        is_retired: row.get(12),
    })
}

/// Reads a row of [`UNMANAGED`].
pub(super) fn unmanaged_entry(row: &Row) -> Result<UnmanagedEntry, Failure> {
    let id = universe_id(row.get(0), row.get(1))?;
    let name: Option<String> = row.get(2);
    Ok(UnmanagedEntry {
        name: name.unwrap_or_else(|| id.key().to_owned()),
        id,
        category: row.get(3),
        value: row.get::<_, Option<serde_json::Value>>(4).unwrap_or_default(),
        updated_at: row.get(5),
    })
}

/// Builds an address from two columns.
pub(super) fn universe_id(universe_type: &str, key: &str) -> Result<UniverseId, Failure> {
    let universe_type = UniverseType::from_spelling(universe_type).ok_or_else(|| crate::StoreError::Inconsistent {
        table: "universe",
        detail: format!("{universe_type:?} is no universe type"),
    })?;
    Ok(UniverseId::from_stored(universe_type, key))
}
