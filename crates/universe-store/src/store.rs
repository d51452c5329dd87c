//! The one trait through which everything above reads and writes.

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
    ApiKeyRecord, AuditEntry, Backend, ClaimedRun, DataLoadStore, EntryRecord, EventsOf, FigureRecord, Inconsistency,
    IntegrityFacts, Lease, LoadRecord, Loaded, MembersAsOf, MembershipRecord, MembershipSpan, MigrationState, Needs,
    Ordered, OutboxEntry, OutboxSpan, OverrideRecord, RunFigures, RunOrder, RunRecord, RunStatistics, RunVersion,
    SnapshotRecord, StoreError, SymbolChangeRecord, Timeline, UniverseRecord, VitalSigns, When, members,
};

/// A database of listings, memberships and runs.
///
/// Every method that writes does so in one transaction: it happens as a whole, survives a crash right after
/// it returns, or has not happened. `environment` is the one of `cache_entries`.
#[async_trait]
pub trait Store: DataLoadStore + Send + Sync {
    /// Returns which database this is.
    fn backend(&self) -> Backend;

    /// Returns every migration that this program has, applied or not, in order.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn migration_list(&self) -> Result<Vec<MigrationState>, StoreError>;

    /// Returns how the database is, set up or not: its version, its clock, its size, who holds leases.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn vital_signs(&self) -> Result<VitalSigns, StoreError>;

    /// Applies the migrations that have not been applied and returns their names.
    ///
    /// Safe when several processes start at once: one applies, the others wait and find it done.
    ///
    /// # Errors
    /// When an applied migration is not the one this program has, or a statement is refused; each migration
    /// is applied as a whole or not at all.
    async fn migrate(&self, now: Timestamp) -> Result<Vec<String>, StoreError>;

    /// Reads the listings and their latest closes not later than `session`, in order of symbol.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn observation_read(&self, session: Date, needs: &Needs) -> Result<Observation, StoreError>;

    /// Reads the memberships, imports and market figures that a run for `session` starts from.
    ///
    /// Entries of the two types that other programs wrote are among the universes, without a rule.
    ///
    /// # Errors
    /// When the database cannot be read, or an entry has a shape that cannot be understood.
    async fn state_read(&self, environment: &str, session: Date) -> Result<State, StoreError>;

    /// Returns the newest date not later than `limit` for which there are closes.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn session_latest(&self, limit: Date) -> Result<Option<Date>, StoreError>;

    /// Returns the names of all loaded figures, sorted.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn fact_list(&self) -> Result<Vec<String>, StoreError>;

    /// Returns the names of securities, in the order asked; `None` where none is known.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn company_name_list(&self, symbols: &[Symbol]) -> Result<Vec<Option<String>>, StoreError>;

    /// Applies a plan: entries, intervals, audit, events, caps, delistings and the run, in one transaction.
    ///
    /// Decides nothing. Survives a crash as soon as it returns. A run with a lease token was claimed before: its
    /// row is brought to its end, and its lease released. Any other one is recorded here for the first time.
    ///
    /// # Errors
    /// [`StoreError::Stale`] when the state is not the one that the plan was made from; [`StoreError::Fenced`]
    /// when a claimed run is not the caller's any more; [`StoreError::Busy`] when a run that was not claimed
    /// would come between a claimed one that is at work. Nothing is then written.
    async fn run_apply(&self, plan: &Plan, run: &RunRecord, events: &[Event]) -> Result<(), StoreError>;

    /// Brings a run to its end that changes nothing (nothing to do, failed, cancelled, dry run), with its events.
    ///
    /// As for [`Store::run_apply`], a run with a lease token was claimed before, and its lease is released.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] when a claimed run is not the caller's any more, [`StoreError::Conflict`] when one
    /// that was not claimed has been recorded already; nothing is then written.
    async fn run_close(&self, run: &RunRecord, events: &[Event]) -> Result<(), StoreError>;

    /// Queues a run, with its events; unless one of the environment waits or runs already.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when there is a run with that id.
    async fn run_order(&self, order: &RunOrder, events: &[Event]) -> Result<Ordered, StoreError>;

