//! Who was a member when, as it is recorded: what every answer about the past is read from.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::Value;
use universe_core::identity::SymbolChange;
use universe_core::{Symbol, UniverseId};

use crate::UniverseRecord;

/// The memberships of one universe or of all, and the runs that recorded them.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    /// In order of address.
    pub(crate) universes: Vec<UniverseTimeline>,
    /// Every run that has ended, in order of number.
    pub(crate) runs: Vec<TimelineRun>,
}

/// The memberships of one universe.
#[derive(Clone, Debug)]
pub struct UniverseTimeline {
    /// The universe, retired or not.
    pub record: UniverseRecord,
    /// In order of symbol, then of time.
    pub(crate) spans: Vec<Span>,
}

/// One interval of a symbol in a universe, with the numbers of the runs that recorded it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) symbol: Symbol,
    pub(crate) valid_from: Date,
    pub(crate) valid_to: Option<Date>,
    pub(crate) opened_run: i64,
    pub(crate) closed_run: Option<i64>,
    /// The run that corrected it; from then on it answers only for what was known before.
    pub(crate) superseded_run: Option<i64>,
}

/// A run as answers about the past look at it.
#[derive(Clone, Debug)]
pub struct TimelineRun {
    /// Its number, by which memberships name it.
    pub run_number: i64,
    /// The session that it brought memberships to.
    pub session: Option<Date>,
    /// Whether memberships stand as it left them: it was no trial, and did not fail.
    pub is_version: bool,
    /// When it ended.
    pub recorded_at: Timestamp,
    /// The addresses of the universes whose changes it held.
    pub held: Vec<String>,
    /// Whether its figures are kept.
    pub has_figures: bool,
}

/// A member and the session since which it has been one without a break.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberSince {
    /// Its symbol.
    pub symbol: Symbol,
    /// The first session of the membership; `None` where nothing is recorded of it.
    pub since: Option<Date>,
}

/// A question about the past: as of a session, as known at an instant; now and everything where not given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct When {
    /// The session.
    pub as_of: Option<Date>,
    /// The instant.
    pub known_at: Option<Timestamp>,
}

impl Timeline {
    /// Returns the memberships of a universe; `None` where none were ever recorded.
    #[must_use]
    pub fn universe(&self, id: &UniverseId) -> Option<&UniverseTimeline> {
        let at = self.universes.binary_search_by(|universe| universe.record.id.cmp(id)).ok()?;
        Some(&self.universes[at])
    }

    /// Takes the universes of another one, that was read later, and its runs.
    pub fn take(&mut self, other: Self) {
        for universe in other.universes {
            match self.universes.binary_search_by(|known| known.record.id.cmp(&universe.record.id)) {
                Ok(at) => self.universes[at] = universe,
                Err(at) => self.universes.insert(at, universe),
            }
        }
        self.runs = other.runs;
    }

    /// Returns every universe that memberships were ever recorded of, in order of address.
    #[must_use]
    pub fn universes(&self) -> &[UniverseTimeline] {
        &self.universes
    }

    /// Returns the session of the first membership ever recorded; before it nothing is known.
    #[must_use]
    pub fn known_since(&self) -> Option<Date> {
        self.universes.iter().filter_map(UniverseTimeline::known_since).min()
    }

    /// Returns the symbols of everybody who ever was a member.
    #[must_use]
    pub fn symbols(&self) -> BTreeSet<&Symbol> {
        self.universes.iter().flat_map(|universe| &universe.spans).map(|span| &span.symbol).collect()
    }

    /// Returns the run that answers stand on: the newest one up to the session that was known.
    #[must_use]
    pub fn footing(&self, when: When) -> Option<&TimelineRun> {
        let is_asked = |run: &&TimelineRun| {
            let session = run.session.is_some_and(|session| when.as_of.is_none_or(|as_of| session <= as_of));
            run.is_version && session && when.is_known(run.recorded_at)
        };
        self.runs.iter().rfind(is_asked)
    }

    /// Returns the number of the run whose figures answers have: the newest one of the very session that was known.
    #[must_use]
    pub fn figures(&self, session: Date, known_at: Option<Timestamp>) -> Option<i64> {
        let when = When { as_of: Some(session), known_at };
        let is_asked =
            |run: &&TimelineRun| run.has_figures && run.session == Some(session) && when.is_known(run.recorded_at);
        self.runs.iter().rfind(is_asked).map(|run| run.run_number)
    }

    /// Returns the members of a universe, in order of symbol.
    ///
    /// Without a session those are meant whose membership was not known to end. What was recorded after the instant
    /// has not happened: an interval opened later is not there, one closed later is still open. A listing that went
    /// on under another symbol has been a member since it was one under the first.
    #[must_use]
    pub fn members(&self, universe: &UniverseTimeline, when: When, changes: &[SymbolChange]) -> Vec<MemberSince> {
        let view = View::new(self, universe, when, changes);
        universe.spans.chunk_by(|a, b| a.symbol == b.symbol).filter_map(|spans| view.member(spans)).collect()
    }

    /// Returns one member of a universe; `None` where the symbol is not one.
    #[must_use]
    pub fn member(
        &self,
        universe: &UniverseTimeline,
        symbol: &Symbol,
        when: When,
        changes: &[SymbolChange],
    ) -> Option<MemberSince> {
        View::new(self, universe, when, changes).member(universe.spans_of(symbol))
    }

