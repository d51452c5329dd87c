//! What was known of each listing with a snapshot, kept small: an earlier session is decided with the facts of its time.
//!
//! One blob goes with each snapshot: a version, a checksum, and deflated columns with texts stored once each.
//! It holds what changes with time and decides memberships; names and closes are kept elsewhere.

use std::collections::BTreeMap;
use std::io::{Read, Write};

use compact_str::CompactString;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use jiff::civil::Date;
use universe_core::{ListingRecord, SecurityType, Symbol, Usd};

use crate::StoreError;
use crate::compact::{CompactError, Payload, Unfolded, put, put_text, seal, shared_len, unseal};

/// The first byte: which format the rest has.
const VERSION: u8 = 1;

/// No market has so many listings; a blob that claims more is not inflated into all memory.
const PAYLOAD_BYTES_MAX: u64 = 256 << 20;

/// Levels above take several times as long and save a hundredth.
const COMPRESSION: Compression = Compression::new(2);

/// How many columns of texts there are.
const TEXTS: usize = 5;

/// Years of offerings are stored as their distance from this one, which is short.
const YEAR_ZERO: i64 = 2_000;

/// What was known of one listing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts<'a> {
    /// Shares outstanding.
    pub(crate) shares: Option<i64>,
    /// The cap that a source stated, kept where there are no shares to calculate one from.
    pub(crate) recorded_cap: Option<Usd>,
    pub(crate) ipo_year: Option<i16>,
    /// The code as stored.
    pub(crate) security_type: Option<&'a str>,
    pub(crate) exchange: Option<&'a str>,
    pub(crate) sector: Option<&'a str>,
    pub(crate) industry: Option<&'a str>,
    pub(crate) country: Option<&'a str>,
}

/// What was known of the listings that a snapshot showed, in columns, by symbol.
#[derive(Clone, Debug, Default)]
pub(crate) struct SnapshotFacts {
    symbol: Vec<Symbol>,
    shares: Vec<Option<i64>>,
    recorded_cap: Vec<Option<Usd>>,
    ipo_year: Vec<Option<i16>>,
    texts: [Texts; TEXTS],
}

/// Texts that repeat: numbers from one, zero for none.
#[derive(Clone, Debug, Default)]
struct Texts {
    codes: Vec<u32>,
    values: Vec<CompactString>,
    /// Only while texts are added.
    numbers: BTreeMap<CompactString, u32>,
}

/// Says which snapshot cannot be read, and what helps.
pub(crate) fn unreadable(session: Date, error: &CompactError) -> StoreError {
    StoreError::Inconsistent {
        table: "snapshot",
        detail: format!("the facts of the snapshot of {session} cannot be read: {error}; load the snapshot again"),
    }
}

impl<'a> Facts<'a> {
    /// Returns what a source says.
    pub(crate) fn said(record: &'a ListingRecord) -> Self {
        Self {
            shares: record.weighted_shares_outstanding,
            recorded_cap: record.market_cap,
            ipo_year: record.ipo_year,
            security_type: record.security_type.map(SecurityType::code),
            exchange: record.exchange.as_deref(),
            sector: record.sector.as_deref(),
            industry: record.industry.as_deref(),
            country: record.country.as_deref(),
        }
    }

    /// Returns the facts with blanks filled from earlier ones, by the rules by which loads fill `symbols`.
    pub(crate) fn or(self, earlier: Self) -> Self {
        Self {
            shares: self.shares.or(earlier.shares),
            recorded_cap: earlier.recorded_cap.or(self.recorded_cap),
            ipo_year: self.ipo_year.or(earlier.ipo_year),
            security_type: self.security_type.or(earlier.security_type),
            exchange: self.exchange.or(earlier.exchange),
            sector: self.sector.or(earlier.sector),
            industry: self.industry.or(earlier.industry),
            country: self.country.or(earlier.country),
        }
    }
}

impl SnapshotFacts {
    /// Appends a listing; they must come in ascending order of symbol.
    pub(crate) fn push(&mut self, symbol: Symbol, facts: Facts<'_>) {
        debug_assert!(self.symbol.last().is_none_or(|last| *last < symbol), "snapshots are sorted by symbol");
        let shares = facts.shares.filter(|shares| 0 < *shares);
        self.symbol.push(symbol);
        self.shares.push(shares);
        self.recorded_cap.push(facts.recorded_cap.filter(|cap| shares.is_none() && 0 < cap.0));
        self.ipo_year.push(facts.ipo_year);
        let texts = [facts.security_type, facts.exchange, facts.sector, facts.industry, facts.country];
        for (column, text) in self.texts.iter_mut().zip(texts) {
            column.push(text);
        }
    }

    /// Returns where a listing stands; `None` where the snapshot did not show it.
    pub(crate) fn position(&self, symbol: &Symbol) -> Option<usize> {
        self.symbol.binary_search(symbol).ok()
    }

