//! Which listing a symbol stands for, and when: symbols change, and are given again to others.

mod check;
mod detect;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::civil::Date;
use serde::Serialize;

use crate::planner::DELISTED_AFTER_ABSENCES;
use crate::{Observation, Symbol, next_session, previous_session};

pub use check::{RefusedChange, check_changes};
pub use detect::detect;

/// Two records of one event are not further apart than so many days; a file may have the day of the announcement.
const SAME_EVENT_DAYS: i32 = 60;

/// Sources may show an old symbol for so many sessions longer than it trades.
const SOURCE_BEHIND_SESSIONS: u8 = 5;

/// A close is the continuation of another one when neither is more than so many times the other.
const SAME_PRICE_FACTOR: f64 = 1.5;

/// From a session on, a symbol stands for another listing than before.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct SymbolChange {
    /// The first session.
    pub date: Date,
    /// The symbol that the listing had.
    pub from: Symbol,
    /// The symbol under which it goes on; `None` where it does not, and the symbol is somebody else's.
    pub to: Option<Symbol>,
}

impl SymbolChange {
    /// Returns whether both tell of one event, perhaps differently: one of them the wrong way round.
    #[must_use]
    pub fn is_about(&self, other: &Self) -> bool {
        let days = (self.date - other.date).get_days().abs();
        let is_reverse = self.to.as_ref() == Some(&other.from) && other.to.as_ref() == Some(&self.from);
        let is_like = self.from == other.from || (self.to.is_some() && self.to == other.to);
        (days <= SAME_EVENT_DAYS && is_like) || (days == 0 && is_reverse)
    }
}

/// The time in which a listing has a symbol.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Tenure {
    /// The symbol.
    pub symbol: Symbol,
    /// The first session; `None` where no change begins it.
    pub from: Option<Date>,
    /// The first session no longer; `None` where no change ends it.
    pub until: Option<Date>,
}

impl Tenure {
    /// Returns whether the listing has the symbol as of a day.
    #[must_use]
    pub fn covers(&self, day: Date) -> bool {
        self.from.is_none_or(|from| from <= day) && self.until.is_none_or(|until| day < until)
    }
}

/// Returns the tenures of a symbol, oldest first: each is another listing's, or the same one's for another time.
#[must_use]
pub fn tenures(changes: &[SymbolChange], symbol: &Symbol) -> Vec<Tenure> {
    let is_of = |change: &&SymbolChange| change.from == *symbol || change.to.as_ref() == Some(symbol);
    let turns: BTreeSet<Date> = changes.iter().filter(is_of).map(|change| change.date).collect();
    let begins = std::iter::once(None).chain(turns.iter().copied().map(Some));
    let ends = turns.iter().copied().map(Some).chain([None]);
    begins.zip(ends).map(|(from, until)| Tenure { symbol: symbol.clone(), from, until }).collect()
}

/// Returns the tenure of a symbol as of a day.
#[must_use]
pub fn tenure_at(changes: &[SymbolChange], symbol: &Symbol, day: Date) -> Tenure {
    let whole = Tenure { symbol: symbol.clone(), from: None, until: None };
    tenures(changes, symbol).into_iter().find(|tenure| tenure.covers(day)).unwrap_or(whole)
}

/// Returns every symbol that the listing of a tenure had or will have, oldest first, the tenure among them.
#[must_use]
pub fn identity(changes: &[SymbolChange], tenure: &Tenure) -> Vec<Tenure> {
    let mut chain = VecDeque::from([tenure.clone()]);
    // Each tenure found begins earlier, or ends later, than the last: both walks come to an end.
    while let Some(begin) = chain.front().and_then(|first| first.from) {
        let symbol = &chain[0].symbol;
        let Some(change) = changes.iter().find(|c| c.date == begin && c.to.as_ref() == Some(symbol)) else { break };
        let Some(before) = tenures(changes, &change.from).into_iter().find(|t| t.until == Some(begin)) else { break };
        chain.push_front(before);
    }
    while let Some(end) = chain.back().and_then(|last| last.until) {
        let symbol = &chain[chain.len() - 1].symbol;
        let next = changes.iter().find(|c| c.date == end && c.from == *symbol).and_then(|c| c.to.as_ref());
        let Some(next) = next else { break };
        let Some(after) = tenures(changes, next).into_iter().find(|t| t.from == Some(end)) else { break };
        chain.push_back(after);
    }
    chain.into()
}

/// Returns the symbols that stand for no listing of their own any more as of an observation, with the symbol under
/// which their listing goes on.
///
/// A change counts as soon as the sources follow it: while they still show the old symbol, and before they show
/// the new one, the listing is where they say.
#[must_use]
pub fn successors(seen: &Observation, changes: &[SymbolChange]) -> BTreeMap<Symbol, Symbol> {
    let past = || changes.iter().filter(|change| change.date <= seen.session);
    let symbols: BTreeSet<&Symbol> = past().map(|change| &change.from).collect();
    let mut found = BTreeMap::new();
    for symbol in symbols.into_iter().filter(|symbol| !is_shown(seen, symbol)) {
        // The newest change is that of the newest owner; from there on it is one listing.
        let newest = past().filter(|c| c.from == *symbol).max_by_key(|c| c.date);
        let mut change = newest.filter(|change| !was_shown_since(seen, change));
        let mut last = None;
        while let Some(SymbolChange { date, to: Some(to), .. }) = change {
            if is_listed(seen, to) {
                last = Some(to);
            }
            change = past().filter(|c| c.from == *to && *date < c.date).min_by_key(|c| c.date);
        }
        if let Some(to) = last.filter(|to| *to != symbol) {
            found.insert(symbol.clone(), to.clone());
        }
    }
    found
}

