//! The alarm clock of all sessions: one task and one coarse clock for a broker, instead of a timer in each session.
//!
//! How to use it. The broker owns one [`Wheel`] (start it inside a runtime; its task ends when it is dropped). A session
//! takes an [`Alarm`] once and asks it at the end of each turn:
//!
//! ```text
//! let mut alarm = core.wheel.alarm(Arc::clone(&gate));    // `Gate` implements `Ring` by waking its task
//! // in poll, after `gate.register(cx.waker())`:
//! match alarm.poll(front.deadline()) {
//!     Poll::Pending => return Poll::Pending,              // it will ring: the gate's waker is called
//!     Poll::Ready(now) => front.tick(now),                // something is due; look what, and ask again
//! }
//! ```
//!
//! Three rules. Register the waker before asking: a ring goes to whatever is registered. Ask with the earliest of all
//! deadlines each time; asking with the same or a later one costs nothing, so a deadline that moves with every message needs
//! no care. And expect it late: it never rings early and up to its resolution (250 ms, or less in a test that cannot wait)
//! after the deadline, so it is for seconds, not for milliseconds.
//!
//! An alarm costs its session 24 bytes and the wheel 24 more, and neither asking nor ringing allocates. Time is tokio's, so
//! tests may pause it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicUsize, Ordering, fence},
    },
    task::Poll,
    time::Duration,
};

use parking_lot::Mutex;
use slab::Slab;
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};
use tokio_util::sync::{CancellationToken, DropGuard};

/// Ticks until the hand is where it was, a minute at the usual resolution. What is further away stays in its slot for
/// another round.
const SLOTS: u32 = 256;

/// Each with a lock of its own, so that sessions on different threads seldom meet.
const SHARDS: usize = 16;

/// No entry, as an end of a list.
const NONE: u32 = u32::MAX;

/// Something that an alarm can ring at.
pub(crate) trait Ring: Send + Sync + 'static {
    /// Wakes whoever is to look at the time.
    fn ring(&self);
}

pub(crate) struct Wheel<T: Ring> {
    shared: Arc<Shared<T>>,
    _running: DropGuard,
}

struct Shared<T> {
    born: Instant,
    resolution: Duration,
    /// Every tick up to this one has rung.
    rung: AtomicU32,
    /// Alarms that are set.
    set: AtomicUsize,
    /// Somebody set the first one.
    started: Notify,
    next_shard: AtomicUsize,
    shards: [Mutex<Shard<T>>; SHARDS],
}

struct Shard<T> {
    entries: Slab<Entry<T>>,
    /// The first entry of each slot.
    slots: [u32; SLOTS as usize],
}

struct Entry<T> {
    target: Arc<T>,
    /// The tick to ring at; 0 while it is not set.
    due: u32,
    before: u32,
    after: u32,
}

/// A session's place on the wheel. It leaves when dropped.
pub(crate) struct Alarm<T: Ring> {
    shared: Arc<Shared<T>>,
    shard: u16,
    key: u32,
    /// The tick it is set to; 0 while it is not.
    due: u32,
}

impl<T: Ring> Wheel<T> {
    /// Starts the task that turns it. `resolution` is how late an alarm may ring, besides what the machine is late itself.
    ///
    /// # Panics
    /// Outside a runtime.
    pub(crate) fn start(resolution: Duration) -> Self {
        let shared = Arc::new(Shared::new(resolution));
        let stop = CancellationToken::new();
        tokio::spawn({
            let (shared, stop) = (Arc::clone(&shared), stop.clone());
            async move {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = turn(&shared) => {}
                }
            }
        });
        Self {
            shared,
            _running: stop.drop_guard(),
        }
    }

    /// A place for somebody who is to be rung at. Nothing rings before the first [`Alarm::poll`].
    pub(crate) fn alarm(&self, target: Arc<T>) -> Alarm<T> {
        Alarm::hang(&self.shared, target)
    }
}

impl<T: Ring> Alarm<T> {
    fn hang(shared: &Arc<Shared<T>>, target: Arc<T>) -> Self {
        let index = shared.next_shard.fetch_add(1, Ordering::Relaxed) % SHARDS;
        let key = shared.shards[index].lock().entries.insert(Entry {
            target,
            due: 0,
            before: NONE,
            after: NONE,
        });
        Self {
            shared: Arc::clone(shared),
            // Both fit: there are 16 shards, and a session costs so much more than its entry that memory ends first.
            shard: u16::try_from(index).unwrap_or(0),
            key: u32::try_from(key).unwrap_or(NONE),
            due: 0,
        }
    }

