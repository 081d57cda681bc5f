//! Sends what the outbox gives out, and notes how it went.

use domain::{
    Ctx,
    letters::{self, Templates},
    mails::Outgoing,
};
use lettre::message::Mailbox;
use tokio::time::Instant;

use super::{
    address::speaking_for,
    letter::Letter,
    mailer::{Mailer, Refused},
};

/// The way from the outbox to the mailer.
pub(crate) struct Outbox {
    ctx: Ctx,
    mailer: Mailer,
    templates: Templates,
}

impl Outbox {
    pub(crate) fn new(ctx: Ctx, mailer: Mailer) -> Self {
        Self {
            ctx,
            mailer,
            templates: Templates::new(),
        }
    }

    /// Tries to send a mail that was claimed.
    pub(crate) async fn send(&self, mail: Outgoing) {
        let started = Instant::now();
        let tried = match self.letter(&mail).await {
            Ok(letter) => self.hand_over(letter).await,
            Err(refused) => Err(refused),
        };
        metrics::histogram!("weir_mail_seconds").record(started.elapsed());
        let (noted, outcome) = match tried {
            Ok(()) => (domain::mails::sent(&self.ctx, &mail).await, "sent"),
            Err(Refused { permanent, reason }) => {
                match domain::mails::failed(&self.ctx, &mail, permanent, &reason).await {
                    Ok(true) => {
                        tracing::warn!(mail.id = %mail.id, reason, "a mail did not go and will be tried again");
                        (Ok(()), "retried")
                    }
                    Ok(false) => {
                        tracing::error!(mail.id = %mail.id, reason, "a mail did not go and was given up");
                        (Ok(()), "failed")
                    }
                    Err(error) => (Err(error), "lost"),
                }
            }
        };
        if let Err(error) = noted {
            // Its lease runs out, and it is sent again under the same Message-ID.
            tracing::error!(mail.id = %mail.id, error = ?error, "the end of a mail could not be noted");
        }
        metrics::counter!("weir_mails_total", "template" => mail.template, "outcome" => outcome).increment(1);
    }

    async fn hand_over(&self, letter: Letter) -> Result<(), Refused> {
        // Ids begin with the time, so that a mailbox sorts by it.
        let name = letter.id.clone();
        let message = letter.into_message().map_err(|error| Refused {
            permanent: true,
            reason: format!("the mail could not be put together: {error}"),
        })?;
        self.mailer.send(&name, message).await
    }

    async fn letter(&self, mail: &Outgoing) -> Result<Letter, Refused> {
        let to: Mailbox = mail.to.parse().map_err(|_| Refused {
            permanent: true,
            reason: "the recipient is not an address".to_owned(),
        })?;
        let later = |what: &str, error: domain::Error| {
            tracing::warn!(mail.id = %mail.id, error = ?error, "{what} of a mail could not be read");
            Refused {
                permanent: false,
                reason: format!("{what} could not be read"),
            }
        };
        let head = letters::letterhead(&self.ctx, mail.tenant)
            .await
            .map_err(|error| later("the letterhead", error))?;
        let mut attachments = Vec::new();
        if let Some(index) = mail
            .values
            .get("attach_receipt")
            .and_then(serde_json::Value::as_i64)
        {
            let receipt = letters::receipt(&self.ctx, mail.tenant, index)
                .await
                .map_err(|error| later("the receipt", error))?;
            attachments.push(("receipt.txt".to_owned(), receipt));
        }
        let common = head.common(&self.ctx);
        let text = self
            .templates
            .render(&mail.template, &mail.language, common, &mail.values)
            .map_err(|error| Refused {
                permanent: true,
                // Names the template and the place, never the values.
                reason: format!("the template {} failed: {:?}", mail.template, error.kind()),
            })?;
        Ok(Letter {
            id: mail.id.to_string(),
            from: speaking_for(&self.mailer.from, &head.name, &mail.template),
            to,
            reply_to: head
                .contact_email
                .as_deref()
                .and_then(|address| address.parse().ok()),
            at: self.ctx.now(),
            language: text.language,
            subject: text.subject,
            text: text.text,
            html: text.html,
            attachments,
        })
    }
}
