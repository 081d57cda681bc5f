//! A socket that is connected and waits for its session. It is read all the while, since a socket nobody reads looks alive
//! long after it died; what the back end says first is kept for the session.

use std::{
    collections::VecDeque,
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
};

use tokio::{
    sync::oneshot,
    time::{Instant, sleep_until},
};

use super::{
    Inner, UpstreamIo,
    state::{State, chance},
};
use crate::{
    close::Close,
    host::Payload,
    leg::{Inbound, Leg, poll_alarm},
    wire::Wire,
};

type Taken = (Wire<UpstreamIo>, VecDeque<Payload>);

/// Bytes that a back end may say before anybody listens. Then its socket is not read until somebody does.
const EARLY: usize = 64 << 10;

/// The pool's hold on a warm socket.
pub(super) struct Idle {
    id: u64,
    /// It is too old, and goes once there is another.
    pub(super) aged: bool,
    take: oneshot::Sender<oneshot::Sender<Taken>>,
}

/// The other end of an [`Idle`], for [`watch`].
pub(super) type Claim = oneshot::Receiver<oneshot::Sender<Taken>>;

impl Idle {
    pub(super) fn new(id: u64) -> (Self, Claim) {
        let (take, claim) = oneshot::channel();
        (
            Self {
                id,
                aged: false,
                take,
            },
            claim,
        )
    }

    pub(super) fn id(&self) -> u64 {
        self.id
    }

    /// The socket, unless it died.
    pub(super) async fn take(self) -> Option<Taken> {
        let (give, given) = oneshot::channel();
        self.take.send(give).ok()?;
        given.await.ok()
    }
}

/// How a warm socket's wait ended.
enum End {
    Taken(oneshot::Sender<Taken>),
    /// The pool does not want it any more.
    Dropped,
    /// There are enough without it.
    Aged,
    Died,
}

/// Watches over a socket whose [`Idle`] is in the pool.
pub(super) async fn watch(
    pool: Arc<Inner>,
    wire: Wire<UpstreamIo>,
    mut early: VecDeque<Payload>,
    id: u64,
    mut claim: Claim,
) {
    let settings = Arc::clone(&pool.session);
    let born = Instant::now();
    // A tenth less for some and a tenth more for others, so that those who came together do not leave together.
    let mut ages_at = Some(born + pool.settings.max_lifetime.mul_f64(0.9 + chance(id) / 5.0));
    let mut surplus_at = born + pool.settings.idle_timeout;
    let mut leg = Leg::new(wire, &settings, id);
    let mut kept: usize = early.iter().map(|payload| payload.bytes.len()).sum();
    let end = {
        let mut alarm = pin!(sleep_until(surplus_at));
        poll_fn(|cx| {
            loop {
                // Reading comes first, so that a socket that is dead already is not given away.
                while kept < EARLY {
                    match leg.poll_inbound(cx, &settings) {
                        Poll::Ready(Inbound::Message(payload)) => {
                            // An empty message takes room too.
                            kept += payload.bytes.len() + size_of::<Payload>();
                            early.push_back(payload);
                        }
                        Poll::Ready(Inbound::End) => return Poll::Ready(End::Died),
                        Poll::Pending => break,
                    }
                }
                if let Some(rtt) = leg.take_rtt() {
                    pool.heard_after(rtt);
                }
                let _ = leg.poll_flush(cx, &settings);
                if !leg.is_open() {
                    return Poll::Ready(End::Died);
                }
                match Pin::new(&mut claim).poll(cx) {
                    Poll::Ready(Ok(give)) => return Poll::Ready(End::Taken(give)),
                    Poll::Ready(Err(_)) => return Poll::Ready(End::Dropped),
                    Poll::Pending => {}
                }
                let at = [leg.deadline(), ages_at]
                    .into_iter()
                    .flatten()
                    .fold(surplus_at, Instant::min);
                if poll_alarm(alarm.as_mut(), at, cx).is_pending() {
                    return Poll::Pending;
                }
                let now = Instant::now();
                leg.tick(now, &settings);
                if ages_at.is_some_and(|at| now >= at) {
                    ages_at = None;
                    pool.change(|state| state.aged(id));
                    pool.wake.notify_one();
                }
                if now >= surplus_at {
                    if pool.change(|state| {
                        let surplus = state.idle.len() > pool.settings.min;
                        // Out of the pool under the same lock, so that not all of the surplus leaves for one too many.
                        if surplus {
                            state.idle.retain(|idle| idle.id != id);
                            state.closing += 1;
                        }
                        surplus
                    }) {
                        return Poll::Ready(End::Aged);
                    }
                    surplus_at = now + pool.settings.idle_timeout;
                }
            }
        })
        .await
    };
    let lived = born.elapsed();
    match end {
        End::Taken(give) => {
            pool.change(State::lived);
            // Whoever asked and left took its permit along; then the socket is closed here by being dropped.
            let _ = give.send((leg.into_wire(), early));
        }
        End::Died => {
            drop(leg);
            let was_kept = pool.change(|state| {
                let before = state.idle.len();
                state.idle.retain(|idle| idle.id != id);
                state.died(lived, &pool.settings);
                state.idle.len() < before
            });
            // Somebody takes it or lets go of it in this moment. Who lets go counts it until it is gone.
            if !was_kept && claim.await.is_err() {
                pool.change(|state| state.closing -= 1);
            }
            pool.wake.notify_one();
        }
        End::Dropped | End::Aged => {
            say_goodbye(&mut leg, &pool).await;
            // It counts until it is gone.
            drop(leg);
            pool.change(|state| state.closing -= 1);
            pool.wake.notify_one();
        }
    }
}

async fn say_goodbye(leg: &mut Leg<Wire<UpstreamIo>>, pool: &Inner) {
    let settings = &pool.session;
    leg.close(Close::NORMAL, settings);
    let by = Instant::now() + settings.close_timeout;
    let goodbye = poll_fn(|cx| {
        let _ = leg.poll_flush(cx, settings);
        while let Poll::Ready(Inbound::Message(_)) = leg.poll_inbound(cx, settings) {}
        if leg.is_over() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    });
    // One way or the other, the socket is dropped after this.
    let _ = tokio::time::timeout_at(by, goodbye).await;
}
