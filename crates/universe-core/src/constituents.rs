//! What sources say about the constituents of an index over time, one alone and several together.
//!
//! Sources come as intervals, as lists of changes, or as member lists of certain days. What each one leaves open
//! stays open: a change that was only observed between two dates is dated with that window.

mod quorum;

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::{Issue, Symbol};

pub use quorum::{Agreement, Disagreement, StoppedSource, agree};

/// The days between which a change took effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Dating {
    /// The first day on which it may have; `None` where that is not known.
    pub not_before: Option<Date>,
    /// The day on which it had.
    pub by: Date,
}

/// One constituent from a beginning to an end, as sharply as a source dates them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ConstituentInterval {
    /// The constituent, as the source spells it then.
    pub symbol: Symbol,
    /// When it came.
    pub from: Dating,
    /// When it was no longer one; `None` while it lasts.
    pub until: Option<Dating>,
}

/// What one source says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConstituentRecord {
    /// The source.
    pub source: String,
    /// The first day that it speaks for.
    pub first: Date,
    /// The last day that it speaks for.
    pub last: Date,
    /// Whether whoever it does not name was no constituent; a list of changes with nothing to begin from cannot
    /// know that.
    pub knows_all: bool,
    /// Every interval, in order of symbol and beginning, without overlaps.
    #[serde(alias = "tenures")] // their name in records that were stored until migration 0006
    pub intervals: Vec<ConstituentInterval>,
}

/// A constituent that came or went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConstituentChange {
    /// When.
    pub at: Dating,
    /// Who.
    pub symbol: Symbol,
    /// Whether it came.
    pub is_added: bool,
}

/// An interval as a file has it; half-open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntervalLine {
    /// The line of the file.
    pub line: u64,
    /// The constituent.
    pub symbol: Symbol,
    /// The first day.
    pub from: Date,
    /// The first day no longer; `None` while it lasts.
    pub until: Option<Date>,
}

/// A change as a file has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeLine {
    /// The line of the file.
    pub line: u64,
    /// The constituent; `None` where what is written is no symbol, such as a name in its place.
    pub symbol: Option<Symbol>,
    /// The day from which it holds, or on which it was observed.
    pub day: Date,
    /// Whether it came.
    pub is_added: bool,
}

/// The constituents of one day as a file has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberList {
    /// The day.
    pub day: Date,
    /// The constituents.
    pub symbols: BTreeSet<Symbol>,
    /// Whether every entry could be read; who is missing from an incomplete list may be behind such an entry.
    pub is_complete: bool,
}

/// What the days of a list of changes mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeDates {
    /// The day from which the change holds.
    Effective,
    /// The day on which somebody saw that it had happened, since the day before of the same file.
    Observed,
}

impl Dating {
    /// A change of which the day is known.
    #[must_use]
    pub const fn on(day: Date) -> Self {
        Self { not_before: Some(day), by: day }
    }

    /// A change that had not happened yet on `after`, and had on `by`.
    #[must_use]
    pub fn between(after: Date, by: Date) -> Self {
        Self { not_before: after.tomorrow().ok().filter(|day| *day <= by).or(Some(by)), by }
    }

    /// A change that had happened by a day, nobody knows since when.
    #[must_use]
    pub const fn by(day: Date) -> Self {
        Self { not_before: None, by: day }
    }

    /// Returns whether the day is known.
    #[must_use]
    pub fn is_exact(self) -> bool {
        self.not_before == Some(self.by)
    }
}

impl ConstituentRecord {
    /// Takes intervals; those that overlap an earlier one of the same symbol are left out and reported.
    ///
    /// `first` and `last` are the days that the source speaks for, where the file does not say more.
    #[must_use]
    pub fn from_intervals(source: &str, lines: &[IntervalLine], last: Option<Date>) -> (Self, Vec<Issue>) {
        let mut report = Report::new(source);
        let mut sorted: Vec<&IntervalLine> = lines.iter().collect();
        sorted.sort_by(|a, b| (&a.symbol, a.from, a.line).cmp(&(&b.symbol, b.from, b.line)));
        let mut intervals: Vec<ConstituentInterval> = Vec::with_capacity(lines.len());
        for line in sorted {
            if let Some(until) = line.until.filter(|until| *until <= line.from) {
                report.add(line.line, &line.symbol, format!("ends on {until}, not after it begins on {}", line.from));
                continue;
            }
            let before = intervals.last().filter(|before| before.symbol == line.symbol);
            if let Some(before) = before.filter(|before| before.until.is_none_or(|until| line.from < until.by)) {
                let until = before.until.map_or("today".to_owned(), |until| until.by.to_string());
                let what = format!("begins on {}, within the interval from {} to {until}", line.from, before.from.by);
                report.add(line.line, &line.symbol, what);
                continue;
            }
            let until = line.until.map(Dating::on);
            intervals.push(ConstituentInterval { symbol: line.symbol.clone(), from: Dating::on(line.from), until });
        }
        (Self::spanning(source, intervals, None, last), report.issues)
    }

