//! What becomes different about the past: intervals that are superseded, and those that take their place.
//!
//! Nothing that was recorded is rewritten. A superseded interval stays for whoever asks what was known before, and
//! new ones answer from now on.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use crate::{Symbol, UniverseId};

/// An interval as it is recorded.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordedInterval {
    /// The member.
    pub symbol: Symbol,
    /// The first session.
    pub valid_from: Date,
    /// The first session no longer; `None` while it lasts.
    pub valid_to: Option<Date>,
    /// The number of the run that opened it, which together with the rest of its beginning names it.
    pub opened_run: i64,
}

/// An interval as it should have been.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PastInterval {
    /// The member.
    pub symbol: Symbol,
    /// The first session.
    pub valid_from: Date,
    /// The first session no longer; `None` while it lasts.
    pub valid_to: Option<Date>,
}

/// What becomes different about the past of one universe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastChange {
    /// The universe.
    pub id: UniverseId,
    /// The code of the reason that the new intervals begin and end with.
    pub reason: &'static str,
    /// Where they come from, for people.
    pub source: String,
    /// The intervals that no longer answer, in order.
    pub superseded: Vec<RecordedInterval>,
    /// The intervals that answer instead, in order.
    pub intervals: Vec<PastInterval>,
}

impl PastChange {
    /// Returns whether nothing becomes different.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.superseded.is_empty() && self.intervals.is_empty()
    }
}

/// The memberships that a plan leaves behind, by which its change of the past must go.
#[derive(Clone, Copy, Debug)]
pub struct PlannedPresent<'p> {
    /// The session from which the plan holds.
    pub session: Date,
    /// Who is a member from then on.
    pub members: &'p BTreeSet<Symbol>,
}

/// Compares what is recorded of the sessions before the plan's own with what should have been.
///
/// An interval without an end among those to add is the whole membership of a symbol that the plan goes on with, or
/// takes in: it stands for the one that the plan would open.
///
/// `recorded` are the intervals that answer today, before the plan; `wanted` may overlap and reach past the session.
/// Returns the intervals to supersede and those to add, none of them where nothing differs.
#[must_use]
pub fn plan_past(
    recorded: &[RecordedInterval],
    wanted: &[PastInterval],
    present: PlannedPresent<'_>,
) -> (Vec<RecordedInterval>, Vec<PastInterval>) {
    let mut wanted_by_symbol: BTreeMap<&Symbol, Vec<(Date, Date)>> = BTreeMap::new();
    for interval in wanted {
        let until = interval.valid_to.map_or(present.session, |until| until.min(present.session));
        if interval.valid_from < until {
            wanted_by_symbol.entry(&interval.symbol).or_default().push((interval.valid_from, until));
        }
    }
    let mut recorded_by_symbol: BTreeMap<&Symbol, Vec<&RecordedInterval>> = BTreeMap::new();
    // What begins with the session is no past, and one that was taken back within its session answers for no day.
    let is_past = |interval: &&RecordedInterval| {
        interval.valid_from < present.session && interval.valid_to != Some(interval.valid_from)
    };
    for interval in recorded.iter().filter(is_past) {
        recorded_by_symbol.entry(&interval.symbol).or_default().push(interval);
    }
    let is_of_today =
        |interval: &&RecordedInterval| present.session <= interval.valid_from && interval.valid_to.is_none();
    let of_today: BTreeMap<&Symbol, &RecordedInterval> =
        recorded.iter().filter(is_of_today).map(|interval| (&interval.symbol, interval)).collect();
    let symbols: BTreeSet<&Symbol> = wanted_by_symbol.keys().chain(recorded_by_symbol.keys()).copied().collect();
    let (mut superseded, mut added) = (Vec::new(), Vec::new());
    for symbol in symbols {
        let wanted = joined(wanted_by_symbol.remove(symbol).unwrap_or_default());
        let recorded = recorded_by_symbol.remove(symbol).unwrap_or_default();
        // Whoever is a member before the session and from it on is one without a break: that interval has no end.
        let is_member = present.members.contains(symbol);
        let is_open = recorded.iter().any(|interval| interval.valid_to.is_none());
        let goes_on = is_open && is_member;
        let end_of = |until: Date| (until < present.session || !is_member).then_some(until);
        let mut wanted: Vec<PastInterval> = wanted
            .into_iter()
            .map(|(from, until)| PastInterval { symbol: symbol.clone(), valid_from: from, valid_to: end_of(until) })
            .collect();
        if goes_on && wanted.last().is_none_or(|last| last.valid_to.is_some()) {
            wanted.push(PastInterval { symbol: symbol.clone(), valid_from: present.session, valid_to: None });
        }
        let as_planned = |interval: &RecordedInterval| PastInterval {
            symbol: symbol.clone(),
            valid_from: interval.valid_from,
            valid_to: interval.valid_to.or_else(|| (!goes_on).then_some(present.session)),
        };
        if covers_same(recorded.iter().map(|interval| as_planned(interval)), &wanted, present.session) {
            continue;
        }
        // What began with the session only is part of the whole.
        let is_whole = !is_open && wanted.last().is_some_and(|last| last.valid_to.is_none());
        superseded.extend(of_today.get(symbol).copied().filter(|_| is_whole).cloned());
        for interval in recorded {
            let stands = as_planned(interval);
            if let Some(at) = wanted.iter().position(|wanted| *wanted == stands) {
                wanted.remove(at);
            } else {
                superseded.push(interval.clone());
            }
        }
        added.extend(wanted);
    }
    superseded.sort();
    (superseded, added)
}

