//! Storing market data, imports and the figures of the market.

use jiff::civil::Date;
use jiff::{Span, Timestamp};
use rusqlite::{CachedStatement, Connection, OptionalExtension, params};
use universe_core::market::MarketSession;
use universe_core::state::ImportedList;
use universe_core::{Bar, ListingRecord, Snapshot, Symbol, UniverseId};

use super::listing::{Listing, Listings, SnapshotPlace};
use super::past::snapshot_blob;
use super::values::{DayText, Dollars, day, integer};
use crate::fingerprint::snapshot_fingerprint;
use crate::snapshot_facts::{Facts, SnapshotFacts, unreadable};
use crate::{LoadRecord, Loaded, StoreError};

/// A listing that a snapshot shows first is new only if the one before is not older than so many days.
const FIRST_SEEN_DAYS_MAX: i32 = 30;

pub(super) fn snapshot_load(
    db: &Connection,
    snapshot: &Snapshot,
    load: &LoadRecord,
    now: Timestamp,
) -> Result<Loaded, StoreError> {
    let session = DayText::from(snapshot.session);
    let fingerprint = snapshot_fingerprint(snapshot);
    let mut statement =
        db.prepare_cached("select content_hash from universe_snapshot where session = ?1 and source = ?2")?;
    let known: Option<String> = statement.query_row(params![session, snapshot.source], |row| row.get(0)).optional()?;
    if known.as_ref() == Some(&fingerprint) {
        return Ok(Loaded { written: 0, unchanged: snapshot.rows.len() as u64 });
    }
    let place = place(db, snapshot.session)?;
    let before = if place.is_newest { SnapshotFacts::default() } else { facts_before(db, snapshot.session)? };
    let mut facts = SnapshotFacts::default();
    let mut listings = Listings::new(db, now)?;
    let mut bars = Bars::new(db)?;
    let mut loaded = Loaded::default();
    for row in &snapshot.rows {
        let symbol = &row.listing.symbol;
        let stored = listings.read(symbol)?;
        let after = Listing::after_snapshot(stored.as_ref(), &row.listing, place);
        // The reference data holds what is known now; a back-fill is of its own time.
        let known = match place.is_newest {
            true => after.facts(),
            false => Facts::said(&row.listing).or(before.of(symbol)),
        };
        facts.push(symbol.clone(), known);
        let listing_changed = listings.write(symbol, stored.as_ref(), &after)?;
        let bar_changed = match row.close {
            Some(close) => bars.put(&Bar {
                symbol: symbol.clone(),
                date: snapshot.session,
                open: None,
                high: None,
                low: None,
                close,
                volume: row.volume,
            })?,
            None => false,
        };
        count(&mut loaded, listing_changed || bar_changed);
    }
    let mut statement = db.prepare_cached(
        "insert into universe_snapshot (session, source, rows, content_hash, loaded_at, facts)
        values (?1, ?2, ?3, ?4, ?5, ?6)
        on conflict (session, source) do update set
            rows = excluded.rows,
            content_hash = excluded.content_hash,
            loaded_at = excluded.loaded_at,
            facts = excluded.facts",
    )?;
    let rows = integer(snapshot.rows.len() as u64);
    statement.execute(params![session, snapshot.source, rows, fingerprint, now.to_string(), facts.encode()])?;
    put_load(db, load, now)?;
    Ok(loaded)
}

pub(super) fn listing_load(
    db: &Connection,
    records: &[ListingRecord],
    as_of: Date,
    load: &LoadRecord,
    now: Timestamp,
) -> Result<Loaded, StoreError> {
    let as_of = DayText::from(as_of);
    let mut listings = Listings::new(db, now)?;
    let mut facts = db.prepare_cached(
        "insert into universe_listing_fact (field, symbol, as_of, value)
        values (?1, ?2, ?3, ?4)
        on conflict (field, symbol, as_of) do update set value = excluded.value
        where value <> excluded.value",
    )?;
    let mut loaded = Loaded::default();
    for record in records {
        let stored = listings.read(&record.symbol)?;
        let after = Listing::after_record(stored.as_ref(), record);
        let mut changed = listings.write(&record.symbol, stored.as_ref(), &after)?;
        for (field, value) in &record.facts {
            changed |= facts.execute(params![field, record.symbol.as_str(), as_of, value])? > 0;
        }
        count(&mut loaded, changed);
    }
    put_load(db, load, now)?;
    Ok(loaded)
}

pub(super) fn bar_load(db: &Connection, bars: &[Bar], load: &LoadRecord, now: Timestamp) -> Result<Loaded, StoreError> {
    let mut statement = Bars::new(db)?;
    let mut loaded = Loaded::default();
    for bar in bars {
        count(&mut loaded, statement.put(bar)?);
    }
    put_load(db, load, now)?;
    Ok(loaded)
}

pub(super) fn import_put(
    db: &Connection,
    environment: &str,
    lists: &[(UniverseId, ImportedList)],
    load: &LoadRecord,
    now: Timestamp,
) -> Result<(), StoreError> {
    for (id, list) in lists {
        import_list_put(db, environment, id, list, &now.to_string())?;
    }
    put_load(db, load, now)
}

