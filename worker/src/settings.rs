//! What an operator may turn.

use std::{path::PathBuf, time::Duration};

use chrono::TimeDelta;
use serde::Deserialize;
use vault::Redacted;

/// Of the worker.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Jobs at a time.
    pub concurrency: usize,
    /// Mails at a time. One connection to a server takes about 22 mails a second, so a few are used.
    pub mails: usize,
    /// Milliseconds between looks for work; what this process orders itself is begun at once.
    pub poll_ms: u64,
    /// Seconds that a claim on a job or a mail holds without being renewed: so much later, another worker takes over what a
    /// dead one had begun.
    pub lease_seconds: u64,
    /// Rows that one round of purging may remove.
    pub purge_rows: u64,
    /// Seconds that jobs get to finish when the process stops. What is not done by then is done by the next one.
    pub grace_seconds: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            concurrency: 8,
            mails: 4,
            poll_ms: 200,
            lease_seconds: 60,
            purge_rows: 20_000,
            grace_seconds: 20,
        }
    }
}

impl Settings {
    pub(crate) fn lease(&self) -> TimeDelta {
        TimeDelta::seconds(i64::try_from(self.lease_seconds.max(1)).unwrap_or(60))
    }

    pub(crate) fn poll(&self) -> Duration {
        Duration::from_millis(self.poll_ms.max(10))
    }

    pub(crate) fn grace(&self) -> Duration {
        Duration::from_secs(self.grace_seconds)
    }
}

/// Of mail.
#[derive(Clone, Debug)]
pub struct MailSettings {
    /// `smtp://user:password@host:587?tls=required`, `smtps://…`; none: mails go into `mailbox`.
    ///
    /// `tls` may be `required`, `opportunistic` or `none`. Left out, it is `required` where there is a password, since
    /// that must not travel in clear, and `opportunistic` otherwise.
    pub smtp_url: Option<Redacted<String>>,
    /// `Name <address>`; none: `Weir <no-reply@` and the host of the public address.
    pub from: Option<String>,
    /// The folder that takes `.eml` files when there is no server.
    pub mailbox: PathBuf,
}
