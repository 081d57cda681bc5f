//! Secrets: password and token hashes, the key hierarchy, sealing and redaction.
//!
//! ```text
//! RootKey ── wraps ── TenantKey ─┬─ wraps ── SubjectKey ─┐
//!    outside the store           ├─ wraps ── BucketKey  ─┴─ PairKey: seals messages
//!                                ├─ wraps ── SigningSeed
//!                                └─ derives ─ IndexKey: blind indexes, one-time codes
//! ```
//!
//! Around every stored key lies one more layer, under a [`PageKey`](key::PageKey) that is kept apart from the stores and
//! replaced at every destruction: what an old copy of the store holds does not open any more (see [`page`]).
//!
//! Everything that is stored sealed hangs on a key that is stored wrapped. To destroy data, destroy its wrapped key:
//! a [`SubjectKey`](key::SubjectKey) when a person leaves, a [`BucketKey`](key::BucketKey) when a retention bucket has
//! expired. Messages need both, so either act alone is enough.
//!
//! The crate has no store, no network, no clock and no threads, and it imports nothing of ours, so that it can be read in
//! one sitting. Who may open what, and when a key must die, is decided elsewhere.
//!
//! # What is used
//!
//! | for | primitive | source |
//! |---|---|---|
//! | sealing and wrapping | AES-256-GCM under a key that seals exactly once, so the nonce is zero | NIST SP 800-38D |
//! | deriving keys | HKDF-SHA256 | RFC 5869 |
//! | blind indexes, codes | HMAC-SHA256 | RFC 2104 |
//! | tokens | SHA-256 of 256 random bits | FIPS 180-4 |
//! | passwords | Argon2id | RFC 9106 |
//!
//! # What is not promised
//!
//! Key types wipe their bytes when they are dropped. What `ring` expands from them (AES round keys, HMAC states, and so a
//! cached [`PairKey`](message::PairKey)) is freed but not wiped: `ring` offers no way to. An attacker who reads the memory
//! of the running process reads its keys. Whoever destroys a key must also drop what was cached from it.

#![warn(missing_docs)]

pub mod chance;
pub mod code;
mod crypt;
mod envelope;
pub mod error;
#[cfg(test)]
mod format;
pub mod index;
pub mod key;
pub mod keyring;
pub mod message;
pub mod page;
pub mod password;
pub mod redact;

pub mod token;
pub mod value;
mod wrap;

pub use chance::Chance;
pub use error::VaultError;
pub use redact::Redacted;
