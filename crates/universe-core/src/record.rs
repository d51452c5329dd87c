//! What feeds hand to a store: rows of market data, already parsed into the domain's types.

use std::collections::BTreeMap;

use jiff::civil::Date;

use crate::{Price, SecurityType, Symbol, Usd};

/// Reference data of one listing; what a source does not say is `None` and leaves what is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct ListingRecord {
    /// The symbol, the key of the listing.
    pub symbol: Symbol,
    /// The name of the security as the source gives it.
    pub company_name: Option<String>,
    /// What kind of security it is; told from name and symbol where the source does not say.
    pub security_type: Option<SecurityType>,
    /// The exchange in the source's spelling (`nasdaq`, `XNYS`).
    pub exchange: Option<String>,
    /// The sector in the source's taxonomy.
    pub sector: Option<String>,
    /// The industry in the source's taxonomy.
    pub industry: Option<String>,
    /// The country of domicile.
    pub country: Option<String>,
    /// The trading currency.
    pub currency: Option<String>,
    /// The market cap as the source states it.
    pub market_cap: Option<Usd>,
    /// Shares outstanding, all classes weighted to this line.
    pub weighted_shares_outstanding: Option<i64>,
    /// The first session on the exchange.
    pub listing_date: Option<Date>,
    /// The year of the public offering, where only that is known.
    pub ipo_year: Option<i16>,
    /// Whether it is listed now.
    pub is_active: Option<bool>,
    /// The first session on which it is no longer listed.
    pub delisted_date: Option<Date>,
    /// What kind of fund an ETF is.
    pub etf_type: Option<String>,
    /// Who issues an ETF.
    pub issuer: Option<String>,
    /// Assets under management of an ETF, in millions of dollars.
    pub aum_millions: Option<f64>,
    /// Further figures by field name (`dividend_yield`), for rules to use.
    pub facts: BTreeMap<String, f64>,
}

impl ListingRecord {
    /// Returns a record that says nothing but the symbol.
    #[must_use]
    pub fn new(symbol: Symbol) -> Self {
        Self {
            symbol,
            company_name: None,
            security_type: None,
            exchange: None,
            sector: None,
            industry: None,
            country: None,
            currency: None,
            market_cap: None,
            weighted_shares_outstanding: None,
            listing_date: None,
            ipo_year: None,
            is_active: None,
            delisted_date: None,
            etf_type: None,
            issuer: None,
            aum_millions: None,
            facts: BTreeMap::new(),
        }
    }
}

/// One daily bar; a source that gives closes only leaves the rest `None`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bar {
    /// The listing.
    pub symbol: Symbol,
    /// The session.
    pub date: Date,
    /// First, highest and lowest price of the session.
    pub open: Option<Price>,
    /// Highest price.
    pub high: Option<Price>,
    /// Lowest price.
    pub low: Option<Price>,
    /// Last price; always positive.
    pub close: Price,
    /// Shares traded.
    pub volume: Option<i64>,
}

/// Every listing that a source shows for one session: what is not in it is missing.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// The session that it describes.
    pub session: Date,
    /// The source (`screener`, `snapshots`).
    pub source: String,
    /// The listings seen, sorted by symbol, each once.
    pub rows: Vec<SnapshotRow>,
}

/// One listing in a [`Snapshot`].
#[derive(Clone, Debug, PartialEq)]
pub struct SnapshotRow {
    /// Its reference data; shares are implied by cap and price where the source has none.
    pub listing: ListingRecord,
    /// Its close, where the source has a believable one.
    pub close: Option<Price>,
    /// Shares traded in the session.
    pub volume: Option<i64>,
}
