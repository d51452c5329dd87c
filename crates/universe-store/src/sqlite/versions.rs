//! Runs as versions of the memberships, and the whole database as a file.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, params};
use universe_core::plan::ListChange;

use super::load::import_list_put;
use super::values::{Id, Instant, day};
use crate::{RunVersion, StoreError};

pub(super) fn version_list(db: &Connection, environment: &str) -> Result<Vec<RunVersion>, StoreError> {
    let mut statement = db.prepare_cached(
        "select run_number, run_id, session, status, coalesce(finished_at, started_at, created_at), dry_run
        from universe_run
        where environment = ?1 and run_number is not null
        order by run_number",
    )?;
    let rows = statement.query_map([environment], |row| {
        Ok(RunVersion {
            run_number: row.get(0)?,
            run_id: row.get::<_, Id>(1)?.0,
            session: day(row, 2)?,
            status: row.get(3)?,
            recorded_at: row.get::<_, Instant>(4)?.0,
            dry_run: row.get(5)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Stores and removes the lists that go with a run.
pub(super) fn lists_write(
    db: &Connection,
    environment: &str,
    lists: &[ListChange],
    now: &str,
) -> Result<(), StoreError> {
    for ListChange { id, list } in lists {
        match list {
            Some(list) => import_list_put(db, environment, id, list, now)?,
            None => {
                let mut statement = db.prepare_cached(
                    "delete from universe_import_list where environment = ?1 and type = ?2 and key = ?3",
                )?;
                statement.execute(params![environment, id.universe_type.as_str(), id.key()])?;
            }
        }
    }
    Ok(())
}

/// Writes everything that is committed into a new file, which is a database of its own.
pub(crate) fn back_up(path: &Path, into: &Path) -> Result<(), StoreError> {
    let target = into.to_str().ok_or_else(|| StoreError::Driver(format!("{} is not UTF-8", into.display())))?;
    let refused = |error: rusqlite::Error| match StoreError::from(error) {
        StoreError::Driver(what) => StoreError::Driver(format!("{}: {what}", path.display())),
        other => other,
    };
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags).map_err(refused)?;
    db.execute("vacuum into ?1", [target]).map_err(refused)?;
    Ok(())
}
