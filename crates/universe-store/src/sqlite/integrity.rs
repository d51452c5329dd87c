//! Reading what is stored as it stands, for checks and for figures; nothing of it is believed.

use jiff::civil::Date;
use rusqlite::{Connection, OptionalExtension, params};
use universe_core::SecurityType;

use super::history::evidence;
use super::membership::{UNMANAGED, imports};
use super::observe::session_latest;
use super::values::{Count, Day, DayText, Json, day, instant, symbol, text, universe_id};
use crate::answers;
use crate::{EntryFacts, IntegrityFacts, ListingFacts, MembershipSpan, MirrorFacts, OLDER_TYPES, StoreError};

pub(super) fn integrity_read(db: &Connection, environment: &str) -> Result<IntegrityFacts, StoreError> {
    let evidence = evidence(db, environment)?;
    let mut facts = IntegrityFacts {
        universes: evidence.universes.iter().map(answers::universe_facts).collect(),
        contradictions: answers::inconsistencies(&evidence),
        newest_prices: session_latest(db, Date::MAX)?,
        foreign: foreign(db, environment)?,
        mirrors: mirrors(db, environment)?,
        older: older(db, environment)?,
        imports: imports(db, environment)?.into_iter().map(|(id, list)| (id, list.symbols)).collect(),
        listings: listings(db)?,
        ..IntegrityFacts::default()
    };
    let mut head = db.prepare("select version, session, held from universe_head where environment = ?1")?;
    let head = head.query_row([environment], |row| Ok((row.get::<_, Count>(0)?.0, day(row, 1)?, row.get(2)?)));
    (facts.version, facts.session, facts.held) = head.optional()?.unwrap_or_default();
    Ok(facts)
}

fn foreign(db: &Connection, environment: &str) -> Result<Vec<EntryFacts>, StoreError> {
    let sql = UNMANAGED.replacen("c.updated_at", "c.updated_at, c.universe_metadata", 1);
    let mut statement = db.prepare(&format!("{sql} order by c.type, c.key"))?;
    let rows = statement.query_map([environment], |row| {
        Ok(EntryFacts {
            id: universe_id(row, 0, 1)?,
            name: row.get(2)?,
            category: row.get(3)?,
            value: row.get::<_, Json>(4)?.0,
            metadata: row.get::<_, Json>(6)?.0,
            updated_at: instant(row, 5).unwrap_or_default(),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn mirrors(db: &Connection, environment: &str) -> Result<Vec<MirrorFacts>, StoreError> {
    let mut statement = db.prepare(
        "select type, key, universe_metadata ->> 'mirror_of' as mirror_of, value
        from cache_entries
        where environment = ?1
            and type in ('stock_universe', 'etf_universe')
            and case when json_valid(universe_metadata) then universe_metadata ->> 'mirror_of' end is not null
        order by type, key",
    )?;
    let rows = statement.query_map([environment], |row| {
        let value = row.get::<_, Json>(3)?.0;
        Ok(MirrorFacts { id: universe_id(row, 0, 1)?, mirror_of: row.get(2)?, value })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn older(db: &Connection, environment: &str) -> Result<Vec<(String, String)>, StoreError> {
    let mut statement = db.prepare(
        "select type, key
        from cache_entries
        where environment = ?1 and type in (select value from json_each(?2))
        order by type, key",
    )?;
    let types = serde_json::Value::from(OLDER_TYPES.as_slice()).to_string();
    let rows = statement.query_map([environment, &types], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn listings(db: &Connection) -> Result<Vec<ListingFacts>, StoreError> {
    let mut statement =
        db.prepare("select symbol, security_type, is_active, delisted_date from symbols order by symbol")?;
    let rows = statement.query_map([], |row| {
        Ok(ListingFacts {
            symbol: symbol(row, 0)?,
            security_type: text(row, 1)?.and_then(SecurityType::from_code),
            is_active: row.get(2)?,
            delisted_date: day(row, 3)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn membership_span_list(
    db: &Connection,
    environment: &str,
    since: Date,
) -> Result<Vec<MembershipSpan>, StoreError> {
    let mut statement = db.prepare(
        "select u.type, u.key, m.symbol, m.valid_from, m.valid_to
        from universe_membership m
        join universe_universe u on u.universe_id = m.universe_id
        where u.environment = ?1
            and (m.valid_from >= ?2 or m.valid_to >= ?2)
            and m.valid_to is not m.valid_from
            and m.superseded_run is null
            and m.superseded_run is null
        order by u.type, u.key, m.symbol, m.valid_from",
    )?;
    let rows = statement.query_map(params![environment, DayText::from(since)], |row| {
        Ok(MembershipSpan {
            universe: universe_id(row, 0, 1)?,
            symbol: symbol(row, 2)?,
            valid_from: row.get::<_, Day>(3)?.0,
            valid_to: day(row, 4)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
