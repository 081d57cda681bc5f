//! A mail server, over a pool of connections.

use std::time::Duration;

use lettre::{
    AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    transport::smtp::{Error, PoolConfig},
};
use url::Url;

use super::mailer::{MailerError, Refused};

/// Connections. The protocol waits for the server after every line, so one takes about 22 mails a second.
const CONNECTIONS: u32 = 4;
const TIMEOUT: Duration = Duration::from_secs(30);

pub(super) struct Smtp(AsyncSmtpTransport<Tokio1Executor>);

impl Smtp {
    pub(super) fn new(url: &str) -> Result<Self, MailerError> {
        let url = with_tls(url)?;
        let pool = PoolConfig::new()
            .max_size(CONNECTIONS)
            .idle_timeout(Duration::from_mins(1));
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(url.as_str())
            .map_err(MailerError::Smtp)?
            .timeout(Some(TIMEOUT))
            .pool_config(pool)
            .build();
        Ok(Self(transport))
    }

    pub(super) async fn check(&self) -> Result<(), Error> {
        self.0.test_connection().await.map(drop)
    }

    pub(super) async fn send(&self, message: Message) -> Result<(), Refused> {
        self.0
            .send(message)
            .await
            .map(drop)
            .map_err(|error| refused(&error))
    }
}

/// Fills in how the connection is secured where the address does not say.
fn with_tls(text: &str) -> Result<Url, MailerError> {
    let wrong = |reason| MailerError::Url { reason };
    let mut url = Url::parse(text).map_err(|_| wrong("write it like smtp://user:password@host:587"))?;
    match url.scheme() {
        "smtps" => return Ok(url),
        "smtp" => {}
        _ => return Err(wrong("it must begin with smtp:// or smtps://")),
    }
    let asked = url
        .query_pairs()
        .find(|(name, _)| name == "tls")
        .map(|(_, value)| value.into_owned());
    let secret = url.password().is_some();
    match asked.as_deref() {
        Some("required" | "opportunistic") => {}
        Some("none") if secret => return Err(wrong("a password must not travel in clear: drop tls=none")),
        Some("none") => url.set_query(None),
        Some(_) => return Err(wrong("tls must be required, opportunistic or none")),
        None if secret => url.set_query(Some("tls=required")),
        None => {
            if url.port().is_none() && url.set_port(Some(25)).is_err() {
                return Err(wrong("it names no host"));
            }
            url.set_query(Some("tls=opportunistic"));
        }
    }
    Ok(url)
}

/// What is kept of a failure. The server's words may repeat the recipient's address, so only its code is.
fn refused(error: &Error) -> Refused {
    let Some(code) = error.status() else {
        let reason = if error.is_timeout() {
            "the server did not answer in time"
        } else if error.is_tls() {
            "the connection could not be secured"
        } else if error.is_response() {
            "the server answered something that is not SMTP"
        } else if error.is_client() {
            "the server lacks something that the mail needs"
        } else {
            "the server could not be reached"
        };
        return Refused {
            permanent: false,
            reason: reason.to_owned(),
        };
    };
    // 53x: the server does not like who we are, which the operator can mend. RFC 4954 §6, RFC 3207 §4.
    let about_us = matches!(u16::from(code), 530 | 534 | 535 | 538);
    Refused {
        permanent: error.is_permanent() && !about_us,
        reason: match enhanced(&error.to_string()) {
            Some(status) => format!("the server answered {code} {status}"),
            None => format!("the server answered {code}"),
        },
    }
}

/// The enhanced status that a server put before its words (RFC 3463): `5.1.1` is an address that nobody has, `4.2.2` a full
/// mailbox. It tells no address, so it may be kept.
fn enhanced(said: &str) -> Option<&str> {
    said.split(|letter: char| !letter.is_ascii_digit() && letter != '.')
        .find(|word| {
            let parts: Vec<&str> = word.split('.').collect();
            matches!(parts[..], ["4" | "5", subject, detail]
                if [subject, detail].iter().all(|part| (1..=3).contains(&part.len())))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_never_sent_in_clear() {
        for (given, expected) in [
            ("smtp://localhost", "smtp://localhost:25?tls=opportunistic"),
            ("smtp://localhost:2525", "smtp://localhost:2525?tls=opportunistic"),
            ("smtp://127.0.0.1:2525?tls=none", "smtp://127.0.0.1:2525"),
            (
                "smtp://u:p@mail.example:587",
                "smtp://u:p@mail.example:587?tls=required",
            ),
            ("smtps://u:p@mail.example", "smtps://u:p@mail.example"),
        ] {
            assert_eq!(with_tls(given).unwrap().as_str(), expected);
            Smtp::new(given).unwrap();
        }
    }

    #[test]
    fn the_status_is_kept_and_the_words_are_not() {
        for (said, status) in [
            (
                "permanent error (550): 5.1.1 <ada@example.com> no such user",
                Some("5.1.1"),
            ),
            ("transient error (452): 4.2.2 mailbox full", Some("4.2.2")),
            ("permanent error (550): no such user at 10.0.0.1", None),
            ("permanent error (554): 5.7.1.2 odd, 2.1.5 odder", None),
        ] {
            assert_eq!(enhanced(said), status, "{said}");
        }
    }

    #[test]
    fn an_address_that_makes_no_sense_is_refused_without_being_repeated() {
        for bad in [
            "localhost",
            "http://mail.example",
            "smtp://h?tls=maybe",
            "smtp://u:secret@h?tls=none",
        ] {
            let error = with_tls(bad).unwrap_err();
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}
