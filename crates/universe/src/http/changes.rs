//! The route that compares: what leads from the members of one day to those of another.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use jiff::civil::Date;
use serde::Deserialize;
use serde_json::json;
use universe_core::Symbol;
use universe_service::{Body, LookupError, Question, look_up, nearest_keys};
use utoipa::IntoParams;

use super::App;
use super::input::{Asked, Named};
use super::lookups::{UniversePath, send};
use super::problem::{Problem, ProblemBody};
use super::schemas::UniverseChanges;

/// The two days that are compared
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Between {
    /// The day to start from
    from: Date,
    /// The day to come to
    to: Date,
}

/// Compare the members of a universe between two days
///
/// Says what leads from the first day to the second, also when that is the earlier one.
#[utoipa::path(
    get, path = "/api/v1/universes/{universe}/changes", tag = "lookups", operation_id = "list_universe_changes",
    params(UniversePath, Between),
    responses(
        (status = 200, description = "Who came and who went", body = UniverseChanges),
        (status = 304, description = "It is as the client has it"),
        (status = 404, description = "There is no such universe; `nearest` has names that may be meant",
            body = ProblemBody<'static>, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list_universe_changes(
    State(app): State<Arc<App>>,
    Named(universe): Named<String>,
    headers: HeaderMap,
    Asked(between): Asked<Between>,
) -> Result<Response, Problem> {
    let from = symbols_as_of(&app, &universe, between.from).await?;
    let to = symbols_as_of(&app, &universe, between.to).await?;
    let added: Vec<&Symbol> = to.difference(&from).collect();
    let removed: Vec<&Symbol> = from.difference(&to).collect();
    let answer = json!({
        "universe": universe, "from": between.from, "to": between.to, "added": added, "removed": removed,
    });
    Ok(send(&Body::json(&answer), &headers))
}

async fn symbols_as_of(app: &App, asked: &str, day: Date) -> Result<BTreeSet<Symbol>, Problem> {
    let rules = app.rules.load();
    let question = Question { environment: &app.daemon.environment, as_of: Some(day), known_at: None };
    match look_up(&*app.daemon.store, &rules, asked, question).await {
        Ok(answer) => Ok(answer.members.into_iter().map(|member| member.symbol).collect()),
        Err(error @ LookupError::Unknown { .. }) => {
            let nearest = nearest_keys(asked, &app.lookups.current(), &rules);
            Err(Problem::from(error).with("nearest", nearest))
        }
        Err(error) => Err(error.into()),
    }
}
