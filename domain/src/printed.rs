//! Pages to keep and to print: one file each, no scripts, nothing fetched from anywhere.

use minijinja::{
    Environment, ErrorKind, UndefinedBehavior, Value,
    syntax::SyntaxConfig,
    value::{Kwargs, Serde},
};
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
    environment.add_filter("fill", fill);
    environment
        .add_template(NAME, template)
        .map_err(Error::internal)?;
    let page = environment.get_template(NAME).map_err(Error::internal)?;
    page.render(Serde(values)).map_err(Error::internal)
}

/// Puts values into a phrase, in the place of their names: `{{ "Hello {who}" | fill(who=name) }}`. Of what they hold nothing is
/// looked for a second time.
#[expect(clippy::needless_pass_by_value, reason = "the engine hands them over")]
fn fill(phrase: &str, values: Kwargs) -> std::result::Result<String, minijinja::Error> {
    let mut filled = String::with_capacity(phrase.len() + 32);
    let mut rest = phrase;
    while let Some((before, name)) = rest.split_once('{') {
        let (name, after) = name.split_once('}').ok_or_else(|| {
            minijinja::Error::new(ErrorKind::SyntaxError, "a brace in a phrase is not closed")
        })?;
        let value: Value = values.get(name)?;
        filled.push_str(before);
        filled.push_str(&value.to_string());
        rest = after;
    }
    values.assert_all_used()?;
    Ok(filled + rest)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_phrase_is_filled_and_what_fills_it_is_escaped_and_left_alone() {
        let values = json!({ "phrase": "{who} & {what}", "name": "<b>{what}" });
        let filled = page(
            "{{ phrase | fill(who=name, what='all') }}",
            UndefinedBehavior::Strict,
            values,
        );
        assert_eq!(filled.unwrap(), "&lt;b&gt;{what} &amp; all");
    }

    #[test]
    fn a_phrase_that_lacks_a_value_or_has_one_too_many_is_a_fault() {
        for wrong in [
            "{{ '{who}' | fill }}",
            "{{ 'nobody' | fill(who='ada') }}",
            "{{ '{who' | fill(who='ada') }}",
        ] {
            assert!(
                page(wrong, UndefinedBehavior::Strict, json!({})).is_err(),
                "{wrong}"
            );
        }
    }
}
