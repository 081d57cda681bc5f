//! WebSocket frames over a byte stream, as events to poll: [`Wire`] is our own codec, for either side; a [`crate::leg::Leg`]
//! rides on it. Nothing here knows who is on the other side.

mod codec;
mod mask;
mod outbox;
pub(crate) mod reader;
mod scratch;
#[cfg(test)]
mod tests;

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{BufMut, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

pub(crate) use self::codec::Wire;
use crate::{
    close::Close,
    host::{Opcode, Payload},
};

/// A stream that WebSocket frames can travel on.
pub trait Socket: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<IO: AsyncRead + AsyncWrite + Unpin + Send + 'static> Socket for IO {}

/// Which end of the socket this is: clients mask what they send, servers do not (RFC 6455 §5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Server,
    Client,
}

/// What comes in.
#[derive(Debug)]
pub(crate) enum Event {
    /// A whole message.
    Message(Payload),
    /// A ping or a pong. The answer to a ping waits for a flush.
    Control,
    /// The other side's close frame. The answer waits for a flush.
    Closed(Close),
    /// It broke the rules. A close frame can still be written, nothing can be read.
    Fault(Close),
    /// The stream is gone.
    Lost,
}

/// The stream is gone while writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lost;

/// One end of a WebSocket, past its opening handshake.
pub(crate) trait Line {
    /// The next thing that comes in. Not after [`Event::Fault`], [`Event::Closed`] or [`Event::Lost`].
    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Event>;

    /// Ready when another message may be handed over.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Lost>>;

    /// Hands one message over. Only after [`Line::poll_ready`].
    fn feed(&mut self, payload: &Payload) -> Result<(), Lost>;

    /// Hands a ping over, ready or not.
    fn ping(&mut self) -> Result<(), Lost>;

    /// Hands a close frame over, ready or not. Nothing may follow it.
    fn close(&mut self, close: &Close) -> Result<(), Lost>;

    /// Ready when everything handed over has left for the stream.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Lost>>;

    /// Whether the stream took anything since the last time this was asked.
    fn take_moved(&mut self) -> bool;

    /// Ready when the other side closed the stream; whatever still comes is thrown away. Dropping a TCP socket with
    /// unread bytes resets it, and the reset may overtake the close frame that says why.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()>;
}

/// A whole message as one server frame (RFC 6455 §5.2): final, unmasked, the shortest length there is. Encode once, then hand
/// the same bytes to every [`Wire::feed_frame`].
pub(crate) fn frame(opcode: Opcode, payload: &[u8]) -> Bytes {
    let (head, length) = head(first(opcode), payload.len());
    let mut frame = BytesMut::with_capacity(length + payload.len());
    frame.put_slice(&head[..length]);
    frame.put_slice(payload);
    frame.freeze()
}

/// The first byte of a message in one frame.
fn first(opcode: Opcode) -> u8 {
    match opcode {
        Opcode::Text => 0x81,
        Opcode::Binary => 0x82,
    }
}

/// A frame's header, and how much of the array it is.
fn head(first: u8, payload: usize) -> ([u8; 10], usize) {
    let mut head = [0; 10];
    head[0] = first;
    let long = (payload as u64).to_be_bytes();
    let length = match payload {
        0..=125 => {
            head[1] = long[7];
            2
        }
        126..=0xffff => {
            head[1] = 126;
            head[2..4].copy_from_slice(&long[6..]);
            4
        }
        _ => {
            head[1] = 127;
            head[2..].copy_from_slice(&long);
            10
        }
    };
    (head, length)
}

/// Shuts the writing side and reads to the end.
fn poll_end<IO: Socket>(io: &mut IO, cx: &mut Context<'_>) -> Poll<()> {
    // An error is an end too, and reading will say so.
    let _ = ready!(Pin::new(&mut *io).poll_shutdown(cx));
    loop {
        let more = scratch::reading(|buffer| {
            let mut buffer = ReadBuf::new(buffer);
            let read = ready!(Pin::new(&mut *io).poll_read(cx, &mut buffer));
            Poll::Ready(read.is_ok() && !buffer.filled().is_empty())
        });
        if !ready!(more) {
            return Poll::Ready(());
        }
    }
}
