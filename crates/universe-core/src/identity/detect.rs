//! Symbol changes found by comparing a snapshot with what was known before: by name, price and cap.
//!
//! Measured on two years of daily snapshots of the US market: nothing that is proposed by name is wrong. What is
//! proposed by figures alone was, until it had to follow at once, nearly at one price, and be the only candidate.

use std::collections::{BTreeMap, BTreeSet};

use super::{SymbolChange, is_continued, is_within};
use crate::planner::{DELISTED_AFTER_ABSENCES, company_and_class};
use crate::{Observation, SecurityType, Snapshot, SnapshotRow, Symbol, Usd};

/// A listing goes on under another symbol only when not more than so many snapshots before showed neither.
const GAP_SNAPSHOTS_MAX: u16 = 5;

/// A symbol with another company's name that was gone for so many snapshots was given again, whatever its price.
const REUSED_AFTER_SNAPSHOTS: u16 = 60;

/// Without a name in common, the shares may differ by this share: a cap divided by a rounded price.
const SAME_SHARES_SHARE: f64 = 0.001;

/// Without a name in common, neither close may be more than so many times the other.
const NAMELESS_PRICE_FACTOR: f64 = 1.2;

/// Without a name in common, a listing must be so large: the shares of small ones are round numbers.
const NAMELESS_CAP_MIN: i64 = 300_000_000;

/// A word in the names of companies that have so many shares at so much as others of their kind.
const SHELL_WORD: &str = "acquisition";

/// A listing that is not in the snapshot any more, or was not before.
struct Side<'a> {
    symbol: &'a Symbol,
    name: &'a str,
    company: String,
    class: String,
    kind: SecurityType,
    close: Option<f64>,
    shares: Option<i64>,
    cap: Option<Usd>,
    /// How many snapshots before this one have not shown it.
    absent: u16,
}

/// Finds the symbols that stand for another listing in a snapshot than before, in order of symbol.
///
/// `known` is what was known as of the newest snapshot before, with names. What is recorded of an event already,
/// by a table above all, is not proposed again.
#[must_use]
pub fn detect(known: &Observation, snapshot: &Snapshot, recorded: &[SymbolChange]) -> Vec<SymbolChange> {
    let shown: BTreeSet<&Symbol> = snapshot.rows.iter().map(|row| &row.listing.symbol).collect();
    let gone: Vec<Side<'_>> = (0..known.len())
        .filter(|at| known.sessions_absent[*at] <= GAP_SNAPSHOTS_MAX && !shown.contains(&known.symbol[*at]))
        .filter_map(|at| side_of_known(known, at))
        .collect();
    let came: Vec<Side<'_>> =
        snapshot.rows.iter().filter(|row| is_new(known, &row.listing.symbol)).filter_map(side_of_row).collect();
    let mut pairs = by_name(&gone, &came);
    let paired: BTreeSet<&Symbol> = pairs.iter().flat_map(|(old, new)| [*old, *new]).collect();
    let is_left = |side: &&Side<'_>| !paired.contains(side.symbol);
    pairs.extend(by_figures(gone.iter().filter(is_left).collect(), came.iter().filter(is_left).collect()));
    let date = snapshot.session;
    let renamed = pairs.iter().map(|(from, to)| SymbolChange { date, from: (*from).clone(), to: Some((*to).clone()) });
    let taken: BTreeSet<&Symbol> = pairs.iter().map(|(_, to)| *to).collect();
    let reused = came
        .iter()
        .filter(|side| !taken.contains(side.symbol) && is_of_another(known, side))
        .map(|side| SymbolChange { date, from: side.symbol.clone(), to: None });
    let mut found: Vec<SymbolChange> = renamed.chain(reused).collect();
    found.retain(|change| {
        !recorded.iter().any(|other| {
            // The symbol that a listing got lately is its own.
            let is_begun = change.to.is_none() && other.to.as_ref() == Some(&change.from);
            change.is_about(other) || is_begun && (change.date - other.date).get_days().abs() <= super::SAME_EVENT_DAYS
        })
    });
    found.sort();
    found
}

fn is_new(known: &Observation, symbol: &Symbol) -> bool {
    known.position(symbol).is_none_or(|at| !known.is_active[at] || known.sessions_absent[at] >= DELISTED_AFTER_ABSENCES)
}

fn side_of_known(known: &Observation, at: usize) -> Option<Side<'_>> {
    let (name, symbol) = (known.company_name.value(at)?, &known.symbol[at]);
    let (company, class) = company_and_class(name);
    let (close, shares) = (known.close[at], known.shares[at].filter(|shares| *shares > 0));
    let cap = close.zip(shares).and_then(|(close, shares)| close.times_shares(shares)).or(known.recorded_cap[at]);
    let (kind, close) = (known.security_type[at], close.map(crate::Price::dollars));
    let (cap, absent) = (cap.filter(|cap| cap.0 > 0), known.sessions_absent[at]);
    Some(Side { symbol, name, company, class, kind, close, shares, cap, absent })
}

