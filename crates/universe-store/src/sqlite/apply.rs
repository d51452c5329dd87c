//! Applying a plan: everything that a run changes, in the caller's transaction.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::Value;
use universe_core::UniverseId;
use universe_core::event::Event;
use universe_core::plan::{Plan, UniversePlan};

use super::jobs;
use super::load::market_session_put;
use super::membership::unmanaged_entry;
use super::time_machine::past_write;
use super::values::{Count, DayText, day, integer, universe_id};
use super::versions::lists_write;
use crate::write_set::{self, AuditRow, EntryRow, MembershipEnd};
use crate::{RunFigures, RunRecord, StoreError};

/// The numbers of an environment; they are given out within the transaction, and so without gaps.
pub(super) struct Head {
    version: u64,
    session: Option<Date>,
    pub(super) run_number: i64,
    audit_number: i64,
    pub(super) event_number: i64,
}

/// What the statements of one run share.
struct Run<'r> {
    db: &'r Connection,
    plan: &'r Plan,
    record: &'r RunRecord,
    number: i64,
    now: Timestamp,
    now_text: String,
    session: DayText,
}

pub(super) fn run_apply(db: &Connection, plan: &Plan, record: &RunRecord, events: &[Event]) -> Result<(), StoreError> {
    let mut head = head(db, &record.environment)?;
    if head.version != plan.base_version {
        return Err(StoreError::Stale { expected: plan.base_version, current: head.version });
    }
    write_set::check_order(plan, head.session)?;
    let now = record.recorded_at();
    if record.lease_token.is_none() {
        jobs::refuse_beside_claimed(db, &record.environment, now)?;
    }
    head.run_number += 1;
    let run = Run {
        db,
        plan,
        record,
        number: head.run_number,
        now,
        now_text: now.to_string(),
        session: DayText::from(plan.session),
    };
    let replaced = run.universes()?;
    run.listings()?;
    lists_write(db, &record.environment, &plan.lists, &run.now_text)?;
    past_write(db, &record.environment, run.number, &plan.past)?;
    run.figures()?;
    if let Some(market) = &plan.market {
        market_session_put(db, &[market.session])?;
    }
    let mut audit = write_set::audit_rows(plan);
    write_set::keep_replaced(&mut audit, plan, replaced);
    run.audit(&audit, &mut head.audit_number)?;
    put_events(db, &record.environment, events, &run.now_text, &mut head.event_number)?;
    jobs::end_run(db, record, run.number)?;
    db.prepare_cached(
        "update universe_head
        set version = ?2, run_number = ?2, session = ?3, run_id = ?4, held = ?5, audit_number = ?6, event_number = ?7
        where environment = ?1",
    )?
    .execute(params![
        record.environment,
        run.number,
        run.session,
        record.run_id.to_string(),
        plan.held,
        head.audit_number,
        head.event_number,
    ])?;
    Ok(())
}

/// Writes the numbers that a transaction gave out without a change of memberships.
pub(super) fn count_head(db: &Connection, environment: &str, head: &Head) -> Result<(), StoreError> {
    db.prepare_cached("update universe_head set run_number = ?2, event_number = ?3 where environment = ?1")?
        .execute(params![environment, head.run_number, head.event_number])?;
    Ok(())
}

/// Reads the head of an environment, which is made with its first run.
pub(super) fn head(db: &Connection, environment: &str) -> Result<Head, StoreError> {
    db.prepare_cached("insert into universe_head (environment) values (?1) on conflict do nothing")?
        .execute([environment])?;
    let mut statement = db.prepare_cached(
        "select version, session, run_number, audit_number, event_number from universe_head where environment = ?1",
    )?;
    Ok(statement.query_row([environment], |row| {
        Ok(Head {
            version: row.get::<_, Count>(0)?.0,
            session: day(row, 1)?,
            run_number: row.get(2)?,
            audit_number: row.get(3)?,
            event_number: row.get(4)?,
        })
    })?)
}

