//! The two primitives that everything else is made of: HKDF-SHA256, and AES-256-GCM under a key that seals once.
//!
//! The labels given as `info` are part of the stored format: to change one is to lose what was sealed under it.

use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hkdf::{HKDF_SHA256, Prk, Salt},
};

/// Length of the authentication tag in bytes.
pub(crate) const TAG: usize = 16;

/// Sealing failed: the plaintext is longer than AES-GCM allows.
#[derive(Debug)]
pub(crate) struct TooLong;

/// Opening failed: the tag does not match.
#[derive(Debug)]
pub(crate) struct Refused;

/// HKDF-Extract (RFC 5869 section 2.2).
pub(crate) fn extract(salt: &[u8], secret: &[u8]) -> Prk {
    Salt::new(HKDF_SHA256, salt).extract(secret)
}

/// HKDF-Expand (RFC 5869 section 2.3) to 32 bytes. The pieces of `info` are joined as they are.
#[expect(
    clippy::expect_used,
    reason = "HKDF-SHA256 expands to at most 8160 bytes and 32 are asked for"
)]
pub(crate) fn expand(prk: &Prk, info: &[&[u8]], out: &mut [u8; 32]) {
    prk.expand(info, HKDF_SHA256)
        .and_then(|okm| okm.fill(out))
        .expect("32 bytes are within HKDF's limit");
}

/// A cipher key that only ever seals one plaintext.
///
/// The nonce is zero, so a second plaintext under the same key would give away both. Each caller says why its `prk` and
/// `info` do not come together twice.
pub(crate) struct Once(LessSafeKey);

impl Once {
    #[expect(
        clippy::expect_used,
        reason = "HKDF-SHA256 expands to at most 8160 bytes and an AES-256 key has 32"
    )]
    pub(crate) fn derive(prk: &Prk, info: &[&[u8]]) -> Self {
        let okm = prk
            .expand(info, &AES_256_GCM)
            .expect("an AES-256 key is within HKDF's limit");
        Self(LessSafeKey::new(UnboundKey::from(okm)))
    }

    /// Encrypts in place and gives the tag.
    pub(crate) fn seal(self, aad: &[u8], in_out: &mut [u8]) -> Result<[u8; TAG], TooLong> {
        let tag = self
            .0
            .seal_in_place_separate_tag(nonce(), Aad::from(aad), in_out)
            .map_err(|_| TooLong)?;
        let mut out = [0; TAG];
        out.copy_from_slice(tag.as_ref());
        Ok(out)
    }

    /// Checks `in_out`, ciphertext then tag, and leaves the plaintext in its place.
    pub(crate) fn open(self, aad: &[u8], in_out: &mut Vec<u8>) -> Result<(), Refused> {
        let length = self
            .0
            .open_in_place(nonce(), Aad::from(aad), in_out)
            .map_err(|_| Refused)?
            .len();
        in_out.truncate(length);
        Ok(())
    }
}

fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expansion_gives_the_first_block_of_rfc_5869_case_1() {
        let salt: Vec<u8> = (0x00..=0x0c).collect();
        let info: Vec<u8> = (0xf0..=0xf9).collect();
        let mut okm = [0; 32];
        expand(&extract(&salt, &[0x0b; 22]), &[&info[..4], &info[4..]], &mut okm);
        // RFC 5869, appendix A.1, the first 32 of 42 bytes.
        let expected = [
            0x3c, 0xb2, 0x5f, 0x25, 0xfa, 0xac, 0xd5, 0x7a, 0x90, 0x43, 0x4f, 0x64, 0xd0, 0x36, 0x2f, 0x2a,
            0x2d, 0x2d, 0x0a, 0x90, 0xcf, 0x1a, 0x5a, 0x4c, 0x5d, 0xb0, 0x2d, 0x56, 0xec, 0xc4, 0xc5, 0xbf,
        ];
        assert_eq!(okm, expected);
    }
}
