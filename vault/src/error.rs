//! What can go wrong when something sealed is opened. No variant carries a secret or anything of the content.

use thiserror::Error;

/// Why a key or a sealed value could not be had.
#[derive(Clone, Debug, Eq, PartialEq, Error)]
#[non_exhaustive]
pub enum VaultError {
    /// The authentication tag does not match. Which of the causes it is cannot be told apart, by design.
    #[error("{what} does not open: wrong key, wrong context, or damaged")]
    WrongKeyOrDamaged {
        /// What was being opened, e.g. `tenant key`.
        what: &'static str,
    },
    /// The bytes do not have the shape of what they should be.
    #[error("{what} is malformed")]
    Malformed {
        /// What was being read.
        what: &'static str,
    },
    /// The bytes were written in a format that this program does not know, most likely by a newer one.
    #[error("{what} has format version {version}, which this program does not know")]
    UnknownVersion {
        /// What was being read.
        what: &'static str,
        /// The version byte found.
        version: u8,
    },
    /// More than AES-GCM can seal under one nonce (64 GiB less 32 bytes, NIST SP 800-38D section 5.2.1.1).
    #[error("{what} is too long to be sealed in one piece")]
    TooLong {
        /// What was being sealed.
        what: &'static str,
    },
}
