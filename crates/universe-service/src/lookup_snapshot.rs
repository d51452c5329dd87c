//! Lookups from memory: every universe as an answer that is ready to be sent.
//!
//! [`Lookups`] keeps one [`LookupSnapshot`] current by asking the store for its version. A snapshot never
//! changes; readers that hold an old one finish with it.

mod body;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_util::{StreamExt as _, TryStreamExt as _};
use jiff::civil::Date;
use serde::Serialize;
use serde_json::json;
use tokio::sync::watch;
use universe_core::expression::{Address, SetExpression};
use universe_core::rule::RuleSet;
use universe_core::{Symbol, UniverseId, resolve_symbol};
use universe_store::{MemberRecord, Store, StoreError, UniverseRecord};

pub use body::Body;

use crate::{LookupError, resolve};

/// How often the store is asked whether anything changed; half of the time within which answers are fresh.
const POLL_EVERY: Duration = Duration::from_millis(50);

/// How long the store is left alone after it could not answer.
const POLL_AFTER_FAILURE: Duration = Duration::from_secs(1);

/// After how many polls entries are compared that other programs may have written, which raise no version.
const POLLS_PER_COMPARISON: u32 = 100;

/// How many universes are read at a time.
const READS_AT_ONCE: usize = 4;

/// How often a snapshot is read again because a run committed while it was being read.
const READS_MAX: usize = 3;

/// How many combinations of universes are kept ready; more are answered, but computed each time.
const COMBINATIONS_MAX: usize = 256;

/// How many of the latest runs are searched for one that did not fail.
const RUNS_LOOKED_AT: u32 = 20;

/// Every universe of an environment as of one version of the store.
#[derive(Debug)]
pub struct LookupSnapshot {
    version: u64,
    as_of: Option<Date>,
    universes: Vec<Arc<ReadyUniverse>>,
    ids: Vec<UniverseId>,
    symbols: Vec<Symbol>,
    by_symbol: HashMap<Symbol, Vec<Seat>>,
    list: Body,
    ready: HashMap<String, Arc<ReadyAnswer>>,
    combinations: Mutex<HashMap<String, Arc<ReadyAnswer>>>,
}

/// One universe with its answers.
#[derive(Debug)]
pub struct ReadyUniverse {
    /// What the list of universes says about it.
    pub record: UniverseRecord,
    /// Its members in their order.
    pub members: Vec<MemberRecord>,
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

/// Keeps a snapshot of one environment current.
pub struct Lookups {
    store: Arc<dyn Store>,
    environment: String,
    current: ArcSwap<LookupSnapshot>,
}

impl Lookups {
    /// Reads the first snapshot.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn open(store: Arc<dyn Store>, environment: &str) -> Result<Self, StoreError> {
        let snapshot = read(&*store, environment, None, Unchanged::ReadAgain).await?;
        Ok(Self { store, environment: environment.to_owned(), current: ArcSwap::from_pointee(snapshot) })
    }

    /// Returns the newest snapshot.
    #[must_use]
    pub fn current(&self) -> Arc<LookupSnapshot> {
        self.current.load_full()
    }

    /// Keeps the snapshot current until `shutdown` says true; a store that cannot answer delays it.
    pub async fn run(&self, mut shutdown: watch::Receiver<bool>) {
        let mut polls = 0_u32;
        let mut pause = POLL_EVERY;
        loop {
            tokio::select! {
                _ = shutdown.wait_for(|is_over| *is_over) => return,
                () = tokio::time::sleep(pause) => {}
            }
            polls = polls.wrapping_add(1);
            let has_failed = pause == POLL_AFTER_FAILURE;
            pause = match self.refresh(polls.is_multiple_of(POLLS_PER_COMPARISON)).await {
                Ok(_) => POLL_EVERY,
                Err(error) => {
                    if !has_failed {
                        tracing::warn!(%error, "lookups cannot be refreshed; the last known members are served");
                    }
                    POLL_AFTER_FAILURE
                }
            };
        }
    }

