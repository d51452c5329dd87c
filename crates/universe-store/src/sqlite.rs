//! The store in one embedded file (or in memory).
//!
//! One connection writes, another one reads what was committed, so that lookups never wait for a load.
//! Both are used on the calling thread, told to the runtime as blocking: what is written is borrowed, and
//! handing a thousand universes to another thread would mean copying them.
//!
//! Durability: write-ahead log with `synchronous = normal`. What a method wrote survives the death of this
//! process as soon as it returns. When the machine itself dies, the last transactions may be lost as a
//! whole; the file is never left torn.

mod apply;
mod connection;
mod history;
mod identity;
mod integrity;
mod jobs;
mod keys;
mod leases;
mod listing;
mod load;
mod loading;
mod membership;
mod migrate;
mod observe;
mod outbox;
mod overrides;
mod past;
mod time_machine;
mod timeline;
mod values;
mod versions;
mod vital_signs;

use std::path::Path;

use async_trait::async_trait;
use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::Value;
use universe_core::event::Event;
use universe_core::identity::SymbolChange;
use universe_core::market::MarketSession;
use universe_core::plan::Plan;
use universe_core::state::{ImportedList, State};
use universe_core::{Bar, ListingRecord, Observation, Snapshot, Symbol, UniverseId};
use uuid::Uuid;

use crate::constituent_records::KeptSource;
use crate::{
    ApiKeyRecord, AuditEntry, Backend, ClaimedRun, EntryRecord, EventsOf, FigureRecord, Inconsistency, IntegrityFacts,
    Lease, LoadRecord, Loaded, MembershipRecord, MembershipSpan, MigrationState, Needs, Ordered, OutboxEntry,
    OutboxSpan, OverrideRecord, RunFigures, RunOrder, RunRecord, RunStatistics, RunVersion, SnapshotRecord, Store,
    StoreError, SymbolChangeRecord, Timeline, UniverseRecord, VitalSigns,
};
use connection::Connections;
pub(crate) use versions::back_up;

/// A store in one SQLite file.
#[derive(Debug)]
pub struct SqliteStore {
    connections: Connections,
}

impl SqliteStore {
    /// Opens a file, which is created where there is none.
    ///
    /// # Errors
    /// When it cannot be opened or written, or belongs to another program; it is then as it was.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Ok(Self { connections: Connections::open(path)? })
    }

    /// Makes a store in memory, which is gone with it.
    ///
    /// # Errors
    /// When there is not enough memory.
    pub fn in_memory() -> Result<Self, StoreError> {
        Ok(Self { connections: Connections::in_memory()? })
    }
}

#[async_trait]
impl Store for SqliteStore {
    fn backend(&self) -> Backend {
        Backend::Sqlite
    }

    async fn migration_list(&self) -> Result<Vec<MigrationState>, StoreError> {
        self.connections.read(migrate::migration_list)
    }

    async fn vital_signs(&self) -> Result<VitalSigns, StoreError> {
        self.connections.read(vital_signs::vital_signs)
    }

    async fn migrate(&self, now: Timestamp) -> Result<Vec<String>, StoreError> {
        self.connections.write(|tx| migrate::migrate(tx, now))
    }

    async fn observation_read(&self, session: Date, needs: &Needs) -> Result<Observation, StoreError> {
        self.connections.read(|db| observe::observation_read(db, session, needs))
    }

    async fn state_read(&self, environment: &str, session: Date) -> Result<State, StoreError> {
        self.connections.read(|db| membership::state_read(db, environment, session))
    }

    async fn session_latest(&self, limit: Date) -> Result<Option<Date>, StoreError> {
        self.connections.read(|db| observe::session_latest(db, limit))
    }

    async fn fact_list(&self) -> Result<Vec<String>, StoreError> {
        self.connections.read(observe::fact_list)
    }

    async fn company_name_list(&self, symbols: &[Symbol]) -> Result<Vec<Option<String>>, StoreError> {
        self.connections.read(|db| observe::company_name_list(db, symbols))
    }