    /// Ready, with the present time, when `at` has come; otherwise the target is rung at when it comes.
    pub(crate) fn poll(&mut self, at: Instant) -> Poll<Instant> {
        // Pairs with the fence of the sweep: either that one sees the waker that was registered before this, or its tick is
        // seen here.
        fence(Ordering::SeqCst);
        let rung = self.shared.rung.load(Ordering::Relaxed);
        let due = self.shared.tick_after(at);
        if due <= rung {
            return Poll::Ready(Instant::now());
        }
        // Close to it, the exact time costs a look at the clock and saves the wait for the tick.
        if due == rung + 1 {
            let now = Instant::now();
            if at <= now {
                return Poll::Ready(now);
            }
        }
        // One that is set earlier is left alone, which is cheaper than moving it with each message: it rings in vain once.
        if self.due <= rung || due < self.due {
            self.due = due;
            if !self.shared.set(self.shard, self.key, due) {
                return Poll::Ready(Instant::now());
            }
        }
        Poll::Pending
    }
}

impl<T: Ring> Drop for Alarm<T> {
    fn drop(&mut self) {
        let mut shard = self.shared.shards[usize::from(self.shard)].lock();
        if shard.take_out(self.key) {
            self.shared.set.fetch_sub(1, Ordering::Relaxed);
        }
        let entry = shard.entries.try_remove(self.key as usize);
        drop(shard);
        // Outside the lock: it may be the last to know the target.
        drop(entry);
    }
}

/// Turns the wheel for ever. It stands still while nothing is set.
async fn turn<T: Ring>(shared: &Shared<T>) {
    let mut ringing = Vec::new();
    loop {
        if shared.set.load(Ordering::SeqCst) == 0 {
            shared.started.notified().await;
            continue;
        }
        let now = shared.tick_before(Instant::now());
        let rung = shared.rung.load(Ordering::Relaxed);
        if now <= rung {
            sleep_until(shared.born + shared.resolution * (rung + 1)).await;
            continue;
        }
        shared.sweep(rung, now, &mut ringing);
    }
}

impl<T: Ring> Shared<T> {
    fn new(resolution: Duration) -> Self {
        Self {
            born: Instant::now(),
            resolution,
            rung: AtomicU32::new(0),
            set: AtomicUsize::new(0),
            started: Notify::new(),
            next_shard: AtomicUsize::new(0),
            shards: std::array::from_fn(|_| Mutex::new(Shard::new())),
        }
    }

    /// Rings everything that is due after one tick and up to another.
    fn sweep(&self, rung: u32, now: u32, ringing: &mut Vec<Arc<T>>) {
        // Before the slots are looked at: who comes to set an alarm after its slot was passed sees that it is too late.
        self.rung.store(now, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        // After a long standstill every slot needs one look, not one for each round that was missed.
        let first = rung.max(now.saturating_sub(SLOTS)) + 1;
        for shard in &self.shards {
            let mut shard = shard.lock();
            for tick in first..=now {
                shard.take_due(tick % SLOTS, now, ringing);
            }
            drop(shard);
            self.set.fetch_sub(ringing.len(), Ordering::Relaxed);
            for target in ringing.drain(..) {
                target.ring();
            }
        }
    }

    /// Sets or moves an alarm. `false` where its tick has rung in the meantime.
    fn set(&self, shard: u16, key: u32, due: u32) -> bool {
        let mut shard = self.shards[usize::from(shard)].lock();
        let was_set = shard.take_out(key);
        // The sweep stores its tick before it takes this lock.
        let in_time = due > self.rung.load(Ordering::Relaxed);
        if in_time {
            shard.put_in(key, due);
        }
        drop(shard);
        match (was_set, in_time) {
            (false, true) if self.set.fetch_add(1, Ordering::SeqCst) == 0 => self.started.notify_one(),
            (true, false) => {
                self.set.fetch_sub(1, Ordering::Relaxed);
            }
            _ => {}
        }
        in_time
    }

    /// The first tick at or after a time.
    fn tick_after(&self, at: Instant) -> u32 {
        let since = nanos(at.saturating_duration_since(self.born));
        // Who wants to be rung at in 34 years is rung at then.
        u32::try_from(since.div_ceil(nanos(self.resolution))).unwrap_or(u32::MAX)
    }

    /// The last tick at or before a time.
    fn tick_before(&self, at: Instant) -> u32 {
        let since = nanos(at.saturating_duration_since(self.born));
        u32::try_from(since / nanos(self.resolution)).unwrap_or(u32::MAX - 1)
    }
}

/// Of a time that fits: 64 bits hold 584 years, and dividing more of them is slow.
fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

impl<T> Shard<T> {
    fn new() -> Self {
        Self {
            entries: Slab::new(),
            slots: [NONE; SLOTS as usize],
        }
    }

