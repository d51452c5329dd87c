//! What restorations and corrections tell of themselves, in the same words on the command line and over HTTP.

use jiff::civil::Date;
use serde::Serialize;
use universe_core::plan::{Action, Change, PastChange, Plan};
use universe_core::{Symbol, UniverseId, UniverseType};
use uuid::Uuid;

use crate::{Restored, SyncOutcome};

/// What became of a restoration, or would.
#[derive(Clone, Debug, Serialize)]
pub struct RestoredTold {
    /// The run; `None` where nothing was written.
    pub job_id: Option<Uuid>,
    /// The session as of which the members were restored.
    pub session: Date,
    /// Whether nothing was to be written.
    pub dry_run: bool,
    /// Whether something was.
    pub written: bool,
    /// What was restored.
    pub cause: Option<String>,
    /// How many members came and went.
    pub total_changes: usize,
    /// The version of the memberships that this was found for, before it was made.
    pub base_version: u64,
    /// The universes that change, in order of address.
    pub universes: Vec<RestoredUniverse>,
    /// What a person should know about it.
    pub remarks: Vec<String>,
}

/// What becomes of one universe.
#[derive(Clone, Debug, Serialize)]
pub struct RestoredUniverse {
    /// Its type.
    #[serde(rename = "type")]
    pub universe_type: UniverseType,
    /// Its key.
    pub key: String,
    /// What happens to it.
    pub action: Action,
    /// How many members it had.
    pub count_before: usize,
    /// How many it has then.
    pub count: usize,
    /// Who comes.
    pub added: Vec<Symbol>,
    /// Who goes.
    pub removed: Vec<Symbol>,
}

impl Restored {
    /// Says what became of it; `is_dry_run` is whether nothing was to be written.
    #[must_use]
    pub fn told(&self, is_dry_run: bool) -> RestoredTold {
        let plan = &self.outcome.plan;
        let universe = |universe: &universe_core::plan::UniversePlan| RestoredUniverse {
            universe_type: universe.id.universe_type,
            key: universe.id.key().to_owned(),
            action: universe.action,
            count_before: universe.count_before,
            count: universe.members.len(),
            added: symbols(plan, &universe.added),
            removed: symbols(plan, &universe.removed),
        };
        RestoredTold {
            job_id: self.outcome.was_written.then_some(self.outcome.run.run_id),
            session: plan.session,
            dry_run: is_dry_run,
            written: self.outcome.was_written,
            cause: plan.cause.as_ref().map(ToString::to_string),
            total_changes: plan.total_changes(),
            base_version: plan.base_version,
            universes: plan.universes.iter().map(universe).collect(),
            remarks: self.outcome.remarks.clone(),
        }
    }
}

fn symbols(plan: &Plan, changes: &[Change]) -> Vec<Symbol> {
    changes.iter().map(|change| plan.symbol(change.listing).clone()).collect()
}

/// What became of a correction, or would.
#[derive(Clone, Debug, Serialize)]
pub struct CorrectionTold {
    /// The run; `None` where nothing was written.
    pub job_id: Option<Uuid>,
    /// The universe.
    pub universe: UniverseId,
    /// The symbol.
    pub symbol: Symbol,
    /// Whether nothing was to be written.
    pub dry_run: bool,
    /// Whether something was.
    pub written: bool,
    /// The recorded intervals that answer no longer.
    pub superseded: Vec<IntervalTold>,
    /// Those that answer instead.
    pub added: Vec<IntervalTold>,
}

/// An interval of sessions, half-open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct IntervalTold {
    /// The first session.
    pub from: Date,
    /// The first session no longer; `None` while it lasts.
    pub until: Option<Date>,
}

impl CorrectionTold {
    /// Says what became of a correction; `is_dry_run` is whether nothing was to be written.
    #[must_use]
    pub fn of(outcome: &SyncOutcome, universe: &UniverseId, symbol: &Symbol, is_dry_run: bool) -> Self {
        let past: &[PastChange] = &outcome.plan.past;
        let told = |from, until| IntervalTold { from, until };
        let superseded = past.iter().flat_map(|change| &change.superseded).map(|i| told(i.valid_from, i.valid_to));
        let added = past.iter().flat_map(|change| &change.intervals).map(|i| told(i.valid_from, i.valid_to));
        Self {
            job_id: outcome.was_written.then_some(outcome.run.run_id),
            universe: universe.clone(),
            symbol: symbol.clone(),
            dry_run: is_dry_run,
            written: outcome.was_written,
            superseded: superseded.collect(),
            added: added.collect(),
        }
    }
}
