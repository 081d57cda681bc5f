//! Until when a node may serve people.
//!
//! A node's memory of who said no is true as long as it hears the others, or has just compared it with the store. Each of the
//! two, when it succeeds, is good for [`LEASE`] from the moment it *began*; an order that came and is not done after
//! [`DONE_WITHIN`] ends it early. Whoever gives an order waits for every node's word, and where it does not come for
//! [`WAIT`], which is longer: by then that node has seen the change or serves nobody.
//!
//! The clock is asked at every delivery, and not only by a task: a process that was stopped for a minute wakes up with a
//! lease that has run out.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::time::Instant;

/// How long it is good that a node was heard, or its memory compared.
pub(super) const LEASE: Duration = Duration::from_secs(3);
/// How long an order may take.
pub(super) const DONE_WITHIN: Duration = Duration::from_secs(2);
/// How long whoever gives an order waits for a node that says nothing: an order is heard before the lease ends that was
/// confirmed before it, and done in time or it ends the lease.
pub(super) const WAIT: Duration = Duration::from_millis(5_250);

pub(super) struct Lease {
    start: Instant,
    /// Milliseconds since the start.
    until: AtomicU64,
    /// When the oldest order that is not done has to be.
    done_by: AtomicU64,
    open: Mutex<BTreeMap<(u64, u64), u64>>,
    /// This node's own beats that it has not heard, and when they were sent.
    beats: Mutex<BTreeMap<u64, Instant>>,
}

/// Beats that may be on their way.
const BEATS: usize = 64;

impl Lease {
    /// Begins with one: memory is empty.
    pub(super) fn new() -> Self {
        let lease = Self {
            start: Instant::now(),
            until: AtomicU64::new(0),
            done_by: AtomicU64::new(u64::MAX),
            open: Mutex::default(),
            beats: Mutex::default(),
        };
        lease.confirm(lease.start);
        lease
    }

    fn millis(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.start);
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    /// Whether people may be served now.
    pub(super) fn is_valid(&self) -> bool {
        self.is_valid_at(Instant::now())
    }

    fn is_valid_at(&self, now: Instant) -> bool {
        let now = self.millis(now);
        now < self.until.load(Ordering::Acquire) && now < self.done_by.load(Ordering::Acquire)
    }

    /// Something began then that succeeded.
    pub(super) fn confirm(&self, began: Instant) {
        self.until.fetch_max(self.millis(began + LEASE), Ordering::AcqRel);
    }

    /// An order came.
    pub(super) fn begin(&self, order: (u64, u64)) {
        let mut open = self.open.lock();
        open.insert(order, self.millis(Instant::now() + DONE_WITHIN));
        self.look(&open);
    }

    /// An order is done.
    pub(super) fn end(&self, order: (u64, u64)) {
        let mut open = self.open.lock();
        open.remove(&order);
        self.look(&open);
    }

    /// A beat is about to be sent.
    pub(super) fn note_beat(&self, number: u64) {
        let mut beats = self.beats.lock();
        if beats.len() >= BEATS {
            beats.pop_first();
        }
        beats.insert(number, Instant::now());
    }

    /// A beat was heard. Answers when it was sent.
    pub(super) fn take_beat(&self, number: u64) -> Option<Instant> {
        let mut beats = self.beats.lock();
        let sent = beats.remove(&number);
        *beats = beats.split_off(&number);
        sent
    }

    fn look(&self, open: &BTreeMap<(u64, u64), u64>) {
        let first = open.values().min().copied().unwrap_or(u64::MAX);
        self.done_by.store(first, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_ends_by_itself_and_is_counted_from_the_beginning_of_what_confirmed_it() {
        let lease = Lease::new();
        let start = lease.start;
        let just_before = LEASE.saturating_sub(Duration::from_millis(1));
        assert!(lease.is_valid_at(start + just_before));
        assert!(!lease.is_valid_at(start + LEASE));
        let began = start + Duration::from_secs(1);
        lease.confirm(began);
        assert!(lease.is_valid_at(began + just_before));
        assert!(!lease.is_valid_at(began + LEASE));
        lease.confirm(start);
        assert!(
            lease.is_valid_at(began + just_before),
            "what began earlier takes nothing away"
        );
    }

    #[test]
    fn an_order_that_is_not_done_ends_it() {
        let lease = Lease::new();
        lease.begin((1, 1));
        lease.begin((1, 2));
        lease.end((1, 1));
        let later = Instant::now() + DONE_WITHIN;
        lease.confirm(later);
        assert!(!lease.is_valid_at(later));
        lease.end((1, 2));
        assert!(lease.is_valid_at(later));
    }

    #[test]
    fn whoever_waits_waits_longer_than_any_lease_can_last() {
        assert!(LEASE + DONE_WITHIN < WAIT);
    }

    #[test]
    fn a_beat_is_taken_once_and_takes_those_before_it_along() {
        let lease = Lease::new();
        for number in 1..=3 {
            lease.note_beat(number);
        }
        assert!(lease.take_beat(2).is_some());
        assert!(lease.take_beat(1).is_none(), "an older one says nothing new");
        assert!(lease.take_beat(2).is_none());
        assert!(lease.take_beat(3).is_some());
    }
}
