//! Words about single members: put in or left out by hand, and changes that were announced ahead.

use jiff::civil::Date;
use serde::Serialize;
use universe_core::state::Override;
use universe_core::{NotASession, Symbol, UniverseId, expect_session, session_on_or_before};
use universe_store::{OverrideRecord, Store, StoreError, Withdrawal};
use uuid::Uuid;

use crate::{Ambient, meant_symbol, new_york_date};

/// The longest reason: it is for people, and goes into every explanation.
pub const REASON_LEN_MAX: usize = 500;

/// What somebody says about a member.
#[derive(Clone, Debug)]
pub struct OverrideWish {
    /// The universe.
    pub universe: UniverseId,
    /// The symbol, also one that no listing has yet.
    pub symbol: Symbol,
    /// Whether it is to be a member.
    pub is_member: bool,
    /// The first session; today's when none is given. A later one makes it an announced change.
    pub from: Option<Date>,
    /// The first session no longer; without one it holds until it is withdrawn.
    pub until: Option<Date>,
    /// Why.
    pub reason: String,
    /// Who says so.
    pub actor: String,
    /// The one that it takes the place of.
    pub replaces: Option<Uuid>,
}

/// An override as programs read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OverrideTold {
    /// Its id.
    pub id: Uuid,
    /// The universe.
    pub universe: UniverseId,
    /// The symbol.
    pub symbol: Symbol,
    /// Whether it is to be a member.
    pub is_member: bool,
    /// The first session.
    pub from: Date,
    /// The first session no longer.
    pub until: Option<Date>,
    /// Why.
    pub reason: String,
    /// Who says so.
    pub by: String,
    /// When it was said.
    pub recorded_at: jiff::Timestamp,
    /// When it was withdrawn, and by whom.
    pub withdrawn: Option<Withdrawal>,
}

impl From<OverrideRecord> for OverrideTold {
    fn from(record: OverrideRecord) -> Self {
        let OverrideRecord { override_id, content, recorded_at, withdrawn } = record;
        let Override { universe, symbol, is_member, from, until, reason, actor } = content;
        Self { id: override_id, universe, symbol, is_member, from, until, reason, by: actor, recorded_at, withdrawn }
    }
}

/// Which overrides are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OverridesOf {
    /// Those that hold or will hold.
    Present,
    /// Those that have not begun: announced changes.
    Pending,
    /// Also those that ended or were withdrawn.
    All,
}

/// Why an override is not taken.
#[derive(Debug, thiserror::Error)]
pub enum OverrideError {
    /// It begins on a day on which the exchange is closed.
    #[error(transparent)]
    NotASession(#[from] NotASession),
    /// It ends before it begins.
    #[error("it would end on {until}, not after it begins on {from}")]
    EndsBeforeItBegins {
        /// The first session.
        from: Date,
        /// The first session no longer.
        until: Date,
    },
    /// It has no reason, or a novel.
    #[error("a reason has 1 to {REASON_LEN_MAX} characters")]
    Reason,
    /// The one to be replaced is not there, or was withdrawn.
    #[error("there is no override {0} that could be replaced; it is unknown, or was withdrawn")]
    NothingToReplace(Uuid),
    /// The store failed.
    #[error("could not record the override")]
    Store(#[source] StoreError),
}

/// Records an override; the run of its first session makes it, or the next one where that is over.
///
/// # Errors
/// When it cannot be meant, or the store fails; nothing is then recorded, and nothing replaced.
pub async fn put_override(
    store: &dyn Store,
    environment: &str,
    wish: OverrideWish,
    ambient: &dyn Ambient,
) -> Result<OverrideRecord, OverrideError> {
    let now = ambient.now();
    let OverrideWish { universe, symbol, is_member, from, until, reason, actor, replaces } = wish;
    let from = match from {
        Some(from) => expect_session(from)?,
        None => session_on_or_before(new_york_date(now)),
    };
    if let Some(until) = until.filter(|until| *until <= from) {
        return Err(OverrideError::EndsBeforeItBegins { from, until });
    }
    let reason = reason.trim().to_owned();
    if !(1..=REASON_LEN_MAX).contains(&reason.chars().count()) {
        return Err(OverrideError::Reason);
    }
    let symbol = meant_symbol(store, symbol).await.map_err(OverrideError::Store)?;
    let entry = OverrideRecord {
        override_id: ambient.new_run_id(),
        content: Override { universe, symbol, is_member, from, until, reason, actor },
        recorded_at: now,
        withdrawn: None,
    };
    match (store.override_put(environment, &entry, replaces).await, replaces) {
        (Ok(()), _) => Ok(entry),
        (Err(StoreError::Conflict { .. }), Some(replaced)) => Err(OverrideError::NothingToReplace(replaced)),
        (Err(error), _) => Err(OverrideError::Store(error)),
    }
}

/// Lists overrides, oldest first; of one universe where one is given.
///
/// # Errors
/// When the store cannot be read.
pub async fn overrides(
    store: &dyn Store,
    environment: &str,
    which: OverridesOf,
    universe: Option<&UniverseId>,
    ambient: &dyn Ambient,
) -> Result<Vec<OverrideRecord>, StoreError> {
    let mut entries = store.override_list(environment).await?;
    entries.retain(|entry| universe.is_none_or(|universe| entry.content.universe == *universe));
    if which == OverridesOf::All || entries.is_empty() {
        return Ok(entries);
    }
    let today = session_on_or_before(new_york_date(ambient.now()));
    let last = last_session(store, environment).await?.unwrap_or(today);
    entries.retain(|entry| {
        let Override { from, until, .. } = entry.content;
        let is_over = until.is_some_and(|until| until <= last);
        entry.withdrawn.is_none() && !is_over && (which == OverridesOf::Present || last < from)
    });
    Ok(entries)
}

/// Returns the session that memberships stand at; `None` before the first run.
pub(crate) async fn last_session(store: &dyn Store, environment: &str) -> Result<Option<Date>, StoreError> {
    Ok(store.run_as_of(environment, Date::MAX, None).await?.and_then(|run| run.session))
}
