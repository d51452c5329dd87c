//! The entries of `cache_entries`: what older programs left in `value`, and what this one writes.

use jiff::Timestamp;
use serde_json::{Value, json};
use universe_core::plan::{Plan, UniversePlan};
use universe_core::{Category, Symbol};
use uuid::Uuid;

/// Why an entry's value cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntryShapeError {
    /// It is neither a list nor an object with one.
    #[error("its value is neither a list of symbols nor an object with one under symbols, value, stocks or etfs")]
    Shape,
    /// Something in the list is no symbol.
    #[error("its value lists {0}, which is no symbol")]
    Item(String),
}

/// Reads the symbols of an entry in every shape that older writers left (contract, section 2).
///
/// # Errors
/// When the value has another shape, or lists something that is no symbol.
pub fn entry_symbols(value: &Value) -> Result<Vec<Symbol>, EntryShapeError> {
    entry_items(value)?.map(|item| item.map_err(EntryShapeError::Item)).collect()
}

/// Reads the items of an entry one by one: symbols, and what is none.
pub(crate) fn entry_items(value: &Value) -> Result<impl Iterator<Item = Result<Symbol, String>>, EntryShapeError> {
    let items = match value {
        Value::Array(items) => items,
        Value::Object(fields) => ["symbols", "value", "stocks", "etfs"]
            .into_iter()
            .find_map(|name| fields.get(name).and_then(Value::as_array))
            .ok_or(EntryShapeError::Shape)?,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return Err(EntryShapeError::Shape),
    };
    Ok(items.iter().map(|item| {
        let text = match item {
            Value::String(text) => Some(text),
            Value::Object(fields) => match fields.get("ticker").or_else(|| fields.get("symbol")) {
                Some(Value::String(text)) => Some(text),
                Some(_) | None => None,
            },
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => None,
        };
        text.and_then(|text| Symbol::parse(text).ok()).ok_or_else(|| item.to_string())
    }))
}

/// Writes the value of an entry: a JSON list of the members, in their order.
pub(crate) fn entry_value(plan: &Plan, universe: &UniversePlan) -> String {
    let mut text = String::with_capacity(2 + universe.members.len() * 8);
    text.push('[');
    for (at, symbol) in plan.member_symbols(universe).enumerate() {
        if at > 0 {
            text.push(',');
        }
        text.push('"');
        // Symbols that other programs stored may need escaping; parsed ones never do.
        if symbol.as_str().bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\') {
            text.push_str(symbol.as_str());
        } else {
            let quoted = Value::from(symbol.as_str()).to_string();
            text.push_str(&quoted[1..quoted.len() - 1]);
        }
        text.push('"');
    }
    text.push(']');
    text
}

/// Writes the metadata of an entry.
pub(crate) fn entry_metadata(plan: &Plan, universe: &UniversePlan, run_id: Uuid, now: Timestamp) -> Value {
    let now = now.to_string();
    let mut metadata = json!({
        "last_updated": now,
        "last_cleanup": now,
        "last_rebalance": now,
        "rule": universe.rule,
        "rule_version": universe.rule_version,
        "run_id": run_id,
        "session": plan.session,
        "count": universe.members.len(),
        "sequence": universe.sequence,
        "ranked": universe.is_ranked,
    });
    if universe.category == Category::Theme {
        metadata["rebalance"] = json!({
            "statistics": universe.rebalance,
            "market": plan.market,
        });
    }
    metadata
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_shape_that_older_writers_left() {
        let expected = [Symbol::from_stored("SPY"), Symbol::from_stored("BRK.B")];
        for value in [
            json!(["SPY", "BRK-B"]),
            json!({"symbols": ["SPY", "BRK/B"], "count": 2}),
            json!({"value": ["SPY", "BRK.B"]}),
            json!({"stocks": [{"ticker": "SPY", "name": "x"}, {"ticker": "BRK.B"}]}),
            json!({"etfs": [{"symbol": "SPY"}, {"symbol": "BRK.B"}]}),
        ] {
            assert_eq!(entry_symbols(&value).as_deref(), Ok(&expected[..]), "{value}");
        }
    }

    #[test]
    fn refuses_other_shapes() {
        for value in [json!(null), json!("SPY"), json!({"members": []}), json!({"symbols": "SPY"})] {
            assert_eq!(entry_symbols(&value), Err(EntryShapeError::Shape), "{value}");
        }
        assert_eq!(entry_symbols(&json!(["SPY", 7])), Err(EntryShapeError::Item("7".to_owned())));
    }
}