    async fn run_apply(&self, plan: &Plan, run: &RunRecord, events: &[Event]) -> Result<(), StoreError> {
        self.connections.write(|tx| apply::run_apply(tx, plan, run, events))
    }

    async fn run_close(&self, run: &RunRecord, events: &[Event]) -> Result<(), StoreError> {
        self.connections.write(|tx| jobs::run_close(tx, run, events))
    }

    async fn run_order(&self, order: &RunOrder, events: &[Event]) -> Result<Ordered, StoreError> {
        self.connections.write(|tx| jobs::run_order(tx, order, events))
    }

    async fn run_claim(
        &self,
        environment: &str,
        holder: &str,
        now: Timestamp,
        ttl_seconds: i64,
        events_of: EventsOf,
    ) -> Result<Option<ClaimedRun>, StoreError> {
        // Asked many times before there is one; reading does not stand in the way of writers.
        if !self.connections.read(|db| jobs::has_pending(db, environment))? {
            return Ok(None);
        }
        self.connections.write(|tx| jobs::run_claim(tx, environment, holder, now, ttl_seconds, events_of))
    }

    async fn run_progress(
        &self,
        run_id: Uuid,
        token: u64,
        progress: &Value,
        events: &[Event],
        now: Timestamp,
        ttl_seconds: i64,
    ) -> Result<bool, StoreError> {
        self.connections.write(|tx| jobs::run_progress(tx, run_id, token, progress, events, now, ttl_seconds))
    }

    async fn run_cancel(
        &self,
        run_id: Uuid,
        now: Timestamp,
        events_of: EventsOf,
    ) -> Result<Option<String>, StoreError> {
        self.connections.write(|tx| jobs::run_cancel(tx, run_id, now, events_of))
    }

    async fn run_reap(&self, environment: &str, now: Timestamp, events_of: EventsOf) -> Result<Vec<Uuid>, StoreError> {
        if !self.connections.read(|db| jobs::has_dead(db, environment, now))? {
            return Ok(Vec::new());
        }
        self.connections.write(|tx| jobs::run_reap(tx, environment, now, events_of))
    }

    async fn run_find(&self, run_id: Uuid) -> Result<Option<RunRecord>, StoreError> {
        self.connections.read(|db| jobs::run_find(db, run_id))
    }

    async fn run_as_of(
        &self,
        environment: &str,
        session: Date,
        known_at: Option<Timestamp>,
    ) -> Result<Option<RunRecord>, StoreError> {
        self.connections.read(|db| jobs::run_as_of(db, environment, session, known_at))
    }

    async fn run_count(&self, environment: &str) -> Result<u64, StoreError> {
        self.connections.read(|db| jobs::run_count(db, environment))
    }

    async fn run_statistics(&self, environment: &str, since: Timestamp) -> Result<RunStatistics, StoreError> {
        self.connections.read(|db| jobs::run_statistics(db, environment, since))
    }

    async fn run_list(&self, environment: &str, limit: u32, offset: u32) -> Result<Vec<RunRecord>, StoreError> {
        self.connections.read(|db| jobs::run_list(db, environment, limit, offset))
    }

    async fn snapshot_load(
        &self,
        snapshot: &Snapshot,
        load: &LoadRecord,
        now: Timestamp,
    ) -> Result<Loaded, StoreError> {
        self.connections.write(|tx| load::snapshot_load(tx, snapshot, load, now))
    }

    async fn listing_load(
        &self,
        listings: &[ListingRecord],
        as_of: Date,
        load: &LoadRecord,
        now: Timestamp,
    ) -> Result<Loaded, StoreError> {
        self.connections.write(|tx| load::listing_load(tx, listings, as_of, load, now))
    }

    async fn bar_load(&self, bars: &[Bar], load: &LoadRecord, now: Timestamp) -> Result<Loaded, StoreError> {
        self.connections.write(|tx| load::bar_load(tx, bars, load, now))
    }

    async fn import_put_all(
        &self,
        environment: &str,
        lists: &[(UniverseId, ImportedList)],
        load: &LoadRecord,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.connections.write(|tx| load::import_put(tx, environment, lists, load, now))
    }

