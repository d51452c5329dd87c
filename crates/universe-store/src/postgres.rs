//! The store on a PostgreSQL server, 14 or later.
//!
//! Connections within one machine are not encrypted, others are where the server takes that (`sslmode`).
//! What is written survives a crash as the server is configured to let it (`synchronous_commit`); its timeouts
//! hold too, none are set here.

mod adoption;
mod apply;
mod columns;
mod connect;
mod encryption;
mod failure;
mod history;
mod identity;
mod integrity;
mod jobs;
mod keys;
mod leases;
mod load;
mod loading;
mod lookup;
mod migrate;
mod numeric;
mod observe;
mod outbox;
mod overrides;
mod past;
mod state;
mod time_machine;
mod timeline;
mod versions;
mod vital_signs;

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use deadpool_postgres::{Object, Pool};
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
use crate::store::Store;
use crate::{
    ApiKeyRecord, AuditEntry, Backend, ClaimedRun, EntryRecord, EventsOf, FigureRecord, Inconsistency, IntegrityFacts,
    Lease, LoadRecord, Loaded, MembershipRecord, MembershipSpan, MigrationState, Needs, Ordered, OutboxEntry,
    OutboxSpan, OverrideRecord, RunFigures, RunOrder, RunRecord, RunStatistics, RunVersion, SnapshotRecord, StoreError,
    SymbolChangeRecord, Timeline, UniverseRecord, VitalSigns,
};

use columns::Columns;
use failure::{ATTEMPTS_MAX, Failure};

/// A store on a PostgreSQL server.
pub struct PostgresStore {
    pool: Pool,
    /// Made from the catalogue when first needed, and anew after a migration.
    sql: RwLock<Option<Arc<Sql>>>,
}

/// The statements that depend on how this database names its columns.
struct Sql {
    listings: String,
    listings_plain: String,
    describe: String,
    names: String,
    entries: String,
    entry_instant_is_kept: bool,
    delist: String,
    listing_merge: String,
    snapshot_merge: String,
    older_snapshot_merge: String,
    snapshot_known: String,
    closes: String,
    bars: String,
    listing_facts: String,
}

impl Sql {
    fn new(columns: &Columns) -> Self {
        Self {
            listings: observe::listings_sql(columns, true),
            listings_plain: observe::listings_sql(columns, false),
            describe: timeline::describe_sql(columns),
            names: lookup::names_sql(columns),
            entries: apply::entries_sql(columns.entry_key_is_unique),
            entry_instant_is_kept: columns.entry_instant_is_kept,
            delist: apply::delist_sql(columns.is_active),
            listing_merge: load::merge_sql(columns, load::MergeRule::Given),
            snapshot_merge: load::merge_sql(columns, load::MergeRule::Snapshot),
            older_snapshot_merge: load::merge_sql(columns, load::MergeRule::OlderSnapshot),
            snapshot_known: load::snapshot_known_sql(columns),
            closes: load::closes_sql(columns),
            bars: load::bars_sql(columns),
            listing_facts: integrity::listing_facts_sql(columns),
        }
    }
}

/// Runs a transaction, and again as long as other transactions are in its way.
macro_rules! retrying {
    ($transaction:expr) => {{
        let mut attempt = 1;
        loop {
            match $transaction.await {
                Err(Failure::Contention(reason)) if attempt < ATTEMPTS_MAX => {
                    tracing::warn!(attempt, reason, "transaction tried again");
                    attempt += 1;
                }
                result => break result.map_err(StoreError::from),
            }
        }
    }};
}
use retrying;

impl PostgresStore {
    /// Connects to a database, given as `postgresql://user:password@host:port/database`.
    ///
    /// # Errors
    /// When the address cannot be read, the server cannot be reached or not as encrypted as asked, is older than
    /// PostgreSQL 14, does not let the user in, or has no such database. No message contains the password.
    pub async fn connect(uri: &str) -> Result<Self, StoreError> {
        let (pool, columns) = connect::connect(uri).await?;
        Ok(Self { pool, sql: RwLock::new(columns.map(|columns| Arc::new(Sql::new(&columns)))) })
    }

