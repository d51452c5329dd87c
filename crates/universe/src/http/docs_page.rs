//! The OpenAPI document as a page that loads nothing, from here or elsewhere.

use std::fmt::Write as _;

use serde_json::Value;

const STYLE: &str = include_str!("docs_page.css");

/// Renders the document.
pub(crate) fn render(document: &Value) -> String {
    let text = |value: &Value| escaped(value.as_str().unwrap_or_default());
    let mut page = String::with_capacity(64 * 1024);
    let title = text(&document["info"]["title"]);
    let _ = write!(
        page,
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>{title}</title><style>{STYLE}</style></head><body><main><h1>{title}</h1>"
    );
    for paragraph in text(&document["info"]["description"]).split("\n\n") {
        let _ = write!(page, "<p>{}</p>", coded(paragraph));
    }
    page.push_str("<p>Send a key in the header <code>X-API-Key</code>. The document for programs: <a href=\"/openapi.json\">openapi.json</a></p>");
    for tag in document["tags"].as_array().into_iter().flatten() {
        let _ = write!(page, "<h2>{}</h2><p>{}</p>", text(&tag["name"]), text(&tag["description"]));
        for (path, operations) in document["paths"].as_object().into_iter().flatten() {
            for (method, operation) in operations.as_object().into_iter().flatten() {
                if operation["tags"][0] == tag["name"] {
                    render_operation(&mut page, document, method, path, operation);
                }
            }
        }
    }
    page.push_str("</main></body></html>");
    page
}

fn render_operation(page: &mut String, document: &Value, method: &str, path: &str, operation: &Value) {
    let text = |value: &Value| coded(&escaped(value.as_str().unwrap_or_default()));
    let _ = write!(
        page,
        "<details><summary><b>{}</b> <code>{}</code> <span>{}</span></summary>",
        method.to_uppercase(),
        escaped(path),
        text(&operation["summary"])
    );
    if operation["description"].is_string() {
        let _ = write!(page, "<p>{}</p>", text(&operation["description"]));
    }
    let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
    if !parameters.is_empty() {
        page.push_str("<table><tr><th>parameter</th><th>in</th><th>meaning</th></tr>");
        for parameter in &parameters {
            let (name, place) = (text(&parameter["name"]), text(&parameter["in"]));
            let meaning = text(&parameter["description"]);
            let _ = write!(page, "<tr><td><code>{name}</code></td><td>{place}</td><td>{meaning}</td></tr>");
        }
        page.push_str("</table>");
    }
    for (kind, content) in operation["requestBody"]["content"].as_object().into_iter().flatten() {
        let _ = write!(page, "<p>Body, <code>{}</code>:</p>", escaped(kind));
        render_schema(page, document, &content["schema"]);
    }
    page.push_str("<table><tr><th>status</th><th>meaning</th></tr>");
    for (status, response) in operation["responses"].as_object().into_iter().flatten() {
        let _ = write!(page, "<tr><td>{}</td><td>{}", escaped(status), text(&response["description"]));
        for (kind, content) in response["content"].as_object().into_iter().flatten() {
            if !kind.ends_with("problem+json") {
                render_schema(page, document, &content["schema"]);
            }
        }
        page.push_str("</td></tr>");
    }
    page.push_str("</table></details>");
}

/// Renders the members of an object, following one reference.
fn render_schema(page: &mut String, document: &Value, schema: &Value) {
    let name = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next());
    let schema = name.map_or(schema, |name| &document["components"]["schemas"][name]);
    let Some(members) = schema["properties"].as_object() else { return };
    page.push_str("<dl>");
    for (member, described) in members {
        let meaning = coded(&escaped(described["description"].as_str().unwrap_or_default()));
        let _ =
            write!(page, "<dt><code>{}</code> {}</dt><dd>{meaning}</dd>", escaped(member), escaped(&kind(described)));
    }
    page.push_str("</dl>");
}

/// Says in a word what a value is.
fn kind(schema: &Value) -> String {
    if let Some(reference) = schema["$ref"].as_str() {
        return reference.rsplit('/').next().unwrap_or_default().to_owned();
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        return choices.iter().map(kind).filter(|kind| kind != "null").collect::<Vec<_>>().join(" or ");
    }
    let types = match &schema["type"] {
        Value::Array(types) => types.iter().filter_map(Value::as_str).filter(|kind| *kind != "null").collect(),
        one => one.as_str().into_iter().collect::<Vec<_>>(),
    };
    match types.as_slice() {
        ["array"] => format!("array of {}", kind(&schema["items"])),
        types => types.join(" or "),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Sets what stands between backticks as code.
fn coded(text: &str) -> String {
    let parts = text.split('`').enumerate();
    parts.map(|(at, part)| if at % 2 == 1 { format!("<code>{part}</code>") } else { part.to_owned() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_become_markup() {
        assert_eq!(coded(&escaped("a <b> & `c\"`")), "a &lt;b&gt; &amp; <code>c&quot;</code>");
    }
}
