//! How persons are found: keyed hashes of their ids and addresses, the same everywhere.

use crate::{error::Faults, keys::TenantKeys};

/// Longest id of a person at the tenant, in bytes.
const MAX_EXTERNAL_ID: usize = 255;
/// Longest address (RFC 5321 §4.5.3.1.3 less the brackets), in bytes.
const MAX_EMAIL: usize = 254;

/// Checks a tenant's id for a person. Anything visible is fine; it is compared as it is.
pub fn check_external_id(faults: &mut Faults, field: &str, external_id: &str) {
    faults.check(
        (1..=MAX_EXTERNAL_ID).contains(&external_id.len()) && !external_id.chars().any(char::is_control),
        field,
        "not_an_id",
        format!("use 1 to {MAX_EXTERNAL_ID} bytes without control characters"),
    );
}

/// Checks that this may be an address. Whether mail arrives there, only a mail can tell.
pub fn check_email(faults: &mut Faults, field: &str, email: &str) {
    let email = email.trim();
    let shaped = email.rsplit_once('@').is_some_and(|(local, domain)| {
        !local.is_empty()
            && local.len() <= 64
            && domain.contains('.')
            && !domain.starts_with('.')
            && !domain.ends_with('.')
    });
    let visible = !email.chars().any(|c| c.is_control() || c.is_whitespace());
    faults.check(
        shaped && visible && email.len() <= MAX_EMAIL,
        field,
        "not_an_email",
        "use an address such as name@example.org",
    );
}

/// What a person is found by, from the tenant's id for them.
pub fn external_index(keys: &TenantKeys, external_id: &str) -> [u8; 32] {
    keys.index.blind("external_id", external_id)
}

/// What a person is found by, from their address: however they write it, in upper or lower case.
pub fn email_index(keys: &TenantKeys, email: &str) -> [u8; 32] {
    keys.index.blind("email", &email.trim().to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_name_and_a_domain() {
        for (email, good) in [
            ("ada@example.org", true),
            (" Ada.L+x@sub.example.org ", true),
            ("ädä@exämple.org", true),
            ("ada", false),
            ("@example.org", false),
            ("ada@localhost", false),
            ("ada@example.", false),
            ("a da@example.org", false),
            ("ada@example.org\nBcc: eve@example.org", false),
        ] {
            let mut faults = Faults::default();
            check_email(&mut faults, "/email", email);
            assert_eq!(faults.finish().is_ok(), good, "{email}");
        }
    }
}
