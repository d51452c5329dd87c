//! Several sources of one index: what enough of them agree on, where they differ, and who fell silent.

use std::collections::BTreeSet;

use jiff::civil::Date;
use serde::Serialize;

use super::{ConstituentInterval, ConstituentRecord, Dating};
use crate::Symbol;

/// Sources that differ for no longer than this have only seen one change on different days.
const TOLERANCE_DAYS: i32 = 7;

/// So many changes that the others saw, after a source saw its last one, are no coincidence.
const CHANGES_MISSED_MIN: usize = 5;

/// What enough sources agree on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Agreement {
    /// What they say together.
    pub record: ConstituentRecord,
    /// Where they differ for longer than a week, in order of symbol and day.
    pub disagreements: Vec<Disagreement>,
    /// The sources that stopped changing while the others went on.
    pub stopped: Vec<StoppedSource>,
}

/// Some days on which sources differ about a symbol.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Disagreement {
    /// The symbol.
    pub symbol: Symbol,
    /// The first day.
    pub from: Date,
    /// The first day no longer; `None` where it lasts as long as the sources speak.
    pub until: Option<Date>,
    /// The sources that have it.
    pub says_in: Vec<String>,
    /// The sources that speak for these days and do not have it.
    pub says_out: Vec<String>,
    /// What was taken.
    pub is_member: bool,
}

/// A source that stopped changing while the others went on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StoppedSource {
    /// The source.
    pub source: String,
    /// Its last change.
    pub last_change: Date,
    /// How many changes enough others agree on since.
    pub missed: usize,
}

/// Finds what at least `quorum` of the sources say, day by day.
///
/// A source has a say on the days that it speaks for, but not within the window of a change that it dates with one:
/// there it cannot know. Where fewer than `quorum` speak, all of them must agree; where
/// neither side has enough, things stay as they were. A change is dated with the days that are possible for
/// those who agree on it, or, where they contradict each other, with all of them.
#[must_use]
pub fn agree(records: &[ConstituentRecord], quorum: usize) -> Agreement {
    let symbols: BTreeSet<&Symbol> = records.iter().flat_map(|record| &record.intervals).map(|t| &t.symbol).collect();
    let mut intervals = Vec::new();
    let mut disagreements = Vec::new();
    for symbol in symbols {
        let mut timeline =
            Timeline { records, symbol, quorum, intervals: &mut intervals, disagreements: &mut disagreements };
        timeline.walk();
    }
    intervals.sort();
    let first = records.iter().map(|record| record.first).min().unwrap_or(Date::MIN);
    let last = records.iter().map(|record| record.last).max().unwrap_or(first);
    let source = records.iter().map(|record| record.source.as_str()).collect::<Vec<_>>().join(" + ");
    let record = ConstituentRecord { source, first, last, knows_all: true, intervals };
    let stopped = stopped(records, &record);
    Agreement { record, disagreements, stopped }
}

/// The days of one symbol.
struct Timeline<'a> {
    records: &'a [ConstituentRecord],
    symbol: &'a Symbol,
    quorum: usize,
    intervals: &'a mut Vec<ConstituentInterval>,
    disagreements: &'a mut Vec<Disagreement>,
}

