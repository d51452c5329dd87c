//! Writes a run: everything that it changes, numbered without gaps, in one transaction.

mod entries;
mod records;

use std::collections::BTreeMap;

use deadpool_postgres::{Object, Transaction};
use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::Value;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{ToSql, Type};
use universe_core::UniverseId;
use universe_core::event::Event;
use universe_core::market::MarketSession;
use universe_core::plan::{Action, Plan};

use super::Sql;
use super::failure::Failure;
use super::jobs;
use super::state::universe_id;
use super::time_machine::past_write;
use super::versions::lists_write;
use crate::write_set::{
    AuditRow, EntryRow, audit_rows, check_order, closes, delisted_rows, entry_row, keep_replaced, membership_end,
    opens, retired, written,
};
use crate::{RunFigures, RunRecord, StoreError};

pub(super) use entries::entries_sql;
pub(super) use records::{append_audit, append_events};

const HEAD_CREATE: &str = "insert into universe.head (environment) values ($1) on conflict (environment) do nothing";

const HEAD_LOCK: &str = "\
select version, session, run_number, audit_number, event_number
from universe.head
where environment = $1
for update";

const HEAD_MOVE: &str = "\
update universe.head
set version = $2, run_number = $2, session = $3, run_id = $4, held = $5, audit_number = $6, event_number = $7
where environment = $1";

const HEAD_COUNT: &str = "\
update universe.head
set run_number = $2, event_number = $3
where environment = $1";

/// Takes the instants over that the table itself noted, for whoever asks later whether somebody else wrote an entry.
const ENTRIES_FOLLOW: &str = "\
update universe.universe u
set entry_updated_at = (
  select e.updated_at::timestamptz
  from public.cache_entries e
  where e.environment = $1 and e.type = u.type and e.key = u.key
  order by e.id
  limit 1
)
where u.environment = $1 and u.entry_updated_at = $2 and not u.is_retired";

/// Which universes have a row, and what other programs' entries say that stand in the place of those without.
const UNIVERSES_FOUND: &str = "\
select w.type, w.key, u.universe_id, u.is_retired, e.value::text
from unnest($2::text[], $3::text[]) w (type, key)
left join universe.universe u on u.environment = $1 and u.type = w.type and u.key = w.key
left join public.cache_entries e
  on e.environment = $1 and e.type = w.type and e.key = w.key and coalesce(u.is_retired, true)
  and e.universe_metadata::jsonb ->> 'mirror_of' is null";

const CLOSE: &str = "\
update universe.membership m
set valid_to = $1, closed_run = $2, closed_reason = v.reason, closed_cap = v.cap, closed_rank = v.rank
from unnest($3::integer[], $4::text[], $5::text[], $6::bigint[], $7::integer[])
  v (universe_id, symbol, reason, cap, rank)
where m.universe_id = v.universe_id and m.symbol = v.symbol and m.valid_to is null";

const OPEN: &str = "\
insert into universe.membership
  (universe_id, symbol, valid_from, opened_run, opened_reason, opened_cap, opened_rank)
select v.universe_id, v.symbol, $1, $2, v.reason, v.cap, v.rank
from unnest($3::integer[], $4::text[], $5::text[], $6::bigint[], $7::integer[])
  v (universe_id, symbol, reason, cap, rank)";

const CAPS: &str = "\
update public.symbols s
set market_cap = v.cap, last_updated = $1::timestamptz
from unnest($2::text[], $3::bigint[]) v (symbol, cap)
where s.symbol = v.symbol";

/// What [`OPEN`] does, for many rows: half as long for a first population.
const OPEN_COPY: &str = "\
copy universe.membership (universe_id, symbol, valid_from, opened_run, opened_reason, opened_cap, opened_rank)
from stdin (format binary)";

const OPEN_COPY_TYPES: &[Type] = &[Type::INT4, Type::TEXT, Type::DATE, Type::INT8, Type::TEXT, Type::INT8, Type::INT4];

/// From so many rows on copying is worth its extra trip.
const COPY_ROWS_MIN: usize = 5_000;

const FIGURES: &str = "\
insert into universe.run_figure (environment, run_number, session, figures)
select $1, $2, $3, $4
where not exists (
  select
  from (
    select f.session, f.figures
    from universe.run_figure f
    where f.environment = $1
    order by f.run_number desc
    limit 1
  ) before
  where before.session = $3 and before.figures = $4
)";