    /// Takes the run that waits, together with the lease `run:ENVIRONMENT`; `None` where there is none to take.
    ///
    /// At most one caller gets it, and the events that `events_of` makes of it are written with that. It begins
    /// now, but never before it was ordered: clocks differ. Until the lease expires nobody else claims a run of
    /// the environment.
    ///
    /// # Errors
    /// When the database cannot be written.
    async fn run_claim(
        &self,
        environment: &str,
        holder: &str,
        now: Timestamp,
        ttl_seconds: i64,
        events_of: EventsOf,
    ) -> Result<Option<ClaimedRun>, StoreError>;

    /// Records how far a run is, with events that tell it, and keeps its lease for longer; returns whether somebody
    /// asked for it to stop.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] when the run is not the caller's any more.
    async fn run_progress(
        &self,
        run_id: Uuid,
        token: u64,
        progress: &Value,
        events: &[Event],
        now: Timestamp,
        ttl_seconds: i64,
    ) -> Result<bool, StoreError>;

    /// Cancels a run that waits, or asks one that runs to stop; returns its status after that, `None` if unknown.
    ///
    /// One that waited is at its end, with the events that `events_of` makes. One that is over stays as it is.
    ///
    /// # Errors
    /// When the database cannot be written.
    async fn run_cancel(&self, run_id: Uuid, now: Timestamp, events_of: EventsOf)
    -> Result<Option<String>, StoreError>;

    /// Fails the runs whose process died (they run, but nobody holds their lease), with the events that
    /// `events_of` makes; returns their ids.
    ///
    /// # Errors
    /// When the database cannot be written.
    async fn run_reap(&self, environment: &str, now: Timestamp, events_of: EventsOf) -> Result<Vec<Uuid>, StoreError>;

    /// Returns a run; `None` if unknown.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn run_find(&self, run_id: Uuid) -> Result<Option<RunRecord>, StoreError>;