    /// Reads what changed since the snapshot was made and returns whether anything did.
    ///
    /// Universes that changed are served as soon as they are read; the figures of members of the others
    /// (caps, sectors) follow right after.
    ///
    /// # Errors
    /// When the database cannot be read; the snapshot is then as it was.
    pub async fn refresh(&self, compare_entries: bool) -> Result<bool, StoreError> {
        let before = self.current.load_full();
        let is_newer = self.store.head_version(&self.environment).await? != before.version;
        if !is_newer && !compare_entries {
            return Ok(false);
        }
        let store = &*self.store;
        let changed = read(store, &self.environment, Some(&before), Unchanged::Keep).await?;
        let is_changed = is_newer || changed.list != before.list;
        if is_changed {
            self.publish(changed).await;
        }
        if is_newer {
            let all = read(store, &self.environment, Some(&self.current()), Unchanged::ReadAgain).await?;
            self.publish(all).await;
        }
        Ok(is_changed)
    }

    /// Serves a snapshot, then compresses its answers so that no request has to wait for that.
    async fn publish(&self, snapshot: LookupSnapshot) {
        let snapshot = Arc::new(snapshot);
        self.current.store(Arc::clone(&snapshot));
        let compressed = tokio::task::spawn_blocking(move || snapshot.compress()).await;
        if let Err(error) = compressed {
            tracing::warn!(%error, "answers could not be compressed ahead; they are when they are asked for");
        }
    }
}

/// What becomes of universes that did not change since the snapshot before.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unchanged {
    /// They are taken over.
    Keep,
    /// They are read again, for the figures of their members.
    ReadAgain,
}

/// Reads a snapshot in which nothing is of different versions.
async fn read(
    store: &dyn Store,
    environment: &str,
    before: Option<&LookupSnapshot>,
    unchanged: Unchanged,
) -> Result<LookupSnapshot, StoreError> {
    let mut reads = 0;
    loop {
        let version = store.head_version(environment).await?;
        let snapshot = read_once(store, environment, before, unchanged, version).await?;
        reads += 1;
        if reads == READS_MAX || store.head_version(environment).await? == version {
            return Ok(snapshot);
        }
    }
}

async fn read_once(
    store: &dyn Store,
    environment: &str,
    before: Option<&LookupSnapshot>,
    unchanged: Unchanged,
    version: u64,
) -> Result<LookupSnapshot, StoreError> {
    let as_of = newest_session(store, environment).await?;
    let records = store.universe_list(environment).await?;
    let universes = futures_util::stream::iter(records.into_iter().map(|record| async move {
        let same = before.and_then(|before| before.universe(&record.id)).filter(|known| known.record == record);
        if let Some(same) = same.filter(|_| unchanged == Unchanged::Keep && before.is_some_and(|b| b.as_of == as_of)) {
            return Ok::<_, StoreError>(Some(Arc::clone(same)));
        }
        let Some(found) = store.member_list(environment, &record.id, None, None).await? else { return Ok(None) };
        let ready = ReadyUniverse::new(found.universe, found.members, as_of);
        // Of equal answers the old one is kept, which may be compressed already.
        Ok(Some(match same {
            Some(same) if same.answer.members == ready.answer.members => Arc::clone(same),
            Some(_) | None => Arc::new(ready),
        }))
    }))
    .buffered(READS_AT_ONCE)
    .try_collect::<Vec<_>>()
    .await?;
    Ok(LookupSnapshot::new(version, as_of, universes.into_iter().flatten().collect()))
}

/// Returns the session of the newest run, which the memberships of today stand at.
async fn newest_session(store: &dyn Store, environment: &str) -> Result<Option<Date>, StoreError> {
    let runs = store.run_list(environment, RUNS_LOOKED_AT, 0).await?;
    let is_done = |status: &str| matches!(status, "completed" | "completed_with_errors" | "held");
    Ok(runs.iter().filter(|run| is_done(&run.status)).filter_map(|run| run.session).max())
}

