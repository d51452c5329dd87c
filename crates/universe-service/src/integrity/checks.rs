//! The checks: one function each, named as the finding that it makes.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use universe_core::rule::{Definition, Membership, Rule};
use universe_core::{Category, SecurityType, Symbol, UniverseId, UniverseType, sessions_between};
use universe_store::{ADOPTED_RULE, EntryFacts, UniverseFacts, entry_symbols};

use super::{Finding, FindingSeverity, Subject};

type Check = fn(&mut Subject<'_>);

/// The checks of what an entry says, against what the memberships say.
pub(super) const OF_ENTRIES: [Check; 6] =
    [contradictions, value_shape, duplicate_members, order, metadata_drift, mirrors];

/// Every check.
pub(super) const ALL: [Check; 18] = [
    contradictions,
    value_shape,
    duplicate_members,
    order,
    metadata_drift,
    mirrors,
    foreign_entries,
    foreign_counts,
    unknown_members,
    inactive_members,
    security_type,
    empty_universe,
    missing_universe,
    stale,
    key_convention,
    name_convention,
    rule_drift,
    older_type,
];

/// What metadata carries at least (contract, section 2).
const METADATA_FIELDS: [&str; 6] = ["last_updated", "last_cleanup", "last_rebalance", "rule", "run_id", "count"];

/// The beginnings of keys (contract, section 1).
const KEY_PREFIXES: [&str; 5] = ["master_", "index_", "sector_", "industry_", "theme_"];

/// The keys without a prefix, but for the rankings.
const KEYS: [&str; 6] = ["mega_cap", "large_cap", "mid_cap", "small_cap", "micro_cap", "recent_ipos"];

/// Words that a title may write small.
const SMALL_WORDS: [&str; 10] = ["a", "an", "and", "by", "for", "in", "of", "or", "the", "to"];

/// Entries against intervals, overlaps, and gaps in the numbers of audit entries and events.
fn contradictions(subject: &mut Subject<'_>) {
    let live: BTreeSet<&UniverseId> = subject.live().map(|universe| &universe.id).collect();
    for found in &subject.facts.contradictions {
        let is_of_entry = matches!(found.check, "entry_equals_intervals" | "entry_count");
        subject.findings.push(Finding {
            severity: FindingSeverity::Error,
            check: found.check,
            universe: found.universe.as_ref().map(ToString::to_string),
            symbol: found.symbol.as_ref().map(ToString::to_string),
            detail: found.detail.clone(),
            is_repairable: is_of_entry && found.universe.as_ref().is_some_and(|id| live.contains(id)),
        });
    }
}

/// The universes whose entries are ours; those of adopted ones are as another program wrote them until a run.
fn written<'s>(subject: &Subject<'s>) -> impl Iterator<Item = &'s UniverseFacts> + use<'s> {
    subject.live().filter(|universe| universe.rule != ADOPTED_RULE)
}

/// The value of an entry of ours is a plain list of canonical symbols.
fn value_shape(subject: &mut Subject<'_>) {
    for universe in written(subject) {
        // What cannot be read at all differs from the intervals, and is found there.
        let Some((value, _)) = &universe.entry else { continue };
        let Ok(symbols) = entry_symbols(value) else { continue };
        let texts = value.as_array().map(|items| items.iter().map(Value::as_str));
        if !texts.is_some_and(|texts| texts.eq(symbols.iter().map(|symbol| Some(symbol.as_str())))) {
            subject.find_damage(
                "value_shape",
                &universe.id,
                "its value is not a plain list of symbols as they are spelled",
            );
        }
    }
}

/// No entry lists a symbol twice, in whatever spelling.
fn duplicate_members(subject: &mut Subject<'_>) {
    let own = written(subject).filter_map(|universe| Some((&universe.id, &universe.entry.as_ref()?.0, true)));
    let foreign = subject.facts.foreign.iter().map(|entry| (&entry.id, &entry.value, false));
    for (id, value, is_own) in own.chain(foreign).collect::<Vec<_>>() {
        let mut counts: BTreeMap<Symbol, usize> = BTreeMap::new();
        for symbol in entry_symbols(value).unwrap_or_default() {
            *counts.entry(symbol).or_default() += 1;
        }
        for (symbol, count) in counts.into_iter().filter(|(_, count)| *count > 1) {
            subject.find_damage("duplicate_members", id, format!("the entry lists it {count} times"));
            if let Some(finding) = subject.findings.last_mut() {
                finding.symbol = Some(symbol.to_string());
                finding.is_repairable = is_own;
            }
        }
    }
}

