//! Reads universes, their members and their history.

use std::collections::{BTreeMap, BTreeSet};

use deadpool_postgres::Object;
use jiff::Timestamp;
use jiff::civil::Date;
use universe_core::{Symbol, UniverseId, Usd};

use super::Sql;
use super::columns::Columns;
use super::failure::Failure;
use super::numeric::NumericPrice;
use super::past::facts_as_of;
use super::state::{UNIVERSE_COLUMNS, UNMANAGED, universe_id, universe_row, unmanaged_entry};
use crate::answers::{self, Interval, MemberSince, StoredInterval, UniverseRow, UnmanagedEntry};
use crate::as_of_facts::FactsFound;
use crate::described::{Description, described, shown_later, symbols_of};
use crate::{MemberRecord, MembersAsOf, MembershipRecord, UniverseRecord};

const INTERVALS: &str = "\
select m.symbol, m.valid_from, m.valid_to, m.opened_run, m.closed_run, m.superseded_run
from universe.universe u
join universe.membership m on m.universe_id = u.universe_id
where u.environment = $1 and u.type = $2 and u.key = $3
order by m.symbol, m.valid_from, m.opened_run";

const RUN_ENDS: &str = "\
select run_number, finished_at
from universe.run
where environment = $1 and run_number = any($2)
order by run_number";

/// As [`INTERVALS`], without looking up in the runs, which are most of the work, when each end was recorded.
const INTERVALS_AS_THEY_ARE: &str = "\
select m.symbol, m.valid_from, m.valid_to, m.superseded_run is not null
from universe.universe u
join universe.membership m on m.universe_id = u.universe_id
where u.environment = $1 and u.type = $2 and u.key = $3
order by m.symbol, m.valid_from, m.opened_run";

const MEMBERSHIPS: &str = "\
select u.type, u.key, m.symbol, m.valid_from, m.valid_to, m.opened_run, m.closed_run, m.opened_reason, m.opened_cap,
  m.opened_rank, m.closed_reason, m.closed_cap, m.closed_rank, m.superseded_run
from universe.universe u
join universe.membership m on m.universe_id = u.universe_id
where u.environment = $1";

/// The newest session that was synchronized.
const LAST_SESSION: &str = "select session from universe.head where environment = $1";

/// Returns the statement that says what reference data and prices up to a session know about members.
pub(super) fn describe_sql(columns: &Columns) -> String {
    format!(
        "select m.number::integer - 1, s.{}::text, s.market_cap::bigint, s.sector::text,
  s.weighted_shares_outstanding::bigint, s.last_seen_session, coalesce(o.close, e.close)::numeric
from unnest($1::text[]) with ordinality m (symbol, number)
join public.symbols s on s.symbol = m.symbol
left join public.ohlcv_daily o on o.symbol = m.symbol and o.date = $2 and o.close > 0
left join lateral (
  select p.close
  from public.ohlcv_daily p
  where o.close is null and p.symbol = m.symbol and p.date < $2 and p.close > 0
  order by p.date desc
  limit 1
) e on true",
        columns.company_name
    )
}

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
    let statement = client.prepare_cached(&sql).await?;
    let mut records = Vec::new();
    for row in &client.query(&statement, &[&environment]).await? {
        records.push(answers::record_of_row(&universe_row(row)?));
    }
    for entry in unmanaged_entries(client, environment).await? {
        records.push(answers::record_of_entry(&entry));
    }
    records.sort_by(|a, b| a.id.cmp(&b.id));
    // An older table may have an entry twice; the first is the one that is kept up.
    records.dedup_by(|later, first| later.id == first.id);
    Ok(records)
}

