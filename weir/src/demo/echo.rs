//! A tenant's back end for the relay endpoint: it answers what it hears.

use std::{net::SocketAddr, sync::Arc};

use futures_util::{SinkExt, StreamExt};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Mutex,
    task::{JoinHandle, JoinSet},
};
use tokio_tungstenite::tungstenite::Message;

/// The back end. It stops when dropped.
pub(super) struct Echo {
    address: SocketAddr,
    heard: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Echo {
    /// Listens on a free port of loopback.
    pub(super) async fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let heard = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&heard);
        let task = tokio::spawn(async move {
            let mut conversations = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                conversations.spawn(converse(stream, Arc::clone(&shared)));
            }
        });
        Ok(Self { address, heard, task })
    }

    /// Where it is.
    pub(super) fn url(&self) -> String {
        format!("ws://{}/", self.address)
    }

    /// What it heard.
    pub(super) async fn heard(&self) -> Vec<String> {
        self.heard.lock().await.clone()
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn converse(stream: TcpStream, heard: Arc<Mutex<Vec<String>>>) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else {
        return;
    };
    while let Some(Ok(message)) = socket.next().await {
        if let Message::Text(text) = message {
            heard.lock().await.push(text.to_string());
            if socket.send(Message::Text(text)).await.is_err() {
                return;
            }
        }
    }
}
