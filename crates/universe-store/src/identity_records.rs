//! Symbol changes as they are kept.

use jiff::Timestamp;
use serde::Serialize;
use universe_core::identity::SymbolChange;

/// A symbol change, and who says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SymbolChangeRecord {
    /// What it says.
    #[serde(flatten)]
    pub change: SymbolChange,
    /// The table that says so, or [`SymbolChangeRecord::DETECTED`].
    pub source: String,
    /// When it was recorded.
    pub recorded_at: Timestamp,
}

impl SymbolChangeRecord {
    /// The source of what was found by comparing snapshots; every table wins over it.
    pub const DETECTED: &'static str = "detected";
}
