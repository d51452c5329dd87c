//! The JSON document, and rows of `cache_entries` as JSON.

use std::collections::HashSet;
use std::path::Path;

use serde_json::{Map, Value};
use universe_core::Symbol;

use super::{Draft, EXPORT_MEMBERS_MAX, ExportedUniverse, VERSIONS, address, category_of};
use crate::FeedError;
use crate::cell::Cell;
use crate::issue_log::shown;
use crate::universe_file::{LIST_KEYS, find_list, symbol_field};

/// Whether entries of other types are at fault, or only not looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Others {
    /// In an export every entry is a universe.
    Fault,
    /// The table also holds what belongs to other programs.
    Skip,
}

pub(super) fn read(path: &Path, document: &Value, draft: &mut Draft) -> Result<(), FeedError> {
    let refused = |detail: String| Err(FeedError::Damaged { path: path.to_owned(), detail });
    let (entries, others) = match document {
        Value::Array(rows) => (rows.as_slice(), Others::Skip),
        Value::Object(fields) => match fields.get("universes") {
            Some(Value::Array(universes)) => {
                head(fields, draft);
                (universes.as_slice(), Others::Fault)
            }
            Some(_) => return refused("its `universes` is no list".to_owned()),
            None if fields.contains_key("key") => (std::slice::from_ref(document), Others::Fault),
            None => {
                return refused(
                    "it does not say of which universe it is; `universe load universe FILE --universe U` takes a bare \
                     list"
                        .to_owned(),
                );
            }
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            return refused("it is neither an object nor a list".to_owned());
        }
    };
    if others == Others::Skip
        && entries.iter().all(|entry| !matches!(entry, Value::Object(fields) if fields.contains_key("key")))
    {
        return refused(
            "it is a bare list, which does not say of which universe it is; `universe load universe FILE --universe U` \
             takes one"
                .to_owned(),
        );
    }
    for (at, entry) in entries.iter().enumerate() {
        let place = if others == Others::Fault { format!("universes[{at}]") } else { format!("entry {}", at + 1) };
        entry_of(&place, entry, others, draft);
        if draft.file.rows > EXPORT_MEMBERS_MAX {
            let limit = format!("{EXPORT_MEMBERS_MAX} members");
            return Err(FeedError::TooLarge { path: path.to_owned(), limit });
        }
    }
    Ok(())
}

/// Reads what stands before the universes.
fn head(fields: &Map<String, Value>, draft: &mut Draft) {
    match fields.get("version").map(Value::as_i64) {
        Some(Some(version)) if VERSIONS.contains(&version) => {}
        Some(Some(version)) => {
            draft.fault(None, None, format!("version {version} is not understood; this program reads version 1"));
        }
        Some(None) => draft.fault(None, None, "its version is no number"),
        None => draft.fault(None, None, "its version is missing; an export has \"version\": 1"),
    }
    draft.file.environment = fields.get("environment").and_then(Value::as_str).map(str::to_owned);
    match fields.get("as_of").map(|as_of| Cell::from_json(as_of).day()) {
        Some(Ok(day)) => draft.file.as_of = day,
        Some(Err(bad)) => draft.fault(None, None, format!("as_of: {}", bad.0)),
        None => {}
    }
    let known = ["version", "environment", "as_of", "known_at", "exported_at", "universes"];
    for name in fields.keys().filter(|name| !known.contains(&name.as_str())) {
        draft.issue(None, None, format!("{} is not looked at", shown(name)));
    }
}

