//! WebSocket frames over a byte stream, as events to poll. The only place that knows the library that frames them, so that
//! another codec can take its place.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_util::{Sink, Stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error, Message,
        error::ProtocolError,
        protocol::{
            CloseFrame, Role, WebSocketConfig,
            frame::{
                Frame, Utf8Bytes,
                coding::{Data, OpCode},
            },
        },
    },
};

use crate::{
    close::Close,
    host::{Opcode, Payload},
    settings::Settings,
};

/// A stream that WebSocket frames can travel on.
pub trait Socket: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<IO: AsyncRead + AsyncWrite + Unpin + Send + 'static> Socket for IO {}

/// What comes in.
#[derive(Debug)]
pub(crate) enum Event {
    /// A whole message.
    Message(Payload),
    /// A ping or a pong. Pings are answered by the library.
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

pub(crate) struct Wire<IO> {
    stream: WebSocketStream<IO>,
    /// Payloads shorter than this lie in the read buffer and are copied out of it, so that a message that waits
    /// somewhere does not keep the buffer, and the buffer need not be allocated again.
    read_buffer: usize,
}

/// Limits and buffers in the library's terms.
pub(crate) fn config(settings: &Settings, read_buffer: usize, max_message: usize) -> WebSocketConfig {
    let largest = settings.queue_bytes.max(max_message);
    WebSocketConfig::default()
        .read_buffer_size(read_buffer)
        .write_buffer_size(settings.write_buffer)
        // Messages are only fed to a buffer that is below its mark, so one message on top is the most there can be.
        .max_write_buffer_size(settings.write_buffer + largest + 1024)
        .max_message_size(Some(max_message))
        .max_frame_size(Some(max_message))
}

impl<IO: Socket> Wire<IO> {
    /// The server's side of a stream whose opening handshake is done.
    pub(crate) async fn server(io: IO, settings: &Settings, max_message: usize) -> Self {
        let read_buffer = settings.read_buffer;
        let config = config(settings, read_buffer, max_message);
        let stream = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
        Self { stream, read_buffer }
    }

    /// The client's side, as the library's handshake left it.
    pub(crate) fn client(stream: WebSocketStream<IO>) -> Self {
        let read_buffer = stream.get_config().read_buffer_size;
        Self { stream, read_buffer }
    }

    pub(crate) fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        let event = match ready!(Pin::new(&mut self.stream).poll_next(cx)) {
            Some(Ok(Message::Text(text))) => Event::Message(self.payload(Opcode::Text, text.into())),
            Some(Ok(Message::Binary(bytes))) => Event::Message(self.payload(Opcode::Binary, bytes)),
            Some(Ok(Message::Close(frame))) => Event::Closed(frame.map_or(Close::NO_STATUS, |frame| {
                Close::received(frame.code.into(), frame.reason.as_str())
            })),
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Event::Control,
            Some(Err(error)) => fault(&error).map_or(Event::Lost, Event::Fault),
            None => Event::Lost,
        };
        Poll::Ready(event)
    }

    fn payload(&self, opcode: Opcode, bytes: Bytes) -> Payload {
        let bytes = if bytes.len() < self.read_buffer {
            Bytes::copy_from_slice(&bytes)
        } else {
            bytes
        };
        Payload { opcode, bytes }
    }

    /// Ready when the write buffer takes another message.
    pub(crate) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Lost>> {
        Pin::new(&mut self.stream).poll_ready(cx).map_err(|_| Lost)
    }

    /// Hands one message over. Only after [`Wire::poll_ready`].
    pub(crate) fn feed(&mut self, payload: &Payload) -> Result<(), Lost> {
        let data = match payload.opcode {
            Opcode::Text => Data::Text,
            Opcode::Binary => Data::Binary,
        };
        // A frame and not a text message: the text was checked when it came in, not once more for each recipient.
        self.send(Message::Frame(Frame::message(
            payload.bytes.clone(),
            OpCode::Data(data),
            true,
        )))
    }

    pub(crate) fn ping(&mut self) -> Result<(), Lost> {
        self.send(Message::Ping(Bytes::new()))
    }

    pub(crate) fn close(&mut self, close: &Close) -> Result<(), Lost> {
        let frame = close.is_sendable().then(|| CloseFrame {
            code: close.code.into(),
            reason: Utf8Bytes::from(close.reason.as_ref()),
        });
        self.send(Message::Close(frame))
    }

    fn send(&mut self, message: Message) -> Result<(), Lost> {
        Pin::new(&mut self.stream).start_send(message).map_err(|_| Lost)
    }

    /// Ready when everything handed over left the write buffer.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Lost>> {
        Pin::new(&mut self.stream).poll_flush(cx).map_err(|_| Lost)
    }

    /// Ready when the other side closed the stream; whatever still comes is thrown away. Dropping a TCP socket with
    /// unread bytes resets it, and the reset may overtake the close frame that says why.
    pub(crate) fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let io = Pin::new(self.stream.get_mut());
        if io.poll_shutdown(cx).is_pending() {
            return Poll::Pending;
        }
        loop {
            let mut scratch = [0; 512];
            let mut buffer = ReadBuf::new(&mut scratch);
            match ready!(Pin::new(self.stream.get_mut()).poll_read(cx, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {}
                _ => return Poll::Ready(()),
            }
        }
    }
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