/// Returns the statement that shows listings as delisted.
pub(super) fn delist_sql(is_active: &str) -> String {
    format!(
        "update public.symbols s
set {is_active} = false, delisted_date = v.delisted_date, last_updated = $1::timestamptz
from unnest($2::text[], $3::date[]) v (symbol, delisted_date)
where s.symbol = v.symbol"
    )
}

/// The numbers of an environment, under the lock of its head.
pub(super) struct Head {
    version: i64,
    session: Option<Date>,
    pub(super) run_number: i64,
    pub(super) audit_number: i64,
    pub(super) event_number: i64,
}

/// What stands where the plan is going to write.
struct Found {
    /// The rows of universes, retired ones too.
    ids: BTreeMap<UniverseId, i32>,
    /// Those of them that are not retired.
    live: Vec<UniverseId>,
    /// What other programs' entries say.
    replaced: BTreeMap<UniverseId, Value>,
}

/// Ends of memberships, in columns.
#[derive(Default)]
struct Ends<'a> {
    universe_id: Vec<i32>,
    symbol: Vec<&'a str>,
    reason: Vec<&'static str>,
    cap: Vec<Option<i64>>,
    rank: Vec<Option<i32>>,
}

impl<'a> Ends<'a> {
    fn push(&mut self, universe_id: i32, end: crate::write_set::MembershipEnd<'a>) {
        self.universe_id.push(universe_id);
        self.symbol.push(end.symbol.as_str());
        self.reason.push(end.reason);
        self.cap.push(end.cap);
        self.rank.push(end.rank);
    }
}

/// Applies a plan, or refuses it as stale.
pub(super) async fn run_apply(
    client: &mut Object,
    sql: &Sql,
    plan: &Plan,
    run: &RunRecord,
    events: &[Event],
) -> Result<(), Failure> {
    let now = run.recorded_at();
    let tx = client.transaction().await?;
    let head = head_lock(&tx, &run.environment).await?;
    let current = head.version.cast_unsigned();
    if plan.base_version != current {
        return Err(StoreError::Stale { expected: plan.base_version, current }.into());
    }
    check_order(plan, head.session)?;
    let number = head.run_number + 1;
    let (found, ()) =
        tokio::try_join!(biased; universes_found(&tx, plan, &run.environment), refuse_beside_claimed(&tx, run, now))?;
    let Found { mut ids, live, replaced } = found;
    let mut audit = audit_rows(plan);
    keep_replaced(&mut audit, plan, replaced);

    entries::delete(&tx, plan, &run.environment, now).await?;
    // What follows is sent at once; the server works through it while the rest is still being written.
    let rows: Vec<EntryRow<'_>> = written(plan).map(|universe| entry_row(plan, universe, run, now)).collect();
    let (numbered, ..) = tokio::try_join!(
        biased;
        entries::universes_write(&tx, &rows, run, now),
        entries::entries_write(&tx, sql, &rows, run, now),
        caps_write(&tx, plan, now),
        delistings_write(&tx, sql, plan, now),
        market_write(&tx, plan),
        figures_write(&tx, plan, &run.environment, number),
        lists_write(&tx, &run.environment, &plan.lists, now),
        jobs::run_end(&tx, run, number),
        append_audit(&tx, run, head.audit_number, now, &audit),
        append_events(&tx, &run.environment, head.event_number, now, events),
        head_move(&tx, &head, plan, run, &audit, events),
    )?;
    ids.extend(numbered);
    memberships_write(&tx, plan, number, &ids, &live).await?;
    if !sql.entry_instant_is_kept {
        tx.execute(ENTRIES_FOLLOW, &[&run.environment, &now]).await?;
    }
    past_write(&tx, &run.environment, number, &plan.past).await?;
    tx.commit().await?;
    Ok(())
}

