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

/// Mails about somebody's account are the operator's; all others speak for a tenant.
const OF_THE_OPERATOR: [&str; 2] = ["verify_email", "reset_password"];

/// The sender of one mail: whom it speaks for, at the operator's address, which is the one that mail servers trust.
pub(super) fn speaking_for(sender: &Mailbox, tenant: &str, template: &str) -> Mailbox {
    if OF_THE_OPERATOR.contains(&template) {
        return sender.clone();
    }
    let name = match sender.name.as_deref() {
        Some(operator) if operator != tenant => format!("{tenant} via {operator}"),
        // One who runs Weir for nobody else is not named twice.
        _ => tenant.to_owned(),
    };
    Mailbox::new(Some(name), sender.email.clone())
}

#[cfg(test)]
mod tests {
    use lettre::Message;

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

    #[test]
    fn a_tenants_mail_is_from_the_tenant_at_the_operators_address() {
        let operator: Mailbox = "Weir <no-reply@weir.example>".parse().unwrap();
        let named = |sender: &Mailbox, template| {
            let from = speaking_for(sender, "Acme", template);
            assert_eq!(from.email, sender.email);
            from.name
        };
        assert_eq!(
            named(&operator, "request_paused").as_deref(),
            Some("Acme via Weir")
        );
        assert_eq!(named(&operator, "verify_email").as_deref(), Some("Weir"));
        let nameless: Mailbox = "no-reply@weir.example".parse().unwrap();
        assert_eq!(named(&nameless, "request_paused").as_deref(), Some("Acme"));
        let own: Mailbox = "Acme <privacy@acme.example>".parse().unwrap();
        assert_eq!(named(&own, "request_paused").as_deref(), Some("Acme"));
    }

    #[test]
    fn whatever_a_tenant_is_called_the_header_has_one_address() {
        let operator: Mailbox = "Weir <no-reply@weir.example>".parse().unwrap();
        for (tenant, expected) in [
            ("Acme", "From: \"Acme via Weir\" <no-reply@weir.example>"),
            ("Müller & Söhne", "From: =?utf-8?b?"),
            ("Acme, Inc. <x@evil.example>", "From: =?utf-8?b?"),
        ] {
            let mail = Message::builder()
                .from(speaking_for(&operator, tenant, "request_paused"))
                .to(operator.clone())
                .body(String::new())
                .unwrap();
            let mail = String::from_utf8(mail.formatted()).unwrap();
            assert!(mail.contains(expected), "{mail}");
            assert!(!mail.contains("evil"), "{mail}");
        }
    }
}
