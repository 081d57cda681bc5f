//! What a pool is to do.

use std::{fmt, time::Duration};

use url::Url;
use uuid::Uuid;

use crate::egress::PeerTls;

/// What a pool is to do.
#[derive(Clone, PartialEq, Eq)]
pub struct PoolSettings {
    /// Whose back end it is: dialling takes turns between tenants.
    pub tenant: Uuid,
    /// The endpoint, by which leases are counted.
    pub endpoint: Uuid,
    /// The back end: `wss://…`, or `ws://…` where the egress guard allows it.
    pub url: Url,
    /// Whether it was proven to be the tenant's. If not, it is only reached where the operator vouches for it.
    pub proven: bool,
    /// Sockets to keep connected and ready.
    pub min: usize,
    /// Sockets in all, on all nodes: ready, in use, being opened and being closed.
    pub max: usize,
    /// Sessions that may wait for a socket at once.
    pub queue: usize,
    /// How long a ready socket above `min` is kept.
    pub idle_timeout: Duration,
    /// How long a ready socket is kept, give or take a tenth; it is replaced by a fresh one before it is closed. A socket in use
    /// is left alone.
    pub max_lifetime: Duration,
    /// How long a connection, its TLS and its handshake may take together.
    pub connect_timeout: Duration,
    /// How long a session may wait for a socket.
    pub acquire_timeout: Duration,
    /// The subprotocol to ask for; a back end that does not choose it is refused.
    pub subprotocol: Option<String>,
    /// Headers of the opening request. They may be secrets.
    pub headers: Vec<(String, String)>,
    /// What it is shown and known by, over `wss`.
    pub tls: PeerTls,
    /// The largest message that the back end may send, in bytes.
    pub max_message: usize,
    /// Any number. It spreads retries and lifetimes, so that pools do not act in step.
    pub seed: u64,
}

impl PoolSettings {
    /// The defaults, for a back end at `url`.
    pub fn new(url: Url) -> Self {
        Self {
            tenant: Uuid::nil(),
            endpoint: Uuid::nil(),
            url,
            proven: false,
            min: 2,
            max: 100,
            queue: 1000,
            idle_timeout: Duration::from_mins(1),
            max_lifetime: Duration::from_mins(30),
            connect_timeout: Duration::from_secs(10),
            acquire_timeout: Duration::from_secs(5),
            subprotocol: None,
            headers: Vec::new(),
            tls: PeerTls::default(),
            max_message: 1 << 20,
            seed: 0,
        }
    }
}

impl fmt::Debug for PoolSettings {
    /// Without the URL and the headers: both may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PoolSettings({}..{})", self.min, self.max)
    }
}