impl Timeline<'_> {
    fn walk(&mut self) {
        let days = self.turning_days();
        let mut open: Option<Dating> = None;
        let mut turned = None;
        let mut differing: Option<Disagreement> = None;
        for day in days {
            let say = |is_in: bool| -> Vec<&ConstituentRecord> {
                self.records.iter().filter(|record| record.says(self.symbol, day) == Some(is_in)).collect()
            };
            let (ins, outs) = (say(true), say(false));
            let needed = self.quorum.min(ins.len() + outs.len()).max(1);
            let is_member = match (ins.len() >= needed, outs.len() >= needed) {
                (true, false) => true,
                (false, true) => false,
                (true, true) if ins.len() != outs.len() => ins.len() > outs.len(),
                (true, true) | (false, false) => open.is_some(),
            };
            match (is_member, open) {
                (true, None) => (open, turned) = (Some(self.dating(turned, day, &ins, true)), Some(day)),
                (false, Some(from)) => {
                    let until = Some(self.dating(turned, day, &outs, false));
                    self.intervals.push(ConstituentInterval { symbol: self.symbol.clone(), from, until });
                    (open, turned) = (None, Some(day));
                }
                (true, Some(_)) | (false, None) => {}
            }
            let differ = (!ins.is_empty() && !outs.is_empty()).then(|| Disagreement {
                symbol: self.symbol.clone(),
                from: day,
                until: None,
                says_in: names(&ins),
                says_out: names(&outs),
                is_member,
            });
            if differing.as_ref().is_some_and(|before| !differ.as_ref().is_some_and(|now| before.is_same(now))) {
                self.end(differing.take(), day);
            }
            differing = differing.or(differ);
        }
        if let Some(from) = open {
            self.intervals.push(ConstituentInterval { symbol: self.symbol.clone(), from, until: None });
        }
        self.disagreements.extend(differing);
    }

    /// The days on which any source changes its mind, begins to speak or falls silent.
    fn turning_days(&self) -> BTreeSet<Date> {
        let mut days = BTreeSet::new();
        for record in self.records {
            days.insert(record.first);
            days.extend(record.last.tomorrow());
            for interval in record.intervals_of(self.symbol) {
                for dating in std::iter::once(interval.from).chain(interval.until) {
                    days.extend(dating.not_before);
                    days.insert(dating.by);
                }
            }
        }
        days
    }

    /// Dates a change by what those who agree on it saw since the change before.
    fn dating(&self, turned: Option<Date>, day: Date, agreeing: &[&ConstituentRecord], is_added: bool) -> Dating {
        let of_record = |record: &&ConstituentRecord| {
            let turns = record.intervals_of(self.symbol).filter_map(|interval| match is_added {
                true => Some(interval.from),
                false => interval.until,
            });
            turns
                .filter(|turn| turned.is_none_or(|turned| turned < turn.by) && turn.by <= day)
                .max_by_key(|turn| turn.by)
        };
        let datings: Vec<Dating> = agreeing.iter().filter_map(of_record).collect();
        let latest_start = datings.iter().filter_map(|dating| dating.not_before).max();
        let Some(earliest_end) = datings.iter().map(|dating| dating.by).min() else { return Dating::by(day) };
        if latest_start.is_none_or(|start| start <= earliest_end) {
            return Dating { not_before: latest_start, by: earliest_end };
        }
        let start = datings.iter().map(|dating| dating.not_before).min().flatten();
        Dating { not_before: start, by: datings.iter().map(|dating| dating.by).max().unwrap_or(day) }
    }

    fn end(&mut self, differing: Option<Disagreement>, day: Date) {
        let ended = differing.map(|differing| Disagreement { until: Some(day), ..differing });
        self.disagreements.extend(ended.filter(|ended| (day - ended.from).get_days() > TOLERANCE_DAYS));
    }
}

impl Disagreement {
    fn is_same(&self, other: &Self) -> bool {
        (&self.says_in, &self.says_out, self.is_member) == (&other.says_in, &other.says_out, other.is_member)
    }
}

impl ConstituentRecord {
    fn intervals_of<'r>(&'r self, symbol: &'r Symbol) -> impl Iterator<Item = &'r ConstituentInterval> {
        let start = self.intervals.partition_point(|interval| interval.symbol < *symbol);
        self.intervals[start..].iter().take_while(move |interval| interval.symbol == *symbol)
    }

    /// Says whether a symbol is a constituent on a day; `None` where the source cannot know.
    #[must_use]
    pub fn says(&self, symbol: &Symbol, day: Date) -> Option<bool> {
        let is_within = |dating: Dating| dating.not_before.is_some_and(|start| start <= day && day < dating.by);
        let is_open =
            |interval: &ConstituentInterval| is_within(interval.from) || interval.until.is_some_and(is_within);
        let speaks = self.first <= day && day <= self.last;
        if !speaks || self.intervals_of(symbol).any(is_open) {
            return None;
        }
        let is_named = self.intervals_of(symbol).next().is_some();
        (self.knows_all || is_named).then(|| self.intervals_of(symbol).any(|interval| interval.covers(day)))
    }
}

fn names(records: &[&ConstituentRecord]) -> Vec<String> {
    records.iter().map(|record| record.source.clone()).collect()
}

/// Finds the sources that missed what the others agree on.
fn stopped(records: &[ConstituentRecord], agreed: &ConstituentRecord) -> Vec<StoppedSource> {
    let changes = agreed.changes();
    let of_source = |record: &ConstituentRecord| {
        let last_change = record.changes().last().map_or(record.first, |change| change.at.by);
        let missed = changes.iter().filter(|change| last_change < change.at.not_before.unwrap_or(change.at.by)).count();
        (missed >= CHANGES_MISSED_MIN).then(|| StoppedSource { source: record.source.clone(), last_change, missed })
    };
    records.iter().filter_map(of_source).collect()
}
