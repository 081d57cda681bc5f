//! What can go wrong, in sentences that tell an auditor or an operator what to look at.
//!
//! Names of keys and origins of logs appear in them; entries, and thereby anything a tenant wrote, never do.

use crate::tile::TileId;

/// Why a log could not be read, extended or believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// Text or bytes that should be a SHA-256 hash are not.
    #[error("this is not a SHA-256 hash: 32 bytes were expected, as hex or as base64 with padding")]
    BadHash,
    /// Stored frontier bytes do not describe a tree.
    #[error("these bytes are not a frontier: {reason}")]
    BadFrontier {
        /// What does not fit.
        reason: &'static str,
    },
    /// A path does not name a tile.
    #[error("this is not the path of a tile: {reason}")]
    BadTilePath {
        /// What does not fit.
        reason: &'static str,
    },
    /// Bytes that should be a tile are not.
    #[error("this is not a tile: it holds {bytes} bytes, and a tile holds 1 to 256 hashes of 32 bytes")]
    BadTile {
        /// How many bytes came.
        bytes: usize,
    },
    /// A tile that the computation needs was not handed in.
    #[error("tile {id} is missing or too short, so the proof cannot be computed: load it first")]
    MissingTile {
        /// The tile that has to be loaded.
        id: TileId,
    },
    /// Bytes that should be an entry bundle are not.
    #[error("this is not an entry bundle: {reason}")]
    BadBundle {
        /// What does not fit.
        reason: &'static str,
    },
    /// An entry does not fit the 16-bit length of a bundle.
    #[error("the entry is {bytes} bytes long; a log entry holds at most 65535 bytes")]
    EntryTooLong {
        /// How long the entry is.
        bytes: usize,
    },
    /// An index that the tree of this size does not reach.
    #[error("there is no entry {index} in a log of {size} entries")]
    IndexOutside {
        /// The index that was asked for.
        index: u64,
        /// The size of the tree.
        size: u64,
    },
    /// A log does not shrink.
    #[error("a log only grows: it had {old} entries and cannot have {new} later")]
    Shrunk {
        /// The earlier size.
        old: u64,
        /// The later size.
        new: u64,
    },
    /// A log that would outgrow what is counted here.
    #[error("the log would exceed 2^63 - 1 entries")]
    TooLarge,
    /// A proof with too many or too few hashes for its place in the tree.
    #[error("the proof has {found} hashes where the place in the tree needs {expected}")]
    ProofLength {
        /// How many the place in the tree needs.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// The proof leads to another root: entry, index, proof or root is not genuine.
    #[error("the proof does not lead to the signed root: the entry, its index or the proof was altered")]
    RootMismatch,
    /// The later tree does not begin with the earlier one.
    #[error("the two trees are not consistent: the later one does not continue the earlier one")]
    Inconsistent,
    /// Text that should be a continuation is not, or it is not that of this checkpoint.
    #[error("this is not a proof of consistency: {reason}")]
    BadContinuation {
        /// What does not fit.
        reason: &'static str,
    },
    /// A key name that a signature line cannot carry.
    #[error("a key name must not be empty and must hold no space, plus sign or control character")]
    BadKeyName,
    /// Text that should be a verifier key is not.
    #[error("this is not a verifier key (name+hash+key): {reason}")]
    BadVerifierKey {
        /// What does not fit.
        reason: &'static str,
    },
    /// The signing key could not be made from its seed.
    #[error("the signing key was refused by the Ed25519 implementation")]
    BadSigningKey,
    /// Text that should be a signed note is not, or a text cannot be signed as one.
    #[error("this is not a signed note: {reason}")]
    BadNote {
        /// What does not fit.
        reason: &'static str,
    },
    /// None of the signatures is by a key that was given.
    #[error("the note has no signature by a key that is trusted here")]
    NoKnownSignature,
    /// A signature that names a trusted key was not made by it over this text.
    #[error("the signature of {name}+{id:08x} does not fit the text: text or signature was altered")]
    BadSignature {
        /// The key name.
        name: String,
        /// The key id.
        id: u32,
    },
    /// Two different trusted keys share a name and an id.
    #[error("two different keys are trusted under {name}+{id:08x}: nobody can tell which one signed")]
    AmbiguousKey {
        /// The key name.
        name: String,
        /// The key id.
        id: u32,
    },
    /// A note text that should be a checkpoint is not.
    #[error("this is not a checkpoint: {reason}")]
    BadCheckpoint {
        /// What does not fit.
        reason: &'static str,
    },
    /// The checkpoint is of another log than the key.
    #[error("the checkpoint is of the log {found}, and the key is that of {expected}")]
    WrongOrigin {
        /// The name of the trusted key.
        expected: String,
        /// The origin line of the checkpoint.
        found: String,
    },
    /// Fewer witnesses than asked for vouch for the checkpoint.
    #[error("{found} of the trusted witnesses cosigned the checkpoint, and {needed} are needed")]
    TooFewCosignatures {
        /// How many are needed.
        needed: usize,
        /// How many there are.
        found: usize,
    },
    /// Text that should be a receipt is not.
    #[error("this is not a receipt (c2sp.org/tlog-proof@v1): {reason}")]
    BadReceipt {
        /// What does not fit.
        reason: &'static str,
    },
    /// A receipt that does not carry its entry, and none was given beside it.
    #[error("the receipt does not carry the entry it is about: hand the entry in beside it")]
    NoEntry,
    /// The entry beside the receipt is not the one inside.
    #[error("the entry that was handed in is not the one that the receipt carries")]
    EntryMismatch,
}
