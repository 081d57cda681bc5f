//! The two ways out.

use lettre::{Message, message::Mailbox};
use url::Url;

use super::{address::sender, mailbox::Folder, smtp::Smtp};
use crate::settings::MailSettings;

/// Takes mails.
pub struct Mailer {
    pub(super) from: Mailbox,
    way: Way,
}

enum Way {
    Smtp(Smtp),
    Mailbox(Folder),
}

/// Why there is no way out.
#[derive(Debug, thiserror::Error)]
pub enum MailerError {
    /// The sender is no address.
    #[error("the sender of mails is not an address; write it like Weir <weir@example.org>")]
    From,
    /// The address of the server cannot be used. It may hold a password, so it is not repeated.
    #[error("the address of the SMTP server is not valid: {reason}")]
    Url {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The server cannot be used.
    #[error("the SMTP server cannot be used")]
    Smtp(#[source] lettre::transport::smtp::Error),
    /// The folder cannot be used.
    #[error("the mailbox folder cannot be used")]
    Mailbox(#[source] std::io::Error),
}

/// Why a mail did not go. Holds nothing of the mail and no address.
#[derive(Debug)]
pub(super) struct Refused {
    /// Whether no later attempt can help.
    pub(super) permanent: bool,
    pub(super) reason: String,
}

impl Mailer {
    /// Over SMTP when the settings name a server, into a folder otherwise. Connects to nobody yet, but
    /// needs to be called inside the runtime: a task of the pool closes idle connections.
    pub fn open(settings: &MailSettings, public_url: &Url) -> Result<Self, MailerError> {
        let way = match &settings.smtp_url {
            Some(url) => Way::Smtp(Smtp::new(url.expose())?),
            None => Way::Mailbox(Folder::open(settings.mailbox.clone()).map_err(MailerError::Mailbox)?),
        };
        Ok(Self {
            from: sender(settings.from.as_deref(), public_url)?,
            way,
        })
    }

    /// Whether mails can leave: asks the server, or looks at the folder.
    pub async fn check(&self) -> Result<(), MailerError> {
        match &self.way {
            Way::Smtp(smtp) => smtp.check().await.map_err(MailerError::Smtp),
            Way::Mailbox(folder) => folder.check().await.map_err(MailerError::Mailbox),
        }
    }

    /// Sends. `name` is the mail's own, so that the same mail twice is one file in a mailbox.
    pub(super) async fn send(&self, name: &str, message: Message) -> Result<(), Refused> {
        match &self.way {
            Way::Smtp(smtp) => smtp.send(message).await,
            Way::Mailbox(folder) => folder
                .put(name, &message.formatted())
                .await
                .map_err(|error| Refused {
                    permanent: false,
                    reason: format!("mailbox folder: {}", error.kind()),
                }),
        }
    }
}
