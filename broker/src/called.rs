//! Back ends without sockets: what happens on a session is told in calls, one after the other, and what the back end says comes back in
//! the answers or from elsewhere ([`crate::Broker::say`]). To the session it is a line as any other, so that admission, recording and
//! everything else is the same. How a call is made is none of the broker's business ([`Callee`]).

mod line;
mod registry;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

pub(crate) use self::{line::CallLine, registry::Called};
use crate::{
    close::Close,
    host::{Opcode, Payload},
};

/// Something that happened on a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// It began. First, and alone in its call.
    Connected,
    /// The end-user said something.
    Message(Payload),
    /// It ended. Last.
    Disconnected(Close),
}

/// What a back end answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answered {
    /// For the end-user, in order.
    pub messages: Vec<Payload>,
    /// The session is to end, after those.
    pub close: Option<Close>,
}

/// It was tried as often as it should be, or in vain at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the back end could not be told")]
pub struct CallFault;

/// A back end that is called, about one session.
pub trait Callee: Send + Sync + 'static {
    /// Tells what happened, in this order. Nothing more is told before this is answered.
    fn tell(&self, told: Vec<Told>) -> BoxFuture<'_, Result<Answered, CallFault>>;
}

/// What became of something that was said to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub enum Said {
    /// It is on its way.
    Queued,
    /// The end-user does not read, and by the endpoint's rule the session ends for that.
    TooSlow,
}

/// A payload on its way to another node.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct FarPayload {
    text: bool,
    base64: String,
}

impl FarPayload {
    pub(crate) fn of(payload: &Payload) -> Self {
        Self {
            text: payload.opcode == Opcode::Text,
            base64: STANDARD.encode(&payload.bytes),
        }
    }

    pub(crate) fn payload(&self) -> Option<Payload> {
        let bytes: Bytes = STANDARD.decode(&self.base64).ok()?.into();
        let opcode = if self.text { Opcode::Text } else { Opcode::Binary };
        (!self.text || std::str::from_utf8(&bytes).is_ok()).then(|| Payload::new(opcode, bytes))
    }
}
