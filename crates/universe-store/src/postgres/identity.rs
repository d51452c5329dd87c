//! Symbols that changed.

use deadpool_postgres::{GenericClient, Object};
use jiff::civil::Date;
use tokio_postgres::Row;
use universe_core::Symbol;
use universe_core::identity::SymbolChange;

use super::failure::Failure;
use crate::SymbolChangeRecord;

const UNTIL: &str = "\
select old_symbol, effective_session, new_symbol
from universe.symbol_change
where effective_session <= $1
order by effective_session, old_symbol";

const ALL: &str = "\
select old_symbol, effective_session, new_symbol, source, recorded_at
from universe.symbol_change
order by effective_session, old_symbol";

const DELETE: &str = "\
delete from universe.symbol_change
using unnest($1::text[], $2::date[]) as gone (symbol, session)
where old_symbol = symbol and effective_session = session";

const PUT: &str = "\
insert into universe.symbol_change (old_symbol, effective_session, new_symbol, source, recorded_at)
values ($1, $2, $3, $4, $5)
on conflict (old_symbol, effective_session) do update set
  new_symbol = excluded.new_symbol,
  source = excluded.source,
  recorded_at = excluded.recorded_at
where symbol_change.new_symbol is distinct from excluded.new_symbol or symbol_change.source <> excluded.source";

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
    let record = |row: &Row| SymbolChangeRecord { change: change(row), source: row.get(3), recorded_at: row.get(4) };
    Ok(rows.iter().map(record).collect())
}

pub(super) async fn symbol_change_put(
    client: &mut Object,
    records: &[SymbolChangeRecord],
    replaced: &[SymbolChange],
) -> Result<u64, Failure> {
    let tx = client.transaction().await?;
    let symbols: Vec<&str> = replaced.iter().map(|change| change.from.as_str()).collect();
    let sessions: Vec<Date> = replaced.iter().map(|change| change.date).collect();
    tx.execute(DELETE, &[&symbols, &sessions]).await?;
    let put = tx.prepare_cached(PUT).await?;
    let mut written = 0;
    for SymbolChangeRecord { change: SymbolChange { from, date, to }, source, recorded_at } in records {
        let (from, to) = (from.as_str(), to.as_ref().map(Symbol::as_str));
        written += tx.execute(&put, &[&from, date, &to, source, recorded_at]).await?;
    }
    tx.commit().await?;
    Ok(written)
}

fn change(row: &Row) -> SymbolChange {
    SymbolChange {
        from: Symbol::from_stored(row.get::<_, &str>(0)),
        date: row.get(1),
        to: row.get::<_, Option<&str>>(2).map(Symbol::from_stored),
    }
}
