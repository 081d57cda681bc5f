//! A copy must not adversely affect others (GDPR Art. 15(4), 20(4)): who else wrote, and addresses of others, are left out.

use std::borrow::Cow;

use crate::subjects::Person;

/// What stands in the place of what is left out.
const SOMEBODY: &str = "[somebody else]";

/// Knows who the copy is for.
pub(super) struct Redactor {
    external_id: Option<String>,
    email: Option<String>,
}

impl Redactor {
    pub(super) fn new(person: Option<&Person>) -> Self {
        Self {
            external_id: person.and_then(|person| person.external_id.clone()),
            email: person.and_then(|person| person.email.as_deref().map(str::to_lowercase)),
        }
    }

    /// The tenant's own id of a person: theirs, or nobody's.
    pub(super) fn id<'a>(&self, id: &'a str) -> &'a str {
        if self.external_id.as_deref() == Some(id) {
            id
        } else {
            SOMEBODY
        }
    }

    /// A text without the mail addresses of others.
    pub(super) fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if !text.contains('@') {
            return Cow::Borrowed(text);
        }
        let mut out = String::with_capacity(text.len());
        let mut changed = false;
        let mut rest = text;
        while let Some(start) = rest.find(is_part) {
            out.push_str(&rest[..start]);
            let word = &rest[start..];
            let end = word.find(|letter| !is_part(letter)).unwrap_or(word.len());
            let (word, after) = word.split_at(end);
            if self.is_of_somebody_else(word) {
                out.push_str(SOMEBODY);
                changed = true;
            } else {
                out.push_str(word);
            }
            rest = after;
        }
        out.push_str(rest);
        if changed {
            Cow::Owned(out)
        } else {
            Cow::Borrowed(text)
        }
    }

    fn is_of_somebody_else(&self, word: &str) -> bool {
        let address = word.trim_matches(['.', '-', '_', '+']);
        let Some((local, domain)) = address.split_once('@') else {
            return false;
        };
        let shaped = !local.is_empty() && domain.contains('.') && !domain.contains('@');
        shaped && self.email.as_deref() != Some(address.to_lowercase().as_str())
    }
}

/// Whether a letter can be part of a mail address as people write them.
fn is_part(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '@' | '.' | '-' | '_' | '+')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_others_go_and_everything_else_stays() {
        let redactor = Redactor {
            external_id: Some("ada".into()),
            email: Some("ada@example.org".into()),
        };
        for (given, expected) in [
            ("hello", "hello"),
            ("I am Ada@Example.org.", "I am Ada@Example.org."),
            (
                "{\"from\":\"ada@example.org\",\"cc\":[\"bob+x@mail.example.org\"]}",
                "{\"from\":\"ada@example.org\",\"cc\":[\"[somebody else]\"]}",
            ),
            (
                "@channel look: a@b, x@y@z.de, ünï@köln.example!",
                "@channel look: a@b, x@y@z.de, [somebody else]!",
            ),
            ("mail bob@example.org.", "mail [somebody else]"),
        ] {
            assert_eq!(redactor.text(given), expected);
        }
        assert_eq!((redactor.id("ada"), redactor.id("bob")), ("ada", SOMEBODY));
    }
}
