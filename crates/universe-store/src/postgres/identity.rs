//! Symbols that changed.

use deadpool_postgres::{GenericClient, Object};
use jiff::Timestamp;
use jiff::civil::Date;
use tokio_postgres::Row;
use universe_core::Symbol;
use universe_core::identity::SymbolChange;

use super::failure::Failure;
use crate::SymbolChangeRecord;

const UNTIL: &str = "\
select old_symbol, effective_session, new_symbol
from universe.symbol_change
where effective_session <= $1 and superseded_at is null
order by effective_session, old_symbol";

const ALL: &str = "\
select old_symbol, effective_session, new_symbol, source, recorded_at
from universe.symbol_change
where superseded_at is null
order by effective_session, old_symbol";

const KNOWN: &str = "\
select old_symbol, effective_session, new_symbol, source, recorded_at
from universe.symbol_change
where recorded_at <= $1 and (superseded_at is null or $1 < superseded_at)
order by effective_session, old_symbol, symbol_change_id";

const SUPERSEDE: &str = "\
update universe.symbol_change
set superseded_at = $3
from unnest($1::text[], $2::date[]) as gone (symbol, session)
where old_symbol = symbol and effective_session = session and superseded_at is null";

const SAME: &str = "\
select 1
from universe.symbol_change
where old_symbol = $1
  and effective_session = $2
  and superseded_at is null
  and new_symbol is not distinct from $3
  and source = $4";

const PUT: &str = "\
insert into universe.symbol_change (old_symbol, effective_session, new_symbol, source, recorded_at)
values ($1, $2, $3, $4, $5)";

/// Returns the changes up to a session, oldest first.
pub(super) async fn symbol_changes_until(
    client: &impl GenericClient,
    session: Date,
) -> Result<Vec<SymbolChange>, Failure> {
    let statement = client.prepare_cached(UNTIL).await?;
    let rows = client.query(&statement, &[&session]).await?;
    Ok(rows.iter().map(change).collect())
}

pub(super) async fn symbol_change_list(client: &Object) -> Result<Vec<SymbolChangeRecord>, Failure> {
    let rows = client.query(ALL, &[]).await?;
    Ok(rows.iter().map(record).collect())
}

pub(super) async fn symbol_change_list_at(
    client: &Object,
    known_at: Timestamp,
) -> Result<Vec<SymbolChangeRecord>, Failure> {
    let rows = client.query(KNOWN, &[&known_at]).await?;
    Ok(rows.iter().map(record).collect())
}

pub(super) async fn symbol_change_put(
    client: &mut Object,
    records: &[SymbolChangeRecord],
    replaced: &[SymbolChange],
) -> Result<u64, Failure> {
    let Some(now) = records.iter().map(|record| record.recorded_at).max() else { return Ok(0) };
    let tx = client.transaction().await?;
    let (supersede, same) = (tx.prepare_cached(SUPERSEDE).await?, tx.prepare_cached(SAME).await?);
    let put = tx.prepare_cached(PUT).await?;
    let symbols: Vec<&str> = replaced.iter().map(|change| change.from.as_str()).collect();
    let sessions: Vec<Date> = replaced.iter().map(|change| change.date).collect();
    tx.execute(&supersede, &[&symbols, &sessions, &now]).await?;
    let mut written = 0;
    for SymbolChangeRecord { change: SymbolChange { from, date, to }, source, recorded_at } in records {
        let (from, to) = (from.as_str(), to.as_ref().map(Symbol::as_str));
        if tx.query_opt(&same, &[&from, date, &to, source]).await?.is_some() {
            continue;
        }
        tx.execute(&supersede, &[&vec![from], &vec![*date], &now]).await?;
        written += tx.execute(&put, &[&from, date, &to, source, recorded_at]).await?;
    }
    tx.commit().await?;
    Ok(written)
}

fn record(row: &Row) -> SymbolChangeRecord {
    SymbolChangeRecord { change: change(row), source: row.get(3), recorded_at: row.get(4) }
}

fn change(row: &Row) -> SymbolChange {
    SymbolChange {
        from: Symbol::from_stored(row.get::<_, &str>(0)),
        date: row.get(1),
        to: row.get::<_, Option<&str>>(2).map(Symbol::from_stored),
    }
}
