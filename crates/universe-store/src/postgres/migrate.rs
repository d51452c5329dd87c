//! Sets a database up, and brings an older one up to date.

use deadpool_postgres::{GenericClient, Object, Transaction};
use jiff::Timestamp;

use super::failure::Failure;
use crate::migrations::{self, AppliedMigration};
use crate::{Backend, MigrationState};

/// "universe" as a number: only migrations take this lock, and only until their transaction ends.
pub(super) const LOCK: &str = "select pg_advisory_xact_lock(8461958247839365989)";

const MIGRATION_TABLE: &str = "\
create schema if not exists universe;
create table if not exists universe.migration (
  version integer not null,
  name text not null,
  checksum text not null,
  applied_at timestamptz not null,
  constraint migration_pkey primary key (version)
);
comment on table universe.migration is 'which migrations were applied, and with which text'";

const APPLIED: &str = "select version, name, checksum, applied_at from universe.migration order by version";

const RECORD: &str = "insert into universe.migration (version, name, checksum, applied_at) values ($1, $2, $3, $4)";

/// Returns every migration of this program and whether it has been applied.
pub(super) async fn migration_list(client: &Object) -> Result<Vec<MigrationState>, Failure> {
    Ok(migrations::states(Backend::Postgres, &applied(client).await?))
}

/// Applies what is missing, all of it or nothing; whoever comes second waits and finds it done.
pub(super) async fn migrate(client: &mut Object, now: Timestamp) -> Result<Vec<String>, Failure> {
    let tx = client.transaction().await?;
    let names = migrate_in(&tx, now).await?;
    tx.commit().await?;
    Ok(names)
}

/// Applies what is missing within a transaction that does more than that.
pub(super) async fn migrate_in(tx: &Transaction<'_>, now: Timestamp) -> Result<Vec<String>, Failure> {
    tx.batch_execute(LOCK).await?;
    let pending = migrations::pending(Backend::Postgres, &applied(tx).await?)?;
    if pending.is_empty() {
        return Ok(Vec::new());
    }
    tx.batch_execute(MIGRATION_TABLE).await?;
    let mut names = Vec::new();
    for migration in pending {
        tx.batch_execute(migration.text(Backend::Postgres)).await?;
        let checksum = migration.checksum(Backend::Postgres);
        tx.execute(RECORD, &[&migration.version, &migration.name, &checksum, &now]).await?;
        names.push(migration.name.to_owned());
    }
    Ok(names)
}

async fn applied(client: &impl GenericClient) -> Result<Vec<AppliedMigration>, Failure> {
    let exists = client.query_one("select to_regclass('universe.migration') is not null", &[]).await?;
    if !exists.get::<_, bool>(0) {
        return Ok(Vec::new());
    }
    let rows = client.query(APPLIED, &[]).await?;
    let migration = |row: &tokio_postgres::Row| AppliedMigration {
        version: row.get(0),
        name: row.get(1),
        checksum: row.get(2),
        applied_at: row.get(3),
    };
    Ok(rows.iter().map(migration).collect())
}
