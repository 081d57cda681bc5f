//! From poem-openapi's 3.0 to 3.1, at the level of JSON: nothing is lost on the way through another model.

use serde_json::{Map, Value, json};

/// Mends a document in place.
pub(crate) fn to_3_1(value: &mut Value) {
    match value {
        Value::Object(object) => {
            if let Some(wrapped) = nullable(object) {
                *value = wrapped;
                return to_3_1(value);
            }
            exclusive_bounds(object);
            // Beside oneOf, `type: object` says nothing and makes readers drop the alternatives.
            let composed = ["oneOf", "anyOf", "allOf"]
                .iter()
                .any(|key| object.contains_key(*key));
            if composed && !object.contains_key("properties") && object.get("type") == Some(&json!("object"))
            {
                object.remove("type");
            }
            // Generators look for the bare media type.
            if let Some(content) = object.remove("application/json; charset=utf-8") {
                object.insert("application/json".into(), content);
            }
            if let Some(content) = object.remove("text/plain; charset=utf-8") {
                object.insert("text/plain".into(), content);
            }
            if object.get("deprecated") == Some(&json!(false)) {
                object.remove("deprecated");
            }
            // Formats that JSON Schema does not know say what `minimum` already says.
            if object
                .get("format")
                .and_then(Value::as_str)
                .is_some_and(|format| format.starts_with("uint"))
            {
                object.remove("format");
                object.entry("minimum").or_insert_with(|| json!(0));
            }
            for value in object.values_mut() {
                to_3_1(value);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(to_3_1),
        _ => {}
    }
}

/// `nullable: true` is a type of its own in 3.1.
fn nullable(object: &mut Map<String, Value>) -> Option<Value> {
    if object.remove("nullable") != Some(Value::Bool(true)) {
        return None;
    }
    match object.get("type") {
        Some(Value::String(kind)) => {
            let kinds = json!([kind, "null"]);
            object.insert("type".into(), kinds);
            if let Some(Value::Array(values)) = object.get_mut("enum") {
                values.push(Value::Null);
            }
            None
        }
        _ => Some(json!({ "anyOf": [std::mem::take(object), { "type": "null" }] })),
    }
}

/// `exclusiveMinimum: true` beside `minimum` is a number of its own in 3.1.
fn exclusive_bounds(object: &mut Map<String, Value>) {
    for (exclusive, limit) in [("exclusiveMaximum", "maximum"), ("exclusiveMinimum", "minimum")] {
        if let Some(Value::Bool(on)) = object.remove(exclusive)
            && on
            && let Some(bound) = object.remove(limit)
        {
            object.insert(exclusive.into(), bound);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mended(mut value: Value) -> Value {
        to_3_1(&mut value);
        value
    }

    #[test]
    fn a_nullable_type_becomes_two_types() {
        assert_eq!(
            mended(json!({ "type": "string", "nullable": true })),
            json!({ "type": ["string", "null"] })
        );
    }

    #[test]
    fn a_nullable_reference_becomes_a_choice() {
        let reference = json!({ "$ref": "#/components/schemas/X", "nullable": true });
        assert_eq!(
            mended(reference),
            json!({ "anyOf": [{ "$ref": "#/components/schemas/X" }, { "type": "null" }] })
        );
    }

    #[test]
    fn an_exclusive_bound_becomes_a_number() {
        assert_eq!(
            mended(json!({ "minimum": 3, "exclusiveMinimum": true })),
            json!({ "exclusiveMinimum": 3 })
        );
    }
}
