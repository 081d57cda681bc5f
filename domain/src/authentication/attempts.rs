//! Guessing made slow: after some attempts that failed, the next has to wait, twice as long each time.
//!
//! Counted in memory, per process, and by fingerprint: whom somebody tried to be is in no dump and no log.

use std::{collections::HashMap, net::IpAddr, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::Mutex;
use vault::token;

use crate::error::{Error, Result};

/// What is being guessed or asked for too often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    SignIn,
    PasswordReset,
    EmailVerification,
}

/// Who stands at the door.
#[derive(Clone, Copy, Debug)]
pub(crate) enum By<'a> {
    /// An e-mail address, normalised.
    Email(&'a str),
    /// A network address: many people may share one, so it gets more attempts.
    Address(IpAddr),
}

impl By<'_> {
    fn free(self) -> u32 {
        match self {
            Self::Email(_) => 5,
            Self::Address(_) => 20,
        }
    }

    fn key(self, door: Door) -> [u8; 32] {
        token::fingerprint(&match self {
            Self::Email(email) => format!("{door:?} email {email}"),
            Self::Address(address) => format!("{door:?} address {}", network(address)),
        })
    }
}

/// Whoever has one IPv6 address has the whole /64.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) & !u128::from(u64::MAX)).into()),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// The longest wait: enough to make guessing pointless, short enough that nobody can lock somebody else out for good.
const LONGEST: TimeDelta = TimeDelta::minutes(5);
/// What lies this far back does not count any more.
const FORGOTTEN: TimeDelta = TimeDelta::hours(1);
const MAX: usize = 50_000;

struct Tried {
    times: u32,
    last: DateTime<Utc>,
    next: DateTime<Utc>,
}

/// Attempts of the last hour.
#[derive(Default)]
pub(crate) struct Attempts(Mutex<HashMap<[u8; 32], Tried>>);

impl Attempts {
    /// Counts an attempt, or refuses it while its wait lasts. Counted before its outcome is known, so that many at
    /// once are counted too.
    pub(crate) fn begin(&self, door: Door, who: &[By<'_>], now: DateTime<Utc>) -> Result<()> {
        let mut tried = self.0.lock();
        if tried.len() >= MAX {
            tried.retain(|_, tried| now - tried.last < FORGOTTEN);
            if tried.len() >= MAX {
                // Better to forget those who tried little than to let memory grow.
                tried.retain(|_, tried| tried.next > now);
            }
        }
        let wait = who
            .iter()
            .filter_map(|by| tried.get(&by.key(door)))
            .map(|tried| tried.next - now)
            .max();
        if let Some(wait) = wait
            .and_then(|wait| wait.to_std().ok())
            .filter(|wait| !wait.is_zero())
        {
            return Err(Error::TooMany { retry_after: wait });
        }
        for by in who {
            let entry = tried.entry(by.key(door)).or_insert(Tried {
                times: 0,
                last: now,
                next: now,
            });
            if now - entry.last >= FORGOTTEN {
                entry.times = 0;
            }
            entry.times = entry.times.saturating_add(1);
            entry.last = now;
            entry.next = now + wait_after(entry.times, by.free());
        }
        Ok(())
    }

    /// The attempt went well: the name starts afresh, and the address has one attempt less against it (not none, or an
    /// account of one's own would make guessing at others free).
    pub(crate) fn went_well(&self, door: Door, who: &[By<'_>], now: DateTime<Utc>) {
        let mut tried = self.0.lock();
        for by in who {
            let key = by.key(door);
            match by {
                By::Email(_) => {
                    tried.remove(&key);
                }
                By::Address(_) => {
                    if let Some(entry) = tried.get_mut(&key) {
                        entry.times = entry.times.saturating_sub(1);
                        entry.next = now;
                    }
                }
            }
        }
    }
}

fn wait_after(times: u32, free: u32) -> TimeDelta {
    match times.checked_sub(free) {
        None => TimeDelta::zero(),
        Some(over) => TimeDelta::from_std(Duration::from_secs(1 << over.min(20)))
            .unwrap_or(LONGEST)
            .min(LONGEST),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(error: Result<()>) -> u64 {
        match error {
            Err(Error::TooMany { retry_after }) => retry_after.as_secs(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn after_five_failures_the_wait_doubles_until_one_goes_well() {
        let attempts = Attempts::default();
        let who = [By::Email("a@example.org")];
        let mut now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        for _ in 0..5 {
            attempts.begin(Door::SignIn, &who, now).unwrap();
        }
        assert_eq!(wait(attempts.begin(Door::SignIn, &who, now)), 1);
        now += TimeDelta::seconds(1);
        attempts.begin(Door::SignIn, &who, now).unwrap();
        assert_eq!(wait(attempts.begin(Door::SignIn, &who, now)), 2);
        // Another door and another name are not concerned.
        attempts.begin(Door::PasswordReset, &who, now).unwrap();
        attempts
            .begin(Door::SignIn, &[By::Email("b@example.org")], now)
            .unwrap();
        now += TimeDelta::seconds(2);
        attempts.begin(Door::SignIn, &who, now).unwrap();
        attempts.went_well(Door::SignIn, &who, now);
        attempts.begin(Door::SignIn, &who, now).unwrap();
        attempts.begin(Door::SignIn, &who, now).unwrap();
    }

    #[test]
    fn neighbours_in_an_ipv6_network_count_as_one() {
        let address = |text: &str| By::Address(text.parse().unwrap()).key(Door::SignIn);
        assert_eq!(address("2001:db8::1"), address("2001:db8::ffff:2"));
        assert_ne!(address("2001:db8::1"), address("2001:db8:0:1::1"));
        assert_eq!(address("192.0.2.1"), address("::ffff:192.0.2.1"));
        assert_ne!(address("192.0.2.1"), address("192.0.2.2"));
    }

    #[test]
    fn the_longest_wait_is_five_minutes() {
        assert_eq!(wait_after(4, 5), TimeDelta::zero());
        assert_eq!(wait_after(5, 5), TimeDelta::seconds(1));
        assert_eq!(wait_after(u32::MAX, 5), LONGEST);
    }
}
