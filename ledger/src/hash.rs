//! The hashes of an RFC 6962 tree: SHA-256, with leaves and nodes kept apart by a prefix byte.
//!
//! Not for anything else: commitments, tokens and passwords have their own hashes elsewhere.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::digest::{Context, SHA256, digest};

use crate::error::LedgerError;

/// A SHA-256 hash: of a leaf, of a node, or of a whole tree.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash([u8; 32]);

impl Hash {
    /// Its length in bytes.
    pub const LEN: usize = 32;

    /// Wraps 32 bytes that are a hash already.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Wraps a slice, which must be 32 bytes long.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, LedgerError> {
        bytes.try_into().map(Self).map_err(|_| LedgerError::BadHash)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// 64 lower-case hex digits.
    pub fn to_hex(&self) -> String {
        hex::encode(self.0)
    }

    /// Reads 64 hex digits.
    pub fn from_hex(text: &str) -> Result<Self, LedgerError> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| LedgerError::BadHash)?;
        Ok(Self(bytes))
    }

    /// 44 characters of standard base64 with padding, as checkpoints and receipts write it.
    pub fn to_base64(&self) -> String {
        STANDARD.encode(self.0)
    }

    /// Reads standard base64. Only the one canonical spelling is taken, so that no altered text passes.
    pub fn from_base64(text: &str) -> Result<Self, LedgerError> {
        Self::from_slice(&STANDARD.decode(text).map_err(|_| LedgerError::BadHash)?)
    }
}

impl From<[u8; 32]> for Hash {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl AsRef<[u8]> for Hash {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}

/// The hash of an entry: `SHA-256(0x00 || entry)` (RFC 6962 §2.1).
pub fn leaf_hash(entry: &[u8]) -> Hash {
    sha256(&[&[0x00], entry])
}

/// The hash of two neighbouring subtrees: `SHA-256(0x01 || left || right)` (RFC 6962 §2.1).
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    sha256(&[&[0x01], &left.0, &right.0])
}

/// The root of the log that has no entries: `SHA-256("")` (RFC 6962 §2.1).
pub fn empty_root() -> Hash {
    sha256(&[])
}

/// SHA-256 over the parts as if they were one piece.
pub(crate) fn sha256(parts: &[&[u8]]) -> Hash {
    let digest = if let [only] = parts {
        digest(&SHA256, only)
    } else {
        let mut context = Context::new(&SHA256);
        for part in parts {
            context.update(part);
        }
        context.finish()
    };
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest.as_ref());
    Hash(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_survives_hex_and_base64() {
        let hash = leaf_hash(b"entry");
        assert_eq!(Hash::from_hex(&hash.to_hex()), Ok(hash));
        assert_eq!(Hash::from_base64(&hash.to_base64()), Ok(hash));
        assert_eq!(Hash::from_slice(hash.as_ref()), Ok(hash));
    }

    #[test]
    fn only_the_canonical_base64_is_read() {
        let text = Hash::from_bytes([0; 32]).to_base64();
        assert_eq!(text, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
        // The last symbol carries four bits of data: the two below them must be zero.
        assert_eq!(
            Hash::from_base64(&text.replace("A=", "B=")),
            Err(LedgerError::BadHash)
        );
        assert_eq!(
            Hash::from_base64(text.trim_end_matches('=')),
            Err(LedgerError::BadHash)
        );
        assert_eq!(Hash::from_base64(&format!("{text}\n")), Err(LedgerError::BadHash));
        assert_eq!(Hash::from_base64("AAAA"), Err(LedgerError::BadHash));
    }
}