/// Locks the head of an environment until the end of the transaction, and makes it where there is none.
pub(super) async fn head_lock(tx: &Transaction<'_>, environment: &str) -> Result<Head, Failure> {
    let lock = tx.prepare_cached(HEAD_LOCK).await?;
    let row = match tx.query_opt(&lock, &[&environment]).await? {
        Some(row) => row,
        None => {
            tx.execute(HEAD_CREATE, &[&environment]).await?;
            tx.query_one(&lock, &[&environment]).await?
        }
    };
    Ok(Head {
        version: row.get(0),
        session: row.get(1),
        run_number: row.get(2),
        audit_number: row.get(3),
        event_number: row.get(4),
    })
}

/// Takes numbers of runs and events in a transaction that leaves memberships as they are.
pub(super) async fn head_count(
    tx: &Transaction<'_>,
    environment: &str,
    head: &Head,
    runs: i64,
    events: usize,
) -> Result<(), Failure> {
    let (run_number, event_number) = (head.run_number + runs, head.event_number + count(events));
    let statement = tx.prepare_cached(HEAD_COUNT).await?;
    tx.execute(&statement, &[&environment, &run_number, &event_number]).await?;
    Ok(())
}

/// Refuses a run outside the queue while a claimed one is at work.
async fn refuse_beside_claimed(tx: &Transaction<'_>, run: &RunRecord, now: Timestamp) -> Result<(), Failure> {
    match run.lease_token {
        Some(_) => Ok(()),
        None => jobs::refuse_beside_claimed(tx, &run.environment, now).await,
    }
}

async fn head_move(
    tx: &Transaction<'_>,
    head: &Head,
    plan: &Plan,
    run: &RunRecord,
    audit: &[AuditRow],
    events: &[Event],
) -> Result<(), Failure> {
    let number = head.run_number + 1;
    let audit_number = head.audit_number + count(audit.len());
    let event_number = head.event_number + count(events.len());
    let statement = tx.prepare_cached(HEAD_MOVE).await?;
    tx.execute(
        &statement,
        &[&run.environment, &number, &plan.session, &run.run_id, &plan.held, &audit_number, &event_number],
    )
    .await?;
    Ok(())
}

/// Stores the figures of sessions, replacing those of the same session.
pub(super) async fn market_session_put(client: &mut Object, figures: &[MarketSession]) -> Result<(), Failure> {
    let tx = client.transaction().await?;
    records::market_session_put(&tx, figures).await?;
    tx.commit().await?;
    Ok(())
}

async fn universes_found(tx: &Transaction<'_>, plan: &Plan, environment: &str) -> Result<Found, Failure> {
    let universes = || written(plan).chain(retired(plan));
    let types: Vec<&str> = universes().map(|universe| universe.id.universe_type.as_str()).collect();
    let keys: Vec<&str> = universes().map(|universe| universe.id.key()).collect();
    let mut found = Found { ids: BTreeMap::new(), live: Vec::new(), replaced: BTreeMap::new() };
    if types.is_empty() {
        return Ok(found);
    }
    let statement = tx.prepare_cached(UNIVERSES_FOUND).await?;
    for row in &tx.query(&statement, &[&environment, &types, &keys]).await? {
        let id = universe_id(row.get(0), row.get(1))?;
        if let Some(value) = row.get::<_, Option<&str>>(4) {
            // Any JSON that an older program wrote is kept; the column lets nothing else in.
            let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
            found.replaced.insert(id.clone(), value);
        }
        if let Some(universe_id) = row.get(2) {
            found.ids.insert(id.clone(), universe_id);
            if row.get::<_, Option<bool>>(3) == Some(false) {
                found.live.push(id);
            }
        }
    }
    found.live.sort();
    Ok(found)
}

async fn memberships_write(
    tx: &Transaction<'_>,
    plan: &Plan,
    number: i64,
    ids: &BTreeMap<UniverseId, i32>,
    live: &[UniverseId],
) -> Result<(), Failure> {
    let is_live = |id: &UniverseId| live.binary_search(id).is_ok();
    let (mut closing, mut opening) = (Ends::default(), Ends::default());
    for universe in plan.universes.iter().filter(|universe| universe.action != Action::Held) {
        let Some(universe_id) = ids.get(&universe.id).copied() else {
            // Another program's entry that goes: it never had memberships.
            continue;
        };
        if is_live(&universe.id) {
            for change in closes(universe) {
                closing.push(universe_id, membership_end(plan, change));
            }
        }
        if universe.action != Action::Retired {
            for end in opens(plan, universe, is_live(&universe.id)) {
                opening.push(universe_id, end);
            }
        }
    }
    close_memberships(tx, plan, number, &closing).await?;
    open_memberships(tx, plan, number, &opening).await
}