    async fn snapshot_list(&self) -> Result<Vec<SnapshotRecord>, StoreError> {
        self.connections.read(history::snapshot_list)
    }

    async fn session_returns(&self, session: Date) -> Result<Vec<f64>, StoreError> {
        self.connections.read(|db| observe::session_returns(db, session))
    }

    async fn market_session_list(&self, session: Date) -> Result<Vec<MarketSession>, StoreError> {
        self.connections.read(|db| observe::market_session_list(db, session))
    }

    async fn market_session_put(&self, figures: &[MarketSession]) -> Result<(), StoreError> {
        self.connections.write(|tx| load::market_session_put(tx, figures))
    }

    async fn universe_list(&self, environment: &str) -> Result<Vec<UniverseRecord>, StoreError> {
        self.connections.read(|db| membership::universe_list(db, environment))
    }

    async fn entry_find(&self, environment: &str, id: &UniverseId) -> Result<Option<EntryRecord>, StoreError> {
        self.connections.read(|db| timeline::entry_find(db, environment, id))
    }

    async fn timeline_read(&self, environment: &str, universe: Option<&UniverseId>) -> Result<Timeline, StoreError> {
        self.connections.read(|db| timeline::timeline_read(db, environment, universe))
    }

    async fn run_figures(&self, environment: &str, run_number: i64) -> Result<Option<RunFigures>, StoreError> {
        self.connections.read(|db| timeline::run_figures(db, environment, run_number))
    }

    async fn figure_list(&self, symbols: &[Symbol], session: Date) -> Result<Vec<FigureRecord>, StoreError> {
        self.connections.read(|db| timeline::figure_list(db, symbols, session))
    }

    async fn membership_list(
        &self,
        environment: &str,
        universe: Option<&UniverseId>,
        symbol: Option<&Symbol>,
    ) -> Result<Vec<MembershipRecord>, StoreError> {
        self.connections.read(|db| membership::membership_list(db, environment, universe, symbol))
    }

    async fn membership_span_list(&self, environment: &str, since: Date) -> Result<Vec<MembershipSpan>, StoreError> {
        self.connections.read(|db| integrity::membership_span_list(db, environment, since))
    }

    async fn integrity_read(&self, environment: &str) -> Result<IntegrityFacts, StoreError> {
        self.connections.read(|db| integrity::integrity_read(db, environment))
    }

    async fn version_list(&self, environment: &str) -> Result<Vec<RunVersion>, StoreError> {
        self.connections.read(|db| versions::version_list(db, environment))
    }

    async fn override_put(
        &self,
        environment: &str,
        entry: &OverrideRecord,
        replaces: Option<Uuid>,
    ) -> Result<(), StoreError> {
        self.connections.write(|db| overrides::override_put(db, environment, entry, replaces))
    }

    async fn override_list(&self, environment: &str) -> Result<Vec<OverrideRecord>, StoreError> {
        self.connections.read(|db| overrides::override_list(db, environment))
    }

    async fn override_withdraw(
        &self,
        environment: &str,
        override_id: Uuid,
        actor: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.connections.write(|db| overrides::override_withdraw(db, environment, override_id, actor, now))
    }

    async fn symbol_change_put(
        &self,
        records: &[SymbolChangeRecord],
        replaced: &[SymbolChange],
    ) -> Result<u64, StoreError> {
        self.connections.write(|db| identity::symbol_change_put(db, records, replaced))
    }

    async fn symbol_change_list(&self) -> Result<Vec<SymbolChangeRecord>, StoreError> {
        self.connections.read(identity::symbol_change_list)
    }

    async fn symbol_change_list_at(&self, known_at: Timestamp) -> Result<Vec<SymbolChangeRecord>, StoreError> {
        self.connections.read(|db| identity::symbol_change_list_at(db, known_at))
    }

    async fn constituent_source_put(
        &self,
        environment: &str,
        id: &UniverseId,
        source: &KeptSource,
    ) -> Result<(), StoreError> {
        self.connections.write(|db| time_machine::constituent_source_put(db, environment, id, source))
    }

