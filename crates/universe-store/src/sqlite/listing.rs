//! One row of `symbols`: how what a source says meets what is stored.

use jiff::civil::Date;
use rusqlite::{CachedStatement, Connection, OptionalExtension, params};
use universe_core::{ListingRecord, SecurityType, Symbol, Usd};

use super::values::{DayText, day, text};
use crate::StoreError;
use crate::snapshot_facts::Facts;

/// A row of `symbols` but for its key and `last_updated`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Listing {
    company_name: Option<String>,
    security_type: Option<String>,
    exchange: Option<String>,
    sector: Option<String>,
    industry: Option<String>,
    country: Option<String>,
    currency: Option<String>,
    market_cap: Option<Usd>,
    shares: Option<i64>,
    listing_date: Option<Date>,
    is_active: bool,
    delisted_date: Option<Date>,
    etf_type: Option<String>,
    issuer: Option<String>,
    aum_millions: Option<f64>,
    ipo_year: Option<i16>,
    first_seen_session: Option<Date>,
    last_seen_session: Option<Date>,
}

/// Where a snapshot stands among those that were loaded.
#[derive(Clone, Copy, Debug)]
pub(super) struct SnapshotPlace {
    pub(super) session: Date,
    /// No later session has a snapshot: what this one says about a listing is the newest that is known.
    pub(super) is_newest: bool,
    /// An earlier snapshot, not too long ago, did not show what this one shows for the first time.
    pub(super) has_recent_earlier: bool,
}

impl Listing {
    fn new() -> Self {
        Self {
            company_name: None,
            security_type: None,
            exchange: None,
            sector: None,
            industry: None,
            country: None,
            currency: None,
            market_cap: None,
            shares: None,
            listing_date: None,
            is_active: true,
            delisted_date: None,
            etf_type: None,
            issuer: None,
            aum_millions: None,
            ipo_year: None,
            first_seen_session: None,
            last_seen_session: None,
        }
    }

    /// Returns the row after a source of reference data: what it says replaces, what it does not say stays.
    pub(super) fn after_record(stored: Option<&Self>, record: &ListingRecord) -> Self {
        let mut row = stored.cloned().unwrap_or_else(|| Self { currency: Some("USD".to_owned()), ..Self::new() });
        row.overlay(record);
        or_keep(&mut row.market_cap, record.market_cap);
        or_keep(&mut row.delisted_date, record.delisted_date);
        if let Some(code) = record.security_type.map(SecurityType::code) {
            row.security_type = Some(code.to_owned());
        }
        row.is_active = record.is_active.unwrap_or(row.is_active);
        row
    }

    /// Returns the row after a full snapshot showed the listing.
    pub(super) fn after_snapshot(stored: Option<&Self>, record: &ListingRecord, place: SnapshotPlace) -> Self {
        let mut row = match stored {
            Some(stored) if place.is_newest => stored.clone().shown_by_newest(record, place.session),
            Some(stored) => stored.clone().shown_by_older(record, place),
            None => Self::shown_first(record, place),
        };
        row.last_seen_session = row.last_seen_session.max(Some(place.session));
        row
    }

    fn shown_first(record: &ListingRecord, place: SnapshotPlace) -> Self {
        let mut row = Self::after_record(None, record);
        row.is_active = true;
        row.delisted_date = None;
        let may_be_new = row.ipo_year.is_none_or(|year| place.session.year() <= year);
        row.first_seen_session = Some(place.session).filter(|_| place.has_recent_earlier && may_be_new);
        row
    }

    fn shown_by_newest(mut self, record: &ListingRecord, session: Date) -> Self {
        let is_renamed = record.company_name.is_some() && record.company_name != self.company_name;
        if self.security_type.is_none() || is_renamed {
            let code = record.security_type.map(|kind| kind.code().to_owned());
            self.security_type = code.or(self.security_type);
        }
        self.overlay(record);
        self.market_cap = self.market_cap.or(record.market_cap);
        // To be seen is to be listed, unless the end was announced for a later day.
        self.is_active = true;
        self.delisted_date = self.delisted_date.filter(|delisted| session < *delisted);
        self
    }

