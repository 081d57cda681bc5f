//! Sealing of messages under two locks, fast enough for the data path.
//!
//! A message opens only with the key of its subject *and* the key of its retention bucket. Sealed, it is
//! `ciphertext ‖ tag (16) ‖ version (1)`, [`OVERHEAD`] bytes longer than it was.
//!
//! # The one rule for callers
//!
//! **An id is never used for two different plaintexts under the same pair.** The cipher key follows from the pair and the
//! id, and the nonce is zero; a second plaintext would give away both, and the power to forge. So: an id is not handed out
//! again after a failed commit or after the store was put back from a backup (ids come from a clock or from a counter that
//! is raised beyond all it may have given), and what is rectified is sealed under a new id.

use std::fmt;

use ring::hkdf::Prk;
use zeroize::Zeroizing;

use crate::{
    crypt::{self, Once, TAG},
    error::VaultError,
    key::{BucketKey, SubjectKey},
};

const VERSION: u8 = 1;
const WHAT: &str = "message";

/// How many bytes a sealed message is longer than its plaintext.
pub const OVERHEAD: usize = TAG + 1;

/// Both locks together: what seals and opens the messages of one subject in one bucket.
///
/// Deriving costs a few hash blocks, so callers keep pairs in a cache (behind an `Arc`). They drop a pair as soon as either
/// of its keys is destroyed, or the destruction is not true yet.
pub struct PairKey(Prk);

impl PairKey {
    /// HKDF-SHA256 over both keys, concatenated as in NIST SP 800-56C: without either, nothing is known of the pair.
    #[must_use]
    pub fn derive(subject: &SubjectKey, bucket: &BucketKey) -> Self {
        let mut both = Zeroizing::new([0; 64]);
        both[..32].copy_from_slice(subject.bytes());
        both[32..].copy_from_slice(bucket.bytes());
        Self(crypt::extract(b"weir/v1/pair", both.as_slice()))
    }

    /// Seals a message in place. Give `plaintext` [`OVERHEAD`] bytes of spare capacity, or growing it costs a copy and
    /// leaves the plaintext in freed memory.
    pub fn seal(&self, id: i64, aad: &[u8], mut plaintext: Vec<u8>) -> Result<Vec<u8>, VaultError> {
        plaintext.reserve_exact(OVERHEAD);
        let tag = self
            .once(id)
            .seal(aad, &mut plaintext)
            .map_err(|_| VaultError::TooLong { what: WHAT })?;
        plaintext.extend_from_slice(&tag);
        plaintext.push(VERSION);
        Ok(plaintext)
    }

    /// Opens a message in place, with the `id` and `aad` it was sealed with.
    pub fn open(&self, id: i64, aad: &[u8], mut sealed: Vec<u8>) -> Result<Vec<u8>, VaultError> {
        match sealed.pop() {
            None => return Err(VaultError::Malformed { what: WHAT }),
            Some(VERSION) => {}
            Some(version) => return Err(VaultError::UnknownVersion { what: WHAT, version }),
        }
        if sealed.len() < TAG {
            return Err(VaultError::Malformed { what: WHAT });
        }
        self.once(id)
            .open(aad, &mut sealed)
            .map_err(|_| VaultError::WrongKeyOrDamaged { what: WHAT })?;
        Ok(sealed)
    }

    fn once(&self, id: i64) -> Once {
        Once::derive(&self.0, &[b"weir/v1/message/", &id.to_be_bytes()])
    }
}

impl fmt::Debug for PairKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PairKey([redacted])")
    }
}

/// Where a message belongs: sealed into it, so that a row moved to another place does not open there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Aad {
    tenant: [u8; 16],
    endpoint: [u8; 16],
    subject: [u8; 16],
    class: i64,
}

impl Aad {
    /// How many bytes [`Aad::bytes`] gives.
    pub const LENGTH: usize = 16 + 16 + 16 + 8;

    /// A message of a tenant's endpoint, so far of no subject and of class 0.
    #[must_use]
    pub fn new(tenant: [u8; 16], endpoint: [u8; 16]) -> Self {
        Self {
            tenant,
            endpoint,
            subject: [0; 16],
            class: 0,
        }
    }

    /// The subject it is about. All zeros means none, so that is not to be anyone's id.
    #[must_use]
    pub fn subject(self, subject: [u8; 16]) -> Self {
        Self { subject, ..self }
    }

    /// Its retention class.
    #[must_use]
    pub fn class(self, class: i64) -> Self {
        Self { class, ..self }
    }

