//! The words of `README.html`, one file per language: a person is entitled to be told in a form that they understand
//! (GDPR Art. 12(1)). `{name}` in them is filled by the page.

use std::sync::LazyLock;

use serde_json::Value;

use crate::letters;

const FILES: [(&str, &str); 6] = [
    ("en", include_str!("words/en.toml")),
    ("de", include_str!("words/de.toml")),
    ("es", include_str!("words/es.toml")),
    ("fr", include_str!("words/fr.toml")),
    ("nl", include_str!("words/nl.toml")),
    ("pl", include_str!("words/pl.toml")),
];

#[expect(
    clippy::expect_used,
    reason = "the words are part of the program, and a test reads each of them"
)]
static WORDS: LazyLock<Vec<(&str, Value)>> = LazyLock::new(|| {
    let read = |(language, text)| (language, toml::from_str(text).expect("words are well-formed"));
    FILES.into_iter().map(read).collect()
});

/// The words in the language of this tag (BCP 47), or else in English; and which it is.
pub(super) fn of(tag: &str) -> (&'static str, &'static Value) {
    let spoken = letters::known(tag);
    let (language, words) = WORDS
        .iter()
        .find(|(language, _)| Some(*language) == spoken)
        .unwrap_or(&WORDS[0]);
    (language, words)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::letters::LANGUAGES;

    /// Each phrase by its path, and what it wants to be filled with.
    fn phrases(at: &str, words: &Value, into: &mut BTreeMap<String, Vec<String>>) {
        match words {
            Value::Object(words) => {
                for (name, words) in words {
                    phrases(&format!("{at}/{name}"), words, into);
                }
            }
            words => {
                let text = words.as_str().unwrap();
                assert!(!text.trim().is_empty(), "{at} says nothing");
                let mut wanted: Vec<_> = text
                    .split('{')
                    .skip(1)
                    .map(|rest| rest.split('}').next().unwrap().to_owned())
                    .collect();
                wanted.sort();
                into.insert(at.to_owned(), wanted);
            }
        }
    }

    #[test]
    fn every_language_says_all_that_english_says() {
        let of_language = |language: &str| {
            let mut all = BTreeMap::new();
            phrases("", of(language).1, &mut all);
            all
        };
        let english = of_language("en");
        for language in LANGUAGES {
            assert_eq!(of(language).0, language);
            assert_eq!(of_language(language), english, "{language}");
        }
    }

    #[test]
    fn a_dialect_is_a_language_and_an_unknown_one_is_english() {
        assert_eq!(of("de-AT").0, "de");
        assert_eq!(of("FR").0, "fr");
        assert_eq!(of("ja").0, "en");
    }
}
