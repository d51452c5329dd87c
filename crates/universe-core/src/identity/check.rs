//! Whether a table of symbol changes can be true.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use super::SymbolChange;
use crate::{Symbol, is_session, next_session};

/// A line of a table of symbol changes that cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedChange {
    /// Its line.
    pub line: u64,
    /// Its old symbol.
    pub symbol: Symbol,
    /// What is wrong with it.
    pub reason: String,
}

/// Takes the lines of a table that can all be true together, and refuses the others.
///
/// A day that is no session stands for the session after it. On one day a symbol goes to one listing and comes
/// from one; several may move on like the places of a queue, but not in a circle.
#[must_use]
pub fn check_changes(lines: Vec<(u64, SymbolChange)>) -> (Vec<SymbolChange>, Vec<RefusedChange>) {
    let mut taken: BTreeMap<(Date, Symbol), (u64, SymbolChange)> = BTreeMap::new();
    let mut takers: BTreeMap<(Date, Symbol), u64> = BTreeMap::new();
    let mut refused = Vec::new();
    for (line, mut change) in lines {
        if !is_session(change.date) {
            change.date = next_session(change.date);
        }
        let SymbolChange { date, from, to } = &change;
        let key = (*date, from.clone());
        let reason = if to.as_ref() == Some(from) {
            Some(format!("{from} becomes itself"))
        } else if let Some((first, other)) = taken.get(&key) {
            Some(match other == &change {
                true => format!("it repeats line {first}"),
                false => format!("{from} becomes something else on {date} by line {first}"),
            })
        } else {
            let first = to.as_ref().and_then(|to| takers.get(&(*date, to.clone())));
            to.as_ref().zip(first).map(|(to, first)| format!("another symbol becomes {to} on {date} by line {first}"))
        };
        if let Some(reason) = reason {
            refused.push(RefusedChange { line, symbol: from.clone(), reason });
            continue;
        }
        if let Some(to) = to {
            takers.insert((*date, to.clone()), line);
        }
        taken.insert(key, (line, change));
    }
    for key in circling(&taken) {
        if let Some((line, SymbolChange { date, from, .. })) = taken.remove(&key) {
            let reason = format!("the changes of {date} lead from {from} back to {from}");
            refused.push(RefusedChange { line, symbol: from, reason });
        }
    }
    refused.sort_by_key(|refusal| refusal.line);
    (taken.into_values().map(|(_, change)| change).collect(), refused)
}

/// Returns the changes that, followed within their day, come back to where they began.
fn circling(taken: &BTreeMap<(Date, Symbol), (u64, SymbolChange)>) -> BTreeSet<(Date, Symbol)> {
    let comes_back = |(date, start): &&(Date, Symbol)| {
        let step = |symbol: &Symbol| taken.get(&(*date, symbol.clone())).and_then(|(_, change)| change.to.clone());
        // A symbol has one successor a day, and no two share one: a walk either ends or comes back.
        let mut at = step(start);
        while let Some(symbol) = at.take_if(|symbol| symbol != start) {
            at = step(&symbol);
        }
        at.is_some()
    };
    taken.keys().filter(comes_back).cloned().collect()
}
