//! What a run decided by, kept small: the market cap and the sector of each listing.
//!
//! One blob goes with each run. An answer about its session has these figures and the order that follows from them,
//! whatever prices were corrected since.

use jiff::civil::Date;
use universe_core::plan::Plan;
use universe_core::{Symbol, Usd};

use crate::StoreError;
use crate::compact::{CompactError, Payload, Unfolded, put, put_text, seal, shared_len, unseal};

/// The first byte: which format the rest has.
const VERSION: u8 = 1;

/// The figures of one run, as they are stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunFigures {
    /// The number of the run.
    pub run_number: i64,
    /// The session that they are of.
    pub session: Date,
    pub(crate) blob: Vec<u8>,
}

/// What a run knew of one listing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figure<'f> {
    /// Its market cap, in dollars; `None` where there was no price or no number of shares.
    pub market_cap: Option<Usd>,
    /// Its sector.
    pub sector: Option<&'f str>,
}

impl RunFigures {
    /// Returns what a plan decided by as it is stored; `None` where it looked at no listings.
    pub(crate) fn encode(plan: &Plan) -> Option<Vec<u8>> {
        let sector_of = |listing: usize| plan.sectors.code(listing).map_or(0, |code| code as u64 + 1);
        let cap_of = |listing: usize| plan.caps[listing].map_or(0, |cap| cap.0.max(0).cast_unsigned());
        let mut listings: Vec<usize> =
            (0..plan.sectors.len()).filter(|listing| cap_of(*listing) != 0 || sector_of(*listing) != 0).collect();
        if listings.is_empty() {
            return None;
        }
        listings.sort_unstable_by(|a, b| plan.symbols[*a].cmp(&plan.symbols[*b]));
        let mut payload = Vec::with_capacity(listings.len() * 12);
        put(&mut payload, plan.sectors.values().len() as u64);
        for sector in plan.sectors.values() {
            put_text(&mut payload, sector);
        }
        put(&mut payload, listings.len() as u64);
        let mut last = "";
        for listing in listings {
            let symbol = plan.symbols[listing].as_str();
            let shared = shared_len(last, symbol);
            put(&mut payload, shared as u64);
            put_text(&mut payload, &symbol[shared..]);
            put(&mut payload, cap_of(listing));
            put(&mut payload, sector_of(listing));
            last = symbol;
        }
        Some(seal(VERSION, &payload))
    }

    /// Returns what is known of listings, in their order.
    ///
    /// # Errors
    /// When the blob has another version, or a byte of it is not as it was written.
    pub fn of<'s>(&self, symbols: impl IntoIterator<Item = &'s Symbol>) -> Result<Vec<Figure<'_>>, StoreError> {
        self.find(symbols).map_err(|error| StoreError::Inconsistent {
            table: "run_figure",
            detail: format!("the figures of run {} ({}) cannot be read: {error}", self.run_number, self.session),
        })
    }

    fn find<'s>(&self, symbols: impl IntoIterator<Item = &'s Symbol>) -> Result<Vec<Figure<'_>>, CompactError> {
        let symbols: Vec<&Symbol> = symbols.into_iter().collect();
        let mut figures = vec![Figure::default(); symbols.len()];
        // Both are gone through in order of symbol.
        let mut places: Vec<usize> = (0..symbols.len()).collect();
        places.sort_unstable_by(|a, b| symbols[*a].cmp(symbols[*b]));
        let mut places = places.into_iter().peekable();
        let mut left = Payload(unseal(VERSION, &self.blob)?);
        let sectors = (0..left.length()?).map(|_| left.text()).collect::<Result<Vec<_>, _>>()?;
        let mut unfolded = Unfolded::default();
        for _ in 0..left.length()? {
            let (shared, tail) = (left.length()?, left.length()?);
            let symbol = unfolded.next(shared, left.bytes(tail)?)?;
            let (market_cap, sector) = (left.positive()?.map(Usd), left.length()?);
            while places.next_if(|place| symbols[*place].as_str().as_bytes() < symbol).is_some() {}
            while let Some(place) = places.next_if(|place| symbols[*place].as_str().as_bytes() == symbol) {
                let sector = match sector.checked_sub(1) {
                    Some(code) => Some(*sectors.get(code).ok_or(CompactError::Damaged("the number of a sector"))?),
                    None => None,
                };
                figures[place] = Figure { market_cap, sector };
            }
            if places.peek().is_none() {
                break;
            }
        }
        Ok(figures)
    }
}

#[cfg(test)]
mod tests;
