//! Puts universes to what somebody says they are to be: as an earlier run left them, or as an export has them.
//!
//! Nothing is evaluated and nothing is held back: whoever restores means it. What a rule decides is decided by
//! it again in the next run; what a list decides gets the list that goes with its members.

use std::collections::BTreeSet;

use super::{Holds, Planner, Request, Target, Undefined};
use crate::plan::{Basis, Cause, ListChange, Mode, Plan, Reason, Step, StepReport, StepStatus};
use crate::rule::{Cadence, Definition, Membership, Naming, Rule, RuleSet};
use crate::state::{ImportedList, RuleMark, State};
use crate::{Category, Figures, Observation, Symbol, UniverseId};

/// What one universe is to be.
#[derive(Clone, Debug, PartialEq)]
pub enum Wanted {
    /// It has these members.
    Members(WantedMembers),
    /// It does not exist.
    Gone(UniverseId),
}

/// The members that a universe is to have, and what is said about it.
#[derive(Clone, Debug, PartialEq)]
pub struct WantedMembers {
    /// Its address.
    pub id: UniverseId,
    /// What people call it.
    pub name: String,
    /// What it groups by, where no rule says so.
    pub category: Category,
    /// The rule that chose the members; where a list decides, its version says where the list is from.
    pub rule: RuleMark,
    /// Whether the members are in order of rank.
    pub is_ranked: bool,
    /// The members, each once.
    pub members: Vec<Symbol>,
}

/// Plans that universes become what is wanted of them, and nothing else.
///
/// A universe that is so already is not among those of the plan. Members that a list decides are put in order
/// of symbol, as every run does it.
#[must_use]
pub fn plan_restore(
    observation: &Observation,
    rules: &RuleSet,
    state: &State,
    wanted: &[Wanted],
    cause: Cause,
) -> Plan {
    let request = Request { mode: Mode::MarketCap, undefined: Undefined::Preserve, holds: Holds::Release };
    let mut planner = Planner::of_recorded(observation, rules, state, request);
    let note = cause.to_string();
    planner.cause = Some(cause);
    let mut lists = Vec::new();
    for wanted in wanted {
        match wanted {
            Wanted::Members(wanted) => lists.extend(planner.want(wanted)),
            Wanted::Gone(id) => {
                if state.imports.contains_key(id) {
                    lists.push(ListChange { id: id.clone(), list: None });
                }
                if state.universes.contains_key(id) {
                    planner.undefined.insert(id.clone());
                }
            }
        }
    }
    planner.reports.push(StepReport {
        step: Step::MarketCapRecalculation,
        status: StepStatus::Success,
        changes: 0,
        notes: vec![note],
        error: None,
    });
    let mut plan = planner.finish();
    // What waits for approval still waits: nothing was evaluated that could have changed it.
    plan.held.clone_from(&state.held);
    plan.lists = lists;
    plan
}

/// Returns the rule that decides a universe; `None` where a list does, or nothing.
///
/// `made_by` is the name of the rule that made it last: groups define their universes only as values appear.
/// Where nobody knows, the key tells: `sector_energy` is one of the rule with the key `sector_{}`.
#[must_use]
pub fn deciding_rule<'r>(rules: &'r RuleSet, id: &UniverseId, made_by: Option<&str>) -> Option<&'r Rule> {
    let is_group = |rule: &&Rule| matches!(rule.definition, Definition::Groups(_));
    let groups = || rules.rules.iter().filter(is_group);
    let of_group = || match made_by {
        Some(name) => groups().find(|rule| rule.name == name),
        None => {
            groups().filter(|rule| rule.universe_type == id.universe_type).rev().max_by_key(|rule| literal(rule, id))
        }
    };
    let of_group = || of_group().filter(|rule| made_by.is_some() || literal(rule, id) > 0);
    rules.rule_of(id).or_else(of_group).filter(|rule| !is_imported(rule))
}

/// Returns how many letters of a key are the pattern's own; none where the key is not of that pattern.
fn literal(rule: &Rule, id: &UniverseId) -> usize {
    let Definition::Groups(groups) = &rule.definition else { return 0 };
    let Some((before, after)) = groups.key.split_once("{}") else { return 0 };
    let length = before.len() + after.len();
    let is_of_it = id.key().starts_with(before) && id.key().ends_with(after) && length < id.key().len();
    if is_of_it { length } else { 0 }
}

/// Puts members in the order that the rule of a universe gives them on an observation, the best first.
///
/// Those without a metric come last; ties are broken by symbol. Without a rule that ranks, the order is that of
/// symbols. Returns whether the rule ranks.
#[must_use]
pub fn order_members(observation: &Observation, rule: Option<&Rule>, members: &mut [Symbol]) -> bool {
    members.sort();
    let Some(rule) = rule.filter(|rule| ranks(rule)) else { return false };
    let caps = super::steps::caps(observation);
    let Ok(metric) = rule.metric.evaluate(Figures { observation, caps: &caps }) else { return true };
    let figure = |symbol: &Symbol| {
        let at = observation.symbol.binary_search(symbol).ok()?;
        metric[at]
    };
    // Stable, so that equal ones stay in order of symbol.
    members.sort_by(|a, b| match (figure(a), figure(b)) {
        (Some(a), Some(b)) => b.total_cmp(&a),
        (a, b) => b.is_some().cmp(&a.is_some()),
    });
    true
}

