//! Answers from rows that either database read: pure functions, so that the two cannot differ.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::Value;
use universe_core::state::{RuleMark, UniverseState};
use universe_core::{Category, Symbol, UniverseId, UniverseType};

use crate::write_set::ADOPTED;
use crate::{EntryRecord, Inconsistency, MembershipRecord, UniverseFacts, UniverseRecord, entry_symbols};

/// A row of the project's own `universe`.
#[derive(Clone, Debug)]
pub(crate) struct UniverseRow {
    pub(crate) id: UniverseId,
    pub(crate) name: String,
    pub(crate) category: String,
    pub(crate) rule: String,
    pub(crate) rule_version: String,
    pub(crate) is_ranked: bool,
    pub(crate) sequence: u64,
    /// The members in the order of the entry, with single spaces between them.
    pub(crate) members: String,
    pub(crate) member_count: usize,
    pub(crate) reconstituted_session: Option<Date>,
    pub(crate) entry_updated_at: Option<Timestamp>,
    pub(crate) is_retired: bool,
}

/// An entry of `cache_entries` that another program wrote.
#[derive(Clone, Debug)]
pub(crate) struct UnmanagedEntry {
    pub(crate) id: UniverseId,
    pub(crate) name: String,
    pub(crate) category: Option<String>,
    pub(crate) value: Value,
    pub(crate) updated_at: Option<Timestamp>,
}

/// What [`inconsistencies`] compares.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    /// Every row of `universe`, retired ones too.
    pub(crate) universes: Vec<UniverseEvidence>,
    /// Audit numbers in order, and the last one that was given out.
    pub(crate) audit: Numbers,
    /// Event numbers in order, and the last one that was given out.
    pub(crate) outbox: Numbers,
    /// The universe and sequence of each event that has them, in order of the events.
    pub(crate) sequences: Vec<(UniverseId, u64)>,
}

/// Numbers that must run to `last` without gaps, from one or from where older ones were deleted on purpose.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    pub(crate) found: Vec<i64>,
    /// The last number that was deleted on purpose; 0 where none was.
    pub(crate) pruned: i64,
    pub(crate) last: i64,
}

/// One universe as its tables have it.
#[derive(Debug)]
pub(crate) struct UniverseEvidence {
    pub(crate) row: UniverseRow,
    /// `value` and `universe_metadata` of its entry; `None` where there is none.
    pub(crate) entry: Option<(Value, Value)>,
    pub(crate) intervals: Vec<IntervalEvidence>,
}

/// One interval without its reasons.
#[derive(Clone, Debug)]
pub(crate) struct IntervalEvidence {
    pub(crate) symbol: Symbol,
    pub(crate) valid_from: Date,
    pub(crate) valid_to: Option<Date>,
}

/// Reads members as `universe.members` has them.
pub(crate) fn member_symbols(members: &str) -> impl Iterator<Item = Symbol> {
    members.split_ascii_whitespace().map(Symbol::from_stored)
}

/// Returns a universe as the planner sees it; `entry_updated_at` is that of its entry, where there is one.
pub(crate) fn state_of_row(row: &UniverseRow, entry_updated_at: Option<Timestamp>) -> UniverseState {
    let mut members = Vec::with_capacity(row.member_count);
    members.extend(member_symbols(&row.members));
    UniverseState {
        name: row.name.clone(),
        category: category(&row.category),
        rule: Some(RuleMark { name: row.rule.clone(), version: row.rule_version.clone() }),
        members,
        sequence: row.sequence,
        reconstituted_session: row.reconstituted_session,
        entry_is_intact: entry_updated_at.is_some() && entry_updated_at == row.entry_updated_at,
    }
}

/// Returns another program's entry as the planner sees it; a value that cannot be read has no members.
pub(crate) fn state_of_entry(entry: &UnmanagedEntry) -> UniverseState {
    UniverseState {
        name: entry.name.clone(),
        category: entry.category.as_deref().and_then(category),
        rule: None,
        members: entry_members(&entry.value),
        sequence: 0,
        reconstituted_session: None,
        entry_is_intact: true,
    }
}

/// Returns a universe as it is listed; a retired one has no members.
pub(crate) fn record_of_row(row: &UniverseRow) -> UniverseRecord {
    UniverseRecord {
        id: row.id.clone(),
        name: row.name.clone(),
        category: Some(row.category.clone()),
        count: if row.is_retired { 0 } else { row.member_count },
        last_updated: row.entry_updated_at,
        rule: Some(row.rule.clone()),
        is_ranked: row.is_ranked,
    }
}

