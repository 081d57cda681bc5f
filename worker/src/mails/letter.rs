//! A mail as it goes out: headers, text, HTML, attachments.

use std::time::SystemTime;

use chrono::{DateTime, Utc};
use lettre::{
    Message,
    message::{
        Attachment, Mailbox, MultiPart, SinglePart,
        header::{ContentType, Header, HeaderName, HeaderValue},
    },
};

/// A rendered mail.
pub(super) struct Letter {
    /// Its own name; becomes the `Message-ID`, so that a mail that is sent twice is recognised as one.
    pub(super) id: String,
    pub(super) from: Mailbox,
    pub(super) to: Mailbox,
    pub(super) reply_to: Option<Mailbox>,
    pub(super) at: DateTime<Utc>,
    pub(super) language: String,
    pub(super) subject: String,
    pub(super) text: String,
    pub(super) html: String,
    /// Names and texts.
    pub(super) attachments: Vec<(String, String)>,
}

macro_rules! headers {
    ($($(#[$doc:meta])* $type:ident = $name:literal;)*) => { $(
        $(#[$doc])*
        #[derive(Clone)]
        struct $type(String);

        impl Header for $type {
            fn name() -> HeaderName {
                HeaderName::new_from_ascii_str($name)
            }

            fn parse(text: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
                Ok(Self(text.to_owned()))
            }

            fn display(&self) -> HeaderValue {
                HeaderValue::new(Self::name(), self.0.clone())
            }
        }
    )* };
}

headers! {
    /// RFC 3834: no out-of-office notes, please.
    AutoSubmitted = "Auto-Submitted";
    /// RFC 3282.
    ContentLanguage = "Content-Language";
}

impl Letter {
    pub(super) fn into_message(self) -> Result<Message, lettre::error::Error> {
        let domain = self.from.email.domain().to_owned();
        let mut message = Message::builder()
            .message_id(Some(format!("<{}@{domain}>", self.id)))
            .date(SystemTime::from(self.at))
            .from(self.from)
            .to(self.to)
            .subject(self.subject)
            .header(AutoSubmitted("auto-generated".to_owned()))
            .header(ContentLanguage(self.language));
        if let Some(reply_to) = self.reply_to {
            message = message.reply_to(reply_to);
        }
        let body = MultiPart::alternative()
            .singlepart(SinglePart::plain(self.text))
            .singlepart(SinglePart::html(self.html));
        if self.attachments.is_empty() {
            return message.multipart(body);
        }
        let mut whole = MultiPart::mixed().multipart(body);
        for (name, text) in self.attachments {
            whole = whole.singlepart(Attachment::new(name).body(text, ContentType::TEXT_PLAIN));
        }
        message.multipart(whole)
    }
}