    /// A back-fill: the past says nothing about what is current, and fills only what is not known.
    fn shown_by_older(mut self, record: &ListingRecord, place: SnapshotPlace) -> Self {
        let current = self.clone();
        self.overlay(record);
        let code = record.security_type.map(|kind| kind.code().to_owned());
        let filled = Self {
            company_name: current.company_name.or(self.company_name),
            security_type: current.security_type.or(code),
            exchange: current.exchange.or(self.exchange),
            sector: current.sector.or(self.sector),
            industry: current.industry.or(self.industry),
            country: current.country.or(self.country),
            currency: current.currency.or(self.currency),
            market_cap: current.market_cap.or(record.market_cap),
            shares: current.shares.or(self.shares),
            listing_date: current.listing_date.or(self.listing_date),
            etf_type: current.etf_type.or(self.etf_type),
            issuer: current.issuer.or(self.issuer),
            aum_millions: current.aum_millions.or(self.aum_millions),
            ipo_year: current.ipo_year.or(self.ipo_year),
            is_active: current.is_active,
            delisted_date: current.delisted_date,
            first_seen_session: current.first_seen_session,
            last_seen_session: current.last_seen_session,
        };
        match filled.first_seen_session {
            // It was there before the session that seemed to be its first.
            Some(first) if place.session < first => {
                Self { first_seen_session: Some(place.session).filter(|_| place.has_recent_earlier), ..filled }
            }
            Some(_) | None => filled,
        }
    }

    /// Returns what is known of the listing, as it goes with a snapshot.
    pub(super) fn facts(&self) -> Facts<'_> {
        Facts {
            shares: self.shares,
            recorded_cap: self.market_cap,
            ipo_year: self.ipo_year,
            security_type: self.security_type.as_deref(),
            exchange: self.exchange.as_deref(),
            sector: self.sector.as_deref(),
            industry: self.industry.as_deref(),
            country: self.country.as_deref(),
        }
    }

    /// Takes over what a record says in the fields that every kind of load treats alike.
    fn overlay(&mut self, record: &ListingRecord) {
        let texts = [
            (&mut self.company_name, &record.company_name),
            (&mut self.exchange, &record.exchange),
            (&mut self.sector, &record.sector),
            (&mut self.industry, &record.industry),
            (&mut self.country, &record.country),
            (&mut self.currency, &record.currency),
            (&mut self.etf_type, &record.etf_type),
            (&mut self.issuer, &record.issuer),
        ];
        for (stored, said) in texts {
            if said.is_some() {
                stored.clone_from(said);
            }
        }
        or_keep(&mut self.shares, record.weighted_shares_outstanding);
        or_keep(&mut self.listing_date, record.listing_date);
        or_keep(&mut self.aum_millions, record.aum_millions);
        or_keep(&mut self.ipo_year, record.ipo_year);
    }

    /// Returns whether two rows say the same, leaving out when the listing was seen last.
    fn says_the_same(&self, other: &Self) -> bool {
        let other = Self { last_seen_session: self.last_seen_session, ..other.clone() };
        *self == other
    }
}

fn or_keep<T>(stored: &mut Option<T>, said: Option<T>) {
    if said.is_some() {
        *stored = said;
    }
}

/// Reads and writes rows of `symbols` one by one, by prepared statements.
pub(super) struct Listings<'d> {
    select: CachedStatement<'d>,
    replace: CachedStatement<'d>,
    touch: CachedStatement<'d>,
    now: String,
}

