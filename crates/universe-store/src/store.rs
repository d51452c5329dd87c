//! The one trait through which everything above reads and writes.

use async_trait::async_trait;
use jiff::Timestamp;
use jiff::civil::Date;
use universe_core::event::Event;
use universe_core::market::MarketSession;
use universe_core::plan::Plan;
use universe_core::state::{ImportedList, State};
use universe_core::{Bar, ListingRecord, Observation, Snapshot, Symbol, UniverseId};

use crate::{
    AuditEntry, Backend, Inconsistency, LoadRecord, Loaded, MembersAsOf, MembershipRecord, MigrationState, Needs,
    OutboxEntry, RunRecord, SnapshotRecord, StoreError, UniverseRecord,
};

/// A database of listings, memberships and runs.
///
/// Every method that writes does so in one transaction: it happens as a whole, survives a crash right after
/// it returns, or has not happened. `environment` is the one of `cache_entries`.
#[async_trait]
pub trait Store: Send + Sync {
    /// Returns which database this is.
    fn backend(&self) -> Backend;

    /// Returns every migration that this program has, applied or not, in order.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn migration_list(&self) -> Result<Vec<MigrationState>, StoreError>;

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
    /// Decides nothing. Survives a crash as soon as it returns.
    ///
    /// # Errors
    /// [`StoreError::Stale`] when the state is not the one that the plan was made from; nothing is then written.
    async fn run_apply(&self, plan: &Plan, run: &RunRecord, events: &[Event]) -> Result<(), StoreError>;

    /// Records a run that changed nothing because it failed, with its events.
    ///
    /// # Errors
    /// When the database cannot be written.
    async fn run_failed(&self, run: &RunRecord, events: &[Event]) -> Result<(), StoreError>;

    /// Returns the newest runs first, at most `limit` of them after skipping `offset`.
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

    /// Returns the members of a universe: now, or as of a session and as known at an instant.
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
    ) -> Result<Option<MembersAsOf>, StoreError>;

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
}
