//! A tenant's back end of the careful kind: TLS with a certificate of a private authority, only for clients that show one too, and only
//! with a key in a header.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures_util::{SinkExt, StreamExt};
use parking_lot::Mutex;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer},
    server::WebPkiClientVerifier,
};
use tokio::{
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};

/// An authority of nobody's.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, in PEM.
#[derive(Clone, Debug)]
pub struct Pair {
    /// `-----BEGIN CERTIFICATE-----`
    pub certificate: String,
    /// `-----BEGIN PRIVATE KEY-----`
    pub key: String,
}

impl Authority {
    /// A new one.
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("a certificate"))
    }

    /// Its own certificate.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    fn der(&self) -> CertificateDer<'static> {
        self.0.der().clone()
    }

    fn issue(&self, name: &str, until: Option<i32>) -> (rcgen::Certificate, KeyPair) {
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        if let Some(year) = until {
            params.not_after = rcgen::date_time_ymd(year, 1, 1);
        }
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.0).expect("a certificate");
        (certificate, key)
    }

    /// A certificate for somebody, good until the first day of this year.
    pub fn pair(&self, name: &str, until: i32) -> Pair {
        let (certificate, key) = self.issue(name, Some(until));
        Pair {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        }
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

/// The back end. It echoes, and stops when dropped.
#[derive(Debug)]
pub struct Secure {
    address: SocketAddr,
    accepted: Arc<AtomicUsize>,
    headers: Arc<Mutex<Vec<(String, String)>>>,
    task: JoinHandle<()>,
}

impl Secure {
    /// Listens on a free port, for clients that `clients` vouches for.
    pub async fn start(own: &Authority, clients: &Authority) -> Self {
        let provider = || Arc::new(rustls::crypto::ring::default_provider());
        let (certificate, key) = own.issue("127.0.0.1", None);
        let mut roots = RootCertStore::empty();
        roots.add(clients.der()).expect("an authority");
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider())
            .build()
            .expect("an authority");
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        let config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .expect("the usual versions")
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![certificate.der().clone()], key)
            .expect("a certificate and its key");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let (accepted, headers) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
        let (count, seen) = (Arc::clone(&accepted), Arc::clone(&headers));
        let task = tokio::spawn(async move {
            let mut conversations = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, count, seen) = (acceptor.clone(), Arc::clone(&count), Arc::clone(&seen));
                conversations.spawn(converse(stream, acceptor, count, seen));
            }
        });
        Self {
            address,
            accepted,
            headers,
            task,
        }
    }

    /// What `upstream_url` should be.
    pub fn url(&self) -> String {
        format!("wss://{}/", self.address)
    }

    /// Sockets that were ever opened.
    pub fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    /// A header of the last handshake.
    pub fn header(&self, name: &str) -> Option<String> {
        let headers = self.headers.lock();
        let found = headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.clone())
    }
}

impl Drop for Secure {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn converse(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    accepted: Arc<AtomicUsize>,
    seen: Arc<Mutex<Vec<(String, String)>>>,
) {
    // Who shows no good certificate is not let in.
    let Ok(stream) = acceptor.accept(stream).await else {
        return;
    };
    #[expect(clippy::result_large_err, reason = "the library wants it so")]
    let note = |request: &Request, response: Response| {
        *seen.lock() = request
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().to_owned()))
            .collect();
        Ok(response)
    };
    let Ok(mut socket) = tokio_tungstenite::accept_hdr_async(stream, note).await else {
        return;
    };
    accepted.fetch_add(1, Ordering::SeqCst);
    while let Some(Ok(message)) = socket.next().await {
        if (message.is_text() || message.is_binary()) && socket.send(message).await.is_err() {
            break;
        }
    }
}
