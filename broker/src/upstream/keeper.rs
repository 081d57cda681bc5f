//! The task that keeps a pool as it should be: gets leases where some are missing, opens sockets for them, hands these to who
//! waits, holds back after failures, and gives back what is not needed. It outlives its pool until the last socket is gone.

use std::{
    collections::VecDeque,
    future::{Future, pending},
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until},
};

use super::{
    Handed, Inner, Lease, Permit, PoolMode, UpstreamIo,
    dial::{DialFault, dial},
    leases::Leases,
    state::chance,
    warm::{Idle, watch},
};
use crate::{
    backplane::{Away, Grant},
    close::Close,
    host::Payload,
    wire::Wire,
};

/// How soon leases are asked for again that there were none of.
const AGAIN: Duration = Duration::from_millis(100);
/// The same where nobody waits for them, or nobody answered.
const LATER: Duration = Duration::from_millis(500);

type Dialled = Result<Wire<UpstreamIo>, DialFault>;
type Settling = Pin<Box<dyn Future<Output = Result<Grant, Away>> + Send>>;

struct Keeper {
    pool: Arc<Inner>,
    dials: JoinSet<Dialled>,
    made: u64,
    settling: Option<Settling>,
    /// Leases are not asked for before this.
    ask_at: Instant,
    /// By when what is held has to be said again.
    renew_at: Instant,
}

pub(super) async fn keep(pool: Arc<Inner>) {
    let now = Instant::now();
    let mut keeper = Keeper {
        pool,
        dials: JoinSet::new(),
        made: 0,
        settling: None,
        ask_at: now,
        renew_at: now + Leases::RENEW_EVERY,
    };
    while !keeper.turn().await {}
}

impl Keeper {
    /// Looks at everything once and waits for the next change. Answers whether the pool is over.
    async fn turn(&mut self) -> bool {
        let pool = Arc::clone(&self.pool);
        let closed = pool.closed.is_cancelled();
        if closed {
            self.close().await;
        }
        self.let_go();
        let (going, missing, retry_at, waits) = pool.change(|state| {
            state.waiters.retain(|waiter| !waiter.lease.is_closed());
            let going = state.surplus(&pool.settings);
            let missing = if closed {
                0
            } else {
                state.missing(&pool.settings).0
            };
            state.connecting += missing;
            let waits = !state.waiters.is_empty() && state.mode == PoolMode::Open;
            (going, missing, state.retry_at, waits)
        });
        // Outside the lock: a warm socket that is let go says goodbye by itself.
        drop(going);
        for _ in 0..missing {
            let pool = Arc::clone(&pool);
            self.dials.spawn(async move {
                let turn = pool
                    .turns
                    .turn(pool.settings.tenant, pool.settings.endpoint)
                    .await;
                let dialled = dial(&pool).await;
                drop(turn);
                dialled
            });
        }
        if waits {
            serve_waiting(&pool).await;
        }
        self.settle(closed);
        if closed && self.settling.is_none() && self.is_over() {
            return true;
        }
        let now = Instant::now();
        let at = |at: Option<Instant>| async move {
            match at {
                Some(at) => sleep_until(at).await,
                None => pending().await,
            }
        };
        let retry = retry_at.filter(|at| *at > now && !closed);
        let asking = match self.settling {
            Some(_) => None,
            None => self.next_ask(closed),
        };
        let settling = self.settling.as_mut();
        let good_until = pool.leases.good_until().filter(|at| *at > now);
        let settled = async {
            match settling {
                Some(settling) => settling.await,
                None => pending().await,
            }
        };
        tokio::select! {
            () = pool.closed.cancelled(), if !closed => {}
            () = pool.wake.notified() => {}
            () = at(retry) => {}
            () = at(asking) => {}
            () = at(good_until) => {}
            settled = settled => self.settled(settled),
            Some(dialled) = self.dials.join_next() => {
                self.made += 1;
                // A dial that panicked is one that failed.
                let dialled = dialled.unwrap_or(Err(DialFault::Failed));
                dial_settled(&pool, dialled, pool.settings.seed.wrapping_add(self.made));
            }
        }
        false
    }

    /// The pool is closed: nothing is opened, nobody waits, and what is ready goes.
    async fn close(&mut self) {
        self.dials.shutdown().await;
        let (idle, waiters) = self.pool.change(|state| {
            state.connecting = 0;
            state.closing += state.idle.len();
            (
                std::mem::take(&mut state.idle),
                std::mem::take(&mut state.waiters),
            )
        });
        drop(idle);
        drop(waiters);
    }

    /// Nothing is left that counts.
    fn is_over(&self) -> bool {
        let state = self.pool.state.lock();
        // What cannot be given back now runs out by itself.
        state.total() == 0 && (state.leased == 0 || !self.pool.leases.is_reached())
    }

    /// What is held may not be relied on any more: others may take its place soon.
    fn let_go(&mut self) {
        let lapsed = self
            .pool
            .leases
            .good_until()
            .is_some_and(|at| at <= Instant::now());
        if lapsed && self.pool.state.lock().total() > 0 {
            tracing::warn!(
                endpoint.id = %self.pool.settings.endpoint,
                "neither Redis nor the store knows this node: its sockets to a back end are closed"
            );
            self.pool.cut(Close::UPSTREAM_UNAVAILABLE);
            self.pool.change(|state| state.leased = 0);
            self.dials.abort_all();
        }
    }

