//! E-mail addresses as we keep and compare them.

use crate::error::Faults;

/// The address trimmed and in lower case, or none when no mail could be sent to it. Not RFC 5322 in full: quoted local
/// parts, comments and bare IP addresses are refused, since no person has one.
pub fn normalise(address: &str) -> Option<String> {
    let address = address.trim().to_lowercase();
    let (local, domain) = address.rsplit_once('@')?;
    let local_fits = (1..=64).contains(&local.len())
        && local
            .chars()
            .all(|c| c.is_alphanumeric() || "!#$%&'*+/=?^_`{|}~.-".contains(c))
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..");
    let label_fits = |label: &str| {
        (1..=63).contains(&label.len())
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let domain_fits = domain.contains('.')
        && domain.split('.').all(label_fits)
        && !domain
            .rsplit('.')
            .next()
            .is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    (address.len() <= 254 && local_fits && domain_fits).then_some(address)
}

/// The address as we keep it; what cannot be one is a fault at `field`.
pub(crate) fn checked(faults: &mut Faults, field: &str, address: &str) -> String {
    normalise(address).unwrap_or_else(|| {
        faults.add(field, "malformed", "use an e-mail address like ada@example.org");
        String::new()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_address_meet() {
        assert_eq!(
            normalise("  Ada.L@Example.ORG ").as_deref(),
            Some("ada.l@example.org")
        );
        assert_eq!(
            normalise("o'neill+x@mail.example.org").as_deref(),
            Some("o'neill+x@mail.example.org")
        );
    }

    #[test]
    fn what_no_mail_can_be_sent_to_is_refused() {
        for bad in [
            "",
            "ada",
            "@example.org",
            "ada@",
            "ada@example",
            "a b@example.org",
            "ada@exa mple.org",
            "ada@-example.org",
            ".ada@example.org",
            "a..b@example.org",
            "ada@192.0.2.1",
            "ada@example..org",
            "ada@example.org\r\nbcc: eve@example.org",
            "a<b>@example.org",
            "ada,eve@example.org",
        ] {
            assert_eq!(normalise(bad), None, "{bad:?}");
        }
        assert_eq!(normalise(&format!("{}@example.org", "a".repeat(65))), None);
    }
}
