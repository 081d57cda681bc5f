//! The way out for mails, as the settings say.

use url::Url;
use worker::{MailSettings, Mailer};

use crate::{
    data_folder::DataFolder,
    settings::{Settings, redact_url},
    trouble::{Trouble, chain},
};

/// Opens the way out and, where it is a server, asks whether it answers.
pub(crate) async fn open(
    settings: &Settings,
    folder: &DataFolder,
    public_url: &Url,
) -> Result<Mailer, Trouble> {
    let mailbox = match settings.smtp_url() {
        Some(_) => folder.path().join("mailbox"),
        None => folder.mailbox()?,
    };
    let mail = MailSettings {
        smtp_url: settings.smtp_url().map(|url| url.to_owned().into()),
        from: settings.mail_from().map(str::to_owned),
        mailbox,
    };
    let mailer = Mailer::open(&mail, public_url).map_err(|error| {
        Trouble::new("mails have no way out", "mend smtp_url or mail.from").because(chain(&error))
    })?;
    mailer.check().await.map_err(|error| {
        let whereto = settings
            .smtp_url()
            .map_or_else(|| mail.mailbox.display().to_string(), redact_url);
        Trouble::new(
            format!("mails cannot leave through {whereto}"),
            "start the server or mend smtp_url; without smtp_url mails go to the mailbox in the data folder",
        )
        .because(chain(&error))
    })?;
    Ok(mailer)
}
