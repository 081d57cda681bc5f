//! Bytes from the other side, one at a time or many, as messages: the reading half of RFC 6455. It owns no socket and no buffer
//! beyond the message that is under way, and whatever the pieces that the bytes come in, the outcome is the same.

use bytes::Bytes;

use super::{Side, mask::Mask};
use crate::{close::Close, host::Opcode};

/// What the bytes said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// A whole message, unmasked; text is UTF-8.
    Message(Opcode, Bytes),
    /// To be answered with a pong of the same payload.
    Ping(Vec<u8>),
    Pong,
    /// A close frame, [`Close::NO_STATUS`] where it gave no reason.
    Closed(Close),
    /// A rule was broken. Nothing more is understood.
    Fault(Close),
}

pub(crate) struct Reader {
    /// Who reads.
    side: Side,
    max_message: usize,
    at: At,
    /// Boxed: most sessions are between messages most of the time.
    under_way: Option<Box<UnderWay>>,
}

enum At {
    /// Before a frame or in its header.
    Head(Start),
    /// In its payload.
    Payload(Head),
    /// After a fault or a close frame.
    Over,
}

/// The first bytes of a header that is not complete.
#[derive(Default)]
struct Start {
    bytes: [u8; MAX_HEAD],
    length: u8,
}

/// Two bytes, eight of length, four of mask.
const MAX_HEAD: usize = 14;

/// RFC 6455 §5.5.
const MAX_CONTROL: usize = 125;

#[derive(Clone, Copy)]
struct Head {
    kind: Kind,
    is_final: bool,
    mask: Mask,
    /// Bytes of payload that have not come.
    left: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A data frame, the first of its message or a further one.
    Data(Opcode),
    Close,
    Ping,
    Pong,
}

#[derive(Default)]
struct UnderWay {
    /// `None` between messages.
    opcode: Option<Opcode>,
    message: Vec<u8>,
    /// So much of a text is known to be UTF-8.
    checked: usize,
    /// The payload of a control frame, which may come between two fragments.
    control: Vec<u8>,
}

impl Reader {
    pub(crate) fn new(side: Side, max_message: usize) -> Self {
        Self {
            side,
            max_message,
            at: At::Head(Start::default()),
            under_way: None,
        }
    }

    /// Who reads.
    pub(crate) fn side(&self) -> Side {
        self.side
    }

    /// Takes from the front of `input` until something is whole. `None` when all of it is taken and nothing is.
    pub(crate) fn next(&mut self, input: &mut &[u8]) -> Option<Heard> {
        loop {
            let heard = match &mut self.at {
                At::Over => {
                    *input = &[];
                    return None;
                }
                At::Head(start) => match start.take(input, self.side) {
                    Ok(None) => return None,
                    Ok(Some((first, length, mask))) => match self.begin(first, length, mask) {
                        Ok(head) => {
                            self.at = At::Payload(head);
                            continue;
                        }
                        Err(fault) => Some(Heard::Fault(fault)),
                    },
                    Err(fault) => Some(Heard::Fault(fault)),
                },
                At::Payload(head) => {
                    let mut head = *head;
                    let piece = split(input, head.left);
                    head.left -= piece.len();
                    let said = self.payload(&mut head, piece);
                    if head.left > 0 && said.is_none() {
                        self.at = At::Payload(head);
                        return None;
                    }
                    self.at = At::Head(Start::default());
                    said
                }
            };
            let Some(heard) = heard else { continue };
            if matches!(heard, Heard::Fault(_) | Heard::Closed(_)) {
                self.at = At::Over;
                self.under_way = None;
            }
            return Some(heard);
        }
    }

    /// Judges a frame by its header, before a byte of its payload is looked at.
    fn begin(&self, first: u8, length: u64, mask: Mask) -> Result<Head, Close> {
        let under_way = self.under_way.as_ref().and_then(|under_way| under_way.opcode);
        let kind = match (first & 0x0f, under_way) {
            (0x0, Some(opcode)) => Kind::Data(opcode),
            (0x1, None) => Kind::Data(Opcode::Text),
            (0x2, None) => Kind::Data(Opcode::Binary),
            (0x8, _) => Kind::Close,
            (0x9, _) => Kind::Ping,
            (0xa, _) => Kind::Pong,
            _ => return Err(Close::PROTOCOL_ERROR),
        };
        let had = self
            .under_way
            .as_ref()
            .map_or(0, |under_way| under_way.message.len());
        let left = match (kind, usize::try_from(length)) {
            (Kind::Data(_), Ok(length)) if length <= self.max_message.saturating_sub(had) => length,
            (Kind::Data(_), _) => return Err(Close::TOO_BIG),
            // Its length was judged with its first two bytes.
            (_, length) => length.unwrap_or(MAX_CONTROL),
        };
        Ok(Head {
            kind,
            is_final: first & 0x80 != 0,
            mask,
            left,
        })
    }