/// The members of a universe without ranks are in order of symbol; the order of ranks is compared with what was
/// written last, where entries are compared with intervals.
fn order(subject: &mut Subject<'_>) {
    for universe in written(subject).filter(|universe| !universe.is_ranked) {
        let Some((value, _)) = &universe.entry else { continue };
        if !entry_symbols(value).unwrap_or_default().is_sorted() {
            subject.find_damage("order", &universe.id, "its members are not in order of symbol");
        }
    }
}

/// The metadata of an entry say what the universe's own row says.
fn metadata_drift(subject: &mut Subject<'_>) {
    for universe in written(subject) {
        let Some((_, metadata)) = &universe.entry else { continue };
        let missing: Vec<&str> =
            METADATA_FIELDS.into_iter().filter(|name| metadata.get(name).is_none_or(Value::is_null)).collect();
        if !missing.is_empty() {
            subject.find_damage("metadata_drift", &universe.id, format!("its metadata lack {}", missing.join(", ")));
            continue;
        }
        let differs = |name: &str, expected: Value| metadata.get(name).is_some_and(|found| *found != expected);
        let differing: Vec<&str> = [
            ("rule", Value::from(universe.rule.as_str())),
            ("rule_version", Value::from(universe.rule_version.as_str())),
            ("sequence", Value::from(universe.sequence)),
            ("ranked", Value::from(universe.is_ranked)),
        ]
        .into_iter()
        .filter_map(|(name, expected)| differs(name, expected).then_some(name))
        .collect();
        if !differing.is_empty() {
            let detail = format!("its metadata have another {} than was written last", differing.join(" and "));
            subject.find_damage("metadata_drift", &universe.id, detail);
        }
    }
}

/// An entry under an older key repeats the universe that it names.
fn mirrors(subject: &mut Subject<'_>) {
    for mirror in &subject.facts.mirrors {
        let of = UniverseId::from_stored(mirror.id.universe_type, &mirror.mirror_of);
        let original = subject.live().find(|universe| universe.id == of);
        let (Some(original), key) = (original, mirror.id.key()) else {
            let detail = format!("it says that it repeats {of}, which there is not");
            subject.find(FindingSeverity::Warning, "mirror", &mirror.id, detail);
            continue;
        };
        let value = original.entry.as_ref().map(|(value, _)| value);
        if value != Some(&mirror.value) {
            subject.find_damage("mirror", &of, format!("the entry under its older key {key} says something else"));
        }
    }
}

/// Entries of other programs can be read; an older shape is read as it is.
fn foreign_entries(subject: &mut Subject<'_>) {
    for entry in &subject.facts.foreign {
        match entry_symbols(&entry.value) {
            Err(error) => {
                let detail =
                    format!("{error}; whoever wrote it must write it again, or a list can be loaded in its place");
                subject.find(FindingSeverity::Error, "value_shape", &entry.id, detail);
            }
            Ok(_) if !entry.value.is_array() => {
                subject.find(
                    FindingSeverity::Info,
                    "older_shape",
                    &entry.id,
                    "its value has the shape of an older program",
                );
            }
            Ok(_) => {}
        }
        let category = entry.category.as_deref();
        if let Some(category) = category.filter(|text| !is_category(text)) {
            let detail = format!("its category {category:?} is none of the ten");
            subject.find(FindingSeverity::Warning, "category", &entry.id, detail);
        }
    }
}

