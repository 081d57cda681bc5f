//! Keeping secrets out of logs: a wrapper that does not print, and a filter for the query part of addresses.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What stands in place of a secret.
pub const REDACTED: &str = "[redacted]";

/// Something that must not be printed. `Debug`, `Display` and `Serialize` give [`REDACTED`]; only [`Redacted::expose`] and
/// [`Redacted::into_inner`] give the value, and both are easy to search for.
///
/// It is read from settings like the value itself. It hides and does not wipe; keys have types of their own
/// ([`crate::key`]). There is no `==`: compare with [`crate::token::same`].
#[derive(Clone, Default)]
pub struct Redacted<T>(T);

impl<T> Redacted<T> {
    /// Hides `value`.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value, to be used and not to be kept.
    pub const fn expose(&self) -> &T {
        &self.0
    }

    /// The value, no longer hidden.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> From<T> for Redacted<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<T> fmt::Debug for Redacted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl<T> fmt::Display for Redacted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl<T> Serialize for Redacted<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(REDACTED)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Redacted<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self)
    }
}

/// Words that make the value of a parameter a secret, or somebody's name.
const WORDS: [&str; 29] = [
    "assertion",
    "auth",
    "authorization",
    "bearer",
    "code",
    "cookie",
    "credential",
    "credentials",
    "email",
    "jwt",
    "key",
    "keys",
    "mail",
    "otp",
    "pass",
    "phone",
    "pin",
    "pwd",
    "q",
    "query",
    "search",
    "session",
    "sid",
    "sig",
    "sub",
    "subject",
    "ticket",
    "user",
    "username",
];

/// Parts that do so wherever they stand, e.g. in `accesstoken`.
const PARTS: [&str; 9] = [
    "apikey",
    "authkey",
    "email",
    "external_id",
    "passw",
    "secret",
    "signature",
    "token",
    "userid",
];

/// Blanks what does not belong into a log: the values of parameters that are called token, key, code, auth, signature,
/// subject, e-mail or the like, every value with an `@`, and a fragment. All else stays byte for byte.
///
/// `path_and_query` is the target of a request. The path stays as it is: no secret belongs there.
#[must_use]
pub fn redact_query(path_and_query: &str) -> String {
    let (rest, fragment) = match path_and_query.split_once('#') {
        Some((rest, _)) => (rest, true),
        None => (path_and_query, false),
    };
    let mut out = String::with_capacity(path_and_query.len() + REDACTED.len());
    match rest.split_once('?') {
        None => out.push_str(rest),
        Some((path, query)) => {
            out.push_str(path);
            for (index, parameter) in query.split('&').enumerate() {
                out.push(if index == 0 { '?' } else { '&' });
                match parameter.split_once('=') {
                    Some((name, value)) if hides(name, value) => {
                        // A name may hide something too, e.g. an `@`; then it was the secret.
                        out.push_str(if names_somebody(name) { REDACTED } else { name });
                        out.push('=');
                        out.push_str(REDACTED);
                    }
                    None if names_somebody(parameter) => out.push_str(REDACTED),
                    _ => out.push_str(parameter),
                }
            }
        }
    }
    if fragment {
        out.push('#');
        out.push_str(REDACTED);
    }
    out
}

fn hides(name: &str, value: &str) -> bool {
    is_secret(&decoded(name)) || names_somebody(name) || names_somebody(value)
}

fn names_somebody(text: &str) -> bool {
    decoded(text).contains('@')
}

/// `name` as the server will read it, so that `%74oken` is no way around.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let escaped = (byte == b'%').then(|| bytes.get(at + 1..at + 3)).flatten();
        let value = escaped
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        out.push(value.unwrap_or(byte));
        at += if value.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn is_secret(name: &str) -> bool {
    let lower = name.to_lowercase();
    PARTS.iter().any(|part| lower.contains(part))
        || words(name).any(|word| WORDS.contains(&word.to_lowercase().as_str()))
}

