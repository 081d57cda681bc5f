//! The gate of one session: everything that wants to reach its socket waits here, and here a withdrawal stops it.
//!
//! The promise: when the acknowledgement of [`Gate::shut`] or [`Gate::silence`] arrives, nothing that they concern is
//! written to the socket any more. Three things hold it up. Whatever enters the queue is checked under the queue's lock,
//! against a gate that is shut under the same lock. Only the session's own task takes from the queue and writes. And that task
//! acknowledges after what it had already handed over left its buffer, or after the socket is gone.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    task::Waker,
};

use futures_util::task::AtomicWaker;
use parking_lot::Mutex;
use tokio::{sync::oneshot, time::Instant};
use uuid::Uuid;

use crate::{
    close::Close,
    host::{Identity, Payload, Position},
    settings::Settings,
};

/// Where a session stood when it was closed or silenced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cutoff {
    /// The session.
    pub session: Uuid,
    /// The endpoint it was on.
    pub endpoint: Uuid,
    /// How many messages were handed to its socket since it opened. No more will be of what was stopped.
    pub delivered: u64,
    /// The last recorded message among them.
    pub last: Option<Position>,
    /// `false` where the socket was stuck and had to be cut: then `delivered` and `last` are upper bounds.
    pub exact: bool,
}

/// One message on its way to many sessions; they share it.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) payload: Payload,
    pub(crate) purpose: Option<Uuid>,
    pub(crate) position: Option<Position>,
    /// When it was published.
    pub(crate) at: Instant,
}

/// How a session is to end. A later one is stricter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Manner {
    /// Deliver what waits, then close.
    Finish,
    /// Drop what waits, then close.
    Drop,
    /// Drop the socket.
    Sever,
}

/// What became of a message at the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// It waits for the socket.
    Queued,
    /// The session is ending.
    Shut,
    /// Too much waits already; the session is ending because of it.
    Overflow,
    /// Something was withdrawn since the question whether it may pass was asked. Ask again.
    Stale,
}

/// What the session's task should do next.
#[derive(Debug)]
pub(crate) enum Order {
    Send(Arc<Delivery>),
    /// Empty the write buffer, then [`Gate::acknowledge`].
    Settle,
    Close(Close, Manner),
    Idle,
}

pub(crate) struct Gate {
    pub(crate) identity: Arc<Identity>,
    /// Counts withdrawals. Read without the lock before the question, compared under the lock after the answer.
    epoch: AtomicU32,
    waker: AtomicWaker,
    // A lock and not a channel: the sender must see "shut" and "full" in the same instant as it enqueues, a withdrawal
    // removes from the middle, and an idle session must own no block of slots.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Arc<Delivery>>,
    bytes: usize,
    shut: Option<(Close, Manner)>,
    /// The task has taken the order to close.
    taken: bool,
    waiting: Vec<oneshot::Sender<Cutoff>>,
    ended: Option<Box<Cutoff>>,
}

/// A queue that once grew gives its memory back when it runs empty above this many slots.
const KEPT_SLOTS: usize = 32;

impl State {
    fn clear(&mut self) {
        self.queue = VecDeque::new();
        self.bytes = 0;
    }

    fn shut(&mut self, close: Close, manner: Manner) {
        if manner > Manner::Finish {
            self.clear();
        }
        match &mut self.shut {
            Some((_, old)) if *old >= manner => {}
            Some((_, old)) if self.taken => *old = manner,
            shut => *shut = Some((close, manner)),
        }
    }
}

impl Gate {
    pub(crate) fn new(identity: Arc<Identity>) -> Self {
        Self {
            identity,
            epoch: AtomicU32::new(0),
            waker: AtomicWaker::new(),
            state: Mutex::default(),
        }
    }

    /// To be read before asking whether a message may pass.
    pub(crate) fn epoch(&self) -> u32 {
        self.epoch.load(Ordering::Acquire)
    }

