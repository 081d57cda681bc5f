//! Many sessions on few sockets: the subprotocol `weir.mux.v1`. A session is put on the socket that has fewest; when that socket
//! is lost, the session goes on over another one, and what was not acknowledged is sent again, once in the end. The sockets
//! come from a pool, and count there as any others.

mod chan;
mod frame;
mod link;

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use self::{chan::Chan, link::Link};
pub(crate) use self::{chan::MuxLine, frame::PROTOCOL};
use super::{Pool, PoolError, PoolMode, state::chance};
use crate::settings::Settings;

/// How long a session may be without a socket.
const RESUME_WITHIN: Duration = Duration::from_secs(30);
/// How often it is looked whether a pool still pauses.
const LOOK: Duration = Duration::from_millis(50);
/// A socket that ends sooner than this was not wanted.
const SHORT: Duration = Duration::from_secs(1);
/// The pause before a socket is asked for again.
const AGAIN: Duration = Duration::from_millis(300);

/// Sessions over the sockets of a pool. Cheap to clone.
#[derive(Clone)]
pub struct Mux(Arc<Inner>);

struct Inner {
    pool: Pool,
    per_socket: usize,
    /// What is said first on each socket.
    hello: Bytes,
    seed: AtomicU64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    links: Vec<Arc<Link>>,
    homeless: VecDeque<Arc<Chan>>,
    /// Sockets that are asked for.
    opening: usize,
}

impl Mux {
    /// Puts up to `per_socket` sessions on each socket of a pool, whose settings ask for the subprotocol.
    pub fn new(pool: Pool, per_socket: usize) -> Self {
        let settings = pool.settings();
        let hello = serde_json::json!({
            "v": 1,
            "tenant": settings.tenant,
            "endpoint": settings.endpoint,
            "sessions": per_socket,
            "window": chan::WINDOW,
        });
        let seed = settings.seed;
        let mux = Self(Arc::new(Inner {
            pool,
            per_socket: per_socket.max(1),
            hello: hello.to_string().into(),
            seed: AtomicU64::new(seed),
            state: Mutex::default(),
        }));
        mux.tell(&mux.0.state.lock());
        mux
    }

    /// The subprotocol that the pool's settings must ask for.
    pub const PROTOCOL: &'static str = PROTOCOL;

    /// What is added to a message on its way: type, session, sequence, kind; and what the other frames are at most.
    pub const ENVELOPE: usize = 256;

    /// Where the sockets come from.
    pub fn pool(&self) -> &Pool {
        &self.0.pool
    }

    fn session(&self) -> Arc<Settings> {
        Arc::clone(&self.0.pool.inner.session)
    }

    fn hello(&self) -> Bytes {
        self.0.hello.clone()
    }

    /// As [`Pool::refusal`], of a session: it may find room on a socket that is open.
    pub fn refusal(&self) -> Option<(PoolError, Duration)> {
        let refusal = self.0.pool.refusal()?;
        let draining = self.0.pool.stats().mode == PoolMode::Draining;
        let has_room = |link: &Arc<Link>| link.sessions() < self.0.per_socket;
        let room = self.0.state.lock().links.iter().any(has_room);
        (draining || !room).then_some(refusal)
    }

