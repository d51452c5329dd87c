//! Memberships as they were known at an instant.

use jiff::Timestamp;
use universe_store::{MembershipRecord, RunVersion};

/// Returns memberships as they were known at an instant, or are known now; `versions` are in order of their numbers.
#[must_use]
pub fn as_known(
    rows: Vec<MembershipRecord>,
    versions: &[RunVersion],
    known_at: Option<Timestamp>,
) -> Vec<MembershipRecord> {
    let known = Known::at(versions, known_at);
    rows.into_iter().filter_map(|row| known.interval(row)).collect()
}

/// The runs that memberships name, as far as they are known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known<'v> {
    /// Every run, in order of their numbers.
    versions: &'v [RunVersion],
    /// The instant; what is known now when there is none.
    at: Option<Timestamp>,
}

impl<'v> Known<'v> {
    /// `versions` are in order of their numbers.
    pub(crate) const fn at(versions: &'v [RunVersion], at: Option<Timestamp>) -> Self {
        Self { versions, at }
    }

    /// Returns the run of a number.
    pub(crate) fn version(&self, number: i64) -> Option<&'v RunVersion> {
        let at = self.versions.binary_search_by_key(&number, |version| version.run_number);
        at.ok().map(|at| &self.versions[at])
    }

    /// Returns whether a run had ended by then.
    fn is_known(&self, number: i64) -> bool {
        self.at.is_none_or(|at| self.version(number).is_some_and(|version| version.recorded_at <= at))
    }

    /// Returns an interval as it was known: not at all before it was opened or once it was corrected, and open before
    /// it was closed.
    pub(crate) fn interval(&self, mut row: MembershipRecord) -> Option<MembershipRecord> {
        if !self.is_known(row.opened_run) || row.superseded_run.is_some_and(|run| self.is_known(run)) {
            return None;
        }
        row.superseded_run = None;
        if row.closed_run.is_some_and(|run| !self.is_known(run)) {
            (row.valid_to, row.closed_run, row.closed_reason) = (None, None, None);
            (row.closed_cap, row.closed_rank) = (None, None);
        }
        Some(row)
    }
}
