//! Routes about single members by hand, and about what is to come.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use jiff::civil::Date;
use serde::Deserialize;
use serde_json::{Value, json};
use universe_core::UniverseId;
use universe_service::{
    Ambient as _, Body, OverrideTold, OverrideWish, OverridesOf, overrides, pending_changes, put_override,
};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::App;
use super::address::{symbol_of, universe_of};
use super::input::{Asked, JsonBody, Named};
use super::keys::Caller;
use super::lookups::{Nothing, send};
use super::problem::{Problem, ProblemBody};
use super::schemas::{OverrideAnswer, OverrideList, PendingAnswer};
use crate::clock::Surroundings;

/// How many overrides a page has at most.
const PAGE_MAX: usize = 1_000;

/// The longest name of whoever says something.
const BY_LEN_MAX: usize = 100;

/// Somebody's word about a member
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OverrideBody {
    /// The key of a universe, or `type:key`
    #[schema(max_length = 200)]
    universe: String,
    /// In any usual spelling
    #[schema(max_length = 32)]
    symbol: String,
    /// Whether it is to be a member
    is_member: bool,
    /// The first session; today when it is missing. A later one is an announced change, which takes effect by itself
    #[schema(value_type = Option<Date>)]
    from: Option<Date>,
    /// The first session no longer; without one it holds until it is withdrawn
    #[schema(value_type = Option<Date>)]
    until: Option<Date>,
    /// Why
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
    /// Who says so; the id of the key is recorded beside it
    #[schema(max_length = 100)]
    by: Option<String>,
    /// The id of the one that it takes the place of, which is withdrawn
    replaces: Option<Uuid>,
}

/// Who withdraws an override
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WithdrawBody {
    /// Who says so; the id of the key is recorded beside it
    #[schema(max_length = 100)]
    by: Option<String>,
}

/// Which overrides
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OverrideState {
    /// Those that hold or will hold
    #[default]
    Present,
    /// Those that have not begun: announced changes
    Pending,
    /// Also those that ended or were withdrawn
    All,
}

/// Which part of the overrides
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct OverridePage {
    /// Which ones
    #[serde(default)]
    #[param(inline)]
    state: OverrideState,
    /// Of this universe only: a key or `type:key`
    #[param(max_length = 200)]
    universe: Option<String>,
    /// How many
    #[serde(default = "hundred")]
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: usize,
    /// How many older ones are left out
    #[serde(default)]
    #[param(minimum = 0, maximum = 1_000_000, default = 0)]
    offset: usize,
}

/// List members that are put in or left out by hand, oldest first
#[utoipa::path(
    get, path = "/api/v1/overrides", tag = "overrides", operation_id = "list_overrides", params(OverridePage),
    responses(
        (status = 200, description = "A page of overrides", body = OverrideList),
        (status = 304, description = "They are as the client has them"),
        (status = 404, description = "There is no such universe; `nearest` has names that may be meant",
            body = ProblemBody<'static>, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list_overrides(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Asked(page): Asked<OverridePage>,
) -> Result<Response, Problem> {
    if !(1..=PAGE_MAX).contains(&page.limit) || page.offset > 1_000_000 {
        let detail = format!("limit is a number from 1 to {PAGE_MAX}, offset one from 0 to 1000000");
        return Err(Problem::bad_request("query", detail));
    }
    let universe = match &page.universe {
        Some(asked) => Some(universe_of(&app, asked).await?),
        None => None,
    };
    let which = match page.state {
        OverrideState::Present => OverridesOf::Present,
        OverrideState::Pending => OverridesOf::Pending,
        OverrideState::All => OverridesOf::All,
    };
    let (store, environment) = (&*app.daemon.store, app.daemon.environment.as_str());
    let found = overrides(store, environment, which, universe.as_ref(), &Surroundings).await?;
    let total = found.len();
    let shown: Vec<OverrideTold> =
        found.into_iter().skip(page.offset).take(page.limit).map(OverrideTold::from).collect();
    let answer = json!({"overrides": shown, "total": total, "limit": page.limit, "offset": page.offset});
    Ok(send(&Body::json(&answer), &headers))
}

/// See an override
#[utoipa::path(
    get, path = "/api/v1/overrides/{override_id}", tag = "overrides", operation_id = "show_override",
    params(("override_id" = Uuid, Path, description = "The id of the override")),
    responses(
        (status = 200, description = "The override", body = OverrideAnswer),
        (status = 304, description = "It is as the client has it"),
        (status = 404, description = "There is no such override", body = ProblemBody<'static>,
            content_type = "application/problem+json"),
    )
)]
pub(crate) async fn show_override(
    State(app): State<Arc<App>>,
    Named(override_id): Named<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let found = find(&app, &override_id).await?;
    Ok(send(&Body::json(&json!(found)), &headers))
}