fn entry_of(place: &str, entry: &Value, others: Others, draft: &mut Draft) {
    let Value::Object(fields) = entry else {
        draft.fault(None, None, format!("{place} is no object"));
        return;
    };
    let text = |names: &[&str]| names.iter().find_map(|name| fields.get(*name)?.as_str());
    let (Some(universe_type), Some(key)) = (text(&["type"]), text(&["key"])) else {
        let what = text(&["name"]).map(|name| format!(" ({})", shown(name))).unwrap_or_default();
        draft.fault(
            None,
            None,
            format!("{place}{what} has no type and key; a combination of universes cannot be imported"),
        );
        return;
    };
    if others == Others::Skip && universe_core::UniverseType::from_spelling(universe_type).is_none() {
        draft.issue(None, None, format!("{place} is of type {}, and was left out", shown(universe_type)));
        return;
    }
    let id = match address(universe_type, key) {
        Ok(id) => id,
        Err(reason) => {
            draft.fault(None, None, format!("{place}: {reason}"));
            return;
        }
    };
    let category = text(&["category", "universe_category"]).and_then(|text| {
        let category = category_of(text);
        if category.is_none() {
            draft.issue(None, None, format!("{id}: {} is no category, and was left out", shown(text)));
        }
        category
    });
    let metadata = ["metadata", "universe_metadata"].iter().find_map(|name| unpacked(fields.get(*name)?));
    let metadata = metadata.as_ref().and_then(Value::as_object);
    let said = |name: &str| metadata.and_then(|metadata| metadata.get(name));
    let rule = text(&["rule"]).or_else(|| said("rule")?.as_str());
    let Some(symbols) = symbols_of(&id.to_string(), fields, others, draft) else { return };
    let count = fields.get("count").filter(|_| others == Others::Fault);
    if let Some(count) = count.filter(|count| **count != symbols.len()) {
        draft.fault(None, None, format!("{id} says that it has {count} members, and lists {}", symbols.len()));
    }
    let universe = ExportedUniverse {
        name: text(&["name"]).map(str::to_owned),
        category,
        rule: rule.map(str::to_owned),
        rule_version: said("rule_version").and_then(Value::as_str).map(str::to_owned),
        is_ranked: said("ranked").and_then(Value::as_bool),
        held: said("held").and_then(Value::as_bool).unwrap_or(false),
        symbols,
        id,
    };
    draft.add(None, universe);
}

/// Reads the members of an entry; `None`, and a fault, where it has none.
fn symbols_of(id: &str, fields: &Map<String, Value>, others: Others, draft: &mut Draft) -> Option<Vec<Symbol>> {
    let unpacked: Vec<Value> = LIST_KEYS.iter().filter_map(|key| unpacked(fields.get(*key)?)).collect();
    let Some(list) = unpacked.iter().find_map(|value| find_list(value, 2)) else {
        draft.fault(None, None, format!("{id} has no list of members under {}", LIST_KEYS.join(", ")));
        return None;
    };
    let mut symbols = Vec::with_capacity(list.len());
    let mut seen = HashSet::with_capacity(list.len());
    for (at, item) in list.iter().enumerate() {
        draft.file.rows += 1;
        let cell = match item {
            Value::Object(fields) => symbol_field(fields),
            other => Cell::from_json(other),
        };
        let parsed = match cell {
            Cell::Text(text) => Symbol::parse(text).map_err(|error| error.to_string()),
            _ => Err(format!("{item} is no symbol")),
        };
        match parsed {
            Ok(symbol) if seen.insert(symbol.clone()) => symbols.push(symbol),
            // Older programs did not mind.
            Ok(symbol) if others == Others::Skip => {
                draft.issue(None, Some(symbol.as_str()), format!("{id} lists it twice; taken once"));
            }
            Ok(symbol) => draft.fault(None, Some(symbol.as_str()), format!("{id} lists it twice")),
            Err(reason) => draft.fault(None, None, format!("{id}, member {}: {reason}", at + 1)),
        }
    }
    Some(symbols)
}

/// Returns a value; where JSON stands in a text, as in the columns of SQLite, what stands there.
fn unpacked(value: &Value) -> Option<Value> {
    match value {
        Value::String(text) => serde_json::from_str(text).ok(),
        Value::Null => None,
        other => Some(other.clone()),
    }
}
