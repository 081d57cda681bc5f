//! What a pool looks like at one moment.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Whether new sockets to a back end are tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
pub enum Breaker {
    /// They are.
    #[default]
    Closed,
    /// One is, after several that failed.
    HalfOpen,
    /// They are not, for a while: too many failed.
    Open,
}

/// What a pool is told to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub enum PoolMode {
    /// It serves.
    #[default]
    Open,
    /// Who comes waits; sockets in use stay.
    Paused,
    /// Who comes is refused; ready sockets are closed, and those in use when their sessions end.
    Draining,
}

/// What a pool holds at one moment, and what it did so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct PoolStats {
    /// Connected and ready.
    pub idle: usize,
    /// In use.
    pub active: usize,
    /// Being opened.
    pub connecting: usize,
    /// Being closed.
    pub closing: usize,
    /// Sessions that wait.
    pub waiting: usize,
    /// How long the first of them has waited.
    pub max_wait: Duration,
    /// Sockets that the node may have now.
    pub leased: usize,
    /// Sessions served now.
    pub sessions: usize,
    /// Whether new sockets are tried.
    pub breaker: Breaker,
    /// What it was told to do.
    pub mode: PoolMode,
    /// Sockets opened so far.
    pub connects: u64,
    /// Attempts that failed so far.
    pub failures: u64,
    /// How long the back end takes to answer a ping, averaged; none before the first.
    pub rtt: Option<Duration>,
}

impl PoolStats {
    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let worst = |a: Option<Duration>, b: Option<Duration>| a.max(b);
        Self {
            idle: self.idle + other.idle,
            active: self.active + other.active,
            connecting: self.connecting + other.connecting,
            closing: self.closing + other.closing,
            waiting: self.waiting + other.waiting,
            max_wait: self.max_wait.max(other.max_wait),
            leased: self.leased + other.leased,
            sessions: self.sessions + other.sessions,
            breaker: self.breaker.max(other.breaker),
            mode: other.mode,
            connects: self.connects + other.connects,
            failures: self.failures + other.failures,
            rtt: worst(self.rtt, other.rtt),
        }
    }
}

/// What a node has of an endpoint's sockets.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct NodePool {
    /// The node, by name; empty where there is only one.
    pub node: Box<str>,
    /// What it has; none where nobody needed a pool yet.
    pub stats: Option<PoolStats>,
}
