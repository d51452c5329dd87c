//! Whether a table of symbol changes can be true.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use super::{SAME_EVENT_DAYS, SymbolChange};
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

/// The changes that are taken, by day and old symbol, each with its line.
type Taken = BTreeMap<(Date, Symbol), (u64, SymbolChange)>;

/// Takes the lines of a table that can all be true together, and refuses the others.
///
/// A day that is no session stands for the session after it. On one day a symbol goes to one listing and comes
/// from one; several may move on like the places of a queue, but not in a circle. Within two months a symbol is
/// neither left twice nor taken twice, unless somebody took it, or left it, in between: such lines tell of one event.
#[must_use]
pub fn check_changes(lines: Vec<(u64, SymbolChange)>) -> (Vec<SymbolChange>, Vec<RefusedChange>) {
    let mut taken = Taken::new();
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
    let mut refuse = |taken: &mut Taken, key: &(Date, Symbol), reason: String| {
        if let Some((line, SymbolChange { from, .. })) = taken.remove(key) {
            refused.push(RefusedChange { line, symbol: from, reason });
        }
    };
    for key in circling(&taken) {
        let (date, from) = &key;
        refuse(&mut taken, &key, format!("the changes of {date} lead from {from} back to {from}"));
    }
    // What is refused may have been what another line relied on.
    loop {
        let found = told_twice(&taken);
        if found.is_empty() {
            break;
        }
        for (key, reason) in found {
            refuse(&mut taken, &key, reason);
        }
    }
    refused.sort_by_key(|refusal| refusal.line);
    (taken.into_values().map(|(_, change)| change).collect(), refused)
}

/// Returns the changes that, followed within their day, come back to where they began.
fn circling(taken: &Taken) -> BTreeSet<(Date, Symbol)> {
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

/// Returns the changes that tell of an event which an earlier day tells of already, each with what is wrong with it.
fn told_twice(taken: &Taken) -> Vec<((Date, Symbol), String)> {
    let (mut left, mut got) = (BTreeMap::<&Symbol, (Date, u64)>::new(), BTreeMap::<&Symbol, (Date, u64)>::new());
    let is_recent = |then: Date, now: Date| (now - then).get_days() <= SAME_EVENT_DAYS;
    let mut found = Vec::new();
    for (key, (line, change)) in taken {
        let (SymbolChange { date, from, to }, at) = (change, (change.date, *line));
        let Some(to) = to else {
            // From here on it is anybody's.
            left.remove(from);
            got.remove(from);
            continue;
        };
        // Who leaves a symbol and who takes it may do so on one day: the one was there before, the other is after it.
        let gone = left.get(from).filter(|(day, _)| got.get(from).is_none_or(|(since, _)| since < day));
        let held = got.get(to).filter(|(day, _)| left.get(to).is_none_or(|(since, _)| since <= day));
        let reason = match (gone, held) {
            (Some((day, first)), _) if day < date && is_recent(*day, *date) => {
                format!("{from} was given up on {day} by line {first}, and nobody has had it since")
            }
            (_, Some((day, first))) if day < date && is_recent(*day, *date) && !is_left(taken, to, *date) => {
                format!("another symbol became {to} on {day} by line {first}, and still is")
            }
            _ => {
                left.insert(from, at);
                got.insert(to, at);
                continue;
            }
        };
        found.push((key.clone(), reason));
    }
    found
}

/// Whether somebody leaves a symbol on a day.
fn is_left(taken: &Taken, symbol: &Symbol, date: Date) -> bool {
    taken.contains_key(&(date, symbol.clone()))
}
