//! The envelope of `weir.mux.v1`, byte by byte as docs/protocol.md has it. Numbers are big-endian.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use uuid::Uuid;

use crate::{
    close::Close,
    host::{Opcode, Payload},
};

/// The subprotocol.
pub(crate) const PROTOCOL: &str = "weir.mux.v1";

/// One frame: one binary WebSocket message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// Who speaks, once on each socket: JSON.
    Hello(Bytes),
    /// A session begins: how many bytes the back end may send it, and JSON about whose it is.
    Open { session: Uuid, limit: u64, about: Bytes },
    /// A session goes on here: the last message that arrived of the back end's, and how many bytes it may have sent in all.
    Resume { session: Uuid, seq: u64, limit: u64 },
    /// The back end knows it: the same from its side.
    Resumed { session: Uuid, seq: u64, limit: u64 },
    /// A message.
    Data {
        session: Uuid,
        seq: u64,
        payload: Payload,
    },
    /// Messages up to this one arrived, and how many bytes may have been sent in all.
    Ack { session: Uuid, seq: u64, limit: u64 },
    /// The session ends, or its end is noted.
    Close { session: Uuid, close: Close },
    /// Sessions are to go on elsewhere.
    Drain,
}

const HELLO: u8 = 0;
const OPEN: u8 = 1;
const RESUME: u8 = 2;
const RESUMED: u8 = 3;
const DATA: u8 = 4;
const ACK: u8 = 5;
const CLOSE: u8 = 6;
const DRAIN: u8 = 7;

impl Frame {
    pub(super) fn write(&self) -> Payload {
        let mut out = BytesMut::with_capacity(64);
        let counted = |out: &mut BytesMut, kind: u8, session: &Uuid, seq: u64, limit: u64| {
            out.put_u8(kind);
            out.put_slice(session.as_bytes());
            out.put_u64(seq);
            out.put_u64(limit);
        };
        match self {
            Self::Hello(about) => {
                out.put_u8(HELLO);
                out.put_slice(about);
            }
            Self::Open {
                session,
                limit,
                about,
            } => {
                out.put_u8(OPEN);
                out.put_slice(session.as_bytes());
                out.put_u64(*limit);
                out.put_slice(about);
            }
            Self::Resume { session, seq, limit } => counted(&mut out, RESUME, session, *seq, *limit),
            Self::Resumed { session, seq, limit } => counted(&mut out, RESUMED, session, *seq, *limit),
            Self::Ack { session, seq, limit } => counted(&mut out, ACK, session, *seq, *limit),
            Self::Data {
                session,
                seq,
                payload,
            } => {
                out.reserve(26 + payload.bytes.len());
                out.put_u8(DATA);
                out.put_slice(session.as_bytes());
                out.put_u64(*seq);
                out.put_u8(match payload.opcode {
                    Opcode::Text => 1,
                    Opcode::Binary => 2,
                });
                out.put_slice(&payload.bytes);
            }
            Self::Close { session, close } => {
                out.put_u8(CLOSE);
                out.put_slice(session.as_bytes());
                out.put_u16(close.code);
                out.put_slice(close.reason.as_bytes());
            }
            Self::Drain => out.put_u8(DRAIN),
        }
        Payload::new(Opcode::Binary, out.freeze())
    }

    /// Reads what a back end sent. `None` where it is none of these.
    pub(super) fn read(payload: Payload) -> Option<Self> {
        let mut bytes = payload.bytes;
        if payload.opcode != Opcode::Binary {
            return None;
        }
        let kind = take(&mut bytes, 1)?[0];
        match kind {
            HELLO => return Some(Self::Hello(bytes)),
            DRAIN => return Some(Self::Drain),
            _ => {}
        }
        let session = Uuid::from_slice(&take(&mut bytes, 16)?).ok()?;
        let mut number = || take(&mut bytes, 8).map(|mut eight| eight.get_u64());
        match kind {
            OPEN => {
                let limit = number()?;
                Some(Self::Open {
                    session,
                    limit,
                    about: bytes,
                })
            }
            RESUME | RESUMED | ACK => {
                let (seq, limit) = (number()?, number()?);
                Some(match kind {
                    RESUME => Self::Resume { session, seq, limit },
                    RESUMED => Self::Resumed { session, seq, limit },
                    _ => Self::Ack { session, seq, limit },
                })
            }
            DATA => {
                let seq = number()?;
                let opcode = match take(&mut bytes, 1)?[0] {
                    1 => Opcode::Text,
                    2 => Opcode::Binary,
                    _ => return None,
                };
                if opcode == Opcode::Text {
                    std::str::from_utf8(&bytes).ok()?;
                }
                let payload = Payload::new(opcode, bytes);
                Some(Self::Data {
                    session,
                    seq,
                    payload,
                })
            }
            CLOSE => {
                let code = take(&mut bytes, 2)?.get_u16();
                let reason = std::str::from_utf8(&bytes).ok()?;
                let close = Close::received(code, reason);
                Some(Self::Close { session, close })
            }
            _ => None,
        }
    }
}

fn take(bytes: &mut Bytes, count: usize) -> Option<Bytes> {
    (bytes.len() >= count).then(|| bytes.split_to(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_stands_where_the_document_says() {
        let session = Uuid::from_u128(0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10);
        let text = Payload::new(Opcode::Text, Bytes::from_static(b"hi"));
        let frames = [
            Frame::Hello(Bytes::from_static(b"{}")),
            Frame::Open {
                session,
                limit: 65_536,
                about: Bytes::from_static(b"{}"),
            },
            Frame::Resume {
                session,
                seq: 3,
                limit: 9,
            },
            Frame::Resumed {
                session,
                seq: 3,
                limit: 9,
            },
            Frame::Data {
                session,
                seq: 7,
                payload: text,
            },
            Frame::Ack {
                session,
                seq: 7,
                limit: 70_000,
            },
            Frame::Close {
                session,
                close: Close::received(4567, "bye"),
            },
            Frame::Drain,
        ];
        for (kind, frame) in frames.iter().enumerate() {
            let written = frame.write();
            assert_eq!(usize::from(written.bytes[0]), kind);
            assert_eq!(Frame::read(written).as_ref(), Some(frame));
        }
        assert_eq!(
            hex::encode(&frames[4].write().bytes),
            "040102030405060708090a0b0c0d0e0f100000000000000007016869"
        );
    }

    #[test]
    fn what_is_cut_short_or_unknown_is_nothing() {
        for bytes in ["", "04", "0401", "09", "0501020304050607080910111213141516000000"] {
            let payload = Payload::new(Opcode::Binary, hex::decode(bytes).unwrap().into());
            assert_eq!(Frame::read(payload), None, "{bytes}");
        }
        assert_eq!(
            Frame::read(Payload::new(Opcode::Text, Bytes::from_static(b"\x07"))),
            None
        );
    }
}
