//! Keys of signed notes: a name, a short id and an Ed25519 key (c2sp.org/signed-note).
//!
//! A key here never decides whom to trust: whoever opens a note hands in the verifiers that count.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};

use crate::{cosignature, error::LedgerError, hash::sha256, note};

/// What a signature is made over. The byte that stands for it is part of the key id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithm {
    /// Ed25519 over the note text.
    Ed25519 = 0x01,
    /// Ed25519 over a header, a time and the note text (c2sp.org/tlog-cosignature).
    Cosignature = 0x04,
}

/// The public half: a name and a key that one has decided to trust for it.
#[derive(Clone, PartialEq, Eq)]
pub struct Verifier {
    name: String,
    id: u32,
    algorithm: Algorithm,
    key: [u8; 32],
}

impl Verifier {
    /// Reads a verifier key, `name+hash+base64(type || key)`, of a log (type `0x01`) or of a witness (type `0x04`).
    pub fn parse(verifier_key: &str) -> Result<Self, LedgerError> {
        let bad = |reason| LedgerError::BadVerifierKey { reason };
        // Base64 may hold further plus signs, so the split is from the left, at the first two.
        let mut parts = verifier_key.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(bad("it does not have three parts"));
        };
        let mut bytes = [0; 4];
        hex::decode_to_slice(id, &mut bytes).map_err(|_| bad("the hash is not 8 hex digits"))?;
        let key = STANDARD.decode(key).map_err(|_| bad("the key is not base64"))?;
        let (kind, key) = key.split_first().ok_or(bad("the key is empty"))?;
        let algorithm = match *kind {
            0x01 => Algorithm::Ed25519,
            0x04 => Algorithm::Cosignature,
            _ => {
                return Err(bad(
                    "the type of the key is neither Ed25519 nor an Ed25519 cosignature",
                ));
            }
        };
        let key = key
            .try_into()
            .map_err(|_| bad("an Ed25519 key is 32 bytes long"))?;
        let verifier = Self::new(name, algorithm, key)?;
        if verifier.id == u32::from_be_bytes(bytes) {
            Ok(verifier)
        } else {
            Err(bad("the hash does not belong to this name and key"))
        }
    }

    fn new(name: &str, algorithm: Algorithm, key: [u8; 32]) -> Result<Self, LedgerError> {
        let id = key_id(name, algorithm, &key)?;
        Ok(Self {
            name: name.to_owned(),
            id,
            algorithm,
            key,
        })
    }

    /// The key name; for a log, the origin of its checkpoints.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key id that signature lines carry: not a strong hash, only a hint which key to try.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The text form, to be published, pinned and handed to auditors.
    pub fn verifier_key(&self) -> String {
        let key = [&[self.algorithm as u8][..], &self.key].concat();
        format!("{}+{:08x}+{}", self.name, self.id, STANDARD.encode(key))
    }

    /// Whether this is a witness's key, whose signatures carry a time.
    pub fn is_cosigner(&self) -> bool {
        self.algorithm == Algorithm::Cosignature
    }

    pub(crate) fn public_key(&self) -> &[u8; 32] {
        &self.key
    }

    /// Checks a signature over a note text; gives the time (POSIX seconds) if the signature carries one.
    pub(crate) fn check(&self, text: &str, signature: &[u8]) -> Result<Option<u64>, LedgerError> {
        let key = UnparsedPublicKey::new(&ED25519, &self.key);
        let bad = || LedgerError::BadSignature {
            name: self.name.clone(),
            id: self.id,
        };
        match self.algorithm {
            Algorithm::Ed25519 => {
                key.verify(text.as_bytes(), signature).map_err(|_| bad())?;
                Ok(None)
            }
            Algorithm::Cosignature => {
                let (time, signature) = cosignature::split(signature).ok_or_else(bad)?;
                let message = cosignature::message(text, time);
                key.verify(message.as_bytes(), signature).map_err(|_| bad())?;
                Ok(Some(time))
            }
        }
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Verifier({})", self.verifier_key())
    }
}

/// The secret half of a log's key.
pub struct Signer {
    pair: Ed25519KeyPair,
    verifier: Verifier,
}

impl Signer {
    /// Makes the key of the log `name` from its 32-byte Ed25519 seed (RFC 8032 §5.1.5). The seed is the secret.
    pub fn new(name: impl AsRef<str>, seed: [u8; 32]) -> Result<Self, LedgerError> {
        let (pair, verifier) = key_pair(name.as_ref(), Algorithm::Ed25519, seed)?;
        Ok(Self { pair, verifier })
    }

    /// The key name.
    pub fn name(&self) -> &str {
        self.verifier.name()
    }

    /// The public half.
    pub fn verifier(&self) -> Verifier {
        self.verifier.clone()
    }

    /// The public half as text: `name+hash+base64(0x01 || key)`.
    pub fn verifier_key(&self) -> String {
        self.verifier.verifier_key()
    }

    /// Makes a signed note of a text, which must end in a newline and hold no other control character.
    pub fn sign(&self, text: &str) -> Result<String, LedgerError> {
        note::check_text(text)?;
        Ok(format!("{text}\n{}", self.line(text)))
    }

    /// Adds a signature to a signed note, for example the new key's while a key is being replaced.
    pub fn add_to(&self, signed: &str) -> Result<String, LedgerError> {
        let text = note::text_of(signed)?;
        note::check_size(format!("{signed}{}", self.line(text)))
    }

    fn line(&self, text: &str) -> String {
        note::line(&self.verifier, self.pair.sign(text.as_bytes()).as_ref())
    }
}

impl fmt::Debug for Signer {
    /// Shows the public half only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.verifier_key())
    }
}

/// Makes both halves of a key from its seed.
pub(crate) fn key_pair(
    name: &str,
    algorithm: Algorithm,
    seed: [u8; 32],
) -> Result<(Ed25519KeyPair, Verifier), LedgerError> {
    let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| LedgerError::BadSigningKey)?;
    let key = pair
        .public_key()
        .as_ref()
        .try_into()
        .map_err(|_| LedgerError::BadSigningKey)?;
    let verifier = Verifier::new(name, algorithm, key)?;
    Ok((pair, verifier))
}

/// `SHA-256(name || 0x0A || type || key)[:4]`, big-endian.
fn key_id(name: &str, algorithm: Algorithm, key: &[u8; 32]) -> Result<u32, LedgerError> {
    if !is_key_name(name) {
        return Err(LedgerError::BadKeyName);
    }
    let hash = sha256(&[name.as_bytes(), b"\n", &[algorithm as u8], key]);
    let [a, b, c, d, ..] = *hash.as_bytes();
    Ok(u32::from_be_bytes([a, b, c, d]))
}

/// Not empty, no Unicode space, no plus sign, no control character.
pub(crate) fn is_key_name(name: &str) -> bool {
    let forbidden = |c: char| c.is_whitespace() || c.is_control() || c == '+';
    !name.is_empty() && !name.contains(forbidden)
}
