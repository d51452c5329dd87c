//! The route that compares: two moments of a universe, or two universes.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use universe_service::{Body, CompareError, Compared, ComparedSide, Difference, Moment, Recorded, compare};
use utoipa::IntoParams;

use super::App;
use super::address::{backwards, unknown};
use super::input::{Asked, Named};
use super::lookups::{ASKED_LEN_MAX, UniversePath, send};
use super::problem::{Problem, ProblemBody};
use super::schemas::UniverseChanges;

/// What is compared: `from` and `to`, or `with`
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Between {
    /// The day to start from (`2024-01-02`), or the id of a run: what that run left
    from: Option<String>,
    /// The day to come to, or the id of a run
    to: Option<String>,
    /// The universe or expression to compare with, instead of `from` and `to`
    #[param(max_length = 2000)]
    with: Option<String>,
    /// The session that both universes are compared as of; now when it is missing
    as_of: Option<Date>,
    /// What was known at this instant (`2024-01-03T12:00:00Z`); a run says that itself
    known_at: Option<Timestamp>,
}

/// A comparison as it is answered.
#[derive(Serialize)]
struct Changes<'a> {
    universe: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    with: Option<&'a str>,
    #[serde(flatten)]
    difference: &'a Difference,
}

/// Compare a universe between two days or runs, or with another universe
///
/// Says what leads from the first side to the second. A day that is no session is taken as the session before it,
/// which `before` and `after` then say.
#[utoipa::path(
    get, path = "/api/v1/universes/{universe}/changes", tag = "lookups", operation_id = "list_universe_changes",
    params(UniversePath, Between),
    responses(
        (status = 200, description = "Who came and who went", body = UniverseChanges),
        (status = 304, description = "It is as the client has it"),
        (status = 404, description = "There is no such universe, or no such run; `nearest` has names that may be meant",
            body = ProblemBody<'static>, content_type = "application/problem+json"),
        (status = 409, description = "The run has not ended, or changed nothing", body = ProblemBody<'static>,
            content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list_universe_changes(
    State(app): State<Arc<App>>,
    Named(universe): Named<String>,
    headers: HeaderMap,
    Asked(between): Asked<Between>,
) -> Result<Response, Problem> {
    let compared = compared(universe, between)?;
    let rules = app.rules.load_full();
    let snapshot = app.lookups.current();
    let recorded = Recorded { store: &*app.daemon.store, past: snapshot.past() };
    let difference = compare(recorded, &rules, &app.daemon.environment, &compared).await;
    let difference = difference.map_err(|error| match error {
        CompareError::Lookup(error) => unknown(&app, error),
        CompareError::Run(error) => error.into(),
        CompareError::Backwards { from, to } => backwards(from, to),
        error @ CompareError::KnownTwice(_) => Problem::bad_request("query", error.to_string()),
    })?;
    let answer = match &compared {
        Compared::Moments { universe, from, to, .. } => Changes {
            universe,
            from: Some(told(from, &difference.before)),
            to: Some(told(to, &difference.after)),
            with: None,
            difference: &difference,
        },
        Compared::Universes { universe, with, .. } => {
            Changes { universe, from: None, to: None, with: Some(with), difference: &difference }
        }
    };
    Ok(send(&Body::json(&answer), &headers))
}

fn compared(universe: String, between: Between) -> Result<Compared, Problem> {
    let Between { from, to, with, as_of, known_at } = between;
    if [Some(&universe), with.as_ref()].into_iter().flatten().any(|asked| asked.len() > ASKED_LEN_MAX) {
        let detail = format!("an expression has at most {ASKED_LEN_MAX} characters");
        return Err(Problem::bad_request("expression", detail));
    }
    match (from, to, with) {
        (None, None, Some(with)) => Ok(Compared::Universes { universe, with, as_of, known_at }),
        (Some(from), Some(to), None) if as_of.is_none() => {
            Ok(Compared::Moments { universe, from: moment(&from)?, to: moment(&to)?, known_at })
        }
        _ => {
            let detail = "give from and to (days, or ids of runs), or with (a universe) and perhaps as_of";
            Err(Problem::bad_request("query", detail))
        }
    }
}

fn moment(text: &str) -> Result<Moment, Problem> {
    Moment::read(text).map_err(|error| Problem::bad_request("query", error.to_string()))
}

/// A moment as it is answered: the day that was asked for, or the whole id of the run.
fn told(moment: &Moment, side: &ComparedSide) -> String {
    match (moment, side.run_id) {
        (Moment::Day(day), _) => day.to_string(),
        (Moment::Run(_), Some(run_id)) => run_id.to_string(),
        (Moment::Run(asked), None) => asked.clone(),
    }
}
