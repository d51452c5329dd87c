//! Corrections of the recorded past, and what sources say of it.

use deadpool_postgres::{Object, Transaction};
use jiff::civil::Date;
use tokio_postgres::types::Json;
use universe_core::UniverseId;
use universe_core::plan::PastChange;

use super::failure::Failure;
use crate::constituent_records::SourceContent;
use crate::{KeptSource, StoreError};

const UNIVERSE_ID: &str = "select universe_id from universe.universe where environment = $1 and type = $2 and key = $3";

/// An open interval is taken back, as a run of its own session would; one that had ended is marked.
const SUPERSEDE: &str = "\
update universe.membership m
set
  superseded_run = case when m.valid_to is null then null else $5::bigint end,
  closed_run = coalesce(m.closed_run, $5::bigint),
  closed_reason = coalesce(m.closed_reason, $6::text),
  valid_to = coalesce(m.valid_to, m.valid_from)
from unnest($2::text[], $3::bigint[], $4::date[]) v (symbol, opened_run, valid_from)
where m.universe_id = $1 and m.symbol = v.symbol and m.opened_run = v.opened_run and m.valid_from = v.valid_from
  and m.superseded_run is null";

const ADD: &str = "\
insert into universe.membership
  (universe_id, symbol, valid_from, valid_to, opened_run, closed_run, opened_reason, closed_reason)
select $1, v.symbol, v.valid_from, v.valid_to, $5::bigint, case when v.valid_to is not null then $5::bigint end, $6::text,
  case when v.valid_to is not null then $6::text end
from unnest($2::text[], $3::date[], $4::date[]) v (symbol, valid_from, valid_to)";

const SOURCE_PUT: &str = "\
insert into universe.constituent_source (environment, type, key, source, record, loaded_at)
values ($1, $2, $3, $4, $5, $6)
on conflict (environment, type, key, source) do update
set record = excluded.record, loaded_at = excluded.loaded_at";

const SOURCES: &str = "\
select record, loaded_at
from universe.constituent_source
where environment = $1 and type = $2 and key = $3
order by source collate \"C\"";

/// Supersedes intervals and adds those that take their place.
pub(super) async fn past_write(
    tx: &Transaction<'_>,
    environment: &str,
    run_number: i64,
    past: &[PastChange],
) -> Result<(), Failure> {
    for change in past {
        let (universe_type, key) = (change.id.universe_type.as_str(), change.id.key());
        let Some(row) = tx.query_opt(UNIVERSE_ID, &[&environment, &universe_type, &key]).await? else {
            let detail = format!("{} has no row", change.id);
            return Err(StoreError::Inconsistent { table: "universe", detail }.into());
        };
        let universe_id: i32 = row.get(0);
        supersede(tx, universe_id, run_number, change).await?;
        add(tx, universe_id, run_number, change).await?;
    }
    Ok(())
}

async fn supersede(
    tx: &Transaction<'_>,
    universe_id: i32,
    run_number: i64,
    change: &PastChange,
) -> Result<(), Failure> {
    if change.superseded.is_empty() {
        return Ok(());
    }
    let symbols: Vec<&str> = change.superseded.iter().map(|interval| interval.symbol.as_str()).collect();
    let runs: Vec<i64> = change.superseded.iter().map(|interval| interval.opened_run).collect();
    let begins: Vec<Date> = change.superseded.iter().map(|interval| interval.valid_from).collect();
    let given: [&(dyn tokio_postgres::types::ToSql + Sync); 6] =
        [&universe_id, &symbols, &runs, &begins, &run_number, &change.reason];
    let actual = tx.execute(SUPERSEDE, &given).await?;
    let expected = symbols.len() as u64;
    if actual != expected {
        return Err(StoreError::RowsAffected { table: "membership", expected, actual }.into());
    }
    Ok(())
}

async fn add(tx: &Transaction<'_>, universe_id: i32, run_number: i64, change: &PastChange) -> Result<(), Failure> {
    if change.intervals.is_empty() {
        return Ok(());
    }
    let symbols: Vec<&str> = change.intervals.iter().map(|interval| interval.symbol.as_str()).collect();
    let begins: Vec<Date> = change.intervals.iter().map(|interval| interval.valid_from).collect();
    let ends: Vec<Option<Date>> = change.intervals.iter().map(|interval| interval.valid_to).collect();
    let given: [&(dyn tokio_postgres::types::ToSql + Sync); 6] =
        [&universe_id, &symbols, &begins, &ends, &run_number, &change.reason];
    tx.execute(ADD, &given).await?;
    Ok(())
}

pub(super) async fn constituent_source_put(
    client: &Object,
    environment: &str,
    id: &UniverseId,
    source: &KeptSource,
) -> Result<(), Failure> {
    let (universe_type, key) = (id.universe_type.as_str(), id.key());
    let content = Json(source.content());
    let (name, loaded_at) = (&source.record.source, &source.loaded_at);
    client.execute(SOURCE_PUT, &[&environment, &universe_type, &key, name, &content, loaded_at]).await?;
    Ok(())
}

pub(super) async fn constituent_source_list(
    client: &Object,
    environment: &str,
    id: &UniverseId,
) -> Result<Vec<KeptSource>, Failure> {
    let rows = client.query(SOURCES, &[&environment, &id.universe_type.as_str(), &id.key()]).await?;
    let source = |row: &tokio_postgres::Row| {
        let Json(content): Json<SourceContent> = row.try_get(0)?;
        Ok(content.kept(row.try_get(1)?))
    };
    rows.iter().map(source).collect()
}
