//! What the files of a package mean, for programs: a JSON Schema for `data.json`, and CSV on the Web metadata (W3C) for the
//! tables.

use serde_json::{Value, json};

use super::tables;

/// `schema.json`: JSON Schema 2020-12 of `data.json`.
pub(super) fn json() -> Value {
    let text = json!({ "type": "string" });
    let maybe = json!({ "type": ["string", "null"] });
    let time = json!({ "type": "string", "format": "date-time" });
    let count = json!({ "type": "integer", "minimum": 0 });
    let list = |properties: Value, required: Value| json!({ "type": "array", "items": { "type": "object", "properties": properties, "required": required } });
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Data of one person, format weir.export/1",
        "type": "object",
        "required": ["format", "created_at", "request", "controller", "messages"],
        "properties": {
            "format": { "const": "weir.export/1" },
            "created_at": time,
            "request": { "type": "object", "properties": { "id": text, "kind": text, "received_at": time } },
            "controller": { "type": "object", "properties": { "name": text, "contact": maybe } },
            "person": { "type": ["object", "null"], "properties": { "id": text, "external_id": maybe, "email": maybe } },
            "held": list(json!({ "purpose": maybe, "endpoint": text, "messages": count, "kept_for": text }), json!(["endpoint"])),
            "recipients": list(json!({ "endpoint": text, "kind": text, "host": maybe, "deliveries": { "type": ["integer", "null"] } }), json!(["endpoint", "kind"])),
            "consents": list(json!({ "id": text, "purpose": text, "state": text, "time": time }), json!(["purpose", "state"])),
            "corrections": list(json!({ "field": text, "was": maybe, "is": text, "time": time }), json!(["field", "is"])),
            "connections": list(json!({ "id": text, "endpoint": text, "opened": time }), json!(["id", "endpoint"])),
            "messages": list(
                json!({
                    "id": text, "time": time, "endpoint": text, "channel": text, "purpose": maybe, "kept_until": time,
                    "direction": { "enum": ["inbound", "outbound"] },
                    "encoding": { "enum": ["text", "base64", "none"] },
                    "content": { "description": "JSON where it is JSON, otherwise a string in the encoding" },
                }),
                json!(["id", "time", "direction", "encoding", "content"]),
            ),
        },
    })
}

/// `tables.json`: which table has which columns (https://www.w3.org/TR/tabular-metadata/).
pub(super) fn csv(portable: bool) -> Value {
    let mut all = vec![table("messages.csv", &tables::MESSAGES)];
    if !portable {
        all.push(table("consents.csv", &tables::CONSENTS));
        all.push(table("connections.csv", &tables::CONNECTIONS));
    }
    json!({
        "@context": "http://www.w3.org/ns/csvw",
        "dialect": { "encoding": "utf-8", "header": true, "delimiter": "," },
        "tables": all,
    })
}

fn table(url: &str, columns: &[&str]) -> Value {
    let columns: Vec<Value> = columns
        .iter()
        .map(|name| json!({ "name": name, "titles": name, "datatype": datatype(name) }))
        .collect();
    json!({ "url": url, "tableSchema": { "columns": columns } })
}

fn datatype(column: &str) -> &'static str {
    match column {
        "time" | "recorded" | "kept_until" | "opened" | "authenticated" | "last_activity" | "closed" => {
            "dateTime"
        }
        "bytes" | "bytes_in" | "bytes_out" | "messages_in" | "messages_out" => "integer",
        _ => "string",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_of_every_table_is_described() {
        let all = csv(false);
        let columns: usize = all["tables"]
            .as_array()
            .unwrap()
            .iter()
            .map(|table| table["tableSchema"]["columns"].as_array().unwrap().len())
            .sum();
        let expected = tables::MESSAGES.len() + tables::CONSENTS.len() + tables::CONNECTIONS.len();
        assert_eq!(columns, expected);
        assert_eq!(csv(true)["tables"].as_array().unwrap().len(), 1);
    }
}
