//! The task that keeps a pool as it should be: opens sockets where some are missing, hands them to who waits, and holds back
//! after failures.

use std::{collections::VecDeque, future::pending, sync::Arc, time::Duration};

use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until},
};

use super::{
    Inner, Lease, Permit, PoolSettings, State, UpstreamIo,
    dial::{DialFault, dial},
    warm::{Idle, watch},
};
use crate::wire::UpstreamWire;

/// The first pause lasts up to this long, and each further one up to twice the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// No pause lasts longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A socket that the back end closes sooner than this was not accepted.
const ACCEPTED_AFTER: Duration = Duration::from_secs(1);

type Dialled = Result<UpstreamWire<UpstreamIo>, DialFault>;

pub(super) async fn keep(pool: Arc<Inner>) {
    let mut dials: JoinSet<Dialled> = JoinSet::new();
    let mut made = 0;
    loop {
        let (missing, retry_at) = pool.change(|state| {
            state.waiters.retain(|waiter| !waiter.is_closed());
            let missing = state.missing(&pool.settings);
            state.connecting += missing;
            (missing, state.retry_at)
        });
        for _ in 0..missing {
            let pool = Arc::clone(&pool);
            dials.spawn(async move { dial(&pool).await });
        }
        let retry = async {
            match retry_at.filter(|at| *at > Instant::now()) {
                Some(at) => sleep_until(at).await,
                None => pending().await,
            }
        };
        tokio::select! {
            () = pool.closed.cancelled() => break,
            () = pool.wake.notified() => {}
            () = retry => {}
            Some(dialled) = dials.join_next() => {
                made += 1;
                // A dial that panicked is one that failed.
                settle(&pool, dialled.unwrap_or(Err(DialFault::Failed)), pool.settings.seed.wrapping_add(made));
            }
        }
    }
    drop(dials);
    let (idle, waiters) = pool.change(|state| {
        state.connecting = 0;
        (
            std::mem::take(&mut state.idle),
            std::mem::take(&mut state.waiters),
        )
    });
    // Outside the lock: a warm socket that is let go says goodbye by itself.
    drop(idle);
    drop(waiters);
}

fn settle(pool: &Arc<Inner>, dialled: Dialled, id: u64) {
    match dialled {
        Ok(wire) => {
            pool.meters.connects.increment(1);
            pool.change(|state| {
                state.connecting -= 1;
                state.connects += 1;
                state.streak = 0;
                state.retry_at = None;
                state.denied = false;
            });
            hand_out(pool, wire, id);
        }
        Err(fault) => {
            pool.meters.failures.increment(1);
            let hopeless = pool.change(|state| {
                state.connecting -= 1;
                state.failures += 1;
                state.denied = fault == DialFault::Denied;
                state.hold_back(&pool.settings);
                state.streak = state.streak.saturating_add(1);
                state
                    .hopeless()
                    .map(|why| (why, std::mem::take(&mut state.waiters)))
            });
            if let Some((why, waiters)) = hopeless {
                tracing::warn!(%why, "no socket to a back end");
                for waiter in waiters {
                    // It may have stopped waiting.
                    let _ = waiter.send(Err(why));
                }
            }
        }
    }
}

/// Gives a new socket to whoever waits longest, or keeps it ready.
fn hand_out(pool: &Arc<Inner>, wire: UpstreamWire<UpstreamIo>, id: u64) {
    let (mut wire, mut early) = (wire, VecDeque::new());
    loop {
        let (idle, claim) = Idle::new(id);
        // Under one lock, so that nobody starts to wait beside a socket that is ready.
        let waiter = pool.change(|state| {
            let waiter = state.waiters.pop_front();
            match &waiter {
                Some(_) => state.active += 1,
                None => state.idle.push_back(idle),
            }
            waiter
        });
        let Some(waiter) = waiter else {
            tokio::spawn(watch(Arc::clone(pool), wire, early, id, claim));
            return;
        };
        let permit = Permit(Arc::clone(pool));
        match waiter.send(Ok(Lease { wire, early, permit })) {
            // It has stopped waiting; the next one, then.
            Err(Ok(lease)) => (wire, early) = (lease.wire, lease.early),
            Ok(()) | Err(Err(_)) => return,
        }
    }
}

impl State {
    /// How many sockets to open now.
    fn missing(&self, settings: &PoolSettings) -> usize {
        let room = settings.max.saturating_sub(self.total());
        let wanted = (self.waiters.len() + settings.min).saturating_sub(self.idle.len() + self.connecting);
        match self.retry_at {
            Some(at) if at > Instant::now() => 0,
            // After a failure one goes ahead and the others follow.
            Some(_) if self.streak > 0 => wanted.min(room).min(usize::from(self.connecting == 0)),
            _ => wanted.min(room),
        }
    }

    /// Holds back: a pause of random length, up to twice as long as the one before (full jitter).
    fn hold_back(&mut self, settings: &PoolSettings) {
        let before = self.streak.max(self.flaps).min(16);
        let longest = (FIRST_PAUSE * 2_u32.pow(before)).min(LONGEST_PAUSE);
        let share = mix(settings.seed ^ self.connects ^ (self.failures << 32)) >> 40;
        // 24 random bits.
        let pause = longest.mul_f64(f64::from(u32::try_from(share).unwrap_or(0)) / f64::from(1 << 24));
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
}

/// Turns numbers that are close into numbers that are not (splitmix64).
fn mix(seed: u64) -> u64 {
    let z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
