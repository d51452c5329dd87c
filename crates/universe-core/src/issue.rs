//! Findings about source data, kept as values: never a panic, never silently believed.

use serde::{Deserialize, Serialize};

/// One thing that is wrong with source data, and where.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Issue {
    /// The file (or address) that was read.
    pub file: String,
    /// The line or row in it, counted from 1 with the header; `None` when the whole file is meant.
    pub line: Option<u64>,
    /// The symbol as the source writes it, where the row has one.
    pub symbol: Option<String>,
    /// What is wrong and what was done about it, as a sentence for a person.
    pub reason: String,
}
