//! From what universes should be to a plan: the difference, its reasons, and what is held back.

use std::collections::{BTreeMap, BTreeSet};

use super::attribute::step_of;
use super::{Holds, Planner, Target};
use crate::plan::{
    Action, Alert, AlertKind, Basis, Change, Delisting, DelistingEvidence, Offering, Plan, Reason, Step, StepStatus,
    UniversePlan,
};
use crate::state::UniverseState;
use crate::{Category, UniverseId};

impl Planner<'_> {
    /// Compares what should be with what is.
    #[must_use]
    pub fn finish(mut self) -> Plan {
        let targets = std::mem::take(&mut self.targets);
        let undefined = std::mem::take(&mut self.undefined);
        let mut universes: Vec<UniversePlan> =
            targets.into_values().filter_map(|target| self.compare(target)).collect();
        universes.extend(undefined.iter().map(|id| self.retirement(id)));
        universes.sort_by(|a, b| a.id.cmp(&b.id));
        let delistings = self.delistings(&universes);
        let offerings = self.offerings(&universes);
        self.count_changes(&universes, &delistings);
        let held = fingerprint_of_holds(&universes);
        let is_news = held != self.state.held || (held.is_some() && self.is_new_session());
        let mut caps = std::mem::take(&mut self.caps);
        caps.resize(self.numbering.len(), None);
        Plan {
            session: self.observation.session,
            mode: self.request.mode,
            base_version: self.state.version,
            caps,
            caps_moved: self.caps_moved,
            universes,
            delistings,
            offerings,
            market: self.market,
            steps: self.reports,
            alerts: self.alerts,
            held,
            is_news: is_news || self.figures.is_some_and(|figures| !self.state.market.contains(&figures)),
            symbols: self.numbering.into_symbols(),
        }
    }

    fn is_new_session(&self) -> bool {
        self.state.last_session != Some(self.observation.session)
    }

    /// Returns what happens to a universe; `None` when it already is what it should be.
    fn compare(&mut self, target: Target) -> Option<UniversePlan> {
        let present = self.state.universes.get(&target.naming.id);
        let before = self.before.remove(&target.naming.id).unwrap_or_default();
        let (mut added, mut removed) = (Vec::new(), Vec::new());
        if before != target.members {
            let was: BTreeSet<u32> = before.iter().copied().collect();
            let is: BTreeSet<u32> = target.members.iter().copied().collect();
            added.extend(target.members.iter().filter(|l| !was.contains(l)).map(|l| self.addition(&target, *l)));
            removed.extend(was.difference(&is).map(|l| self.removal(&target, *l)));
        }
        let emptied = target.basis == Basis::Nothing;
        let mut action = action(present, &target, &before, !added.is_empty() || !removed.is_empty(), emptied);
        if target.rebalance.is_some() && action.is_none() && self.is_new_session() {
            action = Some(Action::Refreshed);
        }
        let action = self.hold(action?, &target, before.len(), added.len(), removed.len());
        let mut rebalance = target.rebalance;
        if let Some(statistics) = &mut rebalance {
            statistics.members = target.members.len();
            statistics.added = added.len();
            statistics.removed = removed.len();
            let moves = (added.len() + removed.len()) as f64 / 2.0;
            statistics.turnover = if before.is_empty() { 0.0 } else { moves / before.len() as f64 };
        }
        let sequence = present.map_or(0, |universe| universe.sequence) + u64::from(action.changes_members());
        let reconstituted = present.and_then(|universe| universe.reconstituted_session);
        let reconstituted_session =
            reconstituted.filter(|_| !target.is_reconstituted).unwrap_or(self.observation.session);
        Some(UniversePlan {
            id: target.naming.id,
            name: target.naming.name,
            category: target.category,
            rule: target.rule,
            rule_version: target.rule_version,
            mirrors: target.mirrors,
            action,
            is_ranked: target.is_ranked,
            basis: target.basis,
            count_before: before.len(),
            members: if action == Action::Held { before } else { target.members },
            added,
            removed,
            sequence,
            reconstituted_session,
            rebalance,
        })
    }

    /// Holds a change that passes the rule's limit, unless the run is forced; the alert is raised either way.
    fn hold(&mut self, action: Action, target: &Target, before: usize, added: usize, removed: usize) -> Action {
        let Some(limit) = target.change_limit else { return action };
        let changed = added.max(removed);
        let may_be_held = matches!(action, Action::Updated | Action::Retired) && before > 0;
        if !may_be_held || changed < limit.count_min || changed as f64 <= limit.share * before as f64 {
            return action;
        }
        let (outcome, action) = match self.request.holds {
            Holds::Wait => ("held: its members stay as they were until this is approved or forced", Action::Held),
            Holds::Release => ("forced", action),
        };
        self.alerts.push(Alert {
            alert: AlertKind::MembershipChange,
            universe: Some(target.naming.id.clone()),
            message: format!(
                "{added} would be added to and {removed} removed from the {before} members of {} ({:.0} %, the limit is {:.0} %); {outcome}",
                target.naming.id,
                changed as f64 / before as f64 * 100.0,
                limit.share * 100.0,
            ),
        });
        action
    }

    fn retirement(&self, id: &UniverseId) -> UniversePlan {
        let universe = &self.state.universes[id];
        let removed = universe.members.iter().map(|symbol| Change {
            listing: self.numbering.number(symbol),
            step: Step::MarketCapRecalculation,
            reason: Reason::UniverseRetired,
        });
        UniversePlan {
            id: id.clone(),
            name: universe.name.clone(),
            category: universe.category.unwrap_or(Category::Theme),
            rule: universe.rule.as_ref().map_or_else(|| "import".to_owned(), |mark| mark.name.clone()),
            rule_version: universe.rule.as_ref().map(|mark| mark.version.clone()).unwrap_or_default(),
            mirrors: Vec::new(),
            action: Action::Retired,
            is_ranked: false,
            basis: Basis::Nothing,
            members: Vec::new(),
            count_before: universe.members.len(),
            added: Vec::new(),
            removed: removed.collect(),
            sequence: universe.sequence + 1,
            reconstituted_session: self.observation.session,
            rebalance: None,
        }
    }

    fn delistings(&self, universes: &[UniversePlan]) -> Vec<Delisting> {
        let mut left: BTreeMap<u32, Vec<UniverseId>> = BTreeMap::new();
        for universe in universes.iter().filter(|universe| universe.action != Action::Held) {
            for change in universe.removed.iter().filter(|change| change.reason == Reason::Delisted) {
                left.entry(change.listing).or_default().push(universe.id.clone());
            }
        }
        let seen = self.observation;
        if self.request.mode.takes(Step::DelistedCleanup) {
            let gone = (0..seen.len()).filter(|i| seen.is_active[*i]);
            for listing in gone.filter(|i| seen.sessions_absent[*i] >= super::DELISTED_AFTER_ABSENCES) {
                left.entry(u32::try_from(listing).expect("numbered")).or_default();
            }
        }
        let evidence = |listing: u32| match seen.sessions_absent.get(listing as usize) {
            Some(snapshots) if seen.is_active[listing as usize] && *snapshots >= super::DELISTED_AFTER_ABSENCES => {
                DelistingEvidence::Absent { snapshots: *snapshots }
            }
            Some(_) | None => DelistingEvidence::Recorded,
        };
        left.into_iter()
            .map(|(listing, universes)| Delisting { listing, evidence: evidence(listing), universes })
            .collect()
    }

    fn offerings(&self, universes: &[UniversePlan]) -> Vec<Offering> {
        let mut places: BTreeMap<u32, Vec<UniverseId>> = BTreeMap::new();
        for universe in universes.iter().filter(|universe| universe.action != Action::Held) {
            for change in universe.added.iter().filter(|change| change.step == Step::IpoAssignment) {
                places.entry(change.listing).or_default().push(universe.id.clone());
            }
        }
        let seen = self.observation;
        let offering = |(listing, universes): (u32, Vec<UniverseId>)| {
            let at = listing as usize;
            let listed_on = seen.listing_date[at].or(seen.first_seen_session[at]);
            Offering { listing, listed_on, sector: seen.sector.value(at).map(str::to_owned), universes }
        };
        places.into_iter().map(offering).collect()
    }

    fn count_changes(&mut self, universes: &[UniversePlan], delistings: &[Delisting]) {
        let mut counts: BTreeMap<Step, usize> = BTreeMap::new();
        *counts.entry(Step::MarketCapRecalculation).or_default() += self.caps_moved.len();
        *counts.entry(Step::DelistedCleanup).or_default() +=
            delistings.iter().filter(|d| d.universes.is_empty()).count();
        for universe in universes.iter().filter(|universe| universe.action != Action::Held) {
            for change in universe.added.iter().chain(&universe.removed) {
                *counts.entry(change.step).or_default() += 1;
            }
            if universe.action == Action::Created && universe.added.is_empty() {
                *counts.entry(step_of(universe.category)).or_default() += 1;
            }
        }
        for report in self.reports.iter_mut().filter(|report| report.status == StepStatus::Success) {
            report.changes = counts.get(&report.step).copied().unwrap_or(0);
        }
    }
}

fn action(
    present: Option<&UniverseState>,
    target: &Target,
    before: &[u32],
    members_change: bool,
    emptied: bool,
) -> Option<Action> {
    let Some((present, mark)) = present.and_then(|present| Some((present, present.rule.as_ref()?))) else {
        return Some(Action::Created);
    };
    let mark_changed = mark.name != target.rule || mark.version != target.rule_version;
    if emptied {
        Some(Action::Retired)
    } else if members_change {
        Some(Action::Updated)
    } else if before != target.members {
        Some(Action::Reordered)
    } else if mark_changed || !present.entry_is_intact || present.name != target.naming.name {
        Some(Action::Refreshed)
    } else {
        None
    }
}

/// A text that is equal for equal holds, and short.
fn fingerprint_of_holds(universes: &[UniversePlan]) -> Option<String> {
    let mut hasher = blake3::Hasher::new();
    let mut any = false;
    for universe in universes.iter().filter(|universe| universe.action == Action::Held) {
        any = true;
        hasher.update(universe.id.to_string().as_bytes());
        for change in universe.added.iter().chain(&universe.removed) {
            hasher.update(&change.listing.to_le_bytes());
        }
    }
    any.then(|| hasher.finalize().to_hex()[..16].to_owned())
}
