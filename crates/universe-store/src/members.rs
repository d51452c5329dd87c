//! The members of a universe with what is known of them: one way for both databases.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::civil::Date;
use universe_core::identity::SymbolChange;
use universe_core::{Symbol, UniverseId};

use crate::timeline::{MemberSince, Timeline, When};
use crate::{Figure, FigureRecord, MemberRecord, MembersAsOf, RunFigures, Store, StoreError, UniverseTimeline};

/// How many runs' figures are kept: a few years, of some tens of kilobytes each.
const RUNS_KEPT_MAX: usize = 1_000;

/// What was read once and stays as it is, kept by whoever answers many questions about the past.
#[derive(Debug, Default)]
pub struct Kept {
    names: HashMap<Symbol, String>,
    figures: Mutex<BTreeMap<i64, Arc<RunFigures>>>,
}

impl Kept {
    /// Returns nothing yet but the names of listings.
    #[must_use]
    pub fn with_names(names: HashMap<Symbol, String>) -> Self {
        Self { names, ..Self::default() }
    }

    /// Returns the figures of a run, from the store the first time.
    async fn run_figures<S: Store + ?Sized>(
        &self,
        store: &S,
        environment: &str,
        run_number: i64,
    ) -> Result<Option<Arc<RunFigures>>, StoreError> {
        let kept = || self.figures.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(figures) = kept().get(&run_number) {
            return Ok(Some(Arc::clone(figures)));
        }
        let Some(figures) = store.run_figures(environment, run_number).await?.map(Arc::new) else { return Ok(None) };
        let mut kept = kept();
        if RUNS_KEPT_MAX <= kept.len() {
            // Who goes through the past comes to the others first.
            kept.pop_first();
        }
        kept.insert(run_number, Arc::clone(&figures));
        Ok(Some(figures))
    }
}

/// Returns the members of a universe; see [`Store::member_list`].
pub(crate) async fn member_list<S: Store + ?Sized>(
    store: &S,
    environment: &str,
    id: &UniverseId,
    when: When,
) -> Result<Option<MembersAsOf>, StoreError> {
    let timeline = store.timeline_read(environment, Some(id)).await?;
    let recorded = timeline.universe(id);
    let entry = store.entry_find(environment, id).await?;
    let Some(record) = entry.as_ref().map(|entry| &entry.universe).or(recorded.map(|universe| &universe.record)) else {
        return Ok(None);
    };
    let changes = match when.known_at {
        Some(instant) => store.symbol_change_list_at(instant).await?,
        None => store.symbol_change_list().await?,
    };
    let changes: Vec<SymbolChange> = changes.into_iter().map(|record| record.change).collect();
    let known = recorded.map(|universe| timeline.members(universe, when, &changes)).unwrap_or_default();
    let is_now = when == When::default();
    let members = match &entry {
        Some(entry) if is_now => in_order(&entry.symbols, &known),
        _ => known,
    };
    let figures = match is_now {
        true => {
            let session = timeline.footing(when).and_then(|run| run.session);
            store.figure_list(&symbols_of(&members), session.unwrap_or(Date::MAX)).await?
        }
        false => figures_of(store, &Kept::default(), environment, &timeline, &members, when).await?,
    };
    let is_ranked = is_now && record.is_ranked;
    Ok(Some(MembersAsOf {
        universe: record.clone(),
        as_of: when.as_of,
        known_since: recorded.and_then(UniverseTimeline::known_since),
        members: member_records(members, figures, is_ranked),
    }))
}

/// Returns what was known of members as of a session: what the run of that session decided by, or, where it kept
/// nothing, what prices and reference data say of it.
///
/// # Errors
/// When the store cannot be read.
pub async fn figures_of<S: Store + ?Sized>(
    store: &S,
    kept: &Kept,
    environment: &str,
    timeline: &Timeline,
    members: &[MemberSince],
    when: When,
) -> Result<Vec<FigureRecord>, StoreError> {
    let symbols = symbols_of(members);
    let session = when.as_of.or_else(|| timeline.footing(when)?.session);
    let run = session.and_then(|session| timeline.figures(session, when.known_at));
    let figures = match run {
        Some(run) => kept.run_figures(store, environment, run).await?,
        None => None,
    };
    let Some(figures) = figures else { return store.figure_list(&symbols, session.unwrap_or(Date::MAX)).await };
    let names = match kept.names.is_empty() {
        true => store.company_name_list(&symbols).await?,
        false => symbols.iter().map(|symbol| kept.names.get(symbol).cloned()).collect(),
    };
    let record = |(company_name, figure): (Option<String>, Figure<'_>)| FigureRecord {
        company_name,
        market_cap: figure.market_cap,
        sector: figure.sector.map(str::to_owned),
    };
    Ok(names.into_iter().zip(figures.of(&symbols)?).map(record).collect())
}

/// Puts members and what is known of them together.
#[must_use]
pub fn member_records(members: Vec<MemberSince>, figures: Vec<FigureRecord>, is_ranked: bool) -> Vec<MemberRecord> {
    let record = |(rank, (member, known)): (u32, (MemberSince, FigureRecord))| MemberRecord {
        symbol: member.symbol,
        company_name: known.company_name,
        rank: is_ranked.then_some(rank),
        market_cap: known.market_cap,
        sector: known.sector,
        since: member.since,
    };
    (1..).zip(members.into_iter().zip(figures)).map(record).collect()
}

/// Returns the members in the order of an entry, given what is recorded of them in order of symbol.
#[must_use]
pub fn in_order(symbols: &[Symbol], recorded: &[MemberSince]) -> Vec<MemberSince> {
    let since = |symbol: &Symbol| {
        let at = recorded.binary_search_by(|member| member.symbol.cmp(symbol)).ok()?;
        recorded[at].since
    };
    symbols.iter().map(|symbol| MemberSince { symbol: symbol.clone(), since: since(symbol) }).collect()
}

fn symbols_of(members: &[MemberSince]) -> Vec<Symbol> {
    members.iter().map(|member| member.symbol.clone()).collect()
}
