//! What reading a file hands back.

use universe_core::Issue;

/// What was read from a file, and what was wrong with it.
#[derive(Clone, Debug, PartialEq)]
pub struct Read<T> {
    /// What the file says, as far as it could be believed.
    pub value: T,
    /// How many data rows were read, the bad ones among them.
    pub rows: u64,
    /// What was wrong, in the order of the lines; at most [`ISSUES_MAX`](crate::ISSUES_MAX) and one that
    /// counts the rest.
    pub issues: Vec<Issue>,
}