/// Returns the symbols that others have since a session after `last`, without having been free in between, with the
/// symbol under which the former listing goes on; `None` where it ended.
///
/// As long as that one is not shown yet, the source is behind, and the symbol stands for what it stood for.
#[must_use]
pub fn taken_over(
    seen: &Observation,
    changes: &[SymbolChange],
    last: Option<Date>,
) -> BTreeMap<Symbol, Option<Symbol>> {
    let is_shown_as = |to: &Option<Symbol>| to.as_ref().is_none_or(|to| is_listed(seen, to));
    let is_followed = |change: &SymbolChange| {
        let left = |other: &&SymbolChange| other.date == change.date && change.to.as_ref() == Some(&other.from);
        is_shown_as(&change.to) && changes.iter().filter(left).all(|other| is_shown_as(&other.to))
    };
    let is_new = |change: &&SymbolChange| last < Some(change.date) && change.date <= seen.session;
    let given = changes.iter().filter(is_new).filter(|change| is_shown(seen, &change.from) && is_followed(change));
    given.map(|change| (change.from.clone(), change.to.clone())).collect()
}

/// Lets listings with a new symbol go on as what they were: they are as old as under the old one, and have its
/// shares and groups until the sources say their own.
pub fn carry_over(seen: &mut Observation, changes: &[SymbolChange]) {
    for (old, new) in successors(seen, changes) {
        let (Some(old), Some(new)) = (seen.position(&old), seen.position(&new)) else { continue };
        let since = |at: usize| seen.listing_date[at].or(seen.first_seen_session[at]);
        match (since(old), since(new)) {
            (Some(earlier), Some(own)) => seen.listing_date[new] = Some(earlier.min(own)),
            // Older than anything that is known of it.
            (None, Some(_)) => (seen.listing_date[new], seen.first_seen_session[new]) = (None, None),
            (_, None) => {}
        }
        if !is_cap_known(seen, new)
            && is_continued(seen.close[old].map(|p| p.dollars()), seen.close[new].map(|p| p.dollars()))
        {
            lend_shares(seen, old, new);
        }
        seen.sector.fill(new, old);
        seen.industry.fill(new, old);
    }
    // Who left a symbol to another is no newcomer. What else is known under the symbol may be the other one's already;
    // the shares are not where they and the last cap tell of a price that goes on.
    for (old, new) in taken_over(seen, changes, None) {
        let Some((old, new)) = seen.position(&old).zip(new.and_then(|new| seen.position(&new))) else { continue };
        seen.listing_date[new] = seen.listing_date[old].min(seen.listing_date[new]);
        seen.first_seen_session[new] = seen.first_seen_session[old].min(seen.first_seen_session[new]);
        let last_close = seen.recorded_cap[old].zip(seen.shares[old]).map(|(cap, shares)| cap.0 as f64 / shares as f64);
        if !is_cap_known(seen, new) && is_continued(last_close, seen.close[new].map(|price| price.dollars())) {
            lend_shares(seen, old, new);
        }
    }
}

/// Gives a listing the shares that it had under its old symbol. The cap that follows counts as recorded already: the
/// sources have not said it, and the next run would find it missing again.
fn lend_shares(seen: &mut Observation, old: usize, new: usize) {
    seen.shares[new] = seen.shares[old];
    seen.recorded_cap[new] =
        seen.close[new].zip(seen.shares[new]).and_then(|(close, shares)| close.times_shares(shares));
}

/// Whether an old symbol was shown when the new one was there already: for somebody else, who is missing lately.
fn was_shown_since(seen: &Observation, change: &SymbolChange) -> bool {
    let Some((old, to)) = seen.position(&change.from).zip(change.to.as_ref()) else { return false };
    // What was followed already is not active any more.
    if !seen.is_active[old] || seen.sessions_absent[old] >= DELISTED_AFTER_ABSENCES {
        return false;
    }
    let mut last = seen.session;
    for _ in 0..seen.sessions_absent[old] {
        last = previous_session(last);
    }
    let behind = (0..SOURCE_BEHIND_SESSIONS).fold(change.date, |day, _| next_session(day));
    let came = seen.position(to).and_then(|new| seen.first_seen_session[new]).unwrap_or(behind);
    came <= last
}

fn is_cap_known(seen: &Observation, at: usize) -> bool {
    seen.shares[at].is_some() || seen.recorded_cap[at].is_some_and(|cap| cap.0 > 0)
}

fn is_shown(seen: &Observation, symbol: &Symbol) -> bool {
    seen.position(symbol).is_some_and(|at| is_listed(seen, symbol) && seen.sessions_absent[at] == 0)
}

fn is_listed(seen: &Observation, symbol: &Symbol) -> bool {
    seen.position(symbol).is_some_and(|at| {
        seen.is_active[at]
            && seen.delisted_date[at].is_none_or(|delisted| seen.session < delisted)
            && seen.first_seen_session[at].is_none_or(|since| since <= seen.session)
            && seen.sessions_absent[at] < DELISTED_AFTER_ABSENCES
    })
}

/// Whether two figures may be those of one listing, a few sessions apart.
fn is_continued(before: Option<f64>, after: Option<f64>) -> bool {
    is_within(SAME_PRICE_FACTOR, before, after)
}

/// Whether both figures are known, and neither is more than so many times the other.
fn is_within(factor: f64, before: Option<f64>, after: Option<f64>) -> bool {
    let (Some(before), Some(after)) = (before, after) else { return false };
    before > 0.0 && after > 0.0 && (1.0 / factor..=factor).contains(&(after / before))
}

#[cfg(test)]
mod tests;