    /// Takes a list of changes, from the constituents of a day where that is known.
    ///
    /// With a day to begin from, the removal of what is no constituent, and the addition of what is one, are left
    /// out and reported; without one, what is removed first was a constituent before.
    #[must_use]
    pub fn from_changes(
        source: &str,
        baseline: Option<&MemberList>,
        lines: &[ChangeLine],
        dates: ChangeDates,
        last: Option<Date>,
    ) -> (Self, Vec<Issue>) {
        let mut report = Report::new(source);
        let mut open: BTreeMap<Symbol, Dating> = BTreeMap::new();
        let mut intervals = Vec::new();
        if let Some(baseline) = baseline {
            open.extend(baseline.symbols.iter().map(|symbol| (symbol.clone(), Dating::by(baseline.day))));
        }
        let mut unread = BTreeSet::new();
        let mut sorted: Vec<(&ChangeLine, &Symbol)> = Vec::with_capacity(lines.len());
        for line in lines {
            if let Some(symbol) = &line.symbol {
                sorted.push((line, symbol));
            } else {
                let what = format!("no symbol; whoever is removed on {} may be meant, and stays", line.day);
                report.issues.push(report.issue(Some(line.line), None, what));
                unread.extend(line.is_added.then_some(line.day));
            }
        }
        // Of one day, who goes goes first.
        sorted.sort_by(|(a, x), (b, y)| (a.day, a.is_added, x, a.line).cmp(&(b.day, b.is_added, y, b.line)));
        let mut seen = baseline.map(|baseline| baseline.day);
        let respelt = respelt(&sorted);
        let (mut day, mut day_before) = (None, seen);
        for (line, symbol) in sorted {
            if baseline.is_some_and(|baseline| line.day <= baseline.day) {
                report.add(line.line, symbol, format!("{} is not after the list to begin from", line.day));
                continue;
            }
            if day != Some(line.day) {
                (day_before, day) = (seen, Some(line.day));
                seen = day;
            }
            if respelt.contains(&(line.day, symbol)) {
                report.add(line.line, symbol, format!("goes and comes on {}: no change but of spelling", line.day));
                continue;
            }
            let at = match (dates, day_before) {
                (ChangeDates::Effective, _) => Dating::on(line.day),
                (ChangeDates::Observed, Some(before)) => Dating::between(before, line.day),
                (ChangeDates::Observed, None) => Dating::by(line.day),
            };
            if !line.is_added && unread.contains(&line.day) {
                report.add(
                    line.line,
                    symbol,
                    format!("is removed on {}, where another line is no symbol: it stays", line.day),
                );
                continue;
            }
            if line.is_added {
                if open.contains_key(symbol) {
                    report.add(line.line, symbol, format!("is added on {}, and is a constituent", line.day));
                } else {
                    open.insert(symbol.clone(), at);
                }
                continue;
            }
            let was_ever = intervals.iter().any(|interval: &ConstituentInterval| interval.symbol == *symbol);
            let from = open.remove(symbol).or_else(|| {
                // Before the first change nobody says who was in: this one was.
                (baseline.is_none() && !was_ever)
                    .then(|| Dating::by(lines.iter().map(|l| l.day).min().unwrap_or(line.day)))
            });
            match from {
                Some(from) if from.by < line.day || from.not_before.is_none() => {
                    intervals.push(ConstituentInterval { symbol: symbol.clone(), from, until: Some(at) });
                }
                Some(_) => report.add(line.line, symbol, format!("comes and goes on {}", line.day)),
                None => report.add(line.line, symbol, format!("is removed on {}, and is no constituent", line.day)),
            }
        }
        intervals.extend(open.into_iter().map(|(symbol, from)| ConstituentInterval { symbol, from, until: None }));
        let record = Self::spanning(source, intervals, baseline.map(|baseline| baseline.day), last.or(seen));
        (Self { knows_all: baseline.is_some(), ..record }, report.issues)
    }

