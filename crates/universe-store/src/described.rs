//! What is said about listings beside their symbols, from rows that either database read.

use jiff::civil::Date;
use universe_core::{Price, Symbol, Usd};

use crate::FigureRecord;
use crate::as_of_facts::FactsFound;

/// What reference data and prices say about a listing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Description {
    pub(crate) company_name: Option<String>,
    pub(crate) recorded_cap: Option<Usd>,
    pub(crate) sector: Option<String>,
    pub(crate) shares: Option<i64>,
    pub(crate) last_seen: Option<Date>,
    /// The latest close not later than the session that is asked about.
    pub(crate) close: Option<Price>,
}

/// Returns the listings, by their places, that a snapshot after the session has shown: their rows may say too much.
pub(crate) fn shown_later(descriptions: &[Description], session: Date) -> Vec<usize> {
    (0..descriptions.len()).filter(|at| Some(session) < descriptions[*at].last_seen).collect()
}

/// Returns the symbols at some places.
pub(crate) fn symbols_at<'s>(symbols: &'s [Symbol], places: &[usize]) -> Vec<&'s Symbol> {
    places.iter().map(|place| &symbols[*place]).collect()
}

/// Puts together what is said about listings, with the facts of their time for those shown later.
pub(crate) fn described(
    mut descriptions: Vec<Description>,
    shown_later: &[usize],
    found: &FactsFound,
) -> Vec<FigureRecord> {
    for (wanted, place) in shown_later.iter().enumerate() {
        // Where no snapshot of then has it, what is known now is better than nothing.
        if let Some(facts) = found.facts(wanted) {
            let description = &mut descriptions[*place];
            description.shares = facts.shares;
            description.sector = facts.sector.map(str::to_owned);
            description.recorded_cap =
                description.recorded_cap.filter(|_| facts.shares.is_some()).or(facts.recorded_cap);
        }
    }
    let record = |known: Description| FigureRecord {
        market_cap: fresh_cap(&known).or(known.recorded_cap),
        company_name: known.company_name,
        sector: known.sector,
    };
    descriptions.into_iter().map(record).collect()
}

fn fresh_cap(known: &Description) -> Option<Usd> {
    let shares = known.shares.filter(|shares| 0 < *shares)?;
    known.close.filter(|close| 0 < close.micros())?.times_shares(shares)
}
