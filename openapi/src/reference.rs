//! The description as one page: no script, no request to anywhere, good to read, to search and to print.

use std::{collections::BTreeMap, fmt::Write};

use serde_json::{Map, Value};

/// The page's style sheet.
pub const REFERENCE_STYLE: &str = include_str!("reference.css");

const METHODS: [&str; 5] = ["get", "post", "patch", "put", "delete"];

/// Renders the page.
pub fn reference(document: &Value) -> String {
    let mut page = String::new();
    let version = text(&document["info"], "version");
    let _ = write!(
        page,
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>Weir API {version}</title><link rel=\"stylesheet\" href=\"/api/docs.css\"></head><body><main>\
         <h1>Weir API</h1><p class=\"note\">Version {version}. The same as a file for tools: <a href=\"/api/openapi.json\">/api/openapi.json</a>. \
         Authenticate with <code>Authorization: Bearer …</code>, an API key or a session token.</p>"
    );
    let chapters = chapters(document);
    page.push_str("<nav aria-label=\"Chapters\"><ul>");
    for name in chapters
        .keys()
        .chain([&"Problems".to_owned(), &"Schemas".to_owned()])
    {
        let _ = write!(
            page,
            "<li><a href=\"#{}\">{}</a></li>",
            anchor(name),
            escape(name)
        );
    }
    page.push_str("</ul></nav>");
    for (name, operations) in &chapters {
        let _ = write!(page, "<h2 id=\"{}\">{}</h2>", anchor(name), escape(name));
        for (method, path, operation) in operations {
            write_operation(&mut page, method, path, operation);
        }
    }
    write_problems(&mut page);
    page.push_str("<h2 id=\"schemas\">Schemas</h2>");
    for (name, schema) in document["components"]["schemas"]
        .as_object()
        .into_iter()
        .flatten()
    {
        let _ = write!(
            page,
            "<details id=\"schema-{0}\"><summary><code>{0}</code></summary><div>",
            escape(name)
        );
        write_schema(&mut page, schema);
        page.push_str("</div></details>");
    }
    page.push_str("</main></body></html>");
    page
}

type Chapters<'a> = BTreeMap<String, Vec<(&'a str, &'a str, &'a Value)>>;

fn chapters(document: &Value) -> Chapters<'_> {
    let mut chapters = Chapters::new();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for method in METHODS {
            let Some(operation) = item.get(method) else {
                continue;
            };
            let chapter = operation["tags"][0].as_str().unwrap_or("Other").to_owned();
            chapters
                .entry(chapter)
                .or_default()
                .push((method, path, operation));
        }
    }
    chapters
}

fn write_operation(page: &mut String, method: &str, path: &str, operation: &Value) {
    let id = text(operation, "operationId");
    let _ = write!(
        page,
        "<details id=\"{id}\"><summary><span class=\"method\">{method}</span> <code>{}</code> — {}</summary><div>",
        escape(path),
        escape(text(operation, "summary"))
    );
    for paragraph in text(operation, "description")
        .split("\n\n")
        .filter(|text| !text.trim().is_empty())
    {
        let _ = write!(page, "<p>{}</p>", escape(paragraph));
    }
    let parameters: Vec<_> = operation["parameters"].as_array().into_iter().flatten().collect();
    if !parameters.is_empty() {
        page.push_str(
            "<table><thead><tr><th>Parameter</th><th>In</th><th>Type</th><th>What</th></tr></thead><tbody>",
        );
        for parameter in parameters {
            let needed = if parameter["required"] == true {
                ""
            } else {
                " <span class=\"note\">(optional)</span>"
            };
            let _ = write!(
                page,
                "<tr><td><code>{}</code>{needed}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
                escape(text(parameter, "name")),
                escape(text(parameter, "in")),
                kind(&parameter["schema"]),
                escape(text(parameter, "description"))
            );
        }
        page.push_str("</tbody></table>");
    }
    if let Some(content) = operation["requestBody"]["content"].as_object() {
        let _ = write!(page, "<p>Body: {}</p>", bodies(content));
    }
    page.push_str("<table><thead><tr><th>Answer</th><th>Body</th><th>When</th></tr></thead><tbody>");
    for (status, response) in operation["responses"].as_object().into_iter().flatten() {
        // Problems are the same everywhere and have a chapter of their own.
        if response.get("$ref").is_some() {
            continue;
        }
        let body = response["content"].as_object().map(bodies).unwrap_or_default();
        let _ = write!(
            page,
            "<tr><td>{status}</td><td>{body}</td><td>{}</td></tr>",
            escape(text(response, "description"))
        );
    }
    page.push_str("</tbody></table></div></details>");
}

fn bodies(content: &Map<String, Value>) -> String {
    let mut all = Vec::new();
    for (media, body) in content {
        all.push(format!(
            "{} <span class=\"note\">{}</span>",
            kind(&body["schema"]),
            escape(media)
        ));
    }
    all.join(", ")
}

