//! A shared socket: one task reads it and writes what its sessions have to say, one frame of each in turn.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    future::poll_fn,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::{future::BoxFuture, task::AtomicWaker};
use parking_lot::Mutex;
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use super::{Mux, chan::Chan, frame::Frame};
use crate::{
    close::Close,
    host::Payload,
    leg::{Inbound, Leg, poll_alarm},
    upstream::{Lease, Permit, UpstreamIo, state::chance},
    wire::Wire,
};

/// Frames read in one go before others get their turn.
const BURST: usize = 64;

/// What sessions and the socket's task share.
#[derive(Default)]
pub(super) struct Link {
    state: Mutex<LinkState>,
    waker: AtomicWaker,
    /// Takes no more sessions, and sends those that it has elsewhere.
    pub(super) retires: AtomicBool,
}

#[derive(Default)]
struct LinkState {
    sessions: HashMap<Uuid, Arc<Chan>>,
    /// Sessions that have something to say, in turn.
    turns: VecDeque<Uuid>,
    queued: HashSet<Uuid>,
    over: bool,
}

impl LinkState {
    fn queue(&mut self, session: Uuid) {
        if self.queued.insert(session) {
            self.turns.push_back(session);
        }
    }
}

impl Link {
    /// Takes a session, unless the socket is gone or has enough.
    pub(super) fn take(self: &Arc<Self>, chan: &Arc<Chan>, limit: usize) -> bool {
        let mut state = self.state.lock();
        if state.over || self.retires.load(Ordering::SeqCst) || state.sessions.len() >= limit {
            return false;
        }
        chan.carried_by(self);
        state.sessions.insert(chan.id, Arc::clone(chan));
        state.queue(chan.id);
        drop(state);
        self.waker.wake();
        true
    }

    pub(super) fn nudge(&self, session: Uuid) {
        self.state.lock().queue(session);
        self.waker.wake();
    }

    pub(super) fn retire(&self) {
        self.retires.store(true, Ordering::SeqCst);
        self.waker.wake();
    }

    pub(super) fn sessions(&self) -> usize {
        self.state.lock().sessions.len()
    }

    fn find(&self, session: Uuid) -> Option<Arc<Chan>> {
        self.state.lock().sessions.get(&session).cloned()
    }

    fn remove(&self, session: Uuid) {
        self.state.lock().sessions.remove(&session);
    }

    fn end(&self) -> Vec<Arc<Chan>> {
        let mut state = self.state.lock();
        state.over = true;
        let left: Vec<_> = state.sessions.drain().map(|(_, chan)| chan).collect();
        for chan in &left {
            chan.homeless();
        }
        left
    }
}

struct Task {
    link: Arc<Link>,
    leg: Leg<Wire<UpstreamIo>>,
    permit: Permit,
    ended: BoxFuture<'static, Close>,
    mux: Mux,
    hello: Option<Bytes>,
    /// Answers that wait for the socket.
    answers: VecDeque<Frame>,
    /// Since when nobody is on it.
    empty_since: Option<Instant>,
    ages_at: Instant,
    aged: bool,
}

/// Carries sessions until the socket ends. Answers those that are left.
pub(super) async fn carry(mux: Mux, link: Arc<Link>, lease: Lease, spread: u64) -> Vec<Arc<Chan>> {
    let Lease { wire, early, permit } = lease;
    let settings = mux.session();
    let leg = Leg::new(wire, &settings, spread);
    let ended = permit.ended(spread);
    let lifetime = mux.pool().settings().max_lifetime;
    let share = chance(spread);
    let mut task = Task {
        link: Arc::clone(&link),
        leg,
        permit,
        ended,
        hello: Some(mux.hello()),
        mux,
        answers: VecDeque::new(),
        empty_since: None,
        ages_at: Instant::now() + lifetime.mul_f64(0.9 + share / 5.0),
        aged: false,
    };
    for payload in early {
        task.hear(payload);
    }
    {
        let mut alarm = pin!(sleep_until(Instant::now()));
        poll_fn(|cx| {
            loop {
                if task.poll(cx) {
                    return Poll::Ready(());
                }
                let at = task.next_look();
                if poll_alarm(alarm.as_mut(), at, cx).is_pending() {
                    return Poll::Pending;
                }
                task.leg.tick(Instant::now(), &settings);
            }
        })
        .await;
    }
    let left = link.end();
    // Those who stay homeless are resumed elsewhere; what they had sent and was not acknowledged is sent again.
    let by = Instant::now() + settings.close_timeout;
    task.leg.close(Close::GOING_AWAY, &settings);
    let goodbye = poll_fn(|cx| {
        let _ = task.leg.poll_flush(cx, &settings);
        while let Poll::Ready(Inbound::Message(_)) = task.leg.poll_inbound(cx, &settings) {}
        if task.leg.is_over() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    });
    let _ = tokio::time::timeout_at(by, goodbye).await;
    // The socket before the permit, which counts it until it is gone.
    let Task { leg, permit, .. } = task;
    drop(leg);
    drop(permit);
    left
}

