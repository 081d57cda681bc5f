//! Pools of sockets to the tenants' back ends. A pool keeps a few connected and ready, so that an end-user does not wait for a
//! handshake, and never holds more than its `max`, however many ask. A socket serves one session and is closed with it.
//!
//! The count is this node's own. Leases that are counted over all nodes will be taken where a socket is dialled and given back
//! where a permit or a warm socket ends.

mod dial;
mod keeper;
mod warm;

use std::{collections::VecDeque, fmt, sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::{
    net::TcpStream,
    sync::{Notify, oneshot},
    time::{Instant, timeout},
};
use tokio_tungstenite::MaybeTlsStream;
use tokio_util::sync::{CancellationToken, DropGuard};
use url::Url;

use self::warm::Idle;
use crate::{egress::Egress, host::Payload, meters::UpstreamMeters, settings::Settings, wire::UpstreamWire};

pub(crate) type UpstreamIo = MaybeTlsStream<TcpStream>;

/// What a pool is to do.
#[derive(Clone)]
pub struct PoolSettings {
    /// The back end: `wss://…`, or `ws://…` where the egress guard allows it.
    pub url: Url,
    /// Sockets to keep connected and ready.
    pub min: usize,
    /// Sockets in all: ready, in use and being opened.
    pub max: usize,
    /// Sessions that may wait for a socket at once.
    pub queue: usize,
    /// How long a ready socket above `min` is kept.
    pub idle_timeout: Duration,
    /// How long a ready socket is kept at most; it is replaced by a fresh one. A socket in use is left alone.
    pub max_lifetime: Duration,
    /// How long a connection, its TLS and its handshake may take together.
    pub connect_timeout: Duration,
    /// How long a session may wait for a socket.
    pub acquire_timeout: Duration,
    /// The subprotocol to ask for; a back end that does not choose it is refused.
    pub subprotocol: Option<String>,
    /// Headers of the opening request. They may be secrets.
    pub headers: Vec<(String, String)>,
    /// The largest message that the back end may send, in bytes.
    pub max_message: usize,
    /// Any number. It spreads retries and lifetimes, so that pools do not act in step.
    pub seed: u64,
}

impl PoolSettings {
    /// The defaults, for a back end at `url`.
    pub fn new(url: Url) -> Self {
        Self {
            url,
            min: 2,
            max: 100,
            queue: 1000,
            idle_timeout: Duration::from_mins(1),
            max_lifetime: Duration::from_mins(30),
            connect_timeout: Duration::from_secs(10),
            acquire_timeout: Duration::from_secs(5),
            subprotocol: None,
            headers: Vec::new(),
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

/// Why there is no socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PoolError {
    /// All sockets stayed in use for too long.
    #[error("no socket to the back end became free in time")]
    Timeout,
    /// The back end does not take connections, or the pool is closed.
    #[error("the back end is not available")]
    Unavailable,
    /// Too many wait already.
    #[error("too many wait for a socket to the back end")]
    QueueFull,
    /// The egress guard does not let this address pass.
    #[error("the back end's address is not allowed")]
    Denied,
}

/// What a pool holds at one moment, and what it did so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolStats {
    /// Connected and ready.
    pub idle: usize,
    /// In use.
    pub active: usize,
    /// Being opened.
    pub connecting: usize,
    /// Sessions that wait.
    pub waiting: usize,
    /// Sockets opened so far.
    pub connects: u64,
    /// Attempts that failed so far.
    pub failures: u64,
}

/// A socket of its own, until dropped.
pub(crate) struct Lease {
    pub(crate) wire: UpstreamWire<UpstreamIo>,
    /// What the back end said before anybody listened.
    pub(crate) early: VecDeque<Payload>,
    pub(crate) permit: Permit,
}

/// The right to one of the pool's sockets.
pub(crate) struct Permit(Arc<Inner>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.change(|state| state.active -= 1);
        self.0.wake.notify_one();
    }
}

struct Inner {
    settings: PoolSettings,
    egress: Egress,
    session: Arc<Settings>,
    meters: Arc<UpstreamMeters>,
    closed: CancellationToken,
    /// Tells the keeper that something changed.
    wake: Notify,
    // Short and never held over a wait: the counts must change together with the queues.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    idle: VecDeque<Idle>,
    waiters: VecDeque<oneshot::Sender<Result<Lease, PoolError>>>,
    active: usize,
    connecting: usize,
    connects: u64,
    failures: u64,
    /// Failures since the last success.
    streak: u32,
    /// Ready sockets that died young since one lived.
    flaps: u32,
    /// No attempt before this.
    retry_at: Option<Instant>,
    /// The last attempt was stopped by the egress guard.
    denied: bool,
}

/// Failures in a row after which nobody is made to wait for the next attempt.
const BREAKER: u32 = 3;

impl State {
    fn total(&self) -> usize {
        self.idle.len() + self.active + self.connecting
    }

    /// Why a session that asks now need not wait.
    fn hopeless(&self) -> Option<PoolError> {
        let pausing = self.retry_at.is_some_and(|at| at > Instant::now());
        let broken = self.streak >= BREAKER && self.active == 0 && pausing;
        match (self.denied, broken) {
            (true, _) => Some(PoolError::Denied),
            (false, true) => Some(PoolError::Unavailable),
            (false, false) => None,
        }
    }
}

impl Inner {
    /// Changes the state, and the gauges with it.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.lock();
        let before = (state.idle.len(), state.active, state.waiters.len());
        let answer = change(&mut state);
        let after = (state.idle.len(), state.active, state.waiters.len());
        drop(state);
        for (gauge, before, after) in [
            (&self.meters.idle, before.0, after.0),
            (&self.meters.active, before.1, after.1),
            (&self.meters.waiting, before.2, after.2),
        ] {
            match after.checked_sub(before) {
                Some(0) => {}
                Some(more) => gauge.increment(as_f64(more)),
                None => gauge.decrement(as_f64(before - after)),
            }
        }
        answer
    }
}

