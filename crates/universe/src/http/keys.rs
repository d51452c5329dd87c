//! Keys: who may ask for what.
//!
//! A key is `tsu_ID_SECRET`. Its hash is stored, and compared in constant time. Stored keys are held in memory
//! and read again every [`REFRESH_EVERY`]; whatever changes something is checked against the store itself.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use jiff::Timestamp;
use tokio::sync::watch;
use universe_store::{ApiKeyRecord, Store, StoreError};

/// The key that the platform's own documents print: everybody knows it.
pub(crate) const EXAMPLE_KEY: &str = "tickstock-cache-sync-2025";

/// How every key of ours starts, so that tools find one that leaked.
pub(crate) const KEY_PREFIX: &str = "tsu_";

/// What the key of the configuration is called; those that are stored have an id.
const CONFIGURED_KEY: &str = "server.api_key";

/// How often stored keys are read again: how long a revoked one still reads at most.
const REFRESH_EVERY: Duration = Duration::from_millis(250);

/// Uses of a key are noted in every so many refreshes, so that reading does not become writing.
const REFRESHES_PER_NOTE: u32 = 240;

/// How many unknown keys a second are looked up in the store, so that guessing is no load on it.
const UNKNOWN_KEYS_PER_SECOND: NonZeroU32 = NonZeroU32::new(20).expect("not zero");

/// What a key allows; each includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scope {
    Read,
    Operate,
    Admin,
}

/// Why somebody is not let in.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// No key was given.
    Missing,
    /// The key is unknown, revoked or expired; which of these is nobody's business.
    Wrong,
    /// The key is right and does not allow this.
    Scope,
    /// The key asks too often.
    TooOften,
    /// The store could not be asked.
    Store(StoreError),
}

/// Who asks, as far as a key tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Caller {
    /// The public part of the key; `None` where none is asked for.
    key_id: Option<String>,
}

/// Every key that is known.
pub(crate) struct Keys {
    store: Arc<dyn Store>,
    configured: Option<Known>,
    stored: ArcSwap<HashMap<String, Arc<Known>>>,
    is_always_asked: bool,
    quota: Option<Quota>,
    unknown: DefaultDirectRateLimiter,
}

/// A key and how often it asked lately.
struct Known {
    hash: blake3::Hash,
    scope: Scope,
    record: Option<ApiKeyRecord>,
    limiter: Option<DefaultDirectRateLimiter>,
    was_used: AtomicBool,
}

impl Scope {
    pub(crate) const ALL: [Self; 3] = [Self::Read, Self::Operate, Self::Admin];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Operate => "operate",
            Self::Admin => "admin",
        }
    }

    pub(crate) fn from_spelling(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text)
    }
}

impl Caller {
    /// What the records of runs call somebody who asks over HTTP: `api`, with the key.
    pub(crate) fn name(&self) -> String {
        self.key_id.as_ref().map_or_else(|| "api".to_owned(), |key_id| format!("api:{key_id}"))
    }

    /// The same behind a name that somebody gave, which a key does not prove.
    pub(crate) fn signed(&self, by: Option<&str>) -> String {
        match by.map(str::trim).filter(|by| !by.is_empty()) {
            Some(by) => format!("{by} ({})", self.name()),
            None => self.name(),
        }
    }
}

impl Keys {
    /// Reads the stored keys. `is_loopback` is whether only this machine can ask.
    pub(crate) async fn open(
        store: Arc<dyn Store>,
        configured: Option<&str>,
        is_loopback: bool,
        rate_per_second: Option<NonZeroU32>,
    ) -> Result<Self, StoreError> {
        let quota = rate_per_second.map(Quota::per_second);
        let configured = configured.map(|text| Known {
            hash: hash(text),
            scope: Scope::Admin,
            record: None,
            limiter: quota.map(RateLimiter::direct),
            was_used: AtomicBool::new(false),
        });
        let keys = Self {
            store,
            configured,
            stored: ArcSwap::default(),
            is_always_asked: !is_loopback,
            quota,
            unknown: RateLimiter::direct(Quota::per_second(UNKNOWN_KEYS_PER_SECOND)),
        };
        keys.refresh().await?;
        Ok(keys)
    }

    /// Returns whether a key is needed: when there is one, even one that was revoked, or others can connect.
    pub(crate) fn are_asked_for(&self) -> bool {
        self.is_always_asked || self.configured.is_some() || !self.stored.load().is_empty()
    }

    /// Returns whether a stored key lets anybody in.
    pub(crate) fn has_usable(&self, ambient: &dyn universe_service::Ambient) -> bool {
        let now = ambient.now();
        self.stored.load().values().any(|known| known.is_valid_at(now))
    }

    /// Checks a key, and says whose it is.
    pub(crate) async fn check(&self, given: Option<&str>, needed: Scope, now: Timestamp) -> Result<Caller, Refusal> {
        if !self.are_asked_for() {
            return Ok(Caller::default());
        }
        let given = given.ok_or(Refusal::Missing)?;
        let given_hash = hash(given);
        let found;
        let known = match self.configured.as_ref().filter(|known| known.hash == given_hash) {
            Some(known) => known,
            None => {
                found = self.find(given, needed).await?;
                &*found
            }
        };
        known.admit(&given_hash, needed, now)?;
        let key_id = known.record.as_ref().map_or(CONFIGURED_KEY, |record| &record.api_key_id);
        Ok(Caller { key_id: Some(key_id.to_owned()) })
    }

