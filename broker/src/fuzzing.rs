//! Doors for the fuzz targets: one function for each parser that strangers feed. Not for use.

use crate::wire::reader::{Heard, Reader};

/// The largest message of these readers.
const MAX_MESSAGE: usize = 4096;

/// Reads frames as a server does: all bytes at once and, split as the first ones say, in pieces.
///
/// # Panics
/// When the two differ, or something came out that must not.
pub fn frames(data: &[u8]) {
    let (cuts, bytes) = data.split_at(data.len().min(8));
    let whole = read(bytes, std::iter::once(bytes.len().max(1)));
    let sizes = cuts.iter().map(|cut| usize::from(*cut).max(1));
    assert_eq!(whole, read(bytes, sizes), "pieces change the outcome");
    let mut over = false;
    for heard in &whole {
        assert!(!over, "something follows the end");
        match heard {
            Heard::Message(opcode, bytes) => {
                assert!(bytes.len() <= MAX_MESSAGE, "too big");
                let is_text = *opcode == crate::host::Opcode::Text;
                assert!(!is_text || std::str::from_utf8(bytes).is_ok(), "not utf-8");
            }
            Heard::Ping(payload) => assert!(payload.len() <= 125, "a long ping"),
            Heard::Pong => {}
            Heard::Closed(_) | Heard::Fault(_) => over = true,
        }
    }
}

/// Everything that is heard in bytes that come in pieces of these sizes, over and over.
fn read(mut bytes: &[u8], sizes: impl Iterator<Item = usize> + Clone) -> Vec<Heard> {
    let mut reader = Reader::new(MAX_MESSAGE);
    let mut all = Vec::new();
    let mut sizes = sizes.cycle();
    while !bytes.is_empty() {
        let size = sizes.next().unwrap_or(1).min(bytes.len());
        let (mut piece, rest) = bytes.split_at(size);
        bytes = rest;
        while let Some(heard) = reader.next(&mut piece) {
            all.push(heard);
        }
    }
    all
}