    /// Queues a message that was found admissible at `epoch`.
    pub(crate) fn enter(&self, delivery: &Arc<Delivery>, epoch: u32, settings: &Settings) -> Entry {
        let size = delivery.payload.bytes.len();
        let mut state = self.state.lock();
        if state.shut.is_some() || state.ended.is_some() {
            return Entry::Shut;
        }
        if self.epoch.load(Ordering::Relaxed) != epoch {
            return Entry::Stale;
        }
        let full = state.queue.len() >= settings.queue_messages || state.bytes + size > settings.queue_bytes;
        if full {
            state.shut(Close::SLOW_CONSUMER, Manner::Drop);
            drop(state);
            self.waker.wake();
            return Entry::Overflow;
        }
        state.bytes += size;
        state.queue.push_back(Arc::clone(delivery));
        // A queue that was not empty has a task that is awake or waits for its socket; both come back for more.
        let first = state.queue.len() == 1;
        drop(state);
        if first {
            self.waker.wake();
        }
        Entry::Queued
    }

    /// Ends the session. Nothing enters any more; what waits goes or stays as the manner says.
    pub(crate) fn shut(&self, close: Close, manner: Manner) {
        let mut state = self.state.lock();
        state.shut(close, manner);
        drop(state);
        self.waker.wake();
    }

    /// As [`Gate::shut`], with word of when it is done.
    pub(crate) fn shut_and_tell(&self, close: Close, manner: Manner) -> oneshot::Receiver<Cutoff> {
        self.told(|state| state.shut(close, manner))
    }

    /// Drops what waits for a purpose, with word of when it is done. The session goes on.
    pub(crate) fn silence(&self, purpose: Uuid) -> oneshot::Receiver<Cutoff> {
        self.told(|state| {
            self.epoch.fetch_add(1, Ordering::Release);
            state.queue.retain(|delivery| delivery.purpose != Some(purpose));
            state.bytes = state
                .queue
                .iter()
                .map(|delivery| delivery.payload.bytes.len())
                .sum();
        })
    }

    fn told(&self, change: impl FnOnce(&mut State)) -> oneshot::Receiver<Cutoff> {
        let (tell, told) = oneshot::channel();
        let mut state = self.state.lock();
        if let Some(cutoff) = &state.ended {
            // The receiver is right here.
            let _ = tell.send(Cutoff::clone(cutoff));
            return told;
        }
        change(&mut state);
        state.waiting.push(tell);
        drop(state);
        self.waker.wake();
        told
    }

    /// Before [`Gate::next`]: whoever changes something after this wakes the task.
    pub(crate) fn register(&self, waker: &Waker) {
        self.waker.register(waker);
    }

    /// The next order. Messages only where the socket is `ready` for one.
    pub(crate) fn next(&self, ready: bool) -> Order {
        let mut state = self.state.lock();
        let drained = state.queue.is_empty();
        if let Some((close, manner)) = &state.shut
            && !state.taken
            && (drained || *manner > Manner::Finish)
        {
            let order = Order::Close(close.clone(), *manner);
            state.taken = true;
            return order;
        }
        if !state.waiting.is_empty() {
            return Order::Settle;
        }
        if !ready {
            return Order::Idle;
        }
        let Some(delivery) = state.queue.pop_front() else {
            if state.queue.capacity() > KEPT_SLOTS {
                state.queue = VecDeque::new();
            }
            return Order::Idle;
        };
        state.bytes -= delivery.payload.bytes.len();
        Order::Send(delivery)
    }

    /// Whether the socket is to be dropped as it is.
    pub(crate) fn is_severed(&self) -> bool {
        matches!(self.state.lock().shut, Some((_, Manner::Sever)))
    }

    /// Whether somebody waits for word.
    pub(crate) fn is_awaited(&self) -> bool {
        !self.state.lock().waiting.is_empty()
    }

    /// Tells everybody who waits. Only once nothing of what they stopped is in the task's hands.
    pub(crate) fn acknowledge(&self, cutoff: &Cutoff) {
        let waiting = std::mem::take(&mut self.state.lock().waiting);
        for tell in waiting {
            // Whoever asked may have gone; what was asked is done all the same.
            let _ = tell.send(cutoff.clone());
        }
    }

