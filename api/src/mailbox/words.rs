//! Encoded words in headers (RFC 2047), as the worker writes them: in UTF-8.

use base64::{Engine as _, engine::general_purpose::STANDARD};

const BEGIN: &str = "=?";

/// A header's value as people read it. What is no encoded word, or is in another charset, stays as it is.
pub(super) fn decoded(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let mut rest = value;
    let mut behind_a_word = false;
    while let Some(at) = rest.find(BEGIN) {
        let (before, from) = rest.split_at(at);
        if let Some((text, behind)) = word(from) {
            // White space between two encoded words only parts them (RFC 2047 §6.2).
            let only_parts = behind_a_word && before.trim().is_empty();
            if !only_parts {
                out.push_str(before);
            }
            out.push_str(&text);
            rest = behind;
            behind_a_word = true;
        } else {
            out.push_str(before);
            out.push_str(BEGIN);
            rest = &from[BEGIN.len()..];
            behind_a_word = false;
        }
    }
    out.push_str(rest);
    out
}

/// The encoded word that a text begins with, in plain letters, and what is behind it.
fn word(from: &str) -> Option<(String, &str)> {
    let (charset, rest) = from.strip_prefix(BEGIN)?.split_once('?')?;
    let (encoding, rest) = rest.split_once('?')?;
    let (text, behind) = rest.split_once("?=")?;
    let bytes = match encoding {
        "b" | "B" => STANDARD.decode(text).ok()?,
        "q" | "Q" => unquoted(text)?,
        _ => return None,
    };
    let ours = charset.eq_ignore_ascii_case("utf-8");
    let text = String::from_utf8(bytes).ok().filter(|_| ours)?;
    Some((text, behind))
}

/// The bytes that the encoding Q stands for (RFC 2047 §4.2).
fn unquoted(text: &str) -> Option<Vec<u8>> {
    let mut bytes = text.bytes();
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        let plain = match byte {
            b'_' => b' ',
            b'=' => (digit(bytes.next()?)? << 4) | digit(bytes.next()?)?,
            _ => byte,
        };
        out.push(plain);
    }
    Some(out)
}

fn digit(byte: u8) -> Option<u8> {
    let value = char::from(byte).to_digit(16)?;
    u8::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoded_words_are_read_wherever_they_begin_and_all_else_stays() {
        for (value, expected) in [
            ("Your code", "Your code"),
            (
                "Ihr Code =?utf-8?b?ZsO8cg==?= die Datenschutzseite",
                "Ihr Code für die Datenschutzseite",
            ),
            (
                "=?utf-8?b?w4RobmxpY2g=?= =?utf-8?q?_und_=C3=BC?=",
                "Ähnlich und ü",
            ),
            ("=?UTF-8?Q?=C3=BCber?= und =?UTF-8?B?w7xiZXI=?=", "über und über"),
            ("=?iso-8859-1?q?f=FCr?= x", "=?iso-8859-1?q?f=FCr?= x"),
            ("=?utf-8?b?not base64?=", "=?utf-8?b?not base64?="),
            ("=?utf-8?q?=C3?= =?utf-8?q?=x?=", "=?utf-8?q?=C3?= =?utf-8?q?=x?="),
            ("1 =? 2", "1 =? 2"),
            ("=?utf-8?b?ZsO8", "=?utf-8?b?ZsO8"),
        ] {
            assert_eq!(decoded(value), expected);
        }
    }
}
