//! The HTML of a mail, made of the template of its text: before any value is filled in, so that no value is ever taken
//! for markup. It knows the few shapes that our texts have:
//!
//! ```text
//! A paragraph, until an empty line.
//!
//! * a list
//! * of points
//!
//!     {{ code }}              a code, to be typed
//!     {{ text | indent(4) }}  somebody's own words, quoted
//!     messages    {{ n }}     a table, two or more spaces between its columns
//!
//! What it does: {{ link }}    a button
//! Number: {{ request_id }}    small print
//! ```

use std::fmt::Write;

/// The template of the HTML, if the text is that of a mail.
pub(super) fn of_text(language: &str, text: &str) -> Option<String> {
    let body = block(text, "body")?;
    let mut html = format!("{{% extends \"{language}/layout.html\" %}}\n{{% block body %}}\n");
    let mut writer = Writer {
        out: &mut html,
        open: Open::Nothing,
        depth: 0,
        opened_at: 0,
    };
    for line in body.lines() {
        writer.line(line);
    }
    writer.close();
    html.push_str("{% endblock %}\n");
    if let Some(why) = block(text, "why") {
        let _ = writeln!(html, "{{% block why %}}{}{{% endblock %}}", why.trim());
    }
    Some(html)
}

/// What is between the beginning and the end of a block. Blocks of mails are not nested.
fn block<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("{{% block {name} %}}"))?;
    Some(rest.split_once("{% endblock %}")?.0)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    Nothing,
    Paragraph,
    List,
    Table,
}

struct Writer<'a> {
    out: &'a mut String,
    open: Open,
    /// Decisions that are open, and how many were when the element was opened.
    depth: u32,
    opened_at: u32,
}

impl Writer<'_> {
    fn line(&mut self, line: &str) {
        let text = line.trim();
        if text.is_empty() {
            return self.close();
        }
        if is_control(text) {
            return self.control(text);
        }
        if let Some(point) = text.strip_prefix("* ") {
            self.begin(Open::List);
            return self.raw(&format!("<li>{point}</li>"));
        }
        if line.starts_with("    ") {
            return self.indented(text);
        }
        match button(text) {
            Some((label, target)) => {
                self.close();
                self.raw(&format!(
                    "<p><a class=\"button\" href=\"{target}\">{label}</a></p>"
                ));
            }
            None if is_link(text) => {
                self.close();
                self.raw(&format!("<p class=\"small\"><a href=\"{text}\">{text}</a></p>"));
            }
            None if text.ends_with("{{ request_id }}") => {
                self.close();
                self.raw(&format!("<p class=\"small\">{text}</p>"));
            }
            None => {
                self.begin(Open::Paragraph);
                self.raw(text);
            }
        }
    }

    /// A list or a table may go on behind it, unless it was opened within what ends here.
    fn control(&mut self, text: &str) {
        let is = |word: &str| {
            text.trim_start_matches("{%")
                .trim_start_matches('-')
                .trim()
                .starts_with(word)
        };
        let ends = is("end");
        if self.open == Open::Paragraph || (ends || is("el")) && self.opened_at == self.depth {
            self.close();
        }
        self.raw(text);
        if ends {
            self.depth = self.depth.saturating_sub(1);
        } else if is("if") || is("for") {
            self.depth += 1;
        }
    }

    fn indented(&mut self, text: &str) {
        if let Some(words) = text.strip_suffix(" | indent(4) }}") {
            self.close();
            return self.raw(&format!("<blockquote>{words} }}}}</blockquote>"));
        }
        if let Some((name, value)) = text.split_once("  ") {
            self.begin(Open::Table);
            let value = value.trim();
            self.raw(&format!("<tr><th scope=\"row\">{name}</th><td>{value}</td></tr>"));
        } else {
            self.close();
            self.raw(&format!("<p><span class=\"code\">{text}</span></p>"));
        }
    }

    fn begin(&mut self, what: Open) {
        if self.open == what {
            return;
        }
        self.close();
        self.raw(match what {
            Open::Nothing => return,
            Open::Paragraph => "<p>",
            Open::List => "<ul>",
            Open::Table => "<table>",
        });
        self.open = what;
        self.opened_at = self.depth;
    }

    fn close(&mut self) {
        let end = match self.open {
            Open::Nothing => return,
            Open::Paragraph => "</p>",
            Open::List => "</ul>",
            Open::Table => "</table>",
        };
        self.open = Open::Nothing;
        self.raw(end);
    }

    fn raw(&mut self, text: &str) {
        self.out.push_str(text);
        self.out.push('\n');
    }
}

/// Whether the line decides what follows, and says nothing itself.
fn is_control(text: &str) -> bool {
    text.starts_with("{%")
        && text.ends_with("%}")
        && !text.contains("include")
        && text.matches("{%").count() == 1
}

/// One expression, maybe with something behind it, that is an address.
fn is_link(text: &str) -> bool {
    let names = |name: &str| name.trim().ends_with("url") || name.trim().ends_with("link");
    text.strip_prefix("{{")
        .and_then(|rest| rest.split_once("}}"))
        .is_some_and(|(name, rest)| {
            names(name) && !rest.contains(' ') || rest.contains("_id }}") && names(name)
        })
}

fn button(text: &str) -> Option<(&str, &str)> {
    let at = text.find(": {{")?;
    let (label, link) = (&text[..at], &text[at + 2..]);
    is_link(link).then_some((label, link))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_becomes_its_element_and_decisions_stay() {
        let text = "{% extends \"en/layout.txt\" %}\n{% block subject %}Hi{% endblock %}\n{% block body %}\nHello,\n\nyou asked {% include \"en/asked.txt\" %}\nonce.\n{% if x %}\n* one\n* two\n{% endif %}\n\n    {{ code }}\n\n    {{ text | indent(4) }}\n\n    messages   {{ n }}\n    keys   {{ k }}\n\nGo there: {{ privacy_url }}\n\n{{ link }}\n\nNumber: {{ request_id }}\n{% endblock %}\n{% block why %}Because.{% endblock %}\n";
        let html = of_text("en", text).unwrap();
        let expected = "{% extends \"en/layout.html\" %}\n{% block body %}\n<p>\nHello,\n</p>\n<p>\nyou asked {% include \"en/asked.txt\" %}\nonce.\n</p>\n{% if x %}\n<ul>\n<li>one</li>\n<li>two</li>\n</ul>\n{% endif %}\n<p><span class=\"code\">{{ code }}</span></p>\n<blockquote>{{ text }}</blockquote>\n<table>\n<tr><th scope=\"row\">messages</th><td>{{ n }}</td></tr>\n<tr><th scope=\"row\">keys</th><td>{{ k }}</td></tr>\n</table>\n<p><a class=\"button\" href=\"{{ privacy_url }}\">Go there</a></p>\n<p class=\"small\"><a href=\"{{ link }}\">{{ link }}</a></p>\n<p class=\"small\">Number: {{ request_id }}</p>\n{% endblock %}\n{% block why %}Because.{% endblock %}\n";
        assert_eq!(html, expected);
        assert!(of_text("en", "just a phrase").is_none());
    }
}