    /// Takes the member lists of certain days; a change lies between the two lists that differ.
    ///
    /// An empty list is no index without constituents but a fault of the source: it is left out and reported. Who is
    /// missing from an incomplete list has not gone before a complete one says so.
    #[must_use]
    pub fn from_lists(source: &str, lists: &[MemberList]) -> (Self, Vec<Issue>) {
        let mut report = Report::new(source);
        let mut sorted: Vec<&MemberList> = lists.iter().collect();
        // Of two lists of one day the later one of the file counts.
        sorted.sort_by_key(|list| list.day);
        let mut open: BTreeMap<Symbol, Dating> = BTreeMap::new();
        let mut intervals = Vec::new();
        // Who was missing from incomplete lists, and the last day with a list before that.
        let mut waiting: BTreeMap<Symbol, Option<Date>> = BTreeMap::new();
        let (mut first, mut before) = (None, None);
        for (at, list) in sorted.iter().enumerate() {
            if list.symbols.is_empty() {
                report.issues.push(report.issue(None, None, format!("the list of {} is empty", list.day)));
                continue;
            }
            if sorted.get(at + 1).is_some_and(|next| next.day == list.day && !next.symbols.is_empty()) {
                continue;
            }
            let dating = before.map_or(Dating::by(list.day), |before| Dating::between(before, list.day));
            let gone: Vec<Symbol> = open.keys().filter(|symbol| !list.symbols.contains(*symbol)).cloned().collect();
            for symbol in gone {
                if !list.is_complete {
                    waiting.entry(symbol).or_insert(before);
                    continue;
                }
                if let Some(from) = open.remove(&symbol) {
                    let since = waiting.get(&symbol).copied().unwrap_or(before);
                    let until = since.map_or(dating, |since| Dating::between(since, list.day));
                    intervals.push(ConstituentInterval { symbol, from, until: Some(until) });
                }
            }
            if list.is_complete {
                waiting.clear();
            } else {
                let what = format!("the list of {} has entries that are no symbols; nobody leaves by it", list.day);
                report.issues.push(report.issue(None, None, what));
            }
            for symbol in &list.symbols {
                waiting.remove(symbol);
                open.entry(symbol.clone()).or_insert(dating);
            }
            first = first.or(Some(list.day));
            before = Some(list.day);
        }
        intervals.extend(open.into_iter().map(|(symbol, from)| ConstituentInterval { symbol, from, until: None }));
        (Self::spanning(source, intervals, first, before), report.issues)
    }

    /// Returns who is a constituent on a day; nobody outside the days that the source speaks for.
    ///
    /// A change within a window counts from the day by which it had happened.
    #[must_use]
    pub fn members_on(&self, day: Date) -> BTreeSet<&Symbol> {
        if day < self.first || self.last < day {
            return BTreeSet::new();
        }
        self.intervals.iter().filter(|interval| interval.covers(day)).map(|interval| &interval.symbol).collect()
    }

    /// Returns every change that somebody dates, with its window, in order of day and symbol.
    ///
    /// Those who were in from the first day on have not come; nor has anybody come or gone on the day on which another
    /// source began to speak, only because it says otherwise.
    #[must_use]
    pub fn changes(&self) -> Vec<ConstituentChange> {
        let mut changes: Vec<ConstituentChange> = Vec::new();
        for ConstituentInterval { symbol, from, until } in &self.intervals {
            if self.first < from.by && from.not_before.is_some() {
                changes.push(ConstituentChange { at: *from, symbol: symbol.clone(), is_added: true });
            }
            if let Some(until) = until.filter(|until| until.not_before.is_some()) {
                changes.push(ConstituentChange { at: until, symbol: symbol.clone(), is_added: false });
            }
        }
        changes.sort_by(|a, b| (a.at.by, a.is_added, &a.symbol).cmp(&(b.at.by, b.is_added, &b.symbol)));
        changes
    }

    /// Puts a record together; where nobody says which days it speaks for, its own first and last days count.
    fn spanning(
        source: &str,
        mut intervals: Vec<ConstituentInterval>,
        first: Option<Date>,
        last: Option<Date>,
    ) -> Self {
        intervals.sort();
        let days = || {
            intervals
                .iter()
                .flat_map(|interval| [Some(interval.from.by), interval.until.map(|until| until.by)])
                .flatten()
        };
        let first = first.or_else(|| days().min()).unwrap_or(Date::MIN);
        let last = last.or_else(|| days().max()).unwrap_or(first);
        Self { source: source.to_owned(), first, last, knows_all: true, intervals }
    }
}

impl ConstituentInterval {
    /// Returns whether it covers a day.
    #[must_use]
    pub fn covers(&self, day: Date) -> bool {
        self.from.by <= day && self.until.is_none_or(|until| day < until.by)
    }
}

/// Finds what goes and comes on one day, such as `BF.B` and then `BF-B`: those are no changes.
fn respelt<'l>(lines: &[(&'l ChangeLine, &'l Symbol)]) -> BTreeSet<(Date, &'l Symbol)> {
    let of_kind = |is_added: bool| -> BTreeSet<(Date, &'l Symbol)> {
        lines.iter().filter(|(line, _)| line.is_added == is_added).map(|(line, symbol)| (line.day, *symbol)).collect()
    };
    of_kind(true).intersection(&of_kind(false)).copied().collect()
}

/// What was wrong with a source.
struct Report<'s> {
    source: &'s str,
    issues: Vec<Issue>,
}

impl<'s> Report<'s> {
    const fn new(source: &'s str) -> Self {
        Self { source, issues: Vec::new() }
    }

    fn add(&mut self, line: u64, symbol: &Symbol, reason: String) {
        self.issues.push(self.issue(Some(line), Some(symbol), reason));
    }

    fn issue(&self, line: Option<u64>, symbol: Option<&Symbol>, reason: String) -> Issue {
        Issue { file: self.source.to_owned(), line, symbol: symbol.map(ToString::to_string), reason }
    }
}

#[cfg(test)]
mod tests;
