//! Routes about the past, and about why.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use jiff::civil::Date;
use serde::Deserialize;
use serde_json::json;
use universe_core::expression::SetExpression;
use universe_core::{Symbol, UniverseId};
use universe_service::{
    Body, ExplainError, ExplainQuestion, HistoryQuestion, LookupError, explain_membership, nearest_keys, resolve,
    universe_history,
};
use universe_store::MembershipRecord;
use utoipa::IntoParams;

use super::App;
use super::input::{Asked, Named};
use super::lookups::send;
use super::problem::{Problem, ProblemBody};
use super::schemas::{ExplanationAnswer, SymbolHistory, UniverseHistory};

/// As of when
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AsOf {
    /// The session that the answer is for (`2024-01-02`); the last one synchronized when it is missing
    as_of: Option<Date>,
}

/// Which part of a history
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Span {
    /// The first session
    from: Option<Date>,
    /// The last session
    to: Option<Date>,
}

impl Span {
    fn checked(self) -> Result<Self, Problem> {
        match (self.from, self.to) {
            (Some(from), Some(to)) if to < from => {
                let detail = format!("from={from} is after to={to}: give the earlier day first");
                Err(Problem::bad_request("query", detail))
            }
            _ => Ok(self),
        }
    }
}

/// Say why a symbol is in a universe, or is not
///
/// What was recorded is the answer; the questions of the rule, asked of that session's figures, explain it.
#[utoipa::path(
    get, path = "/api/v1/universes/{universe}/explain/{symbol}", tag = "lookups", operation_id = "explain_membership",
    params(
        ("universe" = String, Path, description = "A key or `type:key`", max_length = 200,
            pattern = "^([a-z_]+:)?[a-z][a-z0-9_]*$"),
        ("symbol" = String, Path, description = "A symbol in any usual spelling"),
        AsOf,
    ),
    responses(
        (status = 200, description = "Whether it is a member, and why", body = ExplanationAnswer),
        (status = 304, description = "It is as the client has it"),
        (status = 404, description = "There is no such universe, or nothing was synchronized yet",
            body = ProblemBody<'static>, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn explain(
    State(app): State<Arc<App>>,
    Named((universe, symbol)): Named<(String, String)>,
    headers: HeaderMap,
    Asked(AsOf { as_of }): Asked<AsOf>,
) -> Result<Response, Problem> {
    let universe = universe_of(&app, &universe)?;
    let symbol = symbol_of(&symbol)?;
    let rules = app.rules.load();
    let environment = app.daemon.environment.as_str();
    let question = ExplainQuestion { environment, universe: &universe, symbol: &symbol, as_of, known_at: None };
    let explanation = explain_membership(&*app.daemon.store, &rules, question).await?;
    Ok(send(&Body::json(&json!(explanation)), &headers))
}

/// List how the members of a universe changed
#[utoipa::path(
    get, path = "/api/v1/universes/{universe}/history", tag = "lookups", operation_id = "list_universe_history",
    params(
        ("universe" = String, Path, description = "A key or `type:key`", max_length = 200,
            pattern = "^([a-z_]+:)?[a-z][a-z0-9_]*$"),
        Span,
    ),
    responses(
        (status = 200, description = "Every change, oldest first, with its reason and run", body = UniverseHistory),
        (status = 304, description = "It is as the client has it"),
        (status = 404, description = "There is no such universe; `nearest` has names that may be meant",
            body = ProblemBody<'static>, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list_universe_history(
    State(app): State<Arc<App>>,
    Named(universe): Named<String>,
    headers: HeaderMap,
    Asked(span): Asked<Span>,
) -> Result<Response, Problem> {
    let span = span.checked()?;
    let universe = universe_of(&app, &universe)?;
    let Span { from, to } = span;
    let environment = app.daemon.environment.as_str();
    let question = HistoryQuestion { environment, universe: &universe, from, to, known_at: None };
    let history = universe_history(&*app.daemon.store, question).await?;
    Ok(send(&Body::json(&json!(history)), &headers))
}

/// List every universe that a symbol was ever in
#[utoipa::path(
    get, path = "/api/v1/symbols/{symbol}/history", tag = "lookups", operation_id = "list_symbol_history",
    params(("symbol" = String, Path, description = "A symbol, as it was spelt then"), Span),
    responses(
        (status = 200, description = "Its memberships, oldest first; half-open", body = SymbolHistory),
        (status = 304, description = "They are as the client has them"),
        (status = 404, description = "It was never in any universe", body = ProblemBody<'static>,
            content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list_symbol_history(
    State(app): State<Arc<App>>,
    Named(symbol): Named<String>,
    headers: HeaderMap,
    Asked(span): Asked<Span>,
) -> Result<Response, Problem> {
    let span = span.checked()?;
    let symbol = symbol_of(&symbol)?;
    let rows = app.daemon.store.membership_list(&app.daemon.environment, None, Some(&symbol)).await?;
    if rows.is_empty() {
        let detail = format!("{symbol} was never in any universe");
        return Err(Problem::new(StatusCode::NOT_FOUND, "unknown-symbol", detail));
    }
    let is_asked = |row: &MembershipRecord| row.is_in_force() && row.overlaps(span.from, span.to);
    let mut rows: Vec<_> = rows.into_iter().filter(is_asked).collect();
    rows.sort_by(|a, b| (a.valid_from, &a.universe).cmp(&(b.valid_from, &b.universe)));
    let answer = json!({"symbol": symbol, "from": span.from, "to": span.to, "memberships": rows});
    Ok(send(&Body::json(&answer), &headers))
}

/// Finds the one universe that an address means.
fn universe_of(app: &App, asked: &str) -> Result<UniverseId, Problem> {
    let snapshot = app.lookups.current();
    let rules = app.rules.load();
    let SetExpression::Universe(address) = SetExpression::parse(asked).map_err(LookupError::from)? else {
        let detail = "this is asked of one universe, not of a combination";
        return Err(Problem::bad_request("expression", detail));
    };
    let known: Vec<UniverseId> = snapshot.universes().iter().map(|universe| universe.record.id.clone()).collect();
    resolve(&address, &known, &rules).map_err(|error| {
        let nearest = nearest_keys(asked, &snapshot, &rules);
        Problem::from(error).with("nearest", nearest)
    })
}

fn symbol_of(text: &str) -> Result<Symbol, Problem> {
    Symbol::parse(text).map_err(|error| Problem::bad_request("symbol", format!("this is no symbol: {error}")))
}

impl From<ExplainError> for Problem {
    fn from(error: ExplainError) -> Self {
        match error {
            ExplainError::NothingYet => {
                Self::new(StatusCode::NOT_FOUND, "nothing-synchronized", "nothing was synchronized yet")
            }
            ExplainError::Store { source, .. } => source.into(),
            error @ ExplainError::Evaluation { .. } => {
                tracing::warn!(%error, "a membership could not be explained");
                Self::of_status(StatusCode::INTERNAL_SERVER_ERROR)
            }
        }
    }
}
