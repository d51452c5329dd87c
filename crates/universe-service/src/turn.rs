//! Whose turn it is: one process at a time, by a lease in the database.

use jiff::Timestamp;
use universe_store::StoreError;

use crate::Daemon;

/// For how long it stays a process's turn after its last sign of life. Longer than Redis may take to answer.
const LEASE_SECONDS: i64 = 15;

/// How old a lease may get before it is renewed: often enough to miss one renewal, and seldom for a database.
const RENEWAL_SECONDS: i64 = 5;

/// A lease that this process holds from time to time.
pub(crate) struct Turn<'a> {
    daemon: &'a Daemon,
    name: String,
    held: Option<Held>,
}

struct Held {
    token: u64,
    renewed_at: Timestamp,
}

impl<'a> Turn<'a> {
    pub(crate) fn new(daemon: &'a Daemon, what: &str) -> Self {
        Self { daemon, name: format!("{what}:{}", daemon.environment), held: None }
    }

    /// Tells whether it is this process's turn, at least for some seconds more.
    pub(crate) async fn is_ours(&mut self) -> Result<bool, StoreError> {
        if let Some(held) = &self.held {
            let age = self.daemon.ambient.now().duration_since(held.renewed_at);
            if !age.is_negative() && age.as_secs() < RENEWAL_SECONDS {
                return Ok(true);
            }
        }
        self.renew().await
    }

    /// Tells whether it is this process's turn, for as long as a lease lasts.
    pub(crate) async fn renew(&mut self) -> Result<bool, StoreError> {
        let now = self.daemon.ambient.now();
        let lease = self.daemon.store.lease_take(&self.name, &self.daemon.holder, now, LEASE_SECONDS).await?;
        self.held = lease.map(|lease| Held { token: lease.token, renewed_at: now });
        Ok(self.held.is_some())
    }

    /// Lets the next process have it at once, instead of when the lease expires.
    pub(crate) async fn pass(&mut self) {
        let Some(held) = self.held.take() else { return };
        if let Err(error) = self.daemon.store.lease_release(&self.name, held.token).await {
            tracing::debug!(lease = self.name, %error, "a lease was not given back; it expires by itself");
        }
    }
}
