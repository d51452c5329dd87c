//! Entries that are not what the memberships say: written anew, while the memberships stay as they are.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use crate::plan::{
    Action, Basis, Cause, Change, Mode, Plan, Reason, Rebalance, Step, StepReport, StepStatus, UniversePlan,
};
use crate::rule::{Definition, RuleSet};
use crate::state::RuleMark;
use crate::{Category, Symbol, TextColumn, UniverseId};

/// Where an environment stands; a repair moves none of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The version of the state that the repair applies to.
    pub version: u64,
    /// The newest session that was synchronized.
    pub session: Date,
    /// The fingerprint of what the last run held back.
    pub held: Option<String>,
}

/// A universe whose entry is to be written anew.
#[derive(Clone, Debug, PartialEq)]
pub struct DamagedEntry {
    /// Its address.
    pub id: UniverseId,
    /// Its name.
    pub name: String,
    /// Its category.
    pub category: Category,
    /// The rule that made it.
    pub rule: RuleMark,
    /// Whether its members are in order of rank.
    pub is_ranked: bool,
    /// The number of its last change.
    pub sequence: u64,
    /// The session whose data decided its members last.
    pub reconstituted_session: Date,
    /// The members by the memberships, in the order that the entry is to have.
    pub members: Vec<Symbol>,
    /// The members that readers find in the entry as it is; nobody where it cannot be read.
    pub seen: Vec<Symbol>,
    /// The statistics of a theme's last rebalancing, which the entry keeps.
    pub rebalance: Option<Rebalance>,
}

/// Plans that entries are written anew.
///
/// Where readers see other members than before, the universe takes the next number of a change, so that
/// its followers are told.
#[must_use]
pub fn plan_repair(standing: &Standing, rules: &RuleSet, damaged: &[DamagedEntry]) -> Plan {
    let symbols: BTreeSet<&Symbol> = damaged.iter().flat_map(|entry| entry.members.iter().chain(&entry.seen)).collect();
    let symbols: Vec<Symbol> = symbols.into_iter().cloned().collect();
    let numbers: BTreeMap<&Symbol, u32> = symbols.iter().zip(0..).collect();
    let mut universes: Vec<UniversePlan> = damaged.iter().map(|entry| repaired(entry, rules, &numbers)).collect();
    universes.sort_by(|a, b| a.id.cmp(&b.id));
    let changes = universes.iter().map(|universe| universe.added.len() + universe.removed.len()).sum();
    let mut steps = Step::ALL.map(|step| StepReport {
        step,
        status: StepStatus::Skipped,
        changes: 0,
        notes: Vec::new(),
        error: None,
    });
    // Where lists are decided, and so where a repaired one is counted.
    (steps[0].status, steps[0].changes) = (StepStatus::Success, changes);
    steps[0].notes = universes.iter().map(|universe| format!("{}: its entry is written anew", universe.id)).collect();
    Plan {
        session: standing.session,
        mode: Mode::MarketCap,
        base_version: standing.version,
        caps: vec![None; symbols.len()],
        sectors: TextColumn::default(),
        caps_moved: Vec::new(),
        steps: steps.into(),
        symbols,
        universes,
        delistings: Vec::new(),
        offerings: Vec::new(),
        market: None,
        alerts: Vec::new(),
        held: standing.held.clone(),
        is_news: false,
        cause: Some(Cause::Repair),
        lists: Vec::new(),
        past: Vec::new(),
    }
}

fn repaired(entry: &DamagedEntry, rules: &RuleSet, numbers: &BTreeMap<&Symbol, u32>) -> UniversePlan {
    let members: BTreeSet<&Symbol> = entry.members.iter().collect();
    let seen: BTreeSet<&Symbol> = entry.seen.iter().collect();
    // No membership begins or ends, so that the reason is recorded nowhere.
    let change =
        |symbol: &&Symbol, reason| Change { listing: numbers[*symbol], step: Step::MarketCapRecalculation, reason };
    let added: Vec<Change> = members.difference(&seen).map(|symbol| change(symbol, Reason::Restored)).collect();
    let removed: Vec<Change> = seen.difference(&members).map(|symbol| change(symbol, Reason::Restored)).collect();
    let is_seen = !added.is_empty() || !removed.is_empty();
    UniversePlan {
        id: entry.id.clone(),
        name: entry.name.clone(),
        category: entry.category,
        rule: entry.rule.name.clone(),
        rule_version: entry.rule.version.clone(),
        mirrors: mirrors(rules, &entry.id),
        action: Action::Repaired,
        is_ranked: entry.is_ranked,
        basis: Basis::Fixed,
        members: entry.members.iter().map(|symbol| numbers[symbol]).collect(),
        count_before: seen.len(),
        added,
        removed,
        held: None,
        sequence: entry.sequence + u64::from(is_seen),
        reconstituted_session: entry.reconstituted_session,
        rebalance: entry.rebalance.clone(),
    }
}

/// Returns the older keys under which the rules keep copies of a universe's entry.
fn mirrors(rules: &RuleSet, id: &UniverseId) -> Vec<String> {
    match rules.rule_of(id).map(|rule| &rule.definition) {
        Some(Definition::Single(single)) => single.mirrors.clone(),
        Some(Definition::Bands(_) | Definition::Rankings(_) | Definition::Groups(_)) | None => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
