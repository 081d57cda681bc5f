//! What a measured message says: its number among all and on its channel, and filler that must arrive as it was sent. So
//! every reader sees for itself what was lost, doubled, out of order or damaged.

use anyhow::Context as _;

/// Bytes of the stamp itself: a mark, eight digits, eight digits, a mark.
const STAMP: usize = 18;
/// Stands in nothing that servers wrap around a message.
const MARK: u8 = b'~';
const FILLER: u8 = b'x';

/// The shape of the messages of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// Bytes.
    pub(crate) bytes: usize,
    /// A JSON object, for endpoints that look for data types in messages. Otherwise plain text.
    pub(crate) json: bool,
}

/// The numbers of a message, both from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Among all messages of the run.
    pub(crate) number: u32,
    /// On its channel.
    pub(crate) place: u32,
}

const OPEN: &str = r#"{"text":""#;
const SHUT: &str = r#"","n":1}"#;

impl Shape {
    fn filler(self) -> usize {
        let frame = if self.json { OPEN.len() + SHUT.len() } else { 0 };
        self.bytes.saturating_sub(frame + STAMP)
    }

    /// Appends a message. With `escaped` its quotation marks are written as they stand inside a JSON string.
    pub(crate) fn put(self, out: &mut Vec<u8>, stamp: Stamp, escaped: bool) {
        let quoted = |out: &mut Vec<u8>, text: &str| {
            for byte in text.bytes() {
                if escaped && byte == b'"' {
                    out.push(b'\\');
                }
                out.push(byte);
            }
        };
        if self.json {
            quoted(out, OPEN);
        }
        out.push(MARK);
        out.extend_from_slice(&digits(stamp.number));
        out.extend_from_slice(&digits(stamp.place));
        out.push(MARK);
        out.resize(out.len() + self.filler(), FILLER);
        if self.json {
            quoted(out, SHUT);
        }
    }
}

/// Finds stamps in what arrives. The envelopes of a run are all of one length or nearly, so it looks first where it found
/// the last one.
#[derive(Debug)]
pub(crate) struct Finder {
    hint: usize,
    filler: Vec<u8>,
}

impl Finder {
    pub(crate) fn new(shape: Shape) -> Self {
        Self {
            hint: 0,
            filler: vec![FILLER; shape.filler()],
        }
    }

    /// The stamp of a message; `None` where there is none, as in what a server says of itself.
    ///
    /// # Errors
    /// A message that is not as it was sent.
    pub(crate) fn find(&mut self, payload: &[u8]) -> anyhow::Result<Option<Stamp>> {
        if payload.get(self.hint) != Some(&MARK) {
            match payload.iter().position(|byte| *byte == MARK) {
                None => return Ok(None),
                Some(at) => self.hint = at,
            }
        }
        let (stamp, rest) = payload[self.hint..]
            .split_at_checked(STAMP)
            .context("a message was cut short")?;
        let stamp = read(stamp).context("a message without its number")?;
        anyhow::ensure!(
            rest.starts_with(&self.filler) && rest.get(self.filler.len()) != Some(&FILLER),
            "message {} was damaged",
            stamp.number
        );
        Ok(Some(stamp))
    }
}

fn digits(number: u32) -> [u8; 8] {
    let mut out = [0; 8];
    for (at, digit) in out.iter_mut().enumerate() {
        let nibble = (number >> (28 - 4 * at)) & 0xf;
        *digit = b"0123456789abcdef"[nibble as usize];
    }
    out
}

fn read(stamp: &[u8]) -> Option<Stamp> {
    let number = |digits: &[u8]| {
        digits.iter().try_fold(0_u32, |number, digit| {
            let nibble = match digit {
                b'0'..=b'9' => digit - b'0',
                b'a'..=b'f' => digit - b'a' + 10,
                _ => return None,
            };
            Some(number << 4 | u32::from(nibble))
        })
    };
    (stamp[STAMP - 1] == MARK).then_some(())?;
    Some(Stamp {
        number: number(&stamp[1..9])?,
        place: number(&stamp[9..17])?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMPS: [Stamp; 2] = [
        Stamp { number: 1, place: 1 },
        Stamp {
            number: 0x89ab_cdef,
            place: 77,
        },
    ];

    #[test]
    fn a_message_has_its_length_and_its_stamp_is_found_in_any_envelope() {
        for json in [false, true] {
            let shape = Shape { bytes: 128, json };
            let mut finder = Finder::new(shape);
            for stamp in STAMPS {
                let mut bare = Vec::new();
                shape.put(&mut bare, stamp, false);
                assert_eq!(bare.len(), 128);
                assert_eq!(finder.find(&bare).unwrap(), Some(stamp));
                let mut wrapped = br#"{"event":"m","channel":"private-c","data":""#.to_vec();
                shape.put(&mut wrapped, stamp, true);
                wrapped.extend_from_slice(b"\"}");
                assert_eq!(finder.find(&wrapped).unwrap(), Some(stamp));
                let value: serde_json::Value = serde_json::from_slice(&wrapped).unwrap();
                assert_eq!(value["data"].as_str().unwrap().as_bytes(), bare);
            }
        }
    }

    #[test]
    fn a_damaged_message_is_no_message() {
        let shape = Shape {
            bytes: 64,
            json: false,
        };
        let mut finder = Finder::new(shape);
        let mut sent = Vec::new();
        shape.put(&mut sent, STAMPS[0], false);
        for at in 1..sent.len() {
            let mut damaged = sent.clone();
            damaged[at] = b'?';
            assert!(finder.find(&damaged).is_err(), "{at}");
        }
        let longer = [&sent[..], b"x"].concat();
        assert!(finder.find(&longer).is_err());
        assert!(finder.find(b"{\"event\":\"pusher:pong\"}").unwrap().is_none());
    }
}
