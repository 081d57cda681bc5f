//! A report as a page to print: no scripts, nothing fetched from anywhere.

use minijinja::UndefinedBehavior;
use serde_json::Value;

use crate::{error::Result, printed};

const TEMPLATE: &str = include_str!("page.html");

/// Renders it.
pub fn page(body: &Value) -> Result<String> {
    let mut body = body.clone();
    for section in body["sections"].as_array_mut().into_iter().flatten() {
        let facts = serde_json::to_string_pretty(&section["facts"])?;
        section["facts_text"] = Value::from(facts);
    }
    printed::page(TEMPLATE, UndefinedBehavior::Strict, body)
}
