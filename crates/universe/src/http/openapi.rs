//! The OpenAPI document: what the handlers say about themselves, and what holds for all of them.

use serde_json::{Value, json};
use utoipa::OpenApi;

use super::gate::PUBLIC_PATHS;
use super::problem::ProblemBody;

/// What any route that needs a key may answer beside its own: status, and what it means.
const REFUSALS: [(&str, &str); 6] = [
    ("400", "Something in the request cannot be meant as it is"),
    ("401", "No key, or one that is unknown, revoked or expired"),
    ("403", "The key does not allow this"),
    ("429", "The key asks too often"),
    ("500", "Something went wrong here; the log says what"),
    ("503", "The server is too busy, or the database cannot be reached"),
];

/// What a route that takes a body may answer beside that.
const BODY_REFUSALS: [(&str, &str); 2] =
    [("413", "The body is larger than 64 KiB"), ("415", "The body has another content type")];

#[derive(OpenApi)]
#[openapi(
    info(
        title = "TickStock Universe",
        description = "Which stocks and ETFs belong to which universe, as of any day, and why.\n\nErrors are \
            `application/problem+json` with a `type` for programs and a `detail` for people. Every answer has an \
            `x-request-id`, the one of the request where it has one.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    components(schemas(ProblemBody<'static>)),
    tags(
        (name = "runs", description = "Ask for runs, watch them, stop them, approve what they held"),
        (name = "lookups", description = "Which symbols belong to which universe"),
        (name = "overrides", description = "Members put in or left out by hand, and the changes to come"),
        (name = "events", description = "What happened, from any point"),
        (name = "jobs", description = "Load bars from the market data provider"),
        (name = "admin", description = "Change the recorded past, and what the platform's web application calls"),
        (name = "system", description = "The server itself"),
    )
)]
pub(crate) struct Description;

/// Completes the document with what every handler has in common.
pub(crate) fn complete(collected: &utoipa::openapi::OpenApi) -> Value {
    let mut document = serde_json::to_value(collected).unwrap_or_default();
    document["components"]["securitySchemes"] = json!({
        "key": {"type": "apiKey", "in": "header", "name": "X-API-Key",
            "description": "Made by `universe keys create`. Without any key configured, none is needed."},
    });
    // The empty one: a server without keys asks for none.
    document["security"] = json!([{"key": []}, {}]);
    let paths = document["paths"].as_object_mut().into_iter().flatten();
    for (path, operations) in paths {
        for operation in operations.as_object_mut().into_iter().flatten().map(|(_, operation)| operation) {
            if PUBLIC_PATHS.contains(&path.as_str()) {
                operation["security"] = json!([]);
                continue;
            }
            let takes_body = operation.get("requestBody").is_some();
            if takes_body {
                // No body is one without members.
                operation["requestBody"]["required"] = json!(false);
            }
            let refusals = REFUSALS.iter().chain(BODY_REFUSALS.iter().filter(|_| takes_body));
            for (status, description) in refusals {
                let responses = &mut operation["responses"];
                if responses.get(status).is_none() {
                    responses[status] = problem(description);
                }
            }
        }
    }
    document
}

fn problem(description: &str) -> Value {
    let schema = json!({"$ref": "#/components/schemas/Problem"});
    json!({"description": description, "content": {"application/problem+json": {"schema": schema}}})
}
