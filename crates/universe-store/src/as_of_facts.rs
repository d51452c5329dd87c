//! The facts of a session when later snapshots are loaded already: what was known then, and nothing more.
//!
//! `symbols` holds what is known now. Where a snapshot later than the asked session has shown a listing, its row
//! may say what nobody knew in that session; what it says is then replaced by what the newest snapshot up to the
//! session said. Both databases hand over the snapshots as they read them.

use std::collections::BTreeMap;

use jiff::civil::Date;
use universe_core::planner::DELISTED_AFTER_ABSENCES;
use universe_core::{Observation, ObservedListing, Symbol};

use crate::StoreError;
use crate::snapshot_facts::{Facts, SnapshotFacts, unreadable};

/// So many snapshots are looked back on; who is in none of them has been delisted for it by then.
pub(crate) const SNAPSHOTS_BACK: usize = 12;

/// So many rows hold as many snapshots, with a second source for each.
pub(crate) const SNAPSHOT_ROWS_MAX: u32 = 24;

/// The facts of one snapshot as they are stored.
pub(crate) struct SnapshotBlob {
    pub(crate) session: Date,
    pub(crate) facts: Vec<u8>,
}

/// What was known of some listings as of a session.
#[derive(Debug, Default)]
pub(crate) struct FactsFound {
    snapshots: Vec<SnapshotFacts>,
    /// For each listing that was looked for, where it was found.
    places: Vec<Option<Place>>,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    snapshot: usize,
    row: usize,
    /// How many sessions with snapshots came after this one, up to the one that is looked back from.
    absent: u16,
}

/// Looks for listings in snapshots, newest first, until all are found or enough snapshots were seen.
///
/// # Errors
/// When a snapshot cannot be read.
pub(crate) fn look_back<E: From<StoreError>>(
    wanted: &[&Symbol],
    newest_first: impl IntoIterator<Item = Result<SnapshotBlob, E>>,
) -> Result<FactsFound, E> {
    let mut found = FactsFound { snapshots: Vec::new(), places: vec![None; wanted.len()] };
    let mut missing: Vec<usize> = (0..wanted.len()).collect();
    let (mut sessions, mut last) = (0, None);
    let mut newest_first = newest_first.into_iter();
    while !missing.is_empty()
        && let Some(blob) = newest_first.next().transpose()?
    {
        if last != Some(blob.session) {
            (sessions, last) = (sessions + 1, Some(blob.session));
        }
        if SNAPSHOTS_BACK < sessions {
            break;
        }
        let snapshot = SnapshotFacts::decode(&blob.facts).map_err(|error| unreadable(blob.session, &error))?;
        let (at, absent) = (found.snapshots.len(), u16::try_from(sessions - 1).unwrap_or(u16::MAX));
        missing.retain(|listing| {
            let row = snapshot.position(wanted[*listing]);
            found.places[*listing] = row.map(|row| Place { snapshot: at, row, absent });
            row.is_none()
        });
        found.snapshots.push(snapshot);
    }
    Ok(found)
}

impl FactsFound {
    /// Returns what was known of the listing that was looked for at this place; `None` where no snapshot shows it.
    pub(crate) fn facts(&self, wanted: usize) -> Option<Facts<'_>> {
        self.places[wanted].map(|place| self.at(place))
    }

    fn at(&self, place: Place) -> Facts<'_> {
        self.snapshots[place.snapshot].facts(place.row)
    }

    /// Returns whether a listing was looked for in vain.
    pub(crate) fn is_incomplete(&self) -> bool {
        self.places.iter().any(Option::is_none)
    }
}

/// Replaces what is known now by what was known at the session of the observation.
///
/// `shown_later` are the listings, ascending, that a later snapshot has shown; `found` is what was found for
/// each of them.
///
/// A listing that no snapshot had shown and that had no price was not on the market yet: it is left out, as if
/// nobody had heard of it, since nobody had. One that had been there and was gone is not active: so it leaves
/// its universes and is not recorded as delisted, which it no longer is.
pub(crate) fn as_of_session(seen: &Observation, shown_later: &[usize], found: &FactsFound) -> Observation {
    let mut then = Observation::empty(seen.session);
    let mut kept = Vec::with_capacity(seen.len());
    let mut later = shown_later.iter().zip(&found.places).enumerate().peekable();
    for at in 0..seen.len() {
        let now = listing(seen, at);
        let observed = match later.next_if(|(_, (listing, _))| **listing == at) {
            None => Some(now),
            Some((_, (_, Some(place)))) => Some(shown(now, found.at(*place), *place, seen.session)),
            Some((_, (_, None))) => now.close.is_some().then_some(ObservedListing { is_active: false, ..now }),
        };
        if let Some(observed) = observed {
            then.push(observed);
            kept.push(at);
        }
    }
    let column = |values: &Vec<Option<f64>>| -> Vec<Option<f64>> { kept.iter().map(|at| values[*at]).collect() };
    let facts = seen.facts.iter().map(|(field, values)| (field.clone(), column(values)));
    // A figure that no listing has is not there at all, as with any observation.
    then.facts = facts.filter(|(_, values)| values.iter().any(Option::is_some)).collect::<BTreeMap<_, _>>();
    then.returns.clone_from(&seen.returns);
    then
}

/// A listing as the newest snapshot showed it that had shown it then.
fn shown<'a>(now: ObservedListing<'a>, facts: Facts<'a>, place: Place, session: Date) -> ObservedListing<'a> {
    // Absent for so long it was delisted then, although it came back later: not being active takes it out of its
    // universes, and its reference data, which is later, is left alone.
    let is_gone = DELISTED_AFTER_ABSENCES <= place.absent;
    let is_delisted = now.delisted_date.is_some_and(|delisted| delisted <= session);
    ObservedListing {
        security_type: facts.security_type.or(now.security_type),
        is_active: !is_gone && !is_delisted,
        sessions_absent: place.absent,
        ipo_year: facts.ipo_year,
        // What is recorded now may come from a later snapshot. It does no harm beside shares, which a fresh cap
        // is calculated from; without them it would decide.
        recorded_cap: if facts.shares.is_some() { now.recorded_cap } else { facts.recorded_cap },
        shares: facts.shares,
        exchange: facts.exchange,
        sector: facts.sector,
        industry: facts.industry,
        country: facts.country,
        ..now
    }
}

/// A listing as it was observed.
fn listing(seen: &Observation, at: usize) -> ObservedListing<'_> {
    ObservedListing {
        symbol: seen.symbol[at].clone(),
        company_name: seen.company_name.value(at),
        security_type: Some(seen.security_type[at].code()),
        is_active: seen.is_active[at],
        delisted_date: seen.delisted_date[at],
        listing_date: seen.listing_date[at],
        first_seen_session: seen.first_seen_session[at],
        sessions_absent: seen.sessions_absent[at],
        ipo_year: seen.ipo_year[at],
        recorded_cap: seen.recorded_cap[at],
        shares: seen.shares[at],
        close: seen.close[at],
        volume: seen.volume[at],
        exchange: seen.exchange.value(at),
        sector: seen.sector.value(at),
        industry: seen.industry.value(at),
        country: seen.country.value(at),
        currency: seen.currency.value(at),
        etf_type: seen.etf_type.value(at),
        issuer: seen.issuer.value(at),
        aum_millions: seen.aum_millions[at],
    }
}

#[cfg(test)]
mod tests;
