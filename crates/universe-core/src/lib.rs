//! The domain of universe membership: rules, planner, checks and events, without any IO.

mod calendar;
pub mod constituents;
pub mod event;
pub mod expression;
pub mod identity;
mod issue;
pub mod market;
mod money;
mod observation;
pub mod plan;
pub mod planner;
mod record;
pub mod rule;
mod screen;
mod security_type;
pub mod state;
mod suggest;
mod symbol;
mod timeframe;
mod universe;

pub use calendar::{
    DayKind, NotASession, day_kind, expect_session, is_session, next_session, previous_session, session_close,
    session_on_or_before, session_open, sessions, sessions_between,
};
pub use issue::Issue;
pub use money::{Price, Usd};
pub use observation::{FactWalk, Observation, ObservedListing, TextColumn};
pub use record::{Bar, ListingRecord, Snapshot, SnapshotRow};
pub use screen::{EvaluationError, ExpressionError, Figures, Metric, Reading, Screen, Truth, WELL_KNOWN_FACTS};
pub use security_type::SecurityType;
pub use suggest::nearest;
pub use symbol::{SYMBOL_LEN_MAX, Symbol, SymbolError, resolve_symbol};
pub use timeframe::{TimedBar, Timeframe, TimeframeError};
pub use universe::{Category, KEY_LEN_MAX, UniverseId, UniverseIdError, UniverseType, key_slug};
