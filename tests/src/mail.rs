//! Mails as they arrive: enough of RFC 5322, MIME (RFC 2045, 2046) and encoded words (RFC 2047) to read what the server sends.

use std::collections::HashMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};

/// A mail, taken apart.
#[derive(Clone, Debug, Default)]
pub struct Mail {
    /// The envelope's or else the header's recipients, bare addresses.
    pub to: Vec<String>,
    /// The subject.
    pub subject: String,
    /// The plain text.
    pub text: String,
    /// The HTML text, if there is one.
    pub html: Option<String>,
    /// Everything with a file name.
    pub attachments: Vec<Attachment>,
    /// Headers by their name in lower case.
    pub headers: HashMap<String, String>,
}

/// A file that came with a mail.
#[derive(Clone, Debug)]
pub struct Attachment {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub bytes: Vec<u8>,
}

impl Mail {
    /// Reads a mail.
    pub fn parse(raw: &[u8]) -> Self {
        let text = String::from_utf8_lossy(raw).replace("\r\n", "\n");
        let (headers, body) = split(&text);
        let mut mail = Self {
            subject: headers
                .get("subject")
                .map(|subject| words(subject))
                .unwrap_or_default(),
            to: headers.get("to").map(|to| addresses(to)).unwrap_or_default(),
            ..Self::default()
        };
        mail.take(&headers, body);
        mail.headers = headers;
        mail
    }

    fn take(&mut self, headers: &HashMap<String, String>, body: &str) {
        let kind = headers.get("content-type").map_or("text/plain", String::as_str);
        if kind.to_ascii_lowercase().starts_with("multipart/") {
            let boundary = parameter(kind, "boundary").expect("a multipart mail has a boundary");
            for part in body.split(&format!("--{boundary}")).skip(1) {
                if part.starts_with("--") {
                    break;
                }
                let (headers, body) = split(part.strip_prefix('\n').unwrap_or(part));
                // The line break before a boundary belongs to the boundary.
                self.take(&headers, body.strip_suffix('\n').unwrap_or(body));
            }
            return;
        }
        let encoding = headers
            .get("content-transfer-encoding")
            .map_or("7bit", String::as_str);
        let bytes = decode(encoding, body);
        let disposition = headers.get("content-disposition").map_or("", String::as_str);
        if let Some(name) = parameter(disposition, "filename").or_else(|| parameter(kind, "name")) {
            self.attachments.push(Attachment { name, bytes });
        } else if kind.to_ascii_lowercase().starts_with("text/html") {
            self.html = Some(String::from_utf8_lossy(&bytes).into_owned());
        } else {
            self.text.push_str(&String::from_utf8_lossy(&bytes));
        }
    }

    /// The value of `token=` in the first link that has one.
    pub fn token(&self) -> Option<String> {
        let rest = self.text.split_once("token=")?.1;
        let end = rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || "_-.~%".contains(c)))
            .unwrap_or(rest.len());
        Some(rest[..end].into())
    }

    /// The first line, word or half line that looks like a one-time code: six to ten digits or capitals, perhaps in groups.
    pub fn code(&self) -> Option<String> {
        let is_code = |word: &&str| {
            let bare: String = word.chars().filter(|c| *c != '-').collect();
            (6..=12).contains(&bare.len())
                && bare.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
                && bare.chars().any(|c| c.is_ascii_digit())
        };
        let words = self
            .text
            .split(|c: char| c.is_whitespace() || ",.;:()".contains(c));
        words
            .filter(|word| !word.is_empty())
            .find(is_code)
            .map(Into::into)
    }
}

