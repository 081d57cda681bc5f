//! What an operator may turn about webhooks.

use std::time::Duration;

use chrono::TimeDelta;
use serde::Deserialize;

/// Of webhooks: how events are collected, how deliveries are tried again, how long any of it is kept.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Events that may wait to be written down, of all tenants together. Beyond it they are dropped, counted and logged.
    pub queue_events: usize,
    /// Bytes of client events that may wait.
    pub queue_bytes: usize,
    /// Milliseconds in which events are collected into one delivery.
    pub collect_ms: u64,
    /// Events in one delivery at most.
    pub batch_events: usize,
    /// Milliseconds in which somebody who left may come back before anybody is told.
    pub return_within_ms: u64,
    /// The same for those who were there when the process ended.
    pub return_after_restart_ms: u64,
    /// Seconds after which a delivery is tried again: after the first failure, the second, and so on.
    pub retry_seconds: Vec<u64>,
    /// Attempts during which the deliveries behind a failing one wait for it. After that it steps aside.
    pub ordered_attempts: i32,
    /// Hours of nothing but failures after which a webhook is switched off.
    pub disable_after_hours: i64,
    /// Seconds that an attempt may take.
    pub timeout_seconds: u64,
    /// Webhooks served at a time.
    pub concurrency: usize,
    /// Of which so many of one tenant.
    pub per_tenant: usize,
    /// Seconds that what no retention rule keeps may wait for its delivery.
    pub transit_seconds: i64,
    /// Hours in which a delivery can be replayed: until then its events are kept, sealed.
    pub replay_hours: i64,
    /// Days that the log of deliveries is kept, without events.
    pub log_days: i64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            queue_events: 16_384,
            queue_bytes: 16 << 20,
            collect_ms: 100,
            batch_events: 100,
            return_within_ms: 3_000,
            return_after_restart_ms: 10_000,
            // 23 hours and 50 minutes in all.
            retry_seconds: vec![5, 15, 60, 300, 900, 1_800, 3_600, 7_200, 14_400, 28_800, 28_800],
            ordered_attempts: 4,
            disable_after_hours: 120,
            timeout_seconds: 10,
            concurrency: 64,
            per_tenant: 8,
            transit_seconds: 300,
            replay_hours: 72,
            log_days: 30,
        }
    }
}

impl Settings {
    pub(super) fn collect(&self) -> Duration {
        Duration::from_millis(self.collect_ms.max(1))
    }

    pub(super) fn return_within(&self) -> Duration {
        Duration::from_millis(self.return_within_ms)
    }

    pub(super) fn return_after_restart(&self) -> Duration {
        Duration::from_millis(self.return_after_restart_ms)
    }

    /// How long one attempt may take.
    pub fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_seconds.max(1))
    }

    pub(super) fn transit(&self) -> TimeDelta {
        TimeDelta::seconds(self.transit_seconds.max(0))
    }

    pub(super) fn replay(&self) -> TimeDelta {
        TimeDelta::hours(self.replay_hours.max(0))
    }

    pub(super) fn log(&self) -> TimeDelta {
        TimeDelta::days(self.log_days.max(1))
    }

    pub(super) fn disable_after(&self) -> TimeDelta {
        TimeDelta::hours(self.disable_after_hours.max(0))
    }

    /// After how many failures comes what pause; none: no further attempt.
    pub(super) fn pause_after(&self, failures: i32) -> Option<TimeDelta> {
        let index = usize::try_from(failures.checked_sub(1)?).ok()?;
        let seconds = *self.retry_seconds.get(index)?;
        Some(TimeDelta::seconds(
            i64::try_from(seconds).unwrap_or(i64::MAX / 1_000_000),
        ))
    }

    /// What waits longer than this is given up, whatever it waited for: the whole schedule, and an hour for the attempts
    /// themselves and for jitter.
    pub(super) fn give_up_after(&self) -> TimeDelta {
        let schedule: u64 = self.retry_seconds.iter().sum();
        let schedule = TimeDelta::seconds(i64::try_from(schedule).unwrap_or(i64::MAX / 1_000_000));
        schedule + schedule / 5 + TimeDelta::hours(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_end_after_a_day() {
        let settings = Settings::default();
        assert_eq!(settings.pause_after(0), None);
        assert_eq!(settings.pause_after(1), Some(TimeDelta::seconds(5)));
        let pauses: Vec<_> = (1..)
            .map_while(|failures| settings.pause_after(failures))
            .collect();
        assert!(pauses.is_sorted());
        let all: TimeDelta = pauses.iter().sum();
        assert!(all > TimeDelta::hours(23) && all < TimeDelta::hours(24), "{all}");
        assert!(settings.give_up_after() > all);
    }
}
