//! One session on its way over a shared socket: what was sent and not acknowledged, what came and was not read, and how much
//! more either side may send. It outlives the socket that carries it.

use std::{
    collections::VecDeque,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use parking_lot::Mutex;
use tokio::{sync::Notify, time::Instant};
use uuid::Uuid;

use super::{Mux, frame::Frame, link::Link};
use crate::{
    close::Close,
    host::Payload,
    upstream::PoolError,
    wire::{Event, Line, Lost},
};

/// Payload bytes that either side may send before the other has read them.
pub(super) const WINDOW: u64 = 64 << 10;
/// Messages that may be on their way to the back end unacknowledged.
const UNACKED: usize = 256;
/// Messages that arrived are acknowledged at the latest when there are so many.
const ACK_AFTER: u64 = 32;

pub(super) struct Chan {
    pub(super) id: Uuid,
    about: Bytes,
    state: Mutex<ChanState>,
    waker: AtomicWaker,
    placed: Notify,
}

#[derive(Default)]
pub(super) struct ChanState {
    /// The socket that carries it.
    link: Option<Arc<Link>>,
    /// The back end heard of it.
    opened: bool,
    /// The back end was heard of it: it knows the session.
    known: bool,
    /// The back end must say first where it stands.
    resuming: bool,
    greeted: bool,
    /// Sent and not acknowledged, or not sent yet.
    out: VecDeque<(u64, Payload)>,
    /// How many of `out` were sent on this socket.
    sent: usize,
    next_seq: u64,
    out_total: u64,
    out_limit: u64,
    moved: bool,
    in_seq: u64,
    in_read: u64,
    /// What the back end was told last: message and limit.
    told: (u64, u64),
    inbox: VecDeque<Payload>,
    inbox_bytes: u64,
    ours: Option<Close>,
    close_sent: bool,
    theirs: Option<Close>,
    /// It could not be carried on.
    lost: bool,
    failed: Option<PoolError>,
    homeless_since: Option<Instant>,
    pong: bool,
}

impl ChanState {
    fn limit(&self) -> u64 {
        self.in_read + WINDOW
    }

    fn owes_ack(&self) -> bool {
        self.in_seq - self.told.0 >= ACK_AFTER || self.limit() - self.told.1 >= WINDOW / 2
    }
}

impl Chan {
    pub(super) fn new(id: Uuid, about: Bytes) -> Arc<Self> {
        Arc::new(Self {
            id,
            about,
            state: Mutex::new(ChanState {
                out_limit: WINDOW,
                told: (0, WINDOW),
                ..ChanState::default()
            }),
            waker: AtomicWaker::new(),
            placed: Notify::new(),
        })
    }

    /// A socket carries it from now on.
    pub(super) fn carried_by(&self, link: &Arc<Link>) {
        let mut state = self.state.lock();
        state.link = Some(Arc::clone(link));
        // One that may never have arrived is opened again; a back end that knows it takes that for what it is.
        state.resuming = state.known;
        state.greeted = false;
        state.sent = 0;
        state.close_sent = false;
        state.homeless_since = None;
        drop(state);
        self.placed.notify_one();
        self.waker.wake();
    }

    /// Resolves when a socket carries it.
    pub(super) async fn placed(&self) -> Result<(), PoolError> {
        loop {
            {
                let state = self.state.lock();
                if let Some(why) = state.failed {
                    return Err(why);
                }
                if state.opened || state.link.is_some() {
                    return Ok(());
                }
            }
            self.placed.notified().await;
        }
    }

    /// The back end broke the rules on it: it is not carried any further.
    pub(super) fn give_up(&self) {
        self.state.lock().lost = true;
        self.waker.wake();
    }

    /// Nobody is left to carry it for.
    pub(super) fn is_over(&self) -> bool {
        let state = self.state.lock();
        state.lost || (!state.opened && state.ours.is_some())
    }

    /// There was no socket. Answers whether it goes on waiting: one that the back end knows does, for a while.
    pub(super) fn waits_on(&self, why: PoolError, within: Duration) -> bool {
        let mut state = self.state.lock();
        let waits = state.opened && state.homeless_since.is_none_or(|since| since.elapsed() < within);
        if !waits {
            state.lost = true;
            state.failed = Some(why);
        }
        drop(state);
        if !waits {
            self.placed.notify_one();
            self.waker.wake();
        }
        waits
    }

    /// Its socket is gone.
    pub(super) fn homeless(&self) {
        let mut state = self.state.lock();
        state.link = None;
        state.homeless_since.get_or_insert_with(Instant::now);
    }

    /// The next frame for the socket, and whether another may follow.
    pub(super) fn next(&self) -> Option<(Frame, bool)> {
        let session = self.id;
        let mut state = self.state.lock();
        if !state.greeted {
            state.greeted = true;
            let (seq, limit) = (state.in_seq, state.limit());
            state.told = (seq, limit);
            if state.resuming {
                return Some((Frame::Resume { session, seq, limit }, false));
            }
            state.opened = true;
            let about = self.about.clone();
            return Some((
                Frame::Open {
                    session,
                    limit,
                    about,
                },
                true,
            ));
        }
        if state.resuming {
            return None;
        }
        if state.owes_ack() {
            state.told = (state.in_seq, state.limit());
            let (seq, limit) = state.told;
            return Some((Frame::Ack { session, seq, limit }, true));
        }
        if let Some((seq, payload)) = state.out.get(state.sent).cloned() {
            state.sent += 1;
            return Some((
                Frame::Data {
                    session,
                    seq,
                    payload,
                },
                true,
            ));
        }
        if let Some(close) = state.ours.clone().filter(|_| !state.close_sent) {
            state.close_sent = true;
            return Some((Frame::Close { session, close }, false));
        }
        None
    }

    /// The back end ended it. What to answer, where it is not an answer itself.
    pub(super) fn answer_to_close(&self) -> Option<Close> {
        let state = self.state.lock();
        let theirs = state.theirs.clone()?;
        (!state.close_sent).then_some(theirs)
    }

    /// A frame of the back end's. Answers whether it kept to the rules.
    pub(super) fn heard(&self, frame: Frame) -> bool {
        let mut state = self.state.lock();
        state.known = true;
        match frame {
            Frame::Data { seq, payload, .. } => {
                if seq <= state.in_seq {
                    // It was sent again after a socket was lost, and had arrived.
                    return true;
                }
                if seq != state.in_seq + 1 || state.theirs.is_some() {
                    return false;
                }
                state.in_seq = seq;
                // One message may begin while there is room; the next one may not.
                if state.inbox_bytes >= WINDOW {
                    return false;
                }
                let size = payload.bytes.len() as u64;
                if state.ours.is_none() {
                    state.inbox_bytes += size;
                    state.inbox.push_back(payload);
                } else {
                    state.in_read += size;
                }
            }
            Frame::Ack { seq, limit, .. } => state.acked(seq, limit),
            Frame::Resumed { seq, limit, .. } => {
                state.acked(seq, limit);
                if std::mem::take(&mut state.resuming) {
                    state.sent = 0;
                }
            }
            Frame::Close { close, .. } => state.theirs = Some(close),
            _ => return false,
        }
        drop(state);
        self.waker.wake();
        true
    }
}

impl ChanState {
    fn acked(&mut self, seq: u64, limit: u64) {
        while self.out.front().is_some_and(|(first, _)| *first <= seq) {
            self.out.pop_front();
            self.sent = self.sent.saturating_sub(1);
            self.moved = true;
        }
        self.moved |= limit > self.out_limit;
        self.out_limit = self.out_limit.max(limit);
    }
}

/// A session's end of a shared socket, as a socket of its own.
pub(crate) struct MuxLine {
    pub(super) chan: Arc<Chan>,
    pub(super) mux: Mux,
}

impl MuxLine {
    fn nudge(&self) {
        let link = self.chan.state.lock().link.clone();
        if let Some(link) = link {
            link.nudge(self.chan.id);
        }
    }
}

impl Drop for MuxLine {
    fn drop(&mut self) {
        self.chan.state.lock().ours.get_or_insert(Close::GOING_AWAY);
        self.nudge();
        self.mux.left();
    }
}

impl Line for MuxLine {
    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        self.chan.waker.register(cx.waker());
        let mut state = self.chan.state.lock();
        if std::mem::take(&mut state.pong) {
            return Poll::Ready(Event::Control);
        }
        if let Some(payload) = state.inbox.pop_front() {
            let size = payload.bytes.len() as u64;
            state.inbox_bytes -= size;
            state.in_read += size;
            let owes = state.owes_ack();
            drop(state);
            if owes {
                self.nudge();
            }
            return Poll::Ready(Event::Message(payload));
        }
        if let Some(close) = state.theirs.clone().or_else(|| state.ours.clone()) {
            return Poll::Ready(Event::Closed(close));
        }
        if state.lost {
            return Poll::Ready(Event::Lost);
        }
        Poll::Pending
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Lost>> {
        self.chan.waker.register(cx.waker());
        let state = self.chan.state.lock();
        if state.lost {
            return Poll::Ready(Err(Lost));
        }
        if state.out.len() < UNACKED && state.out_total < state.out_limit {
            Poll::Ready(Ok(()))
        } else {
            Poll::Pending
        }
    }

    fn feed(&mut self, payload: &Payload) -> Result<(), Lost> {
        let mut state = self.chan.state.lock();
        state.next_seq += 1;
        let seq = state.next_seq;
        state.out_total += payload.bytes.len() as u64;
        state.out.push_back((seq, payload.clone()));
        drop(state);
        self.nudge();
        Ok(())
    }

    fn ping(&mut self) -> Result<(), Lost> {
        // The shared socket is what is pinged.
        self.chan.state.lock().pong = true;
        self.chan.waker.wake();
        Ok(())
    }

    fn close(&mut self, close: &Close) -> Result<(), Lost> {
        let close = if close.is_sendable() {
            close.clone()
        } else {
            Close::NO_STATUS
        };
        self.chan.state.lock().ours.get_or_insert(close);
        self.nudge();
        self.chan.waker.wake();
        Ok(())
    }

    fn poll_flush(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Lost>> {
        // What was handed over is kept until it is acknowledged, whatever becomes of the socket or of this.
        Poll::Ready(Ok(()))
    }

    fn take_moved(&mut self) -> bool {
        std::mem::take(&mut self.chan.state.lock().moved)
    }

    fn poll_linger(&mut self, _cx: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}
