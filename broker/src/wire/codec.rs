//! One end of a WebSocket: our own codec, made for many sockets that are nearly always silent. Such a one owns no buffer at all;
//! what it reads and writes passes through buffers of the thread.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use tokio::io::ReadBuf;

use super::{
    Event, Line, Lost, Side, Socket, head,
    mask::Mask,
    outbox::Outbox,
    poll_end,
    reader::{Heard, Reader},
    scratch,
};
use crate::{close::Close, host::Payload, settings::Settings};

/// Reads in one go before other tasks get their turn, where they bring no event: somebody sends a message in tiny pieces.
const READS: usize = 8;

const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;

/// A WebSocket of an end-user, or to a back end.
pub(crate) struct Wire<IO> {
    io: IO,
    reader: Reader,
    /// Read, and not looked at: what came along with the last event.
    rest: Vec<u8>,
    looked_at: usize,
    outbox: Outbox,
    /// The newest ping that found no room for its pong (RFC 6455 §5.5.3: older ones need no answer).
    unanswered: Option<Box<[u8]>>,
    has_closed: bool,
    has_moved: bool,
}

impl<IO: Socket> Wire<IO> {
    /// On a stream whose opening handshake is done, with an end-user on the other side.
    pub(crate) fn server(io: IO, settings: &Settings, max_message: usize) -> Self {
        Self::new(Side::Server, io, Vec::new(), settings, max_message)
    }

    /// On a stream whose opening handshake is done, with a back end on the other side. `rest` came along with its answer.
    pub(crate) fn client(io: IO, rest: Vec<u8>, settings: &Settings, max_message: usize) -> Self {
        Self::new(Side::Client, io, rest, settings, max_message)
    }

    fn new(side: Side, io: IO, rest: Vec<u8>, settings: &Settings, max_message: usize) -> Self {
        Self {
            io,
            reader: Reader::new(side, max_message),
            rest,
            looked_at: 0,
            outbox: Outbox::new(settings.write_buffer),
            unanswered: None,
            has_closed: false,
            has_moved: false,
        }
    }

    /// Hands over a message that [`super::frame`] encoded, to an end-user. Only after [`Line::poll_ready`].
    pub(crate) fn feed_frame(&mut self, frame: &Bytes) {
        self.outbox.share(frame);
    }

    /// Bytes that it takes before it has to be asked again whether it is ready.
    pub(crate) fn room(&self) -> usize {
        self.outbox.room()
    }

    /// Bytes that were handed over and that the socket has not taken.
    pub(crate) fn unwritten(&self) -> usize {
        self.outbox.len()
    }

    /// The next thing that the bytes say that were read already.
    fn next_of_rest(&mut self) -> Option<Heard> {
        if self.rest.is_empty() {
            return None;
        }
        let mut input = &self.rest[self.looked_at..];
        let heard = self.reader.next(&mut input);
        let left = input.len();
        if left == 0 {
            self.rest = Vec::new();
            self.looked_at = 0;
        } else {
            self.looked_at = self.rest.len() - left;
        }
        heard
    }

    /// Reads once. `None` where what came says nothing yet.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Heard>, Lost>> {
        scratch::reading(|buffer| {
            let mut buffer = ReadBuf::new(buffer);
            ready!(Pin::new(&mut self.io).poll_read(cx, &mut buffer)).map_err(|_| Lost)?;
            let mut input = buffer.filled();
            if input.is_empty() {
                return Poll::Ready(Err(Lost));
            }
            let heard = self.reader.next(&mut input);
            self.rest = input.to_vec();
            Poll::Ready(Ok(heard))
        })
    }

    fn event(&mut self, heard: Heard) -> Event {
        match heard {
            Heard::Message(opcode, bytes) => Event::Message(Payload::new(opcode, bytes)),
            Heard::Ping(payload) => {
                if self.outbox.has_room() {
                    self.control(PONG, &payload);
                } else {
                    self.unanswered = Some(payload.into());
                }
                Event::Control
            }
            Heard::Pong => Event::Control,
            Heard::Closed(close) => {
                if !self.has_closed {
                    self.say_closed(close.code, "");
                }
                Event::Closed(close)
            }
            Heard::Fault(close) => Event::Fault(close),
        }
    }

    /// A code that only stands for something is said by saying none.
    fn say_closed(&mut self, code: u16, reason: &str) {
        self.has_closed = true;
        if Close::new(code, "").is_sendable() {
            let mut payload = code.to_be_bytes().to_vec();
            payload.extend_from_slice(reason.as_bytes());
            self.control(CLOSE, &payload);
        } else {
            self.control(CLOSE, &[]);
        }
    }

    /// A control frame; its payload has at most 125 bytes.
    fn control(&mut self, first: u8, payload: &[u8]) {
        let mask = self.head(first, payload.len());
        self.outbox.copy_masked(payload, mask);
    }

    /// A frame's header. Answers the mask to put over its payload: each frame of a client's has one of its own that nobody can
    /// foresee (RFC 6455 §5.3).
    fn head(&mut self, first: u8, payload: usize) -> Mask {
        let (mut head, length) = head(first, payload);
        if self.reader.side() == Side::Server {
            self.outbox.copy(&head[..length]);
            return Mask::NONE;
        }
        head[1] |= 0x80;
        let mask: [u8; 4] = rand::random();
        self.outbox.copy(&head[..length]);
        self.outbox.copy(&mask);
        Mask::new(mask)
    }
}

impl<IO: Socket> Line for Wire<IO> {
    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        if let Some(heard) = self.next_of_rest() {
            return Poll::Ready(self.event(heard));
        }
        for _ in 0..READS {
            match ready!(self.poll_read(cx)) {
                Ok(Some(heard)) => return Poll::Ready(self.event(heard)),
                Ok(None) => {}
                Err(Lost) => return Poll::Ready(Event::Lost),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Lost>> {
        if self.outbox.has_room() {
            return Poll::Ready(Ok(()));
        }
        self.poll_flush(cx)
    }

    fn feed(&mut self, payload: &Payload) -> Result<(), Lost> {
        let first = super::first(payload.opcode);
        let mask = self.head(first, payload.bytes.len());
        match self.reader.side() {
            Side::Server => self.outbox.share(&payload.bytes),
            // The bytes are shared with others, who must not see them masked.
            Side::Client => self.outbox.copy_masked(&payload.bytes, mask),
        }
        Ok(())
    }

    fn ping(&mut self) -> Result<(), Lost> {
        self.control(PING, &[]);
        Ok(())
    }

    fn close(&mut self, close: &Close) -> Result<(), Lost> {
        if !self.has_closed {
            self.say_closed(close.code, &close.reason);
        }
        Ok(())
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Lost>> {
        loop {
            ready!(self.outbox.poll_flush(&mut self.io, cx, &mut self.has_moved))?;
            // After a close frame nothing may follow.
            match self.unanswered.take().filter(|_| !self.has_closed) {
                Some(payload) => self.control(PONG, &payload),
                None => return Poll::Ready(Ok(())),
            }
        }
    }

    fn take_moved(&mut self) -> bool {
        std::mem::take(&mut self.has_moved)
    }

    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        poll_end(&mut self.io, cx)
    }
}

#[cfg(test)]
impl<IO> Wire<IO> {
    pub(super) fn stub(&mut self) -> &mut IO {
        &mut self.io
    }

    /// Bytes of buffers that it owns.
    pub(super) fn held(&self) -> usize {
        self.rest.capacity() + self.outbox.held() + self.unanswered.as_ref().map_or(0, |ping| ping.len())
    }
}