/// Entries of other programs list as many symbols as they say.
fn foreign_counts(subject: &mut Subject<'_>) {
    for entry in &subject.facts.foreign {
        let Ok(symbols) = entry_symbols(&entry.value) else { continue };
        let said = entry.metadata.get("count").or_else(|| entry.value.get("count")).and_then(Value::as_u64);
        if let Some(said) = said.filter(|said| *said != symbols.len() as u64) {
            let detail = format!("it says that it has {said} members and lists {}", symbols.len());
            subject.find(FindingSeverity::Warning, "entry_count", &entry.id, detail);
        }
    }
}

/// Members are known; those that a rule or an import names are taken at their word.
fn unknown_members(subject: &mut Subject<'_>) {
    for (id, members, named) in memberships(subject) {
        let is_unknown = |symbol: &&Symbol| !subject.listings.contains_key(symbol);
        let (named, unnamed): (Vec<&Symbol>, Vec<&Symbol>) =
            members.iter().filter(is_unknown).partition(|symbol| named.contains(symbol));
        let is_own = subject.live().any(|universe| universe.id == *id);
        let severity = if is_own { FindingSeverity::Error } else { FindingSeverity::Warning };
        let detail = "it is not in `symbols`; load its reference data, or take it out of the list";
        subject.find_symbols(severity, "unknown_members", id, &unnamed, detail);
        let detail = "it is not in `symbols`; its list names it, and is believed";
        subject.find_symbols(FindingSeverity::Info, "unknown_members", id, &named, detail);
    }
}

/// Nobody who left the market is a member.
fn inactive_members(subject: &mut Subject<'_>) {
    let session = subject.facts.session;
    for (id, members, _) in memberships(subject) {
        let is_gone = |symbol: &&Symbol| {
            subject.listings.get(*symbol).is_some_and(|listing| {
                let is_past = listing.delisted_date.zip(session).is_some_and(|(delisted, session)| delisted <= session);
                !listing.is_active || is_past
            })
        };
        let gone: Vec<&Symbol> = members.iter().filter(is_gone).collect();
        let detail = "it is not listed any more; the next `universe sync` takes it out";
        subject.find_symbols(FindingSeverity::Error, "inactive_members", id, &gone, detail);
    }
}

/// Members are of the kinds that their rule takes; stocks without a rule are no funds, and funds no stocks.
fn security_type(subject: &mut Subject<'_>) {
    for (id, members, named) in memberships(subject) {
        let rule = rule_of(subject, id);
        let is_wrong = |symbol: &&Symbol| {
            let kind = subject.listings.get(*symbol).and_then(|listing| listing.security_type);
            kind.is_some_and(|kind| match rule.filter(|rule| !is_imported(rule)) {
                Some(rule) => !rule.securities.contains(&kind) && !named.contains(symbol),
                None => (kind == SecurityType::Etf) != (id.universe_type == UniverseType::EtfUniverse),
            })
        };
        let wrong: Vec<&Symbol> = members.iter().filter(is_wrong).collect();
        match rule.filter(|rule| !is_imported(rule)) {
            Some(_) => {
                let detail = "it is of a kind that the rule does not take; the next `universe sync` takes it out";
                subject.find_symbols(FindingSeverity::Error, "security_type", id, &wrong, detail);
            }
            None => {
                let detail = match id.universe_type {
                    UniverseType::StockUniverse => "it is a fund in a universe of stocks",
                    UniverseType::EtfUniverse => "it is no fund in a universe of funds",
                };
                subject.find_symbols(FindingSeverity::Warning, "security_type", id, &wrong, detail);
            }
        }
    }
}

/// Universes have members; a rule may have decided that there are none.
fn empty_universe(subject: &mut Subject<'_>) {
    for universe in subject.live().filter(|universe| universe.open.is_empty()) {
        let decides = rule_of(subject, &universe.id).is_some_and(|rule| !is_imported(rule));
        match decides {
            true => subject.find(FindingSeverity::Info, "empty_universe", &universe.id, "its rule finds no members"),
            false => subject.find(FindingSeverity::Warning, "empty_universe", &universe.id, "it has no members"),
        }
    }
    for entry in &subject.facts.foreign {
        if entry_symbols(&entry.value).is_ok_and(|symbols| symbols.is_empty()) {
            subject.find(FindingSeverity::Warning, "empty_universe", &entry.id, "it has no members");
        }
    }
}

