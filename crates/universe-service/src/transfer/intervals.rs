//! Every interval of membership, one universe after the other.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::Date;
use universe_core::expression::SetExpression;
use universe_core::rule::RuleSet;
use universe_core::{UniverseId, session_on_or_before};
use universe_store::{MembershipRecord, RunVersion, Store};
use uuid::Uuid;

use super::{Selection, all};
use crate::known::Known;
use crate::{Ambient, LookupError, new_york_date, resolve};

/// The intervals of some universes, which are read one universe at a time: memory holds one of them.
pub struct Intervals<'s> {
    store: &'s dyn Store,
    environment: String,
    known_at: Option<Timestamp>,
    /// Every run, in order of their numbers.
    runs: Vec<RunVersion>,
    /// The universes, in order of address.
    pub universes: Vec<UniverseId>,
    /// The newest session that was synchronized: the last day of what lasts.
    pub last_session: Option<Date>,
    /// The sessions that were synchronized, as far as is known.
    synchronized: BTreeSet<Date>,
}

/// One interval, with the runs that opened and closed it.
#[derive(Clone, Debug, PartialEq)]
pub struct IntervalRow {
    /// The interval as it is stored, or as it was known.
    pub interval: MembershipRecord,
    /// The run that opened it.
    pub opened_run: Option<Uuid>,
    /// The run that closed it.
    pub closed_run: Option<Uuid>,
}

/// Begins to read the intervals of universes; of all that ever were, where none is named.
///
/// # Errors
/// When a universe is unknown, several are combined, or the store fails.
pub async fn interval_export<'s>(
    store: &'s dyn Store,
    rules: &RuleSet,
    selection: &Selection,
    ambient: &dyn Ambient,
) -> Result<Intervals<'s>, LookupError> {
    let environment = selection.environment.clone();
    let failed = |source| LookupError::Store { asked: "the universes".to_owned(), source };
    let today = session_on_or_before(new_york_date(ambient.now()));
    let state = store.state_read(&environment, today).await.map_err(failed)?;
    let versions = store.version_list(&environment).await.map_err(failed)?;
    let everything = all(&state, true);
    let mut universes = Vec::new();
    for text in &selection.universes {
        let SetExpression::Universe(address) = SetExpression::parse(text)? else {
            return Err(LookupError::Unknown {
                asked: text.clone(),
                hint: ": a combination has members, but no intervals; name its universes one by one".to_owned(),
            });
        };
        let id = resolve(&address, &everything, rules)?;
        if !everything.contains(&id) {
            let hint = "; `universe list` shows them all".to_owned();
            return Err(LookupError::Unknown { asked: id.to_string(), hint });
        }
        universes.push(id);
    }
    if selection.universes.is_empty() {
        universes = everything;
    }
    universes.sort();
    universes.dedup();
    let is_known = |version: &&RunVersion| selection.known_at.is_none_or(|known_at| version.recorded_at <= known_at);
    let is_version = |version: &&RunVersion| {
        !version.dry_run && !matches!(version.status.as_str(), "failed" | "cancelled") && is_known(version)
    };
    let synchronized: BTreeSet<Date> =
        versions.iter().filter(is_version).filter_map(|version| version.session).collect();
    let last_session = if selection.known_at.is_some() { synchronized.last().copied() } else { state.last_session };
    Ok(Intervals {
        store,
        environment,
        known_at: selection.known_at,
        runs: versions,
        universes,
        last_session,
        synchronized,
    })
}

impl Intervals<'_> {
    /// Returns whether the members of a session are those of that very session, and not carried over a gap.
    ///
    /// Before the first run only imported histories answer, which name the day themselves.
    #[must_use]
    pub fn is_point_in_time(&self, session: Date) -> bool {
        self.synchronized.first().is_none_or(|first| session < *first) || self.synchronized.contains(&session)
    }

    /// Reads the intervals of one universe, in order of symbol and time, as they were known.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn of(&self, id: &UniverseId) -> Result<Vec<IntervalRow>, LookupError> {
        let failed = |source| LookupError::Store { asked: id.to_string(), source };
        let intervals = self.store.membership_list(&self.environment, Some(id), None).await.map_err(failed)?;
        let known = Known::at(&self.runs, self.known_at);
        let row = |interval: MembershipRecord| {
            let interval = known.interval(interval)?;
            let id = |number| known.version(number).map(|version| version.run_id);
            let (opened_run, closed_run) = (id(interval.opened_run), interval.closed_run.and_then(id));
            Some(IntervalRow { opened_run, closed_run, interval })
        };
        let mut rows: Vec<IntervalRow> = intervals.into_iter().filter_map(row).collect();
        rows.sort_by(|a, b| {
            let key = |row: &IntervalRow| (row.interval.valid_from, row.interval.opened_run);
            a.interval.symbol.cmp(&b.interval.symbol).then_with(|| key(a).cmp(&key(b)))
        });
        Ok(rows)
    }
}
