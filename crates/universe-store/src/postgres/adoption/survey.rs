//! Looks at a database before anything is done to it: what is there, what is missing, what is in the way.

use std::collections::{BTreeMap, BTreeSet};

use deadpool_postgres::GenericClient;
use universe_core::{SecurityType, Symbol};

use super::super::failure::Failure;
use super::record;
use crate::adoption::{ADOPTABLE_TYPES, Additions, Obstacle, OlderDatabase, OlderEntry};

/// The public tables with the columns that cannot be added to one that is there.
const TABLES: &[(&str, &[&str])] = &[
    ("cache_entries", &["id", "type", "name", "key", "value"]),
    ("symbols", &["symbol"]),
    ("ohlcv_daily", &["symbol", "date", "close"]),
    ("ohlcv_1min", &[]),
    ("ohlcv_hourly", &[]),
    ("ohlcv_weekly", &[]),
    ("ohlcv_monthly", &[]),
];

/// The columns that migrations add: table, name, the older name under which it may be there.
const COLUMNS: &[(&str, &str, &str)] = &[
    ("cache_entries", "environment", ""),
    ("cache_entries", "universe_category", ""),
    ("cache_entries", "universe_metadata", ""),
    ("cache_entries", "created_at", ""),
    ("cache_entries", "updated_at", ""),
    ("cache_entries", "universe", ""),
    ("cache_entries", "cache_type", ""),
    ("cache_entries", "content", ""),
    ("symbols", "company_name", "name"),
    ("symbols", "security_type", "type"),
    ("symbols", "exchange", "primary_exchange"),
    ("symbols", "sector", ""),
    ("symbols", "industry", ""),
    ("symbols", "country", ""),
    ("symbols", "currency", ""),
    ("symbols", "market_cap", ""),
    ("symbols", "weighted_shares_outstanding", ""),
    ("symbols", "listing_date", "list_date"),
    ("symbols", "is_active", "active"),
    ("symbols", "delisted_date", ""),
    ("symbols", "last_updated", ""),
    ("symbols", "etf_type", ""),
    ("symbols", "issuer", ""),
    ("symbols", "aum_millions", ""),
    ("symbols", "ipo_year", ""),
    ("symbols", "first_seen_session", ""),
    ("symbols", "last_seen_session", ""),
    ("ohlcv_daily", "open", ""),
    ("ohlcv_daily", "high", ""),
    ("ohlcv_daily", "low", ""),
    ("ohlcv_daily", "volume", ""),
];

/// The types that columns may have, where another one keeps them from being read or written.
const TYPES: &[(&str, &[&str], &[&str])] = &[
    ("cache_entries", &["value", "universe_metadata"], &["jsonb", "json"]),
    ("symbols", &["market_cap"], &["bigint", "numeric", "double precision"]),
    ("symbols", &["weighted_shares_outstanding"], &["bigint", "numeric", "double precision", "integer"]),
    ("symbols", &["listing_date", "list_date", "delisted_date"], &["date"]),
    ("symbols", &["is_active", "active"], &["boolean"]),
    ("ohlcv_daily", &["date"], &["date"]),
    ("ohlcv_daily", &["close"], &["numeric", "double precision", "real"]),
];

const SERVER: &str = "\
select current_database()::text, current_user::text, current_setting('server_version'),
  to_regclass('universe.migration') is not null, to_regnamespace('universe') is not null,
  has_database_privilege(current_database(), 'create'), has_schema_privilege('public', 'create'),
  current_setting('transaction_read_only') = 'on',
  exists (select from pg_roles where rolname = 'tickstock_reader'),
  (select r.rolcreaterole or r.rolsuper from pg_roles r where r.rolname = current_user)";

const CATALOGUE: &str = "\
select c.relname::text, c.relkind::text, pg_has_role(c.relowner, 'usage'), pg_get_userbyid(c.relowner)::text,
  greatest(c.reltuples, 0)::bigint, a.attname::text, format_type(a.atttypid, null)
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where n.nspname = 'public' and c.relname = any($1) and c.relkind in ('r', 'p', 'v', 'm', 'f')
order by c.relname, a.attnum";