/// What the rules define is there, once there was a run.
fn missing_universe(subject: &mut Subject<'_>) {
    if subject.facts.session.is_none() {
        return;
    }
    let present: BTreeSet<&UniverseId> = subject.live().map(|universe| &universe.id).collect();
    let foreign: BTreeSet<&UniverseId> = subject.facts.foreign.iter().map(|entry| &entry.id).collect();
    let rules = subject.rules;
    for id in rules.addresses().filter(|id| !present.contains(id)) {
        let Some(rule) = rules.rule_of(id) else { continue };
        if foreign.contains(id) {
            let detail =
                format!("another program keeps it; the next `universe sync` decides it by the rule {}", rule.name);
            subject.find(FindingSeverity::Warning, "missing_universe", id, detail);
        } else if is_imported(rule) {
            let detail = format!("nobody loaded its list; `universe load universe FILE --universe {}` does", id.key());
            subject.find(FindingSeverity::Info, "missing_universe", id, detail);
        } else if rule.facts().is_empty() {
            let detail = format!("the rule {} defines it; the next `universe sync` makes it", rule.name);
            subject.find(FindingSeverity::Warning, "missing_universe", id, detail);
        } else {
            let detail = format!("the rule {} waits until {} is loaded", rule.name, rule.facts().join(", "));
            subject.find(FindingSeverity::Info, "missing_universe", id, detail);
        }
    }
}

/// The universes are as new as the prices, or nearly.
fn stale(subject: &mut Subject<'_>) {
    let facts = subject.facts;
    let Some(newest) = facts.newest_prices else { return };
    if let Some(session) = facts.session {
        let behind = sessions_between(session, newest);
        if behind > subject.stale_sessions {
            let detail = format!(
                "the last run was for {session}, {behind} sessions before the newest prices, of {newest}; \
                 `universe sync` catches up"
            );
            subject.findings.push(Finding {
                severity: FindingSeverity::Warning,
                check: "stale",
                universe: None,
                symbol: None,
                detail,
                is_repairable: false,
            });
        }
    }
    for EntryFacts { id, updated_at, .. } in &facts.foreign {
        let Some(updated_at) = updated_at else {
            subject.find(FindingSeverity::Warning, "stale", id, "nothing that can be read says when it was written");
            continue;
        };
        let behind = sessions_between(crate::new_york_date(*updated_at), newest);
        if behind > subject.stale_sessions {
            let detail = format!("it was written at {updated_at}, {behind} sessions before the newest prices");
            subject.find(FindingSeverity::Warning, "stale", id, detail);
        }
    }
}

/// Keys are snake_case and say by their beginning what kind of universe it is.
fn key_convention(subject: &mut Subject<'_>) {
    for id in addresses(subject) {
        let key = id.key();
        let is_ranking = key.strip_prefix("top_").is_some_and(|count| count.parse::<u32>().is_ok());
        let is_kind = is_ranking || KEYS.contains(&key) || KEY_PREFIXES.iter().any(|prefix| key.starts_with(prefix));
        if UniverseId::new(id.universe_type, key).is_err() {
            subject.find(FindingSeverity::Warning, "key_convention", id, "its key is not snake_case");
        } else if !is_kind {
            let detail =
                "its key says no kind: master_, index_, sector_, industry_, theme_, top_N, a band or recent_ipos";
            subject.find(FindingSeverity::Warning, "key_convention", id, detail);
        }
    }
}

/// Names are Title Case; those of groups are made of what the source says.
fn name_convention(subject: &mut Subject<'_>) {
    let is_of_group = |universe: &&UniverseFacts| {
        let rule = subject.rules.rules.iter().find(|rule| rule.name == universe.rule);
        rule.is_some_and(|rule| matches!(rule.definition, Definition::Groups(_)))
    };
    let own = subject.live().filter(|universe| !is_of_group(universe)).map(|universe| (&universe.id, &universe.name));
    let foreign = subject.facts.foreign.iter().map(|entry| (&entry.id, &entry.name));
    for (id, name) in own.chain(foreign).collect::<Vec<_>>() {
        if !is_title(name) {
            subject.find(
                FindingSeverity::Warning,
                "name_convention",
                id,
                format!("its name {name:?} is not in Title Case"),
            );
        }
    }
}

