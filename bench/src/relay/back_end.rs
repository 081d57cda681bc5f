//! A tenant's back end that sends back what it gets.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use anyhow::Context as _;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::digest;
use tokio::{
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};

use super::wire::{Wire, put};

/// The back end, until dropped.
pub(super) struct BackEnd {
    port: u16,
    open: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl BackEnd {
    pub(super) async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let open = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&open);
        let task = tokio::spawn(async move {
            let mut sockets = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let count = Arc::clone(&count);
                sockets.spawn(async move {
                    count.fetch_add(1, Ordering::Relaxed);
                    // However it ended, it is over.
                    drop(echo(stream).await);
                    count.fetch_sub(1, Ordering::Relaxed);
                });
            }
        });
        Ok(Self { port, open, task })
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Sockets that are open now.
    pub(super) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }
}

impl Drop for BackEnd {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn echo(stream: TcpStream) -> anyhow::Result<()> {
    let mut wire = Wire::new(stream)?;
    let head = wire.head().await?;
    let key = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key"))
        .map(|(_, value)| value.trim())
        .context("not a handshake")?;
    let text = format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    let accept = STANDARD.encode(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes()));
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    wire.send(answer.as_bytes()).await?;
    let mut out = Vec::new();
    loop {
        out.clear();
        let mut is_over = false;
        let goes_on = wire
            .frames(|opcode, payload| match opcode {
                1 | 2 => put(&mut out, payload, false),
                8 => is_over = true,
                9 => {
                    // A pong of less than 126 bytes (RFC 6455 §5.5).
                    out.extend_from_slice(&[0x8a, payload.len() as u8]);
                    out.extend_from_slice(payload);
                }
                _ => {}
            })
            .await?;
        wire.send(&out).await?;
        if is_over || !goes_on {
            return Ok(());
        }
    }
}