/// Headers (unfolded) and what follows the empty line.
fn split(text: &str) -> (HashMap<String, String>, &str) {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let mut headers = HashMap::new();
    for line in head.replace("\n ", " ").replace("\n\t", " ").lines() {
        if let Some((name, value)) = line.split_once(':') {
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
    }
    (headers, body)
}

/// `name=value` or `name="value"` after the first semicolon.
fn parameter(header: &str, name: &str) -> Option<String> {
    header.split(';').skip(1).find_map(|part| {
        let (key, value) = part.trim().split_once('=')?;
        key.eq_ignore_ascii_case(name)
            .then(|| value.trim_matches('"').to_owned())
    })
}

fn addresses(header: &str) -> Vec<String> {
    let bare = |one: &str| match (one.find('<'), one.find('>')) {
        (Some(start), Some(end)) if start < end => one[start + 1..end].to_owned(),
        _ => one.trim().to_owned(),
    };
    header.split(',').map(bare).collect()
}

fn decode(encoding: &str, body: &str) -> Vec<u8> {
    match encoding.to_ascii_lowercase().as_str() {
        "base64" => {
            let packed: String = body.split_whitespace().collect();
            STANDARD.decode(packed).expect("base64 as announced")
        }
        "quoted-printable" => unquote(&body.replace("=\n", ""), false),
        _ => body.as_bytes().to_vec(),
    }
}

/// Quoted-printable (RFC 2045 §6.7), or its form in headers, where `_` is a space.
fn unquote(text: &str, in_header: bool) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        match first {
            b'=' if after.len() >= 2 => {
                let pair = std::str::from_utf8(&after[..2])
                    .ok()
                    .and_then(|pair| u8::from_str_radix(pair, 16).ok());
                bytes.push(pair.expect("two hexadecimal digits after ="));
                rest = &after[2..];
            }
            b'_' if in_header => bytes.push(b' '),
            other => bytes.push(*other),
        }
    }
    bytes
}

/// Encoded words in a header.
fn words(header: &str) -> String {
    // Between two encoded words, white space is only there to fold the line.
    let mut rest = header.replace("?= =?", "?==?");
    let mut text = String::new();
    while let Some((before, word, after)) = encoded_word(&rest) {
        text.push_str(&before);
        text.push_str(&word);
        rest = after;
    }
    text + &rest
}

fn encoded_word(text: &str) -> Option<(String, String, String)> {
    let (before, rest) = text.split_once("=?")?;
    let mut parts = rest.splitn(3, '?');
    let (_charset, encoding, rest) = (parts.next()?, parts.next()?, parts.next()?);
    let (word, after) = rest.split_once("?=")?;
    let bytes = if encoding.eq_ignore_ascii_case("b") {
        STANDARD.decode(word).ok()?
    } else {
        unquote(word, true)
    };
    Some((
        before.to_owned(),
        String::from_utf8_lossy(&bytes).into_owned(),
        after.to_owned(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_with_everything_is_taken_apart() {
        let raw = concat!(
            "To: Ada <ada@example.com>, bob@example.com\r\nSubject: =?utf-8?b?w4RobmxpY2g=?= =?utf-8?q?_und_=C3=BC?=\r\n",
            "Content-Type: multipart/mixed; boundary=\"x\"\r\n\r\n--x\r\n",
            "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n",
            "Your code is 482913, it =\r\nholds f=C3=BCr 10 minutes:\r\nhttp://h/?token=3Dab_c-d&x\r\n",
            "--x\r\nContent-Type: application/zip; name=\"a.zip\"\r\nContent-Transfer-Encoding: base64\r\n\r\nAQID\r\n--x--\r\n",
        );
        let mail = Mail::parse(raw.as_bytes());
        assert_eq!(mail.to, ["ada@example.com", "bob@example.com"]);
        assert_eq!(mail.subject, "Ähnlich und ü");
        assert!(mail.text.contains("it holds für 10"), "{}", mail.text);
        assert_eq!(mail.code().as_deref(), Some("482913"));
        assert_eq!(mail.token().as_deref(), Some("ab_c-d"));
        assert_eq!(
            (
                mail.attachments[0].name.as_str(),
                mail.attachments[0].bytes.as_slice()
            ),
            ("a.zip", &[1, 2, 3][..])
        );
    }
}
