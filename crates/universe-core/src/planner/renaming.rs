//! Listings that go on under another symbol: nobody new, and nobody gone.

use super::Planner;
use crate::UniverseId;
use crate::identity::successors;
use crate::plan::{Change, Reason, Step};

impl Planner<'_> {
    /// Puts listings in the places of what they were: the rules then decide about members, not about newcomers.
    pub(super) fn follow_renamings(&mut self) {
        for (old, new) in successors(self.observation, &self.state.symbol_changes) {
            if let (Some(old), Some(new)) = (self.numbering.find(&old), self.numbering.find(&new)) {
                self.renamed.insert(old, new);
            }
        }
        for old in self.renamed.keys() {
            if let Some(listed) = self.listed.get_mut(*old as usize) {
                *listed = false;
            }
        }
        for members in self.before.values_mut().filter(|_| !self.renamed.is_empty()) {
            let recorded = members.clone();
            let mut kept = Vec::with_capacity(members.len());
            for listing in recorded.iter().copied() {
                let now = self.renamed.get(&listing).copied().unwrap_or(listing);
                if now == listing || (!recorded.contains(&now) && !kept.contains(&now)) {
                    kept.push(now);
                }
            }
            *members = kept;
        }
    }

    /// Returns the listing that a symbol on a list or in an override means now.
    pub(super) fn goes_on_as(&self, listing: u32) -> u32 {
        self.renamed.get(&listing).copied().unwrap_or(listing)
    }

    /// Returns the recorded members of a universe that have another symbol now, with what they are.
    pub(super) fn renamed_members(&self, id: &UniverseId) -> Vec<(u32, u32)> {
        let Some(universe) = self.state.universes.get(id).filter(|universe| universe.rule.is_some()) else {
            return Vec::new();
        };
        if self.renamed.is_empty() {
            return Vec::new();
        }
        let numbers = universe.members.iter().map(|symbol| self.numbering.number(symbol));
        numbers.filter_map(|old| Some((old, *self.renamed.get(&old)?))).collect()
    }

    /// Puts the changes of symbol beside the changes of members: who stays comes under one symbol and goes under
    /// the other, and who goes does so under the symbol that is recorded.
    pub(super) fn put_renamings(
        &self,
        id: &UniverseId,
        renamed: &[(u32, u32)],
        step: Step,
        members: &[u32],
        (added, removed): (&mut Vec<Change>, &mut Vec<Change>),
    ) {
        if renamed.is_empty() {
            return;
        }
        let is_recorded = |listing: u32| {
            let symbol = self.numbering.symbol(listing);
            self.state.universes.get(id).is_some_and(|universe| universe.members.contains(symbol))
        };
        for (old, new) in renamed.iter().copied() {
            let gone = removed.iter_mut().find(|change| change.listing == new).filter(|_| !is_recorded(new));
            if let Some(change) = gone {
                change.listing = old;
                continue;
            }
            removed.push(Change { listing: old, step, reason: Reason::Renamed });
            if !is_recorded(new) && members.contains(&new) && added.iter().all(|change| change.listing != new) {
                added.push(Change { listing: new, step, reason: Reason::Renamed });
            }
        }
        added.sort_by_key(|change| members.iter().position(|member| *member == change.listing));
        removed.sort_unstable_by(|a, b| self.numbering.symbol(a.listing).cmp(self.numbering.symbol(b.listing)));
    }
}

#[cfg(test)]
mod tests;
