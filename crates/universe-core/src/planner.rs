//! The planner: from an observation, the rules and the last state to a [`Plan`], one named step at a time.
//!
//! It is pure: the same inputs give the same plan to the byte, in whatever order listings or files came.
//! Steps compute what each universe should be; [`Planner::finish`] compares that with what is, finds the
//! reason for every listing that comes or goes, and holds back what changes too much.

mod attribute;
mod evaluate;
pub mod explain;
mod finish;
mod numbering;
mod overrides;
mod renaming;
mod repair;
mod restore;
mod share_class;
mod steps;

use std::collections::{BTreeMap, BTreeSet};

use crate::market::{MarketCondition, MarketSession};
use crate::plan::{Basis, Mode, Plan, Rebalance, Step, StepReport, StepStatus};
use crate::rule::{Naming, Rule, RuleSet};
use crate::state::State;
use crate::{Category, Observation, Symbol, UniverseId, Usd};
pub use evaluate::{category_of_key, title_of_key};
use numbering::Numbering;
pub use repair::{DamagedEntry, Standing, plan_repair};
pub(crate) use share_class::{company_and_class, company_words};

pub use restore::{Wanted, WantedMembers, deciding_rule, is_ordered_daily, order_members, plan_restore};

/// A listing counts as delisted after being missing from so many full snapshots in a row.
///
/// Of all absences 92 % return; after ten sessions 6 % of the verdicts are still wrong, and twenty sessions
/// lower that to 5 % only (measured on 1,388 sessions).
pub const DELISTED_AFTER_ABSENCES: u16 = 10;

/// A recorded market cap is rewritten when it moved by more than this share (contract, section 3).
const CAP_MOVED_SHARE: f64 = 0.05;

/// More than this share of market caps that cannot be calculated raises an alert (contract, section 3).
const CALCULATION_FAILURES_SHARE: f64 = 0.10;

/// So many delistings in one universe are held when they pass the limit of its rule; fewer are made at once.
///
/// A delisting is evidence about one listing, and waits for nobody; five of them in a fifth of a universe
/// are a fault of the source until somebody looked.
const DELISTINGS_HELD_MIN: usize = 5;

/// A listing is a recent public offering for so many days (contract, section 3).
const OFFERING_DAYS: i32 = 30;

/// How many names a note lists before it says "and so many more".
const NOTE_NAMES_MAX: usize = 8;

/// What a run is asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The part of the work.
    pub mode: Mode,
    /// What happens to universes that nothing defines.
    pub undefined: Undefined,
    /// What happens to changes that are too large.
    pub holds: Holds,
}

/// What happens to universes that no rule and no import defines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undefined {
    /// They are retired, their history kept.
    Retire,
    /// They stay.
    Preserve,
}

/// What happens to changes that pass a rule's limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holds {
    /// They wait for approval.
    Wait,
    /// They are made, and the alert is raised all the same.
    Release,
    /// Those of these universes are made, because somebody approved them; the others wait.
    ReleaseOnly(BTreeSet<UniverseId>),
}

/// A plan in the making.
pub struct Planner<'a> {
    observation: &'a Observation,
    rules: &'a RuleSet,
    state: &'a State,
    request: Request,
    numbering: Numbering<'a>,
    before: BTreeMap<UniverseId, Vec<u32>>,
    caps: Vec<Option<Usd>>,
    caps_moved: Vec<u32>,
    listed: Vec<bool>,
    /// The listings that go on under another symbol, and that symbol's.
    renamed: BTreeMap<u32, u32>,
    /// The symbols that stand for other listings than at the last run, and the symbols under which those go on.
    taken_over: BTreeMap<u32, Option<u32>>,
    figures: Option<MarketSession>,
    market: Option<MarketCondition>,
    targets: BTreeMap<UniverseId, Target>,
    undefined: BTreeSet<UniverseId>,
    reports: Vec<StepReport>,
    alerts: Vec<crate::plan::Alert>,
    /// Why members are put in their place, past the rules.
    cause: Option<crate::plan::Cause>,
}

/// What a universe should be.
struct Target {
    naming: Naming,
    category: Category,
    rule: String,
    rule_version: String,
    mirrors: Vec<String>,
    basis: Basis,
    is_ranked: bool,
    members: Vec<u32>,
    /// Ranks by listing, shared by the universes of a family; zero where there is none.
    ranks: Option<std::sync::Arc<Vec<u32>>>,
    /// Listings that the rule does not even look at are told from those that it turned down.
    eligible: Option<std::sync::Arc<Vec<bool>>>,
    is_reconstituted: bool,
    change_limit: Option<crate::rule::ChangeLimit>,
    rebalance: Option<Rebalance>,
}

