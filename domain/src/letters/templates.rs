//! The words of mails, in the binary. One folder per language; each mail is a `.txt` whose first line is the subject, with
//! an `.html` that says the same and needs no images. Where there is no `.html`, it is made of the text (`html`).
//!
//! Another language is another folder with the same files. What a folder lacks is said in English. Subjects hold nothing
//! personal: they are shown on locked screens and kept in the logs of servers.

use std::{borrow::Cow, collections::BTreeSet};

use minijinja::{
    Environment, Error, ErrorKind, UndefinedBehavior, Value, context, syntax::SyntaxConfig, value::Serde,
};
use rust_embed::RustEmbed;

use super::{dates, html};

#[derive(RustEmbed)]
#[folder = "src/letters/templates"]
struct Files;

/// All mails in all languages.
pub struct Templates {
    environment: Environment<'static>,
    languages: BTreeSet<String>,
}

/// A mail in words.
#[derive(Debug)]
pub struct Words {
    /// BCP 47.
    pub language: String,
    /// Holds nothing personal.
    pub subject: String,
    /// For those who read text.
    pub text: String,
    /// For all others; needs no images.
    pub html: String,
}

impl Default for Templates {
    fn default() -> Self {
        Self::new()
    }
}

impl Templates {
    /// Reads all of them.
    #[expect(
        clippy::expect_used,
        reason = "the templates are part of the program, and a test parses each of them"
    )]
    pub fn new() -> Self {
        let mut environment = Environment::new();
        // A value that is missing is a mistake, not an empty place in a letter.
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        let syntax = SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .build();
        environment.set_syntax(syntax.expect("the usual delimiters differ from each other"));
        environment.add_filter("day", dates::day);
        environment.add_filter("time", dates::time);
        let mut languages = BTreeSet::new();
        for name in Files::iter() {
            let file = Files::get(&name).expect("it was just listed");
            let source = String::from_utf8(file.data.into_owned()).expect("templates are text");
            let (language, _) = name.split_once('/').expect("templates are in folders");
            languages.insert(language.to_owned());
            let sibling = name.strip_suffix(".txt").map(|stem| format!("{stem}.html"));
            if let Some(sibling) = sibling
                && Files::get(&sibling).is_none()
                && let Some(html) = html::of_text(language, &source)
            {
                environment
                    .add_template_owned(sibling, html)
                    .expect("what is made of a well-formed template is one");
            }
            environment
                .add_template_owned(name.into_owned(), source)
                .expect("an embedded template is well-formed");
        }
        Self {
            environment,
            languages,
        }
    }

    /// Every mail there is, by name.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = self
            .environment
            .templates()
            .filter_map(|(name, _)| name.strip_prefix("en/")?.strip_suffix(".html"))
            .filter(|name| *name != "layout")
            .map(str::to_owned)
            .collect();
        names.sort();
        names
    }

    /// The languages, by tag.
    pub fn languages(&self) -> impl Iterator<Item = &str> {
        self.languages.iter().map(String::as_str)
    }

    /// The languages that a mail can be said in.
    pub fn languages_of(&self, template: &str) -> Vec<String> {
        let there = |tag: &&String| {
            self.environment
                .get_template(&format!("{tag}/{template}.txt"))
                .is_ok()
        };
        self.languages.iter().filter(there).cloned().collect()
    }

    /// Renders a mail with what all mails may use and its own values.
    pub fn render(
        &self,
        template: &str,
        language: &str,
        common: Value,
        values: &serde_json::Value,
    ) -> Result<Words, Error> {
        let language = self.language(template, language);
        let values =
            context! { language => language.as_ref(), ..context! { ..Value::from(Serde(values)), ..common } };
        let plain = self
            .environment
            .get_template(&format!("{language}/{template}.txt"))?
            .render(values.clone())?;
        let (subject, text) = plain
            .split_once('\n')
            .ok_or_else(|| Error::new(ErrorKind::InvalidOperation, "the first line must be the subject"))?;
        let subject = subject.split_whitespace().collect::<Vec<_>>().join(" ");
        let html = self
            .environment
            .get_template(&format!("{language}/{template}.html"))?
            .render(context! { subject => subject.as_str(), ..values })?;
        Ok(Words {
            language: language.into_owned(),
            subject,
            text: wrapped(text.trim()),
            // Slashes need no escape in text and in quoted attributes, and links are read by more than browsers.
            html: html.replace("&#x2f;", "/"),
        })
    }

    /// The language asked for, or the one it is a kind of (`de-AT`, `de`), or English.
    fn language(&self, template: &str, asked: &str) -> Cow<'_, str> {
        let primary = asked.split('-').next().unwrap_or(asked);
        [asked, primary]
            .into_iter()
            .filter_map(|tag| {
                self.languages
                    .iter()
                    .find(|known| known.eq_ignore_ascii_case(tag))
            })
            .find(|tag| {
                self.environment
                    .get_template(&format!("{tag}/{template}.txt"))
                    .is_ok()
            })
            .map_or(Cow::Borrowed("en"), |tag| Cow::Borrowed(tag.as_str()))
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::sample::values, *};

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
        for name in &templates.names() {
            for contact in [Some("privacy@acme.example"), None] {
                let words = templates
                    .render(name, "en", common(contact), &values(name))
                    .unwrap();
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
        for name in &templates.names() {
            let subject = templates
                .render(name, "en", common(None), &values(name))
                .unwrap()
                .subject;
            for secret in ["Ada", "042137", "0195b6a0", "example", "weir_mt"] {
                assert!(!subject.contains(secret), "{name}: {subject}");
            }
        }
    }

    #[test]
    fn every_mail_is_there_in_six_languages_and_none_of_them_is_english_by_accident() {
        let templates = Templates::new();
        let languages: Vec<_> = templates.languages().collect();
        assert_eq!(languages, ["de", "en", "es", "fr", "nl", "pl"]);
        for name in &templates.names() {
            assert_eq!(templates.languages_of(name).len(), 6, "{name}");
            let english = templates.render(name, "en", common(None), &values(name)).unwrap();
            for language in languages.iter().filter(|language| **language != "en") {
                for contact in [Some("privacy@acme.example"), None] {
                    let words = templates
                        .render(name, language, common(contact), &values(name))
                        .unwrap();
                    assert_eq!(words.language, *language);
                    assert_ne!(words.subject, english.subject, "{language}/{name}");
                    assert!(
                        !words.subject.is_empty() && words.subject.chars().count() < 80,
                        "{}",
                        words.subject
                    );
                    for secret in ["Ada", "042137", "0195b6a0", "example", "weir_mt"] {
                        assert!(
                            !words.subject.contains(secret),
                            "{language}/{name}: {}",
                            words.subject
                        );
                    }
                    for form in [&words.text, &words.html] {
                        assert!(
                            !form.contains("{{") && !form.contains("{%"),
                            "{language}/{name}: {form}"
                        );
                        assert!(!form.contains(" the "), "{language}/{name}: {form}");
                    }
                    assert!(
                        words.text.contains('\n') && !words.html.contains("<img"),
                        "{language}/{name}"
                    );
                    assert_eq!(
                        words.html.matches("<ul>").count(),
                        words.html.matches("</ul>").count()
                    );
                    assert_eq!(
                        words.html.matches("<p").count(),
                        words.html.matches("</p>").count()
                    );
                    assert_eq!(
                        contact.is_some(),
                        words.text.contains("privacy@acme.example"),
                        "{language}/{name}"
                    );
                }
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
            let words = templates.render(name, "en", common(None), &values(name)).unwrap();
            for needle in needles {
                let text = words.text.split_whitespace().collect::<Vec<_>>().join(" ");
                assert!(text.contains(needle), "{name}: {}", words.text);
                assert!(words.html.contains(needle), "{name}: {}", words.html);
            }
        }
        let words = templates
            .render("verify_email", "en", common(None), &values("verify_email"))
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
                .render("portal_code", language, common(None), &values("portal_code"))
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
                .render("no_such_mail", "en", common(None), &values("no_such_mail"))
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
    fn a_statement_alone_is_noted_and_recipients_are_spoken_of_only_where_there_are_any() {
        let templates = Templates::new();
        let said = |language: &str, statement_only: bool, recipients: u64| {
            let mut values = values("request_completed");
            values["kind"] = json!("rectification");
            values["statement_only"] = json!(statement_only);
            values["recipients"] = json!(recipients);
            templates
                .render("request_completed", language, common(None), &values)
                .unwrap()
                .text
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ")
        };
        for language in templates.languages() {
            let (corrected, noted, told) = (
                said(language, false, 1),
                said(language, true, 0),
                said(language, true, 1),
            );
            assert_ne!(corrected, told, "{language}");
            assert!(told.len() > noted.len(), "{language}: {told}");
        }
        let noted = said("en", true, 0);
        assert!(noted.contains("We have noted what you told us"), "{noted}");
        for untrue in ["That is done", "What was wrong", "were told"] {
            assert!(!noted.contains(untrue), "{noted}");
        }
        assert!(said("en", true, 1).contains("Those who got your data from us were told of it."));
        assert!(said("en", false, 0).contains("That is done"));
    }

    #[test]
    fn nobody_is_asked_to_answer_a_mail_whose_answers_nobody_reads() {
        let templates = Templates::new();
        let asked = |language: &str, name: &str, contact: Option<&str>| {
            let words = templates
                .render(name, language, common(contact), &values(name))
                .unwrap();
            [words.text, words.html].map(|form| {
                let form = form.to_lowercase();
                let form = form.split_whitespace().collect::<Vec<_>>().join(" ");
                [
                    "answer this mail",
                    "auf diese mail",
                    "répondez à ce message",
                    "répondre à ce message",
                    "a este correo",
                    "beantwoord deze mail",
                    "beantwoord dan deze mail",
                    "na tę wiadomość",
                ]
                .iter()
                .any(|phrase| form.contains(phrase))
            })
        };
        for language in templates.languages() {
            for name in &templates.names() {
                assert_eq!(asked(language, name, None), [false, false], "{language}/{name}");
            }
            for name in ["request_lifting", "request_paused", "restriction"] {
                let contact = Some("privacy@acme.example");
                assert_eq!(asked(language, name, contact), [true, true], "{language}/{name}");
            }
        }
    }

    #[test]
    fn words_of_reminders_follow_their_stage() {
        let templates = Templates::new();
        let mut values = values("request_reminder");
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
