//! Lives made by chance: days of a market, and what people do between them.

use std::fmt;

use jiff::civil::Date;
use proptest::prelude::*;
use universe_core::SnapshotRow;
use universe_core::planner::Holds;
use universe_testkit::builders::{stock, symbol};

pub(crate) const SYMBOLS: [&str; 12] = ["AA", "AB", "AC", "AD", "AE", "AF", "AG", "AH", "AI", "AJ", "AK", "AL"];
const SECTORS: [&str; 3] = ["Technology", "Finance", "Energy"];

/// Universes that people put their hands on.
pub(crate) const TOUCHED: [&str; 4] = ["mega_cap", "mid_cap", "top_10", "sector_energy"];

/// A day of the market, or the same session once more with other figures, and what somebody does before or after it.
#[derive(Clone)]
pub(crate) struct Day {
    /// What the source shows of each listing; `None` where it shows nothing.
    pub(crate) rows: Vec<Option<SnapshotRow>>,
    pub(crate) is_same_session: bool,
    pub(crate) holds: Holds,
    pub(crate) deed: Deed,
}

impl fmt::Debug for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let again = if self.is_same_session { "again" } else { "next" };
        write!(f, "{again} {:?} {:?}", self.holds, self.deed)?;
        for (row, text) in self.rows.iter().zip(SYMBOLS) {
            let Some(row) = row else { continue };
            let sector = row.listing.sector.as_deref().unwrap_or_default();
            write!(f, " {text}={}{}", row.listing.market_cap.map_or(0, |cap| cap.0 / 1_000_000), &sector[..1])?;
        }
        Ok(())
    }
}

/// What somebody does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Deed {
    Nothing,
    /// A listing has another symbol from the session on.
    Rename {
        listing: usize,
    },
    /// Somebody puts a listing in or leaves it out from the session on, for so many sessions.
    Override {
        listing: usize,
        universe: usize,
        is_member: bool,
        sessions: usize,
    },
    /// Somebody corrects the past of a listing, from so many sessions ago on, for so many.
    Correct {
        listing: usize,
        universe: usize,
        was_member: bool,
        ago: usize,
        sessions: usize,
    },
}

prop_compose! {
    fn any_row(symbol: &'static str)(
        // Around the breakpoints, so that crossings are common.
        millions in prop::sample::select(vec![40, 60, 290, 310, 1_900, 2_100, 9_000, 11_000, 190_000, 210_000]),
        sector in prop::sample::select(SECTORS.to_vec()),
        is_shown in prop::bool::weighted(0.9),
    ) -> Option<SnapshotRow> {
        let mut row = stock(symbol, 1.0, millions);
        row.listing.sector = Some(sector.to_owned());
        is_shown.then_some(row)
    }
}

fn any_deed() -> impl Strategy<Value = Deed> {
    let listing = || 0..SYMBOLS.len();
    let universe = || 0..TOUCHED.len();
    prop_oneof![
        3 => Just(Deed::Nothing),
        1 => listing().prop_map(|listing| Deed::Rename { listing }),
        1 => (listing(), universe(), any::<bool>(), 1..3_usize).prop_map(|(listing, universe, is_member, sessions)| {
            Deed::Override { listing, universe, is_member, sessions }
        }),
        2 => (listing(), universe(), any::<bool>(), 1..5_usize, 1..4_usize).prop_map(
            |(listing, universe, was_member, ago, sessions)| Deed::Correct {
                listing, universe, was_member, ago, sessions,
            }
        ),
    ]
}

prop_compose! {
    pub(crate) fn any_day()(
        rows in SYMBOLS.into_iter().map(any_row).collect::<Vec<_>>(),
        is_same_session in prop::bool::weighted(0.2),
        is_waiting in prop::bool::weighted(0.2),
        deed in any_deed(),
    ) -> Day {
        Day { rows, is_same_session, holds: if is_waiting { Holds::Wait } else { Holds::Release }, deed }
    }
}

/// Makes days of what was drawn: a source that shows a session again shows whom it showed before.
pub(crate) fn in_order(mut days: Vec<Day>) -> Vec<Day> {
    for at in 1..days.len() {
        if days[at].is_same_session {
            let before = days[at - 1].rows.clone();
            for (row, before) in days[at].rows.iter_mut().zip(before) {
                *row = row.take().or(before);
            }
        }
    }
    days
}

/// Returns the rows of a day under the symbols of then.
pub(crate) fn rows_under(day: &Day, symbols: &[String]) -> Vec<SnapshotRow> {
    let named = |(row, text): (&Option<SnapshotRow>, &String)| {
        let mut row = row.clone()?;
        row.listing.symbol = symbol(text);
        Some(row)
    };
    day.rows.iter().zip(symbols).filter_map(named).collect()
}

/// Returns the session so many before the last one, or the first.
pub(crate) fn sessions_ago(sessions: &[Date], ago: usize) -> Date {
    sessions[sessions.len().saturating_sub(1 + ago)]
}