impl LookupSnapshot {
    fn new(version: u64, as_of: Option<Date>, universes: Vec<Arc<ReadyUniverse>>) -> Self {
        let mut by_symbol: HashMap<Symbol, Vec<Seat>> = HashMap::new();
        for (at, universe) in universes.iter().enumerate() {
            for member in &universe.members {
                let seat = Seat { universe: at, rank: member.rank, since: member.since };
                by_symbol.entry(member.symbol.clone()).or_default().push(seat);
            }
        }
        let mut symbols: Vec<Symbol> = by_symbol.keys().cloned().collect();
        symbols.sort_unstable();
        let listed: Vec<_> = universes.iter().map(|universe| listed(&universe.record)).collect();
        let list = Body::json(&json!({"as_of": as_of, "count": listed.len(), "universes": listed}));
        let ids: Vec<UniverseId> = universes.iter().map(|universe| universe.record.id.clone()).collect();
        let ready = ready_answers(&universes);
        let combinations = Mutex::new(HashMap::new());
        Self { version, as_of, universes, ids, symbols, by_symbol, list, ready, combinations }
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
                let members = self.combined(&expression, rules)?;
                Arc::new(ReadyAnswer::combination(asked, &members, self.as_of))
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
    pub fn universes_of(&self, spelling: &str) -> Option<(Symbol, Vec<SymbolUniverse>)> {
        let symbol = resolve_symbol(spelling, &self.symbols)?;
        let seats = self.by_symbol.get(&symbol)?;
        let universes = seats.iter().map(|seat| {
            let record = &self.universes[seat.universe].record;
            SymbolUniverse {
                universe_type: record.id.universe_type.to_string(),
                key: record.id.key().to_owned(),
                name: record.name.clone(),
                category: record.category.clone(),
                rank: seat.rank,
                since: seat.since,
            }
        });
        Some((symbol, universes.collect()))
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
    ) -> Result<BTreeMap<Symbol, MemberRecord>, LookupError> {
        let (left, right) = match expression {
            SetExpression::Universe(address) => {
                let members = self.resolved(address, rules)?.members.iter();
                // A rank within one universe means nothing in a combination.
                return Ok(members.map(|m| (m.symbol.clone(), MemberRecord { rank: None, ..m.clone() })).collect());
            }
            SetExpression::Union(left, right)
            | SetExpression::Intersection(left, right)
            | SetExpression::Difference(left, right) => (left, right),
        };
        let mut members = self.combined(left, rules)?;
        let others = self.combined(right, rules)?;
        match expression {
            SetExpression::Universe(_) => {}
            SetExpression::Union(..) => {
                for (symbol, member) in others {
                    members.entry(symbol).or_insert(member);
                }
            }
            SetExpression::Intersection(..) => members.retain(|symbol, _| others.contains_key(symbol)),
            SetExpression::Difference(..) => members.retain(|symbol, _| !others.contains_key(symbol)),
        }
        Ok(members)
    }

    /// Compresses every answer that is not compressed yet.
    fn compress(&self) {
        let _ = self.list.gzip();
        for universe in &self.universes {
            let _ = (universe.answer.symbols.gzip(), universe.answer.members.gzip());
        }
    }

    fn combinations(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<ReadyAnswer>>> {
        self.combinations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ReadyUniverse {
    fn new(record: UniverseRecord, members: Vec<MemberRecord>, as_of: Option<Date>) -> Self {
        let answer = Arc::new(ReadyAnswer::new(Some(&record.id), &record.name, &members, as_of));
        Self { record, members, answer }
    }
}

impl ReadyAnswer {
    /// Puts the answers together; `name` is an expression where there is no universe.
    #[must_use]
    pub fn new(id: Option<&UniverseId>, name: &str, members: &[MemberRecord], as_of: Option<Date>) -> Self {
        let universe_type = id.map(|id| id.universe_type);
        let key = id.map_or(name, UniverseId::key);
        let symbols: Vec<&Symbol> = members.iter().map(|member| &member.symbol).collect();
        Self {
            members: Body::json(&json!({
                "type": universe_type,
                "key": key,
                "name": name,
                "as_of": as_of,
                "count": members.len(),
                "symbols": symbols,
                "members": members,
            })),
            symbols: Body::json(&json!({
                "type": universe_type,
                "key": key,
                "as_of": as_of,
                "count": members.len(),
                "symbols": symbols,
            })),
        }
    }

    fn combination(asked: &str, members: &BTreeMap<Symbol, MemberRecord>, as_of: Option<Date>) -> Self {
        let members: Vec<MemberRecord> = members.values().cloned().collect();
        Self::new(None, asked, &members, as_of)
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

fn listed(record: &UniverseRecord) -> serde_json::Value {
    json!({
        "type": record.id.universe_type,
        "key": record.id.key(),
        "name": record.name,
        "category": record.category,
        "count": record.count,
        "last_updated": record.last_updated,
        "rule": record.rule,
        "is_ranked": record.is_ranked,
    })
}

#[cfg(test)]
mod tests;