async fn close_memberships(tx: &Transaction<'_>, plan: &Plan, number: i64, ends: &Ends<'_>) -> Result<(), Failure> {
    if ends.symbol.is_empty() {
        return Ok(());
    }
    let Ends { universe_id, symbol, reason, cap, rank } = ends;
    let statement = tx.prepare_cached(CLOSE).await?;
    let given: [&(dyn ToSql + Sync); 7] = [&plan.session, &number, universe_id, symbol, reason, cap, rank];
    let actual = tx.execute(&statement, &given).await?;
    // An insert either writes every row or fails; an update passes over what is not there.
    let expected = symbol.len() as u64;
    if actual != expected {
        return Err(StoreError::RowsAffected { table: "membership", expected, actual }.into());
    }
    Ok(())
}

async fn open_memberships(tx: &Transaction<'_>, plan: &Plan, number: i64, ends: &Ends<'_>) -> Result<(), Failure> {
    let Ends { universe_id, symbol, reason, cap, rank } = ends;
    if symbol.is_empty() {
        return Ok(());
    }
    if symbol.len() < COPY_ROWS_MIN {
        let statement = tx.prepare_cached(OPEN).await?;
        let given: [&(dyn ToSql + Sync); 7] = [&plan.session, &number, universe_id, symbol, reason, cap, rank];
        tx.execute(&statement, &given).await?;
        return Ok(());
    }
    let statement = tx.prepare_cached(OPEN_COPY).await?;
    let sink = tx.copy_in(&statement).await?;
    let mut writer = std::pin::pin!(BinaryCopyInWriter::new(sink, OPEN_COPY_TYPES));
    for at in 0..symbol.len() {
        let row: [&(dyn ToSql + Sync); 7] =
            [&universe_id[at], &symbol[at], &plan.session, &number, &reason[at], &cap[at], &rank[at]];
        writer.as_mut().write(&row).await?;
    }
    writer.finish().await?;
    Ok(())
}

async fn caps_write(tx: &Transaction<'_>, plan: &Plan, now: Timestamp) -> Result<(), Failure> {
    if plan.caps_moved.is_empty() {
        return Ok(());
    }
    let symbols: Vec<&str> = plan.caps_moved.iter().map(|listing| plan.symbol(*listing).as_str()).collect();
    let caps: Vec<Option<i64>> =
        plan.caps_moved.iter().map(|listing| plan.caps[*listing as usize].map(|cap| cap.0)).collect();
    let statement = tx.prepare_cached(CAPS).await?;
    tx.execute(&statement, &[&now, &symbols, &caps]).await?;
    Ok(())
}

async fn delistings_write(tx: &Transaction<'_>, sql: &Sql, plan: &Plan, now: Timestamp) -> Result<(), Failure> {
    let rows: Vec<_> = delisted_rows(plan).collect();
    if rows.is_empty() {
        return Ok(());
    }
    let symbols: Vec<&str> = rows.iter().map(|row| row.symbol.as_str()).collect();
    let dates: Vec<_> = rows.iter().map(|row| row.delisted_date).collect();
    let statement = tx.prepare_cached(&sql.delist).await?;
    tx.execute(&statement, &[&now, &symbols, &dates]).await?;
    Ok(())
}

/// Keeps what the plan decided by, unless the run before it has said the same of the session.
async fn figures_write(tx: &Transaction<'_>, plan: &Plan, environment: &str, run_number: i64) -> Result<(), Failure> {
    let Some(figures) = RunFigures::encode(plan) else { return Ok(()) };
    let statement = tx.prepare_cached(FIGURES).await?;
    tx.execute(&statement, &[&environment, &run_number, &plan.session, &figures]).await?;
    Ok(())
}

async fn market_write(tx: &Transaction<'_>, plan: &Plan) -> Result<(), Failure> {
    match &plan.market {
        Some(market) => records::market_session_put(tx, &[market.session]).await,
        None => Ok(()),
    }
}

fn count(rows: usize) -> i64 {
    i64::try_from(rows).expect("fewer rows than i64 holds")
}