/// Put a member in, or leave one out, from a session on
///
/// The run of that session makes it, or the next one where that session was synchronized already. With `replaces`
/// it amends another one. Nothing of it is ever deleted.
#[utoipa::path(
    post, path = "/api/v1/overrides", tag = "overrides", operation_id = "create_override",
    request_body(content = OverrideBody, description = "Who is to be in or out, and why"),
    responses(
        (status = 201, description = "It is recorded; `Location` is its address", body = OverrideAnswer,
            headers(("Location" = String, description = "Its address"))),
        (status = 404, description = "There is no such universe; `nearest` has names that may be meant",
            body = ProblemBody<'static>, content_type = "application/problem+json"),
        (status = 409, description = "The one to be replaced is not there, or was withdrawn",
            body = ProblemBody<'static>, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn create_override(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    JsonBody(body): JsonBody<OverrideBody>,
) -> Result<Response, Problem> {
    let OverrideBody { universe, symbol, is_member, from, until, reason, by, replaces } = body;
    let wish = OverrideWish {
        universe: universe_of(&app, &universe).await?,
        symbol: symbol_of(&app, &symbol).await?,
        is_member,
        from,
        until,
        reason,
        actor: signed(&caller, by.as_deref())?,
        replaces,
    };
    let (store, environment) = (&*app.daemon.store, app.daemon.environment.as_str());
    let entry = put_override(store, environment, wish, &Surroundings).await?;
    // As it is stored, which for instants may be less exact.
    let entry = find(&app, &entry.override_id.to_string()).await?;
    let OverrideTold { id, universe, symbol, is_member, by, .. } = &entry;
    tracing::info!(override.id = %id, %universe, %symbol, is_member, by, "an override was recorded over HTTP");
    let mut response = (StatusCode::CREATED, Json(&entry)).into_response();
    if let Ok(address) = HeaderValue::from_str(&format!("/api/v1/overrides/{id}")) {
        response.headers_mut().insert(header::LOCATION, address);
    }
    Ok(response)
}

/// Withdraw an override
///
/// From the next run on the rule decides again.
#[utoipa::path(
    post, path = "/api/v1/overrides/{override_id}/withdraw", tag = "overrides", operation_id = "withdraw_override",
    params(("override_id" = Uuid, Path, description = "The id of the override")),
    request_body(content = WithdrawBody, description = "Who says so; no body is the key alone"),
    responses(
        (status = 200, description = "It is withdrawn", body = OverrideAnswer),
        (status = 404, description = "There is no such override", body = ProblemBody<'static>,
            content_type = "application/problem+json"),
        (status = 409, description = "It was withdrawn before", body = ProblemBody<'static>,
            content_type = "application/problem+json"),
    )
)]
pub(crate) async fn withdraw_override(
    State(app): State<Arc<App>>,
    Named(override_id): Named<String>,
    Extension(caller): Extension<Caller>,
    JsonBody(body): JsonBody<WithdrawBody>,
) -> Result<Json<OverrideTold>, Problem> {
    let id = find(&app, &override_id).await?.id;
    let actor = signed(&caller, body.by.as_deref())?;
    let (store, environment) = (&*app.daemon.store, app.daemon.environment.as_str());
    if !store.override_withdraw(environment, id, &actor, Surroundings.now()).await? {
        let detail = format!("override {id} was withdrawn before");
        return Err(Problem::new(StatusCode::CONFLICT, "override-gone", detail).with("override_id", id.to_string()));
    }
    tracing::info!(override.id = %id, by = actor, "an override was withdrawn over HTTP");
    find(&app, &override_id).await.map(Json)
}

/// List the changes to come in every universe
///
/// Those that are announced for a later session, and those that a run held for approval.
#[utoipa::path(
    get, path = "/api/v1/pending", tag = "overrides", operation_id = "list_pending",
    responses(
        (status = 200, description = "What is known and not made yet", body = PendingAnswer),
        (status = 304, description = "It is as the client has it"),
    )
)]
pub(crate) async fn list_pending(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Asked(Nothing {}): Asked<Nothing>,
) -> Result<Response, Problem> {
    Ok(send(&Body::json(&pending(&app, None).await?), &headers))
}

/// List the changes to come in a universe
///
/// Those that are announced for a later session, and those that a run held for approval.
#[utoipa::path(
    get, path = "/api/v1/universes/{universe}/pending", tag = "overrides", operation_id = "list_universe_pending",
    params(("universe" = String, Path, description = "A key or `type:key`", max_length = 200,
        pattern = "^([a-z_]+:)?[a-z][a-z0-9_]*$")),
    responses(
        (status = 200, description = "What is known and not made yet", body = PendingAnswer),
        (status = 304, description = "It is as the client has it"),
        (status = 404, description = "There is no such universe; `nearest` has names that may be meant",
            body = ProblemBody<'static>, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list_universe_pending(
    State(app): State<Arc<App>>,
    Named(universe): Named<String>,
    headers: HeaderMap,
    Asked(Nothing {}): Asked<Nothing>,
) -> Result<Response, Problem> {
    let universe = universe_of(&app, &universe).await?;
    Ok(send(&Body::json(&pending(&app, Some(&universe)).await?), &headers))
}

async fn pending(app: &App, universe: Option<&UniverseId>) -> Result<Value, Problem> {
    let pending = pending_changes(&*app.daemon.store, &app.daemon.environment, universe).await?;
    let count = pending.changes.len();
    Ok(json!({"universe": universe, "as_of": pending.as_of, "count": count, "pending": pending.changes}))
}

/// Finds an override of this environment.
async fn find(app: &App, override_id: &str) -> Result<OverrideTold, Problem> {
    let unknown = || {
        let detail = format!("there is no override {override_id:?}; /api/v1/overrides?state=all lists them");
        Problem::new(StatusCode::NOT_FOUND, "unknown-override", detail)
    };
    let id: Uuid = override_id.parse().map_err(|_| unknown())?;
    let all = app.daemon.store.override_list(&app.daemon.environment).await?;
    all.into_iter().find(|entry| entry.override_id == id).map(OverrideTold::from).ok_or_else(unknown)
}

/// Who says something: the name that was given, and the key.
pub(super) fn signed(caller: &Caller, by: Option<&str>) -> Result<String, Problem> {
    if by.is_some_and(|by| by.chars().count() > BY_LEN_MAX || by.chars().any(char::is_control)) {
        let detail = format!("by is a name of at most {BY_LEN_MAX} characters");
        return Err(Problem::bad_request("body", detail));
    }
    Ok(caller.signed(by))
}

fn hundred() -> usize {
    100
}
