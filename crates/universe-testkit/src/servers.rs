//! Private PostgreSQL and Redis servers for tests: started on free ports, gone with the test.
//!
//! A test asks for [`test_database`] or [`test_redis`] and gets something of its own, or `None` after a plain
//! "skipped" line where the binaries are missing. `None` is not tolerated where [`servers_required`] says so.
//!
//! `initdb` takes about a second and nextest runs every test in a process of its own, so a whole run shares
//! one PostgreSQL server: the program `with-servers` starts it and passes its address on in
//! [`POSTGRES_VARIABLE`]. Without that variable, a process starts its own server when it first needs one.

mod certificate;
mod guarded_process;
mod postgres;
mod redis;
mod unprivileged;

use std::path::PathBuf;

pub use certificate::{Authority, Certificate};
pub use postgres::{POSTGRES_VARIABLE, PostgresServer, TestDatabase, test_database};
pub use redis::{REDIS_VARIABLE, RedisServer, test_redis};

/// Why a private server is not there.
#[derive(Debug)]
pub enum ServerError {
    /// No usable binary was found; says what was looked for and how to get it.
    Missing {
        /// The server (`PostgreSQL 14 or later`).
        server: &'static str,
        /// What to do about it.
        hint: &'static str,
    },
    /// A file, a directory or a process could not be made.
    Io {
        /// What was being done.
        doing: String,
        /// Why it failed.
        source: std::io::Error,
    },
    /// The server ended, or did not answer in time; carries the end of its log.
    NotReady {
        /// The binary that was run.
        program: PathBuf,
        /// The last lines that it wrote.
        log: String,
    },
    /// The server refused a statement.
    Refused(String),
}

impl std::fmt::Display for ServerError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing { server, hint } => write!(f, "no {server} ({hint})"),
            Self::Io { doing, .. } => write!(f, "could not {doing}"),
            Self::NotReady { program, log } => write!(f, "{} did not start; its log ends:\n{log}", program.display()),
            Self::Refused(message) => write!(f, "the test server refused: {message}"),
        }
    }
}

impl std::error::Error for ServerError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            Self::Missing { .. } | Self::NotReady { .. } | Self::Refused(_) => None,
        }
    }
}

/// Returns whether a missing server fails a test instead of skipping it: in CI, or when asked for.
#[must_use]
pub fn servers_required() -> bool {
    let is = |name: &str, wanted: &[&str]| std::env::var(name).is_ok_and(|value| wanted.contains(&value.as_str()));
    is("CI", &["true", "1"]) || is("UNIVERSE_REQUIRE_SERVERS", &["true", "1"])
}

/// Unwraps a server, or says that the test is skipped.
///
/// # Panics
/// When the server is there but does not work, or is missing where [`servers_required`].
fn or_skip<T>(server: &str, result: Result<T, ServerError>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(ServerError::Missing { hint, .. }) if !servers_required() => {
            eprintln!("skipped: no {server} ({hint})");
            None
        }
        Err(error) => {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            panic!("{server} for tests: {error}{cause}")
        }
    }
}

fn io_error(doing: impl Into<String>) -> impl FnOnce(std::io::Error) -> ServerError {
    let doing = doing.into();
    move |source| ServerError::Io { doing, source }
}

#[cfg(test)]
mod tests;
