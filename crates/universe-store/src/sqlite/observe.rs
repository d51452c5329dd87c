//! Reading what is known about the market.

use std::cmp::Ordering;

use jiff::civil::Date;
use rusqlite::fallible_streaming_iterator::FallibleStreamingIterator as _;
use rusqlite::{Connection, OptionalExtension, Rows, params};
use universe_core::market::MarketSession;
use universe_core::{FactWalk, Observation, ObservedListing, Price, Symbol, Usd};

use super::past::facts_as_of;
use super::values::{Day, DayText, Dollars, day, symbol, text};
use crate::as_of_facts::as_of_session;
use crate::{Needs, StoreError};

/// How many sessions of market figures a run is given: a year and a month.
const MARKET_SESSIONS_MAX: u32 = 300;

/// Room for the listings of the US market; more are taken all the same.
const USUAL_LISTINGS: usize = 8_192;

/// Returns the statement that reads every listing; what is not needed is not read, and its places stay empty.
fn listings_sql(needs: &Needs) -> String {
    let names = if needs.company_names { "company_name" } else { "null" };
    let details = if needs.details { ", exchange, country, currency, etf_type, issuer, aum_millions" } else { "" };
    format!(
        "select
            symbol, security_type, is_active, delisted_date, listing_date, first_seen_session, last_seen_session,
            ipo_year, market_cap, weighted_shares_outstanding, sector, industry, {names}{details}
        from symbols
        order by symbol"
    )
}

pub(super) fn observation_read(db: &Connection, session: Date, needs: &Needs) -> Result<Observation, StoreError> {
    let day_text = DayText::from(session);
    let snapshots = snapshot_sessions(db, session)?;
    let mut observation = Observation::with_capacity(session, USUAL_LISTINGS);
    let mut shown_later = Vec::new();
    let mut listings = db.prepare_cached(&listings_sql(needs))?;
    let mut name_of = db.prepare_cached("select company_name from symbols where symbol = ?1")?;
    let mut closes =
        db.prepare_cached("select symbol, close, volume from ohlcv_daily where date = ?1 order by symbol")?;
    let mut earlier = db.prepare_cached(
        "select close, volume
        from ohlcv_daily
        where symbol = ?1 and date < ?2
        order by date desc
        limit 1",
    )?;
    let mut closes = Closes::begin(closes.query([day_text])?)?;
    let mut rows = listings.query([])?;
    while let Some(row) = rows.next()? {
        let symbol = symbol(row, 0)?;
        let close = match closes.of(&symbol)? {
            Some(close) => Some(close),
            None => earlier
                .query_row(params![symbol.as_str(), day_text], |row| {
                    Ok((row.get::<_, Dollars>(0)?.0, row.get::<_, Option<i64>>(1)?))
                })
                .optional()?,
        };
        let security_type = text(row, 1)?;
        // A kind that nobody wrote is told from the name.
        let is_told = security_type.and_then(universe_core::SecurityType::from_code).is_some();
        let name: Option<String> = if is_told || needs.company_names {
            None
        } else {
            name_of.query_row([symbol.as_str()], |row| row.get(0)).optional()?.flatten()
        };
        let last_seen = day(row, 6)?;
        if Some(session) < last_seen {
            shown_later.push(observation.len());
        }
        let sessions_absent = last_seen.map_or(0, |seen| {
            let missed = snapshots.len() - snapshots.partition_point(|snapshot| *snapshot <= seen);
            u16::try_from(missed).unwrap_or(u16::MAX)
        });
        let detail = |column| if needs.details { text(row, column) } else { Ok(None) };
        observation.push(ObservedListing {
            symbol,
            company_name: text(row, 12)?.or(name.as_deref()),
            security_type,
            is_active: row.get(2)?,
            delisted_date: day(row, 3)?,
            listing_date: day(row, 4)?,
            first_seen_session: day(row, 5)?,
            sessions_absent,
            ipo_year: row.get(7)?,
            recorded_cap: row.get::<_, Option<i64>>(8)?.map(Usd),
            shares: row.get(9)?,
            close: close.map(|(close, _)| close),
            volume: close.and_then(|(_, volume)| volume),
            sector: text(row, 10)?,
            industry: text(row, 11)?,
            exchange: detail(13)?,
            country: detail(14)?,
            currency: detail(15)?,
            etf_type: detail(16)?,
            issuer: detail(17)?,
            aum_millions: if needs.details { row.get(18)? } else { None },
        });
    }
    for field in &needs.facts {
        read_fact(db, field, day_text, &mut observation)?;
    }
    if needs.returns {
        observation.returns = session_returns(db, session)?;
    }
    if shown_later.is_empty() {
        return Ok(observation);
    }
    let wanted: Vec<&Symbol> = shown_later.iter().map(|listing| &observation.symbol[*listing]).collect();
    let found = facts_as_of(db, day_text, &wanted)?;
    Ok(as_of_session(&observation, &shown_later, &found))
}