    async fn client(&self) -> Result<Object, Failure> {
        Ok(self.pool.get().await?)
    }

    /// Returns a connection and the statements for this database.
    async fn ready(&self) -> Result<(Object, Arc<Sql>), Failure> {
        let client = self.client().await?;
        let known = self.sql.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(sql) = known {
            return Ok((client, sql));
        }
        let sql = Arc::new(Sql::new(&Columns::read(&client).await?));
        *self.sql.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&sql));
        Ok((client, sql))
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore").finish_non_exhaustive()
    }
}

#[async_trait]
impl Store for PostgresStore {
    fn backend(&self) -> Backend {
        Backend::Postgres
    }

    async fn migration_list(&self) -> Result<Vec<MigrationState>, StoreError> {
        Ok(migrate::migration_list(&self.client().await?).await?)
    }

    async fn vital_signs(&self) -> Result<VitalSigns, StoreError> {
        Ok(vital_signs::vital_signs(&self.client().await?).await?)
    }

    async fn migrate(&self, now: Timestamp) -> Result<Vec<String>, StoreError> {
        let mut client = self.client().await?;
        let applied = retrying!(migrate::migrate(&mut client, now))?;
        *self.sql.write().unwrap_or_else(PoisonError::into_inner) = None;
        Ok(applied)
    }

    async fn observation_read(&self, session: Date, needs: &Needs) -> Result<Observation, StoreError> {
        let (client, sql) = self.ready().await?;
        let listings = if needs.details { &sql.listings } else { &sql.listings_plain };
        Ok(observe::observation_read(&client, listings, session, needs).await?)
    }

    async fn state_read(&self, environment: &str, session: Date) -> Result<State, StoreError> {
        let (client, _) = self.ready().await?;
        Ok(state::state_read(&client, environment, session).await?)
    }

    async fn session_latest(&self, limit: Date) -> Result<Option<Date>, StoreError> {
        let (client, _) = self.ready().await?;
        Ok(observe::session_latest(&client, limit).await?)
    }

    async fn fact_list(&self) -> Result<Vec<String>, StoreError> {
        let (client, _) = self.ready().await?;
        Ok(observe::fact_list(&client).await?)
    }

    async fn company_name_list(&self, symbols: &[Symbol]) -> Result<Vec<Option<String>>, StoreError> {
        let (client, sql) = self.ready().await?;
        Ok(lookup::company_name_list(&client, &sql, symbols).await?)
    }

    async fn run_apply(&self, plan: &Plan, run: &RunRecord, events: &[Event]) -> Result<(), StoreError> {
        let (mut client, sql) = self.ready().await?;
        retrying!(apply::run_apply(&mut client, &sql, plan, run, events))
    }

    async fn run_close(&self, run: &RunRecord, events: &[Event]) -> Result<(), StoreError> {
        let (mut client, _) = self.ready().await?;
        retrying!(jobs::run_close(&mut client, run, events))
    }

    async fn run_order(&self, order: &RunOrder, events: &[Event]) -> Result<Ordered, StoreError> {
        let (mut client, _) = self.ready().await?;
        retrying!(jobs::run_order(&mut client, order, events))
    }

    async fn run_claim(
        &self,
        environment: &str,
        holder: &str,
        now: Timestamp,
        ttl_seconds: i64,
        events_of: EventsOf,
    ) -> Result<Option<ClaimedRun>, StoreError> {
        let (mut client, _) = self.ready().await?;
        retrying!(jobs::run_claim(&mut client, environment, holder, now, ttl_seconds, events_of))
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
        let (mut client, _) = self.ready().await?;
        retrying!(jobs::run_progress(&mut client, run_id, token, progress, events, now, ttl_seconds))
    }

    async fn run_cancel(
        &self,
        run_id: Uuid,
        now: Timestamp,
        events_of: EventsOf,
    ) -> Result<Option<String>, StoreError> {
        let (mut client, _) = self.ready().await?;
        retrying!(jobs::run_cancel(&mut client, run_id, now, events_of))
    }

