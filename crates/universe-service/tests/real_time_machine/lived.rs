//! Sessions loaded and synchronized one after the other, and what was answered after each.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::PathBuf;

use jiff::Timestamp;
use jiff::civil::Date;
use universe_core::plan::Mode;
use universe_core::planner::{Holds, Request, Undefined};
use universe_core::rule::RuleSet;
use universe_core::{Symbol, UniverseId};
use universe_service::{Ambient as _, SyncOutcome, SyncRequest, Writing, load_snapshots, sync};
use universe_store::Store;
use universe_testkit::ManualAmbient;

pub(crate) const ENVIRONMENT: &str = "DEFAULT";

/// One session, and what was known when it was over.
#[derive(Clone, Debug)]
pub(crate) struct Lived {
    pub(crate) session: Date,
    /// An instant after the run.
    pub(crate) at: Timestamp,
    /// The universes that the run held back.
    pub(crate) held: BTreeSet<UniverseId>,
    /// A digest of the members of every universe, as they were answered then.
    pub(crate) answers: BTreeMap<UniverseId, u64>,
}

pub(crate) fn request(session: Option<Date>, holds: Holds) -> SyncRequest {
    SyncRequest {
        environment: ENVIRONMENT.to_owned(),
        session,
        request: Request { mode: Mode::Full, undefined: Undefined::Retire, holds },
        triggered_by: "cli".to_owned(),
        writing: Writing::Apply,
    }
}

/// Loads and synchronizes one session, and asks for everything.
pub(crate) async fn live(
    store: &dyn Store,
    rules: &RuleSet,
    file: &PathBuf,
    session: Date,
    holds: Holds,
    ambient: &ManualAmbient,
) -> Lived {
    let files = std::slice::from_ref(file);
    load_snapshots(store, files, Some(session), Some(session), ambient, &|_| {}).await.expect("loaded");
    let outcome: SyncOutcome =
        sync(store, rules, &request(Some(session), holds), ambient, &|_, _| {}).await.expect("synchronized");
    let held = outcome.plan.held_universes().map(|(universe, _)| universe.id.clone()).collect();
    let mut answers = BTreeMap::new();
    for universe in store.universe_list(ENVIRONMENT).await.expect("listed") {
        let entry = store.entry_find(ENVIRONMENT, &universe.id).await.expect("read").expect("there");
        answers.insert(universe.id, digest(&entry.symbols.into_iter().collect()));
    }
    Lived { session, at: ambient.now(), held, answers }
}

/// Returns the members of a universe as of a session, as they were known at an instant.
pub(crate) async fn members(
    store: &dyn Store,
    id: &UniverseId,
    as_of: Option<Date>,
    known_at: Option<Timestamp>,
) -> BTreeSet<Symbol> {
    let found = store.member_list(ENVIRONMENT, id, as_of, known_at).await.expect("read");
    found.into_iter().flat_map(|found| found.members).map(|member| member.symbol).collect()
}

pub(crate) fn digest(members: &BTreeSet<Symbol>) -> u64 {
    // Always with the same keys, so that digests can be compared.
    let mut hasher = DefaultHasher::new();
    members.hash(&mut hasher);
    hasher.finish()
}