    /// When leases are to be spoken of next, should nothing happen before.
    fn next_ask(&self, closed: bool) -> Option<Instant> {
        let state = self.pool.state.lock();
        let differs = if closed {
            state.leased > state.total()
        } else {
            let (open, wanted) = state.missing(&self.pool.settings);
            wanted > open || state.leased > state.total()
        };
        let renews = state.leased > 0;
        drop(state);
        match (differs, renews) {
            (true, _) => Some(self.ask_at.min(self.renew_at)),
            (false, true) => Some(self.renew_at),
            (false, false) => None,
        }
    }

    /// Speaks of leases where that is due. What is not in use is given back by the same question.
    fn settle(&mut self, closed: bool) {
        if self.settling.is_some() {
            return;
        }
        let now = Instant::now();
        let told = !self.pool.tell.lock().is_empty();
        let due = told || self.next_ask(closed).is_some_and(|at| at <= now);
        if !due {
            return;
        }
        if !self.pool.leases.is_reached() {
            // What is held stays in use; nothing is added to it.
            self.ask_at = now + LATER;
            self.renew_at = now + LATER;
            self.pool.tell.lock().clear();
            return;
        }
        let demand = self.pool.change(|state| {
            let mut demand = state.demand(&self.pool.settings);
            if closed {
                demand.wants = demand.holds;
            }
            // From here on it counts on no more, whatever becomes of the question.
            state.leased = state.total();
            demand
        });
        let pool = Arc::clone(&self.pool);
        self.settling = Some(Box::pin(async move { pool.leases.settle(demand).await }));
    }

    fn settled(&mut self, settled: Result<Grant, Away>) {
        self.settling = None;
        let now = Instant::now();
        self.made += 1;
        let spread = 0.5 + chance(self.pool.settings.seed.wrapping_add(self.made));
        self.renew_at = now + Leases::RENEW_EVERY.mul_f64(0.5 + spread / 2.0);
        let told = std::mem::take(&mut *self.pool.tell.lock());
        let Ok(grant) = settled else {
            self.ask_at = now + LATER.mul_f64(spread);
            self.renew_at = self.ask_at;
            return;
        };
        for told in told {
            // It may have stopped waiting.
            let _ = told.send(());
        }
        let waits = self.pool.change(|state| {
            state.granted(grant, &self.pool.settings);
            !state.waiters.is_empty()
        });
        let pause = match (grant.more > 0, waits || grant.unsettled) {
            (true, _) => return self.ask_at = now,
            (false, true) => AGAIN,
            (false, false) => LATER,
        };
        self.ask_at = now + pause.mul_f64(spread);
    }
}

/// Gives ready sockets to those who wait: after a pause, or when one came back.
async fn serve_waiting(pool: &Arc<Inner>) {
    loop {
        let next = pool.change(|state| {
            let idle = state.idle.pop_back()?;
            let waiter = state.waiters.pop_front();
            if waiter.is_none() {
                state.idle.push_back(idle);
                return None;
            }
            state.active += 1;
            waiter.map(|waiter| (idle, waiter))
        });
        let Some((idle, waiter)) = next else { return };
        let permit = Permit::new(pool);
        match idle.take().await {
            // Who stopped waiting lets it go.
            Some((wire, early)) => {
                let lease = Lease { wire, early, permit };
                drop(waiter.lease.send(Ok(Handed(Some(lease)))));
            }
            None => pool.change(|state| state.waiters.push_front(waiter)),
        }
    }
}

fn dial_settled(pool: &Arc<Inner>, dialled: Dialled, id: u64) {
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
                state.connecting = state.connecting.saturating_sub(1);
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
                    let _ = waiter.lease.send(Err(why));
                }
            }
        }
    }
}

/// Gives a new socket to whoever waits longest, or keeps it ready.
fn hand_out(pool: &Arc<Inner>, wire: Wire<UpstreamIo>, id: u64) {
    place(pool, wire, VecDeque::new(), id, false);
}

/// Nobody wants it any more whom it was meant for.
pub(super) fn take_back(lease: Lease) {
    let Lease {
        wire,
        early,
        mut permit,
    } = lease;
    permit.is_void = true;
    let pool = Arc::clone(&permit.pool);
    // Any number that no other socket has.
    let id = pool.backs.fetch_sub(1, Ordering::Relaxed);
    place(&pool, wire, early, id, true);
    pool.wake.notify_one();
}

/// Gives a socket to whoever waits longest, or keeps it ready. `was_active`: until now it counted as in use.
fn place(pool: &Arc<Inner>, wire: Wire<UpstreamIo>, early: VecDeque<Payload>, id: u64, was_active: bool) {
    let (idle, claim) = Idle::new(id);
    let mut idle = Some(idle);
    // Under one lock, so that nobody starts to wait beside a socket that is ready, and it is counted all the while.
    let waiter = pool.change(|state| {
        let waiter = match state.mode {
            PoolMode::Open if !pool.closed.is_cancelled() => state.waiters.pop_front(),
            _ => None,
        };
        state.active -= usize::from(was_active);
        match &waiter {
            Some(_) => state.active += 1,
            None => state.idle.extend(idle.take()),
        }
        waiter
    });
    let Some(waiter) = waiter else {
        tokio::spawn(watch(Arc::clone(pool), wire, early, id, claim));
        return;
    };
    let permit = Permit::new(pool);
    let handed = Handed(Some(Lease { wire, early, permit }));
    // Where it has stopped waiting, the next one gets it.
    drop(waiter.lease.send(Ok(handed)));
}