    /// The link that leads to an entry: its predecessor's, or its slot's.
    fn link(&mut self, before: u32, slot: u32) -> &mut u32 {
        match self.entries.get_mut(before as usize) {
            Some(before) => &mut before.after,
            None => &mut self.slots[slot as usize],
        }
    }

    /// Takes an entry out of its slot. Answers whether it was in one.
    fn take_out(&mut self, key: u32) -> bool {
        let Some(entry) = self.entries.get_mut(key as usize) else {
            return false;
        };
        let (due, before, after) = (std::mem::take(&mut entry.due), entry.before, entry.after);
        if due == 0 {
            return false;
        }
        *self.link(before, due % SLOTS) = after;
        if let Some(after) = self.entries.get_mut(after as usize) {
            after.before = before;
        }
        true
    }

    /// Puts an entry that is in no slot into that of its tick.
    fn put_in(&mut self, key: u32, due: u32) {
        let first = self.slots[(due % SLOTS) as usize];
        let Some(entry) = self.entries.get_mut(key as usize) else {
            return;
        };
        entry.due = due;
        entry.before = NONE;
        entry.after = first;
        if let Some(first) = self.entries.get_mut(first as usize) {
            first.before = key;
        }
        self.slots[(due % SLOTS) as usize] = key;
    }

