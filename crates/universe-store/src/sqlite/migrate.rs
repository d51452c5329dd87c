//! Setting the file up.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::values::Instant;
use crate::migrations::{self, AppliedMigration};
use crate::{Backend, MigrationState, StoreError};

pub(super) fn migration_list(db: &Connection) -> Result<Vec<MigrationState>, StoreError> {
    Ok(migrations::states(Backend::Sqlite, &applied(db)?))
}

/// Applies what is missing; the caller's transaction began before anything was read, so two processes take turns.
pub(super) fn migrate(db: &Connection, now: Timestamp) -> Result<Vec<String>, StoreError> {
    let pending = migrations::pending(Backend::Sqlite, &applied(db)?)?;
    for migration in &pending {
        db.execute_batch(migration.text(Backend::Sqlite))?;
        db.execute(
            "insert into universe_migration (version, name, checksum, applied_at) values (?1, ?2, ?3, ?4)",
            params![migration.version, migration.name, migration.checksum(Backend::Sqlite), now.to_string()],
        )?;
    }
    Ok(pending.into_iter().map(|migration| migration.name.to_owned()).collect())
}

fn applied(db: &Connection) -> Result<Vec<AppliedMigration>, StoreError> {
    // Asked by a statement: the library's own function does not see what another connection made.
    let exists: bool = db.query_row(
        "select exists (select 1 from sqlite_schema where type = 'table' and name = 'universe_migration')",
        [],
        |row| row.get(0),
    )?;
    if !exists {
        return Ok(Vec::new());
    }
    let mut statement =
        db.prepare("select version, name, checksum, applied_at from universe_migration order by version")?;
    let rows = statement.query_map([], |row| {
        Ok(AppliedMigration {
            version: row.get(0)?,
            name: row.get(1)?,
            checksum: row.get(2)?,
            applied_at: row.get::<_, Instant>(3)?.0,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
