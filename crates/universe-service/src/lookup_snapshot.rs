//! Lookups from memory: every universe as an answer that is ready to be sent.
//!
//! [`Lookups`] keeps one [`LookupSnapshot`] current by asking the store for its version. A snapshot never
//! changes; readers that hold an old one finish with it.

mod body;
mod read;
mod said;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};
use jiff::civil::Date;
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::Instant;
use universe_core::expression::{Address, SetExpression};
use universe_core::rule::RuleSet;
use universe_core::{Symbol, UniverseId, resolve_symbol};
use universe_store::{MemberRecord, Store, StoreError, UniverseRecord};

pub use body::Body;
use read::{Reading, read};
use said::Said;
pub use said::{list_body, past_body};

use crate::lookup::combine;
use crate::{Footing, LookupError, Past, Standing, resolve};

/// How often the store is asked whether anything changed: a quarter of the time within which answers are fresh.
const POLL_EVERY: Duration = Duration::from_millis(25);

/// How long the store is left alone after it could not answer.
const POLL_AFTER_FAILURE: Duration = Duration::from_secs(1);

/// After how many polls entries are compared that other programs may have written, which raise no version.
const POLLS_PER_COMPARISON: u32 = 200;

/// How many combinations of universes are kept ready; more are answered, but computed each time.
const COMBINATIONS_MAX: usize = 256;

/// Every universe of an environment as of one version of the store.
#[derive(Debug)]
pub struct LookupSnapshot {
    version: u64,
    as_of: Option<Date>,
    footing: Footing,
    universes: Vec<Arc<ReadyUniverse>>,
    ids: Vec<UniverseId>,
    symbols: Vec<Symbol>,
    by_symbol: HashMap<Symbol, Vec<Seat>>,
    list: Body,
    ready: HashMap<String, Arc<ReadyAnswer>>,
    past: Option<Arc<Past>>,
    combinations: Mutex<HashMap<String, Arc<ReadyAnswer>>>,
}

/// One universe with its answers.
#[derive(Debug)]
pub struct ReadyUniverse {
    /// What the list of universes says about it.
    pub record: UniverseRecord,
    /// Its members in their order.
    pub members: Vec<MemberRecord>,
    /// How far its answers can be trusted.
    pub standing: Standing,
    /// Its answers.
    pub answer: Arc<ReadyAnswer>,
}

/// The two answers to a question about members.
#[derive(Debug)]
pub struct ReadyAnswer {
    /// The members with their figures.
    pub members: Body,
    /// The symbols alone.
    pub symbols: Body,
}

/// A place that a symbol has in a universe.
#[derive(Clone, Copy, Debug)]
struct Seat {
    universe: usize,
    rank: Option<u32>,
    since: Option<Date>,
}

/// One universe that a symbol belongs to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SymbolUniverse {
    /// The type of the universe.
    #[serde(rename = "type")]
    pub universe_type: String,
    /// Its key.
    pub key: String,
    /// Its name.
    pub name: String,
    /// Its category.
    pub category: Option<String>,
    /// The rank of the symbol, where the universe is ranked.
    pub rank: Option<u32>,
    /// The session since which the symbol has been a member without a break.
    pub since: Option<Date>,
}

/// The universes that a symbol belongs to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SymbolUniverses {
    /// In its canonical spelling.
    pub symbol: Symbol,
    /// The session that the answer is for.
    pub as_of: Option<Date>,
    /// How many universes these are.
    pub count: usize,
    /// How far the answer can be trusted.
    #[serde(flatten)]
    pub standing: Standing,
    /// In order of type and key.
    pub universes: Vec<SymbolUniverse>,
}

impl SymbolUniverse {
    pub(crate) fn new(record: &UniverseRecord, rank: Option<u32>, since: Option<Date>) -> Self {
        Self {
            universe_type: record.id.universe_type.to_string(),
            key: record.id.key().to_owned(),
            name: record.name.clone(),
            category: record.category.clone(),
            rank,
            since,
        }
    }
}

/// Keeps a snapshot of one environment current.
pub struct Lookups {
    store: Arc<dyn Store>,
    environment: String,
    current: ArcSwap<LookupSnapshot>,
    opened_at: Instant,
    /// When the store last said that the snapshot is what it has, in milliseconds after the opening.
    confirmed_ms: AtomicU64,
}

