//! One thing on its way to sessions. Many share it, and whoever needs it in some form first makes that form for all.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use tokio::time::Instant;
use uuid::Uuid;

use crate::{
    host::{Opcode, Payload, Position},
    notice::Notice,
    pusher::{client::Features, server},
    wire,
};

/// How a session is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tongue(u8);

impl Tongue {
    /// Payloads as they are.
    pub(crate) const PLAIN: Self = Self(0);
    /// The Pusher protocol.
    pub(crate) const PUSHER: Self = Self(1);

    /// The Pusher protocol with what a client wants on top of it.
    pub(crate) fn with(features: Features) -> Self {
        Self(1 + u8::from(features.offsets) + 2 * u8::from(features.expiry))
    }

    pub(crate) fn is_plain(self) -> bool {
        self == Self::PLAIN
    }

    fn tells_offsets(self) -> bool {
        matches!(self.0, 2 | 4)
    }

    fn tells_expiry(self) -> bool {
        self.0 > 2
    }
}

/// Forms that a message may be needed in.
const TONGUES: usize = 5;

/// A message on a channel.
pub(crate) struct Message {
    pub(crate) channel: Arc<str>,
    pub(crate) payload: Payload,
    pub(crate) position: Option<Position>,
    /// Until when it may be read, in milliseconds since 1970.
    pub(crate) expires_at: Option<i64>,
    frames: [OnceLock<Bytes>; TONGUES],
}

impl Message {
    pub(crate) fn new(
        channel: Arc<str>,
        payload: Payload,
        position: Option<Position>,
        expires_at: Option<i64>,
    ) -> Self {
        Self {
            channel,
            payload,
            position,
            expires_at,
            frames: [const { OnceLock::new() }; TONGUES],
        }
    }

    /// The same message, to be said to somebody once more. Forms that it has it keeps.
    pub(crate) fn again(&self) -> Self {
        Self {
            channel: Arc::clone(&self.channel),
            payload: self.payload.clone(),
            position: self.position.clone(),
            expires_at: self.expires_at,
            frames: self.frames.clone(),
        }
    }

    /// The whole message as one frame.
    pub(crate) fn frame(&self, tongue: Tongue) -> &Bytes {
        self.frames[usize::from(tongue.0)].get_or_init(|| {
            if tongue.is_plain() {
                return wire::frame(self.payload.opcode, &self.payload.bytes);
            }
            let message = server::Message {
                channel: &self.channel,
                payload: &self.payload,
                position: self.position.as_ref().filter(|_| tongue.tells_offsets()),
                expires_at: self.expires_at.filter(|_| tongue.tells_expiry()),
            };
            let mut text = Vec::with_capacity(self.payload.bytes.len() + 256);
            server::message(&mut text, message);
            wire::frame(Opcode::Text, &text)
        })
    }

    /// The name that it was given.
    fn event(&self) -> Option<&str> {
        self.payload.label.as_deref().map(|label| &*label.event)
    }
}

/// What a delivery is.
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all are messages, and all of them are shared"
)]
pub(crate) enum Content {
    /// Somebody said it on a channel.
    Message(Message),
    /// The protocol says it, in this frame.
    Said(Bytes),
    /// Something about the session's own person, for clients that asked.
    Notice(Notice),
}

/// One thing on its way to sessions.
pub(crate) struct Delivery {
    pub(crate) content: Content,
    pub(crate) purpose: Option<Uuid>,
    /// When it was published.
    pub(crate) at: Instant,
}

impl Delivery {
    pub(crate) fn message(message: Message, purpose: Option<Uuid>, at: Instant) -> Arc<Self> {
        Arc::new(Self {
            content: Content::Message(message),
            purpose,
            at,
        })
    }

    /// Something that the protocol says.
    pub(crate) fn said(write: impl FnOnce(&mut Vec<u8>)) -> Arc<Self> {
        Arc::new(Self {
            content: Content::Said(said(write)),
            purpose: None,
            at: Instant::now(),
        })
    }

    pub(crate) fn notice(notice: Notice) -> Arc<Self> {
        Arc::new(Self {
            content: Content::Notice(notice),
            purpose: None,
            at: Instant::now(),
        })
    }

    /// The bytes that it counts for while it waits.
    pub(crate) fn size(&self) -> usize {
        match &self.content {
            Content::Message(message) => message.payload.bytes.len(),
            Content::Said(frame) => frame.len(),
            Content::Notice(_) => 0,
        }
    }

    /// Whether it survives a session's being told to drop what waits.
    pub(crate) fn is_notice(&self) -> bool {
        matches!(self.content, Content::Notice(_))
    }

    pub(crate) fn is_message(&self) -> bool {
        matches!(self.content, Content::Message(_))
    }

    /// Whether it makes an older one worthless to somebody who only wants the newest of each kind.
    pub(crate) fn replaces(&self, older: &Self) -> bool {
        match (&self.content, &older.content) {
            (Content::Message(new), Content::Message(old)) => {
                new.channel == old.channel && new.event() == old.event()
            }
            _ => false,
        }
    }
}

/// A frame of what the protocol says.
pub(crate) fn said(write: impl FnOnce(&mut Vec<u8>)) -> Bytes {
    let mut text = Vec::with_capacity(128);
    write(&mut text);
    wire::frame(Opcode::Text, &text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> Message {
        let position = Position {
            id: None,
            offset: 7,
            epoch: "e".into(),
        };
        Message::new(
            "news".into(),
            Payload::new(Opcode::Text, "hi".into()),
            Some(position),
            Some(99),
        )
    }

    fn words(tongue: Tongue) -> String {
        let message = message();
        let frame = message.frame(tongue);
        let head = if frame[1] == 126 { 4 } else { 2 };
        String::from_utf8(frame[head..].to_vec()).unwrap()
    }

    #[test]
    fn each_session_hears_what_it_asked_for_and_nothing_else() {
        let features = |offsets, expiry| {
            Tongue::with(Features {
                offsets,
                expiry,
                ..Features::default()
            })
        };
        assert_eq!(words(Tongue::PLAIN), "hi");
        let bare = r#"{"event":"message","channel":"news","data":"hi"}"#;
        assert_eq!(words(Tongue::PUSHER), bare);
        assert_eq!(features(false, false), Tongue::PUSHER);
        assert_eq!(
            words(features(true, false)),
            r#"{"event":"message","channel":"news","data":"hi","offset":7,"epoch":"e"}"#
        );
        assert_eq!(
            words(features(false, true)),
            r#"{"event":"message","channel":"news","data":"hi","expires_at":99}"#
        );
        assert_eq!(
            words(features(true, true)),
            r#"{"event":"message","channel":"news","data":"hi","offset":7,"epoch":"e","expires_at":99}"#
        );
    }

    #[test]
    fn a_form_is_made_once() {
        let message = message();
        assert_eq!(
            message.frame(Tongue::PUSHER).as_ptr(),
            message.frame(Tongue::PUSHER).as_ptr()
        );
    }
}
