//! Listings that go on under another symbol: nobody new, and nobody gone.

use std::collections::BTreeSet;

use super::Planner;
use crate::UniverseId;
use crate::identity::{successors, taken_over};
use crate::plan::{Change, Reason, Step};

impl Planner<'_> {
    /// Puts listings in the places of what they were: the rules then decide about members, not about newcomers. Whose
    /// symbol is another listing's now is no member under it any more.
    pub(super) fn follow_renamings(&mut self) {
        for (old, new) in successors(self.observation, &self.state.symbol_changes) {
            if let (Some(old), Some(new)) = (self.numbering.find(&old), self.numbering.find(&new)) {
                self.renamed.insert(old, new);
            }
        }
        for (old, new) in taken_over(self.observation, &self.state.symbol_changes, self.state.last_session) {
            if let Some(old) = self.numbering.find(&old) {
                self.taken_over.insert(old, new.and_then(|new| self.numbering.find(&new)));
            }
        }
        for old in self.renamed.keys() {
            if let Some(listed) = self.listed.get_mut(*old as usize) {
                *listed = false;
            }
        }
        if self.renamed.is_empty() && self.taken_over.is_empty() {
            return;
        }
        let now = |listing: u32| match self.taken_over.get(&listing) {
            Some(elsewhere) => *elsewhere,
            None => Some(self.renamed.get(&listing).copied().unwrap_or(listing)),
        };
        for members in self.before.values_mut() {
            let recorded = std::mem::take(members);
            let staying: BTreeSet<u32> =
                recorded.iter().copied().filter(|listing| now(*listing) == Some(*listing)).collect();
            for listing in recorded {
                let Some(now) = now(listing) else { continue };
                if now == listing || (!staying.contains(&now) && !members.contains(&now)) {
                    members.push(now);
                }
            }
        }
    }

    /// Returns the listing that a symbol on a list or in an override means now.
    pub(super) fn goes_on_as(&self, listing: u32) -> u32 {
        self.renamed.get(&listing).copied().unwrap_or(listing)
    }

    /// Returns the recorded members of a universe that do not have their symbol any more, with what they are now.
    pub(super) fn renamed_members(&self, id: &UniverseId) -> Vec<(u32, Option<u32>)> {
        let Some(universe) = self.state.universes.get(id).filter(|universe| universe.rule.is_some()) else {
            return Vec::new();
        };
        if self.renamed.is_empty() && self.taken_over.is_empty() {
            return Vec::new();
        }
        let now = |old: u32| self.taken_over.get(&old).copied().or_else(|| self.renamed.get(&old).copied().map(Some));
        let numbers = universe.members.iter().map(|symbol| self.numbering.number(symbol));
        numbers.filter_map(|old| Some((old, now(old)?))).collect()
    }

    /// Puts the changes of symbol beside the changes of members: who stays comes under one symbol and goes under
    /// the other, and who goes does so under the symbol that is recorded.
    pub(super) fn put_renamings(
        &self,
        id: &UniverseId,
        renamed: &[(u32, Option<u32>)],
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
        let is_here = |listing: u32| is_recorded(listing) && renamed.iter().all(|(old, _)| *old != listing);
        let mut left = Vec::new();
        for (old, new) in renamed.iter().copied() {
            let Some(new) = new else {
                left.push(Change { listing: old, step, reason: Reason::Delisted });
                continue;
            };
            let gone = removed.iter_mut().find(|change| change.listing == new).filter(|_| !is_here(new));
            if let Some(change) = gone {
                change.listing = old;
                continue;
            }
            left.push(Change { listing: old, step, reason: Reason::Renamed });
            if !is_here(new) && members.contains(&new) && added.iter().all(|change| change.listing != new) {
                added.push(Change { listing: new, step, reason: Reason::Renamed });
            }
        }
        removed.append(&mut left);
        added.sort_by_key(|change| members.iter().position(|member| *member == change.listing));
        removed.sort_unstable_by(|a, b| self.numbering.symbol(a.listing).cmp(self.numbering.symbol(b.listing)));
    }
}

#[cfg(test)]
mod tests;