    async fn run_reap(&self, environment: &str, now: Timestamp, events_of: EventsOf) -> Result<Vec<Uuid>, StoreError> {
        let (mut client, _) = self.ready().await?;
        retrying!(jobs::run_reap(&mut client, environment, now, events_of))
    }

    async fn run_find(&self, run_id: Uuid) -> Result<Option<RunRecord>, StoreError> {
        let (client, _) = self.ready().await?;
        Ok(jobs::run_find(&client, run_id).await?)
    }

    async fn run_as_of(
        &self,
        environment: &str,
        session: Date,
        known_at: Option<Timestamp>,
    ) -> Result<Option<RunRecord>, StoreError> {
        let (client, _) = self.ready().await?;
        Ok(jobs::run_as_of(&client, environment, session, known_at).await?)
    }

    async fn run_count(&self, environment: &str) -> Result<u64, StoreError> {
        let (client, _) = self.ready().await?;
        Ok(jobs::run_count(&client, environment).await?)
    }

    async fn run_statistics(&self, environment: &str, since: Timestamp) -> Result<RunStatistics, StoreError> {
        let (client, _) = self.ready().await?;
        Ok(jobs::run_statistics(&client, environment, since).await?)
    }

    async fn run_list(&self, environment: &str, limit: u32, offset: u32) -> Result<Vec<RunRecord>, StoreError> {
        let (client, _) = self.ready().await?;
        Ok(jobs::run_list(&client, environment, limit, offset).await?)
    }

    async fn snapshot_load(
        &self,
        snapshot: &Snapshot,
        load: &LoadRecord,
        now: Timestamp,
    ) -> Result<Loaded, StoreError> {
        let (mut client, sql) = self.ready().await?;
        retrying!(load::snapshot_load(&mut client, &sql, snapshot, load, now))
    }

    async fn listing_load(
        &self,
        listings: &[ListingRecord],
        as_of: Date,
        load: &LoadRecord,
        now: Timestamp,
    ) -> Result<Loaded, StoreError> {
        let (mut client, sql) = self.ready().await?;
        retrying!(load::listing_load(&mut client, &sql, listings, as_of, load, now))
    }

    async fn bar_load(&self, bars: &[Bar], load: &LoadRecord, now: Timestamp) -> Result<Loaded, StoreError> {
        let (mut client, sql) = self.ready().await?;
        retrying!(load::bar_load(&mut client, &sql, bars, load, now))
    }

    async fn import_put_all(
        &self,
        environment: &str,
        lists: &[(UniverseId, ImportedList)],
        load: &LoadRecord,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (mut client, _) = self.ready().await?;
        retrying!(load::import_put(&mut client, environment, lists, load, now))
    }

    async fn snapshot_list(&self) -> Result<Vec<SnapshotRecord>, StoreError> {
        let (client, _) = self.ready().await?;
        Ok(history::snapshot_list(&client).await?)
    }

    async fn session_returns(&self, session: Date) -> Result<Vec<f64>, StoreError> {
        let (client, _) = self.ready().await?;
        Ok(observe::session_returns(&client, session).await?)
    }

    async fn market_session_list(&self, session: Date) -> Result<Vec<MarketSession>, StoreError> {
        let (client, _) = self.ready().await?;
        Ok(state::market_session_list(&client, session).await?)
    }

    async fn market_session_put(&self, figures: &[MarketSession]) -> Result<(), StoreError> {
        let (mut client, _) = self.ready().await?;
        retrying!(apply::market_session_put(&mut client, figures))
    }

    async fn universe_list(&self, environment: &str) -> Result<Vec<UniverseRecord>, StoreError> {
        let (client, _) = self.ready().await?;
        Ok(lookup::universe_list(&client, environment).await?)
    }

    async fn entry_find(&self, environment: &str, id: &UniverseId) -> Result<Option<EntryRecord>, StoreError> {
        let (client, _) = self.ready().await?;
        Ok(timeline::entry_find(&client, environment, id).await?)
    }