/// Returns whether every run puts the universes of a rule in the order of the figures of its session.
#[must_use]
pub fn is_ordered_daily(rule: &Rule) -> bool {
    let is_plain = match &rule.definition {
        Definition::Single(single) => {
            matches!(&single.membership, Membership::Screened { when, .. } if when.is_empty())
        }
        Definition::Bands(_) | Definition::Rankings(_) | Definition::Groups(_) => true,
    };
    is_plain && rule.cadence == Cadence::Daily && rule.buffer == 0.0 && ranks(rule)
}

/// Returns whether the universes of a rule are in order of rank.
fn ranks(rule: &Rule) -> bool {
    match &rule.definition {
        Definition::Rankings(_) => true,
        Definition::Groups(groups) => groups.count.is_some(),
        Definition::Bands(_) => false,
        Definition::Single(single) => match &single.membership {
            Membership::Screened { selection, when, .. } => {
                selection.count.is_some() || when.iter().any(|(_, selection)| selection.count.is_some())
            }
            Membership::Fixed(_) | Membership::Imported => false,
        },
    }
}

fn is_imported(rule: &Rule) -> bool {
    matches!(&rule.definition, Definition::Single(single) if single.membership == Membership::Imported)
}

impl<'a> Planner<'a> {
    /// Makes what is wanted of a universe its target; returns the list that goes with it, where that is another.
    fn want(&mut self, wanted: &'a WantedMembers) -> Option<ListChange> {
        let mut seen = BTreeSet::new();
        let mut members: Vec<u32> =
            wanted.members.iter().filter(|s| seen.insert(*s)).map(|s| self.numbering.take(s)).collect();
        let rule = deciding_rule(self.rules, &wanted.id, Some(&wanted.rule.name));
        let listing_rule = self.rules.rule_of(&wanted.id).filter(|rule| is_imported(rule));
        let mut mark = wanted.rule.clone();
        let mut is_ranked = wanted.is_ranked;
        let (mut list, mut name) = (None, wanted.name.clone());
        if rule.is_none() {
            is_ranked = false;
            self.numbering.sort(&mut members);
            mark = match listing_rule {
                Some(rule) => RuleMark { name: rule.name.clone(), version: rule.version.clone() },
                None => RuleMark { name: "import".to_owned(), version: wanted.rule.version.clone() },
            };
            if let Some(Definition::Single(single)) = listing_rule.map(|rule| &rule.definition) {
                name.clone_from(&single.naming.name);
            }
            list = self.list_change(wanted, &members, listing_rule.is_some());
        }
        let mirrors = match rule.map(|rule| &rule.definition) {
            Some(Definition::Single(single)) => single.mirrors.clone(),
            Some(Definition::Bands(_) | Definition::Rankings(_) | Definition::Groups(_)) | None => Vec::new(),
        };
        let target = Target {
            naming: Naming { id: wanted.id.clone(), name },
            category: rule.or(listing_rule).map_or(wanted.category, |rule| rule.category),
            rule: mark.name,
            rule_version: mark.version,
            mirrors,
            basis: Basis::Imported,
            is_ranked,
            members,
            ranks: None,
            eligible: None,
            is_reconstituted: true,
            change_limit: None,
            rebalance: None,
        };
        self.targets.insert(wanted.id.clone(), target);
        list
    }

    /// The list by which the next run decides the same members; `None` where it is stored already.
    fn list_change(&self, wanted: &WantedMembers, members: &[u32], is_named_by_rule: bool) -> Option<ListChange> {
        let list = ImportedList {
            name: (!is_named_by_rule).then(|| wanted.name.clone()),
            symbols: members.iter().map(|listing| self.numbering.symbol(*listing).clone()).collect(),
            source: wanted.rule.version.clone(),
        };
        // A list without a name leaves the present one.
        let calls_it_so = |present: &ImportedList| present.name.as_ref().is_none_or(|name| *name == wanted.name);
        let present = self.state.imports.get(&wanted.id);
        let is_same = present.is_some_and(|present| {
            let mut symbols: Vec<&Symbol> = present.symbols.iter().collect();
            symbols.sort();
            symbols.into_iter().eq(&list.symbols)
                // Without a rule, the universe is called and marked as the list is.
                && (is_named_by_rule || (present.source == list.source && calls_it_so(present)))
        });
        (!is_same).then(|| ListChange { id: wanted.id.clone(), list: Some(list) })
    }
}

/// Returns why a listing comes or goes in a universe that is restored.
pub(super) const fn reason_of(cause: &Cause, is_addition: bool) -> Reason {
    match (cause, is_addition) {
        (Cause::Rollback { .. } | Cause::Repair | Cause::Correction { .. }, _) => Reason::Restored,
        (Cause::Import { .. } | Cause::History { .. }, true) => Reason::Imported,
        (Cause::Import { .. } | Cause::History { .. }, false) => Reason::Unlisted,
    }
}

#[cfg(test)]
mod tests;