/// Counts of sockets are small.
fn as_f64(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// The sockets to one back end. Cheap to clone; when the last clone is dropped, the ready sockets are closed.
#[derive(Clone)]
pub struct Pool {
    inner: Arc<Inner>,
    _open: Arc<DropGuard>,
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pool({:?})", self.stats())
    }
}

impl Pool {
    pub(crate) fn open(
        settings: PoolSettings,
        egress: Egress,
        session: Arc<Settings>,
        meters: Arc<UpstreamMeters>,
    ) -> Self {
        let closed = CancellationToken::new();
        let inner = Arc::new(Inner {
            settings,
            egress,
            session,
            meters,
            closed: closed.clone(),
            wake: Notify::new(),
            state: Mutex::default(),
        });
        tokio::spawn(keeper::keep(Arc::clone(&inner)));
        Self {
            inner,
            _open: Arc::new(closed.drop_guard()),
        }
    }

    /// Takes a socket out of the pool, or waits for one in the order of asking.
    pub(crate) async fn acquire(&self) -> Result<Lease, PoolError> {
        loop {
            let turn = self.inner.change(|state| {
                if self.inner.closed.is_cancelled() {
                    return Err(PoolError::Unavailable);
                }
                state.waiters.retain(|waiter| !waiter.is_closed());
                // Whoever waits was first.
                if state.waiters.is_empty()
                    && let Some(idle) = state.idle.pop_back()
                {
                    state.active += 1;
                    return Ok(Turn::Take(idle, Permit(Arc::clone(&self.inner))));
                }
                if let Some(why) = state.hopeless() {
                    return Err(why);
                }
                if state.waiters.len() >= self.inner.settings.queue {
                    return Err(PoolError::QueueFull);
                }
                let (lease, leased) = oneshot::channel();
                state.waiters.push_back(lease);
                Ok(Turn::Wait(leased))
            })?;
            self.inner.wake.notify_one();
            match turn {
                Turn::Take(idle, permit) => {
                    // It may have died in this moment; then there is another one, or a wait.
                    if let Some((wire, early)) = idle.take().await {
                        return Ok(Lease { wire, early, permit });
                    }
                }
                Turn::Wait(leased) => {
                    return match timeout(self.inner.settings.acquire_timeout, leased).await {
                        Ok(lease) => lease.unwrap_or(Err(PoolError::Unavailable)),
                        Err(_) if self.inner.state.lock().streak > 0 => Err(PoolError::Unavailable),
                        Err(_) => Err(PoolError::Timeout),
                    };
                }
            }
        }
    }

    /// What the pool holds now.
    pub fn stats(&self) -> PoolStats {
        let state = self.inner.state.lock();
        PoolStats {
            idle: state.idle.len(),
            active: state.active,
            connecting: state.connecting,
            waiting: state.waiters.iter().filter(|waiter| !waiter.is_closed()).count(),
            connects: state.connects,
            failures: state.failures,
        }
    }

    /// Closes the ready sockets and opens no more. Sockets in use stay until their sessions end.
    pub fn close(&self) {
        self.inner.closed.cancel();
    }
}

enum Turn {
    Take(Idle, Permit),
    Wait(oneshot::Receiver<Result<Lease, PoolError>>),
}
