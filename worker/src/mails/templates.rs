//! The words of mails, in the binary. One folder per language; each mail is a `.txt` whose first line is the subject,
//! and an `.html` that says the same and needs no images.
//!
//! Another language is another folder with the same files and a line in [`LANGUAGES`]. What a folder lacks is said in
//! English. Subjects hold nothing personal: they are shown on locked screens and kept in the logs of servers.

use chrono::{DateTime, Datelike, Utc};
use minijinja::{
    Environment, Error, ErrorKind, State, UndefinedBehavior, Value, context, syntax::SyntaxConfig,
    value::Serde,
};

/// Languages there are, by tag.
const LANGUAGES: &[&str] = &["en"];

macro_rules! embedded {
    ($($language:literal: [$($name:literal),* $(,)?];)*) => {
        /// Every file, by its name in the folder `templates`.
        const FILES: &[(&str, &str)] = &[$($(
            (
                concat!($language, "/", $name, ".txt"),
                include_str!(concat!("templates/", $language, "/", $name, ".txt")),
            ),
            (
                concat!($language, "/", $name, ".html"),
                include_str!(concat!("templates/", $language, "/", $name, ".html")),
            ),
        )*)*];
    };
}

embedded! {
    "en": [
        "layout",
        "invitation",
        "portal_code",
        "request_completed_access",
        "request_completed_erasure",
        "request_received",
        "request_refused",
        "request_reminder",
        "reset_password",
        "verify_email",
    ];
}

pub(super) struct Templates(Environment<'static>);

/// A mail in words.
#[derive(Debug)]
pub(super) struct Words {
    pub(super) language: &'static str,
    pub(super) subject: String,
    pub(super) text: String,
    pub(super) html: String,
}

impl Templates {
    #[expect(
        clippy::expect_used,
        reason = "the templates are part of the program, and a test parses each of them"
    )]
    pub(super) fn new() -> Self {
        let mut environment = Environment::new();
        // A value that is missing is a mistake, not an empty place in a letter.
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        let syntax = SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .build();
        environment.set_syntax(syntax.expect("the usual delimiters differ from each other"));
        environment.add_filter("day", day);
        environment.add_filter("time", time);
        for (name, source) in FILES {
            environment
                .add_template(name, source)
                .expect("an embedded template is well-formed");
        }
        Self(environment)
    }

    /// Renders a mail with what all mails may use and its own values.
    pub(super) fn render(
        &self,
        template: &str,
        language: &str,
        common: Value,
        values: &serde_json::Value,
    ) -> Result<Words, Error> {
        let language = self.language(template, language);
        let values = context! { language, ..context! { ..Value::from(Serde(values)), ..common } };
        let plain = self
            .0
            .get_template(&format!("{language}/{template}.txt"))?
            .render(values.clone())?;
        let (subject, text) = plain
            .split_once('\n')
            .ok_or_else(|| Error::new(ErrorKind::InvalidOperation, "the first line must be the subject"))?;
        let subject = subject.split_whitespace().collect::<Vec<_>>().join(" ");
        let html = self
            .0
            .get_template(&format!("{language}/{template}.html"))?
            .render(context! { subject => subject.as_str(), ..values })?;
        Ok(Words {
            language,
            subject,
            text: wrapped(text.trim()),
            // Slashes need no escape in text and in quoted attributes, and links are read by more than browsers.
            html: html.replace("&#x2f;", "/"),
        })
    }

    /// The language asked for, or the one it is a kind of (`de-AT`, `de`), or English.
    fn language(&self, template: &str, asked: &str) -> &'static str {
        let primary = asked.split('-').next().unwrap_or(asked);
        [asked, primary]
            .into_iter()
            .filter_map(|tag| LANGUAGES.iter().find(|known| known.eq_ignore_ascii_case(tag)))
            .find(|tag| self.0.get_template(&format!("{tag}/{template}.txt")).is_ok())
            .copied()
            .unwrap_or("en")
    }
}

