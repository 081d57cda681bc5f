//! A tenant's back end: a WebSocket server that answers what it hears, for relay endpoints to lead to.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures_util::{SinkExt, StreamExt};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Mutex,
    task::{JoinHandle, JoinSet},
};
use tokio_tungstenite::tungstenite::{
    Message,
    protocol::{CloseFrame, frame::coding::CloseCode},
};

/// The back end. It stops when dropped.
///
/// It sends back every message, and closes with code and reason when it hears `close 4567 some words`.
#[derive(Debug)]
pub struct Echo {
    address: SocketAddr,
    seen: Arc<Seen>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Seen {
    open: AtomicUsize,
    most: AtomicUsize,
    accepted: AtomicUsize,
    messages: Mutex<Vec<String>>,
    closes: Mutex<Vec<(u16, String)>>,
}

impl Echo {
    /// Listens on a free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let seen = Arc::new(Seen::default());
        let shared = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            // Dropped with the task, and all conversations with it.
            let mut conversations = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                conversations.spawn(converse(stream, Arc::clone(&shared)));
            }
        });
        Self { address, seen, task }
    }

    /// What `upstream_url` should be.
    pub fn url(&self) -> String {
        format!("ws://{}/echo", self.address)
    }

    /// Sockets that are open now, warm ones included.
    pub fn open(&self) -> usize {
        self.seen.open.load(Ordering::Relaxed)
    }

    /// The most sockets that were ever open at once.
    pub fn most(&self) -> usize {
        self.seen.most.load(Ordering::SeqCst)
    }

    /// Sockets that were ever opened.
    pub fn accepted(&self) -> usize {
        self.seen.accepted.load(Ordering::Relaxed)
    }

    /// Messages it heard.
    pub async fn messages(&self) -> Vec<String> {
        self.seen.messages.lock().await.clone()
    }

    /// Close codes it heard.
    pub async fn closes(&self) -> Vec<(u16, String)> {
        self.seen.closes.lock().await.clone()
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn converse(stream: TcpStream, seen: Arc<Seen>) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else {
        return;
    };
    let open = seen.open.fetch_add(1, Ordering::SeqCst) + 1;
    seen.most.fetch_max(open, Ordering::SeqCst);
    seen.accepted.fetch_add(1, Ordering::Relaxed);
    let mut counts = true;
    while let Some(Ok(message)) = socket.next().await {
        let answer = match message {
            Message::Text(text) => {
                seen.messages.lock().await.push(text.to_string());
                order(&text).unwrap_or(Message::Text(text))
            }
            Message::Binary(bytes) => Message::Binary(bytes),
            Message::Close(frame) => {
                // Before its answer leaves: who hears that may open another one at once.
                if std::mem::take(&mut counts) {
                    seen.open.fetch_sub(1, Ordering::SeqCst);
                }
                if let Some(frame) = frame {
                    seen.closes
                        .lock()
                        .await
                        .push((frame.code.into(), frame.reason.to_string()));
                }
                continue;
            }
            _ => continue,
        };
        if socket.send(answer).await.is_err() {
            break;
        }
    }
    if counts {
        seen.open.fetch_sub(1, Ordering::SeqCst);
    }
}

fn order(text: &str) -> Option<Message> {
    let (code, reason) = text.strip_prefix("close ")?.split_once(' ')?;
    let code = CloseCode::from(code.parse::<u16>().ok()?);
    Some(Message::Close(Some(CloseFrame {
        code,
        reason: reason.into(),
    })))
}
