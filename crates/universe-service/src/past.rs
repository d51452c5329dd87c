//! The recorded past: read from the store for one question, or kept in memory by a server that answers many.

use std::borrow::Cow;
use std::collections::HashMap;

use jiff::civil::Date;
use universe_core::identity::SymbolChange;
use universe_core::planner::deciding_rule;
use universe_core::rule::RuleSet;
use universe_core::{Symbol, UniverseId, resolve_symbol, session_on_or_before};
use universe_store::{
    FigureRecord, Kept, MemberRecord, MembersAsOf, Store, StoreError, Timeline, UniverseRecord, UniverseTimeline, When,
    figures_of, member_records,
};

use crate::identity::symbol_changes;
use crate::lookup::{Detail, Question};
use crate::lookup_snapshot::{SymbolUniverse, SymbolUniverses};
use crate::{Footing, Standing};

/// The recorded past of an environment as of one version of the store.
#[derive(Debug)]
pub struct Past {
    /// The universes that have entries.
    entries: Vec<UniverseId>,
    /// Everybody who ever was a member, in order.
    symbols: Vec<Symbol>,
    timeline: Timeline,
    kept: Kept,
}

/// What answers are read from: the store, and of the past what is in memory.
#[derive(Clone, Copy)]
pub struct Recorded<'a> {
    /// The store.
    pub store: &'a dyn Store,
    /// The past, where it is in memory: all of it, or of the universes that are asked about.
    pub past: Option<&'a Past>,
}

/// From so many universes on, all are read at once.
const UNIVERSES_ONE_BY_ONE_MAX: usize = 8;

impl Past {
    /// Reads what is recorded of some universes; `entries` are those that have entries.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) async fn of_some(
        store: &dyn Store,
        environment: &str,
        entries: &[UniverseId],
        some: &[UniverseId],
    ) -> Result<Self, StoreError> {
        let mut timeline = Timeline::default();
        if UNIVERSES_ONE_BY_ONE_MAX < some.len() {
            timeline = store.timeline_read(environment, None).await?;
        } else {
            for id in some {
                timeline.take(store.timeline_read(environment, Some(id)).await?);
            }
        }
        Ok(Self { entries: entries.to_vec(), symbols: Vec::new(), timeline, kept: Kept::default() })
    }

    /// Keeps what was read of the past, with the names that its listings have now.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) async fn of(
        store: &dyn Store,
        entries: Vec<UniverseId>,
        timeline: Timeline,
    ) -> Result<Self, StoreError> {
        let symbols: Vec<Symbol> = timeline.symbols().into_iter().cloned().collect();
        let names = store.company_name_list(&symbols).await?;
        let names: HashMap<Symbol, String> =
            symbols.iter().cloned().zip(names).filter_map(|(symbol, name)| Some((symbol, name?))).collect();
        Ok(Self { entries, symbols, timeline, kept: Kept::with_names(names) })
    }
}

impl Recorded<'_> {
    /// Returns the addresses of the universes that have entries.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) async fn universe_ids(&self, environment: &str) -> Result<Cow<'_, [UniverseId]>, StoreError> {
        if let Some(past) = self.past {
            return Ok(Cow::Borrowed(&past.entries));
        }
        let universes = self.store.universe_list(environment).await?;
        Ok(universes.into_iter().map(|universe| universe.id).collect())
    }

    /// Returns the run that answers to a question stand on.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) async fn footing(&self, question: Question<'_>) -> Result<Footing, StoreError> {
        let Question { environment, as_of, known_at } = question;
        match self.past {
            Some(past) => Ok(past.timeline.footing(When { as_of, known_at }).map(Footing::of_run).unwrap_or_default()),
            None => Footing::find(self.store, environment, as_of, known_at).await,
        }
    }

    /// Returns the symbol changes that answers to a question go by; of now none are needed.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) async fn symbol_changes(&self, question: Question<'_>) -> Result<Vec<SymbolChange>, StoreError> {
        match question.is_past() {
            true => symbol_changes(self.store, question.known_at).await,
            false => Ok(Vec::new()),
        }
    }

    /// Returns the members of a universe; `None` when there never was such a universe.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) async fn members(
        &self,
        rules: &RuleSet,
        id: &UniverseId,
        question: Question<'_>,
        detail: Detail,
        changes: &[SymbolChange],
    ) -> Result<Option<MembersAsOf>, StoreError> {
        let Question { environment, as_of, known_at } = question;
        let when = When { as_of, known_at };
        if when == When::default() {
            return self.store.member_list(environment, id, None, None).await;
        }
        let read;
        let Past { timeline, kept, .. } = match self.past {
            Some(past) => past,
            None => {
                read = Past::of_some(self.store, environment, &[], std::slice::from_ref(id)).await?;
                &read
            }
        };
        let Some(universe) = timeline.universe(id) else {
            // Another program's entry has no past.
            let entry = self.store.entry_find(environment, id).await?;
            let nobody =
                |universe: UniverseRecord| MembersAsOf { universe, as_of, known_since: None, members: Vec::new() };
            return Ok(entry.map(|entry| nobody(entry.universe)));
        };
        let members = timeline.members(universe, when, changes);
        let is_ordered = is_ranked_by_cap(rules, &universe.record);
        let figures = match detail == Detail::Figures || is_ordered {
            true => figures_of(self.store, kept, environment, timeline, &members, when).await?,
            false => vec![FigureRecord::default(); members.len()],
        };
        let mut members = member_records(members, figures, false);
        if is_ordered {
            rank_by_cap(&mut members);
        }
        let known_since = UniverseTimeline::known_since(universe);
        Ok(Some(MembersAsOf { universe: universe.record.clone(), as_of, known_since, members }))
    }
}

