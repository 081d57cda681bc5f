//! Checks that several nouns share: slugs, names, longer texts, languages. Each adds what is wrong to [`Faults`].

use crate::error::Faults;

/// Longest slug, in characters. It is part of URLs.
pub const MAX_SLUG: usize = 63;
/// Longest name, in characters.
pub const MAX_NAME: usize = 100;
/// Longest description or reason, in characters.
pub const MAX_TEXT: usize = 2_000;

/// Whether this can be a slug: lower-case letters, digits and single hyphens, as in a DNS label (RFC 1035 §2.3.1).
pub fn is_slug(text: &str) -> bool {
    (1..=MAX_SLUG).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
        && !text.contains("--")
}

/// Checks a slug.
pub fn slug(faults: &mut Faults, field: &str, text: &str) {
    faults.check(
        is_slug(text),
        field,
        "not_a_slug",
        format!("use 1 to {MAX_SLUG} lower-case letters, digits and single hyphens between them"),
    );
}

/// Checks a name that people read: something visible, on one line, not too long.
pub fn name(faults: &mut Faults, field: &str, text: &str) {
    faults.check(!text.trim().is_empty(), field, "empty", "say a name");
    faults.check(
        text.chars().count() <= MAX_NAME,
        field,
        "too_long",
        format!("use at most {MAX_NAME} characters"),
    );
    faults.check(
        !text.chars().any(char::is_control),
        field,
        "control_characters",
        "leave out line breaks and other control characters",
    );
}

/// Checks a text of several lines, if there is one.
pub fn text(faults: &mut Faults, field: &str, text: Option<&str>) {
    faults.check(
        text.is_none_or(|text| text.chars().count() <= MAX_TEXT),
        field,
        "too_long",
        format!("use at most {MAX_TEXT} characters"),
    );
}

/// Checks the shape of a language tag (BCP 47): `en`, `de-CH`, `zh-Hant-TW`.
pub fn language(faults: &mut Faults, field: &str, tag: &str) {
    let mut parts = tag.split('-');
    let primary = parts
        .next()
        .is_some_and(|part| (2..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphabetic()));
    let rest =
        parts.all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric()));
    faults.check(
        primary && rest && tag.len() <= 35,
        field,
        "not_a_language",
        "use a BCP 47 tag such as en, de-CH or zh-Hant-TW",
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_what_fits_into_a_url_without_quoting() {
        for good in ["a", "chat", "chat-2", "2fa"] {
            assert!(is_slug(good), "{good}");
        }
        for bad in ["", "-a", "a-", "a--b", "A", "a_b", "ä", "a b", &"a".repeat(64)] {
            assert!(!is_slug(bad), "{bad}");
        }
    }

    #[test]
    fn languages_have_the_shape_of_bcp_47() {
        for (tag, good) in [
            ("en", true),
            ("de-CH", true),
            ("zh-Hant-TW", true),
            ("e", false),
            ("en_US", false),
            ("en-", false),
        ] {
            let mut faults = Faults::default();
            language(&mut faults, "/language", tag);
            assert_eq!(faults.finish().is_ok(), good, "{tag}");
        }
    }
}
