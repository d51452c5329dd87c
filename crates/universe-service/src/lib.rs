//! A run from end to end: loading what feeds read, synchronizing a session, and a market to try it on.

mod ambient;
mod error;
mod load;
mod lookup;
pub mod market_simulator;
mod sync;

pub use ambient::Ambient;
pub use error::{LoadError, SyncError};
pub use load::{
    LoadReport, Told, keep_figures, load_prices, load_screener, load_snapshots, load_symbols, load_universe,
};
pub use lookup::{Answer, LookupError, Question, look_up, resolve};
pub use sync::{Progress, SyncOutcome, SyncRequest, Writing, new_york_date, sync, sync_import};
