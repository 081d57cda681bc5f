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
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::{
    close::Close,
    delivery::Delivery,
    host::{Identity, Position},
    options::Slow,
    settings::Settings,
    wheel::Ring,
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
    /// Too much waits already, and this one is worth no more than what waits.
    Dropped,
    /// Something was withdrawn since the question whether it may pass was asked. Ask again.
    Stale,
}

/// What the session's task should do next.
pub(crate) enum Order {
    Send(Arc<Delivery>),
    /// Empty the write buffer, then [`Gate::acknowledge`].
    Settle,
    Close(Close, Manner),
    Idle,
}

pub(crate) struct Gate {
    pub(crate) identity: Arc<Identity>,
    slow: Slow,
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
    /// Messages in the queue. What the protocol says counts by its bytes alone: who is told of many who come or go at once is
    /// not slow.
    messages: usize,
    bytes: usize,
    /// Bytes beyond the queue that the socket did not take yet. They count, so that one slow reader costs what it may cost.
    unwritten: usize,
    /// Messages that made room for newer ones.
    dropped: u64,
    shut: Option<(Close, Manner)>,
    /// The task has taken the order to close.
    taken: bool,
    waiting: Vec<oneshot::Sender<Cutoff>>,
    ended: Option<Box<Cutoff>>,
}

/// A queue that once grew gives its memory back when it runs empty above this many slots.
const KEPT_SLOTS: usize = 32;

/// What a frame says besides its message, roughly.
const ENVELOPE: usize = 128;

impl State {
    fn clear(&mut self) {
        self.queue = VecDeque::new();
        self.messages = 0;
        self.bytes = 0;
    }

    /// Keeps some of what waits.
    fn retain(&mut self, keep: impl Fn(&Delivery) -> bool) {
        let before = self.queue.len();
        self.queue.retain(|delivery| keep(delivery));
        if self.queue.len() < before {
            self.bytes = self.queue.iter().map(|delivery| delivery.size()).sum();
            self.messages = self.queue.iter().filter(|delivery| delivery.is_message()).count();
        }
    }

    fn is_full_for(&self, delivery: &Delivery, settings: &Settings) -> bool {
        delivery.is_message() && self.messages >= settings.queue_messages
            || self.bytes + self.unwritten + delivery.size() > settings.queue_bytes
    }

    /// Makes room for a newer message at the cost of older ones. Answers whether there is some now.
    fn make_room(&mut self, delivery: &Delivery, slow: Slow, settings: &Settings) -> bool {
        let before = self.queue.len();
        if slow == Slow::Conflate {
            self.retain(|older| !delivery.replaces(older));
        }
        while self.is_full_for(delivery, settings) {
            let oldest = self.queue.iter().position(|older| older.is_message());
            let Some(oldest) = oldest.and_then(|place| self.queue.remove(place)) else {
                break;
            };
            self.bytes -= oldest.size();
            self.messages -= 1;
        }
        self.dropped += (before - self.queue.len()) as u64;
        !self.is_full_for(delivery, settings)
    }

    fn shut(&mut self, close: Close, manner: Manner) {
        match manner {
            Manner::Finish => {}
            // Why it ends may still be said.
            Manner::Drop => self.retain(Delivery::is_notice),
            Manner::Sever => self.clear(),
        }
        match &mut self.shut {
            Some((_, old)) if *old >= manner => {}
            Some((_, old)) if self.taken => *old = manner,
            shut => *shut = Some((close, manner)),
        }
    }
}

impl Gate {
    pub(crate) fn new(identity: Arc<Identity>, slow: Slow) -> Self {
        Self {
            identity,
            slow,
            epoch: AtomicU32::new(0),
            waker: AtomicWaker::new(),
            state: Mutex::default(),
        }
    }

    /// To be read before asking whether a message may pass.
    pub(crate) fn epoch(&self) -> u32 {
        self.epoch.load(Ordering::Acquire)
    }

    /// Queues what needs no admission: the protocol's own words, and notices.
    pub(crate) fn tell(&self, delivery: &Arc<Delivery>, settings: &Settings) -> Entry {
        loop {
            match self.enter(delivery, self.epoch(), settings) {
                Entry::Stale => {}
                entry => return entry,
            }
        }
    }

