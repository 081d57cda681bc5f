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

use super::{Inner, UpstreamIo};
use crate::{
    close::Close,
    host::Payload,
    leg::{Inbound, Leg, poll_alarm},
    wire::UpstreamWire,
};

type Taken = (UpstreamWire<UpstreamIo>, VecDeque<Payload>);

/// Bytes that a back end may say before anybody listens. Then its socket is not read until somebody does.
const EARLY: usize = 64 << 10;

/// The pool's hold on a warm socket.
pub(super) struct Idle {
    id: u64,
    take: oneshot::Sender<oneshot::Sender<Taken>>,
}

/// The other end of an [`Idle`], for [`watch`].
pub(super) type Claim = oneshot::Receiver<oneshot::Sender<Taken>>;

impl Idle {
    pub(super) fn new(id: u64) -> (Self, Claim) {
        let (take, claim) = oneshot::channel();
        (Self { id, take }, claim)
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
    /// It got too old, or there are enough without it.
    Aged,
    Died,
}

/// Watches over a socket whose [`Idle`] is in the pool.
pub(super) async fn watch(
    pool: Arc<Inner>,
    wire: UpstreamWire<UpstreamIo>,
    mut early: VecDeque<Payload>,
    id: u64,
    mut claim: Claim,
) {
    let settings = Arc::clone(&pool.session);
    let born = Instant::now();
    // A tenth less for some, so that those who came together do not leave together.
    let spread = u32::try_from(id % 100).unwrap_or(0);
    let dies_at = born + pool.settings.max_lifetime - pool.settings.max_lifetime * spread / 1000;
    let mut surplus_at = born + pool.settings.idle_timeout;
    let mut leg = Leg::new(wire, &settings, id);
    let mut kept: usize = early.iter().map(|payload| payload.bytes.len()).sum();
    let end = {
        let mut alarm = pin!(sleep_until(dies_at));
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
                let _ = leg.poll_flush(cx, &settings);
                if !leg.is_open() {
                    return Poll::Ready(End::Died);
                }
                match Pin::new(&mut claim).poll(cx) {
                    Poll::Ready(Ok(give)) => return Poll::Ready(End::Taken(give)),
                    Poll::Ready(Err(_)) => return Poll::Ready(End::Dropped),
                    Poll::Pending => {}
                }
                let at = leg
                    .deadline()
                    .map_or(dies_at, |at| at.min(dies_at))
                    .min(surplus_at);
                if poll_alarm(alarm.as_mut(), at, cx).is_pending() {
                    return Poll::Pending;
                }
                let now = Instant::now();
                leg.tick(now, &settings);
                if now >= dies_at {
                    return Poll::Ready(End::Aged);
                }
                if now >= surplus_at {
                    if pool.change(|state| {
                        let surplus = state.idle.len() > pool.settings.min;
                        // Out of the pool under the same lock, so that not all of the surplus leaves for one too many.
                        if surplus {
                            state.idle.retain(|idle| idle.id != id);
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
    if let End::Taken(give) = end {
        pool.change(|state| state.flaps = 0);
        // Whoever asked and left took its permit along; then the socket is closed here by being dropped.
        let _ = give.send((leg.into_wire(), early));
        return;
    }
    let died = matches!(end, End::Died);
    pool.change(|state| {
        state.idle.retain(|idle| idle.id != id);
        if died {
            state.died(lived, &pool.settings);
        }
    });
    pool.wake.notify_one();
    if !died {
        say_goodbye(&mut leg, &pool).await;
    }
}

async fn say_goodbye(leg: &mut Leg<UpstreamWire<UpstreamIo>>, pool: &Inner) {
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