impl Task {
    fn next_look(&self) -> Instant {
        let idle = self
            .empty_since
            .map(|at| at + self.mux.pool().settings().idle_timeout);
        let aging = (!self.aged).then_some(self.ages_at);
        let far = Instant::now() + std::time::Duration::from_mins(1);
        [self.leg.deadline(), idle, aging]
            .into_iter()
            .flatten()
            .fold(far, Instant::min)
    }

    /// Moves what can be moved. Answers whether the socket is at its end.
    fn poll(&mut self, cx: &mut Context<'_>) -> bool {
        self.link.waker.register(cx.waker());
        let settings = self.mux.session();
        let now = Instant::now();
        if self.ended.as_mut().poll(cx).is_ready() {
            return true;
        }
        if now >= self.ages_at && !self.aged {
            self.aged = true;
            self.mux.replace(&self.link);
        }
        let mut heard = 0;
        while heard < BURST {
            match self.leg.poll_inbound(cx, &settings) {
                Poll::Ready(Inbound::Message(payload)) => {
                    heard += 1;
                    if !self.hear(payload) {
                        self.leg.close(Close::PROTOCOL_ERROR, &settings);
                        return true;
                    }
                }
                Poll::Ready(Inbound::End) => return true,
                Poll::Pending => break,
            }
        }
        if heard == BURST {
            cx.waker().wake_by_ref();
        }
        if let Some(rtt) = self.leg.take_rtt() {
            self.permit.heard_after(rtt);
        }
        if self.link.retires.load(Ordering::SeqCst) {
            return true;
        }
        while self.leg.poll_ready(cx, &settings).is_ready() {
            let Some(frame) = self.next() else { break };
            self.leg.feed(&frame.write());
        }
        let _ = self.leg.poll_flush(cx, &settings);
        let empty = self.link.sessions() == 0;
        if !empty {
            self.empty_since = None;
        } else if now >= *self.empty_since.get_or_insert(now) + self.mux.pool().settings().idle_timeout {
            return true;
        }
        !self.leg.is_open()
    }

    /// The next frame: of the socket itself, then one of each session in turn.
    fn next(&mut self) -> Option<Frame> {
        if let Some(hello) = self.hello.take() {
            return Some(Frame::Hello(hello));
        }
        if let Some(answer) = self.answers.pop_front() {
            return Some(answer);
        }
        loop {
            let chan = {
                let mut state = self.link.state.lock();
                let session = state.turns.pop_front()?;
                state.queued.remove(&session);
                state.sessions.get(&session).cloned()
            };
            let Some(chan) = chan else { continue };
            if let Some((frame, more)) = chan.next() {
                if more {
                    self.link.state.lock().queue(chan.id);
                }
                return Some(frame);
            }
        }
    }

    /// Answers whether the back end keeps to the rules.
    fn hear(&mut self, payload: Payload) -> bool {
        let Some(frame) = Frame::read(payload) else {
            return false;
        };
        let session = match &frame {
            Frame::Drain => {
                self.link.retire();
                return true;
            }
            Frame::Hello(_) => return true,
            Frame::Open { .. } | Frame::Resume { .. } => return false,
            Frame::Resumed { session, .. }
            | Frame::Data { session, .. }
            | Frame::Ack { session, .. }
            | Frame::Close { session, .. } => *session,
        };
        let Some(chan) = self.link.find(session) else {
            // It went elsewhere, or is over.
            return true;
        };
        let ends = matches!(frame, Frame::Close { .. });
        if !chan.heard(frame) {
            tracing::warn!(session.id = %session, "a back end broke the rules of {}", super::PROTOCOL);
            chan.give_up();
            self.link.remove(session);
            let close = Close::PROTOCOL_ERROR;
            self.answers.push_back(Frame::Close { session, close });
            self.mux.left();
            return true;
        }
        if ends {
            if let Some(close) = chan.answer_to_close() {
                self.answers.push_back(Frame::Close { session, close });
            }
            self.link.remove(session);
            self.mux.left();
        } else {
            self.link.state.lock().queue(session);
        }
        true
    }
}