const BAR_INDEXES: &str = "\
select f.attname::text || ' ' || s.attname::text
from pg_index i
join pg_attribute f on f.attrelid = i.indrelid and f.attnum = i.indkey[0]
join pg_attribute s on s.attrelid = i.indrelid and s.attnum = i.indkey[1]
where i.indrelid = to_regclass('public.ohlcv_daily') and i.indpred is null
order by 1";

/// A table of the public schema, as the catalogue has it.
struct Table {
    kind: String,
    is_ours: bool,
    owner: String,
    rows: i64,
    columns: BTreeMap<String, String>,
}

type Tables = BTreeMap<String, Table>;

/// Looks at the database as one environment sees it; reads only.
pub(super) async fn survey(client: &impl GenericClient, environment: &str) -> Result<OlderDatabase, Failure> {
    let server = client.query_one(SERVER, &[]).await?;
    let is_set_up: bool = server.get(3);
    let tables = tables(client).await?;
    let (user, name): (String, String) = (server.get(1), server.get(0));
    let mut found = OlderDatabase {
        name,
        user,
        server_version: server.get(2),
        is_set_up,
        adopted: record::read(client, environment).await?,
        runs: runs(client, environment, is_set_up).await?,
        entry_key_is_unique: client.query_one(super::super::columns::ENTRY_KEY, &[]).await?.get(0),
        obstacles: Vec::new(),
        additions: additions(&tables, &bar_indexes(client).await?),
        entries: Vec::new(),
        other_types: BTreeMap::new(),
        securities: BTreeMap::new(),
        sectors: BTreeSet::new(),
        industries: BTreeSet::new(),
        bars: tables.get("ohlcv_daily").map_or(0, |table| table.rows),
        newest_bar: None,
        fingerprint: String::new(),
    };
    found.additions.schema = !server.get::<_, bool>(4);
    found.additions.role = !is_set_up && !server.get::<_, bool>(8) && server.get::<_, Option<bool>>(9) == Some(true);
    obstacles_of_rights(&mut found, &tables, &server);
    obstacles_of_shape(&mut found.obstacles, &tables);
    if found.obstacles.iter().any(|obstacle| !obstacle.is_right) {
        return Ok(found);
    }
    found.entries = entries(client, &tables, environment).await?;
    found.fingerprint = fingerprint(&found.entries);
    if let Some(twice) = twice(&found.entries) {
        found.obstacles.push(Obstacle {
            detail: format!("two rows of cache_entries have the id {twice}"),
            remedy: "give one of them another id".to_owned(),
            is_right: false,
        });
    }
    read_rest(client, &tables, &mut found).await?;
    Ok(found)
}

async fn tables(client: &impl GenericClient) -> Result<Tables, Failure> {
    let names: Vec<&str> = TABLES.iter().map(|(table, _)| *table).collect();
    let mut tables = Tables::new();
    for row in &client.query(CATALOGUE, &[&names]).await? {
        let table = tables.entry(row.get(0)).or_insert_with(|| Table {
            kind: row.get(1),
            is_ours: row.get(2),
            owner: row.get(3),
            rows: row.get(4),
            columns: BTreeMap::new(),
        });
        table.columns.insert(row.get(5), row.get(6));
    }
    Ok(tables)
}

async fn bar_indexes(client: &impl GenericClient) -> Result<Vec<String>, Failure> {
    Ok(client.query(BAR_INDEXES, &[]).await?.iter().map(|row| row.get(0)).collect())
}

async fn runs(client: &impl GenericClient, environment: &str, is_set_up: bool) -> Result<i64, Failure> {
    if !is_set_up {
        return Ok(0);
    }
    Ok(client.query_one("select count(*) from universe.run where environment = $1", &[&environment]).await?.get(0))
}

