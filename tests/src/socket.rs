//! An end-user's WebSocket. Nothing here waits for ever: what does not come within a few seconds fails the test.

use std::{collections::VecDeque, time::Duration};

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::{io::AsyncWriteExt, net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream,
    tungstenite::{
        Error, Message,
        client::IntoClientRequest,
        http::{HeaderName, HeaderValue},
        protocol::{CloseFrame, WebSocketConfig},
    },
};

/// How long a frame may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// A socket of somebody's.
#[derive(Debug)]
pub struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// What came before it was asked for.
    early: VecDeque<Frame>,
    /// The subprotocol that the server chose.
    pub protocol: Option<String>,
}

/// The server answered with something other than an upgrade, or not at all.
#[derive(Debug)]
pub struct Refused {
    /// The status; 0 where nobody answered.
    pub status: u16,
    /// The body.
    pub body: String,
}

/// What came in.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame {
    /// Text.
    Text(String),
    /// Bytes.
    Binary(Vec<u8>),
    /// A close frame; 1005 where it names no code.
    Close(u16, String),
    /// The connection ended without a close frame.
    Lost,
}

impl Socket {
    /// Opens a socket; a server that does not want to fails the test.
    pub async fn connect(url: &str) -> Self {
        Self::try_connect(url, &[])
            .await
            .unwrap_or_else(|refused| panic!("{url}: {refused:?}"))
    }

    /// Opens a socket with headers of one's own.
    pub async fn try_connect(url: &str, headers: &[(&str, &str)]) -> Result<Self, Refused> {
        crate::client::install_crypto();
        let mut request = url.into_client_request().expect("a ws:// address");
        for (name, value) in headers {
            let name: HeaderName = name.parse().expect("the name of a header");
            request
                .headers_mut()
                .insert(name, HeaderValue::from_str(value).expect("the value of a header"));
        }
        // There may be thousands of them: 128 KiB for what each might hear would be too much.
        let config = WebSocketConfig::default().read_buffer_size(4 << 10);
        // Without TCP_NODELAY the second small frame would wait for the acknowledgement of the first.
        let connecting = tokio_tungstenite::connect_async_with_config(request, Some(config), true);
        let Ok(answer) = timeout(PATIENCE, connecting).await else {
            return Err(Refused {
                status: 0,
                body: format!("the handshake did not end within {PATIENCE:?}"),
            });
        };
        match answer {
            Ok((stream, response)) => {
                let protocol = response.headers().get("sec-websocket-protocol");
                let protocol = protocol.and_then(|value| value.to_str().ok()).map(Into::into);
                Ok(Self {
                    stream,
                    early: VecDeque::new(),
                    protocol,
                })
            }
            Err(Error::Http(response)) => Err(Refused {
                status: response.status().as_u16(),
                body: String::from_utf8_lossy(response.body().as_deref().unwrap_or_default()).into_owned(),
            }),
            // Nobody is there, or goes away right now.
            Err(Error::Io(error)) => Err(Refused {
                status: 0,
                body: error.to_string(),
            }),
            Err(error) => panic!("{url}: {error}"),
        }
    }

    /// Sends text.
    pub async fn send(&mut self, text: impl Into<String>) {
        self.try_send(text).await.expect("the socket takes a message");
    }

    /// Sends text on a socket that may be closing.
    pub async fn try_send(&mut self, text: impl Into<String>) -> Result<(), Error> {
        self.stream.send(Message::text(text.into())).await
    }

    /// Sends bytes.
    pub async fn send_bytes(&mut self, bytes: Vec<u8>) {
        self.stream
            .send(Message::binary(bytes))
            .await
            .expect("the socket takes a message");
    }

    /// Sends these bytes with no framing at all.
    pub async fn send_raw(&mut self, bytes: &[u8]) {
        self.stream
            .get_mut()
            .write_all(bytes)
            .await
            .expect("the connection takes bytes");
    }

    /// Waits until the server serves it. A handshake is answered before that, and what is published in between is for the
    /// others.
    pub async fn served(mut self) -> Self {
        self.stream
            .send(Message::Ping(Vec::new().into()))
            .await
            .expect("the socket takes a ping");
        let pong = async {
            while let Some(frame) = self.next().await {
                let is_end = matches!(frame, Frame::Close(..) | Frame::Lost);
                self.early.push_back(frame);
                if is_end {
                    return;
                }
            }
        };
        timeout(PATIENCE, pong).await.expect("a ping is answered in time");
        self
    }

    /// What comes in; none for a ping or a pong.
    async fn next(&mut self) -> Option<Frame> {
        match self.stream.next().await {
            Some(Ok(Message::Text(text))) => Some(Frame::Text(text.to_string())),
            Some(Ok(Message::Binary(bytes))) => Some(Frame::Binary(bytes.into())),
            Some(Ok(Message::Close(Some(CloseFrame { code, reason })))) => {
                Some(Frame::Close(code.into(), reason.to_string()))
            }
            Some(Ok(Message::Close(None))) => Some(Frame::Close(1005, String::new())),
            Some(Ok(_)) => None,
            Some(Err(_)) | None => Some(Frame::Lost),
        }
    }

    /// The next frame that is not a ping or pong, if one comes within this time.
    pub async fn within(&mut self, patience: Duration) -> Option<Frame> {
        if let Some(frame) = self.early.pop_front() {
            return Some(frame);
        }
        let next = async {
            loop {
                if let Some(frame) = self.next().await {
                    return frame;
                }
            }
        };
        timeout(patience, next).await.ok()
    }

    /// The next frame.
    pub async fn frame(&mut self) -> Frame {
        self.within(PATIENCE).await.expect("a frame comes in time")
    }

    /// The next message, which is text.
    pub async fn text(&mut self) -> String {
        match self.frame().await {
            Frame::Text(text) => text,
            other => panic!("expected text, got {other:?}"),
        }
    }

    /// The next message, which is JSON.
    pub async fn json(&mut self) -> Value {
        let text = self.text().await;
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("expected JSON, got {text}"))
    }

    /// The code and reason of the close frame that ends this socket. Messages before it are dropped and counted.
    pub async fn closed_after(&mut self) -> (usize, u16, String) {
        let mut messages = 0;
        loop {
            match self.frame().await {
                Frame::Close(code, reason) => return (messages, code, reason),
                Frame::Lost => {
                    panic!("the connection broke without a close frame, after {messages} messages")
                }
                _ => messages += 1,
            }
        }
    }

    /// The code of the close frame that comes next.
    pub async fn close_code(&mut self) -> u16 {
        let (messages, code, reason) = self.closed_after().await;
        assert_eq!(
            messages, 0,
            "closed with {code} {reason}, but messages came before"
        );
        code
    }

    /// Nothing comes for this long.
    pub async fn is_silent_for(&mut self, time: Duration) {
        if let Some(frame) = self.within(time).await {
            panic!("expected silence, got {frame:?}");
        }
    }

    /// Closes with a code and reason, and waits for the answer.
    pub async fn close(&mut self, code: u16, reason: &str) {
        let frame = CloseFrame {
            code: code.into(),
            reason: reason.to_owned().into(),
        };
        // A socket that is closed already is as closed as it gets.
        drop(self.stream.close(Some(frame)).await);
        while !matches!(self.frame().await, Frame::Close(..) | Frame::Lost) {}
    }
}
