//! Memberships, listings and runs in SQLite or PostgreSQL, behind one trait.
//!
//! Everything above speaks to [`Store`]; which database it is was decided once, by [`open()`].

mod answers;
mod as_of_facts;
mod described;
mod entry;
mod error;
mod fingerprint;
mod job_records;
mod migrations;
mod open;
mod postgres;
mod records;
mod snapshot_facts;
mod sqlite;
mod store;
mod write_set;

pub use entry::{EntryShapeError, entry_symbols};
pub use error::StoreError;
pub use job_records::{
    ApiKeyRecord, ClaimedRun, EventsOf, Lease, Ordered, OutboxSpan, RunOrder, RunStatistics, run_lease,
};
pub use open::{DatabaseUri, UriError, open};
pub use postgres::PostgresStore;
pub use records::{
    AuditEntry, Backend, Inconsistency, LoadRecord, Loaded, MemberRecord, MembersAsOf, MembershipRecord,
    MigrationState, Needs, OutboxEntry, RunRecord, SnapshotRecord, UniverseRecord,
};
pub use sqlite::SqliteStore;
pub use store::Store;
