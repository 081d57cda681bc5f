//! A socket that is tied to one socket of the tenant's back end: messages and close codes pass both ways, in order, each
//! admitted and recorded on its way. Pings are answered on each side by itself.

use std::{
    collections::VecDeque,
    future::poll_fn,
    pin::pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use crate::{
    broker::Core,
    called::{Called, Callee},
    close::Close,
    host::{Direction, Identity, Payload, Source},
    leg::{Inbound, Leg, poll_alarm},
    options::{RelayOptions, Slow},
    session::{Front, Life, back_line::BackLine, channel::BURST, lane::Lane},
    upstream::{Lease, Mux, Permit, Pool, PoolError},
    wire::Socket,
};

/// The tenant's side.
enum Back {
    /// In the pool's queue. The end-user's messages stay in its own TCP window meanwhile.
    Waiting(BoxFuture<'static, Result<Found, PoolError>>),
    Tied(Box<Tie>),
    Gone,
}

struct Tie {
    // Before the permit, which counts the socket until it is gone.
    leg: Leg<BackLine>,
    /// None where the socket is shared.
    own: Option<Own>,
}

struct Own {
    permit: Permit,
    /// The socket may not be used any more.
    ended: BoxFuture<'static, Close>,
}

/// What came of looking for a way to the back end.
pub(crate) struct Found {
    line: BackLine,
    early: VecDeque<Payload>,
    permit: Option<Permit>,
}

/// Where a session's way to the back end comes from.
pub(crate) type Search = BoxFuture<'static, Result<Found, PoolError>>;

/// A socket of one's own.
pub(crate) fn own(pool: Pool) -> Search {
    Box::pin(async move {
        let Lease { wire, early, permit } = pool.acquire().await?;
        Ok(Found {
            line: BackLine::Own(Box::new(wire)),
            early,
            permit: Some(permit),
        })
    })
}

/// A share in a socket.
pub(crate) fn shared(mux: Mux, session: Uuid, about: Bytes) -> Search {
    Box::pin(async move {
        Ok(Found {
            line: BackLine::Shared(mux.join(session, about).await?),
            early: VecDeque::new(),
            permit: None,
        })
    })
}

/// Calls about it.
pub(crate) fn called(
    core: Arc<Core>,
    endpoint: Uuid,
    session: Uuid,
    slow: Slow,
    callee: Box<dyn Callee>,
) -> Search {
    Box::pin(async move {
        let begun = Called::begin(&core, endpoint, session, slow, callee).await;
        let (line, answered) = begun.map_err(|_| PoolError::Unavailable)?;
        let line = line.ending(answered.close);
        Ok(Found {
            line: BackLine::Called(line),
            early: answered.messages.into(),
            permit: None,
        })
    })
}

struct Session<IO> {
    front: Front<IO>,
    back: Back,
    to_back: Lane,
    to_front: Lane,
}

pub(crate) async fn serve<IO: Socket>(
    core: Arc<Core>,
    io: IO,
    who: Arc<Identity>,
    options: RelayOptions,
    search: Search,
) -> Close {
    let _served = core.tracker.token();
    let lane = |direction| {
        Lane::new(
            &core,
            Source::Session(Arc::clone(&who)),
            &options.channel,
            direction,
        )
    };
    let (to_back, to_front) = (lane(Direction::Inbound), lane(Direction::Outbound));
    let life = Life::begin(&core, who, &options.session);
    let front = Front::new(life, io, &options.session).patient();
    let back = Back::Waiting(search);
    let mut session = Session {
        front,
        back,
        to_back,
        to_front,
    };
    poll_fn(|cx| session.poll(cx)).await;
    let Session {
        mut front,
        back,
        mut to_back,
        ..
    } = session;
    // Who said goodbye had said everything before it; who was stopped had not.
    let graceful = front.leg().is_theirs();
    // The end-user's side is over here; the tenant's may take a little longer.
    let why = front.last_word();
    drop(front);
    if let Back::Tied(tie) = back {
        if !graceful {
            to_back.clear();
        }
        wind_down(&core, *tie, to_back, onward(&why)).await;
    }
    why
}

/// The code that tells the other end about this one. What cannot be sent says only that somebody went.
fn onward(why: &Close) -> Close {
    if why.is_sendable() || *why == Close::NO_STATUS {
        why.clone()
    } else {
        Close::GOING_AWAY
    }
}

impl<IO: Socket> Session<IO> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.front.life.gate.register(cx.waker());
        loop {
            // Orders first: what is withdrawn must not be forwarded by what follows.
            self.front.poll_outbound(cx);
            if self.front.leg().is_over() {
                return Poll::Ready(());
            }
            let was_open = self.front.leg().is_open();
            let mut more = self.poll_waiting(cx);
            self.poll_ended(cx);
            more |= self.poll_to_front(cx);
            more |= self.poll_to_back(cx);
            let front = self.front.leg();
            if more || front.is_over() || front.is_open() != was_open {
                continue;
            }
            let back = match &self.back {
                Back::Tied(tie) => tie.leg.deadline(),
                Back::Waiting(_) | Back::Gone => None,
            };
            let Poll::Ready(now) = self.front.poll_alarm(back) else {
                return Poll::Pending;
            };
            self.front.tick(now);
            if let Back::Tied(tie) = &mut self.back {
                tie.leg.tick(now, &self.front.life.core.settings);
            }
        }
    }

    fn poll_waiting(&mut self, cx: &mut Context<'_>) -> bool {
        let Back::Waiting(waiting) = &mut self.back else {
            return false;
        };
        if !self.front.leg().is_open() {
            self.back = Back::Gone;
            return false;
        }
        let Poll::Ready(lease) = waiting.as_mut().poll(cx) else {
            return false;
        };
        let Found { line, early, permit } = match lease {
            Ok(lease) => lease,
            Err(why) => {
                self.front.close(why.into());
                self.back = Back::Gone;
                return true;
            }
        };
        let now = Instant::now();
        for payload in early {
            if let Err(why) = self.to_front.push(payload, now, false, cx) {
                self.front.close(why);
                break;
            }
        }
        let life = &self.front.life;
        let spread = life.gate.identity.session.as_u64_pair().1;
        let leg = Leg::new(line, &life.core.settings, spread);
        let own = permit.map(|permit| Own {
            ended: permit.ended(spread),
            permit,
        });
        self.back = Back::Tied(Box::new(Tie { leg, own }));
        true
    }

    fn poll_ended(&mut self, cx: &mut Context<'_>) {
        if let Back::Tied(tie) = &mut self.back
            && self.front.leg().is_open()
            && let Some(own) = &mut tie.own
            && let Poll::Ready(why) = own.ended.as_mut().poll(cx)
        {
            self.front.close(why);
        }
    }

    /// From the tenant to the end-user. Answers whether something moved.
    fn poll_to_front(&mut self, cx: &mut Context<'_>) -> bool {
        if !self.front.leg().is_open() {
            self.to_front.clear();
            return false;
        }
        let core = Arc::clone(&self.front.life.core);
        let mut moved = false;
        if let Back::Tied(tie) = &mut self.back {
            let now = Instant::now();
            for _ in 0..BURST {
                if self.to_front.is_full() {
                    break;
                }
                let at_once = self.front.poll_ready(cx).is_ready();
                let inbound = tie.leg.poll_inbound(cx, &core.settings);
                if let (Some(rtt), Some(own)) = (tie.leg.take_rtt(), &tie.own) {
                    own.permit.heard_after(rtt);
                }
                match inbound {
                    Poll::Ready(Inbound::Message(payload)) => {
                        moved = true;
                        match self.to_front.push(payload, now, at_once, cx) {
                            Ok(Some(passed)) => self.front.feed(&passed.payload, None, passed.at),
                            Ok(None) => {}
                            Err(why) => {
                                self.front.close(why);
                                return true;
                            }
                        }
                    }
                    Poll::Ready(Inbound::End) | Poll::Pending => break,
                }
            }
        }
        loop {
            match self.to_front.poll(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(why)) => {
                    self.front.close(why);
                    return true;
                }
                Poll::Pending => break,
            }
            if self.front.poll_ready(cx).is_pending() {
                break;
            }
            let Some((passed, after)) = self.to_front.take(cx) else {
                break;
            };
            moved = true;
            // Asked once more: it may have been withdrawn while the journal wrote it down.
            let who = &self.front.life.gate.identity;
            if who.may_get(core.admission.reach(who.endpoint, passed.purpose)) {
                self.front
                    .feed(&passed.payload, passed.position.as_ref(), passed.at);
            }
            if let Err(why) = after {
                self.front.close(why);
                return true;
            }
        }
        self.pass_the_end_on() || moved
    }

    /// When the tenant's side ended and everything before it is through, the end-user's side ends the same way, or by
    /// its own fault.
    fn pass_the_end_on(&mut self) -> bool {
        let Back::Tied(tie) = &self.back else { return false };
        let goes_on = tie.leg.is_open() || (self.front.leg().is_deaf() && !tie.leg.has_ended());
        if goes_on || !self.to_front.is_empty() {
            return false;
        }
        // What broke between us and the tenant is not the end-user's fault, whatever the code of it.
        let why = if tie.leg.is_theirs() {
            onward(tie.leg.why())
        } else {
            Close::UPSTREAM_UNAVAILABLE
        };
        self.front.close(why);
        true
    }

    /// From the end-user to the tenant. Answers whether something moved.
    fn poll_to_back(&mut self, cx: &mut Context<'_>) -> bool {
        let front = self.front.leg();
        if !front.is_open() && !front.is_theirs() {
            self.to_back.clear();
        }
        let mut moved = false;
        let now = Instant::now();
        for _ in 0..BURST {
            // Once the end-user's side closes, its messages are thrown away and only the end is looked for.
            let takes = matches!(self.back, Back::Tied(_)) && !self.to_back.is_full();
            if self.front.leg().is_open() && !takes {
                break;
            }
            match self.front.poll_inbound(cx) {
                Poll::Ready(Inbound::Message(payload)) => {
                    moved = true;
                    let core = &self.front.life.core;
                    let at_once = match &mut self.back {
                        Back::Tied(tie) => tie.leg.poll_ready(cx, &core.settings).is_ready(),
                        Back::Waiting(_) | Back::Gone => false,
                    };
                    match (self.to_back.push(payload, now, at_once, cx), &mut self.back) {
                        (Ok(Some(passed)), Back::Tied(tie)) => tie.leg.feed(&passed.payload),
                        (Ok(_), _) => {}
                        (Err(why), _) => self.front.close(why),
                    }
                }
                Poll::Ready(Inbound::End) | Poll::Pending => break,
            }
        }
        let Back::Tied(tie) = &mut self.back else {
            return moved;
        };
        // The tenant hears of the end at once, not when the end-user has answered.
        let (front, settings) = (self.front.leg(), &self.front.life.core.settings);
        if self.to_back.is_empty() && !front.is_open() {
            tie.leg.close(onward(front.why()), settings);
        } else if self.to_back.is_empty() && front.is_deaf() {
            // What was said before the fault gets its answer first.
            tie.leg.close_listening(onward(front.why()), settings);
        }
        match forward(&mut self.to_back, &mut tie.leg, &self.front.life.core, cx) {
            Ok(forwarded) => moved |= forwarded,
            Err(why) => {
                self.front.close(why);
                moved = true;
            }
        }
        moved
    }
}

