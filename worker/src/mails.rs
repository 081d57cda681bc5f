//! How mail leaves: rendered, handed to a server or put into a folder, noted in the outbox.

mod address;
mod letter;
mod mailbox;
mod mailer;
mod outbox;
mod smtp;

pub use mailer::{Mailer, MailerError};
pub(crate) use outbox::Outbox;

pub(crate) fn describe_metrics() {
    metrics::describe_counter!(
        "weir_mails_total",
        "ended attempts at mails, by template and outcome"
    );
    metrics::describe_histogram!(
        "weir_mail_seconds",
        metrics::Unit::Seconds,
        "how long an attempt at a mail took"
    );
}
