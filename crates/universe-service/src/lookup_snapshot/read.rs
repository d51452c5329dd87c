//! Reading a snapshot from the store: who is a member, or everything, but never a mixture of versions.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::civil::Date;
use universe_core::Symbol;
use universe_store::{MemberRecord, Store, StoreError, UniverseRecord};

use super::{LookupSnapshot, ReadyUniverse};
use crate::Footing;

/// How often a snapshot is read again because a run committed while it was being read.
const READS_MAX: usize = 3;

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
        let universes = match reading {
            Reading::Members(before) => read_members(store, environment, before, &footing).await?,
            Reading::Everything(before) => read_everything(store, environment, before, &footing).await?,
        };
        reads += 1;
        if reads == READS_MAX || store.head_version(environment).await? == version {
            return Ok(LookupSnapshot::new(version, footing, universes));
        }
    }
}

async fn read_everything(
    store: &dyn Store,
    environment: &str,
    before: Option<&LookupSnapshot>,
    footing: &Footing,
) -> Result<Vec<Arc<ReadyUniverse>>, StoreError> {
    let mut universes = Vec::new();
    // One after the other: whatever changes meanwhile is read in between.
    for record in store.universe_list(environment).await? {
        // SQLite answers without ever waiting: whoever looks out for a newer version must get a turn.
        tokio::task::yield_now().await;
        let Some(found) = store.member_list(environment, &record.id, None, None).await? else { continue };
        let ready = ReadyUniverse::new(found.universe, found.members, footing);
        // Of equal answers the old one is kept, which may be compressed already.
        let same = before.and_then(|before| before.universe(&record.id));
        let is_same = |same: &&Arc<ReadyUniverse>| same.record == record && same.answer.members == ready.answer.members;
        universes.push(same.filter(is_same).map_or_else(|| Arc::new(ready), Arc::clone));
    }
    Ok(universes)
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