    async fn constituent_source_list(&self, environment: &str, id: &UniverseId) -> Result<Vec<KeptSource>, StoreError> {
        self.connections.read(|db| time_machine::constituent_source_list(db, environment, id))
    }

    async fn audit_list(&self, environment: &str, after: i64, limit: u32) -> Result<Vec<AuditEntry>, StoreError> {
        self.connections.read(|db| history::audit_list(db, environment, after, limit))
    }

    async fn outbox_list(&self, environment: &str, after: i64, limit: u32) -> Result<Vec<OutboxEntry>, StoreError> {
        self.connections.read(|db| outbox::outbox_list(db, environment, after, limit))
    }

    async fn inconsistency_list(&self, environment: &str) -> Result<Vec<Inconsistency>, StoreError> {
        self.connections.read(|db| history::inconsistency_list(db, environment))
    }

    async fn head_version(&self, environment: &str) -> Result<u64, StoreError> {
        self.connections.read(|db| jobs::head_version(db, environment))
    }

    async fn outbox_unpublished(&self, environment: &str, limit: u32) -> Result<Vec<OutboxEntry>, StoreError> {
        self.connections.read(|db| outbox::outbox_unpublished(db, environment, limit))
    }

    async fn outbox_newest(&self, environment: &str, event: &str, limit: u32) -> Result<Vec<OutboxEntry>, StoreError> {
        self.connections.read(|db| outbox::outbox_newest(db, environment, event, limit))
    }

    async fn outbox_published(&self, environment: &str, up_to: i64, now: Timestamp) -> Result<u64, StoreError> {
        self.connections.write(|tx| outbox::outbox_published(tx, environment, up_to, now))
    }

    async fn outbox_prune(&self, environment: &str, created_before: Timestamp) -> Result<u64, StoreError> {
        self.connections.write(|tx| outbox::outbox_prune(tx, environment, created_before))
    }

    async fn outbox_span(&self, environment: &str) -> Result<Option<OutboxSpan>, StoreError> {
        self.connections.read(|db| outbox::outbox_span(db, environment))
    }

    async fn lease_take(
        &self,
        name: &str,
        holder: &str,
        now: Timestamp,
        ttl_seconds: i64,
    ) -> Result<Option<Lease>, StoreError> {
        self.connections.write(|tx| leases::lease_take(tx, name, holder, now, ttl_seconds))
    }

    async fn lease_release(&self, name: &str, token: u64) -> Result<(), StoreError> {
        self.connections.write(|tx| leases::lease_release(tx, name, token))
    }

    async fn schedule_fired(
        &self,
        environment: &str,
        schedule: &str,
        session: Date,
        now: Timestamp,
        events: &[Event],
    ) -> Result<bool, StoreError> {
        self.connections.write(|tx| leases::schedule_fired(tx, environment, schedule, session, now, events))
    }

    async fn schedule_last(&self, environment: &str, schedule: &str) -> Result<Option<Date>, StoreError> {
        self.connections.read(|db| leases::schedule_last(db, environment, schedule))
    }

    async fn key_put(&self, key: &ApiKeyRecord) -> Result<(), StoreError> {
        self.connections.write(|tx| keys::key_put(tx, key))
    }

    async fn key_list(&self) -> Result<Vec<ApiKeyRecord>, StoreError> {
        self.connections.read(keys::key_list)
    }

    async fn key_find(&self, api_key_id: &str) -> Result<Option<ApiKeyRecord>, StoreError> {
        self.connections.read(|db| keys::key_find(db, api_key_id))
    }

    async fn key_revoke(&self, api_key_id: &str, now: Timestamp) -> Result<bool, StoreError> {
        self.connections.write(|tx| keys::key_revoke(tx, api_key_id, now))
    }

    async fn key_used(&self, api_key_id: &str, now: Timestamp) -> Result<(), StoreError> {
        self.connections.write(|tx| keys::key_used(tx, api_key_id, now))
    }
}

#[cfg(test)]
mod tests;