    /// Queues a message that was found admissible at `epoch`.
    pub(crate) fn enter(&self, delivery: &Arc<Delivery>, epoch: u32, settings: &Settings) -> Entry {
        let mut state = self.state.lock();
        if state.shut.is_some() || state.ended.is_some() {
            return Entry::Shut;
        }
        if self.epoch.load(Ordering::Relaxed) != epoch {
            return Entry::Stale;
        }
        if state.is_full_for(delivery, settings) {
            if self.slow == Slow::Disconnect || !delivery.is_message() {
                state.shut(Close::SLOW_CONSUMER, Manner::Drop);
                drop(state);
                self.waker.wake();
                return Entry::Overflow;
            }
            if !state.make_room(delivery, self.slow, settings) {
                state.dropped += 1;
                return Entry::Dropped;
            }
        }
        state.bytes += delivery.size();
        state.messages += usize::from(delivery.is_message());
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
            state.retain(|delivery| delivery.purpose != Some(purpose));
        })
    }

    /// Drops the messages that wait and may not pass any more, with word of when it is done. Whoever asked before is asked
    /// again. The session goes on.
    pub(crate) fn sift(&self, may_pass: impl Fn(Option<Uuid>) -> bool) -> oneshot::Receiver<Cutoff> {
        self.told(|state| {
            self.epoch.fetch_add(1, Ordering::Release);
            state.retain(|delivery| !delivery.is_message() || may_pass(delivery.purpose));
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

    /// Takes all that waits, into a queue that is empty, where nothing but it is to be done and the socket has room for it
    /// whatever becomes of it on the way. Answers whether it did. What is taken is in the task's hands, as after [`Gate::next`].
    pub(crate) fn take(&self, room: usize, all: &mut VecDeque<Arc<Delivery>>) -> bool {
        let mut state = self.state.lock();
        // Frames are longer than what they carry: twice as long where every character is escaped.
        let most = 2 * state.bytes + state.queue.len() * ENVELOPE;
        if state.queue.len() < 2 || most > room || state.shut.is_some() || !state.waiting.is_empty() {
            return false;
        }
        std::mem::swap(&mut state.queue, all);
        state.bytes = 0;
        state.messages = 0;
        true
    }

    /// The next order. Messages only where the socket is `ready` for one.
    pub(crate) fn next(&self, ready: bool) -> Order {
        let mut state = self.state.lock();
        let drained = state.queue.is_empty();
        if let Some((close, manner)) = &state.shut
            && !state.taken
            && match manner {
                Manner::Finish => drained,
                // What still waits are notices, and they wait for no socket.
                Manner::Drop => drained || !ready,
                Manner::Sever => true,
            }
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
        state.bytes -= delivery.size();
        state.messages -= usize::from(delivery.is_message());
        Order::Send(delivery)
    }

    /// Notes how much the socket has not taken of what left the queue.
    pub(crate) fn owes(&self, unwritten: usize) {
        self.state.lock().unwritten = unwritten;
    }

    /// Deliveries that wait.
    pub(crate) fn depth(&self) -> usize {
        self.state.lock().queue.len()
    }

    /// Messages that made room for newer ones since this was last asked.
    pub(crate) fn take_dropped(&self) -> u64 {
        std::mem::take(&mut self.state.lock().dropped)
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

impl Ring for Gate {
    fn ring(&self) {
        self.waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tokio::time::Instant;

    use super::*;
    use crate::{
        delivery::{Content, Message},
        host::{Label, Opcode, Payload},
        notice::Notice,
    };

    const PURPOSE: Uuid = Uuid::from_u128(7);

    fn gate() -> Gate {
        gate_of(Slow::Disconnect)
    }

    fn gate_of(slow: Slow) -> Gate {
        let identity = Identity::new(Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3), None);
        Gate::new(Arc::new(identity), slow)
    }

    fn delivery(size: usize, purpose: Option<Uuid>) -> Arc<Delivery> {
        let payload = Payload::new(Opcode::Binary, Bytes::from(vec![0; size]));
        let message = Message::new("main".into(), payload, None, None);
        Delivery::message(message, purpose, Instant::now())
    }

    fn named(event: &str) -> Arc<Delivery> {
        let label = Label {
            event: event.into(),
            user: None,
        };
        let payload = Payload::named(Arc::new(label), "x");
        let message = Message::new("main".into(), payload, None, None);
        Delivery::message(message, None, Instant::now())
    }

    fn size(order: &Order) -> Option<usize> {
        match order {
            Order::Send(delivery) => Some(delivery.size()),
            _ => None,
        }
    }

    #[test]
    fn the_oldest_make_room_where_the_endpoint_wants_that() {
        let gate = gate_of(Slow::DropOldest);
        for size in 1..=5 {
            assert_eq!(gate.enter(&delivery(size, None), 0, &settings()), Entry::Queued);
        }
        assert_eq!(gate.take_dropped(), 2);
        assert_eq!(size(&gate.next(true)), Some(3));
        gate.owes(90);
        assert_eq!(gate.enter(&delivery(50, None), 0, &settings()), Entry::Dropped);
    }

    #[test]
    fn all_is_taken_at_once_where_there_is_room_and_nothing_else_to_do() {
        let taken = |gate: &Gate, room| {
            let mut all = VecDeque::new();
            gate.take(room, &mut all)
                .then(|| all.iter().map(|one| one.size()).collect::<Vec<_>>())
        };
        let gate = gate();
        gate.enter(&delivery(10, None), 0, &settings());
        assert_eq!(taken(&gate, 1 << 20), None, "one is handed out as it is");
        gate.enter(&delivery(20, None), 0, &settings());
        assert_eq!(taken(&gate, 60 + 2 * ENVELOPE - 1), None, "they might not fit");
        assert_eq!(taken(&gate, 60 + 2 * ENVELOPE), Some(vec![10, 20]));
        assert!(matches!(gate.next(true), Order::Idle));
        for size in [30, 30, 30] {
            assert_eq!(gate.enter(&delivery(size, None), 0, &settings()), Entry::Queued);
        }
        let mut told = gate.silence(PURPOSE);
        assert_eq!(taken(&gate, 1 << 20), None, "somebody waits for word");
        assert!(told.try_recv().is_err());
        gate.acknowledge(&Cutoff {
            session: Uuid::from_u128(1),
            endpoint: Uuid::from_u128(3),
            delivered: 2,
            last: None,
            exact: true,
        });
        gate.shut(Close::NORMAL, Manner::Finish);
        assert_eq!(
            taken(&gate, 1 << 20),
            None,
            "an end is looked at message by message"
        );
        assert!(matches!(gate.next(true), Order::Send(_)));
    }

    #[test]
    fn of_the_same_event_the_newest_waits_where_the_endpoint_wants_that() {
        let gate = gate_of(Slow::Conflate);
        for event in ["a", "b", "c", "a"] {
            assert_eq!(gate.enter(&named(event), 0, &settings()), Entry::Queued);
        }
        let events: Vec<_> = std::iter::from_fn(|| match gate.next(true) {
            Order::Send(delivery) => match &delivery.content {
                Content::Message(message) => message.payload.label.as_ref().map(|label| label.event.clone()),
                _ => None,
            },
            _ => None,
        })
        .collect();
        let wanted: [Box<str>; 3] = ["b".into(), "c".into(), "a".into()];
        assert_eq!(events, wanted);
    }

    #[test]
    fn a_notice_is_told_before_the_end_that_it_announces() {
        let gate = gate();
        gate.enter(&delivery(1, None), 0, &settings());
        gate.tell(&Delivery::notice(Notice::SubjectErased), &settings());
        gate.shut(Close::SUBJECT_ERASED, Manner::Drop);
        assert!(matches!(gate.next(true), Order::Send(delivery) if delivery.is_notice()));
        assert!(matches!(gate.next(true), Order::Close(..)));

        let stuck = gate_of(Slow::Disconnect);
        stuck.tell(&Delivery::notice(Notice::SubjectErased), &settings());
        stuck.shut(Close::SUBJECT_ERASED, Manner::Drop);
        assert!(
            matches!(stuck.next(false), Order::Close(..)),
            "a notice waits for no socket"
        );
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
    fn what_the_protocol_says_counts_by_its_bytes_alone() {
        let gate = gate();
        let said = |length: usize| Delivery::said(|out| out.resize(length, b'x'));
        for _ in 0..3 {
            assert_eq!(gate.enter(&delivery(1, None), 0, &settings()), Entry::Queued);
            assert_eq!(gate.tell(&said(3), &settings()), Entry::Queued);
        }
        for _ in 0..2 {
            assert!(matches!(gate.next(true), Order::Send(_)));
        }
        assert_eq!(gate.enter(&delivery(1, None), 0, &settings()), Entry::Queued);
        assert_eq!(gate.tell(&said(90), &settings()), Entry::Overflow);
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
        assert!(size(&gate.next(true)) == Some(20));
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