    /// Takes out of a slot what is due, and leaves what has another round to go.
    fn take_due(&mut self, slot: u32, now: u32, ringing: &mut Vec<Arc<T>>) {
        let mut next = self.slots[slot as usize];
        while let Some(entry) = self.entries.get(next as usize) {
            let (key, due) = (next, entry.due);
            next = entry.after;
            if due <= now {
                ringing.push(Arc::clone(&entry.target));
                self.take_out(key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, sync::atomic::AtomicU64};

    use futures_util::task::AtomicWaker;

    use super::*;

    const TICK: Duration = Duration::from_millis(250);

    #[derive(Default)]
    struct Bell(AtomicU64);

    impl Ring for Bell {
        fn ring(&self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// A wheel that is turned by hand, as if born long ago.
    struct Still(Arc<Shared<Bell>>);

    impl Still {
        fn new() -> Self {
            let mut shared = Shared::new(TICK);
            // Its time is made up: all of it lies a day ahead of the machine's.
            shared.born += TICK * 4 * 100_000;
            Self(Arc::new(shared))
        }

        fn hang(&self) -> (Arc<Bell>, Alarm<Bell>) {
            let bell = Arc::new(Bell::default());
            (Arc::clone(&bell), Alarm::hang(&self.0, bell))
        }

        fn at(&self, since: Duration) -> Instant {
            self.0.born + since
        }

        /// Turns it to a time, as its task would.
        fn turn_to(&mut self, since: Duration) {
            let now = self.0.tick_before(self.at(since));
            let rung = self.0.rung.load(Ordering::Relaxed);
            if now > rung {
                self.0.sweep(rung, now, &mut Vec::new());
            }
        }
    }

    impl Bell {
        fn rings(&self) -> u64 {
            self.0.load(Ordering::SeqCst)
        }
    }

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn it_never_rings_early_and_at_most_one_tick_late() {
        for after in [1, 249, 250, 251, 1000, 63_999, 64_000, 64_001, 1_000_000] {
            let mut wheel = Still::new();
            let (bell, mut alarm) = wheel.hang();
            let at = wheel.at(millis(after));
            assert!(alarm.poll(at).is_pending());
            for tick in (0..after).step_by(250) {
                wheel.turn_to(millis(tick));
            }
            assert_eq!(bell.rings(), 0, "{after} ms: too early");
            assert!(alarm.poll(at).is_pending());
            wheel.turn_to(millis(after) + TICK);
            assert_eq!(bell.rings(), 1, "{after} ms");
            assert!(alarm.poll(at).is_ready());
        }
    }

    #[test]
    fn an_earlier_deadline_moves_it_and_a_later_one_does_not() {
        let mut wheel = Still::new();
        let (bell, mut alarm) = wheel.hang();
        for seconds in [20, 5, 10] {
            assert!(alarm.poll(wheel.at(millis(seconds * 1000))).is_pending());
        }
        wheel.turn_to(millis(4999));
        assert_eq!(bell.rings(), 0);
        wheel.turn_to(millis(6000));
        assert_eq!(bell.rings(), 1, "at the earliest of them");
        assert!(alarm.poll(wheel.at(millis(10_000))).is_pending());
        wheel.turn_to(millis(11_000));
        assert_eq!(bell.rings(), 2);
        wheel.turn_to(millis(200_000));
        assert_eq!(bell.rings(), 2, "one ring for one deadline");
    }

    #[test]
    fn a_standstill_is_made_up_for_in_one_turn() {
        let mut wheel = Still::new();
        let mut hung: Vec<_> = (0..1000).map(|_| wheel.hang()).collect();
        for (index, (_, alarm)) in (1..).zip(&mut hung) {
            assert!(alarm.poll(wheel.at(millis(index * 777))).is_pending());
        }
        wheel.turn_to(millis(500 * 777) + TICK);
        for (index, (bell, _)) in (1..).zip(&hung) {
            assert_eq!(bell.rings(), u64::from(index <= 500), "{index}");
        }
        assert_eq!(wheel.0.set.load(Ordering::SeqCst), 500);
    }

    #[test]
    fn who_leaves_is_let_go_and_leaves_the_others() {
        let mut wheel = Still::new();
        let at = wheel.at(millis(1000));
        let mut hung: Vec<_> = (0..200).map(|_| wheel.hang()).collect();
        for (_, alarm) in &mut hung {
            assert!(alarm.poll(at).is_pending());
        }
        let mut bells = Vec::new();
        for (index, (bell, alarm)) in hung.into_iter().enumerate() {
            let alarm = (index % 3 != 0).then_some(alarm);
            assert_eq!(Arc::strong_count(&bell), 1 + usize::from(alarm.is_some()));
            bells.push((bell, alarm));
        }
        wheel.turn_to(millis(2000));
        for (bell, alarm) in &bells {
            assert_eq!(bell.rings(), u64::from(alarm.is_some()));
        }
        drop(bells);
        assert_eq!(wheel.0.set.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn who_comes_after_the_sweep_is_told_at_once() {
        let mut wheel = Still::new();
        let (_, mut alarm) = wheel.hang();
        wheel.turn_to(millis(1000));
        assert!(!wheel.0.set(alarm.shard, alarm.key, 4), "its tick has rung");
        assert!(alarm.poll(wheel.at(millis(1000))).is_ready());
        assert!(alarm.poll(wheel.at(millis(1001))).is_pending());
        assert_eq!(wheel.0.set.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn what_is_due_already_needs_no_ring() {
        let wheel = Wheel::start(TICK);
        let (bell, at) = (Arc::new(Bell::default()), Instant::now());
        let mut alarm = wheel.alarm(Arc::clone(&bell));
        assert!(alarm.poll(at).is_ready());
        assert_eq!(bell.rings(), 0);
    }

    #[tokio::test]
    async fn its_task_ends_with_it() {
        let wheel = Wheel::<Bell>::start(TICK);
        let shared = Arc::downgrade(&wheel.shared);
        drop(wheel);
        while shared.strong_count() > 0 {
            tokio::task::yield_now().await;
        }
    }

    #[test]
    fn it_costs_a_session_a_few_dozen_bytes() {
        assert_eq!(size_of::<Alarm<Bell>>(), 24);
        assert_eq!(size_of::<Entry<Bell>>(), 24);
    }

    struct Sleeper(AtomicWaker);

    impl Ring for Sleeper {
        fn ring(&self) {
            self.0.wake();
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn no_ring_is_lost_between_threads() {
        let wheel = Arc::new(Wheel::start(millis(2)));
        let sleepers = (0..64_u64).map(|n| {
            let wheel = Arc::clone(&wheel);
            tokio::spawn(async move {
                let target = Arc::new(Sleeper(AtomicWaker::new()));
                let mut alarm = wheel.alarm(Arc::clone(&target));
                for round in 0..50 {
                    let at = Instant::now() + Duration::from_micros(n * 101 + round * 77);
                    poll_fn(|cx| {
                        target.0.register(cx.waker());
                        alarm.poll(at)
                    })
                    .await;
                    assert!(Instant::now() >= at);
                }
            })
        });
        for sleeper in sleepers.collect::<Vec<_>>() {
            tokio::time::timeout(Duration::from_secs(30), sleeper)
                .await
                .unwrap()
                .unwrap();
        }
    }
}