fn side_of_row(row: &SnapshotRow) -> Option<Side<'_>> {
    let (listing, symbol) = (&row.listing, &row.listing.symbol);
    let name = listing.company_name.as_deref()?;
    let (company, class) = company_and_class(name);
    let classify = || SecurityType::classify(symbol, name, listing.industry.as_deref());
    Some(Side {
        symbol,
        name,
        company,
        class,
        kind: listing.security_type.unwrap_or_else(classify),
        close: row.close.map(crate::Price::dollars),
        shares: listing.weighted_shares_outstanding.filter(|shares| *shares > 0),
        cap: listing.market_cap.filter(|cap| cap.0 > 0),
        absent: 0,
    })
}

/// The lines of one company and kind that went, and those that came.
type Lines<'s, 'a> = (Vec<&'s Side<'a>>, Vec<&'s Side<'a>>);

/// Pairs what has one company's name, kind and class, and nearly one price or cap.
fn by_name<'a>(gone: &[Side<'a>], came: &[Side<'a>]) -> Vec<(&'a Symbol, &'a Symbol)> {
    let mut companies: BTreeMap<(&str, &str), Lines<'_, 'a>> = BTreeMap::new();
    for side in came.iter().filter(|side| !side.company.is_empty()) {
        companies.entry((&side.company, side.kind.code())).or_default().1.push(side);
    }
    for side in gone {
        if let Some((before, _)) = companies.get_mut(&(side.company.as_str(), side.kind.code())) {
            before.push(side);
        }
    }
    let mut pairs = Vec::new();
    for (before, after) in companies.values() {
        for old in before {
            let fits = |new: &Side<'_>| {
                let is_one = before.len() == 1 && after.len() == 1;
                // Sources leave the class out now and then; among several lines that is not enough.
                let same_class = match is_one {
                    true => old.class == new.class || old.class.is_empty() || new.class.is_empty(),
                    false => old.class == new.class && !old.class.is_empty(),
                };
                let cap = |side: &Side<'_>| side.cap.map(|cap| cap.0 as f64);
                same_class && (is_continued(old.close, new.close) || is_continued(cap(old), cap(new)))
            };
            let twins = before.iter().filter(|other| other.class == old.class).count();
            let mut found = after.iter().filter(|new| fits(new));
            if let (Some(new), None, 1) = (found.next(), found.next(), twins) {
                pairs.push((old.symbol, new.symbol));
            }
        }
    }
    pairs
}

/// Pairs large companies that got a new name as well: with the same shares at nearly the same price, and no other
/// listing that might be meant.
fn by_figures<'a>(gone: Vec<&Side<'a>>, came: Vec<&Side<'a>>) -> Vec<(&'a Symbol, &'a Symbol)> {
    let is_meant = |side: &&Side<'_>| {
        side.cap.is_some_and(|cap| cap.0 >= NAMELESS_CAP_MIN)
            && matches!(side.kind, SecurityType::Cs | SecurityType::Adrc)
            && side.absent == 0
            && !side.name.to_lowercase().contains(SHELL_WORD)
    };
    let fits = |old: &Side<'_>, new: &Side<'_>| {
        let (Some(before), Some(after)) = (old.shares, new.shares) else { return false };
        let differs = (before as f64 - after as f64).abs() / before as f64;
        // Two lines of one company show its whole cap; their names tell them apart.
        let same_kind = old.kind == new.kind && old.company != new.company;
        same_kind && differs <= SAME_SHARES_SHARE && is_within(NAMELESS_PRICE_FACTOR, old.close, new.close)
    };
    let mut pairs = Vec::new();
    for old in gone.iter().filter(|side| is_meant(side)) {
        let mut found = came.iter().filter(|new| fits(old, new));
        // Shells and others that are not meant are candidates all the same: then nothing is certain.
        if let (Some(new), None) = (found.next(), found.next())
            && is_meant(new)
            && gone.iter().filter(|other| fits(other, new)).count() == 1
        {
            pairs.push((old.symbol, new.symbol));
        }
    }
    pairs
}

/// Whether a symbol that comes back is another company's: by name, and by a long gap or another price.
fn is_of_another(known: &Observation, side: &Side<'_>) -> bool {
    let Some(before) = known.position(side.symbol).and_then(|at| Some((at, side_of_known(known, at)?))) else {
        return false;
    };
    let (at, before) = before;
    before.company != side.company
        && known.sessions_absent[at] >= DELISTED_AFTER_ABSENCES
        && (known.sessions_absent[at] >= REUSED_AFTER_SNAPSHOTS || !is_continued(before.close, side.close))
}
