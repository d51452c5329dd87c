//! Runs as versions of the memberships.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;
use uuid::Uuid;

/// A run that has ended, as a version of the memberships: they stand as the runs up to this one left them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunVersion {
    /// Its number, by which memberships name the runs that opened and closed them.
    pub run_number: i64,
    /// Its id.
    pub run_id: Uuid,
    /// The session that it was about.
    pub session: Option<Date>,
    /// How it ended.
    pub status: String,
    /// When it is recorded to have ended.
    pub recorded_at: Timestamp,
    /// Whether it was to write nothing.
    pub dry_run: bool,
}
