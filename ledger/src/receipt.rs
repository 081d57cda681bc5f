//! Receipts: a file that proves, offline and for good, that a log holds an entry (c2sp.org/tlog-proof@v1).
//!
//! All it takes to check one is the log's verifier key: the receipt carries the entry (as the format's extra data),
//! its place, the path to the root, and the signed checkpoint. What the entry means is not known here.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    bundle::MAX_ENTRY,
    checkpoint::{Checkpoint, Cosigned},
    error::LedgerError,
    hash::{Hash, leaf_hash},
    key::Verifier,
    note::{MAX_NOTE, Signature, text_of},
    text::decimal,
    verify::verify_inclusion,
};

/// The first line of a receipt.
pub const HEADER: &str = "c2sp.org/tlog-proof@v1";
/// The longest receipt that is read, in bytes: an entry and a note of the largest size, and a path.
pub const MAX_RECEIPT: usize = MAX_NOTE + 2 * MAX_ENTRY;
/// The longest path in a tree whose size is a 64-bit number.
const MAX_PATH: usize = 64;

/// A proof that a log holds an entry. Nothing in it is to be believed before [`Receipt::verify`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The entry. `None` when the entry travels beside the receipt.
    pub extra: Option<Vec<u8>>,
    /// The place of the entry in the log, from 0.
    pub index: u64,
    /// The path from the entry to the root (see [`crate::proof::inclusion`]).
    pub hashes: Vec<Hash>,
    /// The signed checkpoint as the log and its witnesses signed it.
    pub checkpoint: String,
}

/// What a receipt proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The bytes that the log holds.
    pub entry: Vec<u8>,
    /// Their place in the log, from 0.
    pub index: u64,
    /// How many entries the log had when it signed.
    pub size: u64,
    /// The name of the log.
    pub origin: String,
    /// The good cosignatures by the witnesses that were asked for.
    pub cosignatures: Vec<Signature>,
}

impl Receipt {
    /// The text of the receipt; a file of it is best named `*.tlog-proof`.
    pub fn render(&self) -> String {
        self.to_string()
    }

    /// Reads a receipt in its one canonical spelling: what is read renders to the same bytes again.
    pub fn parse(text: &str) -> Result<Self, LedgerError> {
        let bad = |reason| LedgerError::BadReceipt { reason };
        if text.len() > MAX_RECEIPT {
            return Err(bad("it is larger than any receipt"));
        }
        // Only what stands before the first empty line is ours; behind it stands the checkpoint, to the letter.
        let (head, checkpoint) = text
            .split_once("\n\n")
            .ok_or(bad("no empty line precedes the checkpoint"))?;
        let mut lines = head.split('\n').peekable();
        if lines.next() != Some(HEADER) {
            return Err(bad("the first line is not c2sp.org/tlog-proof@v1"));
        }
        let extra = match lines.next_if(|line| line.starts_with("extra ")) {
            None => None,
            Some(line) => {
                let entry = STANDARD.decode(&line["extra ".len()..]);
                Some(entry.map_err(|_| bad("the extra data is not base64"))?)
            }
        };
        let index = lines
            .next()
            .and_then(|line| line.strip_prefix("index "))
            .and_then(decimal);
        let index = index.ok_or(bad("the index is missing or not a decimal number"))?;
        let hashes: Result<Vec<_>, _> = lines.take(MAX_PATH + 1).map(Hash::from_base64).collect();
        let hashes = hashes.map_err(|_| bad("a hash of the path is not a base64 hash"))?;
        if hashes.len() > MAX_PATH {
            return Err(bad("the path is longer than any log needs"));
        }
        Checkpoint::parse(text_of(checkpoint)?)?;
        Ok(Self {
            extra,
            index,
            hashes,
            checkpoint: checkpoint.to_owned(),
        })
    }

    /// Checks that the log with this key holds the entry.
    ///
    /// The entry comes from the receipt, or from beside it; if from both, they must be the same.
    pub fn verify(&self, log: &Verifier, entry: Option<&[u8]>) -> Result<Verified, LedgerError> {
        self.verify_cosigned(log, &[], 0, entry)
    }

    /// Like [`Receipt::verify`], and at least `needed` of these witnesses must have cosigned the checkpoint.
    pub fn verify_cosigned(
        &self,
        log: &Verifier,
        witnesses: &[Verifier],
        needed: usize,
        entry: Option<&[u8]>,
    ) -> Result<Verified, LedgerError> {
        let entry = match (self.extra.as_deref(), entry) {
            (Some(inside), Some(beside)) if inside != beside => return Err(LedgerError::EntryMismatch),
            (inside, beside) => inside.or(beside).ok_or(LedgerError::NoEntry)?,
        };
        let Cosigned {
            checkpoint,
            cosignatures,
        } = Checkpoint::open_cosigned(&self.checkpoint, log, witnesses, needed)?;
        let Checkpoint { origin, size, root } = checkpoint;
        verify_inclusion(&leaf_hash(entry), self.index, size, &self.hashes, &root)?;
        Ok(Verified {
            entry: entry.to_vec(),
            index: self.index,
            size,
            origin,
            cosignatures,
        })
    }
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", STANDARD.encode(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        for hash in &self.hashes {
            writeln!(f, "{}", hash.to_base64())?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}
