//! New ids: time from the clock, the rest from chance, so that a test can repeat them.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use parking_lot::Mutex;
use uuid::Uuid;
use vault::chance::{self, Chance};

use crate::clock::Clock;

/// Makes UUIDs of version 7 (RFC 9562 §5.7) that never go backwards in one process, and message ids.
pub struct Ids {
    clock: Arc<dyn Clock>,
    chance: Arc<dyn Chance>,
    /// Milliseconds and counter of the last UUID: a counter in `rand_a` keeps ids of one millisecond in order.
    last_uuid: Mutex<(u64, u16)>,
    messages: Mutex<MessageIds>,
}

impl Ids {
    /// `node` tells processes that write to the same store apart (0 to 1023).
    pub fn new(clock: Arc<dyn Clock>, chance: Arc<dyn Chance>, node: u16) -> Self {
        Self {
            clock,
            chance,
            last_uuid: Mutex::new((0, 0)),
            messages: Mutex::new(MessageIds::new(node)),
        }
    }

    /// A new id of any of our types.
    pub fn next<T: From<Uuid>>(&self) -> T {
        let millis = u64::try_from(self.clock.now().timestamp_millis()).unwrap_or_default();
        let (millis, counter) = {
            let mut last = self.last_uuid.lock();
            // Twelve bits of counter; when they run out, borrow from the next millisecond.
            *last = match *last {
                (at, _) if millis > at => (millis, 0),
                (at, 0xfff) => (at + 1, 0),
                (at, counter) => (at, counter + 1),
            };
            *last
        };
        let mut random = chance::bytes::<10>(&*self.chance);
        random[..2].copy_from_slice(&counter.to_be_bytes());
        uuid::Builder::from_unix_timestamp_millis(millis, &random)
            .into_uuid()
            .into()
    }

    /// A new message id (see [`MessageId`]), later than every one before.
    pub fn next_message(&self) -> MessageId {
        let now = self.clock.now();
        self.messages.lock().next(now)
    }

    /// Never again gives out a message id up to this one: called at start with the newest stored id, so that a
    /// clock that was set back cannot repeat one.
    pub fn skip_messages_to(&self, newest: MessageId) {
        self.messages.lock().skip_to(newest);
    }
}

/// The id of a message: 41 bits of milliseconds since 2024, 12 bits of sequence, 10 bits of node. Its order is the
/// order of time, so an age is a range of ids. Never used twice: it is also what makes each message's key unique.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(pub i64);

/// 2024-01-01T00:00:00Z in milliseconds since 1970.
const BEGINNING: i64 = 1_704_067_200_000;
const NODE_BITS: u32 = 10;
const SEQUENCE_BITS: u32 = 12;

impl MessageId {
    /// The smallest id of an instant: everything below it is older.
    pub fn first_at(at: DateTime<Utc>) -> Self {
        Self((at.timestamp_millis() - BEGINNING).max(0) << (NODE_BITS + SEQUENCE_BITS))
    }

    /// When the message was recorded, to the millisecond.
    pub fn at(self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis((self.0 >> (NODE_BITS + SEQUENCE_BITS)) + BEGINNING)
            .unwrap_or(DateTime::UNIX_EPOCH)
    }
}

struct MessageIds {
    node: i64,
    /// Milliseconds and sequence of the last id, in one number.
    last: i64,
}

impl MessageIds {
    fn new(node: u16) -> Self {
        Self {
            node: i64::from(node) & ((1 << NODE_BITS) - 1),
            last: 0,
        }
    }

    fn next(&mut self, now: DateTime<Utc>) -> MessageId {
        // A sequence that overflows carries into the milliseconds, which is what we want.
        self.last = (self.last + 1).max((now.timestamp_millis() - BEGINNING).max(0) << SEQUENCE_BITS);
        MessageId((self.last << NODE_BITS) | self.node)
    }

    fn skip_to(&mut self, newest: MessageId) {
        self.last = self.last.max(newest.0 >> NODE_BITS);
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use vault::chance::SeededChance;

    use super::*;
    use crate::clock::FrozenClock;

    fn ids() -> (FrozenClock, Ids) {
        let clock = FrozenClock::at(DateTime::from_timestamp(1_800_000_000, 0).unwrap());
        (
            clock.clone(),
            Ids::new(Arc::new(clock), Arc::new(SeededChance::new(1)), 7),
        )
    }

    #[test]
    fn ids_of_one_instant_are_distinct_and_in_order() {
        let (_, ids) = ids();
        let made: Vec<Uuid> = (0..10_000).map(|_| ids.next()).collect();
        assert!(made.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn message_ids_never_repeat_when_the_clock_goes_back() {
        let (clock, ids) = ids();
        let before = ids.next_message();
        clock.advance(TimeDelta::seconds(-60));
        assert!(ids.next_message() > before);
    }

    #[test]
    fn a_message_id_tells_its_time() {
        let (clock, ids) = ids();
        let id = ids.next_message();
        assert_eq!(id.at(), clock.now());
        assert!(id >= MessageId::first_at(clock.now()));
        assert!(id < MessageId::first_at(clock.now() + TimeDelta::milliseconds(1)));
    }
}
