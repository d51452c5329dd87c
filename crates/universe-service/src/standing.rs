//! How far an answer can be trusted: which run it stands on, and what waits.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;
use universe_core::{UniverseId, sessions_between};
use universe_store::{RunRecord, Store, StoreError, TimelineRun};

/// What travels with every answer about members.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// Whether the members are those of the very session that the answer is for, and not the last that were known.
    pub is_point_in_time: bool,
    /// How many sessions lie between the one that was synchronized and the one asked about; `None` where no run goes
    /// so far back.
    pub source_age_sessions: Option<u32>,
    /// Whether a change of the members waited for approval.
    pub held: bool,
    /// How many listings were kept out because their data could not be believed.
    pub quarantined_count: u32,
}

/// The run that answers for a session stand on.
#[derive(Clone, Debug, Default)]
pub struct Footing {
    /// The session that it brought memberships to.
    pub session: Option<Date>,
    /// The addresses of the universes whose changes it held.
    held: Vec<String>,
}

impl Footing {
    /// Finds the run that answers for a session stand on, as known at an instant.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn find(
        store: &dyn Store,
        environment: &str,
        as_of: Option<Date>,
        known_at: Option<Timestamp>,
    ) -> Result<Self, StoreError> {
        let run = store.run_as_of(environment, as_of.unwrap_or(Date::MAX), known_at).await?;
        Ok(run.map(Self::of).unwrap_or_default())
    }

    /// Returns what answers that stand on a run say of it.
    pub(crate) fn of_run(run: &TimelineRun) -> Self {
        Self { session: run.session, held: run.held.clone() }
    }

    fn of(run: RunRecord) -> Self {
        let held = run.held.as_array().into_iter().flatten();
        let held = held.filter_map(|change| change["universe"].as_str().map(str::to_owned)).collect();
        Self { session: run.session, held }
    }

    /// Returns whether the run held a change of a universe.
    #[must_use]
    pub fn holds(&self, id: &UniverseId) -> bool {
        let address = id.to_string();
        self.held.contains(&address)
    }

    /// Says how an answer about universes stands: `as_of` is the session asked about, now when none is given, and
    /// `known_since` the first session of which anything is recorded.
    #[must_use]
    pub fn standing(&self, as_of: Option<Date>, known_since: Option<Date>, held: bool) -> Standing {
        let age = self.session.map(|source| as_of.map_or(0, |as_of| sessions_between(source, as_of)));
        let is_recorded = as_of.is_none_or(|as_of| known_since.is_some_and(|since| since <= as_of));
        Standing {
            // Before the first run only imported histories answer, which name the day themselves.
            is_point_in_time: is_recorded && age.is_none_or(|age| age == 0),
            source_age_sessions: age.map(|age| u32::try_from(age).unwrap_or(u32::MAX)),
            held,
            quarantined_count: 0,
        }
    }
}
