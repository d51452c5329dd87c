//! Opening the file, and transactions on it.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};
use tokio::runtime::{Handle, RuntimeFlavor};

use crate::StoreError;

/// How long a write waits for another process, whose longest transaction is a load.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// Pages kept by a connection, in KiB: the listings and the closes of a session fit.
const CACHE_KIB: i64 = 8_192;

/// Enough for every statement of a run, so that none is parsed twice.
const STATEMENTS_MAX: usize = 96;

/// A log that a large load made long is cut back to this size.
const LOG_BYTES_MAX: i64 = 64 << 20;

/// Two processes that make the same new file get in each other's way; the loser tries again so often.
const LOG_MODE_ATTEMPTS: u32 = 50;
const LOG_MODE_PAUSE: Duration = Duration::from_millis(20);

/// The connections of one store.
#[derive(Debug)]
pub(super) struct Connections {
    writer: Mutex<Connection>,
    /// Absent in memory, where a second connection would be a second database.
    reader: Option<Mutex<Connection>>,
}

impl Connections {
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        check_path(path)?;
        let refused = |error: rusqlite::Error| name_file(path, StoreError::from(error));
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_EXRESCODE;
        let writer = Connection::open_with_flags(path, flags).map_err(refused)?;
        writer.busy_timeout(BUSY_TIMEOUT).map_err(refused)?;
        check_owner(path, &writer)?;
        keep_log(&writer).map_err(refused)?;
        configure(&writer).map_err(refused)?;
        let reader = Connection::open_with_flags(path, flags).map_err(refused)?;
        reader.busy_timeout(BUSY_TIMEOUT).map_err(refused)?;
        configure(&reader).map_err(refused)?;
        reader.pragma_update(None, "query_only", true).map_err(refused)?;
        Ok(Self { writer: Mutex::new(writer), reader: Some(Mutex::new(reader)) })
    }

    pub(super) fn in_memory() -> Result<Self, StoreError> {
        let writer = Connection::open_in_memory()?;
        configure(&writer)?;
        Ok(Self { writer: Mutex::new(writer), reader: None })
    }

    /// Reads in one transaction: every statement sees the same state.
    pub(super) fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let connection = self.reader.as_ref().unwrap_or(&self.writer);
        blocking(|| {
            let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            let tx = connection.transaction()?;
            work(&tx)
        })
    }

    /// Writes in one transaction, which waits for its turn before it reads anything.
    pub(super) fn write<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        blocking(|| {
            let mut connection = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
            let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let written = work(&tx)?;
            tx.commit()?;
            Ok(written)
        })
    }

    #[cfg(test)]
    pub(super) fn writer(&self) -> std::sync::MutexGuard<'_, Connection> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs blocking work on this thread; a runtime with several threads moves its other tasks away first.
fn blocking<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        Ok(_) | Err(_) => work(),
    }
}

/// Refuses what SQLite itself would report as "unable to open database file", without saying why.
fn check_path(path: &Path) -> Result<(), StoreError> {
    let complain = |what: &str| Err(StoreError::Driver(format!("{} {what}", path.display())));
    if path.is_dir() {
        return complain("is a directory; name a file in it");
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent.filter(|parent| !parent.is_dir()) {
        let what = format!("cannot be made: there is no directory {}", parent.display());
        return complain(&what);
    }
    if path.exists() {
        // SQLite would quietly open a file that it may only read, and fail with the first write.
        if let Err(error) = std::fs::OpenOptions::new().read(true).append(true).open(path) {
            return complain(&format!("cannot be opened for reading and writing: {error}"));
        }
    }
    Ok(())
}

/// Refuses a file that is no database, or the database of another program, before anything changes it.
fn check_owner(path: &Path, connection: &Connection) -> Result<(), StoreError> {
    let sql = "select name from sqlite_schema where type = 'table' order by name";
    let tables = connection.prepare(sql).and_then(|mut statement| {
        statement.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()
    });
    let tables = tables.map_err(|error| name_file(path, error.into()))?;
    if tables.is_empty() || tables.iter().any(|table| table == "universe_migration") {
        return Ok(());
    }
    let some = tables.iter().take(3).map(String::as_str).collect::<Vec<_>>().join(", ");
    Err(StoreError::Schema(format!(
        "{} is the database of another program (it has the tables {some}); name another file",
        path.display()
    )))
}

/// Switches to the write-ahead log, which stays switched on in the file.
fn keep_log(connection: &Connection) -> rusqlite::Result<()> {
    for attempt in 1.. {
        let mode = connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get::<_, String>(0));
        match mode {
            Err(error) if is_busy(&error) && attempt < LOG_MODE_ATTEMPTS => std::thread::sleep(LOG_MODE_PAUSE),
            Err(error) => return Err(error),
            // Some network file systems cannot; the rollback journal is slower and as safe.
            Ok(mode) if mode == "wal" => break,
            Ok(mode) => {
                tracing::warn!("the database has journal mode {mode}: readers will wait for writers");
                break;
            }
        }
    }
    Ok(())
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "synchronous", "normal")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "temp_store", "memory")?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    connection.pragma_update_and_check(None, "journal_size_limit", LOG_BYTES_MAX, |_| Ok(()))?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    Ok(())
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// Says which file an error is about.
fn name_file(path: &Path, error: StoreError) -> StoreError {
    match error {
        StoreError::Unsupported(what) => StoreError::Unsupported(format!("{}: {what}", path.display())),
        StoreError::Schema(what) => StoreError::Schema(format!("{}: {what}", path.display())),
        StoreError::Unavailable(what) => StoreError::Unavailable(format!("{}: {what}", path.display())),
        StoreError::Driver(what) => StoreError::Driver(format!("{}: {what}", path.display())),
        other @ (StoreError::Conflict { .. }
        | StoreError::Stale { .. }
        | StoreError::Busy { .. }
        | StoreError::Fenced { .. }
        | StoreError::DataLoadFenced { .. }
        | StoreError::Inconsistent { .. }
        | StoreError::RowsAffected { .. }) => other,
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        if let rusqlite::Error::SqlInputError { msg, .. } = &error
            && msg.starts_with("no such column")
        {
            return not_set_up(msg);
        }
        let message = error.to_string();
        let Some(code) = error.sqlite_error_code() else { return Self::Driver(message) };
        match code {
            ErrorCode::ConstraintViolation => {
                // "UNIQUE constraint failed: universe_outbox.event_id" names the columns, not the constraint.
                let constraint = message.rsplit(": ").next().unwrap_or(&message).to_owned();
                Self::Conflict { constraint }
            }
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => {
                Self::Unavailable("another process has been writing to the file for too long".to_owned())
            }
            ErrorCode::DiskFull => Self::Driver(format!("{message}; nothing was written, make room and try again")),
            ErrorCode::ReadOnly => Self::Driver("the file may only be read".to_owned()),
            ErrorCode::NotADatabase => Self::Schema("this is not an SQLite database; name another file".to_owned()),
            ErrorCode::DatabaseCorrupt => Self::Driver(format!("{message}; restore a copy")),
            _ if message.starts_with("no such table") => not_set_up(&message),
            _ => Self::Driver(message),
        }
    }
}

/// Says that tables or columns are missing, which migrations make.
fn not_set_up(what: &str) -> StoreError {
    StoreError::Schema(format!(
        "the database has not been set up, or not up to date ({what}); run its migrations first"
    ))
}
