//! The maths of a transparency log: leaves, tree, tiles, checkpoints, proofs, receipts and their verification.
//!
//! What it speaks is public: the Merkle tree of RFC 6962 §2.1, and the C2SP formats signed-note,
//! tlog-checkpoint, tlog-tiles, tlog-cosignature and tlog-proof. An auditor can therefore check what comes out of
//! here with tools that are not ours.
//!
//! What it is not: it stores nothing, sends nothing, waits for nothing and reads no clock. Whoever keeps the log
//! hands in hashes and gets bytes back; times are arguments. It does not look into an entry either: that an entry
//! holds no personal data is a promise of the one who appends it.
//!
//! A log in a few lines:
//!
//! ```
//! use ledger::{Checkpoint, Frontier, Receipt, Signer, Tiles, leaf_hash, proof, tile};
//!
//! # fn main() -> Result<(), ledger::LedgerError> {
//! let signer = Signer::new("example.com/log", [7; 32])?;
//! let entries: [&[u8]; 3] = [b"rule changed", b"rows deleted", b"key shredded"];
//!
//! let mut tiles = Tiles::new();
//! let leaves: Vec<_> = entries.iter().map(|entry| leaf_hash(entry)).collect();
//! for (id, hashes) in tile::grow(0, &leaves, &tiles)? {
//!     tiles.insert(id, hashes);
//! }
//! let mut frontier = Frontier::new();
//! frontier.extend(leaves);
//!
//! let head = Checkpoint::new("example.com/log", frontier.size(), frontier.root());
//! let receipt = Receipt {
//!     extra: Some(entries[1].to_vec()),
//!     index: 1,
//!     hashes: proof::inclusion(1, frontier.size(), &tiles)?,
//!     checkpoint: head.sign(&signer)?,
//! };
//!
//! let verified = Receipt::parse(&receipt.render())?.verify(&signer.verifier(), None)?;
//! assert_eq!(verified.entry, b"rows deleted");
//! # Ok(())
//! # }
//! ```
#![warn(missing_docs)]

pub mod bundle;
pub mod checkpoint;
pub mod continuation;
pub mod cosignature;
pub mod error;
pub mod frontier;
pub mod hash;
pub mod key;
pub mod note;
pub mod proof;
pub mod receipt;
mod text;
pub mod tile;
mod verify;
pub mod witness;

pub use checkpoint::Checkpoint;
pub use continuation::Continuation;
pub use cosignature::Cosigner;
pub use error::LedgerError;
pub use frontier::Frontier;
pub use hash::{Hash, empty_root, leaf_hash, node_hash};
pub use key::{Signer, Verifier};
pub use note::Note;
pub use proof::{Hashes, Tiles, verify_consistency, verify_inclusion};
pub use receipt::{Receipt, Verified};
pub use tile::TileId;
pub use witness::Witness;