/// Stores a list, without a record of where it was read.
pub(super) fn import_list_put(
    db: &Connection,
    environment: &str,
    id: &UniverseId,
    list: &ImportedList,
    now: &str,
) -> Result<(), StoreError> {
    let mut statement = db.prepare_cached(
        "insert into universe_import_list (environment, type, key, name, symbols, source, loaded_at)
        values (?1, ?2, ?3, ?4, ?5, ?6, ?7)
        on conflict (environment, type, key) do update set
            name = excluded.name,
            symbols = excluded.symbols,
            source = excluded.source,
            loaded_at = excluded.loaded_at",
    )?;
    let symbols = list.symbols.iter().map(Symbol::as_str).collect::<Vec<_>>().join(" ");
    let universe_type = id.universe_type.as_str();
    statement.execute(params![environment, universe_type, id.key(), list.name, symbols, list.source, now])?;
    Ok(())
}

pub(super) fn market_session_put(db: &Connection, figures: &[MarketSession]) -> Result<(), StoreError> {
    let mut statement = db.prepare_cached(
        "insert into universe_market_session (session, listings, breadth, median_return, volatility)
        values (?1, ?2, ?3, ?4, ?5)
        on conflict (session) do update set
            listings = excluded.listings,
            breadth = excluded.breadth,
            median_return = excluded.median_return,
            volatility = excluded.volatility",
    )?;
    for figure in figures {
        let MarketSession { session, listings, breadth, median_return, volatility } = figure;
        statement.execute(params![DayText::from(*session), listings, breadth, median_return, volatility])?;
    }
    Ok(())
}

/// Finds out where a session stands among those with snapshots.
fn place(db: &Connection, session: Date) -> Result<SnapshotPlace, StoreError> {
    let neighbour = |sql: &str| -> Result<Option<Date>, StoreError> {
        Ok(db.prepare_cached(sql)?.query_row([DayText::from(session)], |row| day(row, 0))?)
    };
    let earlier = neighbour("select max(session) from universe_snapshot where session < ?1")?;
    let later = neighbour("select min(session) from universe_snapshot where session > ?1")?;
    let earliest = session.saturating_sub(Span::new().days(FIRST_SEEN_DAYS_MAX));
    let has_recent_earlier = earlier.is_some_and(|earlier| earliest <= earlier);
    Ok(SnapshotPlace { session, is_newest: later.is_none(), has_recent_earlier })
}

/// Reads the facts of the snapshot before a session; there are none before the first.
fn facts_before(db: &Connection, session: Date) -> Result<SnapshotFacts, StoreError> {
    let mut statement = db.prepare_cached(
        "select session, facts
        from universe_snapshot
        where session < ?1
        order by session desc, loaded_at desc, source
        limit 1",
    )?;
    match statement.query_row([DayText::from(session)], snapshot_blob).optional()? {
        Some(blob) => SnapshotFacts::decode(&blob.facts).map_err(|error| unreadable(blob.session, &error)),
        None => Ok(SnapshotFacts::default()),
    }
}

fn put_load(db: &Connection, load: &LoadRecord, now: Timestamp) -> Result<(), StoreError> {
    let issues = serde_json::to_string(&load.issues)
        .map_err(|error| StoreError::Driver(format!("the issues of {} cannot be written: {error}", load.file)))?;
    let mut statement = db.prepare_cached(
        "insert into universe_load (kind, file, session, rows, loaded, issues, loaded_at)
        values (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    statement.execute(params![
        load.kind,
        load.file,
        load.session.map(DayText::from),
        integer(load.rows),
        integer(load.loaded),
        issues,
        now.to_string(),
    ])?;
    Ok(())
}

fn count(loaded: &mut Loaded, changed: bool) {
    if changed {
        loaded.written += 1;
    } else {
        loaded.unchanged += 1;
    }
}

/// Writes daily bars where they differ; what a source does not give stays.
struct Bars<'d>(CachedStatement<'d>);

impl<'d> Bars<'d> {
    fn new(db: &'d Connection) -> Result<Self, StoreError> {
        let statement = db.prepare_cached(
            "insert into ohlcv_daily (symbol, date, open, high, low, close, volume)
            values (?1, ?2, ?3, ?4, ?5, ?6, ?7)
            on conflict (symbol, date) do update set
                open = coalesce(excluded.open, open),
                high = coalesce(excluded.high, high),
                low = coalesce(excluded.low, low),
                close = excluded.close,
                volume = coalesce(excluded.volume, volume)
            where close <> excluded.close
                or (excluded.open is not null and open is not excluded.open)
                or (excluded.high is not null and high is not excluded.high)
                or (excluded.low is not null and low is not excluded.low)
                or (excluded.volume is not null and volume is not excluded.volume)",
        )?;
        Ok(Self(statement))
    }

    fn put(&mut self, bar: &Bar) -> Result<bool, StoreError> {
        let written = self.0.execute(params![
            bar.symbol.as_str(),
            DayText::from(bar.date),
            bar.open.map(Dollars),
            bar.high.map(Dollars),
            bar.low.map(Dollars),
            Dollars(bar.close),
            bar.volume,
        ])?;
        Ok(written > 0)
    }
}