    async fn timeline_read(&self, environment: &str, universe: Option<&UniverseId>) -> Result<Timeline, StoreError> {
        let (client, _) = self.ready().await?;
        Ok(timeline::timeline_read(&client, environment, universe).await?)
    }

    async fn run_figures(&self, environment: &str, run_number: i64) -> Result<Option<RunFigures>, StoreError> {
        let (client, _) = self.ready().await?;
        Ok(timeline::run_figures(&client, environment, run_number).await?)
    }

    async fn figure_list(&self, symbols: &[Symbol], session: Date) -> Result<Vec<FigureRecord>, StoreError> {
        let (client, sql) = self.ready().await?;
        Ok(timeline::figure_list(&client, &sql, symbols, session).await?)
    }

    async fn membership_list(
        &self,
        environment: &str,
        universe: Option<&UniverseId>,
        symbol: Option<&Symbol>,
    ) -> Result<Vec<MembershipRecord>, StoreError> {
        let (client, _) = self.ready().await?;
        Ok(lookup::membership_list(&client, environment, universe, symbol).await?)
    }

    async fn membership_span_list(&self, environment: &str, since: Date) -> Result<Vec<MembershipSpan>, StoreError> {
        let (client, _) = self.ready().await?;
        Ok(integrity::membership_span_list(&client, environment, since).await?)
    }

    async fn integrity_read(&self, environment: &str) -> Result<IntegrityFacts, StoreError> {
        let (mut client, sql) = self.ready().await?;
        retrying!(integrity::integrity_read(&mut client, &sql, environment))
    }

    async fn version_list(&self, environment: &str) -> Result<Vec<RunVersion>, StoreError> {
        let (client, _) = self.ready().await?;
        Ok(versions::version_list(&client, environment).await?)
    }

    async fn override_put(
        &self,
        environment: &str,
        entry: &OverrideRecord,
        replaces: Option<Uuid>,
    ) -> Result<(), StoreError> {
        let (mut client, _) = self.ready().await?;
        Ok(overrides::override_put(&mut client, environment, entry, replaces).await?)
    }

    async fn override_list(&self, environment: &str) -> Result<Vec<OverrideRecord>, StoreError> {
        let (client, _) = self.ready().await?;
        Ok(overrides::override_list(&client, environment).await?)
    }

    async fn override_withdraw(
        &self,
        environment: &str,
        override_id: Uuid,
        actor: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let (client, _) = self.ready().await?;
        Ok(overrides::override_withdraw(&client, environment, override_id, actor, now).await?)
    }

    async fn symbol_change_put(
        &self,
        records: &[SymbolChangeRecord],
        replaced: &[SymbolChange],
    ) -> Result<u64, StoreError> {
        let (mut client, _) = self.ready().await?;
        Ok(identity::symbol_change_put(&mut client, records, replaced).await?)
    }

    async fn symbol_change_list(&self) -> Result<Vec<SymbolChangeRecord>, StoreError> {
        let (client, _) = self.ready().await?;
        Ok(identity::symbol_change_list(&client).await?)
    }

    async fn symbol_change_list_at(&self, known_at: Timestamp) -> Result<Vec<SymbolChangeRecord>, StoreError> {
        let (client, _) = self.ready().await?;
        Ok(identity::symbol_change_list_at(&client, known_at).await?)
    }

    async fn constituent_source_put(
        &self,
        environment: &str,
        id: &UniverseId,
        source: &KeptSource,
    ) -> Result<(), StoreError> {
        let (client, _) = self.ready().await?;
        Ok(time_machine::constituent_source_put(&client, environment, id, source).await?)
    }

    async fn constituent_source_list(&self, environment: &str, id: &UniverseId) -> Result<Vec<KeptSource>, StoreError> {
        let (client, _) = self.ready().await?;
        Ok(time_machine::constituent_source_list(&client, environment, id).await?)
    }

    async fn audit_list(&self, environment: &str, after: i64, limit: u32) -> Result<Vec<AuditEntry>, StoreError> {
        let (client, _) = self.ready().await?;
        Ok(history::audit_list(&client, environment, after, limit).await?)
    }

