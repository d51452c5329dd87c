//! Why a file was refused as a whole; a fault of a single row is an [`Issue`](universe_core::Issue) instead.

use std::io;
use std::path::PathBuf;

use jiff::civil::Date;
use universe_core::NotASession;

/// A file that was refused whole: nothing of it may be used.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The file could not be opened.
    #[error("cannot open {}; check the path and the permissions", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The file could be opened but not read to its end.
    #[error("cannot read {} to its end; check the disk and try again", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// There is nothing in the file.
    #[error("{} is empty; fetch it again", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The file ends in the middle of something.
    #[error("{} is truncated: {detail}; fetch it again", path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Where it ends and why that cannot be its end.
        detail: String,
    },
    /// The bytes are not what the file's beginning promises.
    #[error("{} is damaged or of another kind: {detail}; fetch it again, or check that it is the right file", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found, and where.
        detail: String,
    },
    /// A text file is not UTF-8.
    #[error("{} is not UTF-8: line {line}, byte {byte}; save it as UTF-8 (iconv -t UTF-8)", path.display())]
    Encoding {
        /// The file.
        path: PathBuf,
        /// The first line that is not UTF-8, from 1.
        line: u64,
        /// The first byte of that line that is not UTF-8, from 1.
        byte: usize,
    },
    /// The file is larger than anything of its kind.
    #[error("{} holds more than {limit}; no file of this kind is so large, check what it is", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit that was passed, with its unit.
        limit: String,
    },
    /// A column that is needed is not there, or stands there twice.
    #[error("{} has the wrong columns: {detail}; found {}", path.display(), list(found))]
    Columns {
        /// The file.
        path: PathBuf,
        /// What is wrong (`missing symbol, marketCap`).
        detail: String,
        /// The columns that it has.
        found: Vec<String>,
    },
    /// The file has the right shape and no usable row.
    #[error("{} has no usable row: {detail}; fetch it again", path.display())]
    NoRows {
        /// The file.
        path: PathBuf,
        /// What is there instead.
        detail: String,
    },
    /// Nothing says which session the file describes.
    #[error("{} does not say which session it describes ({detail}); pass --as-of YYYY-MM-DD", path.display())]
    NoSession {
        /// The file.
        path: PathBuf,
        /// What was looked for in its name.
        detail: &'static str,
    },
    /// The day that the file describes, or that was asked for, is no session.
    #[error("{} cannot be loaded for {}; pass the session that it describes as --as-of", path.display(), source.date)]
    NotASession {
        /// The file.
        path: PathBuf,
        /// What the calendar says.
        source: NotASession,
    },
    /// The files hold nothing of the days that were asked for.
    #[error("{} holds no snapshot {wanted}; it covers {first} to {last}", path.display())]
    NoSnapshot {
        /// The first of the files.
        path: PathBuf,
        /// The days that were asked for, as a phrase.
        wanted: String,
        /// The first day in any of the files.
        first: Date,
        /// The last day in any of the files.
        last: Date,
    },
    /// Rows are not in ascending order of their day, as reading session by session needs them.
    #[error("{} is not sorted by as_of: row {row} goes back to {date}; sort it and try again", path.display())]
    Unsorted {
        /// The file.
        path: PathBuf,
        /// The first row out of order, from 1.
        row: u64,
        /// Its day.
        date: Date,
    },
    /// Two files both hold snapshots of the same days.
    #[error("{} and {} both hold {date}; load one of them", path.display(), other.display())]
    Overlap {
        /// The file that begins first.
        path: PathBuf,
        /// The file that begins before the first one has ended.
        other: PathBuf,
        /// A day that may be in both.
        date: Date,
    },
}

impl FeedError {
    /// Tells whether the same call may succeed a little later without anybody doing anything.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Open { source, .. } | Self::Unreadable { source, .. } => matches!(
                source.kind(),
                io::ErrorKind::Interrupted
                    | io::ErrorKind::WouldBlock
                    | io::ErrorKind::TimedOut
                    | io::ErrorKind::ResourceBusy
                    | io::ErrorKind::StaleNetworkFileHandle
            ),
            Self::Empty { .. }
            | Self::Truncated { .. }
            | Self::Damaged { .. }
            | Self::Encoding { .. }
            | Self::TooLarge { .. }
            | Self::Columns { .. }
            | Self::NoRows { .. }
            | Self::NoSession { .. }
            | Self::NotASession { .. }
            | Self::NoSnapshot { .. }
            | Self::Unsorted { .. }
            | Self::Overlap { .. } => false,
        }
    }
}

/// Shows column names, and of very many only the first.
fn list(columns: &[String]) -> String {
    const SHOWN_MAX: usize = 20;
    if columns.is_empty() {
        return "none".to_owned();
    }
    let shown: Vec<String> = columns.iter().take(SHOWN_MAX).map(|name| crate::issue_log::shown(name)).collect();
    match columns.len().saturating_sub(SHOWN_MAX) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