/// Returns the universes that a symbol belonged to, by any spelling of it; `None` for one that never was in any.
///
/// A day that is no session is taken as the session before it.
///
/// # Errors
/// When the store cannot be read.
pub async fn universes_of(
    recorded: Recorded<'_>,
    rules: &RuleSet,
    spelling: &str,
    question: Question<'_>,
) -> Result<Option<SymbolUniverses>, StoreError> {
    let Question { environment, known_at, .. } = question;
    let read;
    let past = match recorded.past {
        Some(past) => past,
        None => {
            let timeline = recorded.store.timeline_read(environment, None).await?;
            read = Past::of(recorded.store, Vec::new(), timeline).await?;
            &read
        }
    };
    let recorded = Recorded { past: Some(past), ..recorded };
    let Some(symbol) = resolve_symbol(spelling, &past.symbols) else { return Ok(None) };
    let question = Question { as_of: question.as_of.map(session_on_or_before), ..question };
    let when = When { as_of: question.as_of, known_at };
    let changes = symbol_changes(recorded.store, when.known_at).await?;
    let (footing, known_since) = (recorded.footing(question).await?, past.timeline.known_since());
    let (mut universes, mut held) = (Vec::new(), false);
    for universe in past.timeline.universes() {
        let Some(member) = past.timeline.member(universe, &symbol, when, &changes) else { continue };
        let record = &universe.record;
        held |= footing.holds(&record.id);
        let rank = match is_ranked_by_cap(rules, record) {
            true => {
                let found = recorded.members(rules, &record.id, question, Detail::Symbols, &changes).await?;
                let members = found.into_iter().flat_map(|found| found.members);
                members.into_iter().find(|ranked| ranked.symbol == symbol).and_then(|ranked| ranked.rank)
            }
            false => None,
        };
        universes.push(SymbolUniverse::new(record, rank, member.since));
    }
    let as_of = when.as_of.or(footing.session);
    let standing = footing.standing(when.as_of, known_since, held);
    Ok(Some(SymbolUniverses { symbol, as_of, count: universes.len(), standing, universes }))
}

/// Returns the universes that had members, with their number, and the session and the standing of that answer.
///
/// A day that is no session is taken as the session before it.
///
/// # Errors
/// When the store cannot be read.
pub async fn universes_at(
    recorded: Recorded<'_>,
    question: Question<'_>,
) -> Result<(Option<Date>, Standing, Vec<UniverseRecord>), StoreError> {
    let when = When { as_of: question.as_of.map(session_on_or_before), known_at: question.known_at };
    let read;
    let timeline = match recorded.past {
        Some(past) => &past.timeline,
        None => {
            read = recorded.store.timeline_read(question.environment, None).await?;
            &read
        }
    };
    let at_that_time = |universe: &UniverseTimeline| {
        let count = timeline.members(universe, when, &[]).len();
        (0 < count).then(|| UniverseRecord { count, last_updated: None, ..universe.record.clone() })
    };
    let found: Vec<UniverseRecord> = timeline.universes().iter().filter_map(at_that_time).collect();
    let footing = timeline.footing(when).map(Footing::of_run).unwrap_or_default();
    let held = found.iter().any(|record| footing.holds(&record.id));
    let standing = footing.standing(when.as_of, timeline.known_since(), held);
    Ok((when.as_of.or(footing.session), standing, found))
}

fn is_ranked_by_cap(rules: &RuleSet, record: &UniverseRecord) -> bool {
    let rule = deciding_rule(rules, &record.id, record.rule.as_deref());
    record.is_ranked && rule.is_some_and(|rule| rule.metric.is_market_cap())
}

/// Puts the members of a past session in the order that a rule gives them which ranks by market cap.
///
/// The order of an entry is not kept, but follows from the caps of the session.
fn rank_by_cap(members: &mut [MemberRecord]) {
    members.sort_by(|a, b| b.market_cap.cmp(&a.market_cap).then_with(|| a.symbol.cmp(&b.symbol)));
    for (rank, member) in (1..).zip(members) {
        member.rank = Some(rank);
    }
}
