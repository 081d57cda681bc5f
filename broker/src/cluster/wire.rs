//! How things look between nodes: a head that everybody may read, and a sealed body.
//!
//! The head is the kind (1 byte), the node that sent it (8 bytes) and a number of that node's (8 bytes), big-endian. The
//! bodies are written field by field; both ends are the same program, and a node of another version that cannot read one
//! treats it as missed.

use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::time::Instant;
use uuid::Uuid;

use crate::host::{Label, Opcode, Payload, Position};

/// What a parcel is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A message on a channel.
    Message = 1,
    /// Compare where the channel stands.
    Check = 2,
    /// Who of a node's is on a channel.
    Crowd = 3,
    /// A node is there.
    Beat = 16,
    /// A node goes.
    Goodbye = 17,
    /// Do this.
    Order = 18,
    /// It is done.
    Done = 19,
    /// How many sockets somebody has there.
    Roll = 20,
    /// What was spent there of rates.
    Spent = 21,
}

impl Kind {
    fn of(byte: u8) -> Option<Self> {
        [
            Self::Message,
            Self::Check,
            Self::Crowd,
            Self::Beat,
            Self::Goodbye,
            Self::Order,
            Self::Done,
            Self::Roll,
            Self::Spent,
        ]
        .into_iter()
        .find(|kind| *kind as u8 == byte)
    }
}

/// What everybody may read of a parcel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) kind: Kind,
    pub(super) from: u64,
    pub(super) number: u64,
}

const HEAD: usize = 17;

impl Head {
    pub(super) fn with(self, body: &[u8]) -> Bytes {
        let mut out = BytesMut::with_capacity(HEAD + body.len());
        out.put_u8(self.kind as u8);
        out.put_u64(self.from);
        out.put_u64(self.number);
        out.put_slice(body);
        out.freeze()
    }

    /// Takes the head off.
    pub(super) fn take(mut bytes: Bytes) -> Option<(Self, Bytes)> {
        if bytes.len() < HEAD {
            return None;
        }
        let head = Self {
            kind: Kind::of(bytes.get_u8())?,
            from: bytes.get_u64(),
            number: bytes.get_u64(),
        };
        Some((head, bytes))
    }
}

/// A message that was admitted somewhere, and what whoever delivers it has to know.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub(crate) tenant: Uuid,
    pub(crate) endpoint: Uuid,
    pub(crate) channel: Arc<str>,
    pub(crate) subject: Option<Uuid>,
    /// A client said it, so cache channels do not remember it.
    pub(crate) is_clients: bool,
    pub(crate) except: Option<Uuid>,
    pub(crate) purpose: Option<Uuid>,
    pub(crate) class: i64,
    /// Milliseconds since 1970.
    pub(crate) published: i64,
    pub(crate) expires_at: Option<i64>,
    pub(crate) payload: Payload,
    pub(crate) position: Option<Position>,
    /// Clients may be told the position that it is counted at.
    pub(crate) tells_position: bool,
    pub(crate) at: Instant,
}

const BINARY: u8 = 1;
const CLIENTS: u8 = 2;
const TELLS: u8 = 4;

impl Said {
    /// As it is between nodes.
    pub(crate) fn written(&self) -> Vec<u8> {
        self.write()
    }

    pub(super) fn write(&self) -> Vec<u8> {
        let payload = &self.payload;
        let mut out = Vec::with_capacity(payload.bytes.len() + 192);
        let mut flags = 0;
        if payload.opcode == Opcode::Binary {
            flags |= BINARY;
        }
        if self.is_clients {
            flags |= CLIENTS;
        }
        if self.tells_position {
            flags |= TELLS;
        }
        out.put_u8(flags);
        for id in [self.subject, self.except, self.purpose] {
            option(&mut out, id, |out, id| out.put_slice(id.as_bytes()));
        }
        out.put_i64(self.class);
        out.put_i64(self.published);
        option(&mut out, self.expires_at, BufMut::put_i64);
        option(&mut out, payload.label.as_deref(), |out, label| {
            text(out, &label.event);
            option(out, label.user.as_deref(), text);
        });
        option(&mut out, self.position.as_ref(), |out, position| {
            option(out, position.id, BufMut::put_i64);
            out.put_i64(position.offset);
            text(out, &position.epoch);
        });
        out.put_slice(&payload.bytes);
        out
    }