/// Says what the migrations will add to these tables; a test holds it against what they do.
fn additions(tables: &Tables, bar_indexes: &[String]) -> Additions {
    let mut additions = Additions::default();
    additions.tables.extend(TABLES.iter().map(|(t, _)| (*t).to_owned()).filter(|table| !tables.contains_key(table)));
    for (table, column, older) in COLUMNS {
        let Some(present) = tables.get(*table) else { continue };
        if !present.columns.contains_key(*column) && !present.columns.contains_key(*older) {
            additions.columns.push(format!("{table}.{column}"));
        }
    }
    if tables.contains_key("ohlcv_daily") {
        let wanted = [("date symbol", "ohlcv_daily_date_idx"), ("symbol date", "ohlcv_daily_symbol_date_idx")];
        let missing = wanted.iter().filter(|(columns, _)| bar_indexes.iter().all(|index| index != columns));
        additions.indexes.extend(missing.map(|(_, name)| (*name).to_owned()));
    }
    additions
}

fn obstacles_of_rights(found: &mut OlderDatabase, tables: &Tables, server: &tokio_postgres::Row) {
    let (user, name) = (found.user.clone(), found.name.clone());
    let mut missing = |detail: String, remedy: String| {
        found.obstacles.push(Obstacle { detail, remedy, is_right: true });
    };
    if server.get::<_, bool>(7) {
        missing(
            "the server takes no writes (it is a standby, or transactions are read-only)".to_owned(),
            "connect to the primary, or set default_transaction_read_only = off".to_owned(),
        );
    }
    if !found.is_set_up && !server.get::<_, bool>(5) {
        missing(
            format!("user {user} may not make a schema in the database {name}"),
            format!("as its owner: grant create on database {name} to {user}"),
        );
    }
    if !found.is_set_up && !found.additions.tables.is_empty() && !server.get::<_, bool>(6) {
        missing(
            format!("user {user} may not make tables in the schema public"),
            format!("as its owner: grant create on schema public to {user}"),
        );
    }
    for (table, present) in tables {
        let is_changed = found.additions.columns.iter().any(|column| column.starts_with(&format!("{table}.")))
            || (table == "ohlcv_daily" && !found.additions.indexes.is_empty());
        if is_changed && !present.is_ours {
            let owner = &present.owner;
            missing(
                format!("table {table} belongs to {owner}, and only its owner may add columns and indexes"),
                format!("connect as {owner} for this once, or: grant {owner} to {user}"),
            );
        }
    }
}

fn obstacles_of_shape(obstacles: &mut Vec<Obstacle>, tables: &Tables) {
    let mut wrong = |detail: String, remedy: String| {
        obstacles.push(Obstacle { detail, remedy, is_right: false });
    };
    for (table, columns) in TABLES {
        let Some(present) = tables.get(*table) else { continue };
        if !matches!(present.kind.as_str(), "r" | "p") {
            wrong(format!("{table} is no table but a view"), format!("rename the view {table}"));
            continue;
        }
        for column in columns.iter().filter(|column| !present.columns.contains_key(**column)) {
            wrong(
                format!("table {table} has no column {column}"),
                format!("it is another program's table: rename it, or add the column {column}"),
            );
        }
    }
    for (table, columns, types) in TYPES {
        let Some(present) = tables.get(*table) else { continue };
        for column in *columns {
            let Some(actual) = present.columns.get(*column) else { continue };
            if !types.contains(&actual.as_str()) {
                let wanted = types[0];
                wrong(
                    format!("{table}.{column} is {actual}, which cannot be used as {wanted}"),
                    format!("alter table {table} alter column {column} type {wanted} using {column}::{wanted}"),
                );
            }
        }
    }
}

/// Reads the rows that moving in is about, in order of their ids.
pub(super) async fn entries_read(
    client: &impl GenericClient,
    environment: &str,
) -> Result<(Vec<OlderEntry>, String), Failure> {
    let entries = entries(client, &tables(client).await?, environment).await?;
    let fingerprint = fingerprint(&entries);
    Ok((entries, fingerprint))
}

