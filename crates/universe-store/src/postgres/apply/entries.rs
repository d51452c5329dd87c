//! The entries of a run: what the public table and the project's own `universe` hold about each universe.

use deadpool_postgres::Transaction;
use jiff::Timestamp;
use tokio_postgres::types::ToSql;
use universe_core::UniverseId;
use universe_core::plan::{Plan, UniversePlan};

use super::super::Sql;
use super::super::failure::Failure;
use super::super::state::universe_id;
use crate::RunRecord;
use crate::write_set::{EntryRow, mirror_metadata, retired, written};

const UNIVERSES_WRITE: &str = "\
insert into universe.universe (
  environment, type, key, name, category, rule, rule_version, is_ranked,
  sequence, members, member_count, reconstituted_session, entry_updated_at, is_retired
)
select $1, v.type, v.key, v.name, v.category, v.rule, v.rule_version, v.is_ranked,
  v.sequence, v.members, v.member_count, v.reconstituted_session, $2, false
from unnest(
  $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::boolean[],
  $10::bigint[], $11::text[], $12::integer[], $13::date[]
) v (
  type, key, name, category, rule, rule_version, is_ranked,
  sequence, members, member_count, reconstituted_session
)
on conflict (environment, type, key) do update
set name = excluded.name, category = excluded.category, rule = excluded.rule,
  rule_version = excluded.rule_version, is_ranked = excluded.is_ranked, sequence = excluded.sequence,
  members = excluded.members, member_count = excluded.member_count,
  reconstituted_session = excluded.reconstituted_session, entry_updated_at = excluded.entry_updated_at,
  is_retired = false
returning type, key, universe_id";

/// The entry of another program, which had no row, gets one: its number of changes has to be remembered.
const UNIVERSES_RETIRE: &str = "\
insert into universe.universe (
  environment, type, key, name, category, rule, rule_version, is_ranked,
  sequence, members, member_count, reconstituted_session, entry_updated_at, is_retired
)
select $1, v.type, v.key, v.name, v.category, v.rule, v.rule_version, false, v.sequence, '', 0, $2, $3, true
from unnest($4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::bigint[])
  v (type, key, name, category, rule, rule_version, sequence)
on conflict (environment, type, key) do update
set is_retired = true, members = '', member_count = 0, sequence = excluded.sequence,
  reconstituted_session = excluded.reconstituted_session, entry_updated_at = excluded.entry_updated_at";

const ENTRIES_DELETE: &str = "\
delete from public.cache_entries e
using unnest($2::text[], $3::text[]) v (type, key)
where e.environment = $1 and e.type = v.type and e.key = v.key";

/// The older keys of the universes that are written or go, except for those that they still have.
const MIRRORS_DELETE: &str = "\
delete from public.cache_entries e
where e.environment = $1
  and e.type in ('stock_universe', 'etf_universe')
  and e.universe_metadata::jsonb ->> 'mirror_of' is not null
  and e.type || ':' || (e.universe_metadata::jsonb ->> 'mirror_of') = any($2::text[])
  and e.type || ':' || e.key <> all($3::text[])";

/// Returns the statement that writes entries: those that exist are updated, the others inserted.
///
/// In two halves instead of `on conflict`, because older tables have other keys.
pub(in super::super) fn entries_sql(entry_key_is_unique: bool) -> String {
    // Where an older program left an entry twice, only the first is kept up: two rows cannot become equal.
    let only_first = if entry_key_is_unique {
        ""
    } else {
        "
    and not exists (
      select
      from public.cache_entries d
      where d.type = e.type and d.key = e.key and d.environment = e.environment and d.id < e.id
    )"
    };
    format!(
        "with v as (
  select *
  from unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[])
    v (type, key, name, value, category, metadata)
),
updated as (
  update public.cache_entries e
  set name = v.name, value = v.value::jsonb, universe_category = v.category,
    universe_metadata = v.metadata::jsonb, updated_at = $2::timestamptz
  from v
  where e.environment = $1 and e.type = v.type and e.key = v.key{only_first}
  returning e.type::text, e.key::text
)
insert into public.cache_entries
  (type, key, name, value, environment, universe_category, universe_metadata, created_at, updated_at)
select v.type, v.key, v.name, v.value::jsonb, $1, v.category, v.metadata::jsonb, $2::timestamptz, $2::timestamptz
from v
where not exists (select from updated u where u.type = v.type and u.key = v.key)"
    )
}

