//! What the server or the network said, told apart into what a caller can act on.

use std::error::Error as _;

use deadpool_postgres::PoolError;
use tokio_postgres::error::SqlState;

use crate::StoreError;

/// Why a statement or a transaction failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// Another transaction was in the way; the whole transaction may be tried again at once.
    Contention(String),
    /// Trying again changes nothing, or is for the caller to decide.
    Final(StoreError),
}

/// How often a transaction is tried: contention that lasts longer is a fault to be seen.
pub(super) const ATTEMPTS_MAX: u32 = 5;

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Final(error)
    }
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        match error.code() {
            // A statement that was sent along with one that failed: its error says nothing, and hides the cause
            // where it is seen first. The next attempt meets the cause itself.
            Some(code)
                if [
                    SqlState::T_R_SERIALIZATION_FAILURE,
                    SqlState::T_R_DEADLOCK_DETECTED,
                    SqlState::IN_FAILED_SQL_TRANSACTION,
                ]
                .contains(code) =>
            {
                Self::Contention(describe(&error))
            }
            Some(_) | None => Self::Final(store_error(&error)),
        }
    }
}

impl From<PoolError> for Failure {
    fn from(error: PoolError) -> Self {
        Self::Final(match error {
            PoolError::Backend(error) => store_error(&error),
            PoolError::Timeout(_) => {
                StoreError::Unavailable("all connections to it stayed busy; try again when less is running".to_owned())
            }
            PoolError::Closed | PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_) => {
                StoreError::Unavailable(error.to_string())
            }
        })
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Contention(message) => Self::Unavailable(format!(
                "other transactions were in the way {ATTEMPTS_MAX} times in a row ({message}); try again"
            )),
            Failure::Final(error) => error,
        }
    }
}

/// Tells what kind of failure a driver's error is.
pub(super) fn store_error(error: &tokio_postgres::Error) -> StoreError {
    let Some(refusal) = error.as_db_error() else {
        // Without an answer of the server, it is the connection that failed; or a value that does not
        // convert, which no retry mends.
        let is_connection = error.is_closed() || error.source().is_some_and(|cause| cause.is::<std::io::Error>());
        return match is_connection {
            true => StoreError::Unavailable(describe(error)),
            false => StoreError::Driver(describe(error)),
        };
    };
    let code = refusal.code().code();
    let constraint = || refusal.constraint().unwrap_or(refusal.message()).to_owned();
    match code {
        "42P01" | "3F000" | "42703" => StoreError::Schema(format!(
            "the database lacks what this program needs ({}); set it up with: universe db migrate",
            refusal.message()
        )),
        "42501" => {
            StoreError::Driver(format!("{}; connect as a user who may, or have the owner grant it", refusal.message()))
        }
        // Violated constraints: unique, foreign key, not null, check, exclusion.
        _ if code.starts_with("23") => StoreError::Conflict { constraint: constraint() },
        // Connections refused or ended: shutting down, starting up, too many.
        _ if code.starts_with("08") || code.starts_with("57P") || code == "53300" => {
            StoreError::Unavailable(refusal.message().to_owned())
        }
        _ => StoreError::Driver(describe(error)),
    }
}

/// Writes an error with what is known about it; the driver's own words leave the cause out.
pub(super) fn describe(error: &tokio_postgres::Error) -> String {
    if let Some(refusal) = error.as_db_error() {
        let detail = refusal.detail().map(|detail| format!(" ({detail})")).unwrap_or_default();
        return format!("{}{detail} [{}]", refusal.message(), refusal.code().code());
    }
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let message = error.to_string();
        if !text.ends_with(&message) {
            text = format!("{text}: {message}");
        }
        cause = error.source();
    }
    text
}
