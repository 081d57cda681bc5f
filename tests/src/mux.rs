//! A tenant's back end that speaks `weir.mux.v1`: it echoes what each session says, remembers every message by session, and
//! can lose a socket.

use std::{
    collections::{BTreeMap, HashMap},
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures_util::{SinkExt, StreamExt};
use parking_lot::Mutex;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::{AbortHandle, JoinHandle, JoinSet},
};
use tokio_tungstenite::tungstenite::{
    Message,
    handshake::server::{ErrorResponse, Request, Response},
};

type Id = [u8; 16];

/// The back end. It stops when dropped.
#[derive(Debug)]
pub struct MuxEcho {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Shared {
    open: AtomicUsize,
    most: AtomicUsize,
    sessions: Mutex<HashMap<Id, Session>>,
    sockets: Mutex<BTreeMap<usize, AbortHandle>>,
}

#[derive(Debug)]
struct Session {
    about: serde_json::Value,
    /// The socket that carries it.
    socket: mpsc::UnboundedSender<Vec<u8>>,
    in_seq: u64,
    in_bytes: u64,
    out_seq: u64,
    unacked: Vec<(u64, Vec<u8>)>,
    heard: Vec<String>,
    doubled: usize,
}

impl MuxEcho {
    /// Listens on a free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let shared = Arc::new(Shared::default());
        let of_all = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            let mut sockets = JoinSet::new();
            let mut number = 0;
            while let Ok((stream, _)) = listener.accept().await {
                number += 1;
                let shared = Arc::clone(&of_all);
                let handle = sockets.spawn(serve(stream, shared, number));
                of_all.sockets.lock().insert(number, handle);
            }
        });
        Self {
            address,
            shared,
            task,
        }
    }

    /// What `upstream_url` should be.
    pub fn url(&self) -> String {
        format!("ws://{}/mux", self.address)
    }

    /// Sockets that are open now.
    pub fn open(&self) -> usize {
        self.shared.open.load(Ordering::SeqCst)
    }

    /// The most sockets that were ever open at once.
    pub fn most(&self) -> usize {
        self.shared.most.load(Ordering::SeqCst)
    }

    /// Cuts the oldest socket without a word. Answers whether there was one.
    pub fn kill_one(&self) -> bool {
        let oldest = self.shared.sockets.lock().pop_first();
        oldest.map(|(_, handle)| handle.abort()).is_some()
    }

    /// What each person said, by the tenant's own id, in order.
    pub fn heard(&self) -> HashMap<String, Vec<String>> {
        let sessions = self.shared.sessions.lock();
        let named = |session: &Session| session.about["sub"].as_str().unwrap_or_default().to_owned();
        sessions
            .values()
            .map(|session| (named(session), session.heard.clone()))
            .collect()
    }

    /// Messages that came again after they had been heard: they are thrown away, as the protocol asks.
    pub fn doubled(&self) -> usize {
        self.shared
            .sessions
            .lock()
            .values()
            .map(|session| session.doubled)
            .sum()
    }
}

impl Drop for MuxEcho {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Counts a socket as long as it is there, however it ends.
struct Counted(Arc<Shared>, usize);

impl Counted {
    fn new(shared: &Arc<Shared>, number: usize) -> Self {
        let open = shared.open.fetch_add(1, Ordering::SeqCst) + 1;
        shared.most.fetch_max(open, Ordering::SeqCst);
        Self(Arc::clone(shared), number)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
        self.0.sockets.lock().remove(&self.1);
    }
}

#[expect(
    clippy::result_large_err,
    clippy::unnecessary_wraps,
    reason = "the library's signature"
)]
fn choose(_: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
    let protocol = "weir.mux.v1".parse().expect("a header value");
    response.headers_mut().insert("sec-websocket-protocol", protocol);
    Ok(response)
}

async fn serve(stream: TcpStream, shared: Arc<Shared>, number: usize) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let Ok(mut socket) = tokio_tungstenite::accept_hdr_async(stream, choose).await else {
        return;
    };
    let counted = Counted::new(&shared, number);
    let (send, mut to_send) = mpsc::unbounded_channel::<Vec<u8>>();
    let mut counted = Some(counted);
    loop {
        tokio::select! {
            Some(frame) = to_send.recv() => {
                if socket.send(Message::binary(frame)).await.is_err() {
                    return;
                }
            }
            heard = socket.next() => match heard {
                Some(Ok(Message::Binary(frame))) => {
                    hear(&shared, &send, &frame);
                }
                // Before the answer leaves: who hears that may open another one at once.
                Some(Ok(Message::Close(_))) => counted = None,
                Some(Ok(_)) => {}
                _ => break,
            }
        }
    }
    drop(counted);
}

fn number(bytes: &[u8]) -> u64 {
    u64::from_be_bytes(bytes[..8].try_into().expect("eight bytes"))
}

fn frame(kind: u8, id: &Id, rest: &[&[u8]]) -> Vec<u8> {
    let mut out = vec![kind];
    out.extend_from_slice(id);
    for part in rest {
        out.extend_from_slice(part);
    }
    out
}

const WINDOW: u64 = 64 << 10;

fn hear(shared: &Shared, socket: &mpsc::UnboundedSender<Vec<u8>>, bytes: &[u8]) {
    let kind = bytes[0];
    if kind == 0 || kind == 7 {
        return;
    }
    let id: Id = bytes[1..17].try_into().expect("a session");
    let rest = &bytes[17..];
    let mut sessions = shared.sessions.lock();
    if kind == 1 {
        let about = serde_json::from_slice(&rest[8..]).expect("JSON about the session");
        sessions.entry(id).or_insert_with(|| Session {
            about,
            socket: socket.clone(),
            in_seq: 0,
            in_bytes: 0,
            out_seq: 0,
            unacked: Vec::new(),
            heard: Vec::new(),
            doubled: 0,
        });
    }
    let Some(session) = sessions.get_mut(&id) else {
        let code = 1011_u16.to_be_bytes();
        drop(socket.send(frame(6, &id, &[&code, b"unknown session"])));
        return;
    };
    let acknowledge = |session: &Session, kind: u8| {
        let limit = (session.in_bytes + WINDOW).to_be_bytes();
        frame(kind, &id, &[&session.in_seq.to_be_bytes(), &limit])
    };
    match kind {
        1 | 2 => {
            session.socket = socket.clone();
            let has = if kind == 2 { number(rest) } else { 0 };
            session.unacked.retain(|(seq, _)| *seq > has);
            drop(socket.send(acknowledge(session, 3)));
            for (_, again) in &session.unacked {
                drop(socket.send(again.clone()));
            }
        }
        4 => {
            let seq = number(rest);
            if seq <= session.in_seq {
                session.doubled += 1;
                return;
            }
            assert_eq!(seq, session.in_seq + 1, "a message is missing");
            session.in_seq = seq;
            session.in_bytes += (rest.len() - 9) as u64;
            session
                .heard
                .push(String::from_utf8_lossy(&rest[9..]).into_owned());
            session.out_seq += 1;
            let echo = frame(4, &id, &[&session.out_seq.to_be_bytes(), &rest[8..]]);
            session.unacked.push((session.out_seq, echo.clone()));
            drop(socket.send(echo));
            if seq.is_multiple_of(16) {
                drop(socket.send(acknowledge(session, 5)));
            }
        }
        5 => {
            let seq = number(rest);
            session.unacked.retain(|(unacked, _)| *unacked > seq);
        }
        6 => drop(socket.send(frame(6, &id, &[&rest[..2]]))),
        _ => {}
    }
}
