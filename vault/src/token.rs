//! Bearer secrets that no person chooses: API keys, endpoint secrets, session cookies, links in e-mails.
//!
//! A token is a prefix that says what it is (so that people and scanners recognise it), an underscore, and 43 characters of
//! base62 that carry 256 bits. It is shown once; what is stored is its [`fingerprint`].

use ring::digest;
use subtle::ConstantTimeEq;

use crate::{chance::Chance, redact::Redacted};

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// 43 × log2(62) = 256.03 bits.
const BODY: usize = 43;
/// 36 bits shown leave 220 to guess.
const SHOWN: usize = 6;

/// A new token, e.g. `weir_sk_` and 43 letters and digits for the prefix `weir_sk` (or `weir_sk_`, which means the same).
#[must_use]
pub fn generate(prefix: &str, chance: &dyn Chance) -> Redacted<String> {
    let prefix = prefix.trim_end_matches('_');
    let mut token = String::with_capacity(prefix.len() + 1 + BODY);
    token.push_str(prefix);
    token.push('_');
    let end = token.len() + BODY;
    let mut random = [0; 64];
    while token.len() < end {
        chance.fill(&mut random);
        for byte in random {
            // 248 = 4 × 62: the rest would favour the first characters of the alphabet.
            if byte < 248 && token.len() < end {
                token.push(char::from(ALPHABET[usize::from(byte % 62)]));
            }
        }
    }
    Redacted::new(token)
}

/// What is stored of a token, and by which it is looked up: its SHA-256.
///
/// There is no salt and no slow hash because there is nothing to guess: both are for secrets that people choose, and a table
/// of hashes of 256-bit secrets cannot be made. Not for passwords, nor for codes.
#[must_use]
pub fn fingerprint(token: &str) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, token.as_bytes()).as_ref());
    out
}

/// Whether two secrets or fingerprints are equal, in a time that tells nothing but their lengths.
#[must_use]
pub fn same(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

/// The beginning of a token that may be shown to tell it from others: its prefix and 6 characters. Empty for what is not
/// one of our tokens, because then nothing of it may be shown.
#[must_use]
pub fn display_prefix(token: &str) -> String {
    match token.rsplit_once('_') {
        Some((prefix, body))
            if body.len() == BODY && body.bytes().all(|byte| byte.is_ascii_alphanumeric()) =>
        {
            format!("{prefix}_{}", &body[..SHOWN])
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::{SeededChance, SystemChance};

    #[test]
    fn a_token_has_its_prefix_and_43_letters_and_digits() {
        let chance = SeededChance::new(1);
        for prefix in ["weir_sk", "weir_sk_"] {
            let token = generate(prefix, &chance);
            let body = token.expose().strip_prefix("weir_sk_").unwrap();
            assert_eq!(body.len(), 43);
            assert!(body.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{body}");
        }
    }

    #[test]
    fn tokens_differ_and_use_the_whole_alphabet_evenly() {
        let mut seen = [0_u32; 128];
        let mut all = std::collections::HashSet::new();
        for _ in 0..2000 {
            let token = generate("t", &SystemChance);
            token.expose()[2..]
                .bytes()
                .for_each(|byte| seen[usize::from(byte)] += 1);
            assert!(all.insert(token.into_inner()));
        }
        // 1387 expected each; seven standard deviations are 259.
        for letter in ALPHABET {
            assert!(
                (1128..1646).contains(&seen[usize::from(*letter)]),
                "{}",
                char::from(*letter)
            );
        }
    }

    #[test]
    fn the_fingerprint_is_sha_256() {
        // FIPS 180-4 example, "abc".
        let expected = [
            0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23,
            0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad,
        ];
        assert_eq!(fingerprint("abc"), expected);
    }

    #[test]
    fn same_means_every_byte_and_the_length() {
        assert!(same(b"", b""));
        assert!(same(b"abc", b"abc"));
        assert!(!same(b"abc", b"abd"));
        assert!(!same(b"abc", b"xbc"));
        assert!(!same(b"abc", b"abcd"));
    }

    #[test]
    fn only_our_tokens_show_their_beginning() {
        let token = generate("weir_sk", &SeededChance::new(1)).into_inner();
        assert_eq!(display_prefix(&token), token[.."weir_sk_".len() + 6]);
        for other in [
            "",
            "hunter2",
            "weir_sk_short",
            "pass_wörd",
            &token[..token.len() - 1],
            &format!("{token}x"),
        ] {
            assert_eq!(display_prefix(other), "", "{other}");
        }
    }
}
