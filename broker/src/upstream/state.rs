//! What a pool remembers, and what follows from it.

use std::{collections::VecDeque, time::Duration};

use tokio::{sync::oneshot, time::Instant};

use super::{
    Handed, PoolError, PoolSettings, PoolStats,
    stats::{Breaker, PoolMode},
    warm::Idle,
};
use crate::{backplane::Grant, cluster::leases::Demand};

/// The first pause lasts up to this long, and each further one up to twice the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// No pause lasts longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A socket that the back end closes sooner than this was not accepted.
const ACCEPTED_AFTER: Duration = Duration::from_secs(1);
/// Failures in a row after which nobody is made to wait for the next attempt.
const BREAKER: u32 = 3;

/// A session that waits for a socket.
pub(super) struct Waiter {
    pub(super) since: Instant,
    pub(super) lease: oneshot::Sender<Result<Handed, PoolError>>,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) idle: VecDeque<Idle>,
    pub(super) waiters: VecDeque<Waiter>,
    pub(super) active: usize,
    pub(super) connecting: usize,
    /// Say goodbye, and count until they have.
    pub(super) closing: usize,
    /// Sockets that this node may have.
    pub(super) leased: usize,
    /// How many ready ones should go, since people wait elsewhere.
    recall: usize,
    /// There are as many as there may be, here and elsewhere.
    full: bool,
    /// Sessions that share sockets, and those that wait for one to share; none where each has its own.
    pub(super) muxed: Option<(usize, usize)>,
    pub(super) mode: PoolMode,
    pub(super) connects: u64,
    pub(super) failures: u64,
    /// Failures since the last success.
    pub(super) streak: u32,
    /// Ready sockets that died young since one lived.
    flaps: u32,
    /// No attempt before this.
    pub(super) retry_at: Option<Instant>,
    /// The last attempt was stopped by the egress guard.
    pub(super) denied: bool,
    rtt: Option<Duration>,
}

impl State {
    pub(super) fn total(&self) -> usize {
        self.idle.len() + self.active + self.connecting + self.closing
    }

    fn is_pausing(&self) -> bool {
        self.retry_at.is_some_and(|at| at > Instant::now())
    }

    pub(super) fn breaker(&self) -> Breaker {
        match (self.streak >= BREAKER || self.denied, self.is_pausing()) {
            (false, _) => Breaker::Closed,
            (true, true) => Breaker::Open,
            (true, false) => Breaker::HalfOpen,
        }
    }

    /// Why a session that asks now need not wait, and when it may ask again.
    pub(super) fn hopeless(&self) -> Option<PoolError> {
        if self.denied && self.is_pausing() {
            return Some(PoolError::Denied);
        }
        let closed = self.mode == PoolMode::Draining || self.breaker() == Breaker::Open;
        closed.then_some(PoolError::Unavailable)
    }

    /// How many sockets to open now, of those that it has leases for; and how many it should like to open in all.
    pub(super) fn missing(&self, settings: &PoolSettings) -> (usize, usize) {
        let wanted = match self.mode {
            PoolMode::Open => self.waiters.len() + settings.min,
            PoolMode::Paused => settings.min,
            PoolMode::Draining => 0,
        };
        // Those that are too old are replaced before they go.
        let fresh = self.idle.iter().filter(|idle| !idle.aged).count();
        let wanted = wanted.saturating_sub(fresh + self.connecting);
        let wanted = match self.retry_at {
            Some(_) if self.is_pausing() => 0,
            // After a failure one goes ahead and the others follow.
            Some(_) if self.streak > 0 => wanted.min(usize::from(self.connecting == 0)),
            _ => wanted,
        };
        let room = self.leased.saturating_sub(self.total());
        (wanted.min(room), wanted)
    }

