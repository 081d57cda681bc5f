//! The short name of a tenant in addresses.

/// What would be mistaken for a page or an address of ours.
const RESERVED: &[&str] = &[
    "about",
    "account",
    "accounts",
    "admin",
    "administrator",
    "api",
    "app",
    "apps",
    "assets",
    "auth",
    "billing",
    "blog",
    "connect",
    "console",
    "dashboard",
    "docs",
    "email",
    "example",
    "healthz",
    "help",
    "home",
    "imprint",
    "index",
    "info",
    "internal",
    "invite",
    "legal",
    "localhost",
    "log",
    "login",
    "logout",
    "mail",
    "mailbox",
    "me",
    "metrics",
    "new",
    "null",
    "opendsr",
    "operator",
    "portal",
    "postmaster",
    "privacy",
    "public",
    "readyz",
    "reset",
    "root",
    "security",
    "settings",
    "sign-in",
    "sign-out",
    "sign-up",
    "static",
    "status",
    "support",
    "system",
    "tenant",
    "tenants",
    "undefined",
    "verify",
    "weir",
    "well-known",
    "www",
];

/// Why a slug cannot be used, as code and remedy.
pub(super) fn fault(slug: &str) -> Option<(&'static str, &'static str)> {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let well_formed = (3..=40).contains(&slug.len())
        && slug.bytes().all(inner)
        && !slug.starts_with('-')
        && !slug.ends_with('-');
    if !well_formed {
        return Some((
            "malformed",
            "use 3 to 40 of a-z, 0-9 and -, beginning and ending with a letter or digit",
        ));
    }
    RESERVED
        .contains(&slug)
        .then_some(("reserved", "this name is reserved; choose another"))
}

/// A slug made of a name: `Acme & Söhne GmbH` gives `acme-sohne-gmbh`. Always one that can be used.
pub(super) fn from_name(name: &str) -> String {
    let mut slug = String::new();
    for letter in name.chars().flat_map(plain).take(35) {
        if letter.is_ascii_alphanumeric() {
            slug.push(letter.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    match slug.trim_end_matches('-') {
        "" => "tenant-1".to_owned(),
        slug if fault(slug).is_some() => format!("t-{slug}"),
        slug => slug.to_owned(),
    }
}

/// The `nth` way out when a slug is taken.
pub(super) fn numbered(slug: &str, nth: u32) -> String {
    format!("{slug}-{nth}")
}

/// Letters of Western languages without their marks; all else ends a word.
fn plain(letter: char) -> impl Iterator<Item = char> {
    let text = match letter {
        'à'..='å' | 'À'..='Å' => "a",
        'æ' | 'Æ' => "ae",
        'ç' | 'Ç' => "c",
        'è'..='ë' | 'È'..='Ë' => "e",
        'ì'..='ï' | 'Ì'..='Ï' => "i",
        'ñ' | 'Ñ' => "n",
        'ò'..='ö' | 'ø' | 'Ò'..='Ö' | 'Ø' => "o",
        'œ' | 'Œ' => "oe",
        'ß' => "ss",
        'ù'..='ü' | 'Ù'..='Ü' => "u",
        'ý' | 'ÿ' | 'Ý' => "y",
        _ => "",
    };
    let itself = text.is_empty().then_some(letter);
    text.chars().chain(itself)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_gives_a_slug_that_can_be_used() {
        for (name, slug) in [
            ("Acme", "acme"),
            ("Acme & Söhne  GmbH.", "acme-sohne-gmbh"),
            ("Straße", "strasse"),
            ("API", "t-api"),
            ("42", "t-42"),
            ("株式会社", "tenant-1"),
            ("", "tenant-1"),
        ] {
            assert_eq!(from_name(name), slug);
            assert_eq!(fault(slug), None, "{slug}");
        }
        let long = from_name(&"x".repeat(100));
        assert_eq!(fault(&numbered(&long, 99)), None, "{long}");
    }

    #[test]
    fn what_an_address_cannot_hold_is_refused() {
        for bad in [
            "",
            "ab",
            "-ab",
            "ab-",
            "Ab1",
            "a b",
            "a.b",
            "a/b",
            "ä-b",
            &"x".repeat(41),
        ] {
            assert_eq!(fault(bad).map(|(code, _)| code), Some("malformed"), "{bad}");
        }
        assert_eq!(fault("console").map(|(code, _)| code), Some("reserved"));
        for good in ["abc", "a-b", "0x0", &"x".repeat(40)] {
            assert_eq!(fault(good), None, "{good}");
        }
    }
}