/// Breaks long lines between words. Addresses stay whole; the lines of a paragraph keep its indent.
fn wrapped(text: &str) -> String {
    const WIDTH: usize = 88;
    let mut out = String::with_capacity(text.len() + 64);
    for line in text.lines() {
        let line = line.trim_end();
        let indent = line.len() - line.trim_start_matches([' ', '*']).len();
        let mut width = 0;
        for (at, word) in line[indent..].split(' ').enumerate() {
            let length = word.chars().count();
            if at == 0 {
                out.push_str(&line[..indent]);
                width = indent + length;
            } else if width + 1 + length > WIDTH {
                out.push('\n');
                out.extend(std::iter::repeat_n(' ', indent));
                width = indent + length;
            } else {
                out.push(' ');
                width += 1 + length;
            }
            out.push_str(word);
        }
        out.push('\n');
    }
    out
}

fn parse(text: &str) -> Result<DateTime<Utc>, Error> {
    DateTime::parse_from_rfc3339(text)
        .map(|at| at.to_utc())
        .map_err(|_| Error::new(ErrorKind::InvalidOperation, "this is not a time"))
}

/// A day in words: `21 December 2026`.
fn day(state: &State<'_, '_>, text: &str) -> Result<String, Error> {
    const ENGLISH: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let at = parse(text)?;
    let month = match state.lookup("language").as_ref().and_then(Value::as_str) {
        Some("en") => ENGLISH[at.month0() as usize % 12],
        // The one spelling that everybody reads the same way.
        _ => return Ok(at.format("%Y-%m-%d").to_string()),
    };
    Ok(format!("{} {month} {}", at.day(), at.year()))
}

