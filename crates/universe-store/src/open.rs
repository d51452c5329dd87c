//! From the address of a database to a [`Store`]: the one place that knows which backend it is.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use crate::{PostgresStore, SqliteStore, Store, StoreError, sqlite};

/// The address of a database; shows itself without its password.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUri(Address);

#[derive(Clone, PartialEq, Eq)]
enum Address {
    SqliteFile(PathBuf),
    SqliteMemory,
    Postgres(String),
}

/// Why a text is not the address of a database.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UriError {
    /// No scheme that is known; the text is not repeated, since it may hold a password.
    #[error("a database is postgresql://USER@HOST/NAME or sqlite:PATH")]
    Scheme,
    /// `sqlite:` and nothing behind it.
    #[error("sqlite: needs the path of a file behind it, such as sqlite:universe.db")]
    Path,
}

/// Opens a store; an SQLite file is created where there is none.
///
/// Nothing is migrated: [`Store::migrate`] does that.
///
/// # Errors
/// When the file cannot be opened or belongs to another program, or the server cannot be reached.
pub async fn open(uri: &DatabaseUri) -> Result<Arc<dyn Store>, StoreError> {
    Ok(match &uri.0 {
        Address::SqliteFile(path) => Arc::new(SqliteStore::open(path)?),
        Address::SqliteMemory => Arc::new(SqliteStore::in_memory()?),
        Address::Postgres(uri) => Arc::new(PostgresStore::connect(uri).await?),
    })
}

/// Opens a PostgreSQL database for what only such a one can do; `None` for any other one.
///
/// # Errors
/// When the server cannot be reached.
pub async fn open_postgres(uri: &DatabaseUri) -> Result<Option<PostgresStore>, StoreError> {
    match &uri.0 {
        Address::Postgres(uri) => Ok(Some(PostgresStore::connect(uri).await?)),
        Address::SqliteFile(_) | Address::SqliteMemory => Ok(None),
    }
}

/// Writes everything that an SQLite database holds into a new file, which is a database of its own.
///
/// Other processes may go on writing meanwhile: the file has what was committed when it was begun. It must not
/// exist before, and is complete, but perhaps not on the disk yet, when this returns.
///
/// # Errors
/// When the database is none in a file, or either file is refused; what was written of the new one is left.
pub fn back_up(uri: &DatabaseUri, into: &Path) -> Result<(), StoreError> {
    match &uri.0 {
        Address::SqliteFile(path) => sqlite::back_up(path, into),
        Address::SqliteMemory => Err(StoreError::Driver("a database in memory has no file to back up".to_owned())),
        Address::Postgres(_) => Err(StoreError::Driver("PostgreSQL is backed up by pg_dump".to_owned())),
    }
}

impl DatabaseUri {
    /// Returns the file of an SQLite database; `None` for any other one.
    #[must_use]
    pub fn sqlite_path(&self) -> Option<&Path> {
        match &self.0 {
            Address::SqliteFile(path) => Some(path),
            Address::SqliteMemory | Address::Postgres(_) => None,
        }
    }

    /// Returns the address of an SQLite file.
    #[must_use]
    pub fn sqlite_file(path: impl Into<PathBuf>) -> Self {
        Self(Address::SqliteFile(path.into()))
    }
}

impl FromStr for DatabaseUri {
    type Err = UriError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if text.starts_with("postgresql://") || text.starts_with("postgres://") {
            return Ok(Self(Address::Postgres(text.to_owned())));
        }
        let path = text.strip_prefix("sqlite:").ok_or(UriError::Scheme)?;
        // `sqlite:///tmp/x` is what other libraries call the absolute path, `sqlite://x` a relative one.
        let path = path.strip_prefix("//").unwrap_or(path);
        match path {
            "" => Err(UriError::Path),
            ":memory:" => Ok(Self(Address::SqliteMemory)),
            path => Ok(Self(Address::SqliteFile(PathBuf::from(path)))),
        }
    }
}

impl fmt::Display for DatabaseUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Address::SqliteFile(path) => write!(f, "sqlite:{}", path.display()),
            Address::SqliteMemory => f.write_str("sqlite::memory:"),
            Address::Postgres(uri) => f.write_str(&redacted(uri)),
        }
    }
}

impl fmt::Debug for DatabaseUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUri({self})")
    }
}

/// Replaces the password of a PostgreSQL URI, before the host or among the parameters, by asterisks.
fn redacted(uri: &str) -> String {
    let (scheme, rest) = uri.split_once("://").unwrap_or(("postgresql", uri));
    let (rest, parameters) = rest.split_once('?').map_or((rest, None), |(rest, all)| (rest, Some(all)));
    // A password may hold unescaped '/', '@' and ':' if people are careless: everything up to the last '@' goes.
    let rest = match rest.rsplit_once('@') {
        Some((login, host)) => match login.split_once(':') {
            Some((user, _)) => format!("{user}:***@{host}"),
            None => format!("{login}@{host}"),
        },
        None => rest.to_owned(),
    };
    let mut shown = format!("{scheme}://{rest}");
    for (at, parameter) in parameters.into_iter().flat_map(|all| all.split('&')).enumerate() {
        shown.push(if at == 0 { '?' } else { '&' });
        match parameter.split_once('=') {
            Some((name @ ("password" | "sslpassword"), _)) => {
                shown.push_str(name);
                shown.push_str("=***");
            }
            Some(_) | None => shown.push_str(parameter),
        }
    }
    shown
}

#[cfg(test)]
mod tests;
