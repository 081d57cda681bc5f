//! Every operation has the same problems. They are said once, as shared responses, and referred to.

use serde_json::{Map, Value, json};

/// Moves problem responses to `components/responses`.
pub(crate) fn problems(document: &mut Value) {
    let mut shared = Map::new();
    for item in document["paths"]
        .as_object_mut()
        .into_iter()
        .flat_map(Map::values_mut)
    {
        for operation in item.as_object_mut().into_iter().flat_map(Map::values_mut) {
            for (status, response) in operation["responses"].as_object_mut().into_iter().flatten() {
                if response["content"].get("application/problem+json").is_none() {
                    continue;
                }
                let name = format!("Problem{status}");
                let said = shared.entry(name.clone()).or_insert_with(|| response.clone());
                // An operation that says it differently keeps its own words.
                if said == response {
                    *response = json!({ "$ref": format!("#/components/responses/{name}") });
                }
            }
        }
    }
    if !shared.is_empty() {
        document["components"]["responses"] = Value::Object(shared);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_that_two_operations_have_is_said_once() {
        let missing = json!({ "description": "Missing.", "content": { "application/problem+json": {} } });
        let mut document = json!({
            "paths": {
                "/a": { "get": { "responses": { "404": missing } } },
                "/b": { "get": { "responses": { "404": missing, "200": { "description": "Here." } } } },
            },
            "components": {},
        });
        problems(&mut document);
        let reference = json!({ "$ref": "#/components/responses/Problem404" });
        assert_eq!(document["paths"]["/a"]["get"]["responses"]["404"], reference);
        assert_eq!(document["paths"]["/b"]["get"]["responses"]["404"], reference);
        assert_eq!(document["components"]["responses"]["Problem404"], missing);
    }
}
