//! A run from end to end, the queue and the schedule of runs, the way of their events, and a market to try it on.

mod adoption;
mod alerts;
mod ambient;
mod daemon;
mod error;
mod load;
mod lookup;
mod lookup_snapshot;
pub mod market_simulator;
mod order;
mod loading;
mod redis_address;
mod reference;
mod relay;
mod scheduler;
mod signals;
mod supervisor;
mod sync;
mod turn;
mod worker;

pub use ambient::Ambient;
pub use daemon::{Daemon, RelayState, RuleSource};
pub use error::{LoadError, SyncError};
pub use load::{
    LoadReport, Told, UniverseList, keep_figures, load_lists, load_prices, load_screener, load_snapshots, load_symbols,
};
pub use loading::{
pub use adoption::{AdoptionPlan, PresentRules, plan_adoption};
pub use alerts::{Alerts, RaisedAlert, Severity, alerts};
    BadMessage, DATA_LOAD_CHANNEL, DataLoadSettings, DataLoadWish, JOB_ID_LEN_MAX, YEARS_MAX, listen_for_data_loads,
    load_data, load_data_once, mirror_data_loads, read_message, status_key,
};
pub use lookup::{Answer, LookupError, Question, look_up, resolve};
pub use lookup_snapshot::{Body, LookupSnapshot, Lookups, ReadyAnswer, ReadyUniverse, SymbolUniverse, nearest_keys};
pub use order::{Approval, Placed, Wish};
pub use redis_address::{RedisAddress, RedisAddressError, RedisCertificateError};
pub use reference::{
    Details, ReferenceError, ReferenceProgress, ReferenceReport, ReferenceScope, ReferenceTold, ReferenceWish,
    Renaming, SymbolChanges, load_reference,
};
pub use relay::{Relay, RelayError, RelaySettings, relay};
pub use scheduler::{
    AfterTimeout, Due, EodWait, STANDARD_CRON, STANDARD_ZONE, Schedule, ScheduleError, SchedulerSettings, Tick,
    schedule, schedule_tick,
};
pub use signals::{EOD_NAMES, listen};
pub use supervisor::{SupervisorSettings, supervise};
pub use sync::{Progress, SyncOutcome, SyncRequest, Writing, new_york_date, sync, sync_import};
pub use worker::{WorkerSettings, work, work_once};
