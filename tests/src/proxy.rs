//! A bad network: a TCP proxy that passes bytes on at once, late, or not at all.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::{JoinHandle, JoinSet},
    time::sleep,
};

/// What the network does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// It works.
    Works,
    /// Everything comes so much later, in each direction.
    Slow(Duration),
    /// Nothing comes through, and nobody is told: connections stay open.
    Stalled,
    /// Connections are closed, and new ones too.
    Cut,
}

/// The proxy. It stops when dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    network: watch::Sender<Network>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Listens on a free port for what goes to another one on loopback.
    pub async fn start(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let (network, is) = watch::channel(Network::Works);
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((here, _)) = listener.accept().await {
                let is = is.clone();
                connections.spawn(async move {
                    if *is.borrow() == Network::Cut {
                        return;
                    }
                    let Ok(there) = TcpStream::connect(("127.0.0.1", port)).await else {
                        return;
                    };
                    pass_on(here, there, is).await;
                });
            }
        });
        Self {
            address,
            network,
            task,
        }
    }

    /// `127.0.0.1:…`
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on the network is like this.
    pub fn set(&self, network: Network) {
        self.network.send_replace(network);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass_on(here: TcpStream, there: TcpStream, mut is: watch::Receiver<Network>) {
    for stream in [&here, &there] {
        drop(stream.set_nodelay(true));
    }
    let ((questions, ours), (answers, theirs)) = (here.into_split(), there.into_split());
    let (one, other) = (is.clone(), is.clone());
    tokio::select! {
        () = pump(questions, theirs, one) => {}
        () = pump(answers, ours, other) => {}
        _ = is.wait_for(|network| *network == Network::Cut) => {}
    }
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut is: watch::Receiver<Network>) {
    let mut buffer = vec![0; 16 << 10];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        if is.wait_for(|network| *network != Network::Stalled).await.is_err() {
            return;
        }
        let network = *is.borrow();
        if let Network::Slow(late) = network {
            sleep(late).await;
        }
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}