    /// Finds a session a place, and waits for one as long as a session may wait for a socket.
    pub(crate) async fn join(&self, session: Uuid, about: Bytes) -> Result<MuxLine, PoolError> {
        let patience = self.0.pool.settings().acquire_timeout;
        let until = Instant::now() + patience;
        loop {
            match self.0.pool.stats().mode {
                PoolMode::Open => break,
                PoolMode::Draining => return Err(PoolError::Unavailable),
                PoolMode::Paused if Instant::now() >= until => return Err(PoolError::Timeout),
                PoolMode::Paused => sleep(LOOK).await,
            }
        }
        let has_room = |link: &Arc<Link>| link.sessions() < self.0.per_socket;
        let places = &self.0.pool.inner.places;
        // Who finds room on an open socket does not wait.
        let finds_room = self.0.state.lock().links.iter().any(has_room);
        let _place = if finds_room { None } else { Some(places.take()?) };
        let chan = Chan::new(session, about);
        // From here on it is let go of when this is dropped.
        let line = MuxLine {
            chan: Arc::clone(&chan),
            mux: self.clone(),
        };
        {
            let mut state = self.0.state.lock();
            if state.homeless.len() >= self.0.pool.settings().queue {
                return Err(places.full());
            }
            state.homeless.push_back(Arc::clone(&chan));
        }
        self.left();
        match timeout(until.saturating_duration_since(Instant::now()), chan.placed()).await {
            Ok(outcome) => outcome.map(|()| line),
            Err(_) => Err(PoolError::Timeout),
        }
    }

    /// There may be room: those who wait get it, and where there is not enough, sockets are asked for.
    fn left(&self) {
        let mut state = self.0.state.lock();
        state.homeless.retain(|chan| !chan.is_over());
        self.place(&mut state);
        let wanted = state.homeless.len().div_ceil(self.0.per_socket);
        while state.opening < wanted {
            state.opening += 1;
            let mux = self.clone();
            tokio::spawn(async move { mux.open(None).await });
        }
        self.tell(&state);
    }

    fn place(&self, state: &mut State) {
        while let Some(chan) = state.homeless.front().cloned() {
            let mut links: Vec<_> = state.links.iter().map(|link| (link.sessions(), link)).collect();
            links.sort_by_key(|(sessions, _)| *sessions);
            if !links.iter().any(|(_, link)| link.take(&chan, self.0.per_socket)) {
                return;
            }
            state.homeless.pop_front();
        }
    }

    /// Notes in the pool how many there are.
    fn tell(&self, state: &State) {
        let sessions = state.links.iter().map(|link| link.sessions()).sum();
        let waiting = state.homeless.len();
        self.0
            .pool
            .inner
            .change(|pool| pool.muxed = Some((sessions, waiting)));
    }

    fn number(&self) -> u64 {
        self.0.seed.fetch_add(0x9e37_79b9, Ordering::Relaxed)
    }

    /// Opens a socket and carries sessions over it until it ends; whoever is left then goes on elsewhere. `instead` of one that
    /// is to go.
    async fn open(self, instead: Option<Arc<Link>>) {
        let lease = loop {
            let leased = self.0.pool.acquire_for_many().await;
            if let Some(old) = &instead {
                old.retire();
            }
            match leased {
                Ok(lease) => break lease,
                Err(why) => {
                    let mut state = self.0.state.lock();
                    state.homeless.retain(|chan| chan.waits_on(why, RESUME_WITHIN));
                    self.tell(&state);
                    if state.homeless.is_empty() || instead.is_some() {
                        state.opening -= 1;
                        return;
                    }
                }
            }
            sleep(AGAIN.mul_f64(0.5 + chance(self.number()))).await;
        };
        let link = Arc::<Link>::default();
        {
            let mut state = self.0.state.lock();
            state.opening -= 1;
            state.links.push(Arc::clone(&link));
        }
        self.left();
        let began = Instant::now();
        let left = link::carry(self.clone(), Arc::clone(&link), lease, self.number()).await;
        self.0
            .state
            .lock()
            .links
            .retain(|other| !Arc::ptr_eq(other, &link));
        if began.elapsed() < SHORT {
            // It did not want them; the next one may not either.
            sleep(AGAIN.mul_f64(0.5 + chance(self.number()))).await;
        }
        {
            let mut state = self.0.state.lock();
            for chan in left.into_iter().rev() {
                state.homeless.push_front(chan);
            }
        }
        self.left();
    }

    /// Opens another socket in place of an old one.
    fn replace(&self, old: &Arc<Link>) {
        self.0.state.lock().opening += 1;
        let (mux, old) = (self.clone(), Arc::clone(old));
        tokio::spawn(async move { mux.open(Some(old)).await });
    }
}
