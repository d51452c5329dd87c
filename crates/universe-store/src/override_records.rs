//! Members that are put in or left out by hand, and changes that were announced, as they are kept.

use jiff::Timestamp;
use serde::Serialize;
use universe_core::state::Override;
use uuid::Uuid;

/// Somebody's word about a member, as it is kept; nothing about it changes but that it is withdrawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OverrideRecord {
    /// Its id.
    pub override_id: Uuid,
    /// What it says.
    pub content: Override,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// When it was withdrawn, and by whom.
    pub withdrawn: Option<Withdrawal>,
}

/// That a word was withdrawn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Withdrawal {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
}
