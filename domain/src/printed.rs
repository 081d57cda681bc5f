//! Pages to keep and to print: one file each, no scripts, nothing fetched from anywhere.

use minijinja::{Environment, UndefinedBehavior, syntax::SyntaxConfig, value::Serde};
use serde::Serialize;

use crate::error::{Error, Result};

const NAME: &str = "page.html";

/// Renders a page. What it names and `values` lacks is a fault when `undefined` is strict, and left out when lenient.
pub(crate) fn page(template: &str, undefined: UndefinedBehavior, values: impl Serialize) -> Result<String> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(undefined);
    let syntax = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .build();
    environment.set_syntax(syntax.map_err(Error::internal)?);
    environment
        .add_template(NAME, template)
        .map_err(Error::internal)?;
    let page = environment.get_template(NAME).map_err(Error::internal)?;
    page.render(Serde(values)).map_err(Error::internal)
}
