//! Pools of sockets to the tenants' back ends. A pool keeps a few connected and ready, so that an end-user does not wait for a
//! handshake, and all pools of an endpoint together, on all nodes, never hold more than its `max`, however many ask. A socket
//! serves one session and is closed with it.
//!
//! The right to a socket is a lease, which [`leases`] counts for all nodes: the keeper asks for some when there are too few,
//! and gives back what it does not need. A socket counts from before it is dialled until after it said goodbye.

mod dial;
mod keeper;
mod leases;
mod mux;
mod opening;
mod places;
mod registry;
mod settings;
mod state;
mod stats;
mod turns;
mod warm;

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, OnceLock, atomic::AtomicU64},
    time::Duration,
};

use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use rustls::ClientConfig;
use tokio::{
    net::TcpStream,
    sync::{Notify, oneshot},
    time::{Instant, timeout},
};
use tokio_tungstenite::MaybeTlsStream;
use tokio_util::sync::{CancellationToken, DropGuard};

pub(crate) use self::{leases::Counts, mux::MuxLine, places::Places, registry::Pools, turns::Turns};
use self::{
    leases::Leases,
    places::Place,
    state::{State, Waiter, chance},
    warm::Idle,
};
pub use self::{
    mux::Mux,
    settings::PoolSettings,
    stats::{Breaker, NodePool, PoolMode, PoolStats},
};
use crate::{
    close::Close, egress::Egress, host::Payload, meters::UpstreamMeters, settings::Settings, wire::Wire,
};

pub(crate) type UpstreamIo = MaybeTlsStream<TcpStream>;

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

impl From<PoolError> for Close {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Timeout | PoolError::QueueFull => Self::OVER_CAPACITY,
            PoolError::Unavailable | PoolError::Denied => Self::UPSTREAM_UNAVAILABLE,
        }
    }
}

/// A socket of its own, until dropped.
pub(crate) struct Lease {
    pub(crate) wire: Wire<UpstreamIo>,
    /// What the back end said before anybody listened.
    pub(crate) early: VecDeque<Payload>,
    pub(crate) permit: Permit,
}

/// A socket on its way to who waited for it. Where nobody waits any more, it goes back to the pool: it was opened properly, and
/// is closed properly.
struct Handed(Option<Lease>);

impl Handed {
    fn take(mut self) -> Option<Lease> {
        self.0.take()
    }
}

impl Drop for Handed {
    fn drop(&mut self) {
        if let Some(lease) = self.0.take() {
            keeper::take_back(lease);
        }
    }
}

/// The right to one of the pool's sockets.
pub(crate) struct Permit {
    pool: Arc<Inner>,
    cut: Arc<Cut>,
    /// The socket was counted otherwise.
    is_void: bool,
}

/// Ends sockets that are in use.
struct Cut {
    now: CancellationToken,
    /// Why, once they are ended.
    why: Mutex<Close>,
}

impl Cut {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            now: CancellationToken::new(),
            why: Mutex::new(Close::UPSTREAM_UNAVAILABLE),
        })
    }
}

/// Sessions that have to come back do so over this long.
const SPREAD: Duration = Duration::from_secs(2);

impl Permit {
    fn new(pool: &Arc<Inner>) -> Self {
        let cut = Arc::clone(&pool.cut.lock());
        let pool = Arc::clone(pool);
        Self {
            pool,
            cut,
            is_void: false,
        }
    }

    /// Resolves when the socket may not be used any more, with what to tell the session.
    pub(crate) fn ended(&self, spread: u64) -> BoxFuture<'static, Close> {
        let cut = Arc::clone(&self.cut);
        Box::pin(async move {
            cut.now.cancelled().await;
            let why = cut.why.lock().clone();
            if why == Close::RECONNECT {
                tokio::time::sleep(SPREAD.mul_f64(chance(spread))).await;
            }
            why
        })
    }

    /// Notes how long the back end took to answer a ping.
    pub(crate) fn heard_after(&self, rtt: Duration) {
        self.pool.heard_after(rtt);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.is_void {
            return;
        }
        self.pool.change(|state| state.active -= 1);
        self.pool.wake.notify_one();
    }
}

struct Inner {
    settings: PoolSettings,
    egress: Egress,
    /// Where the settings say something particular about it.
    tls: OnceLock<Arc<ClientConfig>>,
    session: Arc<Settings>,
    meters: Arc<UpstreamMeters>,
    leases: Leases,
    turns: Turns,
    places: Places,
    closed: CancellationToken,
    /// Tells the keeper that something changed.
    wake: Notify,
    cut: Mutex<Arc<Cut>>,
    /// Numbers sockets that came back, downwards: those that are opened are numbered upwards.
    backs: AtomicU64,
    /// Those who want to know that the leases were told anew.
    tell: Mutex<Vec<oneshot::Sender<()>>>,
    // Short and never held over a wait: the counts must change together with the queues.
    state: Mutex<State>,
}

