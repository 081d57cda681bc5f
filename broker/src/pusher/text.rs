//! JSON texts: reading them without copying, writing them in one pass.

use std::{borrow::Cow, fmt};

use serde::{Deserialize, Deserializer, de};

/// A text that is borrowed from the message unless it has escapes. Serde would copy it inside an `Option`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Text<'a>(pub(super) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_str(Visitor)
    }
}

/// Whether lists and objects stand more than `limit` deep inside each other. Right for JSON; of anything else it says something
/// harmless.
pub(super) fn is_deeper(text: &str, limit: usize) -> bool {
    let opened = |byte: &u8| matches!(byte, b'{' | b'[');
    // Hardly any message has so many of them at all, and counting them is cheaper than following quotes.
    if text.as_bytes().iter().filter(|byte| opened(byte)).count() <= limit {
        return false;
    }
    let (mut depth, mut quoted) = (0_usize, false);
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => quoted = !quoted,
            b'\\' if quoted => drop(bytes.next()),
            b'{' | b'[' if !quoted => {
                depth += 1;
                if depth > limit {
                    return true;
                }
            }
            b'}' | b']' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

/// Writes a text as JSON, quotes and all (RFC 8259 §7: what must be escaped, and nothing else).
pub(super) fn string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    escape(out, text.as_bytes());
    out.push(b'"');
}

/// Writes the inside of a JSON text. `text` is valid UTF-8.
pub(super) fn escape(out: &mut Vec<u8>, text: &[u8]) {
    out.reserve(text.len() + text.len() / 8);
    let mut rest = text;
    while let Some(place) = first_escaped(rest) {
        out.extend_from_slice(&rest[..place]);
        let byte = rest[place];
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            8 => out.extend_from_slice(b"\\b"),
            12 => out.extend_from_slice(b"\\f"),
            control => {
                const DIGITS: &[u8; 16] = b"0123456789abcdef";
                let (high, low) = (
                    DIGITS[usize::from(control >> 4)],
                    DIGITS[usize::from(control & 15)],
                );
                out.extend_from_slice(&[b'\\', b'u', b'0', b'0', high, low]);
            }
        }
        rest = &rest[place + 1..];
    }
    out.extend_from_slice(rest);
}

/// Where the first byte stands that must be escaped. Looks at eight bytes at a time.
fn first_escaped(text: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGHS: u64 = u64::from_ne_bytes([0x80; 8]);
    let (words, tail) = text.as_chunks::<8>();
    for (number, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        // A byte's high bit stands in a mask where the byte is below, or zero after the XOR. Bytes above the first one that is
        // marked may be marked wrongly, by a borrow; the first one is right.
        let below = word.wrapping_sub(ONES * 0x20) & !word;
        let zero = |word: u64| word.wrapping_sub(ONES) & !word;
        let marked = (below | zero(word ^ (ONES * 0x22)) | zero(word ^ (ONES * 0x5C))) & HIGHS;
        if marked != 0 {
            return Some(number * 8 + marked.trailing_zeros() as usize / 8);
        }
    }
    let tail_at = text.len() - tail.len();
    tail.iter()
        .position(|byte| *byte < 0x20 || matches!(byte, b'"' | b'\\'))
        .map(|place| tail_at + place)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> String {
        let mut out = Vec::new();
        string(&mut out, text);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_text_is_written_as_serde_json_writes_it() {
        for byte in 0..=0x7F_u8 {
            for place in 0..20 {
                let mut text = "ä2345678-x2345678-z".to_owned();
                text.insert(
                    text.char_indices().nth(place).map_or(text.len(), |(at, _)| at),
                    byte.into(),
                );
                assert_eq!(written(&text), serde_json::to_string(&text).unwrap());
            }
        }
        for text in [
            "",
            "\"",
            "\u{80}\u{7FF}\u{FFFF}\u{10FFFF}",
            "!\"!!\\!!!!\"\u{1}\u{1f} \u{20}",
        ] {
            assert_eq!(written(text), serde_json::to_string(text).unwrap());
        }
    }

    #[test]
    fn a_text_without_escapes_is_not_copied() {
        let Text(plain) = serde_json::from_str(r#""abc""#).unwrap();
        assert!(matches!(plain, Cow::Borrowed("abc")));
        let Text(escaped) = serde_json::from_str(r#""a\"c""#).unwrap();
        assert_eq!(escaped, r#"a"c"#);
    }

    #[test]
    fn depth_counts_what_is_open_at_a_time_and_not_what_is_quoted() {
        let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(!is_deeper(&nested(64), 64));
        assert!(is_deeper(&nested(65), 64));
        assert!(!is_deeper(&"[],".repeat(100), 64));
        assert!(!is_deeper(
            &format!(r#"{{"a":"{}\"{}"}}"#, "[".repeat(100), "{".repeat(100)),
            64
        ));
        assert!(is_deeper(&format!(r#"{{"a\\":{}}}"#, nested(64)), 64));
    }
}
