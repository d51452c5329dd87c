//! Lists of stocks and funds together: each becomes an expression over a universe of either type.

use std::collections::{BTreeMap, BTreeSet};

use universe_core::{Category, SecurityType, Symbol, UniverseId, UniverseType, key_slug};
use universe_store::{AdoptedSource, AdoptedUniverse, OlderDatabase, OlderEntry};

use super::{BY_LIST, source_of, title};

/// From so many members on two equal lists are one; fewer may be equal by chance.
const EQUAL_MEMBERS_MIN: usize = 5;

type Universes = BTreeMap<UniverseId, AdoptedUniverse>;

/// Finds the two universes that a list is made of, or makes them; the row itself stays as it is.
pub(super) fn adopt(entry: &OlderEntry, older: &OlderDatabase, universes: &mut Universes) -> AdoptedSource {
    let mut source = source_of(entry);
    let symbols = match entry.symbols() {
        Ok((symbols, _)) if !symbols.is_empty() && !key_slug(&entry.key).is_empty() => symbols,
        Ok(_) => {
            source.notes.push("left as it is: it has no members or no key".to_owned());
            return source;
        }
        Err(error) => {
            source.notes.push(format!("left as it is: {error}"));
            return source;
        }
    };
    source.count = symbols.len();
    let is_fund = |symbol: &Symbol| older.securities.get(symbol) == Some(&SecurityType::Etf);
    let (funds, stocks): (Vec<Symbol>, Vec<Symbol>) = symbols.into_iter().partition(is_fund);
    let unknown = stocks.iter().filter(|symbol| !older.securities.contains_key(*symbol)).count();
    if unknown > 0 && !older.securities.is_empty() {
        source.notes.push(format!("{unknown} of its symbols are unknown, and taken for stocks"));
    }
    let mut terms = Vec::new();
    for (universe_type, part) in [(UniverseType::StockUniverse, stocks), (UniverseType::EtfUniverse, funds)] {
        if part.is_empty() {
            continue;
        }
        let id = match equal(universes, universe_type, &part) {
            Some(id) => {
                source.notes.push(format!("{id} has the same members now, and stands for them from now on"));
                id
            }
            None => make(universes, universe_type, entry, part, &mut source),
        };
        terms.push(id.to_string());
    }
    source.becomes = terms.join(" + ");
    source.decided_by = "the universes in the expression".to_owned();
    source
}

fn equal(universes: &Universes, universe_type: UniverseType, part: &[Symbol]) -> Option<UniverseId> {
    if part.len() < EQUAL_MEMBERS_MIN {
        return None;
    }
    let part: BTreeSet<&Symbol> = part.iter().collect();
    // An expression can name snake_case keys only.
    let is_equal = |universe: &&AdoptedUniverse| {
        universe.id.universe_type == universe_type
            && UniverseId::new(universe_type, universe.id.key()).is_ok()
            && universe.members.iter().collect::<BTreeSet<_>>() == part
    };
    universes.values().find(is_equal).map(|universe| universe.id.clone())
}

fn make(
    universes: &mut Universes,
    universe_type: UniverseType,
    entry: &OlderEntry,
    members: Vec<Symbol>,
    source: &mut AdoptedSource,
) -> UniverseId {
    let slug = key_slug(&entry.key);
    let kind = if universe_type == UniverseType::EtfUniverse { "etfs" } else { "stocks" };
    let id = UniverseId::from_stored(universe_type, &format!("theme_{slug}_{kind}"));
    let name = if entry.name.trim().is_empty() { title(&slug) } else { entry.name.clone() };
    let universe = AdoptedUniverse {
        id: id.clone(),
        name: format!("{name} ({})", title(kind)),
        category: Category::Theme,
        is_ranked: false,
        members,
        source: source.source.clone(),
        value: entry.value.clone(),
        is_listed: true,
        is_new_entry: true,
    };
    if universes.contains_key(&id) {
        source.notes.push(format!("{id} is there already, and keeps its own members"));
    } else {
        source.notes.push(format!("{id} is made of it, and is {BY_LIST}"));
        universes.insert(id.clone(), universe);
    }
    id
}
