//! How fast one session may send: so many in a second, and as many at once.

use std::time::Duration;

use tokio::time::Instant;

use crate::options::SessionOptions;

/// A bucket that fills by itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bucket {
    per_second: u32,
    most: u32,
    /// What is left, as the time that it takes to come back.
    debt: Duration,
    at: Instant,
}

impl Bucket {
    /// Takes `per_second`, and at once `most`. `None` where there is no limit.
    pub(crate) fn new(per_second: u32, most: u32) -> Option<Self> {
        (per_second > 0).then(|| Self {
            per_second,
            most: most.max(per_second),
            debt: Duration::ZERO,
            at: Instant::now(),
        })
    }

    /// Whether it has so many; then it has fewer.
    pub(crate) fn takes(&mut self, now: Instant, amount: u32) -> bool {
        self.debt = self.debt.saturating_sub(now.saturating_duration_since(self.at));
        self.at = now;
        let cost = |amount: u32| Duration::from_secs(1) * amount / self.per_second;
        let debt = self.debt + cost(amount);
        let takes = debt <= cost(self.most);
        if takes {
            self.debt = debt;
        }
        takes
    }
}

/// What a session may send.
#[derive(Debug)]
pub(crate) struct Pace {
    messages: Option<Bucket>,
    bytes: Option<Bucket>,
}

impl Pace {
    /// `None` where there is no limit.
    pub(crate) fn of(options: &SessionOptions) -> Option<Self> {
        // The largest message passes, however small the limit.
        let largest = u32::try_from(options.max_message).unwrap_or(u32::MAX);
        let pace = Self {
            messages: Bucket::new(options.messages_per_second, 0),
            bytes: Bucket::new(options.bytes_per_second, largest),
        };
        (pace.messages.is_some() || pace.bytes.is_some()).then_some(pace)
    }

    /// Whether a message of so many bytes may come now.
    pub(crate) fn takes(&mut self, now: Instant, bytes: usize) -> bool {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.messages.as_mut().is_none_or(|bucket| bucket.takes(now, 1))
            && self.bytes.as_mut().is_none_or(|bucket| bucket.takes(now, bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_takes_a_second_of_them_at_once_and_then_as_many_in_a_second() {
        let start = Instant::now();
        let mut bucket = Bucket::new(10, 0).unwrap();
        let taken = |bucket: &mut Bucket, at| (0..100).filter(|_| bucket.takes(at, 1)).count();
        assert_eq!(taken(&mut bucket, start), 10);
        assert_eq!(taken(&mut bucket, start + Duration::from_millis(500)), 5);
        assert_eq!(taken(&mut bucket, start + Duration::from_mins(1)), 10);
        assert!(Bucket::new(0, 5).is_none());
    }

    #[test]
    fn the_largest_message_passes_however_small_the_limit() {
        let mut pace = Pace::of(&SessionOptions {
            max_message: 1000,
            bytes_per_second: 10,
            ..SessionOptions::default()
        })
        .unwrap();
        let start = Instant::now();
        assert!(pace.takes(start, 1000));
        assert!(!pace.takes(start + Duration::from_secs(50), 1000));
        assert!(pace.takes(start + Duration::from_secs(100), 1000));
        assert!(Pace::of(&SessionOptions::default()).is_none());
    }
}
