//! What is known about the market at one session, in columns: the input of every decision.

use std::collections::BTreeMap;

use compact_str::CompactString;
use jiff::civil::Date;
use rustc_hash::FxHashMap;

use crate::{Price, SecurityType, Symbol, Usd};

/// Everything observed about the listings as of one session.
///
/// A column has one value per listing, in the order of `symbol`, which is sorted and unique: the position
/// of a listing is its number within a run.
#[derive(Clone, Debug)]
pub struct Observation {
    /// The session that the data describes.
    pub session: Date,
    /// Symbols, ascending.
    pub symbol: Vec<Symbol>,
    /// Names of the securities.
    pub company_name: TextColumn,
    /// Kinds of the securities.
    pub security_type: Vec<SecurityType>,
    /// Whether listed, as the reference data has it.
    pub is_active: Vec<bool>,
    /// First session no longer listed.
    pub delisted_date: Vec<Option<Date>>,
    /// First session on the exchange, as the reference data has it.
    pub listing_date: Vec<Option<Date>>,
    /// First snapshot that showed it, where an earlier one did not (otherwise its age is unknown).
    pub first_seen_session: Vec<Option<Date>>,
    /// How many full snapshots in a row have not shown it; zero where it was in the last one.
    pub sessions_absent: Vec<u16>,
    /// Year of the public offering.
    pub ipo_year: Vec<Option<i16>>,
    /// Market cap that the store holds.
    pub recorded_cap: Vec<Option<Usd>>,
    /// Shares outstanding.
    pub shares: Vec<Option<i64>>,
    /// Latest close not later than the session.
    pub close: Vec<Option<Price>>,
    /// Shares traded in the session of that close.
    pub volume: Vec<Option<i64>>,
    /// Exchanges.
    pub exchange: TextColumn,
    /// Sectors.
    pub sector: TextColumn,
    /// Industries.
    pub industry: TextColumn,
    /// Countries of domicile.
    pub country: TextColumn,
    /// Trading currencies.
    pub currency: TextColumn,
    /// Kinds of ETF.
    pub etf_type: TextColumn,
    /// Issuers of ETFs.
    pub issuer: TextColumn,
    /// Assets under management of ETFs, in millions of dollars.
    pub aum_millions: Vec<Option<f64>>,
    /// Loaded figures by field name.
    pub facts: BTreeMap<String, Vec<Option<f64>>>,
    /// Returns from the session before to this one (0.01 is +1 %) of the listings with a close in both,
    /// in any order; may be left empty where the figures of the session are kept already.
    pub returns: Vec<f64>,
}

/// One listing as a store reads it; see [`Observation`] for the meaning of each field.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each field is documented at the column of the same name")]
pub struct ObservedListing<'a> {
    pub symbol: Symbol,
    pub company_name: Option<&'a str>,
    /// The code as stored; told from name and symbol where it is absent or unknown.
    pub security_type: Option<&'a str>,
    pub is_active: bool,
    pub delisted_date: Option<Date>,
    pub listing_date: Option<Date>,
    pub first_seen_session: Option<Date>,
    pub sessions_absent: u16,
    pub ipo_year: Option<i16>,
    pub recorded_cap: Option<Usd>,
    pub shares: Option<i64>,
    pub close: Option<Price>,
    pub volume: Option<i64>,
    pub exchange: Option<&'a str>,
    pub sector: Option<&'a str>,
    pub industry: Option<&'a str>,
    pub country: Option<&'a str>,
    pub currency: Option<&'a str>,
    pub etf_type: Option<&'a str>,
    pub issuer: Option<&'a str>,
    pub aum_millions: Option<f64>,
}

impl ObservedListing<'_> {
    /// Returns a listing that is on the market, and of which nothing else is known.
    #[must_use]
    pub fn new(symbol: Symbol) -> Self {
        Self {
            symbol,
            company_name: None,
            security_type: None,
            is_active: true,
            delisted_date: None,
            listing_date: None,
            first_seen_session: None,
            sessions_absent: 0,
            ipo_year: None,
            recorded_cap: None,
            shares: None,
            close: None,
            volume: None,
            exchange: None,
            sector: None,
            industry: None,
            country: None,
            currency: None,
            etf_type: None,
            issuer: None,
            aum_millions: None,
        }
    }
}

impl Observation {
    /// Returns an observation without listings.
    #[must_use]
    pub fn empty(session: Date) -> Self {
        Self::with_capacity(session, 0)
    }

    /// Returns an observation without listings, with room for so many.
    #[must_use]
    pub fn with_capacity(session: Date, listings: usize) -> Self {
        let texts = || TextColumn { codes: Vec::with_capacity(listings), ..TextColumn::default() };
        Self {
            session,
            symbol: Vec::with_capacity(listings),
            company_name: texts(),
            security_type: Vec::with_capacity(listings),
            is_active: Vec::with_capacity(listings),
            delisted_date: Vec::with_capacity(listings),
            listing_date: Vec::with_capacity(listings),
            first_seen_session: Vec::with_capacity(listings),
            sessions_absent: Vec::with_capacity(listings),
            ipo_year: Vec::with_capacity(listings),
            recorded_cap: Vec::with_capacity(listings),
            shares: Vec::with_capacity(listings),
            close: Vec::with_capacity(listings),
            volume: Vec::with_capacity(listings),
            exchange: texts(),
            sector: texts(),
            industry: texts(),
            country: texts(),
            currency: texts(),
            etf_type: texts(),
            issuer: texts(),
            aum_millions: Vec::with_capacity(listings),
            facts: BTreeMap::new(),
            returns: Vec::new(),
        }
    }