/// Plans a whole run.
#[must_use]
pub fn plan(observation: &Observation, rules: &RuleSet, state: &State, request: Request) -> Plan {
    let mut planner = Planner::new(observation, rules, state, request);
    for step in Step::ALL {
        planner.take(step);
    }
    planner.finish()
}

/// Plans that some universes take up the lists that were imported for them, and nothing else.
///
/// Somebody who loads a list means it: nothing is held back.
#[must_use]
pub fn plan_imports(observation: &Observation, rules: &RuleSet, state: &State, ids: &BTreeSet<UniverseId>) -> Plan {
    let request = Request { mode: Mode::MarketCap, undefined: Undefined::Preserve, holds: Holds::Release };
    let mut planner = Planner::new(observation, rules, state, request);
    planner.take_imports(ids);
    planner.finish()
}

impl<'a> Planner<'a> {
    /// Looks at the inputs.
    #[must_use]
    pub fn new(observation: &'a Observation, rules: &'a RuleSet, state: &'a State, request: Request) -> Self {
        let mut planner = Self::of_recorded(observation, rules, state, request);
        planner.follow_renamings();
        planner
    }

    /// Looks at the inputs, and takes every symbol for what is recorded under it.
    fn of_recorded(observation: &'a Observation, rules: &'a RuleSet, state: &'a State, request: Request) -> Self {
        let mut numbering = Numbering::new(observation);
        let mut before = BTreeMap::new();
        for (id, universe) in &state.universes {
            let members: Vec<u32> = universe.members.iter().map(|symbol| numbering.take(symbol)).collect();
            // What another program wrote has no intervals: a universe that takes its place starts anew.
            before.insert(id.clone(), if universe.rule.is_some() { members } else { Vec::new() });
        }
        let imported = state.imports.values().flat_map(|list| &list.symbols);
        let imported = imported.chain(state.overrides.iter().map(|entry| &entry.symbol));
        for symbol in imported.chain(rules.rules.iter().flat_map(|rule| rule.listed_symbols())) {
            numbering.take(symbol);
        }
        let figures = state.market.iter().rev().find(|figures| figures.session == observation.session).copied();
        let earlier: Vec<MarketSession> =
            state.market.iter().filter(|figures| figures.session < observation.session).copied().collect();
        let figures =
            figures.or_else(|| MarketSession::compute(observation.session, observation.returns.clone(), &earlier));
        Self {
            listed: steps::listed(observation),
            caps: steps::caps(observation),
            market: figures.map(|figures| MarketCondition::tell(figures, &earlier)),
            figures,
            numbering,
            before,
            caps_moved: Vec::new(),
            renamed: BTreeMap::new(),
            taken_over: BTreeMap::new(),
            targets: BTreeMap::new(),
            undefined: BTreeSet::new(),
            reports: Vec::new(),
            alerts: Vec::new(),
            cause: None,
            observation,
            rules,
            state,
            request,
        }
    }

    /// Takes one step; steps must be taken in their order.
    ///
    /// A step that fails leaves its universes as they were and says so in its report.
    pub fn take(&mut self, step: Step) {
        let mut report = StepReport { step, status: StepStatus::Success, changes: 0, notes: Vec::new(), error: None };
        if self.request.mode.takes(step) {
            let result = match step {
                Step::MarketCapRecalculation => self.market_cap_recalculation(&mut report.notes),
                Step::IpoAssignment => self.ipo_assignment(&mut report.notes),
                Step::DelistedCleanup => {
                    self.delisted_cleanup(&mut report.notes);
                    Ok(())
                }
                Step::ThemeRebalancing => self.theme_rebalancing(&mut report.notes),
                Step::Notifications => Ok(()),
            };
            if let Err(failure) = result {
                report.status = StepStatus::Failed;
                report.error = Some(failure.to_string());
            }
        } else {
            report.status = StepStatus::Skipped;
        }
        self.reports.push(report);
    }

    /// Whether a listing is on the market as of the session; symbols that nothing is known about may be.
    fn is_listed(&self, listing: u32) -> bool {
        self.listed.get(listing as usize).copied().unwrap_or(true)
    }

    fn is_recent_offering(&self, listing: u32) -> bool {
        let listing = listing as usize;
        listing < self.observation.len()
            && self.listed[listing]
            && self.observation.listing_age_days(listing).is_some_and(|days| (0..=OFFERING_DAYS).contains(&days))
    }

    fn rule(&self, name: &str) -> Option<&'a Rule> {
        self.rules.rules.iter().find(|rule| rule.name == name)
    }
}

/// Lists names for a note: "A, B, C and 5 more".
fn name_some<'n>(names: impl ExactSizeIterator<Item = &'n Symbol>) -> String {
    let more = names.len().saturating_sub(NOTE_NAMES_MAX);
    let shown: Vec<&str> = names.take(NOTE_NAMES_MAX).map(Symbol::as_str).collect();
    let shown = shown.join(", ");
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}

#[cfg(test)]
mod tests;
