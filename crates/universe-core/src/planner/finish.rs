//! From what universes should be to a plan: the difference, its reasons, and what is held back.

use std::collections::{BTreeMap, BTreeSet};

use super::numbering::Numbering;
use super::restore::reason_of;
use super::{Holds, Planner, Target};
use crate::plan::{
    Action, Alert, AlertKind, Basis, Change, Delisting, DelistingEvidence, HeldChange, Offering, Plan, Reason, Step,
    StepStatus, UniversePlan,
};
use crate::rule::ChangeLimit;
use crate::state::UniverseState;
use crate::{Category, UniverseId};

impl Planner<'_> {
    /// Compares what should be with what is.
    #[must_use]
    pub fn finish(mut self) -> Plan {
        let mut targets = std::mem::take(&mut self.targets);
        // Who restores says exactly who is to be in.
        if self.cause.is_none() {
            targets.values_mut().for_each(|target| self.put_overrides(target));
        }
        let undefined = std::mem::take(&mut self.undefined);
        let mut universes: Vec<UniversePlan> =
            targets.into_values().filter_map(|target| self.compare(target)).collect();
        universes.extend(undefined.iter().map(|id| self.retirement(id)));
        universes.sort_by(|a, b| a.id.cmp(&b.id));
        let delistings = self.delistings(&universes);
        let offerings = self.offerings(&universes);
        self.count_changes(&universes, &delistings);
        let held = fingerprint_of_holds(&universes, &self.numbering);
        let is_news = held != self.state.held || (held.is_some() && self.is_new_session());
        let mut caps = std::mem::take(&mut self.caps);
        caps.resize(self.numbering.len(), None);
        Plan {
            session: self.observation.session,
            mode: self.request.mode,
            base_version: self.state.version,
            caps,
            sectors: self.observation.sector.clone(),
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
            cause: self.cause,
            lists: Vec::new(),
            past: Vec::new(),
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
            let (was, is) =
                (Marks::of(&before, self.numbering.len()), Marks::of(&target.members, self.numbering.len()));
            added.extend(target.members.iter().filter(|l| !was.has(**l)).map(|l| self.addition(&target, *l)));
            removed.extend(before.iter().filter(|l| !is.has(**l)).map(|l| self.removal(&target, *l)));
            removed.sort_unstable_by(|a, b| self.numbering.symbol(a.listing).cmp(self.numbering.symbol(b.listing)));
        }
        let members_change = !added.is_empty() || !removed.is_empty();
        let renamed = self.renamed_members(&target.naming.id);
        let mut action = action(present, &target, &before, members_change || !renamed.is_empty());
        if target.rebalance.is_some() && action.is_none() && self.is_new_session() {
            action = Some(Action::Refreshed);
        }
        let mut action = action?;
        let (mut members, mut held) = (target.members, None);
        let mut rebalance = target.rebalance;
        let mut is_reconstituted = target.is_reconstituted;
        // What is new, or was empty, has no members that a fault of the source could take away.
        let may_wait = !before.is_empty() && matches!(action, Action::Updated | Action::Retired);
        if let Some(limit) = target.change_limit.filter(|_| may_wait) {
            let made = self.hold(limit, &target.naming.id, before.len(), &added, &mut removed);
            if let Some(made) = made {
                let gone: BTreeSet<u32> = made.iter().map(|change| change.listing).collect();
                members = before.iter().copied().filter(|listing| !gone.contains(listing)).collect();
                if !target.is_ranked {
                    // Whoever has another symbol now has another place.
                    members.sort_unstable_by(|a, b| self.numbering.symbol(*a).cmp(self.numbering.symbol(*b)));
                }
                held = Some(HeldChange {
                    added: std::mem::take(&mut added),
                    removed: std::mem::replace(&mut removed, made),
                });
                // Members wait, but not the repair of an entry that somebody else changed.
                let is_intact = present.is_none_or(|universe| universe.entry_is_intact);
                action = match (removed.is_empty(), is_intact) {
                    (true, true) => Action::Held,
                    (true, false) => Action::Refreshed,
                    (false, _) => Action::Updated,
                };
                (rebalance, is_reconstituted) = (None, false);
            }
        }
        if let Some(statistics) = &mut rebalance {
            statistics.members = members.len();
            statistics.added = added.len();
            statistics.removed = removed.len();
            let moves = (added.len() + removed.len()) as f64 / 2.0;
            statistics.turnover = if before.is_empty() { 0.0 } else { moves / before.len() as f64 };
        }
        if !renamed.is_empty() && matches!(action, Action::Held | Action::Refreshed) {
            action = Action::Updated;
        }
        let step = self.step_of(target.category);
        self.put_renamings(&target.naming.id, &renamed, step, &members, (&mut added, &mut removed));
        let sequence = self.sequence_before(&target.naming.id) + u64::from(action.changes_members());
        let reconstituted = present.and_then(|universe| universe.reconstituted_session);
        let reconstituted_session = reconstituted.filter(|_| !is_reconstituted).unwrap_or(self.observation.session);
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
            members,
            count_before: before.len(),
            added,
            removed,
            held,
            sequence,
            reconstituted_session,
            rebalance,
        })
    }

    /// Decides whether a change waits, and raises the alert when it passes the rule's limit.
    ///
    /// When it waits, returns the removals that are made all the same, which are then no longer in `removed`.
    fn hold(
        &mut self,
        limit: ChangeLimit,
        id: &UniverseId,
        before: usize,
        added: &[Change],
        removed: &mut Vec<Change>,
    ) -> Option<Vec<Change>> {
        let passes = |changes: usize| changes >= limit.count_min && changes as f64 > limit.share * before as f64;
        let delisted = removed.iter().filter(|change| change.reason == Reason::Delisted).count();
        let many_delisted = delisted >= super::DELISTINGS_HELD_MIN && passes(delisted);
        if !passes(added.len().max(removed.len() - delisted)) && !many_delisted {
            return None;
        }
        let (is_made, outcome) = match &self.request.holds {
            Holds::Release => (true, "made, because the run is forced"),
            Holds::ReleaseOnly(approved) if approved.contains(id) => (true, "made, because it was approved"),
            Holds::Wait | Holds::ReleaseOnly(_) => (false, "held until it is approved or forced"),
        };
        let (came, went) = (added.len(), removed.len());
        self.alerts.push(Alert {
            alert: AlertKind::MembershipChange,
            universe: Some(id.clone()),
            message: format!(
                "{id}: {came} in and {went} out of {before} members ({:.0} %, the limit is {:.0} %), {outcome}",
                came.max(went) as f64 / before as f64 * 100.0,
                limit.share * 100.0,
            ),
        });
        if is_made {
            None
        } else if many_delisted {
            Some(Vec::new())
        } else {
            Some(removed.extract_if(.., |change| change.reason == Reason::Delisted).collect())
        }
    }

    /// The number of the last change of a universe, also where it was retired since: followers count on.
    fn sequence_before(&self, id: &UniverseId) -> u64 {
        let present = self.state.universes.get(id).map_or(0, |universe| universe.sequence);
        present.max(self.state.retired.get(id).copied().unwrap_or(0))
    }

    fn retirement(&self, id: &UniverseId) -> UniversePlan {
        let universe = &self.state.universes[id];
        let removed = universe.members.iter().map(|symbol| Change {
            listing: self.numbering.number(symbol),
            step: Step::MarketCapRecalculation,
            reason: self.cause.as_ref().map_or(Reason::UniverseRetired, |cause| reason_of(cause, false)),
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
            held: None,
            sequence: self.sequence_before(id) + 1,
            reconstituted_session: self.observation.session,
            rebalance: None,
        }
    }

    fn delistings(&self, universes: &[UniversePlan]) -> Vec<Delisting> {
        let mut left: BTreeMap<u32, Vec<UniverseId>> = BTreeMap::new();
        let mut renamed = Vec::new();
        for universe in universes {
            let is_gone =
                |change: &&Change| change.reason == Reason::Delisted && !self.taken_over.contains_key(&change.listing);
            for change in universe.removed.iter().filter(is_gone) {
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
        for (old, new) in &self.renamed {
            let at = *old as usize;
            // Once it is recorded as gone, nothing is left to say.
            if seen.is_active.get(at).copied().unwrap_or(false) && self.request.mode.takes(Step::DelistedCleanup) {
                let is_old = |change: &Change| change.listing == *old;
                let of = universes.iter().filter(|universe| universe.removed.iter().any(is_old));
                renamed.push(Delisting {
                    listing: *old,
                    evidence: DelistingEvidence::Renamed { to: *new },
                    universes: of.map(|universe| universe.id.clone()).collect(),
                });
                left.remove(old);
            }
        }
        let evidence = |listing: u32| match seen.sessions_absent.get(listing as usize) {
            Some(snapshots) if seen.is_active[listing as usize] && *snapshots >= super::DELISTED_AFTER_ABSENCES => {
                DelistingEvidence::Absent { snapshots: *snapshots }
            }
            Some(_) | None => DelistingEvidence::Recorded,
        };
        let gone = left.into_iter();
        let gone = gone.map(|(listing, universes)| Delisting { listing, evidence: evidence(listing), universes });
        let mut all: Vec<Delisting> = gone.chain(renamed).collect();
        all.sort_by_key(|delisting| delisting.listing);
        all
    }

    fn offerings(&self, universes: &[UniversePlan]) -> Vec<Offering> {
        let is_offering = |c: &&Change| c.step == Step::IpoAssignment && c.reason != Reason::Renamed;
        let mut places: BTreeMap<u32, Vec<UniverseId>> = BTreeMap::new();
        for universe in universes {
            for change in universe.added.iter().filter(is_offering) {
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
        for universe in universes {
            for change in universe.added.iter().chain(&universe.removed) {
                *counts.entry(change.step).or_default() += 1;
            }
            if universe.action == Action::Created && universe.added.is_empty() {
                *counts.entry(self.step_of(universe.category)).or_default() += 1;
            }
        }
        for report in self.reports.iter_mut().filter(|report| report.status == StepStatus::Success) {
            report.changes = counts.get(&report.step).copied().unwrap_or(0);
        }
    }
}

fn action(present: Option<&UniverseState>, target: &Target, before: &[u32], members_change: bool) -> Option<Action> {
    let Some((present, mark)) = present.and_then(|present| Some((present, present.rule.as_ref()?))) else {
        return Some(Action::Created);
    };
    let mark_changed = mark.name != target.rule || mark.version != target.rule_version;
    if target.basis == Basis::Nothing {
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
fn fingerprint_of_holds(universes: &[UniversePlan], numbering: &Numbering<'_>) -> Option<String> {
    let mut hasher = blake3::Hasher::new();
    let mut any = false;
    for universe in universes {
        let Some(held) = &universe.held else { continue };
        any = true;
        hasher.update(universe.id.to_string().as_bytes());
        for change in held.added.iter().chain(&held.removed) {
            hasher.update(b" ").update(numbering.symbol(change.listing).as_str().as_bytes());
        }
    }
    any.then(|| hasher.finalize().to_hex()[..16].to_owned())
}

/// A set of listings, as a bit for each.
struct Marks(Vec<u64>);

impl Marks {
    fn of(listings: &[u32], count: usize) -> Self {
        let mut bits = vec![0; count.div_ceil(64)];
        for listing in listings {
            bits[*listing as usize / 64] |= 1 << (listing % 64);
        }
        Self(bits)
    }

    fn has(&self, listing: u32) -> bool {
        self.0[listing as usize / 64] & (1 << (listing % 64)) != 0
    }
}
