//! Memberships, listings and runs in SQLite or PostgreSQL, behind one trait.
//!
//! Everything above speaks to [`Store`]; which database it is was decided once, by [`open()`].

mod adoption;
mod answers;
mod as_of_facts;
mod compact;
mod constituent_records;
mod data_load_store;
mod described;
mod entry;
mod error;
mod fingerprint;
mod identity_records;
mod integrity_records;
mod job_records;
mod loading_records;
mod members;
mod migrations;
mod open;
mod override_records;
mod postgres;
mod records;
mod run_figures;
mod snapshot_facts;
mod sqlite;
mod store;
mod timeline;
mod version_records;
mod vital_signs;
mod write_set;

pub use adoption::{
    ADOPTED_RULE, Additions, AdoptedRule, AdoptedSource, AdoptedUniverse, Adoption, AdoptionRecord, AdoptionUndo,
    Obstacle, OlderDatabase, OlderEntry,
};
pub use constituent_records::KeptSource;
pub use data_load_store::DataLoadStore;
pub use entry::{EntryShapeError, entry_symbols};
pub use error::StoreError;
pub use identity_records::SymbolChangeRecord;
pub use integrity_records::{
    EntryFacts, IntegrityFacts, ListingFacts, MembershipSpan, MirrorFacts, OLDER_TYPES, UniverseFacts,
};
pub use job_records::{
    ApiKeyRecord, ClaimedRun, EventsOf, Lease, Ordered, OutboxSpan, RunOrder, RunStatistics, run_lease,
};
pub use loading_records::{
    ClaimedDataLoad, DATA_LOAD_ATTEMPTS_MAX, DATA_LOAD_ERRORS_MAX, DataLoadEnd, DataLoadFault, DataLoadOrder,
    DataLoadOrdered, DataLoadPart, DataLoadPlan, DataLoadRecord, DataLoadRequest, DataLoadStatus, DataLoadTask,
    DataLoadTaskEnd, DataLoadTaskStatus, EventsOfDataLoad, data_load_lease,
};
pub use members::{Kept, figures_of, in_order, member_records};
pub use open::{DatabaseUri, UriError, back_up, open, open_postgres};
pub use override_records::{OverrideRecord, Withdrawal};
pub use postgres::PostgresStore;
pub use records::{
    AuditEntry, Backend, EntryRecord, FigureRecord, Inconsistency, LoadRecord, Loaded, MemberRecord, MembersAsOf,
    MembershipRecord, MigrationState, Needs, OutboxEntry, RunRecord, SnapshotRecord, UniverseRecord,
};
pub use run_figures::{Figure, RunFigures};
pub use sqlite::SqliteStore;
pub use store::Store;
pub use timeline::{MemberSince, Timeline, TimelineRun, UniverseTimeline, When};
pub use version_records::RunVersion;
pub use vital_signs::{LeaseHeld, VitalSigns};
