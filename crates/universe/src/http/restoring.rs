//! Routes that change the past, or go back to it: corrections and rollbacks.
//!
//! Each is a run of its own, which supersedes what was recorded and rewrites nothing.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use jiff::civil::Date;
use serde::Deserialize;
use universe_core::expect_session;
use universe_core::plan::{Mode, Plan};
use universe_core::planner::{Holds, Request, Undefined};
use universe_service::{
    Correction, CorrectionTold, REASON_LEN_MAX, RestoredTold, RollbackError, SyncRequest, Writing, correct, rollback,
};
use utoipa::ToSchema;

use super::App;
use super::address::{symbol_of, universe_of, unknown};
use super::input::JsonBody;
use super::keys::Caller;
use super::problem::{Problem, ProblemBody};
use super::schemas::{CorrectionAnswer, RollbackAnswer};
use crate::clock::Surroundings;

/// How many universes a rollback may name; all of them are asked for by naming none.
const UNIVERSES_MAX: usize = 1_000;

/// How often and how long it is looked for what was written in the answers from memory.
const CATCH_UP_EVERY: Duration = Duration::from_millis(2);
const CATCH_UP_WITHIN: Duration = Duration::from_secs(1);

/// To where memberships are rolled back
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RollbackBody {
    /// The run whose memberships come back: its id, or the beginning of it
    #[schema(max_length = 36)]
    to: String,
    /// Keys of universes, or `type:key`; all universes when it is missing
    #[serde(default)]
    #[schema(max_items = 1000)]
    universes: Vec<String>,
    /// Say what would change, and change nothing
    #[serde(default)]
    dry_run: bool,
    /// Go on only while the memberships are at this version: `base_version` of the dry run that was looked at
    base_version: Option<u64>,
}

/// What was otherwise than it is recorded
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CorrectionBody {
    /// The key of a universe, or `type:key`
    #[schema(max_length = 200)]
    universe: String,
    /// The symbol
    #[schema(max_length = 32)]
    symbol: String,
    /// Whether it was a member
    was_member: bool,
    /// The first session
    #[schema(value_type = Date)]
    from: Date,
    /// The first session no longer; the last one synchronized when it is missing
    #[schema(value_type = Option<Date>)]
    until: Option<Date>,
    /// Why
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
    /// Say what would change, and change nothing
    #[serde(default)]
    dry_run: bool,
}

/// Put memberships back to what an earlier run left
///
/// It is a new run, with events: nothing is rewritten, and one can go forward again in the same way.
#[utoipa::path(
    post, path = "/api/v1/rollbacks", tag = "admin", operation_id = "create_rollback",
    request_body(content = RollbackBody, description = "To which run, and of which universes"),
    responses(
        (status = 200, description = "What changed, or would; `written` says which", body = RollbackAnswer),
        (status = 404, description = "There is no such run or universe", body = ProblemBody<'static>,
            content_type = "application/problem+json"),
        (status = 409, description = "Another run is at work, the memberships are at another version than \
            `base_version`, or the run has not ended or changed nothing", body = ProblemBody<'static>,
            content_type = "application/problem+json"),
    )
)]
pub(crate) async fn create_rollback(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    JsonBody(body): JsonBody<RollbackBody>,
) -> Result<Json<RestoredTold>, Problem> {
    let RollbackBody { to, universes, dry_run, base_version } = body;
    if universes.len() > UNIVERSES_MAX {
        let detail = format!("universes names at most {UNIVERSES_MAX}; leave it out for all of them");
        return Err(Problem::bad_request("body", detail));
    }
    let request = request(&app, &caller, dry_run);
    // Whoever asks may go away meanwhile; what was begun is finished all the same.
    let work = {
        let app = Arc::clone(&app);
        async move {
            let rules = app.rules.load_full();
            let store = &*app.daemon.store;
            let is_expected = |plan: &Plan| base_version.is_none_or(|expected| expected == plan.base_version);
            rollback(store, &rules, &request, &to, &universes, &Surroundings, &is_expected).await
        }
    };
    let restored = finished(tokio::spawn(work).await)?.map_err(|error| match error {
        RollbackError::Lookup(error) => unknown(&app, error),
        error => error.into(),
    })?;
    let told = restored.told(dry_run);
    let is_other = base_version.is_some_and(|expected| expected != told.base_version);
    if restored.is_declined || is_other {
        return Err(stale(told.base_version));
    }
    if told.written {
        catch_up(&app).await;
        tracing::info!(run.id = ?told.job_id, by = caller.name(), cause = told.cause, "memberships were rolled back");
    }
    Ok(Json(told))
}