    /// The socket is gone. Tells everybody who waits or will.
    pub(crate) fn end(&self, cutoff: &Cutoff) {
        let mut state = self.state.lock();
        state.clear();
        state.ended = Some(Box::new(cutoff.clone()));
        drop(state);
        self.acknowledge(cutoff);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::host::Opcode;

    const PURPOSE: Uuid = Uuid::from_u128(7);

    fn gate() -> Gate {
        Gate::new(Arc::new(Identity::new(
            Uuid::from_u128(1),
            Uuid::from_u128(2),
            Uuid::from_u128(3),
            None,
        )))
    }

    fn delivery(size: usize, purpose: Option<Uuid>) -> Arc<Delivery> {
        Arc::new(Delivery {
            payload: Payload::new(Opcode::Binary, Bytes::from(vec![0; size])),
            purpose,
            position: None,
            at: Instant::now(),
        })
    }

    fn settings() -> Settings {
        Settings {
            queue_messages: 3,
            queue_bytes: 100,
            ..Settings::default()
        }
    }

    #[test]
    fn the_queue_is_bounded_by_count_and_by_bytes() {
        let crowded = gate();
        for _ in 0..3 {
            assert_eq!(crowded.enter(&delivery(1, None), 0, &settings()), Entry::Queued);
        }
        assert_eq!(crowded.enter(&delivery(1, None), 0, &settings()), Entry::Overflow);
        assert_eq!(crowded.enter(&delivery(1, None), 0, &settings()), Entry::Shut);
        assert!(
            matches!(crowded.next(true), Order::Close(close, Manner::Drop) if close == Close::SLOW_CONSUMER)
        );

        let heavy = gate();
        assert_eq!(heavy.enter(&delivery(60, None), 0, &settings()), Entry::Queued);
        assert_eq!(heavy.enter(&delivery(60, None), 0, &settings()), Entry::Overflow);
    }

    #[test]
    fn a_message_found_admissible_before_a_withdrawal_does_not_enter_after_it() {
        let gate = gate();
        let epoch = gate.epoch();
        let _told = gate.silence(PURPOSE);
        assert_eq!(
            gate.enter(&delivery(1, Some(PURPOSE)), epoch, &settings()),
            Entry::Stale
        );
        assert_eq!(
            gate.enter(&delivery(1, None), gate.epoch(), &settings()),
            Entry::Queued
        );
    }

    #[test]
    fn silence_drops_its_purpose_only_and_settles_before_anything_else() {
        let gate = gate();
        gate.enter(&delivery(10, Some(PURPOSE)), 0, &settings());
        gate.enter(&delivery(20, None), 0, &settings());
        let mut told = gate.silence(PURPOSE);
        assert!(matches!(gate.next(true), Order::Settle));
        assert!(told.try_recv().is_err());
        let cutoff = Cutoff {
            session: Uuid::nil(),
            endpoint: Uuid::nil(),
            delivered: 4,
            last: None,
            exact: true,
        };
        gate.acknowledge(&cutoff);
        assert_eq!(told.try_recv().unwrap(), cutoff);
        assert!(matches!(gate.next(true), Order::Send(delivery) if delivery.payload.bytes.len() == 20));
        assert!(matches!(gate.next(true), Order::Idle));
    }

    #[test]
    fn finish_lets_the_queue_run_dry_and_drop_does_not() {
        let mild = gate();
        mild.enter(&delivery(1, None), 0, &settings());
        mild.shut(Close::RECONNECT, Manner::Finish);
        assert!(matches!(mild.next(true), Order::Send(_)));
        assert!(matches!(mild.next(true), Order::Close(..)));

        let strict = gate();
        strict.enter(&delivery(1, None), 0, &settings());
        strict.shut(Close::RECONNECT, Manner::Finish);
        strict.shut(Close::CONSENT_WITHDRAWN, Manner::Drop);
        assert!(
            matches!(strict.next(true), Order::Close(close, Manner::Drop) if close == Close::CONSENT_WITHDRAWN)
        );
        assert!(matches!(strict.next(true), Order::Idle));
    }

    #[test]
    fn whoever_asks_after_the_end_hears_at_once() {
        let gate = gate();
        let cutoff = Cutoff {
            session: Uuid::nil(),
            endpoint: Uuid::nil(),
            delivered: 9,
            last: None,
            exact: true,
        };
        gate.end(&cutoff);
        assert_eq!(
            gate.shut_and_tell(Close::NORMAL, Manner::Drop)
                .try_recv()
                .unwrap(),
            cutoff
        );
        assert_eq!(gate.enter(&delivery(1, None), 0, &settings()), Entry::Shut);
    }
}
