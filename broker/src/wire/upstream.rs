//! The client's side, towards a tenant's back end: the library that also shook hands there. It masks what it sends.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_util::{Sink, Stream};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error, Message,
        error::ProtocolError,
        protocol::{
            CloseFrame, WebSocketConfig,
            frame::{
                Frame, Utf8Bytes,
                coding::{Data, OpCode},
            },
        },
    },
};

use super::{Event, Line, Lost, Socket, poll_end};
use crate::{
    close::Close,
    host::{Opcode, Payload},
    settings::Settings,
};

/// A WebSocket to a back end.
pub(crate) struct UpstreamWire<IO> {
    stream: WebSocketStream<IO>,
}

/// Read at once from a back end, which there are few of and which may say a lot.
const READ_BUFFER: usize = 4 << 10;

/// Bytes collected before a write.
const WRITE_BUFFER: usize = 8 << 10;

/// Limits and buffers in the library's terms.
pub(crate) fn config(settings: &Settings, max_message: usize) -> WebSocketConfig {
    let largest = settings.queue_bytes.max(max_message);
    WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        // Messages are only fed to a buffer that is below its mark, so one message on top is the most there can be.
        .max_write_buffer_size(WRITE_BUFFER + largest + 1024)
        .max_message_size(Some(max_message))
        .max_frame_size(Some(max_message))
}

impl<IO: Socket> UpstreamWire<IO> {
    /// As the library's handshake left it.
    pub(crate) fn new(stream: WebSocketStream<IO>) -> Self {
        Self { stream }
    }

    fn send(&mut self, message: Message) -> Result<(), Lost> {
        Pin::new(&mut self.stream).start_send(message).map_err(|_| Lost)
    }
}

impl<IO: Socket> Line for UpstreamWire<IO> {
    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        let event = match ready!(Pin::new(&mut self.stream).poll_next(cx)) {
            Some(Ok(Message::Text(text))) => Event::Message(payload(Opcode::Text, text.into())),
            Some(Ok(Message::Binary(bytes))) => Event::Message(payload(Opcode::Binary, bytes)),
            Some(Ok(Message::Close(frame))) => Event::Closed(frame.map_or(Close::NO_STATUS, |frame| {
                Close::received(frame.code.into(), frame.reason.as_str())
            })),
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Event::Control,
            Some(Err(error)) => fault(&error).map_or(Event::Lost, Event::Fault),
            None => Event::Lost,
        };
        Poll::Ready(event)
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Lost>> {
        Pin::new(&mut self.stream).poll_ready(cx).map_err(|_| Lost)
    }

    fn feed(&mut self, payload: &Payload) -> Result<(), Lost> {
        let data = match payload.opcode {
            Opcode::Text => Data::Text,
            Opcode::Binary => Data::Binary,
        };
        // A frame and not a text message: the text was checked when it came in.
        let frame = Frame::message(payload.bytes.clone(), OpCode::Data(data), true);
        self.send(Message::Frame(frame))
    }

    fn ping(&mut self) -> Result<(), Lost> {
        self.send(Message::Ping(Bytes::new()))
    }

    fn close(&mut self, close: &Close) -> Result<(), Lost> {
        let frame = close.is_sendable().then(|| CloseFrame {
            code: close.code.into(),
            reason: Utf8Bytes::from(close.reason.as_ref()),
        });
        self.send(Message::Close(frame))
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Lost>> {
        Pin::new(&mut self.stream).poll_flush(cx).map_err(|_| Lost)
    }

    fn take_moved(&mut self) -> bool {
        // The library does not say; a flush that is complete does.
        false
    }

    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        poll_end(self.stream.get_mut(), cx)
    }
}

/// Short payloads lie in the read buffer and are copied out of it, so that a message that waits somewhere does not keep the
/// buffer, and the buffer need not be allocated again.
fn payload(opcode: Opcode, bytes: Bytes) -> Payload {
    let bytes = if bytes.len() < READ_BUFFER {
        Bytes::copy_from_slice(&bytes)
    } else {
        bytes
    };
    Payload::new(opcode, bytes)
}

/// What to answer, where the other side broke a rule; `None` where there is nobody left to answer.
fn fault(error: &Error) -> Option<Close> {
    match error {
        Error::Capacity(_) => Some(Close::TOO_BIG),
        Error::Utf8(_) => Some(Close::INVALID_PAYLOAD),
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => None,
        Error::Protocol(_) | Error::AttackAttempt => Some(Close::PROTOCOL_ERROR),
        _ => None,
    }
}
