//! Continuations: that a signed checkpoint continues an earlier size, in the form in which a witness is asked to
//! cosign it (the body of `add-checkpoint`, c2sp.org/tlog-witness). One form for witnesses and for auditors.
//!
//! The proof goes from sizes to roots; the earlier root is not in it. Whoever checks it brings the checkpoint that
//! they kept.

use std::fmt;

use crate::{
    checkpoint::Checkpoint,
    error::LedgerError,
    hash::Hash,
    key::Verifier,
    note::{MAX_NOTE, text_of},
    text::decimal,
    verify::verify_consistency,
};

/// The longest proof that a witness takes (c2sp.org/tlog-witness).
const MAX_PROOF: usize = 63;
/// The longest body that is read, in bytes.
const MAX_BODY: usize = MAX_NOTE + 64 * 64;

/// A checkpoint, and the proof that it continues the log of `old_size` entries. Nothing in it is to be believed before
/// [`Continuation::verify`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Continuation {
    /// The earlier size.
    pub old_size: u64,
    /// The proof (see [`crate::proof::consistency`]).
    pub hashes: Vec<Hash>,
    /// The later checkpoint as the log and its witnesses signed it.
    pub checkpoint: String,
}

impl Continuation {
    /// Reads the body of an `add-checkpoint` request.
    pub fn parse(text: &str) -> Result<Self, LedgerError> {
        let bad = |reason| LedgerError::BadContinuation { reason };
        if text.len() > MAX_BODY {
            return Err(bad("it is larger than any proof"));
        }
        let (head, checkpoint) = text
            .split_once("\n\n")
            .ok_or(bad("no empty line precedes the checkpoint"))?;
        let mut lines = head.split('\n');
        let old_size = lines
            .next()
            .and_then(|line| line.strip_prefix("old "))
            .and_then(decimal)
            .ok_or(bad("the first line is not `old` and a decimal number"))?;
        let hashes: Result<Vec<_>, _> = lines.take(MAX_PROOF + 1).map(Hash::from_base64).collect();
        let hashes = hashes.map_err(|_| bad("a line of the proof is not a base64 hash"))?;
        if hashes.len() > MAX_PROOF {
            return Err(bad("the proof is longer than any log needs"));
        }
        Checkpoint::parse(text_of(checkpoint)?)?;
        Ok(Self {
            old_size,
            hashes,
            checkpoint: checkpoint.to_owned(),
        })
    }

    /// Checks that the log with this key signed the checkpoint, and that it continues `earlier`, which the caller has
    /// believed before. Answers the later checkpoint.
    pub fn verify(&self, log: &Verifier, earlier: &Checkpoint) -> Result<Checkpoint, LedgerError> {
        let later = Checkpoint::open(&self.checkpoint, log)?;
        if earlier.origin != later.origin {
            return Err(LedgerError::WrongOrigin {
                expected: earlier.origin.clone(),
                found: later.origin,
            });
        }
        if earlier.size != self.old_size {
            return Err(LedgerError::BadContinuation {
                reason: "it starts at another size than the earlier checkpoint",
            });
        }
        verify_consistency(earlier.size, later.size, &self.hashes, &earlier.root, &later.root)?;
        Ok(later)
    }
}

impl fmt::Display for Continuation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old_size)?;
        for hash in &self.hashes {
            writeln!(f, "{}", hash.to_base64())?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Frontier, Signer, Tiles, leaf_hash, proof, tile};

    fn log() -> Signer {
        Signer::new("log.example/x", [7; 32]).unwrap()
    }

    fn checkpoint(size: u64) -> Checkpoint {
        let mut frontier = Frontier::new();
        frontier.extend((0..size).map(|n| leaf_hash(&n.to_be_bytes())));
        Checkpoint::new("log.example/x", size, frontier.root())
    }

    fn continuation(old: u64, new: u64) -> Continuation {
        let leaves: Vec<_> = (0..new).map(|n| leaf_hash(&n.to_be_bytes())).collect();
        let tiles: Tiles = tile::grow(0, &leaves, &Tiles::new())
            .unwrap()
            .into_iter()
            .collect();
        Continuation {
            old_size: old,
            hashes: proof::consistency(old, new, &tiles).unwrap(),
            checkpoint: checkpoint(new).sign(&log()).unwrap(),
        }
    }

    #[test]
    fn what_was_written_is_read_and_believed() {
        for (old, new) in [(0, 1), (1, 1), (3, 7), (8, 300)] {
            let text = continuation(old, new).to_string();
            let read = Continuation::parse(&text).unwrap();
            assert_eq!(read.to_string(), text);
            let later = read.verify(&log().verifier(), &checkpoint(old)).unwrap();
            assert_eq!(later, checkpoint(new));
        }
    }

    #[test]
    fn another_past_and_any_flipped_bit_are_refused() {
        let (good, earlier) = (continuation(3, 7).to_string(), checkpoint(3));
        let mut rewritten = earlier.clone();
        rewritten.root = leaf_hash(b"another past");
        let read = Continuation::parse(&good).unwrap();
        assert!(read.verify(&log().verifier(), &rewritten).is_err());
        assert!(read.verify(&log().verifier(), &checkpoint(2)).is_err());
        for bit in 0..good.len() * 8 {
            let mut bytes = good.clone().into_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let believed = String::from_utf8(bytes)
                .ok()
                .and_then(|text| Continuation::parse(&text).ok())
                .and_then(|read| read.verify(&log().verifier(), &earlier).ok());
            assert!(believed.is_none(), "bit {bit}");
        }
    }
}
