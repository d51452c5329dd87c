//! The migrations of both databases: twins with one number and one name, told apart by their text only.

use jiff::Timestamp;

use crate::{Backend, MigrationState, StoreError};

/// One migration; applied ones are frozen, which their checksum proves.
pub(crate) struct Migration {
    pub(crate) version: i32,
    pub(crate) name: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

/// A migration as the database remembers it.
pub(crate) struct AppliedMigration {
    pub(crate) version: i32,
    pub(crate) name: String,
    pub(crate) checksum: String,
    pub(crate) applied_at: Timestamp,
}

const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        name: "initial",
        sqlite: include_str!("../migrations/sqlite/0001_initial.sql"),
        postgres: include_str!("../migrations/postgres/0001_initial.sql"),
    },
    Migration {
        version: 2,
        name: "service",
        sqlite: include_str!("../migrations/sqlite/0002_service.sql"),
        postgres: include_str!("../migrations/postgres/0002_service.sql"),
    },
    Migration {
        version: 3,
        name: "loading",
        sqlite: include_str!("../migrations/sqlite/0003_loading.sql"),
        postgres: include_str!("../migrations/postgres/0003_loading.sql"),
    },
    Migration {
        version: 4,
        name: "adoption",
        sqlite: include_str!("../migrations/sqlite/0004_adoption.sql"),
        postgres: include_str!("../migrations/postgres/0004_adoption.sql"),
    },
    Migration {
        version: 5,
        name: "time_machine",
        sqlite: include_str!("../migrations/sqlite/0005_time_machine.sql"),
        postgres: include_str!("../migrations/postgres/0005_time_machine.sql"),
    },
    Migration {
        version: 6,
        name: "identity",
        sqlite: include_str!("../migrations/sqlite/0006_identity.sql"),
        postgres: include_str!("../migrations/postgres/0006_identity.sql"),
    },
    Migration {
        version: 7,
        name: "run_figures",
        sqlite: include_str!("../migrations/sqlite/0007_run_figures.sql"),
        postgres: include_str!("../migrations/postgres/0007_run_figures.sql"),
    },
    Migration {
        version: 8,
        name: "known_symbol_changes",
        sqlite: include_str!("../migrations/sqlite/0008_known_symbol_changes.sql"),
        postgres: include_str!("../migrations/postgres/0008_known_symbol_changes.sql"),
    },
];

impl Migration {
    /// Returns the statements for a database.
    pub(crate) fn text(&self, backend: Backend) -> &'static str {
        match backend {
            Backend::Sqlite => self.sqlite,
            Backend::Postgres => self.postgres,
        }
    }

    /// Returns the fingerprint of the statements.
    pub(crate) fn checksum(&self, backend: Backend) -> String {
        blake3::hash(self.text(backend).as_bytes()).to_hex().to_string()
    }
}

/// Returns every migration and whether it is among the applied ones.
pub(crate) fn states(backend: Backend, applied: &[AppliedMigration]) -> Vec<MigrationState> {
    let state = |migration: &Migration| {
        let found = applied.iter().find(|applied| applied.version == migration.version);
        MigrationState {
            version: migration.version,
            name: migration.name.to_owned(),
            applied_at: found.map(|applied| applied.applied_at),
            is_intact: found.is_none_or(|applied| applied.checksum == migration.checksum(backend)),
        }
    };
    MIGRATIONS.iter().map(state).collect()
}

/// Returns the migrations that are still to be applied, in order.
///
/// # Errors
/// [`StoreError::Schema`] when the database was migrated by a newer program, or by one with other statements.
pub(crate) fn pending(backend: Backend, applied: &[AppliedMigration]) -> Result<Vec<&'static Migration>, StoreError> {
    for done in applied {
        let AppliedMigration { version, name, .. } = done;
        let Some(own) = MIGRATIONS.iter().find(|own| own.version == *version) else {
            return Err(StoreError::Schema(format!(
                "the database has migration {version} ({name}), which this program does not know: \
                 it was set up by a newer version; use that one"
            )));
        };
        if own.checksum(backend) != done.checksum {
            return Err(StoreError::Schema(format!(
                "migration {version} ({name}) was applied with other statements than this program has; \
                 restore the version of the program that set the database up"
            )));
        }
    }
    Ok(MIGRATIONS.iter().filter(|own| applied.iter().all(|done| done.version != own.version)).collect())
}

#[cfg(test)]
mod tests;