    async fn outbox_list(&self, environment: &str, after: i64, limit: u32) -> Result<Vec<OutboxEntry>, StoreError> {
        let (client, _) = self.ready().await?;
        Ok(outbox::outbox_list(&client, environment, after, limit).await?)
    }

    async fn inconsistency_list(&self, environment: &str) -> Result<Vec<Inconsistency>, StoreError> {
        let (mut client, _) = self.ready().await?;
        retrying!(history::inconsistency_list(&mut client, environment))
    }

    async fn head_version(&self, environment: &str) -> Result<u64, StoreError> {
        let (client, _) = self.ready().await?;
        Ok(outbox::head_version(&client, environment).await?)
    }

    async fn outbox_unpublished(&self, environment: &str, limit: u32) -> Result<Vec<OutboxEntry>, StoreError> {
        let (client, _) = self.ready().await?;
        Ok(outbox::outbox_unpublished(&client, environment, limit).await?)
    }

    async fn outbox_newest(&self, environment: &str, event: &str, limit: u32) -> Result<Vec<OutboxEntry>, StoreError> {
        let (client, _) = self.ready().await?;
        Ok(outbox::outbox_newest(&client, environment, event, limit).await?)
    }

    async fn outbox_published(&self, environment: &str, up_to: i64, now: Timestamp) -> Result<u64, StoreError> {
        let (client, _) = self.ready().await?;
        Ok(outbox::outbox_published(&client, environment, up_to, now).await?)
    }

    async fn outbox_prune(&self, environment: &str, created_before: Timestamp) -> Result<u64, StoreError> {
        let (mut client, _) = self.ready().await?;
        retrying!(outbox::outbox_prune(&mut client, environment, created_before))
    }

    async fn outbox_span(&self, environment: &str) -> Result<Option<OutboxSpan>, StoreError> {
        let (client, _) = self.ready().await?;
        Ok(outbox::outbox_span(&client, environment).await?)
    }

    async fn lease_take(
        &self,
        name: &str,
        holder: &str,
        now: Timestamp,
        ttl_seconds: i64,
    ) -> Result<Option<Lease>, StoreError> {
        let (client, _) = self.ready().await?;
        Ok(leases::lease_take(&client, name, holder, now, ttl_seconds).await?)
    }

    async fn lease_release(&self, name: &str, token: u64) -> Result<(), StoreError> {
        let (client, _) = self.ready().await?;
        Ok(leases::lease_release(&client, name, token).await?)
    }

    async fn schedule_fired(
        &self,
        environment: &str,
        schedule: &str,
        session: Date,
        now: Timestamp,
        events: &[Event],
    ) -> Result<bool, StoreError> {
        let (mut client, _) = self.ready().await?;
        retrying!(leases::schedule_fired(&mut client, environment, schedule, session, now, events))
    }

    async fn schedule_last(&self, environment: &str, schedule: &str) -> Result<Option<Date>, StoreError> {
        let (client, _) = self.ready().await?;
        Ok(leases::schedule_last(&client, environment, schedule).await?)
    }

    async fn key_put(&self, key: &ApiKeyRecord) -> Result<(), StoreError> {
        let (client, _) = self.ready().await?;
        Ok(keys::key_put(&client, key).await?)
    }

    async fn key_list(&self) -> Result<Vec<ApiKeyRecord>, StoreError> {
        let (client, _) = self.ready().await?;
        Ok(keys::key_list(&client).await?)
    }

    async fn key_find(&self, api_key_id: &str) -> Result<Option<ApiKeyRecord>, StoreError> {
        let (client, _) = self.ready().await?;
        Ok(keys::key_find(&client, api_key_id).await?)
    }

    async fn key_revoke(&self, api_key_id: &str, now: Timestamp) -> Result<bool, StoreError> {
        let (client, _) = self.ready().await?;
        Ok(keys::key_revoke(&client, api_key_id, now).await?)
    }

    async fn key_used(&self, api_key_id: &str, now: Timestamp) -> Result<(), StoreError> {
        let (client, _) = self.ready().await?;
        Ok(keys::key_used(&client, api_key_id, now).await?)
    }
}
