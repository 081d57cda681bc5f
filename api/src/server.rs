//! The port: accepts connections, shakes hands over TLS where there is a certificate, and hands them to the routes.

mod patient;

use std::{io, sync::Arc, time::Duration};

use poem::{
    Endpoint, Response, Server,
    http::uri::Scheme,
    listener::Acceptor,
    web::{LocalAddr, RemoteAddr},
};
use rustls::ServerConfig;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::{sleep, timeout},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_util::{either::Either, sync::CancellationToken};

pub use self::patient::Patience;
use self::patient::Patient;

/// How the port behaves.
#[derive(Clone)]
pub struct Port {
    /// Certificate and key, to speak TLS.
    pub tls: Option<Arc<ServerConfig>>,
    /// How long a TLS handshake may take.
    pub handshake: Duration,
    /// How long a request may take to come.
    pub patience: Patience,
    /// How long requests that run may still take once the port is told to stop.
    pub grace: Duration,
}

/// Connections whose handshake is done and that nobody has taken yet.
const WAITING: usize = 256;

/// Serves until `stop`; then takes no more connections, lets the requests that run finish within the grace, and returns.
///
/// # Errors
/// What the system said of the listener.
pub async fn serve(
    listener: TcpListener,
    port: Port,
    app: impl Endpoint<Output = Response> + 'static,
    stop: CancellationToken,
) -> io::Result<()> {
    let grace = port.grace;
    let door = Door::open(listener, port, stop.clone())?;
    Server::new_with_acceptor(door)
        .run_with_graceful_shutdown(app, stop.cancelled_owned(), Some(grace))
        .await
}

/// The state of TLS is large and boxed: connections without it would pay for it, too.
type Io = Patient<Either<TcpStream, Box<TlsStream<TcpStream>>>>;

/// Gives out connections that are ready to be read from.
struct Door {
    local: LocalAddr,
    ready: mpsc::Receiver<(Io, RemoteAddr, Scheme)>,
}

impl Door {
    fn open(listener: TcpListener, port: Port, stop: CancellationToken) -> io::Result<Self> {
        let local = LocalAddr(listener.local_addr()?.into());
        let (sender, ready) = mpsc::channel(WAITING);
        tokio::spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = take(listener, port, sender) => {}
            }
        });
        Ok(Self { local, ready })
    }
}

/// Takes connections for ever. The handshake is a task of its own, so that a slow one holds up nobody.
async fn take(listener: TcpListener, port: Port, ready: mpsc::Sender<(Io, RemoteAddr, Scheme)>) {
    let acceptor = port.tls.map(TlsAcceptor::from);
    loop {
        let (stream, address) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Mostly a lack of file descriptors. Trying again at once would only burn the processor.
                tracing::warn!(%error, "a connection could not be taken");
                sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        // Small frames must not wait for an acknowledgement of the one before.
        if stream.set_nodelay(true).is_err() {
            continue;
        }
        let address = RemoteAddr(address.into());
        match &acceptor {
            None => {
                let io = Patient::new(Either::Left(stream), port.patience);
                if ready.send((io, address, Scheme::HTTP)).await.is_err() {
                    return;
                }
            }
            Some(acceptor) => {
                let (handshake, ready) = (acceptor.accept(stream), ready.clone());
                tokio::spawn(async move {
                    // What is no TLS, or too slow, is no news: the internet knocks at every port.
                    if let Ok(Ok(stream)) = timeout(port.handshake, handshake).await {
                        let io = Patient::new(Either::Right(Box::new(stream)), port.patience);
                        let _ = ready.send((io, address, Scheme::HTTPS)).await;
                    }
                });
            }
        }
    }
}

impl Acceptor for Door {
    type Io = Io;

    fn local_addr(&self) -> Vec<LocalAddr> {
        vec![self.local.clone()]
    }

    async fn accept(&mut self) -> io::Result<(Self::Io, LocalAddr, RemoteAddr, Scheme)> {
        match self.ready.recv().await {
            Some((io, address, scheme)) => Ok((io, self.local.clone(), address, scheme)),
            // The port is closing. The server stops by itself; answering at once would make it ask for ever.
            None => std::future::pending().await,
        }
    }
}
