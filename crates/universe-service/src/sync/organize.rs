//! A whole run seen from the side of the entries: built, rebuilt, and replaced only with consent.
//!
//! It is the run that [`super::sync`] makes. Beside that it looks at the entries themselves, so that one that
//! somebody else changed is built again, and asks before it removes or replaces any.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use universe_core::UniverseId;
use universe_core::plan::{Action, Alert, Plan, Step};
use universe_core::rule::RuleSet;
use universe_core::state::State;
use universe_store::Store;

use super::{Progress, SyncOutcome, SyncRequest, Watch, synchronize};
use crate::{Ambient, SyncError, damaged_entries};

/// What a plan takes away from readers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Universes that go, because no rule and no import defines them.
    pub deleted: Vec<UniverseId>,
    /// Entries of other programs in whose place universes of our own come.
    pub replaced: Vec<UniverseId>,
}

impl Losses {
    /// Returns whether nothing is taken away.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.deleted.is_empty() && self.replaced.is_empty()
    }
}

/// Asked before a plan is written that takes something away; what it answers is done.
pub type Consent<'a> = &'a (dyn Fn(&Losses) -> bool + Send + Sync);

/// Builds every universe from the rules and imports, and builds again the entries that are not as they should be.
///
/// # Errors
/// As for [`super::sync`]; [`SyncError::Cancelled`] when `consent` refuses, and nothing has been written then.
pub async fn organize(
    store: &dyn Store,
    rules: &RuleSet,
    request: &SyncRequest,
    ambient: &dyn Ambient,
    progress: Progress<'_>,
    consent: Consent<'_>,
) -> Result<SyncOutcome, SyncError> {
    let facts = store.integrity_read(&request.environment).await.map_err(SyncError::Observe)?;
    let watch = Organizing { progress, consent, damaged: damaged_entries(&facts, rules), foreign: Mutex::default() };
    drop(facts);
    synchronize(store, rules, request, None, ambient, &watch).await
}

struct Organizing<'a> {
    progress: Progress<'a>,
    consent: Consent<'a>,
    /// The universes whose entries are not as they should be.
    damaged: BTreeSet<UniverseId>,
    /// The entries of other programs in the state that the run starts from.
    foreign: Mutex<BTreeSet<UniverseId>>,
}

#[async_trait]
impl Watch for Organizing<'_> {
    async fn before(&self, step: Option<Step>, done: usize) -> Result<(), SyncError> {
        if let Some(step) = step {
            (self.progress)(step, done);
        }
        Ok(())
    }

    async fn alerts(&self) -> Vec<Alert> {
        Vec::new()
    }

    fn started(&self, state: &mut State) {
        for id in &self.damaged {
            if let Some(universe) = state.universes.get_mut(id) {
                universe.entry_is_intact = false;
            }
        }
        let foreign = state.universes.iter().filter(|(_, universe)| universe.rule.is_none()).map(|(id, _)| id.clone());
        *self.foreign.lock().unwrap_or_else(PoisonError::into_inner) = foreign.collect();
    }

    fn permit(&self, plan: &Plan) -> Result<(), SyncError> {
        let losses = losses(plan, &self.foreign.lock().unwrap_or_else(PoisonError::into_inner));
        if losses.is_empty() || (self.consent)(&losses) { Ok(()) } else { Err(SyncError::Cancelled) }
    }
}

fn losses(plan: &Plan, foreign: &BTreeSet<UniverseId>) -> Losses {
    let mut losses = Losses::default();
    for universe in &plan.universes {
        if universe.action == Action::Retired {
            losses.deleted.push(universe.id.clone());
        } else if foreign.contains(&universe.id) {
            losses.replaced.push(universe.id.clone());
        }
        let copies = universe.mirrors.iter().map(|key| UniverseId::from_stored(universe.id.universe_type, key));
        losses.replaced.extend(copies.filter(|copy| foreign.contains(copy)));
    }
    losses
}