    /// Appends a listing; they must come in ascending order of symbol.
    ///
    /// # Panics
    /// When the symbol does not sort behind the last one: the caller's query is then wrong.
    pub fn push(&mut self, listing: ObservedListing<'_>) {
        assert!(self.symbol.last().is_none_or(|last| *last < listing.symbol), "listings must be sorted by symbol");
        let security_type = listing.security_type.and_then(SecurityType::from_code).unwrap_or_else(|| {
            SecurityType::classify(&listing.symbol, listing.company_name.unwrap_or_default(), listing.industry)
        });
        self.symbol.push(listing.symbol);
        self.company_name.push(listing.company_name);
        self.security_type.push(security_type);
        self.is_active.push(listing.is_active);
        self.delisted_date.push(listing.delisted_date);
        self.listing_date.push(listing.listing_date);
        self.first_seen_session.push(listing.first_seen_session);
        self.sessions_absent.push(listing.sessions_absent);
        self.ipo_year.push(listing.ipo_year);
        self.recorded_cap.push(listing.recorded_cap);
        self.shares.push(listing.shares);
        self.close.push(listing.close);
        self.volume.push(listing.volume);
        self.exchange.push(listing.exchange);
        self.sector.push(listing.sector);
        self.industry.push(listing.industry);
        self.country.push(listing.country);
        self.currency.push(listing.currency);
        self.etf_type.push(listing.etf_type);
        self.issuer.push(listing.issuer);
        self.aum_millions.push(listing.aum_millions);
    }

    /// Sets a loaded figure of one listing.
    pub fn push_fact(&mut self, listing: usize, field: &str, value: f64) {
        let count = self.len();
        if let Some(column) = self.facts.get_mut(field) {
            column[listing] = Some(value);
        } else {
            let mut column = vec![None; count];
            column[listing] = Some(value);
            self.facts.insert(field.to_owned(), column);
        }
    }

    /// Returns how many listings were observed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.symbol.len()
    }

    /// Returns whether nothing was observed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.symbol.is_empty()
    }

    /// Returns the number of a listing.
    #[must_use]
    pub fn position(&self, symbol: &Symbol) -> Option<usize> {
        self.symbol.binary_search(symbol).ok()
    }

    /// Returns the days from the listing date (or else the first appearance) to the session.
    #[must_use]
    pub fn listing_age_days(&self, listing: usize) -> Option<i32> {
        let since = self.listing_date[listing].or(self.first_seen_session[listing])?;
        Some((self.session - since).get_days())
    }
}

/// A column of figures in the making: values in order of symbol, walked along with the listings.
#[derive(Debug)]
pub struct FactWalk<'o> {
    symbols: &'o [Symbol],
    next: usize,
    column: Vec<Option<f64>>,
    any: bool,
}

impl<'o> FactWalk<'o> {
    /// Begins before the first listing.
    #[must_use]
    pub fn new(observation: &'o Observation) -> Self {
        Self { symbols: &observation.symbol, next: 0, column: vec![None; observation.len()], any: false }
    }

    /// Takes the next value; one of a symbol that is no listing is passed over.
    pub fn push(&mut self, symbol: &str, value: f64) {
        while self.symbols.get(self.next).is_some_and(|listing| listing.as_str() < symbol) {
            self.next += 1;
        }
        if self.symbols.get(self.next).is_some_and(|listing| listing.as_str() == symbol) {
            self.column[self.next] = Some(value);
            self.any = true;
        }
    }

    /// Returns the column; `None` when no listing has a value.
    #[must_use]
    pub fn finish(self) -> Option<Vec<Option<f64>>> {
        self.any.then_some(self.column)
    }
}

/// Texts that repeat, stored once each: a sector column has a dozen values for thousands of listings.
#[derive(Clone, Debug, Default)]
pub struct TextColumn {
    codes: Vec<u32>,
    values: Vec<CompactString>,
    numbers: FxHashMap<CompactString, u32>,
}

impl TextColumn {
    const ABSENT: u32 = u32::MAX;

    /// Appends a value.
    pub fn push(&mut self, text: Option<&str>) {
        let code = text.map_or(Self::ABSENT, |text| {
            self.numbers.get(text).copied().unwrap_or_else(|| {
                let code = u32::try_from(self.values.len()).expect("fewer values than u32 holds");
                self.values.push(CompactString::new(text));
                self.numbers.insert(CompactString::new(text), code);
                code
            })
        });
        self.codes.push(code);
    }

    /// Returns how many listings it has a place for.
    #[must_use]
    pub fn len(&self) -> usize {
        self.codes.len()
    }

    /// Returns whether it has no listings.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.codes.is_empty()
    }

    /// Returns the value of one listing.
    #[must_use]
    pub fn value(&self, listing: usize) -> Option<&str> {
        self.code(listing).map(|code| self.values[code].as_str())
    }

    /// Returns the number of one listing's value in [`TextColumn::values`].
    #[must_use]
    pub fn code(&self, listing: usize) -> Option<usize> {
        let code = self.codes[listing];
        (code != Self::ABSENT).then_some(code as usize)
    }

    /// Gives a listing that has no value the one of another listing.
    pub(crate) fn fill(&mut self, listing: usize, other: usize) {
        if self.codes[listing] == Self::ABSENT {
            self.codes[listing] = self.codes[other];
        }
    }

    /// Returns each distinct value once, in order of first appearance.
    #[must_use]
    pub fn values(&self) -> &[CompactString] {
        &self.values
    }
}

/// The values count, and not the numbers that they have.
impl PartialEq for TextColumn {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && (0..self.len()).all(|listing| self.value(listing) == other.value(listing))
    }
}
