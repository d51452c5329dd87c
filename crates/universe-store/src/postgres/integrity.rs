//! Reads what is stored as it stands, for checks and for figures; nothing of it is believed.

use deadpool_postgres::{Object, Transaction};
use jiff::civil::Date;
use tokio_postgres::IsolationLevel;
use universe_core::{SecurityType, Symbol};

use super::Sql;
use super::columns::Columns;
use super::failure::Failure;
use super::history::evidence;
use super::state::{UNMANAGED, universe_id};
use crate::answers;
use crate::{EntryFacts, IntegrityFacts, ListingFacts, MembershipSpan, MirrorFacts, OLDER_TYPES};

const HEAD: &str = "\
select version, session, held, (select max(date) from public.ohlcv_daily)
from (select $1::text as environment) e
left join universe.head h on h.environment = e.environment";

const MIRRORS: &str = "\
select type::text, key::text, universe_metadata::jsonb ->> 'mirror_of', value::jsonb
from public.cache_entries
where environment = $1
  and type in ('stock_universe', 'etf_universe')
  and universe_metadata::jsonb ->> 'mirror_of' is not null
order by type::text collate \"C\", key::text collate \"C\"";

const OLDER: &str = "\
select type::text, key::text
from public.cache_entries
where environment = $1 and type = any($2)
order by type::text collate \"C\", key::text collate \"C\"";

const IMPORTS: &str = "\
select type, key, symbols
from universe.import_list
where environment = $1
order by type collate \"C\", key collate \"C\"";

const SPANS: &str = "\
select u.type, u.key, m.symbol, m.valid_from, m.valid_to
from universe.membership m
join universe.universe u on u.universe_id = m.universe_id
where u.environment = $1
  and (m.valid_from >= $2 or m.valid_to >= $2)
  and m.valid_to is distinct from m.valid_from
  and m.superseded_run is null
order by u.type collate \"C\", u.key collate \"C\", m.symbol, m.valid_from";

/// Returns the statement that reads the listings as far as membership depends on them.
pub(super) fn listing_facts_sql(columns: &Columns) -> String {
    format!(
        "select symbol::text, {}::text, {}, delisted_date from public.symbols order by symbol::text collate \"C\"",
        columns.security_type, columns.is_active
    )
}

pub(super) async fn integrity_read(
    client: &mut Object,
    sql: &Sql,
    environment: &str,
) -> Result<IntegrityFacts, Failure> {
    // All of it as of one moment: a run that is applied meanwhile is no contradiction.
    let tx = client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true).start().await?;
    let evidence = evidence(&tx, environment).await?;
    let head = tx.query_one(HEAD, &[&environment]).await?;
    let mut facts = IntegrityFacts {
        version: head.get::<_, Option<i64>>(0).unwrap_or(0).cast_unsigned(),
        session: head.get(1),
        held: head.get(2),
        newest_prices: head.get(3),
        universes: evidence.universes.iter().map(answers::universe_facts).collect(),
        foreign: foreign(&tx, environment).await?,
        contradictions: answers::inconsistencies(&evidence),
        ..IntegrityFacts::default()
    };
    for row in &tx.query(MIRRORS, &[&environment]).await? {
        let value = row.get::<_, Option<serde_json::Value>>(3).unwrap_or_default();
        facts.mirrors.push(MirrorFacts { id: universe_id(row.get(0), row.get(1))?, mirror_of: row.get(2), value });
    }
    let older = tx.query(OLDER, &[&environment, &OLDER_TYPES.as_slice()]).await?;
    facts.older = older.iter().map(|row| (row.get(0), row.get(1))).collect();
    for row in &tx.query(IMPORTS, &[&environment]).await? {
        let symbols = answers::member_symbols(row.get(2)).collect();
        facts.imports.insert(universe_id(row.get(0), row.get(1))?, symbols);
    }
    let listings = tx.query(&sql.listing_facts, &[]).await?;
    let listing = |row: &tokio_postgres::Row| ListingFacts {
        symbol: Symbol::from_stored(row.get(0)),
        security_type: row.get::<_, Option<&str>>(1).and_then(SecurityType::from_code),
        is_active: row.get::<_, Option<bool>>(2).unwrap_or(true),
        delisted_date: row.get(3),
    };
    facts.listings = listings.iter().map(listing).collect();
    tx.commit().await?;
    Ok(facts)
}

async fn foreign(tx: &Transaction<'_>, environment: &str) -> Result<Vec<EntryFacts>, Failure> {
    let sql =
        UNMANAGED.replacen("e.updated_at::timestamptz", "e.updated_at::timestamptz, e.universe_metadata::jsonb", 1);
    let mut found = Vec::new();
    for row in &tx.query(&sql, &[&environment]).await? {
        let id = universe_id(row.get(0), row.get(1))?;
        found.push(EntryFacts {
            name: row.get::<_, Option<String>>(2).unwrap_or_default(),
            category: row.get(3),
            value: row.get::<_, Option<serde_json::Value>>(4).unwrap_or_default(),
            metadata: row.get::<_, Option<serde_json::Value>>(6).unwrap_or_default(),
            updated_at: row.get(5),
            id,
        });
    }
    Ok(found)
}

pub(super) async fn membership_span_list(
    client: &Object,
    environment: &str,
    since: Date,
) -> Result<Vec<MembershipSpan>, Failure> {
    let mut spans = Vec::new();
    for row in &client.query(SPANS, &[&environment, &since]).await? {
        spans.push(MembershipSpan {
            universe: universe_id(row.get(0), row.get(1))?,
            symbol: Symbol::from_stored(row.get(2)),
            valid_from: row.get(3),
            valid_to: row.get(4),
        });
    }
    Ok(spans)
}
