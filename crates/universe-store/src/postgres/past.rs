//! Reads what snapshots said, to see a session as it was.

use deadpool_postgres::GenericClient;
use jiff::civil::Date;
use universe_core::Symbol;

use super::failure::Failure;
use crate::as_of_facts::{FactsFound, SNAPSHOT_ROWS_MAX, SnapshotBlob, look_back};

const FACTS_AS_OF: &str = "\
select session, facts
from universe.snapshot
where session <= $1
order by session desc, loaded_at desc, source collate \"C\"
limit $2";

/// Finds what was known of listings as of a session.
pub(super) async fn facts_as_of(
    client: &impl GenericClient,
    session: Date,
    wanted: &[&Symbol],
) -> Result<FactsFound, Failure> {
    // Most often the newest one shows them all.
    let found = look_back(wanted, snapshot_blobs(client, session, 1).await?.into_iter().map(Ok::<_, Failure>))?;
    if !found.is_incomplete() {
        return Ok(found);
    }
    let blobs = snapshot_blobs(client, session, SNAPSHOT_ROWS_MAX).await?;
    look_back(wanted, blobs.into_iter().map(Ok::<_, Failure>))
}

/// Reads the newest snapshots not later than a session, newest first.
pub(super) async fn snapshot_blobs(
    client: &impl GenericClient,
    session: Date,
    limit: u32,
) -> Result<Vec<SnapshotBlob>, Failure> {
    let statement = client.prepare_cached(FACTS_AS_OF).await?;
    let rows = client.query(&statement, &[&session, &i64::from(limit)]).await?;
    Ok(rows.iter().map(|row| SnapshotBlob { session: row.get(0), facts: row.get(1) }).collect())
}