/// A time in words: `21 December 2026, 14:05 UTC`.
fn time(state: &State<'_, '_>, text: &str) -> Result<String, Error> {
    Ok(format!(
        "{}, {} UTC",
        day(state, text)?,
        parse(text)?.format("%H:%M")
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NAMES: [&str; 9] = [
        "invitation",
        "portal_code",
        "request_completed_access",
        "request_completed_erasure",
        "request_received",
        "request_refused",
        "request_reminder",
        "reset_password",
        "verify_email",
    ];

    fn values() -> serde_json::Value {
        json!({
            "tenant_name": "Acme <GmbH>", "name": "Ada <b>L.</b>", "role": "dpo",
            "link": "https://weir.example/console/verify?token=weir_mt_x&y=1",
            "expires": "2026-12-21T14:05:00Z",
            "code": "042137", "minutes": 10,
            "request_id": "0195b6a0-0000-7000-8000-000000000001", "kind": "erasure",
            "received_at": "2026-11-21T09:00:00+00:00", "due_at": "2026-12-21T23:59:59+00:00",
            "expires_at": "2026-12-01T09:00:00Z",
            "outcome": { "messages": 2, "connections": 1, "consents": 0, "keys": 3 },
            "opening": { "subject": "0195b6a0-0000-7000-8000-000000000002", "salt": "00ff" },
            "attach_receipt": 7,
            "because": "the law obliges us to keep the data", "provision": "Art. 17(3)(b) GDPR",
            "text": "We must keep <invoices>.\nFor ten years.", "complaint": "You can complain.", "remedy": "And sue.",
            "stage": "due", "days": 3, "waits_for_decision": true,
        })
    }

    fn common(contact: Option<&str>) -> Value {
        context! {
            public_url => "https://weir.example",
            console_url => "https://weir.example/console/",
            privacy_url => "https://weir.example/privacy/acme",
            tenant => context! { name => "Acme <GmbH>", slug => "acme", contact_email => contact },
        }
    }

    #[test]
    fn every_mail_renders_in_both_forms_and_leaves_no_seam() {
        let templates = Templates::new();
        for name in NAMES {
            for contact in [Some("privacy@acme.example"), None] {
                let words = templates.render(name, "en", common(contact), &values()).unwrap();
                assert!(
                    !words.subject.is_empty() && words.subject.len() < 80,
                    "{name}: {}",
                    words.subject
                );
                for form in [&words.text, &words.html] {
                    assert!(!form.contains("{{") && !form.contains("{%"), "{name}: {form}");
                }
                assert!(
                    !words.text.contains("none"),
                    "{name} says what there is not: {}",
                    words.text
                );
                assert!(!words.html.contains("<img"), "{name} needs an image");
                assert!(
                    !words.html.contains("<b>L.</b>") && !words.html.contains("<GmbH>"),
                    "{name} is not escaped"
                );
                assert!(
                    !words.text.contains("&amp;") && !words.text.contains("&lt;"),
                    "{name} is escaped twice"
                );
                assert!(
                    words.text.lines().all(|line| line.chars().count() <= 100),
                    "{name}: {}",
                    words.text
                );
                assert_eq!(
                    contact.is_some(),
                    words.text.contains("privacy@acme.example"),
                    "{name} says whom to ask"
                );
            }
        }
    }

    #[test]
    fn no_subject_line_tells_who_or_what() {
        let templates = Templates::new();
        for name in NAMES {
            let subject = templates
                .render(name, "en", common(None), &values())
                .unwrap()
                .subject;
            for secret in ["Ada", "042137", "0195b6a0", "example", "weir_mt"] {
                assert!(!subject.contains(secret), "{name}: {subject}");
            }
        }
    }

    #[test]
    fn what_a_mail_is_for_is_in_both_of_its_forms() {
        let templates = Templates::new();
        for (name, needles) in [
            ("portal_code", &["042137", "10 minutes"][..]),
            ("verify_email", &["21 December 2026, 14:05 UTC"]),
            ("request_received", &["21 December 2026"]),
            (
                "request_refused",
                &[
                    "For ten years.",
                    "Art. 17(3)(b) GDPR",
                    "You can complain.",
                    "And sue.",
                ],
            ),
            (
                "request_completed_erasure",
                &["00ff", "0195b6a0-0000-7000-8000-000000000002"],
            ),
            (
                "request_completed_access",
                &["1 December 2026", "https://weir.example/privacy/acme"],
            ),
        ] {
            let words = templates.render(name, "en", common(None), &values()).unwrap();
            for needle in needles {
                let text = words.text.split_whitespace().collect::<Vec<_>>().join(" ");
                assert!(text.contains(needle), "{name}: {}", words.text);
                assert!(words.html.contains(needle), "{name}: {}", words.html);
            }
        }
        let words = templates
            .render("verify_email", "en", common(None), &values())
            .unwrap();
        assert!(
            words
                .text
                .contains("https://weir.example/console/verify?token=weir_mt_x&y=1")
        );
    }

    #[test]
    fn an_unknown_language_is_answered_in_english_and_a_missing_value_is_an_error() {
        let templates = Templates::new();
        for language in ["en", "en-GB", "EN", "tlh", ""] {
            let words = templates
                .render("portal_code", language, common(None), &values())
                .unwrap();
            assert_eq!(words.language, "en");
        }
        assert!(
            templates
                .render("portal_code", "en", common(None), &json!({}))
                .is_err()
        );
        assert!(
            templates
                .render("no_such_mail", "en", common(None), &values())
                .is_err()
        );
    }

    #[test]
    fn long_lines_break_between_words_and_keep_their_indent() {
        let long = format!(
            "    {}\n* {}\n\nhttps://x.example/{}",
            "word ".repeat(30),
            "more ".repeat(30),
            "y".repeat(200)
        );
        let out = wrapped(&long);
        let lines: Vec<_> = out.lines().collect();
        assert!(lines[0].starts_with("    word") && lines[1].starts_with("    word"));
        assert!(lines.iter().any(|line| line.starts_with("  more")));
        assert!(
            lines
                .iter()
                .all(|line| line.len() <= 88 || line.starts_with("https://")),
            "{out}"
        );
        assert_eq!(
            out.split_whitespace().collect::<Vec<_>>(),
            long.split_whitespace().collect::<Vec<_>>()
        );
    }

    #[test]
    fn words_of_reminders_follow_their_stage() {
        let templates = Templates::new();
        let mut values = values();
        for (stage, needle) in [("due", "due"), ("overdue", "overdue"), ("approval", "decision")] {
            values["stage"] = json!(stage);
            values["why"] = json!("some of the data are kept for a legal obligation");
            let words = templates
                .render("request_reminder", "en", common(None), &values)
                .unwrap();
            assert!(words.subject.contains(needle), "{}", words.subject);
            assert!(words.text.contains(needle) && words.html.contains(needle));
        }
    }
}
