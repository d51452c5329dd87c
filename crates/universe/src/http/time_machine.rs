//! Routes about the past, and about why.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Deserialize;
use serde_json::json;
use universe_service::{
    Body, ExplainError, ExplainQuestion, HistoryQuestion, ListingHistory, as_known, explain_membership,
    listing_history, universe_history,
};
use utoipa::IntoParams;

use super::App;
use super::address::{backwards, symbol_of, universe_of};
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
    /// What was known at this instant (`2024-01-03T12:00:00Z`)
    known_at: Option<Timestamp>,
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
    /// What was known at this instant (`2024-01-03T12:00:00Z`)
    known_at: Option<Timestamp>,
    /// Only the newest so many
    #[param(minimum = 1)]
    limit: Option<u32>,
}

impl Span {
    fn checked(self) -> Result<Self, Problem> {
        match (self.from, self.to) {
            (Some(from), Some(to)) if to < from => Err(backwards(from, to)),
            _ if self.limit == Some(0) => Err(Problem::bad_request("query", "limit is a number from 1 on")),
            _ => Ok(self),
        }
    }

    /// Leaves only the newest lines, where so many are asked for.
    fn keep_newest<T>(&self, lines: &mut Vec<T>) {
        if let Some(limit) = self.limit {
            lines.drain(..lines.len().saturating_sub(limit as usize));
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
    Asked(AsOf { as_of, known_at }): Asked<AsOf>,
) -> Result<Response, Problem> {
    let universe = universe_of(&app, &universe).await?;
    let symbol = symbol_of(&app, &symbol).await?;
    let rules = app.rules.load();
    let environment = app.daemon.environment.as_str();
    let question = ExplainQuestion { environment, universe: &universe, symbol: &symbol, as_of, known_at };
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
    let universe = universe_of(&app, &universe).await?;
    let Span { from, to, known_at, .. } = span;
    let environment = app.daemon.environment.as_str();
    let question = HistoryQuestion { environment, universe: &universe, from, to, known_at };
    let mut history = universe_history(&*app.daemon.store, question).await?;
    span.keep_newest(&mut history.changes);
    Ok(send(&Body::json(&json!(history)), &headers))
}

/// List every universe that a listing was ever in
///
/// It is followed through its changes of symbol: `also_known_as` has the symbols that it had. Who else had the asked
/// symbol is in `other_listings`; with `to` on a day of theirs, theirs is the history.
#[utoipa::path(
    get, path = "/api/v1/symbols/{symbol}/history", tag = "lookups", operation_id = "list_symbol_history",
    params(("symbol" = String, Path, description = "Any symbol that it has or had"), Span),
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
    let symbol = symbol_of(&app, &symbol).await?;
    let (store, environment) = (&*app.daemon.store, &app.daemon.environment);
    let history = listing_history(store, environment, &symbol, span.to, span.known_at).await?;
    let ListingHistory { also_known_as, memberships, other_listings } = history;
    if memberships.is_empty() && other_listings.is_empty() {
        let detail = format!("{symbol} was never in any universe");
        return Err(Problem::new(StatusCode::NOT_FOUND, "unknown-symbol", detail));
    }
    let versions = match span.known_at {
        Some(_) => store.version_list(environment).await?,
        None => Vec::new(),
    };
    let mut memberships = as_known(memberships, &versions, span.known_at);
    memberships.retain(|row| row.is_in_force() && row.overlaps(span.from, span.to));
    span.keep_newest(&mut memberships);
    let answer = json!({
        "symbol": symbol, "from": span.from, "to": span.to, "known_at": span.known_at, "also_known_as": also_known_as,
        "memberships": memberships, "other_listings": other_listings,
    });
    Ok(send(&Body::json(&answer), &headers))
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
