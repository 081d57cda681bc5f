//! A report as a page to print: no scripts, nothing fetched from anywhere.

use minijinja::{Environment, UndefinedBehavior, syntax::SyntaxConfig, value::Serde};
use serde_json::Value;

use crate::error::{Error, Result};

const TEMPLATE: &str = include_str!("page.html");

/// Renders it.
pub fn page(body: &Value) -> Result<String> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let syntax = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .build();
    environment.set_syntax(syntax.map_err(Error::internal)?);
    environment
        .add_template("page.html", TEMPLATE)
        .map_err(Error::internal)?;
    let page = environment.get_template("page.html").map_err(Error::internal)?;
    let mut body = body.clone();
    for section in body["sections"].as_array_mut().into_iter().flatten() {
        let facts = serde_json::to_string_pretty(&section["facts"])?;
        section["facts_text"] = Value::from(facts);
    }
    page.render(Serde(body)).map_err(Error::internal)
}
