//! Cosignatures: a witness says when it saw a checkpoint, and that it continues all it saw before
//! (c2sp.org/tlog-cosignature, the Ed25519 kind).
//!
//! Only the signature is here. That the checkpoint is consistent with the last one, the witness checks itself, with
//! [`crate::verify_consistency`], and it must do so before it signs.

use std::fmt;

use ring::signature::Ed25519KeyPair;

use crate::{
    checkpoint::Checkpoint,
    error::LedgerError,
    key::{Algorithm, Verifier, key_pair},
    note,
};

/// The latest time that a cosignature may carry.
const MAX_TIME: u64 = i64::MAX as u64;

/// The secret half of a witness's key.
pub struct Cosigner {
    pair: Ed25519KeyPair,
    verifier: Verifier,
}

impl Cosigner {
    /// Makes the key of the witness `name` from its 32-byte Ed25519 seed. Every witness needs a seed of its own:
    /// the signed message does not name the witness.
    pub fn new(name: impl AsRef<str>, seed: [u8; 32]) -> Result<Self, LedgerError> {
        let (pair, verifier) = key_pair(name.as_ref(), Algorithm::Cosignature, seed)?;
        Ok(Self { pair, verifier })
    }

    /// The public half.
    pub fn verifier(&self) -> Verifier {
        self.verifier.clone()
    }

    /// The public half as text: `name+hash+base64(0x04 || key)`.
    pub fn verifier_key(&self) -> String {
        self.verifier.verifier_key()
    }

    /// Adds a cosignature, made at `time` (POSIX seconds), to a signed checkpoint.
    pub fn cosign(&self, signed: &str, time: u64) -> Result<String, LedgerError> {
        note::check_size(format!("{signed}{}", self.line(signed, time)?))
    }

    /// The signature line alone, with its newline: what a witness answers.
    pub fn line(&self, signed: &str, time: u64) -> Result<String, LedgerError> {
        let text = note::text_of(signed)?;
        Checkpoint::parse(text)?;
        if time > MAX_TIME {
            return Err(LedgerError::BadNote {
                reason: "the time of the cosignature is out of range",
            });
        }
        let signature = self.pair.sign(message(text, time).as_bytes());
        let signature = [&time.to_be_bytes()[..], signature.as_ref()].concat();
        Ok(note::line(&self.verifier, &signature))
    }
}

impl fmt::Debug for Cosigner {
    /// Shows the public half only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cosigner({})", self.verifier_key())
    }
}

/// Adds what a witness answered, one or more signature lines, to a signed checkpoint. Lines by other keys are left out.
/// None if the checkpoint has the witness's word already.
///
/// # Errors
/// When the answer holds no line by this witness, or one that is not good.
pub fn add(signed: &str, answer: &str, witness: &Verifier) -> Result<Option<String>, LedgerError> {
    let text = note::text_of(signed)?;
    if note::Note::open(signed, std::slice::from_ref(witness)).is_ok() {
        return Ok(None);
    }
    // A note of these lines alone: opening it checks them, and tells whose they are.
    note::Note::open(&format!("{text}\n{answer}"), std::slice::from_ref(witness))?;
    let line = note::line_by(answer, witness).ok_or(LedgerError::NoKnownSignature)?;
    note::check_size(format!("{signed}{line}")).map(Some)
}

/// What is signed: a header that keeps it apart from every other signature, the time, and the note text.
pub(crate) fn message(text: &str, time: u64) -> String {
    format!("cosignature/v1\ntime {time}\n{text}")
}

/// Takes the time and the Ed25519 signature out of a cosignature.
pub(crate) fn split(signature: &[u8]) -> Option<(u64, &[u8])> {
    let (time, signature) = signature.split_first_chunk()?;
    let time = u64::from_be_bytes(*time);
    (time <= MAX_TIME).then_some((time, signature))
}
