//! Checkpoints: what a log signs, its name, its size and its root (c2sp.org/tlog-checkpoint).
//!
//! Whether a checkpoint continues an earlier one is not here: that is [`crate::verify_consistency`]. A log must
//! never sign two that do not.

use std::{collections::BTreeSet, fmt};

use crate::{
    error::LedgerError,
    hash::Hash,
    key::{Signer, Verifier},
    note::{Note, Signature, text_of},
    text::decimal,
};

/// The state of a log at one size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The name of the log, which is also the name of its key.
    pub origin: String,
    /// How many entries it has.
    pub size: u64,
    /// The root of its tree at that size.
    pub root: Hash,
}

/// A checkpoint that was believed, and the witnesses who vouch for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosigned {
    /// What the log signed.
    pub checkpoint: Checkpoint,
    /// The good cosignatures by the witnesses that were handed in.
    pub cosignatures: Vec<Signature>,
}

impl Checkpoint {
    /// A checkpoint to be signed.
    pub fn new(origin: impl Into<String>, size: u64, root: Hash) -> Self {
        Self {
            origin: origin.into(),
            size,
            root,
        }
    }

    /// Signs it as the log. The name of the key must be the origin, or nobody could open it again.
    pub fn sign(&self, signer: &Signer) -> Result<String, LedgerError> {
        self.check_origin(signer.name())?;
        signer.sign(&self.to_string())
    }

    /// Reads a signed checkpoint and believes it if this log's key signed it. Other signatures are ignored.
    pub fn open(signed: &str, log: &Verifier) -> Result<Self, LedgerError> {
        Self::open_cosigned(signed, log, &[], 0).map(|cosigned| cosigned.checkpoint)
    }

    /// Like [`Checkpoint::open`], and at least `needed` of these witnesses must have cosigned it.
    ///
    /// A witness counts once, whatever names it goes by: what is counted is public keys.
    pub fn open_cosigned(
        signed: &str,
        log: &Verifier,
        witnesses: &[Verifier],
        needed: usize,
    ) -> Result<Cosigned, LedgerError> {
        let verifiers: Vec<_> = [log].into_iter().chain(witnesses).cloned().collect();
        let note = Note::open(signed, &verifiers)?;
        // A witness's word does not stand in for the log's.
        if note.signatures.iter().all(|signature| signature.by != *log) {
            return Err(LedgerError::NoKnownSignature);
        }
        let checkpoint = Self::parse(&note.text)?;
        checkpoint.check_origin(log.name())?;
        let cosignatures: Vec<_> = note.signatures.into_iter().filter(|one| one.by != *log).collect();
        let mut keys: BTreeSet<_> = cosignatures.iter().map(|one| one.by.public_key()).collect();
        keys.remove(log.public_key());
        let found = keys.len();
        if found < needed {
            return Err(LedgerError::TooFewCosignatures { needed, found });
        }
        Ok(Cosigned {
            checkpoint,
            cosignatures,
        })
    }

    /// Reads what a signed checkpoint says, whoever signed it: for the one who made it, not for the one who is shown it.
    pub fn parse_signed(signed: &str) -> Result<Self, LedgerError> {
        Self::parse(text_of(signed)?)
    }

    /// Reads the text of a checkpoint, without any signature. Extension lines are allowed and ignored.
    pub fn parse(text: &str) -> Result<Self, LedgerError> {
        let bad = |reason| LedgerError::BadCheckpoint { reason };
        let text = text.strip_suffix('\n').ok_or(bad("the last line does not end"))?;
        let mut lines = text.split('\n');
        let origin = lines
            .next()
            .filter(|line| !line.is_empty())
            .ok_or(bad("the origin is missing"))?;
        let size = lines
            .next()
            .and_then(decimal)
            .ok_or(bad("the size is not a decimal number"))?;
        let root = lines.next().and_then(|line| Hash::from_base64(line).ok());
        let root = root.ok_or(bad("the root is not a base64 hash"))?;
        if lines.any(str::is_empty) {
            return Err(bad("an extension line is empty"));
        }
        Ok(Self {
            origin: origin.to_owned(),
            size,
            root,
        })
    }

    fn check_origin(&self, expected: &str) -> Result<(), LedgerError> {
        if self.origin == expected {
            return Ok(());
        }
        Err(LedgerError::WrongOrigin {
            expected: expected.to_owned(),
            found: self.origin.clone(),
        })
    }
}

/// The text that is signed: three lines.
impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}\n{}", self.origin, self.size, self.root.to_base64())
    }
}
