//! Member lists in JSON: one in any shape that was ever stored, or several under the names of their universes.

use std::path::Path;

use serde_json::{Map, Value};

use super::{ListedUniverse, Lists, SYMBOL_NAMES, UNIVERSE_NAMES, listed_universe};
use crate::FeedError;
use crate::cell::Cell;
use crate::table::plain_name;

/// The keys under which older writers put a list, in the order in which they are looked for.
pub(crate) const LIST_KEYS: [&str; 5] = ["symbols", "value", "stocks", "etfs", "members"];

/// How deep a list may lie in a JSON document.
const DEPTH_MAX: usize = 3;

/// Reads one list, whatever else the document says.
pub(super) fn read_one(path: &Path, document: &Value, lists: &mut Lists<'_>) -> Result<(), FeedError> {
    let at = lists.place(None)?;
    add(at, expect_list(path, document)?, lists)
}

/// Reads all lists, under the names of their universes where it says them.
pub(super) fn read_many(path: &Path, document: &Value, lists: &mut Lists<'_>) -> Result<(), FeedError> {
    let document = match document {
        Value::Object(fields) => fields.get("universes").unwrap_or(document),
        other => other,
    };
    match document {
        Value::Array(entries) if entries.iter().any(names_universe) => {
            entries.iter().try_for_each(|entry| read_named(path, entry, lists))
        }
        Value::Object(_) if names_universe(document) && find_list(document, DEPTH_MAX).is_some() => {
            read_named(path, document, lists)
        }
        Value::Object(fields) if find_list(document, DEPTH_MAX).is_none() => {
            let is_list = |value: &Value| find_list(value, DEPTH_MAX).is_some();
            if fields.is_empty() || !fields.values().all(is_list) {
                expect_list(path, document)?;
            }
            fields.iter().try_for_each(|(key, value)| {
                let name = value.get("name").and_then(Value::as_str).map(str::to_owned);
                let kind = value.get("type").and_then(Value::as_str);
                let universe = listed_universe(path, lists.rows + 1, key, kind, name)?;
                read_list_of(path, Some(universe), value, lists)
            })
        }
        _ => read_one(path, document, lists),
    }
}

/// Reads an object that says itself which universe it is about.
fn read_named(path: &Path, entry: &Value, lists: &mut Lists<'_>) -> Result<(), FeedError> {
    let text = |name: &str| entry.get(name).and_then(Value::as_str);
    let Some(universe) = universe_of(entry) else {
        let detail = format!("entry {} of its JSON says no universe", lists.lists.len() + 1);
        return Err(FeedError::Damaged { path: path.to_owned(), detail });
    };
    let name = text("name").map(str::to_owned);
    let universe = listed_universe(path, lists.rows + 1, universe, text("type"), name)?;
    read_list_of(path, Some(universe), entry, lists)
}

fn read_list_of(
    path: &Path,
    universe: Option<ListedUniverse>,
    document: &Value,
    lists: &mut Lists<'_>,
) -> Result<(), FeedError> {
    let at = lists.place(universe)?;
    add(at, expect_list(path, document)?, lists)
}

fn add(at: usize, list: &[Value], lists: &mut Lists<'_>) -> Result<(), FeedError> {
    for entry in list {
        let cell = match entry {
            Value::Object(fields) => symbol_field(fields),
            other => Cell::from_json(other),
        };
        lists.add(at, lists.rows + 1, cell)?;
    }
    Ok(())
}

/// Returns whether an object says which universe it is about, and is no member itself.
fn names_universe(value: &Value) -> bool {
    universe_of(value).is_some() && find_list(value, DEPTH_MAX).is_some()
}

fn universe_of(value: &Value) -> Option<&str> {
    let fields = value.as_object()?;
    let is_address = |(key, _): &(&String, &Value)| UNIVERSE_NAMES.contains(&plain_name(key).as_str());
    fields.iter().find(is_address).and_then(|(_, value)| value.as_str())
}

fn expect_list<'v>(path: &Path, document: &'v Value) -> Result<&'v Vec<Value>, FeedError> {
    find_list(document, DEPTH_MAX).ok_or_else(|| {
        let detail = format!("its JSON has no list, neither by itself nor under {}", LIST_KEYS.join(", "));
        FeedError::Damaged { path: path.to_owned(), detail }
    })
}

/// Finds the list of a document, by itself or under one of [`LIST_KEYS`].
pub(crate) fn find_list(document: &Value, depth: usize) -> Option<&Vec<Value>> {
    match document {
        Value::Array(list) => Some(list),
        Value::Object(fields) if depth > 0 => LIST_KEYS.iter().find_map(|key| find_list(fields.get(*key)?, depth - 1)),
        Value::Object(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

/// Returns the symbol of an entry that says more about it.
pub(crate) fn symbol_field(fields: &Map<String, Value>) -> Cell<'_> {
    let is_symbol = |(key, _): &(&String, &Value)| SYMBOL_NAMES.contains(&plain_name(key).as_str());
    fields.iter().find(is_symbol).map_or(Cell::Null, |(_, value)| Cell::from_json(value))
}