pub(super) fn session_latest(db: &Connection, limit: Date) -> Result<Option<Date>, StoreError> {
    let mut statement = db.prepare_cached("select max(date) from ohlcv_daily where date <= ?1")?;
    Ok(statement.query_row([DayText::from(limit)], |row| day(row, 0))?)
}

pub(super) fn fact_list(db: &Connection) -> Result<Vec<String>, StoreError> {
    // Steps from field to field along the key, instead of looking at every figure of every listing.
    let mut statement = db.prepare(
        "with recursive f (field) as (
            select min(field) from universe_listing_fact
            union all
            select (select min(l.field) from universe_listing_fact l where l.field > f.field)
            from f
            where f.field is not null
        )
        select field from f where field is not null order by field",
    )?;
    let rows = statement.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn company_name_list(db: &Connection, symbols: &[Symbol]) -> Result<Vec<Option<String>>, StoreError> {
    let mut statement = db.prepare_cached("select company_name from symbols where symbol = ?1")?;
    let mut names = Vec::with_capacity(symbols.len());
    for symbol in symbols {
        names.push(statement.query_row([symbol.as_str()], |row| row.get(0)).optional()?.flatten());
    }
    Ok(names)
}

pub(super) fn session_returns(db: &Connection, session: Date) -> Result<Vec<f64>, StoreError> {
    let mut statement = db.prepare_cached("select max(date) from ohlcv_daily where date < ?1")?;
    let Some(before) = statement.query_row([DayText::from(session)], |row| day(row, 0))? else {
        return Ok(Vec::new());
    };
    let sql = "select symbol, close, volume from ohlcv_daily where date = ?1 order by symbol";
    let mut later = db.prepare_cached(sql)?;
    let mut earlier = db.prepare_cached(sql)?;
    let mut earlier = Closes::begin(earlier.query([DayText::from(before)])?)?;
    let mut rows = later.query([DayText::from(session)])?;
    let mut returns = Vec::new();
    while let Some(row) = rows.next()? {
        let close = row.get::<_, Dollars>(1)?.0;
        let before = earlier.of(&symbol(row, 0)?)?.filter(|(before, _)| before.micros() > 0);
        if let Some((before, _)) = before {
            returns.push(close.dollars() / before.dollars() - 1.0);
        }
    }
    Ok(returns)
}

pub(super) fn market_session_list(db: &Connection, session: Date) -> Result<Vec<MarketSession>, StoreError> {
    let mut statement = db.prepare_cached(
        "select session, listings, breadth, median_return, volatility
        from universe_market_session
        where session <= ?1
        order by session desc
        limit ?2",
    )?;
    let rows = statement.query_map(params![DayText::from(session), MARKET_SESSIONS_MAX], |row| {
        Ok(MarketSession {
            session: row.get::<_, Day>(0)?.0,
            listings: row.get(1)?,
            breadth: row.get(2)?,
            median_return: row.get(3)?,
            volatility: row.get(4)?,
        })
    })?;
    let mut figures = rows.collect::<Result<Vec<_>, _>>()?;
    figures.reverse();
    Ok(figures)
}

fn snapshot_sessions(db: &Connection, limit: Date) -> Result<Vec<Date>, StoreError> {
    let mut statement =
        db.prepare_cached("select distinct session from universe_snapshot where session <= ?1 order by session")?;
    let rows = statement.query_map([DayText::from(limit)], |row| Ok(row.get::<_, Day>(0)?.0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Reads the newest value of a figure for every listing that has one.
fn read_fact(db: &Connection, field: &str, limit: DayText, seen: &mut Observation) -> Result<(), StoreError> {
    let mut statement = db.prepare_cached(
        "select symbol, value
        from universe_listing_fact
        where field = ?1 and as_of <= ?2
        order by symbol, as_of",
    )?;
    let mut rows = statement.query(params![field, limit])?;
    let mut walk = FactWalk::new(seen);
    while let Some(row) = rows.next()? {
        if let Some(symbol) = text(row, 0)? {
            walk.push(symbol, row.get(1)?);
        }
    }
    if let Some(column) = walk.finish() {
        seen.facts.insert(field.to_owned(), column);
    }
    Ok(())
}

/// The closes of one session in order of symbol, walked along with a list in the same order.
struct Closes<'s> {
    rows: Rows<'s>,
}

impl<'s> Closes<'s> {
    fn begin(mut rows: Rows<'s>) -> rusqlite::Result<Self> {
        rows.advance()?;
        Ok(Self { rows })
    }

    /// Returns the close and volume of a symbol; symbols must be asked for in their order.
    fn of(&mut self, symbol: &Symbol) -> rusqlite::Result<Option<(Price, Option<i64>)>> {
        while let Some(row) = self.rows.get() {
            match text(row, 0)?.unwrap_or_default().cmp(symbol.as_str()) {
                Ordering::Less => self.rows.advance()?,
                Ordering::Equal => return Ok(Some((row.get::<_, Dollars>(1)?.0, row.get(2)?))),
                Ordering::Greater => break,
            }
        }
        Ok(None)
    }
}