    pub(super) fn read(tenant: Uuid, endpoint: Uuid, channel: &Arc<str>, plain: Vec<u8>) -> Option<Self> {
        let mut from = Bytes::from(plain);
        let from = &mut from;
        let flags = byte(from)?;
        let subject = read_option(from, uuid)?;
        let except = read_option(from, uuid)?;
        let purpose = read_option(from, uuid)?;
        let class = number(from)?;
        let published = number(from)?;
        let expires_at = read_option(from, number)?;
        let label = read_option(from, |from| {
            Some(Label {
                event: read_text(from)?,
                user: read_option(from, read_text)?,
            })
        })?;
        let position = read_option(from, |from| {
            Some(Position {
                id: read_option(from, number)?,
                offset: number(from)?,
                epoch: Arc::from(read_text(from)?),
            })
        })?;
        let opcode = if flags & BINARY == 0 {
            std::str::from_utf8(from).ok()?;
            Opcode::Text
        } else {
            Opcode::Binary
        };
        Some(Self {
            tenant,
            endpoint,
            channel: Arc::clone(channel),
            subject,
            is_clients: flags & CLIENTS != 0,
            except,
            purpose,
            class,
            published,
            expires_at,
            payload: Payload {
                opcode,
                bytes: from.clone(),
                label: label.map(Arc::new),
            },
            position,
            tells_position: flags & TELLS != 0,
            at: Instant::now(),
        })
    }
}

pub(super) fn option<T>(out: &mut Vec<u8>, value: Option<T>, write: impl FnOnce(&mut Vec<u8>, T)) {
    out.put_u8(u8::from(value.is_some()));
    if let Some(value) = value {
        write(out, value);
    }
}

/// Writes a text. What is longer than its length can say is cut; nothing that passes is.
pub(super) fn text(out: &mut Vec<u8>, text: &str) {
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    out.put_u32(length);
    out.put_slice(&text.as_bytes()[..length as usize]);
}

pub(super) fn byte(from: &mut Bytes) -> Option<u8> {
    from.try_get_u8().ok()
}

pub(super) fn number(from: &mut Bytes) -> Option<i64> {
    from.try_get_i64().ok()
}

pub(super) fn uuid(from: &mut Bytes) -> Option<Uuid> {
    from.try_get_u128().ok().map(Uuid::from_u128)
}

pub(super) fn read_text(from: &mut Bytes) -> Option<Box<str>> {
    let length = from.try_get_u32().ok()? as usize;
    if length > from.len() {
        return None;
    }
    let bytes = from.split_to(length);
    std::str::from_utf8(&bytes).ok().map(Into::into)
}

/// The outer `None` is what does not read.
#[expect(
    clippy::option_option,
    reason = "one says that it does not read, the other that there is none"
)]
pub(super) fn read_option<T>(
    from: &mut Bytes,
    read: impl FnOnce(&mut Bytes) -> Option<T>,
) -> Option<Option<T>> {
    match byte(from)? {
        0 => Some(None),
        1 => read(from).map(Some),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said() -> Said {
        let label = Label {
            event: "client-é".into(),
            user: Some("ada".into()),
        };
        Said {
            tenant: Uuid::from_u128(1),
            endpoint: Uuid::from_u128(2),
            channel: "presence-room".into(),
            subject: Some(Uuid::from_u128(3)),
            is_clients: true,
            except: Some(Uuid::from_u128(4)),
            purpose: Some(Uuid::from_u128(5)),
            class: -6,
            published: 7,
            expires_at: Some(8),
            payload: Payload::named(Arc::new(label), "hello"),
            position: Some(Position {
                id: Some(9),
                offset: 10,
                epoch: "e".into(),
            }),
            tells_position: true,
            at: Instant::now(),
        }
    }

    fn again(said: &Said) -> Option<Said> {
        Said::read(said.tenant, said.endpoint, &said.channel, said.write())
    }

    #[test]
    fn a_message_comes_out_as_it_went_in() {
        let full = said();
        let bare = Said {
            subject: None,
            is_clients: false,
            except: None,
            purpose: None,
            expires_at: None,
            payload: Payload::new(Opcode::Binary, vec![0, 255].into()),
            position: None,
            tells_position: false,
            ..said()
        };
        for said in [full, bare] {
            let mut back = again(&said).unwrap();
            back.at = said.at;
            assert_eq!(format!("{said:?}"), format!("{back:?}"));
            assert_eq!(said.payload, back.payload);
        }
    }

    #[test]
    fn what_is_cut_short_is_never_read_as_something_else() {
        let said = said();
        let written = said.write();
        let body = said.payload.bytes.len();
        for end in 0..written.len() - body {
            let read = Said::read(said.tenant, said.endpoint, &said.channel, written[..end].to_vec());
            assert!(read.is_none(), "{end} bytes");
        }
    }

    #[test]
    fn a_head_comes_off_as_it_was_put_on() {
        let head = Head {
            kind: Kind::Order,
            from: 1,
            number: u64::MAX,
        };
        assert_eq!(
            Head::take(head.with(b"x")),
            Some((head, Bytes::from_static(b"x")))
        );
        assert_eq!(Head::take(Bytes::from_static(&[18; 16])), None);
        assert_eq!(Head::take(Bytes::from_static(&[99; 17])), None);
    }
}
