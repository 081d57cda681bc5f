//! How long the law gives for an answer, as data: one [`Profile`] per jurisdiction in `deadlines/jurisdictions.toml`,
//! picked by the tenant; public holidays in `deadlines/holidays.toml`. Another jurisdiction is another entry there; no
//! rule lives outside those files and the arithmetic in here.
//!
//! Days are counted in the tenant's time zone. A holiday that is not known here makes a date early, never late.

mod holidays;
mod span;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::LazyLock};

use chrono::{DateTime, TimeDelta, Utc};
use entity::{request::RequestKind, tenant};
use serde::Deserialize;

pub use holidays::{Region, region, regions};
pub use span::{Calendar, Span};

/// What the clock may stand still for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pause {
    /// The person must prove who they are.
    Identity,
    /// The person must say what they mean.
    Clarification,
}

impl Pause {
    /// The stored and published spelling.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Clarification => "clarification",
        }
    }

    /// The pause of a spelling, if it is one.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Identity, Self::Clarification]
            .into_iter()
            .find(|pause| pause.as_str() == text)
    }
}

/// What one law asks for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Stored with the tenant and with each request.
    pub key: String,
    /// What people call the law.
    pub name: String,
    /// By when the receipt of a request is confirmed, where the law says so.
    pub acknowledge: Option<Span>,
    /// By when a request is answered.
    pub respond: Span,
    /// By when, for some kinds.
    #[serde(default)]
    pub respond_to: BTreeMap<String, Span>,
    /// By how much that may be put off, with notice and reasons; none: not at all.
    pub extend: Option<Span>,
    /// Whether an end on a Saturday, a Sunday or a holiday moves to the next working day.
    pub rolls_to_working_day: bool,
    /// What the clock may stand still for.
    pub pauses: Vec<Pause>,
    /// How long records of requests are kept.
    pub keep_records: Span,
    /// Days before the end on which somebody is reminded, most first.
    pub remind_days: Vec<i64>,
    /// From so many days before the end on, more people are.
    pub escalate_days: i64,
    /// To whom a person can complain; part of refusals and of the answer to an access request.
    pub complaint: String,
    /// What else a person can do against a refusal.
    pub remedy: String,
}

#[derive(Deserialize)]
struct File {
    profile: Vec<Profile>,
}

#[expect(
    clippy::expect_used,
    reason = "the file is part of the program, and a test reads all of it"
)]
static PROFILES: LazyLock<Vec<Profile>> = LazyLock::new(|| {
    toml::from_str::<File>(include_str!("deadlines/jurisdictions.toml"))
        .expect("jurisdictions.toml is well-formed")
        .profile
});

/// The profile of a tenant that says nothing else.
pub const DEFAULT: &str = "gdpr";

/// Every profile there is.
pub fn profiles() -> &'static [Profile] {
    &PROFILES
}

/// The profile with this key.
pub fn profile(key: &str) -> Option<&'static Profile> {
    profiles().iter().find(|profile| profile.key == key)
}

/// The profile with this key, or the first one when a store names one that this program does not know.
pub fn profile_or_default(key: &str) -> &'static Profile {
    profile(key).unwrap_or(&profiles()[0])
}

/// The calendar of a tenant.
pub fn calendar(tenant: &tenant::Model) -> Calendar {
    Calendar {
        zone: tenant.time_zone.parse().unwrap_or(chrono_tz::UTC),
        holidays: tenant.holidays.as_deref().and_then(region),
    }
}

/// Whether this names a time zone (IANA).
pub fn is_time_zone(name: &str) -> bool {
    name.parse::<chrono_tz::Tz>().is_ok()
}

/// What moved the end of a request's time.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// When the request came in.
    pub received_at: DateTime<Utc>,
    /// For how long the clock stood still.
    pub paused: TimeDelta,
    /// Whether the time was extended.
    pub extended: bool,
}

impl Clock {
    /// Nothing did.
    pub fn new(received_at: DateTime<Utc>) -> Self {
        Self {
            received_at,
            paused: TimeDelta::zero(),
            extended: false,
        }
    }
}

impl Profile {
    /// How long the answer to a request of this kind may take.
    pub fn respond_to(&self, kind: RequestKind) -> Span {
        self.respond_to
            .get(kind.as_str())
            .copied()
            .unwrap_or(self.respond)
    }

    /// The last second in which an answer is in time. An extension is counted from receipt together with what it
    /// extends (Art. 12(3) GDPR: one month, extended by two: three months).
    pub fn due_at(&self, clock: &Clock, kind: RequestKind, calendar: &Calendar) -> DateTime<Utc> {
        let rolls = self.rolls_to_working_day;
        let respond = self.respond_to(kind);
        // Whole days, rounded down: early, never late.
        let from = clock.received_at + TimeDelta::days(clock.paused.num_days().max(0));
        let Some(extend) = self.extend.filter(|_| clock.extended) else {
            return respond.ends(from, rolls, calendar);
        };
        match respond.and(extend) {
            Some(both) => both.ends(from, rolls, calendar),
            None => extend.ends(respond.ends(from, false, calendar), rolls, calendar),
        }
    }

    /// By when the receipt is confirmed, where the law says so.
    pub fn acknowledge_by(&self, received_at: DateTime<Utc>, calendar: &Calendar) -> Option<DateTime<Utc>> {
        let within = self.acknowledge?;
        Some(within.ends(received_at, self.rolls_to_working_day, calendar))
    }
}