/// Universes were made by the rules that are in force.
fn rule_drift(subject: &mut Subject<'_>) {
    for universe in subject.live() {
        match subject.rules.rules.iter().find(|rule| rule.name == universe.rule) {
            Some(rule) if rule.version != universe.rule_version => {
                let detail = format!("the rule {} was another one when it was decided last", rule.name);
                subject.find(FindingSeverity::Warning, "rule_drift", &universe.id, detail);
            }
            Some(_) => {}
            None if universe.rule == ADOPTED_RULE => {
                let detail =
                    "it was adopted, and its entry is as another program wrote it until the next `universe sync`";
                subject.find(FindingSeverity::Info, "adopted", &universe.id, detail);
            }
            None if subject.facts.imports.contains_key(&universe.id) => {}
            None => {
                let detail = format!(
                    "there is no rule {} any more; the next `universe sync` removes it, unless it is told to --preserve",
                    universe.rule
                );
                subject.find(FindingSeverity::Warning, "rule_drift", &universe.id, detail);
            }
        }
    }
}

/// Nothing is left of the types that expressions replaced.
fn older_type(subject: &mut Subject<'_>) {
    for (universe_type, key) in &subject.facts.older {
        subject.findings.push(Finding {
            severity: FindingSeverity::Warning,
            check: "older_type",
            universe: Some(format!("{universe_type}:{key}")),
            symbol: None,
            detail: "entries of this type are not kept up; an expression such as `top_500 + etf_core` says the same"
                .to_owned(),
            is_repairable: false,
        });
    }
}

/// A universe, its members, and the symbols that its rule or its import names.
type Members<'a> = (&'a UniverseId, Cow<'a, [Symbol]>, BTreeSet<&'a Symbol>);

/// Returns who is a member of what, as the memberships and the entries of other programs have it.
fn memberships<'a>(subject: &Subject<'a>) -> Vec<Members<'a>> {
    let facts = subject.facts;
    let named = |id: &UniverseId| {
        let listed = rule_of(subject, id).map(Rule::listed_symbols).unwrap_or_default();
        listed.iter().chain(facts.imports.get(id).into_iter().flatten()).collect::<BTreeSet<_>>()
    };
    let own = subject.live().map(|universe| (&universe.id, Cow::from(&universe.open), named(&universe.id)));
    let foreign = facts.foreign.iter().map(|entry| {
        let members = entry_symbols(&entry.value).unwrap_or_default();
        (&entry.id, Cow::from(members), BTreeSet::new())
    });
    own.chain(foreign).collect()
}

fn addresses<'a>(subject: &Subject<'a>) -> Vec<&'a UniverseId> {
    let foreign = subject.facts.foreign.iter().map(|entry| &entry.id);
    subject.live().map(|universe| &universe.id).chain(foreign).collect()
}

/// Returns the rule that decides a universe; groups define theirs as values appear, and are found by name.
fn rule_of<'a>(subject: &Subject<'a>, id: &UniverseId) -> Option<&'a Rule> {
    let rules = subject.rules;
    let by_name = || {
        let universe = subject.live().find(|universe| universe.id == *id)?;
        rules.rules.iter().find(|rule| rule.name == universe.rule)
    };
    rules.rule_of(id).or_else(by_name)
}

fn is_imported(rule: &Rule) -> bool {
    matches!(&rule.definition, Definition::Single(single) if matches!(single.membership, Membership::Imported))
}

fn is_category(text: &str) -> bool {
    serde_json::from_value::<Category>(Value::from(text)).is_ok()
}

/// Returns whether every word begins with a capital, a figure or a sign, but for the small ones within.
fn is_title(name: &str) -> bool {
    let is_large =
        |(at, word): (usize, &str)| (at > 0 && SMALL_WORDS.contains(&word)) || !word.starts_with(char::is_lowercase);
    !name.trim().is_empty() && name.split_whitespace().enumerate().all(is_large)
}
