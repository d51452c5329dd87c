//! A run from end to end, the queue and the schedule of runs, the way of their events, and a market to try it on.

mod adoption;
mod alerts;
mod ambient;
mod compare;
mod correct;
mod daemon;
mod error;
mod explain;
mod history;
mod identity;
mod index_history;
mod index_sources;
mod integrity;
mod known;
mod load;
mod loading;
mod lookup;
mod lookup_snapshot;
pub mod market_simulator;
#[cfg(feature = "nats")]
mod nats;
mod order;
mod overrides;
mod past;
mod pending;
mod redis_address;
mod redis_signs;
mod reference;
mod relay;
mod restore;
mod scheduler;
mod signals;
mod spelling;
mod standing;
mod statistics;
mod supervisor;
mod sync;
mod told;
mod transfer;
mod turn;
mod worker;

pub use adoption::{AdoptionPlan, PresentRules, plan_adoption};
pub use alerts::{Alerts, RaisedAlert, Severity, alerts};
pub use ambient::Ambient;
pub use compare::{CompareError, Compared, ComparedSide, Difference, Moment, NoMoment, compare};
pub use correct::{Correction, correct};
pub use daemon::{Daemon, RelayState, RuleSource};
pub use error::{LoadError, SyncError};
pub use explain::{ExplainError, ExplainQuestion, Explanation, explain_membership};
pub use history::{HistoryLine, HistoryQuestion, RecordedChange, UniverseHistory, universe_history};
pub use identity::{ListingHistory, keep_renamings, listing_history, load_symbol_changes, symbol_changes};
pub use index_history::{HistoryRequest, ImportedHistory, import_history};
pub use index_sources::index_agreement;
pub use integrity::{
    Finding, FindingSeverity, IntegrityReport, STALE_SESSIONS, check_integrity, check_sources, damaged_entries,
};
pub use known::as_known;
pub use load::{
    LoadReport, Told, UniverseList, keep_figures, load_lists, load_prices, load_screener, load_snapshots, load_symbols,
};
pub use loading::{
    BadMessage, DATA_LOAD_CHANNEL, DataLoadSettings, DataLoadWish, JOB_ID_LEN_MAX, YEARS_MAX, listen_for_data_loads,
    load_data, load_data_once, mirror_data_loads, read_message, status_key,
};
pub use lookup::{Answer, Detail, LookupError, Question, look_up, look_up_in, resolve};
pub use lookup_snapshot::{
    Body, LookupSnapshot, Lookups, ReadyAnswer, ReadyUniverse, SymbolUniverse, SymbolUniverses, list_body,
    nearest_keys, past_body,
};
#[cfg(feature = "nats")]
pub use nats::{NatsSettings, relay_to_nats, supervise_with_nats};
pub use order::{Approval, Placed, Wish};
pub use overrides::{OverrideError, OverrideTold, OverrideWish, OverridesOf, REASON_LEN_MAX, overrides, put_override};
pub use past::{Past, Recorded, universes_at, universes_of};
pub use pending::{Awaits, Pending, PendingChange, pending_changes};
pub use redis_address::{RedisAddress, RedisAddressError, RedisCertificateError};
pub use reference::{
    Details, ReferenceError, ReferenceProgress, ReferenceReport, ReferenceScope, ReferenceTold, ReferenceWish,
    Renaming, SymbolChanges, load_reference,
};
pub use relay::{Relay, RelayError, RelaySettings, relay};
pub use restore::{Agree, Restored, RollbackError, find_version, rollback};
pub use scheduler::{
    AfterTimeout, Due, EodWait, STANDARD_CRON, STANDARD_ZONE, Schedule, ScheduleError, SchedulerSettings, Tick,
    schedule, schedule_tick,
};
pub use signals::{EOD_NAMES, listen};
pub use spelling::meant_symbol;
pub use standing::{Footing, Standing};
pub use statistics::{
    CHANGE_SESSIONS, ChangeStatistics, JobStatistics, Overlap, Statistics, UniverseStatistics, job_statistics,
    overlaps, statistics,
};
pub use supervisor::{SupervisorSettings, supervise};
pub use sync::{
    Consent, Losses, Progress, SyncOutcome, SyncRequest, Writing, new_york_date, organize, repair, sync, sync_imports,
};
pub use told::{CorrectionTold, IntervalTold, RestoredTold, RestoredUniverse};
pub use transfer::{
    ExportedMembers, ImportError, Imported, IntervalRow, Intervals, MemberExport, Selection, export_members,
    import_exports, interval_export,
};
pub use worker::{WorkerSettings, work, work_once};
