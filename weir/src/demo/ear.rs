//! An end-user on a real WebSocket: everything heard is kept with the time it came at.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use futures_util::{
    SinkExt, StreamExt,
    stream::{SplitSink, SplitStream},
};
use tokio::{net::TcpStream, sync::watch, task::JoinHandle, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream,
    tungstenite::{Message, protocol::CloseFrame},
};

type Stream = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// The socket. Closed when dropped.
pub(super) struct Ear {
    sink: SplitSink<Stream, Message>,
    state: watch::Receiver<State>,
    reader: JoinHandle<()>,
}

/// What is known of it.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    /// Texts, and when each came.
    pub(super) heard: Vec<(Arc<str>, Instant)>,
    /// Why it ended: the code, and 1006 for no close frame at all.
    pub(super) closed: Option<u16>,
}

/// How long a frame may take.
const PATIENCE: Duration = Duration::from_secs(15);

impl Ear {
    /// Opens a socket.
    pub(super) async fn open(url: &str) -> Result<Self> {
        let connecting = tokio_tungstenite::connect_async_with_config(url, None, true);
        let (stream, _) = timeout(PATIENCE, connecting)
            .await
            .context("a WebSocket does not open in time")??;
        let (sink, stream) = stream.split();
        let (told, state) = watch::channel(State::default());
        let reader = tokio::spawn(read(stream, told));
        Ok(Self { sink, state, reader })
    }

    /// Sends a text.
    pub(super) async fn say(&mut self, text: impl Into<String>) -> Result<()> {
        self.sink
            .send(Message::text(text.into()))
            .await
            .context("a WebSocket takes no message")
    }

    /// Everything so far.
    pub(super) fn state(&self) -> State {
        self.state.borrow().clone()
    }

    /// Waits until this many messages came.
    pub(super) async fn hears(&mut self, count: usize) -> Result<State> {
        let state = self
            .until(|state| state.heard.len() >= count || state.closed.is_some())
            .await;
        match state {
            Some(state) if state.heard.len() >= count => Ok(state),
            Some(State {
                heard,
                closed: Some(code),
            }) => bail!("closed with {code} after {} messages", heard.len()),
            _ => bail!(
                "{} of {count} messages came within {PATIENCE:?}",
                self.state().heard.len()
            ),
        }
    }

    /// Waits for the end.
    pub(super) async fn ends(&mut self) -> Result<u16> {
        let state = self.until(|state| state.closed.is_some()).await;
        state
            .and_then(|state| state.closed)
            .with_context(|| format!("a socket is still open after {PATIENCE:?}"))
    }

    async fn until(&mut self, fits: impl FnMut(&State) -> bool) -> Option<State> {
        let waited = timeout(PATIENCE, self.state.wait_for(fits)).await;
        waited.ok()?.ok().map(|state| state.clone())
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

async fn read(mut stream: SplitStream<Stream>, told: watch::Sender<State>) {
    let code = loop {
        match stream.next().await {
            Some(Ok(Message::Text(text))) => {
                let heard: Arc<str> = text.as_str().into();
                told.send_modify(|state| state.heard.push((heard, Instant::now())));
            }
            Some(Ok(Message::Close(Some(CloseFrame { code, .. })))) => break code.into(),
            Some(Ok(_)) => {}
            Some(Err(_)) | None => break 1006,
        }
    };
    told.send_modify(|state| state.closed = Some(code));
}