impl Inner {
    /// Changes the state, and the gauges with it.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.lock();
        let before = (state.idle.len(), state.active, state.waiters.len(), state.leased);
        let answer = change(&mut state);
        let after = (state.idle.len(), state.active, state.waiters.len(), state.leased);
        drop(state);
        for (gauge, before, after) in [
            (&self.meters.idle, before.0, after.0),
            (&self.meters.active, before.1, after.1),
            (&self.meters.waiting, before.2, after.2),
            (&self.meters.leased, before.3, after.3),
        ] {
            match after.checked_sub(before) {
                Some(0) => {}
                Some(more) => gauge.increment(as_f64(more)),
                None => gauge.decrement(as_f64(before - after)),
            }
        }
        answer
    }

    fn heard_after(&self, rtt: Duration) {
        self.meters.rtt.record(rtt);
        self.state.lock().heard_after(rtt);
    }

    /// Ends all sockets: those that are ready at once, and those in use with their sessions.
    fn cut(&self, why: Close) {
        let old = std::mem::replace(&mut *self.cut.lock(), Cut::new());
        *old.why.lock() = why;
        old.now.cancel();
        let idle = self.change(|state| {
            state.closing += state.idle.len();
            std::mem::take(&mut state.idle)
        });
        drop(idle);
        self.wake.notify_one();
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
        counts: Counts,
        turns: Turns,
        places: Places,
    ) -> Self {
        let closed = CancellationToken::new();
        let inner = Arc::new(Inner {
            leases: Leases::new(counts, settings.endpoint),
            settings,
            egress,
            tls: OnceLock::new(),
            session,
            meters,
            turns,
            places,
            closed: closed.clone(),
            wake: Notify::new(),
            cut: Mutex::new(Cut::new()),
            backs: AtomicU64::new(u64::MAX),
            tell: Mutex::default(),
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
        let asked = Instant::now();
        let leased = self.take_or_wait(asked, Some(&self.inner.places)).await;
        self.inner.meters.wait.record(asked.elapsed());
        leased
    }

    /// The same for several sessions, who have places already.
    pub(crate) async fn acquire_for_many(&self) -> Result<Lease, PoolError> {
        let asked = Instant::now();
        let leased = self.take_or_wait(asked, None).await;
        self.inner.meters.wait.record(asked.elapsed());
        leased
    }

    async fn take_or_wait(&self, asked: Instant, places: Option<&Places>) -> Result<Lease, PoolError> {
        loop {
            let turn = self.inner.change(|state| {
                if self.inner.closed.is_cancelled() {
                    return Err(PoolError::Unavailable);
                }
                state.waiters.retain(|waiter| !waiter.lease.is_closed());
                // Whoever waits was first.
                if state.waiters.is_empty()
                    && state.mode == PoolMode::Open
                    && let Some(idle) = state.idle.pop_back()
                {
                    state.active += 1;
                    return Ok(Turn::Take(idle, Permit::new(&self.inner)));
                }
                if let Some(why) = state.hopeless() {
                    return Err(why);
                }
                if state.waiters.len() >= self.inner.settings.queue {
                    return Err(self.inner.places.full());
                }
                let place = places.map(Places::take).transpose()?;
                let (lease, leased) = oneshot::channel();
                state.waiters.push_back(Waiter { since: asked, lease });
                Ok(Turn::Wait(leased, place))
            })?;
            self.inner.wake.notify_one();
            match turn {
                Turn::Take(idle, permit) => {
                    // It may have died in this moment; then there is another one, or a wait.
                    if let Some((wire, early)) = idle.take().await {
                        return Ok(Lease { wire, early, permit });
                    }
                }
                Turn::Wait(leased, _place) => {
                    return match timeout(self.inner.settings.acquire_timeout, leased).await {
                        Ok(Ok(Ok(handed))) => handed.take().ok_or(PoolError::Unavailable),
                        Ok(Ok(Err(why))) => Err(why),
                        Ok(Err(_)) => Err(PoolError::Unavailable),
                        Err(_) if self.inner.state.lock().streak > 0 => Err(PoolError::Unavailable),
                        Err(_) => Err(PoolError::Timeout),
                    };
                }
            }
        }
    }

    /// Whether asking now would be in vain, and when to ask again.
    pub fn refusal(&self) -> Option<(PoolError, Duration)> {
        let state = self.inner.state.lock();
        let soon = Duration::from_secs(1);
        if let Some(why) = state.hopeless() {
            let pause = state
                .retry_at
                .map(|at| at.saturating_duration_since(Instant::now()));
            return Some((why, pause.unwrap_or_default().max(soon)));
        }
        let waiting = state.waiters.iter().filter(|waiter| !waiter.lease.is_closed());
        let waiting = waiting.count();
        // Who finds a socket ready does not wait.
        let waits = waiting > 0 || state.idle.is_empty() || state.mode == PoolMode::Paused;
        let full = waiting >= self.inner.settings.queue || (waits && self.inner.places.is_full());
        full.then(|| {
            (
                self.inner.places.full(),
                self.inner.settings.acquire_timeout.max(soon),
            )
        })
    }

    /// What it is to do.
    pub fn settings(&self) -> &PoolSettings {
        &self.inner.settings
    }

    /// What the pool holds now, on this node.
    pub fn stats(&self) -> PoolStats {
        self.inner.state.lock().stats()
    }

    /// Serves, lets people wait, or sends them away.
    pub fn set_mode(&self, mode: PoolMode) {
        let refused = self.inner.change(|state| {
            state.mode = mode;
            match mode {
                PoolMode::Draining => std::mem::take(&mut state.waiters),
                PoolMode::Open | PoolMode::Paused => VecDeque::new(),
            }
        });
        for waiter in refused {
            // It may have stopped waiting.
            let _ = waiter.lease.send(Err(PoolError::Unavailable));
        }
        self.inner.wake.notify_one();
    }

    /// Replaces all sockets: those that are ready at once, and those in use by sending their sessions away to come back.
    pub fn reconnect(&self) {
        self.inner.cut(Close::RECONNECT);
    }

    /// Closes the ready sockets and opens no more. Sockets in use stay until their sessions end.
    pub fn close(&self) {
        self.inner.closed.cancel();
    }
}

enum Turn {
    Take(Idle, Permit),
    Wait(oneshot::Receiver<Result<Handed, PoolError>>, Option<Place>),
}
