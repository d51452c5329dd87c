//! Runs as versions of the memberships.

use deadpool_postgres::{Object, Transaction};
use jiff::Timestamp;
use universe_core::plan::ListChange;

use super::failure::Failure;
use super::load::import_list_put;
use crate::RunVersion;

const VERSIONS: &str = "\
select run_number, run_id, session, status, coalesce(finished_at, started_at, created_at), dry_run
from universe.run
where environment = $1 and run_number is not null
order by run_number";

const LIST_DELETE: &str = "\
delete from universe.import_list
where environment = $1 and type = $2 and key = $3";

pub(super) async fn version_list(client: &Object, environment: &str) -> Result<Vec<RunVersion>, Failure> {
    let statement = client.prepare_cached(VERSIONS).await?;
    let rows = client.query(&statement, &[&environment]).await?;
    let version = |row: &tokio_postgres::Row| RunVersion {
        run_number: row.get(0),
        run_id: row.get(1),
        session: row.get(2),
        status: row.get(3),
        recorded_at: row.get(4),
        dry_run: row.get(5),
    };
    Ok(rows.iter().map(version).collect())
}

/// Stores and removes the lists that go with a run.
pub(super) async fn lists_write(
    tx: &Transaction<'_>,
    environment: &str,
    lists: &[ListChange],
    now: Timestamp,
) -> Result<(), Failure> {
    for ListChange { id, list } in lists {
        match list {
            Some(list) => import_list_put(tx, environment, id, list, now).await?,
            None => {
                let statement = tx.prepare_cached(LIST_DELETE).await?;
                tx.execute(&statement, &[&environment, &id.universe_type.as_str(), &id.key()]).await?;
            }
        }
    }
    Ok(())
}