    /// What to say of the pool where leases are counted.
    pub(super) fn demand(&self, settings: &PoolSettings) -> Demand {
        let (_, wanted) = self.missing(settings);
        let holds = self.total();
        let used = self.active + self.closing;
        let waiting = match self.mode {
            PoolMode::Open => self.waiters.len().min(wanted + self.connecting),
            _ => 0,
        };
        Demand {
            max: settings.max,
            holds,
            needs: (used + waiting).min(settings.max),
            wants: (holds + wanted).min(settings.max),
        }
    }

    /// What was answered to a demand.
    pub(super) fn granted(&mut self, grant: Grant, settings: &PoolSettings) {
        self.leased += grant.more;
        self.recall = grant.recall;
        self.full = grant.more == 0 && grant.held >= settings.max;
    }

    /// Ready sockets that are to go: those that people elsewhere need, and those that are too old and replaced, or cannot be
    /// replaced before they go.
    pub(super) fn surplus(&mut self, settings: &PoolSettings) -> Vec<Idle> {
        let mut going = Vec::new();
        if self.mode == PoolMode::Draining {
            going.extend(self.idle.drain(..));
        }
        for _ in 0..std::mem::take(&mut self.recall) {
            going.extend(self.idle.pop_front());
        }
        let fresh = self.idle.iter().filter(|idle| !idle.aged).count();
        let replaced = fresh >= settings.min;
        if (replaced || (self.full && self.connecting == 0))
            && let Some(at) = self.idle.iter().position(|idle| idle.aged)
        {
            going.extend(self.idle.remove(at));
        }
        self.closing += going.len();
        going
    }

    /// Holds back: a pause of random length, up to twice as long as the one before (full jitter).
    pub(super) fn hold_back(&mut self, settings: &PoolSettings) {
        let before = self.streak.max(self.flaps).min(16);
        let longest = (FIRST_PAUSE * 2_u32.pow(before)).min(LONGEST_PAUSE);
        let pause = longest.mul_f64(chance(settings.seed ^ self.connects ^ (self.failures << 32)));
        self.retry_at = Some(Instant::now() + pause);
    }

    /// A ready socket died.
    pub(super) fn died(&mut self, lived: Duration, settings: &PoolSettings) {
        if lived < ACCEPTED_AFTER {
            self.hold_back(settings);
            self.flaps = self.flaps.saturating_add(1);
        } else {
            self.flaps = 0;
        }
    }

    /// A ready socket is too old.
    pub(super) fn aged(&mut self, id: u64) {
        for idle in self.idle.iter_mut().filter(|idle| idle.id() == id) {
            idle.aged = true;
        }
    }

    /// A ready socket was of use.
    pub(super) fn lived(&mut self) {
        self.flaps = 0;
    }

    /// The back end took so long to answer a ping.
    pub(super) fn heard_after(&mut self, rtt: Duration) {
        self.rtt = Some(self.rtt.map_or(rtt, |before| (before * 7 + rtt) / 8));
    }

    pub(super) fn stats(&self) -> PoolStats {
        let waiting = self.waiters.iter().filter(|waiter| !waiter.lease.is_closed());
        let first = waiting.clone().next().map(|waiter| waiter.since.elapsed());
        PoolStats {
            idle: self.idle.len(),
            active: self.active,
            connecting: self.connecting,
            closing: self.closing,
            waiting: self.muxed.map_or(waiting.count(), |(_, waiting)| waiting),
            max_wait: first.unwrap_or_default(),
            leased: self.leased,
            sessions: self.muxed.map_or(self.active, |(sessions, _)| sessions),
            breaker: self.breaker(),
            mode: self.mode,
            connects: self.connects,
            failures: self.failures,
            rtt: self.rtt,
        }
    }
}

/// A share between 0 and 1 that looks like chance (splitmix64).
pub(super) fn chance(seed: u64) -> f64 {
    let z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    // 24 of its bits.
    f64::from(u32::try_from((z ^ (z >> 31)) >> 40).unwrap_or(0)) / f64::from(1 << 24)
}
