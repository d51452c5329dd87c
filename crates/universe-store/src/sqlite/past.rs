//! Reading what snapshots said, to see a session as it was.

use rusqlite::{Connection, Row, params};
use universe_core::Symbol;

use super::values::{Day, DayText};
use crate::StoreError;
use crate::as_of_facts::{FactsFound, SNAPSHOT_ROWS_MAX, SnapshotBlob, look_back};

/// Finds what was known of listings as of a session; a snapshot is only read when those after it do not show all.
pub(super) fn facts_as_of(db: &Connection, session: DayText, wanted: &[&Symbol]) -> Result<FactsFound, StoreError> {
    let mut statement = db.prepare_cached(
        "select session, facts
        from universe_snapshot
        where session <= ?1
        order by session desc, loaded_at desc, source
        limit ?2",
    )?;
    let blobs = statement.query_map(params![session, SNAPSHOT_ROWS_MAX], snapshot_blob)?;
    look_back(wanted, blobs.map(|blob| blob.map_err(StoreError::from)))
}

/// Reads a session and the facts of its snapshot.
pub(super) fn snapshot_blob(row: &Row<'_>) -> rusqlite::Result<SnapshotBlob> {
    Ok(SnapshotBlob { session: row.get::<_, Day>(0)?.0, facts: row.get(1)? })
}
