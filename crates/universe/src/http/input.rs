//! What handlers take in: paths, queries and bodies that refuse with a problem.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use serde::de::DeserializeOwned;

use super::problem::Problem;

/// The parameters behind the question mark.
pub(crate) struct Asked<T>(pub(crate) T);

/// The part of the path that names something.
pub(crate) struct Named<T>(pub(crate) T);

/// A JSON body; no body is one without members.
pub(crate) struct JsonBody<T>(pub(crate) T);

/// A body as a browser sends a form; no body is one without fields.
pub(crate) struct FormBody<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let query = Query::from_request_parts(parts, state).await;
        let Query(asked) = query.map_err(|error| Problem::bad_request("query", error.body_text()))?;
        Ok(Self(asked))
    }
}

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Named<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::from_request_parts(parts, state).await;
        let Path(named) = path.map_err(|error| Problem::bad_request("path", error.body_text()))?;
        Ok(Self(named))
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let bytes = body(request, state, "application/json").await?;
        let text: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
        let parsed = serde_json::from_slice(text);
        parsed.map(Self).map_err(|error| Problem::bad_request("body", format!("the body is not right: {error}")))
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for FormBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        const FORM: &str = "application/x-www-form-urlencoded";
        let bytes = body(request, state, FORM).await?;
        let request = Request::builder().method("POST").header(header::CONTENT_TYPE, FORM).body(bytes.into());
        let request = request.map_err(|_| Problem::of_status(StatusCode::BAD_REQUEST))?;
        let form = axum::Form::from_request(request, state).await;
        let axum::Form(form) = form.map_err(|error| Problem::bad_request("body", error.body_text()))?;
        Ok(Self(form))
    }
}

/// Reads a body of the expected type, or none of any type.
async fn body<S: Send + Sync>(request: Request, state: &S, expected: &str) -> Result<Bytes, Problem> {
    let stated = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = stated.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    let is_expected = essence.eq_ignore_ascii_case(expected);
    let bytes = Bytes::from_request(request, state).await.map_err(|error| match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::of_status(StatusCode::PAYLOAD_TOO_LARGE),
        _ => Problem::bad_request("body", "the body ended before it was complete"),
    })?;
    if !bytes.is_empty() && !is_expected {
        let detail = format!("send the body as {expected}");
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "content-type", detail));
    }
    Ok(bytes)
}
