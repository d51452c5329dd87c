//! Why a run or a load could not be done.

use std::path::PathBuf;

use jiff::civil::Date;
use universe_core::{NotASession, UniverseId};
use universe_feeds::FeedError;
use universe_store::StoreError;

/// Why a run came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// The day asked for is none on which the exchange was open.
    #[error(transparent)]
    NotASession(#[from] NotASession),
    /// There is nothing to synchronize.
    #[error("there are no prices yet")]
    NoPrices,
    /// A newer session was synchronized already.
    #[error("{session} cannot be synchronized, because {last} has been already: sessions follow one another")]
    OutOfOrder {
        /// The session asked for.
        session: Date,
        /// The newest one that was synchronized.
        last: Date,
    },
    /// A correction of what is no past yet.
    #[error(
        "{day} is no past: the newest session is {session}, and who is a member from it on is decided by the rule, a list \
         or `universe override`"
    )]
    NotPast {
        /// The day that the correction begins on.
        day: Date,
        /// The newest session that was synchronized.
        session: Date,
    },
    /// A correction of days of which nothing is recorded.
    #[error("nothing is recorded of {universe} before {since}: a history that begins earlier has to be imported")]
    BeforeRecord {
        /// The universe.
        universe: UniverseId,
        /// The first session of which something is recorded.
        since: Date,
    },
    /// The state or the market could not be read.
    #[error("could not observe the market")]
    Observe(#[source] StoreError),
    /// Somebody asked for the run to stop.
    #[error("cancelled; nothing was changed")]
    Cancelled,
    /// The run is another process's by now, or was ended by one.
    #[error("the run is not this process's any more")]
    Lost(#[source] StoreError),
    /// The rules that it should have gone by cannot be read.
    #[error("the rules cannot be used: {0}")]
    Rules(String),
    /// The plan could not be written; nothing of it was.
    #[error("could not apply the plan; nothing was changed")]
    Apply(#[source] StoreError),
}

/// Why a load came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file was refused as a whole.
    #[error(transparent)]
    Feed(#[from] FeedError),
    /// What was read could not be written; nothing of it was.
    #[error("could not store what {file} says; nothing of it was stored")]
    Store {
        /// The file.
        file: PathBuf,
        /// Why.
        source: StoreError,
    },
    /// The universe of an imported list could not be brought up to date.
    #[error("the list was stored, but its universe could not be brought up to date")]
    Sync(#[from] SyncError),
}
