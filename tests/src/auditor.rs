//! An auditor who trusts no line of ours: receipts, checkpoints and consistency are checked with Cloudflare's
//! `signed_note` and `tlog_tiles`. Only the frame of a receipt (c2sp.org/tlog-proof@v1), which these do not read, is
//! taken apart here, by the letter of its description.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use signed_note::{Note, StandardVerifier, VerifierList};
pub use tlog_tiles::Checkpoint;
use tlog_tiles::{Hash, RecordProof, TreeProof, check_record, check_tree, record_hash};

/// What a receipt proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proven {
    /// The entry.
    pub entry: Vec<u8>,
    /// Its place.
    pub index: u64,
    /// The size of the log that signed.
    pub size: u64,
}

/// Believes a checkpoint that `key` signed under its own name.
pub fn checkpoint(signed: &[u8], key: &str) -> Option<Checkpoint> {
    let verifier = StandardVerifier::new(key).ok()?;
    let name = signed_note::Verifier::name(&verifier).to_owned();
    let note = Note::from_bytes(signed).ok()?;
    note.verify(&VerifierList::new(vec![Box::new(verifier)])).ok()?;
    let checkpoint = Checkpoint::from_bytes(note.text()).ok()?;
    (checkpoint.origin() == name).then_some(checkpoint)
}

/// Believes a receipt.
pub fn receipt(bytes: &[u8], key: &str) -> Option<Proven> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (head, signed) = text.split_once("\n\n")?;
    let mut lines = head.split('\n');
    if lines.next()? != "c2sp.org/tlog-proof@v1" {
        return None;
    }
    let entry = STANDARD.decode(lines.next()?.strip_prefix("extra ")?).ok()?;
    let index = decimal(lines.next()?.strip_prefix("index ")?)?;
    let proof: RecordProof = lines.map(hash).collect::<Option<_>>()?;
    let log = checkpoint(signed.as_bytes(), key)?;
    check_record(&proof, log.size(), *log.hash(), index, record_hash(&entry)).ok()?;
    Some(Proven {
        entry,
        index,
        size: log.size(),
    })
}

/// Believes that the later checkpoint in a proof of consistency continues the earlier one.
pub fn continues(bytes: &[u8], earlier: &Checkpoint, key: &str) -> Option<Checkpoint> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (head, signed) = text.split_once("\n\n")?;
    let mut lines = head.split('\n');
    if decimal(lines.next()?.strip_prefix("old ")?)? != earlier.size() {
        return None;
    }
    let proof: TreeProof = lines.map(hash).collect::<Option<_>>()?;
    let later = checkpoint(signed.as_bytes(), key)?;
    check_tree(
        &proof,
        later.size(),
        *later.hash(),
        earlier.size(),
        *earlier.hash(),
    )
    .ok()?;
    Some(later)
}

fn hash(line: &str) -> Option<Hash> {
    let parsed = Hash::parse_hash(line).ok()?;
    // One spelling only, or a bit of the file could be flipped unseen.
    (STANDARD.encode(parsed.0) == line).then_some(parsed)
}

fn decimal(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}
