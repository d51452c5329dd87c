//! What the parts of a server share: the store, the rules, the surroundings, and bells between them.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{Notify, watch};
use universe_core::rule::RuleSet;
use universe_store::Store;

use crate::Ambient;

/// Where a run takes its rules from: they may change while a server runs, and so may the figures they read.
#[async_trait]
pub trait RuleSource: Send + Sync {
    /// Returns the rules in force now.
    ///
    /// # Errors
    /// When a rule file cannot be read or is wrong; the text says which one.
    async fn rules(&self, store: &dyn Store) -> Result<Arc<RuleSet>, String>;
}

#[async_trait]
impl RuleSource for Arc<RuleSet> {
    async fn rules(&self, _store: &dyn Store) -> Result<Arc<RuleSet>, String> {
        Ok(Self::clone(self))
    }
}

/// What everything in one server process works with.
pub struct Daemon {
    /// The database.
    pub store: Arc<dyn Store>,
    /// The rules.
    pub rules: Arc<dyn RuleSource>,
    /// The clock and fresh ids.
    pub ambient: Arc<dyn Ambient>,
    /// The environment of `cache_entries` that it serves.
    pub environment: String,
    /// Names this process in leases; no two processes may have the same.
    pub holder: String,
    /// Rings when a run was ordered here, so that it begins at once.
    pub(crate) run_ordered: Notify,
    /// Rings when events were written here, so that they are published at once.
    pub(crate) outbox_written: Notify,
    /// Rings when a data-load job was ordered here, so that it begins at once.
    pub(crate) data_load_ordered: Notify,
    /// Rings when a data-load job changed here, so that its status is shown at once.
    pub(crate) data_load_changed: Notify,
    pub(crate) relay_state: watch::Sender<RelayState>,
}

/// How publication stands, as far as this process knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RelayState {
    /// No Redis is configured: events are kept and served over HTTP.
    Off,
    /// Nothing has been tried yet, or another process publishes.
    Standby,
    /// Events are published as they come.
    Publishing,
    /// Events wait; says what is in the way.
    Failing(String),
}

impl Daemon {
    /// Puts together what the parts of a server share.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        rules: Arc<dyn RuleSource>,
        ambient: Arc<dyn Ambient>,
        environment: String,
        holder: String,
    ) -> Self {
        Self {
            store,
            rules,
            ambient,
            environment,
            holder,
            run_ordered: Notify::new(),
            outbox_written: Notify::new(),
            data_load_ordered: Notify::new(),
            data_load_changed: Notify::new(),
            relay_state: watch::Sender::new(RelayState::Off),
        }
    }

    /// Returns how publication stands.
    #[must_use]
    pub fn relay_state(&self) -> RelayState {
        self.relay_state.borrow().clone()
    }
}

/// Tells whether the server is to stop; also when nobody is left who could say so.
pub(crate) fn is_stopped(stop: &watch::Receiver<bool>) -> bool {
    *stop.borrow() || stop.has_changed().is_err()
}

/// Waits for a time, or until the bell rings or the server is to stop.
pub(crate) async fn pause(time: Duration, bell: Option<&Notify>, stop: &mut watch::Receiver<bool>) {
    let rung = async {
        match bell {
            Some(bell) => bell.notified().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = tokio::time::sleep(time) => {}
        () = rung => {}
        _ = stop.wait_for(|stopped| *stopped) => {}
    }
}