/// Moves what may pass to the tenant's socket. Answers whether something moved.
fn forward(
    lane: &mut Lane,
    leg: &mut Leg<BackLine>,
    core: &Core,
    cx: &mut Context<'_>,
) -> Result<bool, Close> {
    let mut moved = false;
    while let Poll::Ready(ready) = lane.poll(cx) {
        ready?;
        if leg.poll_ready(cx, &core.settings).is_pending() {
            break;
        }
        let Some((passed, after)) = lane.take(cx) else {
            break;
        };
        moved = true;
        leg.feed(&passed.payload);
        after?;
    }
    // Nothing waits for the flush itself; the time it takes is watched.
    let _ = leg.poll_flush(cx, &core.settings);
    Ok(moved)
}

/// Passes on what is left, says why it ends, and waits a little for the answer.
async fn wind_down(core: &Core, mut tie: Tie, mut lane: Lane, why: Close) {
    let settings = &core.settings;
    let give_up = Instant::now() + settings.close_timeout;
    let mut alarm = pin!(sleep_until(give_up));
    poll_fn(|cx| {
        loop {
            if tie.leg.is_open() && forward(&mut lane, &mut tie.leg, core, cx).is_err() {
                lane.clear();
            }
            if tie.leg.is_open() && lane.is_empty() {
                tie.leg.close(why.clone(), settings);
            }
            let _ = tie.leg.poll_flush(cx, settings);
            let heard = tie.leg.poll_inbound(cx, settings);
            if tie.leg.is_over() {
                return Poll::Ready(());
            }
            match heard {
                // Too late for it.
                Poll::Ready(Inbound::Message(_)) => continue,
                // Its answer is noted; ours may still have to leave.
                Poll::Ready(Inbound::End) | Poll::Pending => {}
            }
            let now = Instant::now();
            if now >= give_up {
                return Poll::Ready(());
            }
            let at = tie.leg.deadline().map_or(give_up, |at| at.min(give_up));
            if poll_alarm(alarm.as_mut(), at, cx).is_pending() {
                return Poll::Pending;
            }
            tie.leg.tick(Instant::now(), settings);
        }
    })
    .await;
}