    /// Takes a piece of payload, the last one where the head says that nothing is left.
    fn payload(&mut self, head: &mut Head, piece: &[u8]) -> Option<Heard> {
        let whole = head.left == 0;
        match head.kind {
            // Most messages come in one piece, and need nothing to be remembered.
            Kind::Data(opcode) if whole && head.is_final && self.is_between() => {
                let mut message = piece.to_vec();
                head.mask.apply(&mut message);
                if opcode == Opcode::Text && std::str::from_utf8(&message).is_err() {
                    return Some(Heard::Fault(Close::INVALID_PAYLOAD));
                }
                Some(Heard::Message(opcode, message.into()))
            }
            Kind::Data(opcode) => {
                let under_way = self.under_way.get_or_insert_default();
                under_way.opcode = Some(opcode);
                under_way.add(piece, head);
                let ends = whole && head.is_final;
                if opcode == Opcode::Text && !under_way.is_text(ends) {
                    return Some(Heard::Fault(Close::INVALID_PAYLOAD));
                }
                if !ends {
                    return None;
                }
                let mut message = self.under_way.take()?.message;
                message.shrink_to_fit();
                Some(Heard::Message(opcode, message.into()))
            }
            Kind::Close | Kind::Ping | Kind::Pong => {
                let under_way = self.under_way.get_or_insert_default();
                let from = under_way.control.len();
                under_way.control.extend_from_slice(piece);
                head.mask.apply(&mut under_way.control[from..]);
                if !whole {
                    return None;
                }
                let payload = std::mem::take(&mut under_way.control);
                if under_way.opcode.is_none() {
                    self.under_way = None;
                }
                Some(match head.kind {
                    Kind::Ping => Heard::Ping(payload),
                    Kind::Close => closed(&payload),
                    Kind::Pong | Kind::Data(_) => Heard::Pong,
                })
            }
        }
    }

    /// Nothing of this frame or of a message before it was kept.
    fn is_between(&self) -> bool {
        self.under_way
            .as_ref()
            .is_none_or(|under_way| under_way.opcode.is_none())
    }
}

impl UnderWay {
    fn add(&mut self, piece: &[u8], head: &mut Head) {
        let from = self.message.len();
        let room = piece.len() + head.left;
        if room > from {
            // Twice as much each time, but never more than what was announced.
            self.message.reserve_exact(room.min(piece.len().max(from)));
        } else {
            // Many small fragments: each of them must not move all that came before.
            self.message.reserve(piece.len());
        }
        self.message.extend_from_slice(piece);
        head.mask.apply(&mut self.message[from..]);
    }

    /// Whether what came so far can be, and at its end is, UTF-8. Asked with every piece, so that a text that cannot become
    /// valid is not waited for.
    fn is_text(&mut self, ends: bool) -> bool {
        match std::str::from_utf8(&self.message[self.checked..]) {
            Ok(_) => self.checked = self.message.len(),
            Err(error) if error.error_len().is_some() => return false,
            // The last character is not complete.
            Err(error) => self.checked += error.valid_up_to(),
        }
        !ends || self.checked == self.message.len()
    }
}

impl Start {
    /// Takes header bytes. Answers the first byte, the payload's length and the mask once all are there.
    fn take(&mut self, input: &mut &[u8], side: Side) -> Result<Option<(u8, u64, Mask)>, Close> {
        // Most headers come whole.
        if self.length == 0
            && let Some((head, length)) = parse(input, side)?
        {
            *input = &input[length..];
            return Ok(Some(head));
        }
        while let Some((byte, rest)) = input.split_first() {
            *input = rest;
            self.bytes[usize::from(self.length)] = *byte;
            self.length += 1;
            if let Some((head, _)) = parse(&self.bytes[..usize::from(self.length)], side)? {
                return Ok(Some(head));
            }
        }
        Ok(None)
    }
}

/// A header and its length; `None` where more bytes are needed.
#[expect(
    clippy::type_complexity,
    reason = "a name for three numbers says no more than they do"
)]
fn parse(bytes: &[u8], side: Side) -> Result<Option<((u8, u64, Mask), usize)>, Close> {
    let [first, second, rest @ ..] = bytes else {
        return Ok(None);
    };
    let is_reserved = first & 0x70 != 0 || matches!(first & 0x0f, 0x3..=0x7 | 0xb..);
    // RFC 6455 §5.1: clients mask, servers do not.
    let is_masked = second & 0x80 != 0;
    let short = second & 0x7f;
    let is_long_control = first & 0x08 != 0 && (first & 0x80 == 0 || usize::from(short) > MAX_CONTROL);
    if is_reserved || is_masked != (side == Side::Server) || is_long_control {
        return Err(Close::PROTOCOL_ERROR);
    }
    let (length, rest, shortest) = match short {
        126 => match rest.split_first_chunk() {
            Some((length, rest)) => (u64::from(u16::from_be_bytes(*length)), rest, 126),
            None => return Ok(None),
        },
        127 => match rest.split_first_chunk() {
            Some((length, rest)) => (u64::from_be_bytes(*length), rest, 1 << 16),
            None => return Ok(None),
        },
        short => (u64::from(short), rest, 0),
    };
    // RFC 6455 §5.2: the minimal number of bytes, and the most significant bit must be 0.
    if length < shortest || length >> 63 != 0 {
        return Err(Close::PROTOCOL_ERROR);
    }
    let start = bytes.len() - rest.len();
    if !is_masked {
        return Ok(Some(((*first, length, Mask::NONE), start)));
    }
    Ok(rest
        .first_chunk()
        .map(|mask| ((*first, length, Mask::new(*mask)), start + 4)))
}

/// RFC 6455 §5.5.1 and §7.4.
fn closed(payload: &[u8]) -> Heard {
    match payload {
        [] => Heard::Closed(Close::NO_STATUS),
        [high, low, reason @ ..] => {
            let code = u16::from_be_bytes([*high, *low]);
            if !Close::new(code, "").is_sendable() {
                return Heard::Fault(Close::PROTOCOL_ERROR);
            }
            match std::str::from_utf8(reason) {
                Ok(reason) => Heard::Closed(Close::received(code, reason)),
                Err(_) => Heard::Fault(Close::INVALID_PAYLOAD),
            }
        }
        [_] => Heard::Fault(Close::PROTOCOL_ERROR),
    }
}

/// Takes up to `most` bytes from the front.
fn split<'a>(input: &mut &'a [u8], most: usize) -> &'a [u8] {
    let (piece, rest) = input.split_at(most.min(input.len()));
    *input = rest;
    piece
}
