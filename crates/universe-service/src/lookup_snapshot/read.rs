//! Reading a snapshot from the store: who is a member, or everything, but never a mixture of versions.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::civil::Date;
use universe_core::Symbol;
use universe_core::identity::SymbolChange;
use universe_store::{EntryRecord, MemberRecord, Store, StoreError, UniverseRecord, When, in_order, member_records};

use super::{LookupSnapshot, ReadyUniverse};
use crate::{Footing, Past};

/// How often a snapshot is read again because a run committed while it was being read.
const READS_MAX: usize = 3;

/// How many listings are described at once.
const SYMBOLS_AT_ONCE: usize = 1_000;

/// How much is read; each comes with the snapshot before.
#[derive(Clone, Copy)]
pub(super) enum Reading<'a> {
    /// Who is a member of what changed; the figures of members are those of the snapshot before.
    Members(&'a LookupSnapshot),
    /// Everything, with the figures of every member.
    Everything(Option<&'a LookupSnapshot>),
}

/// Reads a snapshot in which nothing is of different versions.
pub(super) async fn read(
    store: &dyn Store,
    environment: &str,
    reading: Reading<'_>,
) -> Result<LookupSnapshot, StoreError> {
    let mut reads = 0;
    loop {
        let version = store.head_version(environment).await?;
        let footing = Footing::find(store, environment, None, None).await?;
        let (universes, past) = match reading {
            Reading::Members(before) => {
                // What another program wrote changes nothing of the past.
                let past = before.past.as_ref().filter(|_| before.version == version);
                (read_members(store, environment, before, &footing).await?, past.map(Arc::clone))
            }
            Reading::Everything(before) => read_everything(store, environment, before, &footing).await?,
        };
        reads += 1;
        if reads == READS_MAX || store.head_version(environment).await? == version {
            return Ok(LookupSnapshot::new(version, footing, universes, past));
        }
    }
}

async fn read_everything(
    store: &dyn Store,
    environment: &str,
    before: Option<&LookupSnapshot>,
    footing: &Footing,
) -> Result<(Vec<Arc<ReadyUniverse>>, Option<Arc<Past>>), StoreError> {
    let timeline = store.timeline_read(environment, None).await?;
    let changes: Vec<SymbolChange> =
        store.symbol_change_list().await?.into_iter().map(|record| record.change).collect();
    let mut entries = Vec::new();
    for record in store.universe_list(environment).await? {
        entries.extend(store.entry_find(environment, &record.id).await?);
    }
    let symbols: BTreeSet<&Symbol> = entries.iter().flat_map(|entry| &entry.symbols).collect();
    let symbols: Vec<Symbol> = symbols.into_iter().cloned().collect();
    let mut figures = HashMap::with_capacity(symbols.len());
    for some in symbols.chunks(SYMBOLS_AT_ONCE) {
        // SQLite answers without ever waiting: whoever looks out for a newer version must get a turn.
        tokio::task::yield_now().await;
        let found = store.figure_list(some, footing.session.unwrap_or(Date::MAX)).await?;
        figures.extend(some.iter().zip(found));
    }
    let mut universes = Vec::with_capacity(entries.len());
    for EntryRecord { universe: record, symbols } in &entries {
        let recorded = timeline.universe(&record.id);
        let recorded = recorded.map(|known| timeline.members(known, When::default(), &changes)).unwrap_or_default();
        let members = in_order(symbols, &recorded);
        let known = symbols.iter().map(|symbol| figures[symbol].clone()).collect();
        let ready = ReadyUniverse::new(record.clone(), member_records(members, known, record.is_ranked), footing);
        // Of equal answers the old one is kept, which may be compressed already.
        let same = before.and_then(|before| before.universe(&record.id));
        let is_same =
            |same: &&Arc<ReadyUniverse>| same.record == *record && same.answer.members == ready.answer.members;
        universes.push(same.filter(is_same).map_or_else(|| Arc::new(ready), Arc::clone));
    }
    let ids = entries.into_iter().map(|entry| entry.universe.id).collect();
    Ok((universes, Some(Arc::new(Past::of(store, ids, timeline).await?))))
}

async fn read_members(
    store: &dyn Store,
    environment: &str,
    before: &LookupSnapshot,
    footing: &Footing,
) -> Result<Vec<Arc<ReadyUniverse>>, StoreError> {
    let as_of = footing.session;
    let records = store.universe_list(environment).await?;
    let same = |record: &UniverseRecord| before.universe(&record.id).filter(|known| known.record == *record);
    let mut changed = match records.iter().all(|record| same(record).is_some()) {
        true => BTreeMap::new(),
        // An entry that cannot be understood spoils only itself, below.
        false => store.state_read(environment, Date::MAX).await.map(|state| state.universes).unwrap_or_default(),
    };
    let figures = if changed.is_empty() { HashMap::new() } else { figures_of(before) };
    let mut universes = Vec::with_capacity(records.len());
    for record in records {
        universes.push(match (same(&record), changed.remove(&record.id)) {
            (Some(same), _) if before.as_of == as_of && same.standing.held == footing.holds(&record.id) => {
                Arc::clone(same)
            }
            (Some(same), _) => Arc::new(ReadyUniverse::new(record, same.members.clone(), footing)),
            (None, Some(now)) => {
                let members = described(&record, now.members, before.universe(&record.id), &figures, as_of);
                Arc::new(ReadyUniverse::new(record, members, footing))
            }
            (None, None) => match store.member_list(environment, &record.id, None, None).await? {
                Some(found) => Arc::new(ReadyUniverse::new(found.universe, found.members, footing)),
                None => continue,
            },
        });
    }
    Ok(universes)
}

/// Returns what a snapshot says of each symbol.
fn figures_of(snapshot: &LookupSnapshot) -> HashMap<&Symbol, &MemberRecord> {
    let members = snapshot.universes.iter().flat_map(|universe| &universe.members);
    members.map(|member| (&member.symbol, member)).collect()
}

/// Puts members together with what was known of them.
fn described(
    record: &UniverseRecord,
    symbols: Vec<Symbol>,
    before: Option<&Arc<ReadyUniverse>>,
    figures: &HashMap<&Symbol, &MemberRecord>,
    as_of: Option<Date>,
) -> Vec<MemberRecord> {
    let members = before.iter().flat_map(|universe| &universe.members);
    let since: HashMap<&Symbol, Option<Date>> = members.map(|member| (&member.symbol, member.since)).collect();
    let describe = |(at, symbol): (usize, Symbol)| {
        let known = figures.get(&symbol);
        MemberRecord {
            company_name: known.and_then(|known| known.company_name.clone()),
            rank: u32::try_from(at + 1).ok().filter(|_| record.is_ranked),
            market_cap: known.and_then(|known| known.market_cap),
            sector: known.and_then(|known| known.sector.clone()),
            since: since.get(&symbol).copied().unwrap_or(as_of),
            symbol,
        }
    };
    symbols.into_iter().enumerate().map(describe).collect()
}
