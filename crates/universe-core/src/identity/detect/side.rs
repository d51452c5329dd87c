//! One side of a change: a listing as it was known, or as the snapshot shows it.

use jiff::civil::Date;

use crate::planner::company_and_class;
use crate::{Observation, Price, SecurityType, SnapshotRow, Symbol, Usd};

/// Shares told by cap and price may differ by this share of them, and by so many, and are the same.
const SAME_SHARES: (f64, f64) = (1e-6, 2.0);

/// Shares that are a multiple of this say nothing: companies that were founded to be merged have the same ones.
const ROUND_SHARES: i64 = 250;

/// How the shares of trusts and funds are called.
const SHARES_OF_TRUST: &str = "shares of beneficial";

/// A listing that is not in the snapshot any more, or was not before.
#[derive(Clone, Debug)]
pub(super) struct Side<'a> {
    pub(super) symbol: &'a Symbol,
    pub(super) name: &'a str,
    pub(super) company: String,
    /// What kind and class the name says; empty where it is bare, as names often are on the first day.
    pub(super) class: String,
    pub(super) kind: SecurityType,
    pub(super) exchange: Option<&'a str>,
    pub(super) ipo_year: Option<i16>,
    pub(super) close: Option<f64>,
    pub(super) volume: Option<i64>,
    pub(super) shares: Option<i64>,
    pub(super) cap: Option<Usd>,
    /// How many snapshots before this one have not shown it.
    pub(super) absent: u16,
    /// How many snapshots before this one have shown it, and when the first did.
    pub(super) age: u16,
    pub(super) first_seen: Option<Date>,
}

pub(super) fn side_of_known(known: &Observation, at: usize) -> Option<Side<'_>> {
    let name = known.company_name.value(at)?;
    let (company, class) = parts(name);
    let (close, shares) = (known.close[at], known.shares[at].filter(|shares| *shares > 0));
    let cap = close.zip(shares).and_then(|(close, shares)| close.times_shares(shares)).or(known.recorded_cap[at]);
    Some(Side {
        symbol: &known.symbol[at],
        name,
        company,
        class,
        kind: known.security_type[at],
        exchange: known.exchange.value(at),
        ipo_year: known.ipo_year[at],
        close: close.map(Price::dollars),
        volume: known.volume[at],
        shares,
        cap: cap.filter(|cap| cap.0 > 0),
        absent: known.sessions_absent[at],
        age: 0,
        first_seen: None,
    })
}

pub(super) fn side_of_row(row: &SnapshotRow) -> Option<Side<'_>> {
    let (listing, symbol) = (&row.listing, &row.listing.symbol);
    let name = listing.company_name.as_deref()?;
    let (company, class) = parts(name);
    let classify = || SecurityType::classify(symbol, name, listing.industry.as_deref());
    Some(Side {
        symbol,
        name,
        company,
        class,
        kind: listing.security_type.unwrap_or_else(classify),
        exchange: listing.exchange.as_deref(),
        ipo_year: listing.ipo_year,
        close: row.close.map(Price::dollars),
        volume: row.volume,
        shares: listing.weighted_shares_outstanding.filter(|shares| *shares > 0),
        cap: listing.market_cap.filter(|cap| cap.0 > 0),
        absent: 0,
        age: 0,
        first_seen: None,
    })
}

fn parts(name: &str) -> (String, String) {
    let lower = name.to_lowercase();
    company_and_class(lower.find(SHARES_OF_TRUST).map_or(lower.as_str(), |end| &lower[..end]))
}

impl Side<'_> {
    /// Whether both have exactly the same shares, however often those occur.
    pub(super) fn has_shares_of(&self, other: &Self) -> bool {
        let (Some(one), Some(two)) = (self.shares, other.shares) else { return false };
        let (share, count) = SAME_SHARES;
        (one as f64 - two as f64).abs() <= count.max(share * one as f64)
    }

    /// Whether its shares are as many as others may have.
    pub(super) fn has_round_shares(&self) -> bool {
        self.shares.is_some_and(|shares| shares % ROUND_SHARES == 0)
    }

    /// Whether it is common stock, or receipts of it.
    pub(super) const fn is_stock(&self) -> bool {
        matches!(self.kind, SecurityType::Cs | SecurityType::Adrc)
    }

    /// Whether its name is the company's alone: it is then taken for common stock, and may be anything.
    pub(super) fn is_bare(&self) -> bool {
        self.kind == SecurityType::Cs && self.class.is_empty()
    }

    /// Whether both may be of one kind.
    pub(super) fn is_of_kind(&self, other: &Self) -> bool {
        self.kind == other.kind || (self.is_stock() && other.is_stock()) || other.is_bare()
    }

    /// Whether the names leave it open that both are of one class.
    pub(super) fn may_be_of_class(&self, other: &Self) -> bool {
        let letter = |side: &Self| {
            let at = ["class", "series"].iter().find_map(|word| side.class.find(word).map(|at| at + word.len()))?;
            side.class[at..].chars().next()
        };
        letter(self).zip(letter(other)).is_none_or(|(one, two)| one == two)
    }

    /// Whether the years of their public offerings leave it open that both are one listing.
    pub(super) fn may_be_of_year(&self, other: &Self) -> bool {
        self.ipo_year.zip(other.ipo_year).is_none_or(|(one, two)| one == two)
    }
}
