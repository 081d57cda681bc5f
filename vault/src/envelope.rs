//! The stored shape of wrapped keys and sealed values: `version (1) ‖ salt (16) ‖ ciphertext ‖ tag (16)`.
//!
//! Each envelope has a key of its own, HKDF-SHA256(parent, salt, info). It seals once because the salt is 128 fresh random
//! bits: after n envelopes under one parent, two share a salt with a chance of about n²/2¹²⁹ (below 2⁻⁶⁴ for 2³² of them).

use crate::{
    chance::{self, Chance},
    crypt::{self, Once, TAG},
    error::VaultError,
};

const VERSION: u8 = 1;
const SALT: usize = 16;
const HEADER: usize = 1 + SALT;

/// How many bytes an envelope is longer than what it holds.
pub(crate) const OVERHEAD: usize = HEADER + TAG;

/// Seals `plaintext`. `info` says what it is, `aad` where it belongs; both must be given again to open it.
#[expect(
    clippy::expect_used,
    reason = "AES-GCM seals up to 64 GiB, and a longer slice is a programming error"
)]
pub(crate) fn seal(
    parent: &[u8; 32],
    info: &[&[u8]],
    aad: &[u8],
    plaintext: &[u8],
    chance: &dyn Chance,
) -> Vec<u8> {
    let salt: [u8; SALT] = chance::bytes(chance);
    // With its final capacity, so that no reallocation leaves a copy of the plaintext behind.
    let mut out = Vec::with_capacity(plaintext.len() + OVERHEAD);
    out.push(VERSION);
    out.extend_from_slice(&salt);
    out.extend_from_slice(plaintext);
    let tag = Once::derive(&crypt::extract(&salt, parent), info)
        .seal(aad, &mut out[HEADER..])
        .expect("a sealed value is shorter than 64 GiB");
    out.extend_from_slice(&tag);
    out
}

/// Opens what [`seal`] made, with the same `parent`, `info` and `aad`.
pub(crate) fn open(
    parent: &[u8; 32],
    info: &[&[u8]],
    aad: &[u8],
    sealed: &[u8],
    what: &'static str,
) -> Result<Vec<u8>, VaultError> {
    match sealed.first() {
        None => return Err(VaultError::Malformed { what }),
        Some(&VERSION) => {}
        Some(&version) => return Err(VaultError::UnknownVersion { what, version }),
    }
    if sealed.len() < OVERHEAD {
        return Err(VaultError::Malformed { what });
    }
    let (header, body) = sealed.split_at(HEADER);
    let mut body = body.to_vec();
    Once::derive(&crypt::extract(&header[1..], parent), info)
        .open(aad, &mut body)
        .map_err(|_| VaultError::WrongKeyOrDamaged { what })?;
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::SeededChance;

    const PARENT: [u8; 32] = [7; 32];

    fn sealed() -> Vec<u8> {
        seal(&PARENT, &[b"info"], b"aad", b"plaintext", &SeededChance::new(1))
    }

    #[test]
    fn what_is_sealed_opens() {
        assert_eq!(sealed().len(), b"plaintext".len() + OVERHEAD);
        assert_eq!(
            open(&PARENT, &[b"info"], b"aad", &sealed(), "it"),
            Ok(b"plaintext".to_vec())
        );
    }

    #[test]
    fn any_flipped_bit_fails() {
        let good = sealed();
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            let error = open(&PARENT, &[b"info"], b"aad", &bad, "it").unwrap_err();
            let expected = match bit {
                0..8 => VaultError::UnknownVersion {
                    what: "it",
                    version: bad[0],
                },
                _ => VaultError::WrongKeyOrDamaged { what: "it" },
            };
            assert_eq!(error, expected, "bit {bit}");
        }
    }

    #[test]
    fn any_truncation_fails() {
        let good = sealed();
        for length in 0..good.len() {
            let error = open(&PARENT, &[b"info"], b"aad", &good[..length], "it").unwrap_err();
            let expected = match length {
                0..OVERHEAD => VaultError::Malformed { what: "it" },
                _ => VaultError::WrongKeyOrDamaged { what: "it" },
            };
            assert_eq!(error, expected, "{length} bytes");
        }
    }

    #[test]
    fn each_part_of_the_binding_counts() {
        let refused = Err(VaultError::WrongKeyOrDamaged { what: "it" });
        assert_eq!(open(&[8; 32], &[b"info"], b"aad", &sealed(), "it"), refused);
        assert_eq!(open(&PARENT, &[b"inf0"], b"aad", &sealed(), "it"), refused);
        assert_eq!(open(&PARENT, &[b"info"], b"a", &sealed(), "it"), refused);
    }

    #[test]
    fn the_same_plaintext_never_looks_the_same() {
        let chance = SeededChance::new(1);
        let seal = || seal(&PARENT, &[b"info"], b"aad", b"plaintext", &chance);
        assert_ne!(seal()[HEADER..], seal()[HEADER..]);
    }
}