/// Returns another program's entry as it is listed.
pub(crate) fn record_of_entry(entry: &UnmanagedEntry) -> UniverseRecord {
    UniverseRecord {
        id: entry.id.clone(),
        name: entry.name.clone(),
        category: entry.category.clone(),
        count: entry_members(&entry.value).len(),
        last_updated: entry.updated_at,
        rule: None,
        is_ranked: false,
    }
}

/// Returns an entry of our own with its members.
pub(crate) fn entry_of_row(row: &UniverseRow) -> EntryRecord {
    EntryRecord { universe: record_of_row(row), symbols: member_symbols(&row.members).collect() }
}

/// Returns another program's entry with its members.
pub(crate) fn entry_of_unmanaged(entry: &UnmanagedEntry) -> EntryRecord {
    EntryRecord { universe: record_of_entry(entry), symbols: entry_members(&entry.value) }
}

/// Returns the members of another program's entry, each once, in its order.
pub(crate) fn entry_members(value: &Value) -> Vec<Symbol> {
    let mut seen = BTreeSet::new();
    let symbols = entry_symbols(value).unwrap_or_default();
    symbols.into_iter().filter(|symbol| seen.insert(symbol.clone())).collect()
}

/// Sorts intervals by time, then address and symbol.
pub(crate) fn sort_memberships(records: &mut [MembershipRecord]) {
    records.sort_by(|a, b| {
        let time = (a.valid_from, a.opened_run).cmp(&(b.valid_from, b.opened_run));
        time.then_with(|| a.universe.cmp(&b.universe)).then_with(|| a.symbol.cmp(&b.symbol))
    });
}

/// Returns a universe as checks look at it.
pub(crate) fn universe_facts(universe: &UniverseEvidence) -> UniverseFacts {
    let UniverseEvidence { row, entry, intervals } = universe;
    let open: BTreeSet<&Symbol> = intervals.iter().filter(|i| i.valid_to.is_none()).map(|i| &i.symbol).collect();
    UniverseFacts {
        id: row.id.clone(),
        name: row.name.clone(),
        category: row.category.clone(),
        rule: row.rule.clone(),
        rule_version: row.rule_version.clone(),
        is_ranked: row.is_ranked,
        sequence: row.sequence,
        reconstituted_session: row.reconstituted_session,
        is_retired: row.is_retired,
        members: member_symbols(&row.members).collect(),
        open: open.into_iter().cloned().collect(),
        entry: entry.clone(),
    }
}

/// Compares what is stored in several places; an empty answer is proof.
pub(crate) fn inconsistencies(evidence: &Evidence) -> Vec<Inconsistency> {
    let mut found = Vec::new();
    for universe in &evidence.universes {
        entry_against_intervals(universe, &mut found);
        overlaps(universe, &mut found);
    }
    gaps("audit_gap", "audit entries", &evidence.audit, &mut found);
    gaps("outbox_gap", "events", &evidence.outbox, &mut found);
    sequence_gaps(evidence, &mut found);
    found
}

fn entry_against_intervals(universe: &UniverseEvidence, found: &mut Vec<Inconsistency>) {
    let row = &universe.row;
    let mut complain = |check: &'static str, symbol: Option<&Symbol>, detail: String| {
        found.push(Inconsistency { check, universe: Some(row.id.clone()), symbol: symbol.cloned(), detail });
    };
    let open: BTreeSet<&Symbol> =
        universe.intervals.iter().filter(|interval| interval.valid_to.is_none()).map(|i| &i.symbol).collect();
    if row.is_retired {
        for symbol in open {
            complain(
                "entry_equals_intervals",
                Some(symbol),
                "the universe is retired but the membership is open".into(),
            );
        }
        return;
    }
    if row.rule == ADOPTED {
        // Its entry is still what another program wrote, in a shape of its own, until a run writes it.
        if !member_symbols(&row.members).collect::<BTreeSet<_>>().iter().eq(open) {
            complain("entry_equals_intervals", None, "universe.members is not what the memberships say".into());
        }
        return;
    }
    let Some((value, metadata)) = &universe.entry else {
        complain("entry_equals_intervals", None, "it has no entry in cache_entries".into());
        return;
    };
    let entry = match entry_symbols(value) {
        Ok(entry) => entry,
        Err(error) => {
            complain("entry_equals_intervals", None, format!("its entry cannot be read: {error}"));
            return;
        }
    };
    let listed: BTreeSet<&Symbol> = entry.iter().collect();
    for symbol in listed.difference(&open) {
        complain("entry_equals_intervals", Some(symbol), "in the entry, without an open membership".into());
    }
    for symbol in open.difference(&listed) {
        complain("entry_equals_intervals", Some(symbol), "an open membership, but not in the entry".into());
    }
    if listed.len() != entry.len() {
        complain("entry_equals_intervals", None, "the entry lists a symbol twice".into());
    }
    if !member_symbols(&row.members).eq(entry.iter().cloned()) {
        complain("entry_equals_intervals", None, "universe.members is not what the entry lists".into());
    }
    let counted = metadata.get("count").and_then(Value::as_u64);
    if counted != u64::try_from(entry.len()).ok() || row.member_count != entry.len() {
        let counted = counted.map_or("none".to_owned(), |count| count.to_string());
        let detail =
            format!("the entry lists {}, its count is {counted}, member_count is {}", entry.len(), row.member_count);
        complain("entry_count", None, detail);
    }
}