    /// Returns whether a key may read, as far as memory knows; where it may not, [`Self::check`] says why.
    pub(crate) fn admits_reader(&self, given: Option<&str>, now: Timestamp) -> bool {
        if !self.are_asked_for() {
            return true;
        }
        let Some(given) = given else { return false };
        let given_hash = hash(given);
        if let Some(known) = self.configured.as_ref().filter(|known| known.hash == given_hash) {
            return known.admit(&given_hash, Scope::Read, now).is_ok();
        }
        let stored = self.stored.load();
        let known = id_of(given).and_then(|id| stored.get(id));
        known.is_some_and(|known| known.admit(&given_hash, Scope::Read, now).is_ok())
    }

    /// Finds the key with the id of the one given: in memory to read, in the store to change something.
    async fn find(&self, given: &str, needed: Scope) -> Result<Arc<Known>, Refusal> {
        let id = id_of(given).ok_or(Refusal::Wrong)?;
        let known = self.stored.load().get(id).cloned();
        if let Some(known) = known.as_ref().filter(|_| needed == Scope::Read) {
            return Ok(Arc::clone(known));
        }
        if known.is_none() && self.unknown.check().is_err() {
            return Err(Refusal::Wrong);
        }
        let record = self.store.key_find(id).await.map_err(Refusal::Store)?.ok_or(Refusal::Wrong)?;
        if known.and_then(|known| known.record.as_ref().map(|r| access(r) == access(&record))) != Some(true) {
            self.refresh().await.map_err(Refusal::Store)?;
        }
        self.stored.load().get(id).cloned().ok_or(Refusal::Wrong)
    }

    /// Keeps the stored keys current until `shutdown` says true.
    pub(crate) async fn run(&self, ambient: &dyn universe_service::Ambient, mut shutdown: watch::Receiver<bool>) {
        for refresh in 1_u32.. {
            tokio::select! {
                _ = shutdown.wait_for(|is_over| *is_over) => return,
                () = tokio::time::sleep(REFRESH_EVERY) => {}
            }
            // Without the store nothing can be changed; whoever could read still can.
            if let Err(error) = self.refresh().await {
                tracing::debug!(%error, "keys cannot be refreshed");
            }
            if refresh.is_multiple_of(REFRESHES_PER_NOTE) {
                self.note_uses(ambient.now()).await;
            }
        }
    }

    /// Notes which keys were used.
    pub(crate) async fn note_uses(&self, now: Timestamp) {
        for (id, known) in self.stored.load_full().iter() {
            if known.was_used.swap(false, Ordering::Relaxed)
                && let Err(error) = self.store.key_used(id, now).await
            {
                tracing::debug!(%error, "the use of a key cannot be noted");
            }
        }
    }

    async fn refresh(&self) -> Result<(), StoreError> {
        let records = self.store.key_list().await?;
        let before = self.stored.load_full();
        let is_same = |id: &str, record: &ApiKeyRecord| {
            before.get(id).filter(|known| known.record.as_ref().is_some_and(|r| access(r) == access(record))).cloned()
        };
        let mut stored = HashMap::with_capacity(records.len());
        for record in records {
            let id = record.api_key_id.clone();
            // The same key keeps its limiter; a key whose hash is of another length lets nobody in.
            match is_same(&id, &record).or_else(|| Some(Arc::new(Known::stored(record, self.quota)?))) {
                Some(known) => stored.insert(id, known),
                None => continue,
            };
        }
        self.stored.store(Arc::new(stored));
        Ok(())
    }
}

/// What decides whom a key lets in.
fn access(record: &ApiKeyRecord) -> (&[u8], &[String], Option<Timestamp>, Option<Timestamp>) {
    (&record.hash, &record.scopes, record.expires_at, record.revoked_at)
}

impl Known {
    fn stored(record: ApiKeyRecord, quota: Option<Quota>) -> Option<Self> {
        Some(Self {
            hash: blake3::Hash::from_bytes(record.hash.as_slice().try_into().ok()?),
            scope: record.scopes.iter().filter_map(|text| Scope::from_spelling(text)).max()?,
            limiter: quota.map(RateLimiter::direct),
            was_used: AtomicBool::new(false),
            record: Some(record),
        })
    }

    /// Lets somebody in who gave a key with this hash, and counts it.
    fn admit(&self, given: &blake3::Hash, needed: Scope, now: Timestamp) -> Result<(), Refusal> {
        // Comparing two `blake3::Hash` takes the same time whatever is in them.
        if self.hash != *given || !self.is_valid_at(now) {
            return Err(Refusal::Wrong);
        }
        if self.scope < needed {
            return Err(Refusal::Scope);
        }
        if self.limiter.as_ref().is_some_and(|limiter| limiter.check().is_err()) {
            return Err(Refusal::TooOften);
        }
        // Written only when it changes: many cores look at it.
        if !self.was_used.load(Ordering::Relaxed) {
            self.was_used.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    fn is_valid_at(&self, now: Timestamp) -> bool {
        self.record.as_ref().is_none_or(|record| {
            record.revoked_at.is_none() && record.expires_at.is_none_or(|expires_at| now < expires_at)
        })
    }
}

/// Returns the hash of a whole key. A key has 192 random bits, so a fast hash is as good as a slow one.
pub(crate) fn hash(key: &str) -> blake3::Hash {
    blake3::hash(key.as_bytes())
}

/// Returns the public part of a key of ours.
fn id_of(key: &str) -> Option<&str> {
    let (id, secret) = key.strip_prefix(KEY_PREFIX)?.split_once('_')?;
    (!id.is_empty() && !secret.is_empty()).then_some(id)
}