    /// Returns what was known of the listing at a position.
    pub(crate) fn facts(&self, at: usize) -> Facts<'_> {
        let [security_type, exchange, sector, industry, country] = self.texts.each_ref().map(|column| column.value(at));
        Facts {
            shares: self.shares[at],
            recorded_cap: self.recorded_cap[at],
            ipo_year: self.ipo_year[at],
            security_type,
            exchange,
            sector,
            industry,
            country,
        }
    }

    /// Returns what was known of a listing: nothing where the snapshot did not show it.
    pub(crate) fn of(&self, symbol: &Symbol) -> Facts<'_> {
        self.position(symbol).map_or_else(Facts::default, |at| self.facts(at))
    }

    /// Returns the blob.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut payload = Vec::with_capacity(self.symbol.len() * 20);
        put(&mut payload, self.symbol.len() as u64);
        let mut tails = Vec::with_capacity(self.symbol.len() * 4);
        let mut last = "";
        for symbol in self.symbol.iter().map(Symbol::as_str) {
            // Neighbours begin alike: only what differs is stored.
            let shared = shared_len(last, symbol);
            put(&mut payload, shared as u64);
            put(&mut payload, (symbol.len() - shared) as u64);
            tails.extend_from_slice(&symbol.as_bytes()[shared..]);
            last = symbol;
        }
        payload.append(&mut tails);
        for shares in &self.shares {
            put(&mut payload, shares.map_or(0, i64::cast_unsigned));
        }
        for (cap, _) in self.recorded_cap.iter().zip(&self.shares).filter(|(_, shares)| shares.is_none()) {
            put(&mut payload, cap.map_or(0, |cap| cap.0.cast_unsigned()));
        }
        for year in &self.ipo_year {
            put(&mut payload, year.map_or(0, |year| zigzag(i64::from(year) - YEAR_ZERO) + 1));
        }
        for column in &self.texts {
            put(&mut payload, column.values.len() as u64);
            for value in &column.values {
                put_text(&mut payload, value);
            }
            for code in &column.codes {
                put(&mut payload, u64::from(*code));
            }
        }
        seal(VERSION, &deflated(&payload))
    }

    /// Reads a blob.
    ///
    /// # Errors
    /// When it has another version, or a byte is not as it was written.
    pub(crate) fn decode(blob: &[u8]) -> Result<Self, CompactError> {
        let payload = inflated(unseal(VERSION, blob)?)?;
        let mut left = Payload(&payload);
        let count = left.length()?;
        let lengths = (0..count).map(|_| Ok((left.length()?, left.length()?))).collect::<Result<Vec<_>, _>>()?;
        let mut facts = Self::default();
        let mut unfolded = Unfolded::default();
        for (shared, length) in lengths {
            let symbol = unfolded.next(shared, left.bytes(length)?)?;
            let symbol = std::str::from_utf8(symbol).map_err(|_| CompactError::Damaged("a symbol"))?;
            if facts.symbol.last().is_some_and(|last| symbol <= last.as_str()) {
                return Err(CompactError::Damaged("the order"));
            }
            facts.symbol.push(Symbol::from_stored(symbol));
        }
        for _ in 0..count {
            facts.shares.push(left.positive()?);
        }
        for at in 0..count {
            let cap = if facts.shares[at].is_none() { left.positive()?.map(Usd) } else { None };
            facts.recorded_cap.push(cap);
        }
        for _ in 0..count {
            facts.ipo_year.push(year(&mut left)?);
        }
        for column in &mut facts.texts {
            for _ in 0..left.length()? {
                column.values.push(CompactString::new(left.text()?));
            }
            for _ in 0..count {
                let code = left.number()?;
                let known = u32::try_from(code).ok().filter(|code| *code as usize <= column.values.len());
                column.codes.push(known.ok_or(CompactError::Damaged("the number of a text"))?);
            }
        }
        if left.0.is_empty() { Ok(facts) } else { Err(CompactError::Damaged("its end")) }
    }
}

impl Texts {
    fn push(&mut self, text: Option<&str>) {
        let code = text.map_or(0, |text| {
            self.numbers.get(text).copied().unwrap_or_else(|| {
                self.values.push(CompactString::new(text));
                let code = u32::try_from(self.values.len()).expect("fewer texts than u32 holds");
                self.numbers.insert(CompactString::new(text), code);
                code
            })
        });
        self.codes.push(code);
    }

    fn value(&self, at: usize) -> Option<&str> {
        let code = (self.codes[at] as usize).checked_sub(1)?;
        Some(&self.values[code])
    }
}

fn year(left: &mut Payload<'_>) -> Result<Option<i16>, CompactError> {
    let Some(folded) = left.number()?.checked_sub(1) else { return Ok(None) };
    let distance = (folded >> 1).cast_signed() ^ -(folded & 1).cast_signed();
    let year = distance.checked_add(YEAR_ZERO).and_then(|year| i16::try_from(year).ok());
    year.map(Some).ok_or(CompactError::Damaged("a year"))
}

/// Folds negative numbers between the positive ones, so that small ones stay short.
fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

fn deflated(payload: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::with_capacity(payload.len() / 2), COMPRESSION);
    encoder.write_all(payload).and_then(|()| encoder.finish()).expect("memory takes every byte")
}

fn inflated(deflated: &[u8]) -> Result<Vec<u8>, CompactError> {
    let mut payload = Vec::with_capacity(deflated.len() * 3);
    let mut decoder = DeflateDecoder::new(deflated).take(PAYLOAD_BYTES_MAX);
    decoder.read_to_end(&mut payload).map_err(|_| CompactError::Damaged("its compression"))?;
    Ok(payload)
}

#[cfg(test)]
mod tests;