/// Correct the recorded past of a symbol in a universe
///
/// From now on it is answered so. What it supersedes is kept: `known_at` still finds it. The present is decided by
/// the rule, by a list, or by an override.
#[utoipa::path(
    post, path = "/api/v1/corrections", tag = "admin", operation_id = "create_correction",
    request_body(content = CorrectionBody, description = "What was otherwise, and why"),
    responses(
        (status = 200, description = "What changed, or would; `written` says which", body = CorrectionAnswer),
        (status = 404, description = "There is no such universe, or nothing was synchronized yet",
            body = ProblemBody<'static>, content_type = "application/problem+json"),
        (status = 409, description = "Another run is at work", body = ProblemBody<'static>,
            content_type = "application/problem+json"),
    )
)]
pub(crate) async fn create_correction(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    JsonBody(body): JsonBody<CorrectionBody>,
) -> Result<Json<CorrectionTold>, Problem> {
    let CorrectionBody { universe, symbol, was_member, from, until, reason, dry_run } = body;
    let universe = universe_of(&app, &universe).await?;
    let symbol = symbol_of(&app, &symbol).await?;
    let from = expect_session(from)?;
    let until = until.map(expect_session).transpose()?;
    if let Some(until) = until.filter(|until| *until <= from) {
        let detail = format!("the correction would end on {until}, not after it begins on {from}");
        return Err(Problem::bad_request("correction", detail));
    }
    let reason = reason.trim().to_owned();
    if !(1..=REASON_LEN_MAX).contains(&reason.chars().count()) {
        let detail = format!("a reason has 1 to {REASON_LEN_MAX} characters");
        return Err(Problem::bad_request("correction", detail));
    }
    let request = request(&app, &caller, dry_run);
    let work = {
        let (app, universe, symbol) = (Arc::clone(&app), universe.clone(), symbol.clone());
        async move {
            let rules = app.rules.load_full();
            let correction =
                Correction { universe: &universe, symbol: &symbol, was_member, from, until, reason: &reason };
            correct(&*app.daemon.store, &rules, &request, correction, &Surroundings).await
        }
    };
    let outcome = finished(tokio::spawn(work).await)??;
    let told = CorrectionTold::of(&outcome, &universe, &symbol, dry_run);
    if told.written {
        catch_up(&app).await;
        tracing::info!(run.id = ?told.job_id, by = caller.name(), %universe, %symbol, "the past was corrected");
    }
    Ok(Json(told))
}

/// A run by hand of the newest session, in the name of whoever asks.
pub(super) fn request(app: &App, caller: &Caller, dry_run: bool) -> SyncRequest {
    SyncRequest {
        environment: app.daemon.environment.clone(),
        session: None,
        request: Request { mode: Mode::Full, undefined: Undefined::Retire, holds: Holds::Wait },
        triggered_by: caller.name(),
        writing: if dry_run { Writing::DryRun } else { Writing::Apply },
    }
}

/// The problem of somebody who looked at another version of the memberships.
pub(super) fn stale(base_version: u64) -> Problem {
    let detail = format!("the memberships are at version {base_version}; look at a dry run again");
    Problem::new(StatusCode::CONFLICT, "stale", detail).with("base_version", base_version)
}

/// Waits until lookups here answer with what was written: whoever asks next finds it.
pub(super) async fn catch_up(app: &App) {
    let Ok(written) = app.daemon.store.head_version(&app.daemon.environment).await else { return };
    let caught_up = async {
        while app.lookups.borrowed().version() < written {
            tokio::time::sleep(CATCH_UP_EVERY).await;
        }
    };
    // Where the database is slow, lookups follow by themselves later.
    let _ = tokio::time::timeout(CATCH_UP_WITHIN, caught_up).await;
}

/// Returns what a task came to; one that failed did so because of a fault of this program.
pub(super) fn finished<T>(joined: Result<T, tokio::task::JoinError>) -> Result<T, Problem> {
    joined.map_err(|error| {
        tracing::error!(%error, "a task failed; this is a fault of this program");
        Problem::of_status(StatusCode::INTERNAL_SERVER_ERROR)
    })
}