/// Joins intervals that touch or overlap.
fn joined(mut intervals: Vec<(Date, Date)>) -> Vec<(Date, Date)> {
    intervals.sort_unstable();
    let mut joined: Vec<(Date, Date)> = Vec::with_capacity(intervals.len());
    for (from, until) in intervals {
        match joined.last_mut().filter(|(_, last)| from <= *last) {
            Some((_, last)) => *last = until.max(*last),
            None => joined.push((from, until)),
        }
    }
    joined
}

/// Whether intervals cover the same sessions before the plan's own, however they are cut.
fn covers_same(recorded: impl Iterator<Item = PastInterval>, wanted: &[PastInterval], session: Date) -> bool {
    let past = |interval: &PastInterval| {
        let until = interval.valid_to.map_or(session, |until| until.min(session));
        (interval.valid_from < until).then_some((interval.valid_from, until))
    };
    let recorded = joined(recorded.filter_map(|interval| past(&interval)).collect());
    recorded == joined(wanted.iter().filter_map(past).collect())
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;

    const SESSION: Date = date(2024, 1, 20);

    fn symbol(text: &str) -> Symbol {
        Symbol::from_stored(text)
    }

    fn recorded(text: &str, from: i8, until: Option<i8>) -> RecordedInterval {
        let valid_to = until.map(|day| date(2024, 1, day));
        RecordedInterval {
            symbol: symbol(text),
            valid_from: date(2024, 1, from),
            valid_to,
            opened_run: i64::from(from),
        }
    }

    fn wanted(text: &str, from: i8, until: Option<i8>) -> PastInterval {
        let valid_to = until.map(|day| date(2024, 1, day));
        PastInterval { symbol: symbol(text), valid_from: date(2024, 1, from), valid_to }
    }

    fn planned(
        recorded: &[RecordedInterval],
        wanted: &[PastInterval],
        members: &[&str],
    ) -> (Vec<RecordedInterval>, Vec<PastInterval>) {
        let set = |texts: &[&str]| texts.iter().map(|text| symbol(text)).collect::<BTreeSet<_>>();
        plan_past(recorded, wanted, PlannedPresent { session: SESSION, members: &set(members) })
    }

    #[test]
    fn what_is_right_stays_as_it_is() {
        let stays = [recorded("A", 2, Some(5)), recorded("A", 8, None), recorded("B", 3, Some(9))];
        let same = [wanted("A", 2, Some(5)), wanted("A", 8, None), wanted("B", 3, Some(9))];
        assert_eq!(planned(&stays, &same, &["A"]), (vec![], vec![]));
        // Two intervals that touch are one.
        let cut = [recorded("A", 2, Some(5)), recorded("A", 5, None)];
        assert_eq!(planned(&cut, &[wanted("A", 2, None)], &["A"]), (vec![], vec![]));
    }

    #[test]
    fn a_later_beginning_supersedes_the_open_interval() {
        let (superseded, added) = planned(&[recorded("A", 2, None)], &[wanted("A", 6, None)], &["A"]);
        assert_eq!(superseded, [recorded("A", 2, None)]);
        assert_eq!(added, [wanted("A", 6, None)]);
    }

    #[test]
    fn what_comes_with_the_plan_has_been_there_since_its_past() {
        let (superseded, added) = planned(&[], &[wanted("A", 2, Some(4)), wanted("A", 6, None)], &["A"]);
        assert_eq!((superseded, added), (vec![], vec![wanted("A", 2, Some(4)), wanted("A", 6, None)]));
        // One whose past ended before comes with the plan.
        let (superseded, added) = planned(&[], &[wanted("A", 2, Some(4))], &["A"]);
        assert_eq!((superseded, added), (vec![], vec![wanted("A", 2, Some(4))]));
    }

    #[test]
    fn what_never_was_goes_but_the_present_stays() {
        let (superseded, added) = planned(&[recorded("A", 2, None)], &[], &["A"]);
        assert_eq!((superseded, added), (vec![recorded("A", 2, None)], vec![wanted("A", 20, None)]));
        // And one that goes with the plan had better gone before.
        let (superseded, added) = planned(&[recorded("A", 2, None)], &[wanted("A", 2, Some(9))], &[]);
        assert_eq!((superseded, added), (vec![recorded("A", 2, None)], vec![wanted("A", 2, Some(9))]));
    }

    proptest! {
        /// Afterwards the past is as wanted, whatever was recorded and whoever is a member now.
        #[test]
        fn the_past_becomes_what_is_wanted(
            cuts in prop::collection::btree_set(1_i8..21, 0..6),
            is_open: bool,
            spans in prop::collection::vec((1_i8..28, prop::option::of(1_i8..28)), 0..4),
            stays: bool,
        ) {
            let cuts: Vec<i8> = cuts.into_iter().collect();
            let mut before: Vec<RecordedInterval> =
                cuts.chunks_exact(2).map(|pair| recorded("A", pair[0], Some(pair[1]))).collect();
            let was_member = is_open && cuts.len() % 2 == 1;
            if was_member {
                before.push(recorded("A", cuts[cuts.len() - 1], None));
            }
            let spans: Vec<PastInterval> = spans
                .into_iter()
                .filter(|(from, until)| until.is_none_or(|until| *from < until))
                .map(|(from, until)| wanted("A", from, until))
                .collect();
            let members: &[&str] = if stays { &["A"] } else { &[] };
            let (superseded, new) = planned(&before, &spans, members);
            let mut after: Vec<(Date, Option<Date>)> = before
                .iter()
                .filter(|interval| !superseded.contains(interval))
                .map(|interval| (interval.valid_from, interval.valid_to.or((!stays).then_some(SESSION))))
                .collect();
            after.extend(new.iter().map(|interval| (interval.valid_from, interval.valid_to)));
            // The plan opens a membership for whoever comes with it, but where the past has it open already.
            if stays && !was_member && new.iter().all(|interval| interval.valid_to.is_some()) {
                after.push((SESSION, None));
            }
            for day in (1..28).map(|day| date(2024, 1, day)) {
                let answers = after.iter().filter(|(from, to)| *from <= day && to.is_none_or(|to| day < to)).count();
                let is_wanted = if day < SESSION {
                    spans.iter().any(|s| s.valid_from <= day && s.valid_to.is_none_or(|to| day < to))
                } else {
                    stays
                };
                prop_assert_eq!(answers, usize::from(is_wanted), "on {}: {:?}", day, after);
            }
            prop_assert!(after.iter().filter(|(_, to)| to.is_none()).count() <= 1);
        }
    }
}