/// Removes the entries of retired universes, and mirrors that are none any more; rows and history stay.
pub(super) async fn delete(
    tx: &Transaction<'_>,
    plan: &Plan,
    environment: &str,
    now: Timestamp,
) -> Result<(), Failure> {
    let types: Vec<&str> = retired(plan).map(|universe| universe.id.universe_type.as_str()).collect();
    if !types.is_empty() {
        let keys: Vec<&str> = retired(plan).map(|universe| universe.id.key()).collect();
        let texts = |text: fn(&UniversePlan) -> &str| -> Vec<&str> { retired(plan).map(text).collect() };
        let names = texts(|universe| &universe.name);
        let categories = texts(|universe| universe.category.as_str());
        let (rules, versions) = (texts(|universe| &universe.rule), texts(|universe| &universe.rule_version));
        let sequences: Vec<i64> = retired(plan).map(|universe| universe.sequence.cast_signed()).collect();
        let (retire, delete) =
            tokio::try_join!(tx.prepare_cached(UNIVERSES_RETIRE), tx.prepare_cached(ENTRIES_DELETE))?;
        let given: [&(dyn ToSql + Sync); 10] =
            [&environment, &plan.session, &now, &types, &keys, &names, &categories, &rules, &versions, &sequences];
        tx.execute(&retire, &given).await?;
        tx.execute(&delete, &[&environment, &types, &keys]).await?;
    }
    let address = |universe: &UniversePlan, key: &str| format!("{}:{key}", universe.id.universe_type);
    let mirrored: Vec<String> = written(plan).chain(retired(plan)).map(|universe| universe.id.to_string()).collect();
    let kept: Vec<String> =
        written(plan).flat_map(|universe| universe.mirrors.iter().map(|key| address(universe, key))).collect();
    if !mirrored.is_empty() {
        let statement = tx.prepare_cached(MIRRORS_DELETE).await?;
        tx.execute(&statement, &[&environment, &mirrored, &kept]).await?;
    }
    Ok(())
}

/// Writes the project's own rows and returns their keys.
pub(super) async fn universes_write(
    tx: &Transaction<'_>,
    rows: &[EntryRow<'_>],
    run: &RunRecord,
    now: Timestamp,
) -> Result<Vec<(UniverseId, i32)>, Failure> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let types: Vec<&str> = rows.iter().map(|row| row.universe.id.universe_type.as_str()).collect();
    let keys: Vec<&str> = rows.iter().map(|row| row.universe.id.key()).collect();
    let names: Vec<&str> = rows.iter().map(|row| row.universe.name.as_str()).collect();
    let categories: Vec<&str> = rows.iter().map(|row| row.universe.category.as_str()).collect();
    let rules: Vec<&str> = rows.iter().map(|row| row.universe.rule.as_str()).collect();
    let versions: Vec<&str> = rows.iter().map(|row| row.universe.rule_version.as_str()).collect();
    let ranked: Vec<bool> = rows.iter().map(|row| row.universe.is_ranked).collect();
    let sequences: Vec<i64> = rows.iter().map(|row| row.universe.sequence.cast_signed()).collect();
    let members: Vec<&str> = rows.iter().map(|row| row.members.as_str()).collect();
    let counts: Vec<i32> =
        rows.iter().map(|row| i32::try_from(row.universe.members.len()).unwrap_or(i32::MAX)).collect();
    let sessions: Vec<_> = rows.iter().map(|row| row.universe.reconstituted_session).collect();
    let statement = tx.prepare_cached(UNIVERSES_WRITE).await?;
    let written = tx
        .query(
            &statement,
            &[
                &run.environment,
                &now,
                &types,
                &keys,
                &names,
                &categories,
                &rules,
                &versions,
                &ranked,
                &sequences,
                &members,
                &counts,
                &sessions,
            ],
        )
        .await?;
    written.iter().map(|row| Ok((universe_id(row.get(0), row.get(1))?, row.get(2)))).collect()
}

/// Writes the entries of the public table, under every key that they are kept under.
pub(super) async fn entries_write(
    tx: &Transaction<'_>,
    sql: &Sql,
    rows: &[EntryRow<'_>],
    run: &RunRecord,
    now: Timestamp,
) -> Result<(), Failure> {
    if rows.is_empty() {
        return Ok(());
    }
    let (mut types, mut keys, mut names) = (Vec::new(), Vec::new(), Vec::new());
    let (mut values, mut categories, mut metadata) = (Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        let own = (row.universe.id.key(), &row.metadata);
        let mirrored = mirror_metadata(row);
        let mirrors = row.universe.mirrors.iter().map(|key| (key.as_str(), &mirrored));
        for (key, entry_metadata) in std::iter::once(own).chain(mirrors) {
            types.push(row.universe.id.universe_type.as_str());
            keys.push(key);
            names.push(row.universe.name.as_str());
            values.push(row.value.as_str());
            categories.push(row.universe.category.as_str());
            metadata.push(entry_metadata.to_string());
        }
    }
    let statement = tx.prepare_cached(&sql.entries).await?;
    tx.execute(&statement, &[&run.environment, &now, &types, &keys, &names, &values, &categories, &metadata]).await?;
    Ok(())
}