async fn entries(client: &impl GenericClient, tables: &Tables, environment: &str) -> Result<Vec<OlderEntry>, Failure> {
    let Some(table) = tables.get("cache_entries") else { return Ok(Vec::new()) };
    let has = |column: &str| table.columns.contains_key(column);
    let category = if has("universe_category") { "e.universe_category::text" } else { "null::text" };
    // Without the column every row gets the default when it is added.
    let of = if has("environment") { "e.environment = $1::text" } else { "$1::text = 'DEFAULT'" };
    let no_copy =
        if has("universe_metadata") { "coalesce(not e.universe_metadata::jsonb ? 'mirror_of', true)" } else { "true" };
    let sql = format!(
        "select e.id::text, e.type::text, coalesce(e.name::text, ''), coalesce(e.key::text, ''), {category},
          coalesce(e.value::jsonb, 'null'::jsonb)
        from public.cache_entries e
        where {of} and {no_copy} and (e.type in ('stock_universe', 'etf_universe') or e.type = any($2))
        order by e.id"
    );
    let rows = client.query(&sql, &[&environment, &&ADOPTABLE_TYPES[..]]).await?;
    let entry = |row: &tokio_postgres::Row| OlderEntry {
        id: row.get(0),
        entry_type: row.get(1),
        name: row.get(2),
        key: row.get(3),
        category: row.get(4),
        value: row.get(5),
    };
    Ok(rows.iter().map(entry).collect())
}

fn twice(entries: &[OlderEntry]) -> Option<&str> {
    let mut seen = BTreeSet::new();
    entries.iter().map(|entry| entry.id.as_str()).find(|id| !seen.insert(*id))
}

fn fingerprint(entries: &[OlderEntry]) -> String {
    let mut hasher = blake3::Hasher::new();
    for entry in entries {
        let OlderEntry { id, entry_type, name, key, category, value } = entry;
        for text in [id, entry_type, name, key, category.as_deref().unwrap_or_default(), &value.to_string()] {
            hasher.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
        }
    }
    hasher.finalize().to_hex().to_string()
}

async fn read_rest(client: &impl GenericClient, tables: &Tables, found: &mut OlderDatabase) -> Result<(), Failure> {
    if tables.contains_key("cache_entries") {
        let others = "select e.type::text, count(*) from public.cache_entries e
            where e.type not in ('stock_universe', 'etf_universe') and e.type <> all($1) group by 1 order by 1";
        let rows = client.query(others, &[&&ADOPTABLE_TYPES[..]]).await?;
        found.other_types = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    }
    if let Some(symbols) = tables.get("symbols") {
        let has = |column: &str| symbols.columns.contains_key(column);
        let kind = ["security_type", "type"].into_iter().find(|column| has(column));
        if let Some(kind) = kind {
            let sql = format!("select symbol::text, {kind}::text from public.symbols order by 1");
            for row in &client.query(&sql, &[]).await? {
                let security_type = row.get::<_, Option<&str>>(1).and_then(SecurityType::from_code);
                if let (Ok(symbol), Some(security_type)) = (Symbol::parse(row.get(0)), security_type) {
                    found.securities.insert(symbol, security_type);
                }
            }
        }
        for (column, spellings) in [("sector", &mut found.sectors), ("industry", &mut found.industries)] {
            if has(column) {
                let sql = format!("select distinct {column}::text from public.symbols where {column} is not null");
                spellings.extend(client.query(&sql, &[]).await?.iter().map(|row| row.get::<_, String>(0)));
            }
        }
    }
    if tables.contains_key("ohlcv_daily") {
        // The statistics of the table are missing until it was analyzed; an exact count may take minutes.
        found.newest_bar = client.query_one("select max(date) from public.ohlcv_daily", &[]).await?.get(0);
    }
    Ok(())
}
