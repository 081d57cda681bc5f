//! Who a mail is from.

use lettre::{Address, message::Mailbox};
use url::{Host, Url};

use super::MailerError;

/// The sender: as the settings say, or `Weir <no-reply@host>` with the host of the public address.
pub(super) fn sender(configured: Option<&str>, public_url: &Url) -> Result<Mailbox, MailerError> {
    if let Some(configured) = configured {
        return configured.parse().map_err(|_| MailerError::From);
    }
    let host = match public_url.host() {
        Some(Host::Domain(host)) => host.to_owned(),
        // An address in numbers is a machine without a name yet; lettre cannot read back the `[127.0.0.1]` of RFC 5321 §4.1.3.
        Some(Host::Ipv4(_) | Host::Ipv6(_)) | None => "localhost".to_owned(),
    };
    let address = Address::new("no-reply", host).map_err(|_| MailerError::From)?;
    Ok(Mailbox::new(Some("Weir".to_owned()), address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sender_is_at_the_public_host_unless_the_settings_say_otherwise() {
        for (url, expected) in [
            ("https://weir.example.org/x", "Weir <no-reply@weir.example.org>"),
            ("http://127.0.0.1:8080", "Weir <no-reply@localhost>"),
            ("http://localhost:8080", "Weir <no-reply@localhost>"),
        ] {
            let url = url.parse().unwrap();
            assert_eq!(sender(None, &url).unwrap().to_string(), expected);
            let own = sender(Some("Privacy <privacy@acme.example>"), &url).unwrap();
            assert_eq!(own.to_string(), "Privacy <privacy@acme.example>");
        }
        let url = "https://weir.example.org".parse().unwrap();
        assert!(sender(Some("no address"), &url).is_err());
    }
}