impl<'d> Listings<'d> {
    pub(super) fn new(db: &'d Connection, now: jiff::Timestamp) -> Result<Self, StoreError> {
        let select = db.prepare_cached(
            "select
                company_name, security_type, exchange, sector, industry, country, currency, market_cap,
                weighted_shares_outstanding, listing_date, is_active, delisted_date, etf_type, issuer, aum_millions,
                ipo_year, first_seen_session, last_seen_session
            from symbols
            where symbol = ?1",
        )?;
        let replace = db.prepare_cached(
            "insert into symbols (
                symbol, company_name, security_type, exchange, sector, industry, country, currency, market_cap,
                weighted_shares_outstanding, listing_date, is_active, delisted_date, etf_type, issuer, aum_millions,
                ipo_year, first_seen_session, last_seen_session, last_updated
            )
            values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)
            on conflict (symbol) do update set
                company_name = excluded.company_name,
                security_type = excluded.security_type,
                exchange = excluded.exchange,
                sector = excluded.sector,
                industry = excluded.industry,
                country = excluded.country,
                currency = excluded.currency,
                market_cap = excluded.market_cap,
                weighted_shares_outstanding = excluded.weighted_shares_outstanding,
                listing_date = excluded.listing_date,
                is_active = excluded.is_active,
                delisted_date = excluded.delisted_date,
                etf_type = excluded.etf_type,
                issuer = excluded.issuer,
                aum_millions = excluded.aum_millions,
                ipo_year = excluded.ipo_year,
                first_seen_session = excluded.first_seen_session,
                last_seen_session = excluded.last_seen_session,
                last_updated = excluded.last_updated",
        )?;
        let touch = db.prepare_cached("update symbols set last_seen_session = ?2 where symbol = ?1")?;
        Ok(Self { select, replace, touch, now: now.to_string() })
    }

    pub(super) fn read(&mut self, symbol: &Symbol) -> Result<Option<Listing>, StoreError> {
        let row = self.select.query_row([symbol.as_str()], |row| {
            let owned = |at| text(row, at).map(|text| text.map(str::to_owned));
            Ok(Listing {
                company_name: owned(0)?,
                security_type: owned(1)?,
                exchange: owned(2)?,
                sector: owned(3)?,
                industry: owned(4)?,
                country: owned(5)?,
                currency: owned(6)?,
                market_cap: row.get::<_, Option<i64>>(7)?.map(Usd),
                shares: row.get(8)?,
                listing_date: day(row, 9)?,
                is_active: row.get(10)?,
                delisted_date: day(row, 11)?,
                etf_type: owned(12)?,
                issuer: owned(13)?,
                aum_millions: row.get(14)?,
                ipo_year: row.get(15)?,
                first_seen_session: day(row, 16)?,
                last_seen_session: day(row, 17)?,
            })
        });
        Ok(row.optional()?)
    }

    /// Writes a row where it differs from what is stored; returns whether it says something else.
    pub(super) fn write(
        &mut self,
        symbol: &Symbol,
        stored: Option<&Listing>,
        row: &Listing,
    ) -> Result<bool, StoreError> {
        if stored.is_some_and(|stored| stored.says_the_same(row)) {
            if stored.is_some_and(|stored| stored.last_seen_session != row.last_seen_session) {
                self.touch.execute(params![symbol.as_str(), row.last_seen_session.map(DayText::from)])?;
            }
            return Ok(false);
        }
        self.replace.execute(params![
            symbol.as_str(),
            row.company_name,
            row.security_type,
            row.exchange,
            row.sector,
            row.industry,
            row.country,
            row.currency,
            row.market_cap.map(|cap| cap.0),
            row.shares,
            row.listing_date.map(DayText::from),
            row.is_active,
            row.delisted_date.map(DayText::from),
            row.etf_type,
            row.issuer,
            row.aum_millions,
            row.ipo_year,
            row.first_seen_session.map(DayText::from),
            row.last_seen_session.map(DayText::from),
            self.now,
        ])?;
        Ok(true)
    }
}
