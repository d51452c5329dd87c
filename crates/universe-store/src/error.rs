//! What can go wrong between a decision and the database.

use uuid::Uuid;

/// Why a store refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A named constraint refused the write: somebody else wrote the same thing first.
    #[error("the write conflicts with what is stored (constraint {constraint})")]
    Conflict {
        /// The constraint.
        constraint: String,
    },
    /// The state changed since the plan was made; observe and plan again.
    #[error("stale plan: it was made from version {expected}, the state is at version {current}")]
    Stale {
        /// The version that the plan was based on.
        expected: u64,
        /// The version that is current.
        current: u64,
    },
    /// Another run of the environment is at work; nothing was written.
    #[error("run {run_id} is at work; wait for its end or cancel it")]
    Busy {
        /// The other run.
        run_id: Uuid,
    },
    /// The run is not the caller's any more: its lease was lost, or it was ended by somebody else.
    #[error("run {run_id} lost its lease (token {token}): it took too long without a sign of life, or was ended")]
    Fenced {
        /// The run.
        run_id: Uuid,
        /// The token that is worth nothing now.
        token: u64,
    },
    /// The data-load job is not the caller's any more: its lease was lost, or it was ended by somebody else.
    #[error("job {job_id} lost its lease (token {token}): it took too long without a sign of life, or was ended")]
    DataLoadFenced {
        /// The job.
        job_id: String,
        /// The token that is worth nothing now.
        token: u64,
    },
    /// Stored data contradicts itself.
    #[error("{table} is inconsistent: {detail}")]
    Inconsistent {
        /// The table.
        table: &'static str,
        /// What contradicts what.
        detail: String,
    },
    /// A write touched another number of rows than it must.
    #[error("a write to {table} touched {actual} rows instead of {expected}")]
    RowsAffected {
        /// The table.
        table: &'static str,
        /// How many it must touch.
        expected: u64,
        /// How many it did.
        actual: u64,
    },
    /// The database has not been set up, or by another version of this program.
    #[error("{0}")]
    Schema(String),
    /// The address of the database asks for something that this program, or the server, cannot do.
    #[error("{0}")]
    Unsupported(String),
    /// The database cannot be reached or is shutting down; the same call may succeed later.
    #[error("the database cannot be reached: {0}")]
    Unavailable(String),
    /// The database said no in a way that has no case of its own.
    #[error("the database refused: {0}")]
    Driver(String),
}

impl StoreError {
    /// Returns whether the same call may succeed later, without anything being changed.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unavailable(_) => true,
            Self::Conflict { .. }
            | Self::Stale { .. }
            | Self::Busy { .. }
            | Self::Fenced { .. }
            | Self::DataLoadFenced { .. }
            | Self::Inconsistent { .. }
            | Self::RowsAffected { .. }
            | Self::Schema(_)
            | Self::Unsupported(_)
            | Self::Driver(_) => false,
        }
    }
}