pub(super) async fn member_list(
    client: &Object,
    sql: &Sql,
    environment: &str,
    id: &UniverseId,
    as_of: Option<Date>,
    known_at: Option<Timestamp>,
) -> Result<Option<MembersAsOf>, Failure> {
    let row = universe_find(client, environment, id).await?;
    let is_own = row.as_ref().is_some_and(|row| !row.is_retired);
    let entry = match is_own {
        true => None,
        false => unmanaged_entries(client, environment).await?.into_iter().find(|entry| entry.id == *id),
    };
    let universe = match (&entry, &row) {
        (Some(entry), _) => answers::record_of_entry(entry),
        (None, Some(row)) => answers::record_of_row(row),
        (None, None) => return Ok(None),
    };
    let intervals = match (row.is_some(), known_at.is_some()) {
        (false, _) => Vec::new(),
        (true, false) => intervals_as_they_are(client, environment, id).await?,
        (true, true) => intervals(client, environment, id).await?,
    };
    let members = answers::members_asked(entry.as_ref(), row.as_ref(), &intervals, as_of, known_at);
    let is_ranked = as_of.is_none() && known_at.is_none() && universe.is_ranked;
    let known_since = intervals.iter().map(|interval| interval.valid_from).min();
    let limit = match as_of {
        Some(as_of) => as_of,
        None => last_session(client, environment).await?.unwrap_or(Date::MAX),
    };
    let members = describe(client, sql, members, limit, is_ranked).await?;
    Ok(Some(MembersAsOf { universe, as_of, known_since, members }))
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

async fn universe_find(client: &Object, environment: &str, id: &UniverseId) -> Result<Option<UniverseRow>, Failure> {
    let sql = format!(
        "select {UNIVERSE_COLUMNS} from universe.universe u where u.environment = $1 and u.type = $2 and u.key = $3"
    );
    let statement = client.prepare_cached(&sql).await?;
    let row = client.query_opt(&statement, &[&environment, &id.universe_type.as_str(), &id.key()]).await?;
    row.as_ref().map(universe_row).transpose()
}

async fn unmanaged_entries(client: &Object, environment: &str) -> Result<Vec<UnmanagedEntry>, Failure> {
    let statement = client.prepare_cached(UNMANAGED).await?;
    let rows = client.query(&statement, &[&environment]).await?;
    rows.iter().map(unmanaged_entry).collect()
}

/// Reads every interval of a universe, retired or not.
/// Returns every interval of a universe for a question about what is known by now.
async fn intervals_as_they_are(client: &Object, environment: &str, id: &UniverseId) -> Result<Vec<Interval>, Failure> {
    let statement = client.prepare_cached(INTERVALS_AS_THEY_ARE).await?;
    let rows = client.query(&statement, &[&environment, &id.universe_type.as_str(), &id.key()]).await?;
    let interval = |row: &tokio_postgres::Row| {
        answers::interval_as_it_is(Symbol::from_stored(row.get(0)), row.get(1), row.get(2), row.get(3))
    };
    Ok(rows.iter().map(interval).collect())
}

async fn intervals(client: &Object, environment: &str, id: &UniverseId) -> Result<Vec<Interval>, Failure> {
    let statement = client.prepare_cached(INTERVALS).await?;
    let rows = client.query(&statement, &[&environment, &id.universe_type.as_str(), &id.key()]).await?;
    let interval = |row: &tokio_postgres::Row| StoredInterval {
        symbol: Symbol::from_stored(row.get(0)),
        valid_from: row.get(1),
        valid_to: row.get(2),
        opened_run: row.get(3),
        closed_run: row.get(4),
        superseded_run: row.get(5),
    };
    let stored: Vec<StoredInterval> = rows.iter().map(interval).collect();
    // One run recorded many intervals: each is looked up once.
    let runs: BTreeSet<i64> = stored.iter().flat_map(StoredInterval::runs).collect();
    let runs: Vec<i64> = runs.into_iter().collect();
    let statement = client.prepare_cached(RUN_ENDS).await?;
    let rows = client.query(&statement, &[&environment, &runs]).await?;
    let end = |row: &tokio_postgres::Row| row.get::<_, Option<Timestamp>>(1).unwrap_or(Timestamp::MIN);
    let ends: BTreeMap<i64, Timestamp> = rows.iter().map(|row| (row.get(0), end(row))).collect();
    let ended_at = |run: i64| ends.get(&run).copied();
    Ok(stored.into_iter().filter_map(|interval| interval.recorded(ended_at)).collect())
}

/// Adds to members what reference data and prices say about them up to a session.
async fn describe(
    client: &Object,
    sql: &Sql,
    members: Vec<MemberSince>,
    limit: Date,
    is_ranked: bool,
) -> Result<Vec<MemberRecord>, Failure> {
    let symbols: Vec<&str> = members.iter().map(|member| member.symbol.as_str()).collect();
    let statement = client.prepare_cached(&sql.describe).await?;
    let mut descriptions = vec![Description::default(); members.len()];
    for row in &client.query(&statement, &[&symbols, &limit]).await? {
        let member = usize::try_from(row.get::<_, i32>(0)).expect("ordinalities count from one");
        descriptions[member] = Description {
            company_name: row.get(1),
            recorded_cap: row.get::<_, Option<i64>>(2).map(Usd),
            sector: row.get(3),
            shares: row.get(4),
            last_seen: row.get(5),
            close: row.get::<_, Option<NumericPrice>>(6).and_then(|close| close.0),
        };
    }
    let later = shown_later(&descriptions, limit);
    let found = match later.is_empty() {
        true => FactsFound::default(),
        false => facts_as_of(client, limit, &symbols_of(&members, &later)).await?,
    };
    Ok(described(members, descriptions, &later, &found, is_ranked))
}

/// Returns the newest session that was synchronized.
async fn last_session(client: &Object, environment: &str) -> Result<Option<Date>, Failure> {
    let statement = client.prepare_cached(LAST_SESSION).await?;
    Ok(client.query_opt(&statement, &[&environment]).await?.and_then(|row| row.get(0)))
}