    /// `tenant ‖ endpoint ‖ subject ‖ class (big-endian)`: every part of fixed length, so no two places look alike.
    #[must_use]
    pub fn bytes(&self) -> [u8; Self::LENGTH] {
        let mut out = [0; Self::LENGTH];
        out[..16].copy_from_slice(&self.tenant);
        out[16..32].copy_from_slice(&self.endpoint);
        out[32..48].copy_from_slice(&self.subject);
        out[48..].copy_from_slice(&self.class.to_be_bytes());
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(byte: u8) -> SubjectKey {
        SubjectKey::filled(|bytes| *bytes = [byte; 32])
    }

    fn bucket(byte: u8) -> BucketKey {
        BucketKey::filled(|bytes| *bytes = [byte; 32])
    }

    fn pair() -> PairKey {
        PairKey::derive(&subject(1), &bucket(2))
    }

    const REFUSED: VaultError = VaultError::WrongKeyOrDamaged { what: WHAT };

    #[test]
    fn messages_of_every_length_come_back() {
        for length in [0, 1, 15, 16, 17, 128, 65_536] {
            let plaintext: Vec<u8> = (0..=255).cycle().take(length).collect();
            let sealed = pair().seal(5, b"aad", plaintext.clone()).unwrap();
            assert_eq!(sealed.len(), length + OVERHEAD);
            assert_eq!(pair().open(5, b"aad", sealed).unwrap(), plaintext);
        }
    }

    #[test]
    fn both_keys_are_needed() {
        let sealed = pair().seal(5, b"aad", b"hello".to_vec()).unwrap();
        for wrong in [
            PairKey::derive(&subject(3), &bucket(2)),
            PairKey::derive(&subject(1), &bucket(3)),
            PairKey::derive(&subject(2), &bucket(1)),
        ] {
            assert_eq!(wrong.open(5, b"aad", sealed.clone()).unwrap_err(), REFUSED);
        }
    }

    #[test]
    fn a_message_does_not_open_as_another_or_elsewhere() {
        let here = Aad::new([1; 16], [2; 16]).subject([3; 16]).class(4);
        let sealed = pair().seal(5, &here.bytes(), b"hello".to_vec()).unwrap();
        assert_eq!(
            pair().open(6, &here.bytes(), sealed.clone()).unwrap_err(),
            REFUSED
        );
        assert_eq!(
            pair().open(-5, &here.bytes(), sealed.clone()).unwrap_err(),
            REFUSED
        );
        for there in [
            Aad::new([9; 16], [2; 16]).subject([3; 16]).class(4),
            Aad::new([1; 16], [9; 16]).subject([3; 16]).class(4),
            here.subject([9; 16]),
            here.class(9),
            Aad::new([2; 16], [1; 16]).subject([3; 16]).class(4),
        ] {
            assert_eq!(
                pair().open(5, &there.bytes(), sealed.clone()).unwrap_err(),
                REFUSED,
                "{there:?}"
            );
        }
        assert_eq!(pair().open(5, &here.bytes(), sealed).unwrap(), b"hello");
    }

    #[test]
    fn any_flipped_bit_and_any_truncation_fails() {
        let good = pair().seal(5, b"aad", b"hello".to_vec()).unwrap();
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(pair().open(5, b"aad", bad).is_err(), "bit {bit}");
        }
        for length in 0..good.len() {
            assert!(
                pair().open(5, b"aad", good[..length].to_vec()).is_err(),
                "{length} bytes"
            );
        }
    }

    #[test]
    fn an_unknown_version_is_named() {
        let mut sealed = pair().seal(5, b"aad", b"hello".to_vec()).unwrap();
        *sealed.last_mut().unwrap() = 9;
        let expected = VaultError::UnknownVersion {
            what: WHAT,
            version: 9,
        };
        assert_eq!(pair().open(5, b"aad", sealed).unwrap_err(), expected);
        assert_eq!(
            pair().open(5, b"aad", vec![]).unwrap_err(),
            VaultError::Malformed { what: WHAT }
        );
        assert_eq!(
            pair().open(5, b"aad", vec![VERSION]).unwrap_err(),
            VaultError::Malformed { what: WHAT }
        );
    }

    #[test]
    fn a_buffer_with_room_is_not_moved() {
        let mut plaintext = Vec::with_capacity(5 + OVERHEAD);
        plaintext.extend_from_slice(b"hello");
        let before = plaintext.as_ptr();
        let sealed = pair().seal(5, b"aad", plaintext).unwrap();
        assert_eq!(sealed.as_ptr(), before);
        let opened = pair().open(5, b"aad", sealed).unwrap();
        assert_eq!(opened.as_ptr(), before);
    }

    #[test]
    fn debug_prints_no_key() {
        assert_eq!(format!("{:?}", pair()), "PairKey([redacted])");
    }
}