    /// Returns whether a run had ended by the instant of a question.
    fn is_known(&self, when: When, run_number: i64) -> bool {
        let found = || self.runs.binary_search_by_key(&run_number, |run| run.run_number);
        when.known_at.is_none() || found().is_ok_and(|at| when.is_known(self.runs[at].recorded_at))
    }
}

impl UniverseTimeline {
    /// Returns the session of the first membership ever recorded; before it nothing is known.
    #[must_use]
    pub fn known_since(&self) -> Option<Date> {
        self.spans.iter().map(|span| span.valid_from).min()
    }

    fn spans_of(&self, symbol: &Symbol) -> &[Span] {
        let from = self.spans.partition_point(|span| span.symbol < *symbol);
        let count = self.spans[from..].partition_point(|span| span.symbol == *symbol);
        &self.spans[from..from + count]
    }
}

impl When {
    fn is_known(self, recorded_at: Timestamp) -> bool {
        self.known_at.is_none_or(|known_at| recorded_at <= known_at)
    }
}

/// Returns whether memberships stand as a run left them: it was no trial, and did not fail.
pub(crate) fn is_version(status: &str, is_dry_run: bool) -> bool {
    !is_dry_run && matches!(status, "completed" | "completed_with_errors" | "held")
}

/// Returns the addresses of the universes that a run held, given `held` as it is stored.
pub(crate) fn held_addresses(held: &Value) -> Vec<String> {
    let changes = held.as_array().into_iter().flatten();
    changes.filter_map(|change| change["universe"].as_str().map(str::to_owned)).collect()
}

/// A universe as it answers one question.
struct View<'t> {
    timeline: &'t Timeline,
    universe: &'t UniverseTimeline,
    when: When,
    /// The changes by the symbols that they led to.
    came_from: BTreeMap<&'t Symbol, Vec<&'t SymbolChange>>,
    /// The sessions from which a symbol stands for another listing than before.
    turns: BTreeMap<&'t Symbol, Vec<Date>>,
}

/// What was known of an interval: its first session, and the first session no longer.
type Known = (Date, Option<Date>);

impl<'t> View<'t> {
    fn new(timeline: &'t Timeline, universe: &'t UniverseTimeline, when: When, changes: &'t [SymbolChange]) -> Self {
        let mut came_from: BTreeMap<&Symbol, Vec<&SymbolChange>> = BTreeMap::new();
        let mut turns: BTreeMap<&Symbol, Vec<Date>> = BTreeMap::new();
        for change in changes {
            turns.entry(&change.from).or_default().push(change.date);
            if let Some(to) = &change.to {
                turns.entry(to).or_default().push(change.date);
                came_from.entry(to).or_default().push(change);
            }
        }
        Self { timeline, universe, when, came_from, turns }
    }

    /// Returns the member that the intervals of one symbol say there is.
    fn member(&self, spans: &[Span]) -> Option<MemberSince> {
        let (one, several);
        // Most symbols came once and stayed.
        let known = match spans {
            [span] => {
                one = self.known_of(span);
                one.as_slice()
            }
            spans => {
                several = self.known(spans);
                several.as_slice()
            }
        };
        let contains = |(from, to): &&Known| match self.when.as_of {
            Some(as_of) => *from <= as_of && to.is_none_or(|to| as_of < to),
            None => to.is_none(),
        };
        let (from, _) = known.iter().find(contains)?;
        let symbol = &spans.first()?.symbol;
        Some(MemberSince { symbol: symbol.clone(), since: Some(self.since(symbol, known, *from)) })
    }

    /// Returns what was known of intervals, in order of time.
    fn known(&self, spans: &[Span]) -> Vec<Known> {
        let mut known: Vec<Known> = spans.iter().filter_map(|span| self.known_of(span)).collect();
        known.sort_unstable();
        known
    }

    /// Returns what was known of an interval; nothing where it did not answer.
    fn known_of(&self, span: &Span) -> Option<Known> {
        let is_known = |run: i64| self.timeline.is_known(self.when, run);
        let answers = is_known(span.opened_run) && !span.superseded_run.is_some_and(is_known);
        answers.then(|| (span.valid_from, span.valid_to.filter(|_| span.closed_run.is_some_and(is_known))))
    }

    /// Follows intervals that end where the next begins back to the first of them, under the symbols of before too, and
    /// not to those of others who had the symbol.
    fn since(&self, symbol: &Symbol, known: &[Known], from: Date) -> Date {
        let until = |known: &[Known], end: Date| {
            known.iter().find(|(from, to)| *to == Some(end) && *from < end).map(|(from, _)| *from)
        };
        let turns = self.turns.get(symbol).map(Vec::as_slice).unwrap_or_default();
        let is_one = |earlier: Date, later: Date| turns.iter().all(|turn| *turn <= earlier || later < *turn);
        let mut since = from;
        while let Some(earlier) = until(known, since).filter(|earlier| is_one(*earlier, since)) {
            since = earlier;
        }
        let changes = self.came_from.get(symbol).into_iter().flatten().rev().filter(|change| change.date <= since);
        for change in changes {
            let before = self.known(self.universe.spans_of(&change.from));
            if let Some(earlier) = until(&before, since) {
                // Every step goes back in time, and so comes to an end.
                return self.since(&change.from, &before, earlier);
            }
        }
        since
    }
}

#[cfg(test)]
mod tests;