    /// Returns the newest run that brought memberships to a session not later than `session`, as known at an
    /// instant: what an answer for that session stands on. `None` where there is none.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn run_as_of(
        &self,
        environment: &str,
        session: Date,
        known_at: Option<Timestamp>,
    ) -> Result<Option<RunRecord>, StoreError>;

    /// Returns how many runs an environment has, of every status.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn run_count(&self, environment: &str) -> Result<u64, StoreError>;

    /// Returns the figures of the runs that were asked for at an instant or later.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn run_statistics(&self, environment: &str, since: Timestamp) -> Result<RunStatistics, StoreError>;

    /// Returns the newest runs first (one that has not ended before all others), at most `limit` of them after skipping `offset`.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn run_list(&self, environment: &str, limit: u32, offset: u32) -> Result<Vec<RunRecord>, StoreError>;

    /// Stores a full snapshot: listings, closes, who was seen; returns what changed.
    ///
    /// What the snapshot does not say (a blank cap, a blank sector) leaves what is stored. The same
    /// snapshot again changes nothing.
    ///
    /// # Errors
    /// When the database cannot be written.
    async fn snapshot_load(&self, snapshot: &Snapshot, load: &LoadRecord, now: Timestamp)
    -> Result<Loaded, StoreError>;

    /// Stores reference data; figures beyond the columns are recorded as of `as_of`.
    ///
    /// # Errors
    /// When the database cannot be written.
    async fn listing_load(
        &self,
        listings: &[ListingRecord],
        as_of: Date,
        load: &LoadRecord,
        now: Timestamp,
    ) -> Result<Loaded, StoreError>;

    /// Stores daily bars; a bar that exists is replaced where it differs.
    ///
    /// # Errors
    /// When the database cannot be written.
    async fn bar_load(&self, bars: &[Bar], load: &LoadRecord, now: Timestamp) -> Result<Loaded, StoreError>;

    /// Stores the list of members of a universe that somebody else decides; the next plan takes it up.
    ///
    /// # Errors
    /// When the database cannot be written.
    async fn import_put(
        &self,
        environment: &str,
        id: &UniverseId,
        list: &ImportedList,
        load: &LoadRecord,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.import_put_all(environment, &[(id.clone(), list.clone())], load, now).await
    }

    /// Stores the lists of several universes, all of them or none.
    ///
    /// # Errors
    /// When the database cannot be written.
    async fn import_put_all(
        &self,
        environment: &str,
        lists: &[(UniverseId, ImportedList)],
        load: &LoadRecord,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Returns the full snapshots that were loaded, by session.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn snapshot_list(&self) -> Result<Vec<SnapshotRecord>, StoreError>;

    /// Returns the returns of all listings with a close on `session` and on the newest date with closes before it.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn session_returns(&self, session: Date) -> Result<Vec<f64>, StoreError>;

    /// Returns the figures of the market up to `session`, oldest first, at most a year and a month of them.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn market_session_list(&self, session: Date) -> Result<Vec<MarketSession>, StoreError>;

    /// Stores the figures of sessions, replacing those of the same session.
    ///
    /// # Errors
    /// When the database cannot be written.
    async fn market_session_put(&self, figures: &[MarketSession]) -> Result<(), StoreError>;

    /// Returns every universe of both types that has an entry, in order of type and key.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn universe_list(&self, environment: &str) -> Result<Vec<UniverseRecord>, StoreError>;

    /// Returns a universe with its members now, in the order of its entry; `None` where there is no such entry.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn entry_find(&self, environment: &str, id: &UniverseId) -> Result<Option<EntryRecord>, StoreError>;

    /// Returns who was a member when of one universe, or of all, retired ones too.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn timeline_read(&self, environment: &str, universe: Option<&UniverseId>) -> Result<Timeline, StoreError>;

    /// Returns the figures that a run decided by; `None` where it kept none.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn run_figures(&self, environment: &str, run_number: i64) -> Result<Option<RunFigures>, StoreError>;

    /// Returns what reference data and prices up to a session say of listings, in their order.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn figure_list(&self, symbols: &[Symbol], session: Date) -> Result<Vec<FigureRecord>, StoreError>;

    /// Returns the members of a universe with their figures: now, or as of a session and as known at an instant.
    ///
    /// A retired universe still answers for the past. `None` when there never was such a universe.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn member_list(
        &self,
        environment: &str,
        id: &UniverseId,
        as_of: Option<Date>,
        known_at: Option<Timestamp>,
    ) -> Result<Option<MembersAsOf>, StoreError> {
        members::member_list(self, environment, id, When { as_of, known_at }).await
    }

    /// Returns every interval of a universe, or of a symbol in all universes, in order of time.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn membership_list(
        &self,
        environment: &str,
        universe: Option<&UniverseId>,
        symbol: Option<&Symbol>,
    ) -> Result<Vec<MembershipRecord>, StoreError>;

    /// Returns the memberships that began or ended on a session or later, in order of universe, symbol and time.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn membership_span_list(&self, environment: &str, since: Date) -> Result<Vec<MembershipSpan>, StoreError>;

    /// Returns every run of an environment that has ended, in order of their numbers.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn version_list(&self, environment: &str) -> Result<Vec<RunVersion>, StoreError>;

    /// Keeps somebody's word about a member, and withdraws the one that it replaces; the next plan goes by it.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when there is nothing to replace.
    async fn override_put(
        &self,
        environment: &str,
        entry: &OverrideRecord,
        replaces: Option<Uuid>,
    ) -> Result<(), StoreError>;

    /// Returns every word about members, those that ended or were withdrawn too, oldest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn override_list(&self, environment: &str) -> Result<Vec<OverrideRecord>, StoreError>;

    /// Withdraws a word about a member; `false` when it is unknown or was withdrawn before.
    ///
    /// # Errors
    /// When the database cannot be written.
    async fn override_withdraw(
        &self,
        environment: &str,
        override_id: Uuid,
        actor: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Keeps symbol changes, each in the place of one of the same symbol and session, and of others that they replace;
    /// returns how many say something new. The next plan goes by them, and what they supersede is still found by the
    /// instants before they were recorded.
    ///
    /// # Errors
    /// When the database cannot be written, or a symbol becomes itself.
    async fn symbol_change_put(
        &self,
        records: &[SymbolChangeRecord],
        replaced: &[SymbolChange],
    ) -> Result<u64, StoreError>;

    /// Returns every symbol change, oldest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn symbol_change_list(&self) -> Result<Vec<SymbolChangeRecord>, StoreError>;

    /// Returns every symbol change that was recorded and not superseded at an instant, oldest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn symbol_change_list_at(&self, known_at: Timestamp) -> Result<Vec<SymbolChangeRecord>, StoreError>;

    /// Keeps what a source says of the history of a universe, in the place of what it said before.
    ///
    /// # Errors
    /// When the database cannot be written.
    async fn constituent_source_put(
        &self,
        environment: &str,
        id: &UniverseId,
        source: &KeptSource,
    ) -> Result<(), StoreError>;

    /// Returns what each source says of the history of a universe, in order of their names.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn constituent_source_list(&self, environment: &str, id: &UniverseId) -> Result<Vec<KeptSource>, StoreError>;

    /// Returns audit entries in order, after a number.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn audit_list(&self, environment: &str, after: i64, limit: u32) -> Result<Vec<AuditEntry>, StoreError>;

    /// Returns events in order, after a number.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn outbox_list(&self, environment: &str, after: i64, limit: u32) -> Result<Vec<OutboxEntry>, StoreError>;

    /// Compares entries with intervals, and looks for overlaps and gaps; an empty list is proof.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn inconsistency_list(&self, environment: &str) -> Result<Vec<Inconsistency>, StoreError>;

    /// Reads what is stored about every universe, as it stands: also what cannot be understood.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn integrity_read(&self, environment: &str) -> Result<IntegrityFacts, StoreError>;

    /// Returns the version of the memberships, which rises with every run that changed something; 0 before the first.
    ///
    /// Cheap: made for asking many times a second.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn head_version(&self, environment: &str) -> Result<u64, StoreError>;

    /// Returns the events that have not been published, in order.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn outbox_unpublished(&self, environment: &str, limit: u32) -> Result<Vec<OutboxEntry>, StoreError>;

    /// Returns the newest events of a kind, newest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn outbox_newest(&self, environment: &str, event: &str, limit: u32) -> Result<Vec<OutboxEntry>, StoreError>;

    /// Marks the events up to a number as published; returns how many were not before.
    ///
    /// # Errors
    /// When the database cannot be written.
    async fn outbox_published(&self, environment: &str, up_to: i64, now: Timestamp) -> Result<u64, StoreError>;

    /// Deletes the oldest events, as long as they were written before an instant and are published; returns
    /// how many.
    ///
    /// # Errors
    /// When the database cannot be written.
    async fn outbox_prune(&self, environment: &str, created_before: Timestamp) -> Result<u64, StoreError>;

    /// Returns which events there are; `None` before the first one.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn outbox_span(&self, environment: &str) -> Result<Option<OutboxSpan>, StoreError>;

    /// Takes a lease that is free or expired, or renews it for its holder; `None` while somebody else holds it.
    ///
    /// The token stays with a renewal and rises by one with every take. `holder` names one process, not a kind of them.
    ///
    /// # Errors
    /// When the database cannot be written.
    async fn lease_take(
        &self,
        name: &str,
        holder: &str,
        now: Timestamp,
        ttl_seconds: i64,
    ) -> Result<Option<Lease>, StoreError>;

    /// Gives a lease back; one that was lost meanwhile stays with its new holder.
    ///
    /// # Errors
    /// When the database cannot be written.
    async fn lease_release(&self, name: &str, token: u64) -> Result<(), StoreError>;

    /// Remembers that a schedule fired for a session, with events that tell of it; `false` when it had already,
    /// and nothing is told.
    ///
    /// # Errors
    /// When the database cannot be written.
    async fn schedule_fired(
        &self,
        environment: &str,
        schedule: &str,
        session: Date,
        now: Timestamp,
        events: &[Event],
    ) -> Result<bool, StoreError>;

    /// Returns the newest session for which a schedule fired.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn schedule_last(&self, environment: &str, schedule: &str) -> Result<Option<Date>, StoreError>;

    /// Stores a new key.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when there is a key with that id.
    async fn key_put(&self, key: &ApiKeyRecord) -> Result<(), StoreError>;

    /// Returns every key, revoked and expired ones too, oldest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn key_list(&self) -> Result<Vec<ApiKeyRecord>, StoreError>;

    /// Returns a key, revoked and expired ones too; `None` if unknown.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn key_find(&self, api_key_id: &str) -> Result<Option<ApiKeyRecord>, StoreError>;

    /// Revokes a key; `false` when it is unknown or was revoked before.
    ///
    /// # Errors
    /// When the database cannot be written.
    async fn key_revoke(&self, api_key_id: &str, now: Timestamp) -> Result<bool, StoreError>;

    /// Remembers when a key was used last; an unknown one is passed over.
    ///
    /// # Errors
    /// When the database cannot be written.
    async fn key_used(&self, api_key_id: &str, now: Timestamp) -> Result<(), StoreError>;
}
