//! How a database is, for whoever looks after it.

use jiff::Timestamp;
use serde::Serialize;

/// What a database says of itself, set up or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VitalSigns {
    /// The version of the server or library, as it says it.
    pub version: String,
    /// The server's clock; `None` for a file.
    pub now: Option<Timestamp>,
    /// Whether writes are refused: a standby, or a server that is set so.
    pub is_read_only: bool,
    /// How large the database is.
    pub bytes: u64,
    /// How a file is journaled; `None` for a server.
    pub journal: Option<String>,
    /// The leases that somebody holds, expired ones too, by name.
    pub leases: Vec<LeaseHeld>,
}

/// A lease that somebody holds or has let expire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeaseHeld {
    /// Its name.
    pub name: String,
    /// Who holds it: the number of a process, a slash, and what tells it from another of that number.
    pub holder: String,
    /// When it expires, or expired.
    pub expires_at: Timestamp,
}
