//! What sources say of an index, as it is kept.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use universe_core::constituents::ConstituentRecord;

/// How many sources had to agree where a row does not say; what imports ask for by default.
const QUORUM_DEFAULT: usize = 2;

/// What a source says of the history of a universe, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptSource {
    /// What it says.
    pub record: ConstituentRecord,
    /// How many sources had to agree when it was imported.
    pub quorum: usize,
    /// Whether the source is no more, so that its silence is no news.
    pub has_ended: bool,
    /// When it was imported.
    pub loaded_at: Timestamp,
}

/// The content of a row: the record, and beside its fields how it was imported.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SourceContent {
    #[serde(flatten)]
    record: ConstituentRecord,
    #[serde(default = "quorum_default")]
    quorum: usize,
    #[serde(default)]
    has_ended: bool,
}

impl KeptSource {
    /// Returns what is written of it beside its keys and its instant.
    pub(crate) fn content(&self) -> SourceContent {
        SourceContent { record: self.record.clone(), quorum: self.quorum, has_ended: self.has_ended }
    }
}

impl SourceContent {
    /// Returns what was kept at an instant.
    pub(crate) fn kept(self, loaded_at: Timestamp) -> KeptSource {
        KeptSource { record: self.record, quorum: self.quorum, has_ended: self.has_ended, loaded_at }
    }
}

const fn quorum_default() -> usize {
    QUORUM_DEFAULT
}
