//! Symbol changes found by comparing a snapshot with what was known before.
//!
//! Evidence goes from strong to weak, and what is paired by the one is no candidate for the next. Wherever two
//! lines might be meant, nothing is proposed: a change that is missed can be told by a table, and two companies that
//! are taken for one spoil both histories.

mod names;
mod pairing;
mod side;

use std::collections::BTreeSet;

use jiff::civil::Date;

use super::{SAME_EVENT_DAYS, SymbolChange, is_continued, is_within};
use crate::planner::DELISTED_AFTER_ABSENCES;
use crate::{Observation, Snapshot, SnapshotRow, Symbol, next_session};
use names::Names;
use pairing::Pairing;
use side::{Side, side_of_known, side_of_row};

/// A listing goes on under another symbol only when not more than so many snapshots before showed neither.
const GAP_SNAPSHOTS_MAX: u16 = 5;

/// A symbol with another company's name that was gone for so many snapshots was given again, whatever its price.
const REUSED_AFTER_SNAPSHOTS: u16 = 60;

/// A close that moves more than so many times between two snapshots may be another listing's.
const BROKEN_PRICE_FACTOR: f64 = 1.25;

/// Finds the symbols that stand for another listing in a snapshot than before, in order of session and symbol.
///
/// `known` is what was known as of the newest snapshot before, with names and exchanges. What is recorded of an event
/// already, by a table above all, is not proposed again.
#[must_use]
pub fn detect(known: &Observation, snapshot: &Snapshot, recorded: &[SymbolChange]) -> Vec<SymbolChange> {
    let came: Vec<Side<'_>> = snapshot.rows.iter().filter_map(|row| newcomer(known, row)).collect();
    if came.is_empty() {
        return Vec::new();
    }
    let taken_over: Vec<Side<'_>> = snapshot.rows.iter().filter_map(|row| former_owner(known, row)).collect();
    let returned: Vec<&Symbol> =
        came.iter().filter(|side| is_of_another(known, side)).map(|side| side.symbol).collect();
    let given_away: Vec<&Symbol> = taken_over.iter().map(|side| side.symbol).collect();
    let shown: BTreeSet<&Symbol> = snapshot.rows.iter().map(|row| &row.listing.symbol).collect();
    let gone: Vec<Side<'_>> = (0..known.len())
        .filter(|at| known.sessions_absent[*at] <= GAP_SNAPSHOTS_MAX && !shown.contains(&known.symbol[*at]))
        .filter_map(|at| side_of_known(known, at))
        .collect();

    let names = Names::of(known, snapshot);
    let mut pairing = Pairing::new(taken_over, came, &names);
    pairing.by_takeover();
    pairing.replace_gone(gone);
    pairing.by_name();
    pairing.by_volume();
    pairing.by_shares();
    pairing.by_word();
    pairing.by_year(snapshot.session.year());
    pairing.by_size();
    pairing.by_company();

    let change = |from: &Symbol, to: Option<&Symbol>, date| SymbolChange { date, from: from.clone(), to: to.cloned() };
    let first = |side: &Side<'_>| side.first_seen.unwrap_or(snapshot.session);
    let mut found: Vec<SymbolChange> =
        pairing.pairs.iter().map(|(old, new)| change(old.symbol, Some(new.symbol), first(new))).collect();
    let is_explained =
        |symbol: &Symbol| pairing.pairs.iter().any(|(old, new)| old.symbol == symbol || new.symbol == symbol);
    let reused = returned.into_iter().chain(given_away).filter(|symbol| !is_explained(symbol));
    found.extend(reused.map(|symbol| change(symbol, None, snapshot.session)));
    found.retain(|change| {
        !recorded.iter().any(|other| {
            // The symbol that a listing got lately is its own.
            let is_begun = change.to.is_none() && other.to.as_ref() == Some(&change.from);
            change.is_about(other) || is_begun && (change.date - other.date).get_days().abs() <= SAME_EVENT_DAYS
        })
    });
    found.sort();
    found
}

/// Returns the side of a row whose symbol is new, or so new that only now more is known of it than a price.
fn newcomer<'a>(known: &'a Observation, row: &'a SnapshotRow) -> Option<Side<'a>> {
    let at = known.position(&row.listing.symbol).filter(|at| is_listed(known, *at));
    let Some(at) = at.filter(|_| former_owner(known, row).is_none()) else { return side_of_row(row) };
    // Two of three newcomers have no cap on their first day; with the cap the shares are known, and tell most.
    let first_seen = known.first_seen_session[at]?;
    let age = sessions_between(first_seen, known.session)?;
    let was_unknown = known.shares[at].is_none_or(|shares| shares <= 0);
    let side = side_of_row(row).filter(|side| was_unknown && side.shares.is_some())?;
    Some(Side { age, first_seen: Some(first_seen), ..side })
}

fn is_listed(known: &Observation, at: usize) -> bool {
    known.is_active[at] && known.sessions_absent[at] < DELISTED_AFTER_ABSENCES
}

/// Counts the sessions from one to another, both of them; `None` when there are too many for a newcomer.
fn sessions_between(first: Date, last: Date) -> Option<u16> {
    let mut day = first;
    for count in 1..=GAP_SNAPSHOTS_MAX {
        if day >= last {
            return Some(count);
        }
        day = next_session(day);
    }
    None
}

/// Returns the listing that a symbol stood for until now, where the snapshot shows it for a new one without a gap:
/// the year of its public offering is a new one, and neither price nor shares go on.
fn former_owner<'a>(known: &'a Observation, row: &'a SnapshotRow) -> Option<Side<'a>> {
    let at = known.position(&row.listing.symbol).filter(|at| is_listed(known, *at))?;
    // Sources correct these years often; a new listing's is this year, or the last one in January.
    let new_year = row.listing.ipo_year.filter(|year| known.session.year() - 1 <= *year)?;
    if known.ipo_year[at].is_some_and(|old_year| new_year <= old_year) {
        return None;
    }
    let (before, after) = (side_of_known(known, at)?, side_of_row(row)?);
    let has_other_shares = before.shares.is_some() && !before.has_shares_of(&after);
    let is_broken = before.close.is_some() && !is_within(BROKEN_PRICE_FACTOR, before.close, after.close);
    (has_other_shares && is_broken).then_some(before)
}

/// Whether a symbol that comes back is another company's: by name, and by a long gap or another price.
fn is_of_another(known: &Observation, side: &Side<'_>) -> bool {
    let Some(before) = known.position(side.symbol).and_then(|at| side_of_known(known, at)) else { return false };
    before.company != side.company
        && before.absent >= DELISTED_AFTER_ABSENCES
        && (before.absent >= REUSED_AFTER_SNAPSHOTS || !is_continued(before.close, side.close))
}
