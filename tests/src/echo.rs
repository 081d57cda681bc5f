//! A tenant's back end: a WebSocket server that answers what it hears, for relay endpoints to lead to.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures_util::{SinkExt, StreamExt};
use ring::hmac;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
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
/// It sends back every message, and closes with code and reason when it hears `close 4567 some words`. Challenges are answered
/// once it knows the endpoint's secret.
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
    secret: Mutex<Option<String>>,
    challenged: AtomicUsize,
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

    /// From now on it answers challenges by this secret of the endpoint.
    pub async fn prove_by(&self, secret: &str) {
        *self.seen.secret.lock().await = Some(secret.to_owned());
    }

    /// How often it was asked whose it is.
    pub fn challenged(&self) -> usize {
        self.seen.challenged.load(Ordering::SeqCst)
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
    if is_challenge(&stream).await {
        seen.challenged.fetch_add(1, Ordering::SeqCst);
        // Who asks may have gone.
        drop(answer_challenge(stream, seen.secret.lock().await.as_deref()).await);
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

/// Where challenges are asked.
const CHALLENGE: &str = "GET /.well-known/weir-challenge/";

/// Looks at the request without taking it. It comes in one piece.
async fn is_challenge(stream: &TcpStream) -> bool {
    let mut head = [0; CHALLENGE.len()];
    loop {
        match stream.peek(&mut head).await {
            Ok(length) if length == head.len() => return head == *CHALLENGE.as_bytes(),
            Ok(length) if length > 0 && head[..length] == CHALLENGE.as_bytes()[..length] => {
                tokio::task::yield_now().await;
            }
            _ => return false,
        }
    }
}

/// Answers as `docs/protocol.md` tells back ends to.
async fn answer_challenge(mut stream: TcpStream, secret: Option<&str>) -> std::io::Result<()> {
    let mut request = vec![0; 4096];
    let length = stream.read(&mut request).await?;
    let request = String::from_utf8_lossy(&request[..length]).into_owned();
    let token = request[CHALLENGE.len()..].split(' ').next().unwrap_or_default();
    let answer = match secret {
        Some(secret) => {
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
            let answer = hex::encode(hmac::sign(&key, token.as_bytes()));
            format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{answer}",
                answer.len()
            )
        }
        None => "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_owned(),
    };
    stream.write_all(answer.as_bytes()).await
}

fn order(text: &str) -> Option<Message> {
    let (code, reason) = text.strip_prefix("close ")?.split_once(' ')?;
    let code = CloseCode::from(code.parse::<u16>().ok()?);
    Some(Message::Close(Some(CloseFrame {
        code,
        reason: reason.into(),
    })))
}
