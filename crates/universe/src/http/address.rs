//! From what a request names to what it means: the one universe, the symbol, the days.

use universe_core::expression::SetExpression;
use universe_core::{Symbol, UniverseId};
use universe_service::{LookupError, meant_symbol, nearest_keys, resolve};

use super::App;
use super::problem::Problem;

/// Finds the one universe that an address means; one that was retired has to be named with its type.
pub(super) async fn universe_of(app: &App, asked: &str) -> Result<UniverseId, Problem> {
    let SetExpression::Universe(address) = SetExpression::parse(asked).map_err(LookupError::from)? else {
        let detail = "this is asked of one universe, not of a combination";
        return Err(Problem::bad_request("expression", detail));
    };
    let known: Vec<UniverseId> = {
        let snapshot = app.lookups.current();
        snapshot.universes().iter().map(|universe| universe.record.id.clone()).collect()
    };
    let rules = app.rules.load_full();
    let id = resolve(&address, &known, &rules).map_err(|error| unknown(app, error))?;
    let is_there = known.contains(&id) || rules.rule_of(&id).is_some();
    if !is_there && app.daemon.store.membership_list(&app.daemon.environment, Some(&id), None).await?.is_empty() {
        let error = LookupError::Unknown { asked: id.to_string(), hint: String::new() };
        return Err(unknown(app, error));
    }
    Ok(id)
}

/// Reads a symbol in any usual spelling.
pub(super) async fn symbol_of(app: &App, text: &str) -> Result<Symbol, Problem> {
    let symbol = Symbol::parse(text);
    let symbol = symbol.map_err(|error| Problem::bad_request("symbol", format!("this is no symbol: {error}")))?;
    Ok(meant_symbol(&*app.daemon.store, symbol).await?)
}

/// Turns the error of a lookup into a problem; where no universe has the name, with names that may be meant.
pub(super) fn unknown(app: &App, error: LookupError) -> Problem {
    let LookupError::Unknown { asked, .. } = &error else { return error.into() };
    let nearest = nearest_keys(asked, &app.lookups.current(), &app.rules.load());
    Problem::from(error).with("nearest", nearest)
}

/// The problem of a request whose first day is after its last one.
pub(super) fn backwards(from: jiff::civil::Date, to: jiff::civil::Date) -> Problem {
    Problem::bad_request("query", format!("from={from} is after to={to}: give the earlier day first"))
}