fn write_schema(page: &mut String, schema: &Value) {
    if let Some(description) = schema["description"].as_str() {
        let _ = write!(page, "<p>{}</p>", escape(description));
    }
    if let Some(values) = schema["enum"].as_array() {
        let values: Vec<_> = values
            .iter()
            .map(|value| format!("<code>{}</code>", escape(&value.to_string())))
            .collect();
        let _ = write!(page, "<p>One of {}.</p>", values.join(", "));
    }
    let parts = schema["allOf"]
        .as_array()
        .map_or_else(|| vec![schema], |parts| parts.iter().collect());
    for part in parts {
        if part.get("$ref").is_some() {
            let _ = write!(page, "<p>Everything of {}, and:</p>", kind(part));
        }
        let Some(properties) = part["properties"].as_object() else {
            continue;
        };
        let needed: Vec<_> = part["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        page.push_str("<table><thead><tr><th>Field</th><th>Type</th><th>What</th></tr></thead><tbody>");
        for (name, property) in properties {
            let note = if needed.contains(&name.as_str()) {
                ""
            } else {
                " <span class=\"note\">(optional)</span>"
            };
            let what = escape(text(property, "description"));
            let _ = write!(
                page,
                "<tr><td><code>{}</code>{note}</td><td>{}</td><td>{what}</td></tr>",
                escape(name),
                kind(property)
            );
        }
        page.push_str("</tbody></table>");
    }
}

/// A schema in a few words, with links.
fn kind(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        return format!("<a href=\"#schema-{0}\"><code>{0}</code></a>", escape(name));
    }
    for key in ["anyOf", "oneOf", "allOf"] {
        if let Some(parts) = schema[key].as_array() {
            return parts.iter().map(kind).collect::<Vec<_>>().join(" or ");
        }
    }
    match &schema["type"] {
        Value::String(name) if name == "array" => format!("list of {}", kind(&schema["items"])),
        Value::String(name) => {
            let format = schema["format"]
                .as_str()
                .map(|format| format!(" ({})", escape(format)))
                .unwrap_or_default();
            format!("{}{format}", escape(name))
        }
        Value::Array(names) => {
            let names: Vec<_> = names.iter().filter_map(Value::as_str).map(escape).collect();
            names.join(" or ")
        }
        _ => "any JSON".to_owned(),
    }
}

/// What the codes of problems mean. Stable: clients decide by them.
const PROBLEMS: [(&str, u16, &str); 22] = [
    (
        "malformed_request",
        400,
        "The body, a parameter or a header cannot be read. `errors` says where and what is expected.",
    ),
    (
        "unauthenticated",
        401,
        "No credential, or one that is not valid any more. Sign in, or send an API key.",
    ),
    (
        "credentials_invalid",
        401,
        "E-mail address and password do not belong together. Try again, or reset the password.",
    ),
    (
        "code_invalid",
        401,
        "The one-time code is wrong, used or too old. Ask for a new one.",
    ),
    (
        "token_invalid",
        401,
        "The link is wrong, used or too old. Ask for a new one.",
    ),
    (
        "forbidden",
        403,
        "The credential is good but does not have the permission named in `detail`.",
    ),
    (
        "over_quota",
        403,
        "A quota of the tenant is used up. Free some, or have it raised.",
    ),
    (
        "consent_required",
        403,
        "The person has not consented to the purpose. Record a consent first.",
    ),
    (
        "special_basis_missing",
        403,
        "The message holds data of a special category (GDPR Art. 9), and its purpose has no `special_basis`. Name one, or minimise the data type.",
    ),
    (
        "processing_restricted",
        403,
        "The person restricted the processing of their data (GDPR Art. 18), objected to it (Art. 21), or was erased.",
    ),
    (
        "not_found",
        404,
        "It does not exist, or belongs to somebody else: the two are not told apart.",
    ),
    ("method_not_allowed", 405, "This path does not take that method."),
    (
        "conflict",
        409,
        "A value clashes with what is there. `errors` names the field.",
    ),
    (
        "erasure_under_way",
        409,
        "What rested on a consent before is still being put aside for a legal hold. Repeat the new consent in a few seconds.",
    ),
    (
        "idempotency_in_progress",
        409,
        "A request with this Idempotency-Key is still running. Wait and repeat it.",
    ),
    (
        "gone",
        410,
        "It existed and is gone for good: its key was destroyed.",
    ),
    (
        "precondition_failed",
        412,
        "It was changed since the ETag in If-Match. Read it again and decide.",
    ),
    (
        "unsupported_media_type",
        415,
        "Send `Content-Type: application/json`.",
    ),
    (
        "invalid_request",
        422,
        "The input can be read but makes no sense. `errors` says where and how to mend it.",
    ),
    (
        "rate_limited",
        429,
        "Too many requests. Wait as many seconds as Retry-After says.",
    ),
    (
        "unavailable",
        503,
        "A part does not answer. Nothing was acknowledged; repeat it after Retry-After.",
    ),
    (
        "upstream_unproven",
        503,
        "The back end of a relay was not proven to be its tenant's yet. Ask GET /endpoints/{id}/upstream what its host has to answer, \
         put it there, and POST /endpoints/{id}/upstream/verify.",
    ),
];

fn write_problems(page: &mut String) {
    page.push_str(
        "<h2 id=\"problems\">Problems</h2><p>Errors are <code>application/problem+json</code> (RFC 9457) with a stable <code>code</code>. \
         Besides these, a conflict may have a code of its own that says what state is in the way.</p>\
         <table><thead><tr><th>Code</th><th>Status</th><th>What and what to do</th></tr></thead><tbody>",
    );
    for (code, status, what) in PROBLEMS {
        let _ = write!(
            page,
            "<tr id=\"problem-{code}\"><td><code>{code}</code></td><td>{status}</td><td>{}</td></tr>",
            escape(what)
        );
    }
    page.push_str("</tbody></table>");
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

fn anchor(name: &str) -> String {
    name.to_lowercase().replace(' ', "-")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