impl Lookups {
    /// Reads the first snapshot.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn open(store: Arc<dyn Store>, environment: &str) -> Result<Self, StoreError> {
        let snapshot = read(&*store, environment, Reading::Everything(None)).await?;
        Ok(Self {
            store,
            environment: environment.to_owned(),
            current: ArcSwap::from_pointee(snapshot),
            opened_at: Instant::now(),
            confirmed_ms: AtomicU64::new(0),
        })
    }

    /// Returns how long ago the store was last asked what is current: a moment, while it answers.
    #[must_use]
    pub fn age(&self, now: Instant) -> Duration {
        let confirmed = Duration::from_millis(self.confirmed_ms.load(Ordering::Relaxed));
        now.saturating_duration_since(self.opened_at).saturating_sub(confirmed)
    }

    /// Returns the newest snapshot.
    #[must_use]
    pub fn current(&self) -> Arc<LookupSnapshot> {
        self.current.load_full()
    }

    /// Returns the newest snapshot to look at for a moment, without counting a reader.
    #[must_use]
    pub fn borrowed(&self) -> Guard<Arc<LookupSnapshot>> {
        self.current.load()
    }

    /// Keeps the snapshot current until `shutdown` says true; a store that cannot answer delays it.
    ///
    /// Who is a member is served first. The figures of members (caps, sectors) are read after that, and later if
    /// there is another version meanwhile; until then they are those of the snapshot before.
    pub async fn run(&self, mut shutdown: watch::Receiver<bool>) {
        let mut polls = 0_u32;
        let mut pause = POLL_EVERY;
        let mut are_figures_old = false;
        loop {
            tokio::select! {
                _ = shutdown.wait_for(|is_over| *is_over) => return,
                () = tokio::time::sleep(pause) => {}
            }
            polls = polls.wrapping_add(1);
            let has_failed = pause == POLL_AFTER_FAILURE;
            pause = match self.poll(polls.is_multiple_of(POLLS_PER_COMPARISON), &mut are_figures_old).await {
                Ok(()) => POLL_EVERY,
                Err(error) => {
                    if !has_failed {
                        tracing::warn!(%error, "lookups cannot be refreshed; the last known members are served");
                    }
                    POLL_AFTER_FAILURE
                }
            };
        }
    }

    async fn poll(&self, compare_entries: bool, are_figures_old: &mut bool) -> Result<(), StoreError> {
        *are_figures_old |= self.refresh(compare_entries).await?;
        while *are_figures_old {
            tokio::select! {
                read = self.refresh_figures() => {
                    read?;
                    *are_figures_old = false;
                }
                // Dropping what was read is cheaper than letting members wait for figures.
                newer = self.newer_version() => {
                    newer?;
                    self.refresh(false).await?;
                }
            }
        }
        Ok(())
    }

    /// Serves the members of universes that changed since the snapshot was made; returns whether there are any.
    ///
    /// # Errors
    /// When the database cannot be read; the snapshot is then as it was.
    pub async fn refresh(&self, compare_entries: bool) -> Result<bool, StoreError> {
        let before = self.current();
        let is_newer = self.store.head_version(&self.environment).await? != before.version;
        if !is_newer && !compare_entries {
            self.confirm();
            return Ok(false);
        }
        let changed = read(&*self.store, &self.environment, Reading::Members(&before)).await?;
        let is_changed = is_newer || changed.list != before.list;
        if is_changed {
            self.publish(changed);
        }
        self.confirm();
        Ok(is_changed)
    }

    /// Reads every universe again, for the figures of its members.
    async fn refresh_figures(&self) -> Result<(), StoreError> {
        let before = self.current();
        self.publish(read(&*self.store, &self.environment, Reading::Everything(Some(&before))).await?);
        Ok(())
    }

    /// Waits until the store is at another version than the snapshot.
    async fn newer_version(&self) -> Result<(), StoreError> {
        loop {
            tokio::time::sleep(POLL_EVERY).await;
            if self.store.head_version(&self.environment).await? != self.current.load().version {
                return Ok(());
            }
            self.confirm();
        }
    }

    /// Notes that the store has just said that the snapshot is what it has.
    fn confirm(&self) {
        let now = u64::try_from(self.opened_at.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.confirmed_ms.store(now, Ordering::Relaxed);
    }

    /// Serves a snapshot, and compresses its answers so that few requests have to wait for that.
    fn publish(&self, snapshot: LookupSnapshot) {
        let snapshot = Arc::new(snapshot);
        self.current.store(Arc::clone(&snapshot));
        tokio::task::spawn_blocking(move || compress(&snapshot));
    }
}