/// The words of `api_key`, `filter[subject]` or `authKey`.
fn words(name: &str) -> impl Iterator<Item = &str> {
    name.split(|c: char| !c.is_alphanumeric()).flat_map(|word| {
        let mut rest = Some(word);
        std::iter::from_fn(move || {
            let word = rest.take()?;
            let end = word
                .char_indices()
                .zip(word.chars().skip(1))
                .find(|((_, this), next)| !this.is_uppercase() && next.is_uppercase())
                .map_or(word.len(), |((at, this), _)| at + this.len_utf8());
            let (first, others) = word.split_at(end);
            rest = (!others.is_empty()).then_some(others);
            Some(first)
        })
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_that_formats_shows_the_value() {
        let secret = Redacted::new("hunter2".to_owned());
        assert_eq!(
            format!("{secret} {secret:?} {secret:#?} {:?}", Some(&secret)),
            "[redacted] [redacted] [redacted] Some([redacted])"
        );
        assert_eq!(serde_json::to_string(&secret).unwrap(), "\"[redacted]\"");
        assert_eq!(secret.expose(), "hunter2");
        assert_eq!(secret.into_inner(), "hunter2");
    }

    #[test]
    fn a_secret_is_read_from_settings_like_any_text() {
        let secret: Redacted<String> = serde_json::from_str("\"hunter2\"").unwrap();
        assert_eq!(secret.expose(), "hunter2");
    }

    #[test]
    fn secret_parameters_lose_their_value_and_others_keep_it() {
        for (given, expected) in [
            ("/x", "/x"),
            ("/x?", "/x?"),
            ("/x?limit=10&after=abc", "/x?limit=10&after=abc"),
            (
                "/app/k?protocol=7&client=js&version=8.4.0&flash=false",
                "/app/k?protocol=7&client=js&version=8.4.0&flash=false",
            ),
            ("/x?token=abc", "/x?token=[redacted]"),
            (
                "/x?a=1&access_token=abc&b=2",
                "/x?a=1&access_token=[redacted]&b=2",
            ),
            ("/x?auth=abc", "/x?auth=[redacted]"),
            (
                "/x?auth_signature=abc&body_md5=d",
                "/x?auth_signature=[redacted]&body_md5=d",
            ),
            ("/x?code=123456", "/x?code=[redacted]"),
            (
                "/x?api-key=a&apikey=b&apiKey=c&X-Api-Key=d",
                "/x?api-key=[redacted]&apikey=[redacted]&apiKey=[redacted]&X-Api-Key=[redacted]",
            ),
            (
                "/x?TOKEN=a&refreshToken=b&client_secret=c",
                "/x?TOKEN=[redacted]&refreshToken=[redacted]&client_secret=[redacted]",
            ),
            (
                "/x?%74oken=a&to%6Ben=b",
                "/x?%74oken=[redacted]&to%6Ben=[redacted]",
            ),
            ("/x?token=a=b?c", "/x?token=[redacted]"),
            ("/x?token=a&token=b", "/x?token=[redacted]&token=[redacted]"),
            (
                "/x?filter[subject]=u-17&external_id=4",
                "/x?filter[subject]=[redacted]&external_id=[redacted]",
            ),
            (
                "/x?who=ann%40example.org&a@b=1&a@b",
                "/x?who=[redacted]&[redacted]=[redacted]&[redacted]",
            ),
            ("/x#access_token=abc", "/x#[redacted]"),
            ("/x?a=1#access_token=abc", "/x?a=1#[redacted]"),
            (
                "/x?monkey=1&author=2&encode=3&design=4",
                "/x?monkey=1&author=2&encode=3&design=4",
            ),
            ("/x?%=1&%2=2&%zz=3&%+1=4&é=5", "/x?%=1&%2=2&%zz=3&%+1=4&é=5"),
        ] {
            assert_eq!(redact_query(given), expected);
        }
    }

    proptest! {
        #[test]
        fn no_secret_comes_through_whatever_stands_around_it(
            before in "[a-z%=?&é]{0,20}", secret in "[A-Z0-9%=?_.-]{8,40}", after in ".{0,20}",
        ) {
            let line = redact_query(&format!("/x?{before}&token={secret}&{after}"));
            prop_assert!(!line.contains(&format!("token={secret}")), "{}", line);
            prop_assert!(line.contains("&token=[redacted]"), "{}", line);
        }

        #[test]
        fn any_text_is_taken_without_panic(text: String) {
            let _ = redact_query(&text);
        }
    }
}
