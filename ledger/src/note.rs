//! Signed notes: a text, an empty line, and one line per signature (c2sp.org/signed-note).
//!
//! The text of a note counts for nothing until [`Note::open`] has found a trusted signature under it.

use base64::{Engine as _, engine::general_purpose::STANDARD};

pub use crate::key::{Signer, Verifier};
use crate::{error::LedgerError, key::is_key_name};

/// The longest note that is read, in bytes. Room for a hundred post-quantum cosignatures.
pub const MAX_NOTE: usize = 1 << 20;
/// The most signatures on a note.
pub const MAX_SIGNATURES: usize = 100;

/// A note whose text is vouched for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The signed text, with its final newline.
    pub text: String,
    /// Whose signatures were checked and found good, in the order of the note, each key once.
    pub signatures: Vec<Signature>,
    /// How many signatures are by keys unknown here. They say nothing, neither for the note nor against it.
    pub unknown: usize,
}

/// A signature that was checked and found good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// The key that made it.
    pub by: Verifier,
    /// When a witness says it made it, in POSIX seconds; `None` for a log's own signature.
    pub time: Option<u64>,
}

impl Note {
    /// Reads a note and checks every signature by one of these keys.
    ///
    /// Signatures by other keys are ignored. One bad signature by a known key spoils the note, and so does the lack
    /// of any good one.
    pub fn open(signed: &str, verifiers: &[Verifier]) -> Result<Self, LedgerError> {
        let (text, lines) = split(signed)?;
        let mut note = Self {
            text: text.to_owned(),
            signatures: Vec::new(),
            unknown: 0,
        };
        for line in lines {
            let Some(verifier) = find(verifiers, &line)? else {
                note.unknown += 1;
                continue;
            };
            let time = verifier.check(text, &line.signature)?;
            if note.signatures.iter().all(|known| known.by != *verifier) {
                note.signatures.push(Signature {
                    by: verifier.clone(),
                    time,
                });
            }
        }
        if note.signatures.is_empty() {
            Err(LedgerError::NoKnownSignature)
        } else {
            Ok(note)
        }
    }
}

/// A signature line as it stands there, not yet believed.
struct Line<'a> {
    name: &'a str,
    id: u32,
    signature: Vec<u8>,
}

fn find<'v>(verifiers: &'v [Verifier], line: &Line<'_>) -> Result<Option<&'v Verifier>, LedgerError> {
    let mut known = verifiers
        .iter()
        .filter(|key| key.name() == line.name && key.id() == line.id);
    let first = known.next();
    if known.any(|other| Some(other) != first) {
        return Err(LedgerError::AmbiguousKey {
            name: line.name.to_owned(),
            id: line.id,
        });
    }
    Ok(first)
}

fn bad(reason: &'static str) -> LedgerError {
    LedgerError::BadNote { reason }
}

/// Takes a note apart and checks its form. Nothing is verified.
fn split(signed: &str) -> Result<(&str, Vec<Line<'_>>), LedgerError> {
    if signed.len() > MAX_NOTE {
        return Err(bad("it is larger than 1 MiB"));
    }
    // The text may hold empty lines; the last one ends it.
    let end = signed
        .rfind("\n\n")
        .ok_or(bad("no empty line parts the text from the signatures"))?
        + 1;
    let text = &signed[..end];
    check_text(text)?;
    let lines = signed[end + 1..]
        .strip_suffix('\n')
        .ok_or(bad("the last line does not end"))?;
    if lines.bytes().filter(|byte| *byte == b'\n').count() >= MAX_SIGNATURES {
        return Err(bad("it has more than 100 signatures"));
    }
    let lines = lines
        .split('\n')
        .map(|line| parse_line(line).ok_or(bad("a signature line is malformed")));
    Ok((text, lines.collect::<Result<_, _>>()?))
}

/// `— name base64(id || signature)`
fn parse_line(line: &str) -> Option<Line<'_>> {
    let (name, signature) = line.strip_prefix("— ")?.split_once(' ')?;
    let signature = STANDARD.decode(signature).ok()?;
    let (id, signature) = signature.split_first_chunk()?;
    let whole = is_key_name(name) && !signature.is_empty();
    whole.then(|| Line {
        name,
        id: u32::from_be_bytes(*id),
        signature: signature.to_vec(),
    })
}

/// The line for a signature, with its newline.
pub(crate) fn line(by: &Verifier, signature: &[u8]) -> String {
    let bytes = [&by.id().to_be_bytes()[..], signature].concat();
    format!("— {} {}\n", by.name(), STANDARD.encode(bytes))
}

/// The first of these signature lines that names this key, with its newline.
pub(crate) fn line_by<'a>(lines: &'a str, by: &Verifier) -> Option<&'a str> {
    lines.split_inclusive('\n').find(|line| {
        let parsed = line.strip_suffix('\n').and_then(parse_line);
        parsed.is_some_and(|line| line.name == by.name() && line.id == by.id())
    })
}

/// The text of a note that is well formed. Nobody has checked who signed it.
pub(crate) fn text_of(signed: &str) -> Result<&str, LedgerError> {
    split(signed).map(|(text, _)| text)
}

/// Gives a note back if it is still one that can be read after a line was added.
pub(crate) fn check_size(signed: String) -> Result<String, LedgerError> {
    split(&signed)?;
    Ok(signed)
}

/// Whether a text can be the text of a note.
pub(crate) fn check_text(text: &str) -> Result<(), LedgerError> {
    if text.len() > MAX_NOTE {
        return Err(bad("it is larger than 1 MiB"));
    }
    if !text.ends_with('\n') {
        return Err(bad("the text does not end in a newline"));
    }
    if text.bytes().any(|byte| byte < 0x20 && byte != b'\n') {
        return Err(bad("the text holds a control character"));
    }
    Ok(())
}