/// Compresses the answers that are not compressed yet, as long as the snapshot is in use.
fn compress(snapshot: &Arc<LookupSnapshot>) {
    let _ = snapshot.list.gzip();
    for universe in &snapshot.universes {
        if Arc::strong_count(snapshot) == 1 {
            return;
        }
        let _ = (universe.answer.symbols.gzip(), universe.answer.members.gzip());
    }
}

impl LookupSnapshot {
    fn new(version: u64, footing: Footing, universes: Vec<Arc<ReadyUniverse>>, past: Option<Arc<Past>>) -> Self {
        let as_of = footing.session;
        let mut by_symbol: HashMap<Symbol, Vec<Seat>> = HashMap::new();
        for (at, universe) in universes.iter().enumerate() {
            for member in &universe.members {
                let seat = Seat { universe: at, rank: member.rank, since: member.since };
                by_symbol.entry(member.symbol.clone()).or_default().push(seat);
            }
        }
        let mut symbols: Vec<Symbol> = by_symbol.keys().cloned().collect();
        symbols.sort_unstable();
        let standing = footing.standing(None, None, universes.iter().any(|universe| universe.standing.held));
        let list = list_body(as_of, standing, universes.iter().map(|universe| &universe.record));
        let ids: Vec<UniverseId> = universes.iter().map(|universe| universe.record.id.clone()).collect();
        let ready = ready_answers(&universes);
        let combinations = Mutex::new(HashMap::new());
        Self { version, as_of, footing, universes, ids, symbols, by_symbol, list, ready, past, combinations }
    }

    /// Returns the version of the store that this is a snapshot of.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Returns the session that the members stand at.
    #[must_use]
    pub fn as_of(&self) -> Option<Date> {
        self.as_of
    }

    /// Returns what is recorded of the past; `None` for a moment after a run, until that is read.
    #[must_use]
    pub fn past(&self) -> Option<&Past> {
        self.past.as_deref()
    }

    /// Returns every universe, in order of type and key.
    #[must_use]
    pub fn universes(&self) -> &[Arc<ReadyUniverse>] {
        &self.universes
    }

    /// Returns the answer to the question which universes there are.
    #[must_use]
    pub fn list(&self) -> &Body {
        &self.list
    }

    /// Returns the answer about a universe by its `type:key`, or by its key where only one type has it.
    #[must_use]
    pub fn ready(&self, asked: &str) -> Option<&Arc<ReadyAnswer>> {
        self.ready.get(asked)
    }

    /// Answers a question about a universe, an alias, or a set expression.
    ///
    /// # Errors
    /// When the text does not parse or names no universe.
    pub fn look_up(&self, asked: &str, rules: &RuleSet) -> Result<Arc<ReadyAnswer>, LookupError> {
        // Most questions are one of these, and are answered without a lock.
        if let Some(answer) = self.ready.get(asked) {
            return Ok(Arc::clone(answer));
        }
        if let Some(answer) = self.combinations().get(asked) {
            return Ok(Arc::clone(answer));
        }
        let expression = SetExpression::parse(asked)?;
        let answer = match &expression {
            SetExpression::Universe(address) => Arc::clone(&self.resolved(address, rules)?.answer),
            SetExpression::Union(..) | SetExpression::Intersection(..) | SetExpression::Difference(..) => {
                let mut standing = self.footing.standing(None, None, false);
                let members: Vec<MemberRecord> =
                    self.combined(&expression, rules, &mut standing)?.into_values().collect();
                let said =
                    Said { id: None, name: asked, as_of: self.as_of, standing, members: &members, later_symbols: None };
                Arc::new(ReadyAnswer::new(said))
            }
        };
        let mut combinations = self.combinations();
        if combinations.len() < COMBINATIONS_MAX {
            combinations.insert(asked.to_owned(), Arc::clone(&answer));
        }
        Ok(answer)
    }

