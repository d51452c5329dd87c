//! Reads universes, their members and their history.

use std::collections::BTreeMap;

use deadpool_postgres::Object;
use tokio_postgres::types::ToSql;
use universe_core::{Symbol, UniverseId, Usd};

use super::Sql;
use super::columns::Columns;
use super::failure::Failure;
use super::state::{UNIVERSE_COLUMNS, UNMANAGED, universe_id, universe_row, unmanaged_entry};
use crate::answers;
use crate::{MembershipRecord, UniverseRecord};

const MEMBERSHIPS: &str = "\
select u.type, u.key, m.symbol, m.valid_from, m.valid_to, m.opened_run, m.closed_run, m.opened_reason, m.opened_cap,
  m.opened_rank, m.closed_reason, m.closed_cap, m.closed_rank, m.superseded_run
from universe.universe u
join universe.membership m on m.universe_id = u.universe_id
where u.environment = $1";

/// Returns the statement that reads names.
pub(super) fn names_sql(columns: &Columns) -> String {
    format!(
        "select s.symbol::text, s.{}::text
from public.symbols s
where s.symbol = any($1::text[])
order by s.symbol",
        columns.company_name
    )
}

pub(super) async fn company_name_list(
    client: &Object,
    sql: &Sql,
    symbols: &[Symbol],
) -> Result<Vec<Option<String>>, Failure> {
    let wanted: Vec<&str> = symbols.iter().map(AsRef::as_ref).collect();
    let statement = client.prepare_cached(&sql.names).await?;
    let rows = client.query(&statement, &[&wanted]).await?;
    let names: BTreeMap<&str, Option<String>> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    Ok(wanted.iter().map(|symbol| names.get(symbol).cloned().flatten()).collect())
}

pub(super) async fn universe_list(client: &Object, environment: &str) -> Result<Vec<UniverseRecord>, Failure> {
    // Without the members, which are most of it: their number stands beside them.
    let columns = UNIVERSE_COLUMNS.replace("u.members", "''");
    let sql = format!(
        "select {columns} from universe.universe u where u.environment = $1 and not u.is_retired order by 1, 2"
    );
    let (own, others) = tokio::try_join!(client.prepare_cached(&sql), client.prepare_cached(UNMANAGED))?;
    let asked: [&(dyn ToSql + Sync); 1] = [&environment];
    let (own, others) = tokio::try_join!(client.query(&own, &asked), client.query(&others, &asked))?;
    let mut records = Vec::with_capacity(own.len() + others.len());
    for row in &own {
        records.push(answers::record_of_row(&universe_row(row)?));
    }
    for row in &others {
        records.push(answers::record_of_entry(&unmanaged_entry(row)?));
    }
    records.sort_by(|a, b| a.id.cmp(&b.id));
    // An older table may have an entry twice; the first is the one that is kept up.
    records.dedup_by(|later, first| later.id == first.id);
    Ok(records)
}

pub(super) async fn membership_list(
    client: &Object,
    environment: &str,
    universe: Option<&UniverseId>,
    symbol: Option<&Symbol>,
) -> Result<Vec<MembershipRecord>, Failure> {
    // One statement for each question, so that each uses the index that it needs.
    let universe = universe.map(|id| (id.universe_type.as_str(), id.key()));
    let symbol = symbol.map(Symbol::as_str);
    let order = "order by m.valid_from, m.opened_run, u.type, u.key, m.symbol";
    let rows = match (&universe, &symbol) {
        (Some((kind, key)), Some(symbol)) => {
            let sql = format!("{MEMBERSHIPS} and u.type = $2 and u.key = $3 and m.symbol = $4 {order}");
            client.query(&client.prepare_cached(&sql).await?, &[&environment, kind, key, symbol]).await?
        }
        (Some((kind, key)), None) => {
            let sql = format!("{MEMBERSHIPS} and u.type = $2 and u.key = $3 {order}");
            client.query(&client.prepare_cached(&sql).await?, &[&environment, kind, key]).await?
        }
        (None, Some(symbol)) => {
            // All places in the key at once: one descent for each universe, and not one scan for each.
            let sql = format!(
                "{MEMBERSHIPS}
and m.symbol = $2
and m.universe_id = any(array(select a.universe_id from universe.universe a where a.environment = $1))
{order}"
            );
            client.query(&client.prepare_cached(&sql).await?, &[&environment, symbol]).await?
        }
        (None, None) => {
            let sql = format!("{MEMBERSHIPS} {order}");
            client.query(&client.prepare_cached(&sql).await?, &[&environment]).await?
        }
    };
    let rank = |rank: Option<i32>| rank.and_then(|rank| u32::try_from(rank).ok());
    let mut records = Vec::with_capacity(rows.len());
    for row in &rows {
        records.push(MembershipRecord {
            universe: universe_id(row.get(0), row.get(1))?,
            symbol: Symbol::from_stored(row.get(2)),
            valid_from: row.get(3),
            valid_to: row.get(4),
            opened_run: row.get(5),
            closed_run: row.get(6),
            opened_reason: row.get(7),
            opened_cap: row.get::<_, Option<i64>>(8).map(Usd),
            opened_rank: rank(row.get(9)),
            closed_reason: row.get(10),
            closed_cap: row.get::<_, Option<i64>>(11).map(Usd),
            closed_rank: rank(row.get(12)),
            superseded_run: row.get(13),
        });
    }
    answers::sort_memberships(&mut records);
    Ok(records)
}