fn overlaps(universe: &UniverseEvidence, found: &mut Vec<Inconsistency>) {
    let mut spans: BTreeMap<&Symbol, Vec<(Date, Option<Date>)>> = BTreeMap::new();
    for interval in &universe.intervals {
        // An empty interval was superseded within its session and cannot overlap.
        if interval.valid_to != Some(interval.valid_from) {
            spans.entry(&interval.symbol).or_default().push((interval.valid_from, interval.valid_to));
        }
    }
    for (symbol, mut spans) in spans {
        spans.sort_by_key(|(from, to)| (*from, to.unwrap_or(Date::MAX)));
        for pair in spans.windows(2) {
            let ((from, to), (next, _)) = (pair[0], pair[1]);
            if to.is_none_or(|to| next < to) {
                let until = to.map_or("open".to_owned(), |to| to.to_string());
                found.push(Inconsistency {
                    check: "intervals_overlap",
                    universe: Some(universe.row.id.clone()),
                    symbol: Some(symbol.clone()),
                    detail: format!("the membership from {from} ({until}) reaches into the one from {next}"),
                });
            }
        }
    }
}

fn gaps(check: &'static str, what: &str, numbers: &Numbers, found: &mut Vec<Inconsistency>) {
    let mut complain = |detail: String| found.push(Inconsistency { check, universe: None, symbol: None, detail });
    let mut expected = numbers.pruned + 1;
    for number in &numbers.found {
        if *number != expected {
            complain(format!("{what} {expected} to {} are missing", number - 1));
        }
        expected = number + 1;
    }
    if expected != numbers.last + 1 {
        complain(format!("{what} were numbered up to {}, but the last one is {}", numbers.last, expected - 1));
    }
}

fn sequence_gaps(evidence: &Evidence, found: &mut Vec<Inconsistency>) {
    let mut last: BTreeMap<&UniverseId, u64> = BTreeMap::new();
    for (id, sequence) in &evidence.sequences {
        let before = match last.insert(id, *sequence) {
            Some(before) => before,
            // The events before this one may have been deleted.
            None if evidence.outbox.pruned > 0 => continue,
            None => 0,
        };
        // Also after a retirement: followers see no number twice.
        if *sequence != before + 1 {
            found.push(Inconsistency {
                check: "sequence_gap",
                universe: Some(id.clone()),
                symbol: None,
                detail: format!("change {sequence} follows change {before}"),
            });
        }
    }
    for universe in &evidence.universes {
        let published = match last.get(&universe.row.id) {
            Some(published) => *published,
            None if evidence.outbox.pruned > 0 => continue,
            None => 0,
        };
        if published != universe.row.sequence {
            found.push(Inconsistency {
                check: "sequence_gap",
                universe: Some(universe.row.id.clone()),
                symbol: None,
                detail: format!("it is at change {}, the last event tells of {published}", universe.row.sequence),
            });
        }
    }
}

/// Reads an address as it was stored (`type:key`), whatever its key looks like.
pub(crate) fn stored_address(text: &str) -> Option<UniverseId> {
    let (spelling, key) = text.split_once(':')?;
    Some(UniverseId::from_stored(UniverseType::from_spelling(spelling)?, key))
}

/// Reads the spelling of a category; `None` for what an older program wrote.
fn category(text: &str) -> Option<Category> {
    serde_json::from_value(Value::from(text)).ok()
}

#[cfg(test)]
mod tests;