    /// Returns the universes of a symbol, by any spelling of it; `None` for a symbol in no universe.
    #[must_use]
    pub fn universes_of(&self, spelling: &str) -> Option<SymbolUniverses> {
        let symbol = resolve_symbol(spelling, &self.symbols)?;
        let seats = self.by_symbol.get(&symbol)?;
        let held = seats.iter().any(|seat| self.universes[seat.universe].standing.held);
        let standing = self.footing.standing(None, None, held);
        let universe = |seat: &Seat| SymbolUniverse::new(&self.universes[seat.universe].record, seat.rank, seat.since);
        let universes: Vec<SymbolUniverse> = seats.iter().map(universe).collect();
        Some(SymbolUniverses { symbol, as_of: self.as_of, count: universes.len(), standing, universes })
    }

    fn universe(&self, id: &UniverseId) -> Option<&Arc<ReadyUniverse>> {
        self.universes.iter().find(|universe| universe.record.id == *id)
    }

    fn resolved(&self, address: &Address, rules: &RuleSet) -> Result<&Arc<ReadyUniverse>, LookupError> {
        let id = resolve(address, &self.ids, rules)?;
        let missing = || LookupError::Unknown { asked: id.to_string(), hint: String::new() };
        self.universe(&id).ok_or_else(missing)
    }

    fn combined(
        &self,
        expression: &SetExpression,
        rules: &RuleSet,
        standing: &mut Standing,
    ) -> Result<BTreeMap<Symbol, MemberRecord>, LookupError> {
        let (left, right) = match expression {
            SetExpression::Universe(address) => {
                let universe = self.resolved(address, rules)?;
                standing.held |= universe.standing.held;
                let members = universe.members.iter();
                // A rank within one universe means nothing in a combination.
                return Ok(members.map(|m| (m.symbol.clone(), MemberRecord { rank: None, ..m.clone() })).collect());
            }
            SetExpression::Union(left, right)
            | SetExpression::Intersection(left, right)
            | SetExpression::Difference(left, right) => (left, right),
        };
        let mut members = self.combined(left, rules, standing)?;
        let others = self.combined(right, rules, standing)?;
        combine(expression, &mut members, others);
        Ok(members)
    }

    fn combinations(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<ReadyAnswer>>> {
        self.combinations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ReadyUniverse {
    fn new(record: UniverseRecord, members: Vec<MemberRecord>, footing: &Footing) -> Self {
        let standing = footing.standing(None, None, footing.holds(&record.id));
        let answer = ReadyAnswer::new(Said {
            id: Some(&record.id),
            name: &record.name,
            as_of: footing.session,
            standing,
            members: &members,
            later_symbols: None,
        });
        Self { record, members, standing, answer: Arc::new(answer) }
    }
}

/// Returns up to three keys that somebody may have meant: slips first, then keys that share a word.
#[must_use]
pub fn nearest_keys(asked: &str, snapshot: &LookupSnapshot, rules: &RuleSet) -> Vec<String> {
    let asked = asked.rsplit_once(':').map_or(asked, |(_, key)| key).to_ascii_lowercase();
    let ids = snapshot.ids.iter().chain(rules.addresses()).chain(rules.aliases().keys());
    let mut keys: BTreeSet<&str> = ids.map(UniverseId::key).collect();
    let mut found = Vec::new();
    while let Some(near) = universe_core::nearest(&asked, keys.iter().copied()).filter(|_| found.len() < 3) {
        keys.remove(near);
        found.push(near.to_owned());
    }
    let words: Vec<&str> = asked.split('_').filter(|word| word.len() > 3).collect();
    let sharing = keys.into_iter().filter(|key| words.iter().any(|word| key.contains(word)));
    let missing = 3 - found.len();
    found.extend(sharing.take(missing).map(str::to_owned));
    found
}

/// Returns the answers by `type:key`, and by the key alone where only one type has it.
fn ready_answers(universes: &[Arc<ReadyUniverse>]) -> HashMap<String, Arc<ReadyAnswer>> {
    let mut ready = HashMap::new();
    for universe in universes {
        let id = &universe.record.id;
        ready.insert(id.to_string(), Arc::clone(&universe.answer));
        if universes.iter().filter(|other| other.record.id.key() == id.key()).count() == 1 {
            ready.insert(id.key().to_owned(), Arc::clone(&universe.answer));
        }
    }
    ready
}

#[cfg(test)]
mod tests;
