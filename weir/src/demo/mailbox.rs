//! Reads the mails of the story: from the server's own mailbox page, or, where mails really leave, from the person at
//! the keyboard, who is asked for what stands in them.

use std::{
    io::{self, IsTerminal},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use tokio::time::{Instant, sleep};

use super::rest::Rest;
use crate::print;

/// Where mails are read.
pub(super) struct Mailbox {
    rest: Rest,
}

/// How long a mail may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// The newest mails that are looked at. A story has a handful.
const DEPTH: usize = 20;

impl Mailbox {
    pub(super) fn new(rest: Rest) -> Self {
        Self { rest }
    }

    /// Whether mails can be read without anybody's help.
    pub(super) async fn is_here(&self) -> Result<bool> {
        Ok(self.rest.outside("/mailbox").await?.status == 200)
    }

    /// What `find` makes of the newest mail to an address that it makes something of. `what` says to a person at the
    /// keyboard what to look for.
    pub(super) async fn find<T>(&self, to: &str, what: &str, find: impl Fn(&str) -> Option<T>) -> Result<T> {
        let end = Instant::now() + PATIENCE;
        loop {
            let page = self.rest.outside("/mailbox").await?;
            if page.status == 404 {
                return self.ask(to, what, find);
            }
            for name in links(&page.text()).into_iter().take(DEPTH) {
                let raw = self
                    .rest
                    .outside(&format!("/mailbox/{name}"))
                    .await?
                    .text()
                    .replace("\r\n", "\n");
                let is_theirs = raw.lines().take_while(|line| !line.is_empty()).any(|line| {
                    line.split_once(':').is_some_and(|(header, value)| {
                        header.eq_ignore_ascii_case("to") && value.contains(to)
                    })
                });
                if is_theirs && let Some(found) = find(&plain(&raw)) {
                    return Ok(found);
                }
            }
            if Instant::now() > end {
                bail!("no mail to {to} with {what} came within {PATIENCE:?}");
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    fn ask<T>(&self, to: &str, what: &str, find: impl Fn(&str) -> Option<T>) -> Result<T> {
        if !io::stdin().is_terminal() {
            bail!(
                "mails of {} leave through a mail server, and nobody is at the keyboard to read the one to {to}",
                self.rest.base()
            );
        }
        loop {
            print::note(format!(
                "    A mail to {to} has {what}. Paste it here and press Enter:"
            ));
            let mut line = String::new();
            if io::stdin()
                .read_line(&mut line)
                .context("the keyboard cannot be read")?
                == 0
            {
                bail!("nobody typed {what}");
            }
            if let Some(found) = find(line.trim()) {
                return Ok(found);
            }
        }
    }
}

/// The token of a link.
pub(super) fn token(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("token=")?;
    let end = rest
        .find(|c: char| !(c.is_ascii_alphanumeric() || "_-.~".contains(c)))
        .unwrap_or(rest.len());
    Some(rest[..end].to_owned())
}

/// A one-time code: six digits that stand alone.
pub(super) fn code(text: &str) -> Option<String> {
    text.split_whitespace()
        .find(|word| word.len() == 6 && word.bytes().all(|b| b.is_ascii_digit()))
        .map(str::to_owned)
}

/// The mails that the page links to, in its order, which is newest first.
fn links(page: &str) -> Vec<String> {
    let parts = page.split("href=\"/mailbox/").skip(1);
    parts
        .filter_map(|part| part.split_once('"').map(|(name, _)| name.to_owned()))
        .collect()
}

/// The plain text of a mail: all of it, or its first part that is text.
fn plain(raw: &str) -> String {
    let (head, body) = raw.split_once("\n\n").unwrap_or(("", raw));
    let head = head.replace("\n ", " ").replace("\n\t", " ");
    let header = |name: &str| {
        head.lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    };
    let kind = header("content-type").unwrap_or("text/plain");
    if kind.starts_with("multipart/") {
        let Some((_, rest)) = kind.split_once("boundary=") else {
            return String::new();
        };
        let boundary = rest
            .trim_start_matches('"')
            .split(['"', ';'])
            .next()
            .unwrap_or_default();
        let boundary = format!("--{boundary}");
        let parts = body.split(&boundary).skip(1);
        return parts
            .map(|part| plain(part.trim_start_matches('\n')))
            .find(|text| !text.is_empty())
            .unwrap_or_default();
    }
    if !kind.starts_with("text/plain") {
        return String::new();
    }
    match header("content-transfer-encoding")
        .map(str::to_ascii_lowercase)
        .as_deref()
    {
        Some("base64") => {
            let packed: String = body.split_whitespace().collect();
            String::from_utf8_lossy(&STANDARD.decode(packed).unwrap_or_default()).into_owned()
        }
        Some("quoted-printable") => unquote(&body.replace("=\n", "")),
        _ => body.to_owned(),
    }
}

fn unquote(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let code = after
            .get(..2)
            .and_then(|pair| std::str::from_utf8(pair).ok())
            .and_then(|pair| u8::from_str_radix(pair, 16).ok());
        rest = if let (b'=', Some(byte)) = (first, code) {
            bytes.push(byte);
            &after[2..]
        } else {
            bytes.push(*first);
            after
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_links_are_found_however_the_mail_is_wrapped() {
        let raw = "To: a@b.example\nContent-Type: multipart/mixed; boundary=\"x\"\n\n--x\nContent-Type: text/plain; charset=utf-8\n\
                   Content-Transfer-Encoding: quoted-printable\n\nis\n\n    482913\n\nhttp://h/console/verify?token=3Dab=\n_c9 or\n--x--\n";
        let text = plain(raw);
        assert_eq!(code(&text).as_deref(), Some("482913"));
        assert_eq!(token(&text).as_deref(), Some("ab_c9"));
        assert_eq!(
            links("<a href=\"/mailbox/2026-1\">x</a> <a href=\"/x\">"),
            ["2026-1"]
        );
    }
}
