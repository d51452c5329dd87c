//! Dense numbers for symbols: the observed ones first, then those that are only named by lists and entries.

use rustc_hash::FxHashMap;

use crate::{Observation, Symbol};

/// Numbers symbols; the first numbers are the positions in the observation.
pub(super) struct Numbering<'a> {
    observed: &'a [Symbol],
    others: Vec<&'a Symbol>,
    numbers: FxHashMap<&'a Symbol, u32>,
}

impl<'a> Numbering<'a> {
    /// Numbers what was observed.
    pub(super) fn new(observation: &'a Observation) -> Self {
        let observed = observation.symbol.as_slice();
        let mut numbers = FxHashMap::with_capacity_and_hasher(observed.len(), rustc_hash::FxBuildHasher);
        numbers.extend(observed.iter().zip(0_u32..));
        Self { observed, others: Vec::new(), numbers }
    }

    /// Numbers a symbol, which may be new.
    pub(super) fn take(&mut self, symbol: &'a Symbol) -> u32 {
        let next = u32::try_from(self.len()).expect("fewer symbols than u32 holds");
        let number = *self.numbers.entry(symbol).or_insert(next);
        if number == next {
            self.others.push(symbol);
        }
        number
    }

    /// Returns the number of a symbol that was taken.
    pub(super) fn number(&self, symbol: &Symbol) -> u32 {
        self.numbers[symbol]
    }

    /// Returns the number of a symbol; `None` where nothing has it.
    pub(super) fn find(&self, symbol: &Symbol) -> Option<u32> {
        self.numbers.get(symbol).copied()
    }

    pub(super) fn symbol(&self, listing: u32) -> &'a Symbol {
        let at = listing as usize;
        self.observed.get(at).unwrap_or_else(|| self.others[at - self.observed.len()])
    }

    pub(super) fn is_observed(&self, listing: u32) -> bool {
        (listing as usize) < self.observed.len()
    }

    pub(super) fn len(&self) -> usize {
        self.observed.len() + self.others.len()
    }

    pub(super) fn into_symbols(self) -> Vec<Symbol> {
        self.observed.iter().chain(self.others).cloned().collect()
    }

    /// Sorts by symbol. Numbers of observed listings already are in that order.
    pub(super) fn sort(&self, listings: &mut [u32]) {
        if listings.iter().all(|listing| self.is_observed(*listing)) {
            listings.sort_unstable();
        } else {
            listings.sort_by(|a, b| self.symbol(*a).cmp(self.symbol(*b)));
        }
    }
}
