//! Dense numbers for symbols: the observed ones first, then those that are only named by lists and entries.

use rustc_hash::FxHashMap;

use crate::rule::RuleSet;
use crate::state::State;
use crate::{Observation, Symbol};

/// Numbers symbols; the first `observed` numbers are the positions in the observation.
pub(super) struct Numbering {
    symbols: Vec<Symbol>,
    numbers: FxHashMap<Symbol, u32>,
    observed: usize,
}

impl Numbering {
    pub(super) fn new(observation: &Observation, rules: &RuleSet, state: &State) -> Self {
        let observed = observation.len();
        let mut symbols = observation.symbol.clone();
        let mut numbers = FxHashMap::with_capacity_and_hasher(observed, rustc_hash::FxBuildHasher);
        let number = |at: usize| u32::try_from(at).expect("fewer symbols than u32 holds");
        numbers.extend(symbols.iter().cloned().enumerate().map(|(at, symbol)| (symbol, number(at))));
        let entries = state.universes.values().flat_map(|universe| &universe.members);
        let imports = state.imports.values().flat_map(|list| &list.symbols);
        let listed = rules.rules.iter().flat_map(|rule| rule.listed_symbols());
        let mut others: Vec<&Symbol> =
            entries.chain(imports).chain(listed).filter(|symbol| !numbers.contains_key(*symbol)).collect();
        others.sort();
        others.dedup();
        for symbol in others {
            numbers.insert(symbol.clone(), number(symbols.len()));
            symbols.push(symbol.clone());
        }
        Self { symbols, numbers, observed }
    }

    pub(super) fn number(&self, symbol: &Symbol) -> u32 {
        self.numbers[symbol]
    }

    pub(super) fn symbol(&self, listing: u32) -> &Symbol {
        &self.symbols[listing as usize]
    }

    pub(super) fn is_observed(&self, listing: u32) -> bool {
        (listing as usize) < self.observed
    }

    pub(super) fn len(&self) -> usize {
        self.symbols.len()
    }

    pub(super) fn into_symbols(self) -> Vec<Symbol> {
        self.symbols
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