impl Run<'_> {
    /// Keeps what the plan decided by, unless the run before it has said the same of the session.
    fn figures(&self) -> Result<(), StoreError> {
        let Some(figures) = RunFigures::encode(self.plan) else { return Ok(()) };
        let mut statement = self.db.prepare_cached(
            "insert into universe_run_figure (environment, run_number, session, figures)
            select ?1, ?2, ?3, ?4
            where not exists (
                select 1
                from (
                    select f.session, f.figures
                    from universe_run_figure f
                    where f.environment = ?1
                    order by f.run_number desc
                    limit 1
                ) before
                where before.session = ?3 and before.figures = ?4
            )",
        )?;
        statement.execute(params![self.record.environment, self.number, self.session, figures])?;
        Ok(())
    }

    /// Writes universes, entries and memberships; returns what other programs' entries said before.
    fn universes(&self) -> Result<BTreeMap<UniverseId, Value>, StoreError> {
        let mut replaced = BTreeMap::new();
        let mut mirrors = self.mirrors()?;
        for universe in write_set::retired(self.plan) {
            self.keep_replaced(&universe.id, &mut replaced)?;
            self.retire(universe)?;
            for key in mirrors.remove(&universe.id).unwrap_or_default() {
                self.delete_entry(universe, &key)?;
            }
        }
        for universe in write_set::written(self.plan) {
            self.keep_replaced(&universe.id, &mut replaced)?;
            let row = write_set::entry_row(self.plan, universe, self.record, self.now);
            self.put_entry(&row, universe.id.key(), &row.metadata)?;
            self.put_universe(&row)?;
            let mut outdated = mirrors.remove(&universe.id).unwrap_or_default();
            for key in &universe.mirrors {
                outdated.remove(key);
                self.keep_replaced(&UniverseId::from_stored(universe.id.universe_type, key), &mut replaced)?;
                self.put_entry(&row, key, &write_set::mirror_metadata(&row))?;
            }
            for key in outdated {
                self.delete_entry(universe, &key)?;
            }
        }
        Ok(replaced)
    }

    fn keep_replaced(&self, id: &UniverseId, replaced: &mut BTreeMap<UniverseId, Value>) -> Result<(), StoreError> {
        if let Some(entry) = unmanaged_entry(self.db, &self.record.environment, id)? {
            replaced.insert(id.clone(), entry.value);
        }
        Ok(())
    }

    fn put_entry(&self, row: &EntryRow<'_>, key: &str, metadata: &Value) -> Result<(), StoreError> {
        let universe = row.universe;
        let mut statement = self.db.prepare_cached(
            "insert into cache_entries (
                type, name, key, value, environment, universe_category, universe_metadata, created_at, updated_at
            )
            values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8)
            on conflict (type, key, environment) do update set
                name = excluded.name,
                value = excluded.value,
                universe_category = excluded.universe_category,
                universe_metadata = excluded.universe_metadata,
                updated_at = excluded.updated_at",
        )?;
        statement.execute(params![
            universe.id.universe_type.as_str(),
            universe.name,
            key,
            row.value,
            self.record.environment,
            universe.category.as_str(),
            metadata.to_string(),
            self.now_text,
        ])?;
        Ok(())
    }

    fn delete_entry(&self, universe: &UniversePlan, key: &str) -> Result<(), StoreError> {
        let mut statement =
            self.db.prepare_cached("delete from cache_entries where type = ?1 and key = ?2 and environment = ?3")?;
        statement.execute(params![universe.id.universe_type.as_str(), key, self.record.environment])?;
        Ok(())
    }

    /// Writes the row of our own, and opens and closes memberships.
    fn put_universe(&self, row: &EntryRow<'_>) -> Result<(), StoreError> {
        let universe = row.universe;
        let had_row = self.universe_number(universe)?.is_some();
        let mut statement = self.db.prepare_cached(
            "insert into universe_universe (
                environment, type, key, name, category, rule, rule_version, is_ranked, sequence, members, member_count,
                reconstituted_session, entry_updated_at, is_retired
            )
            values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, 0)
            on conflict (environment, type, key) do update set
                name = excluded.name,
                category = excluded.category,
                rule = excluded.rule,
                rule_version = excluded.rule_version,
                is_ranked = excluded.is_ranked,
                sequence = excluded.sequence,
                members = excluded.members,
                member_count = excluded.member_count,
                reconstituted_session = excluded.reconstituted_session,
                entry_updated_at = excluded.entry_updated_at,
                is_retired = 0
            returning universe_id",
        )?;
        let given = params![
            self.record.environment,
            universe.id.universe_type.as_str(),
            universe.id.key(),
            universe.name,
            universe.category.as_str(),
            universe.rule,
            universe.rule_version,
            universe.is_ranked,
            integer(universe.sequence),
            row.members,
            integer(universe.members.len() as u64),
            DayText::from(universe.reconstituted_session),
            self.now_text,
        ];
        let number: i64 = statement.query_row(given, |row| row.get(0))?;
        if had_row {
            self.close(number, universe)?;
        }
        self.open(number, &write_set::opens(self.plan, universe, had_row))
    }

    /// Ends a universe: its memberships close, its row stays for the past.
    fn retire(&self, universe: &UniversePlan) -> Result<(), StoreError> {
        self.delete_entry(universe, universe.id.key())?;
        if let Some(number) = self.universe_number(universe)? {
            self.close(number, universe)?;
        }
        // Also for the entry of another program, which had no row: its number of changes has to be remembered.
        let mut statement = self.db.prepare_cached(
            "insert into universe_universe (
                environment, type, key, name, category, rule, rule_version, is_ranked, sequence, members, member_count,
                reconstituted_session, entry_updated_at, is_retired
            )
            values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, '', 0, ?10, ?11, 1)
            on conflict (environment, type, key) do update set
                sequence = excluded.sequence,
                members = '',
                member_count = 0,
                reconstituted_session = excluded.reconstituted_session,
                entry_updated_at = excluded.entry_updated_at,
                is_retired = 1",
        )?;
        statement.execute(params![
            self.record.environment,
            universe.id.universe_type.as_str(),
            universe.id.key(),
            universe.name,
            universe.category.as_str(),
            universe.rule,
            universe.rule_version,
            universe.is_ranked,
            integer(universe.sequence),
            self.session,
            self.now_text,
        ])?;
        Ok(())
    }

    /// Returns the number of a universe that has a row and is not retired.
    fn universe_number(&self, universe: &UniversePlan) -> Result<Option<i64>, StoreError> {
        let mut statement = self.db.prepare_cached(
            "select universe_id
            from universe_universe
            where environment = ?1 and type = ?2 and key = ?3 and is_retired = 0",
        )?;
        let key = params![self.record.environment, universe.id.universe_type.as_str(), universe.id.key()];
        Ok(statement.query_row(key, |row| row.get(0)).optional()?)
    }

    fn open(&self, number: i64, opens: &[MembershipEnd<'_>]) -> Result<(), StoreError> {
        let mut statement = self.db.prepare_cached(
            "insert into universe_membership (
                universe_id, symbol, valid_from, opened_run, opened_reason, opened_cap, opened_rank
            )
            values (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?;
        for end in opens {
            statement.execute(params![
                number,
                end.symbol.as_str(),
                self.session,
                self.number,
                end.reason,
                end.cap,
                end.rank
            ])?;
        }
        Ok(())
    }

    fn close(&self, number: i64, universe: &UniversePlan) -> Result<(), StoreError> {
        let mut statement = self.db.prepare_cached(
            "update universe_membership
            set valid_to = ?3, closed_run = ?4, closed_reason = ?5, closed_cap = ?6, closed_rank = ?7
            where universe_id = ?1 and symbol = ?2 and valid_to is null",
        )?;
        for change in write_set::closes(universe) {
            let end = write_set::membership_end(self.plan, change);
            let closed = statement.execute(params![
                number,
                end.symbol.as_str(),
                self.session,
                self.number,
                end.reason,
                end.cap,
                end.rank
            ])?;
            if closed != 1 {
                let actual = closed as u64;
                return Err(StoreError::RowsAffected { table: "membership", expected: 1, actual });
            }
        }
        Ok(())
    }

    /// Returns the keys of the mirrors that there are, by the universe that they repeat.
    fn mirrors(&self) -> Result<BTreeMap<UniverseId, BTreeSet<String>>, StoreError> {
        let mut statement = self.db.prepare_cached(
            "select type, universe_metadata ->> 'mirror_of', key
            from cache_entries
            where environment = ?1
                and type in ('stock_universe', 'etf_universe')
                and case when json_valid(universe_metadata) then universe_metadata ->> 'mirror_of' end is not null",
        )?;
        let mut rows = statement.query([&self.record.environment])?;
        let mut mirrors: BTreeMap<UniverseId, BTreeSet<String>> = BTreeMap::new();
        while let Some(row) = rows.next()? {
            mirrors.entry(universe_id(row, 0, 1)?).or_default().insert(row.get(2)?);
        }
        Ok(mirrors)
    }

    /// Writes the caps that moved and the listings that left the market.
    fn listings(&self) -> Result<(), StoreError> {
        let mut statement =
            self.db.prepare_cached("update symbols set market_cap = ?2, last_updated = ?3 where symbol = ?1")?;
        for listing in &self.plan.caps_moved {
            let cap = self.plan.caps[*listing as usize].map(|cap| cap.0);
            statement.execute(params![self.plan.symbol(*listing).as_str(), cap, self.now_text])?;
        }
        let mut statement = self.db.prepare_cached(
            "update symbols set is_active = 0, delisted_date = ?2, last_updated = ?3 where symbol = ?1",
        )?;
        for row in write_set::delisted_rows(self.plan) {
            let date = DayText::from(row.delisted_date);
            statement.execute(params![row.symbol.as_str(), date, self.now_text])?;
        }
        Ok(())
    }

    fn audit(&self, rows: &[AuditRow], number: &mut i64) -> Result<(), StoreError> {
        let mut statement = self.db.prepare_cached(
            "insert into universe_audit_entry (
                environment, audit_number, recorded_at, run_id, actor, action, universe, symbol, reason, detail
            )
            values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?;
        let run_id = self.record.run_id.to_string();
        for row in rows {
            *number += 1;
            statement.execute(params![
                self.record.environment,
                *number,
                self.now_text,
                run_id,
                self.record.triggered_by,
                row.action,
                row.universe.as_ref().map(ToString::to_string),
                row.symbol.as_ref().map(|symbol| symbol.as_str()),
                row.reason,
                row.detail.to_string(),
            ])?;
        }
        Ok(())
    }
}

/// Appends events behind the last number that was given out.
/// Writes events that come with nothing that has a number itself.
pub(super) fn append_events(
    db: &Connection,
    environment: &str,
    events: &[Event],
    now: Timestamp,
) -> Result<(), StoreError> {
    if events.is_empty() {
        return Ok(());
    }
    let mut head = head(db, environment)?;
    put_events(db, environment, events, &now.to_string(), &mut head.event_number)?;
    count_head(db, environment, &head)
}

pub(super) fn put_events(
    db: &Connection,
    environment: &str,
    events: &[Event],
    now: &str,
    number: &mut i64,
) -> Result<(), StoreError> {
    let mut statement = db.prepare_cached(
        "insert into universe_outbox (
            environment, event_number, event_id, event, channels, universe, sequence, message, created_at
        )
        values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    for event in events {
        *number += 1;
        statement.execute(params![
            environment,
            *number,
            event.id.to_string(),
            event.event,
            Value::from(event.channels).to_string(),
            event.universe.as_ref().map(|(id, _)| id.to_string()),
            event.universe.as_ref().map(|(_, sequence)| integer(*sequence)),
            event.message.to_string(),
            now,
        ])?;
    }
    Ok(())
}
