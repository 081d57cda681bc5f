//! What an endpoint lets its sessions do, and how many of them there may be.

use entity::endpoint::{self, SlowConsumer};
use sea_orm::Set;
use serde::Deserialize;

use crate::error::Faults;

/// The limits of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Whether clients may publish `client-` events.
    pub client_events: bool,
    /// Client events per session and second; 0: any number.
    pub client_events_per_second: i32,
    /// Whether subscribers hear how many there are on a channel.
    pub subscription_counts: bool,
    /// Members of one presence channel.
    pub presence_members: i32,
    /// Channels that one session may be on.
    pub channels_per_session: i32,
    /// What happens when a session does not read as fast as messages come for it.
    pub slow_consumer: SlowConsumer,
    /// Open connections on the endpoint; none: as many as the tenant has.
    pub max_connections: Option<i32>,
    /// Open connections of one person on the endpoint.
    pub max_connections_per_subject: Option<i32>,
    /// Open connections from one address on the endpoint.
    pub max_connections_per_address: Option<i32>,
    /// Messages from one session per second; 0: any number.
    pub messages_per_second: i32,
    /// Payload bytes from one session per second; 0: any number.
    pub bytes_per_second: i32,
    /// Seconds in which a session must say whose it is; none: only where a consent has to be known, then
    /// [`AUTHENTICATE_WITHIN`].
    pub authenticate_within_seconds: Option<i32>,
}

/// Seconds that a session has to say whose it is on an endpoint whose purpose waits for consent, when nothing is said.
pub const AUTHENTICATE_WITHIN: i32 = 10;

impl Default for Limits {
    fn default() -> Self {
        Self {
            client_events: true,
            client_events_per_second: 10,
            subscription_counts: false,
            presence_members: 1000,
            channels_per_session: 100,
            slow_consumer: SlowConsumer::Disconnect,
            max_connections: None,
            max_connections_per_subject: None,
            max_connections_per_address: None,
            messages_per_second: 0,
            bytes_per_second: 0,
            authenticate_within_seconds: None,
        }
    }
}

/// Changes of limits: what is none stays; an inner none clears.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "see Limits")]
pub struct LimitsPatch {
    pub client_events: Option<bool>,
    pub client_events_per_second: Option<i32>,
    pub subscription_counts: Option<bool>,
    pub presence_members: Option<i32>,
    pub channels_per_session: Option<i32>,
    pub slow_consumer: Option<SlowConsumer>,
    pub max_connections: Option<Option<i32>>,
    pub max_connections_per_subject: Option<Option<i32>>,
    pub max_connections_per_address: Option<Option<i32>>,
    pub messages_per_second: Option<i32>,
    pub bytes_per_second: Option<i32>,
    pub authenticate_within_seconds: Option<Option<i32>>,
}

macro_rules! each {
    ($do:ident) => {
        $do!(
            client_events,
            client_events_per_second,
            subscription_counts,
            presence_members,
            channels_per_session,
            slow_consumer,
            max_connections,
            max_connections_per_subject,
            max_connections_per_address,
            messages_per_second,
            bytes_per_second,
            authenticate_within_seconds
        )
    };
}

impl Limits {
    /// The limits of a stored endpoint.
    pub fn of(row: &endpoint::Model) -> Self {
        macro_rules! take {
            ($($field:ident),*) => { Self { $($field: row.$field),* } };
        }
        each!(take)
    }

    /// These limits with changes.
    #[must_use]
    pub fn with(self, patch: &LimitsPatch) -> Self {
        macro_rules! change {
            ($($field:ident),*) => { Self { $($field: patch.$field.unwrap_or(self.$field)),* } };
        }
        each!(change)
    }

    pub(super) fn check(&self, faults: &mut Faults, max_message_bytes: i32) {
        let mut within = |field: &'static str, value: i32, range: std::ops::RangeInclusive<i32>| {
            let detail = format!("use {} to {}", range.start(), range.end());
            faults.check(range.contains(&value), field, "out_of_range", detail);
        };
        within(
            "/client_events_per_second",
            self.client_events_per_second,
            0..=10_000,
        );
        within("/presence_members", self.presence_members, 1..=100_000);
        within("/channels_per_session", self.channels_per_session, 1..=10_000);
        within("/messages_per_second", self.messages_per_second, 0..=1_000_000);
        within("/bytes_per_second", self.bytes_per_second, 0..=1 << 30);
        for (field, value) in [
            ("/max_connections", self.max_connections),
            ("/max_connections_per_subject", self.max_connections_per_subject),
            ("/max_connections_per_address", self.max_connections_per_address),
        ] {
            within(field, value.unwrap_or(1), 1..=10_000_000);
        }
        let within_seconds = self.authenticate_within_seconds.unwrap_or(1);
        within("/authenticate_within_seconds", within_seconds, 1..=3600);
        faults.check(
            self.bytes_per_second <= 0 || self.bytes_per_second >= max_message_bytes,
            "/bytes_per_second",
            "out_of_range",
            "a message of max_message_bytes could never pass: use at least as many, or 0 for any number",
        );
    }

    pub(super) fn fill(self, row: &mut endpoint::ActiveModel) {
        macro_rules! fill {
            ($($field:ident),*) => { $( row.$field = Set(self.$field); )* };
        }
        each!(fill);
    }
}

impl LimitsPatch {
    /// Without what is so already.
    #[must_use]
    pub fn beyond(self, current: &Limits) -> Self {
        macro_rules! differing {
            ($($field:ident),*) => { Self { $($field: self.$field.filter(|wanted| *wanted != current.$field)),* } };
        }
        each!(differing)
    }

    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Writes the changes into the row; adds the names of the fields.
    pub(super) fn apply(self, row: &mut endpoint::ActiveModel, changed: &mut Vec<&'static str>) {
        macro_rules! apply {
            ($($field:ident),*) => { $(
                if let Some(value) = self.$field {
                    row.$field = Set(value);
                    changed.push(stringify!($field));
                }
            )* };
        }
        each!(apply);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(limits: Limits) -> String {
        let mut faults = Faults::default();
        limits.check(&mut faults, 65_536);
        faults
            .finish()
            .err()
            .map(|error| format!("{error:?}"))
            .unwrap_or_default()
    }

    #[test]
    fn the_defaults_are_valid_and_a_patch_of_nothing_changes_nothing() {
        assert_eq!(faults(Limits::default()), "");
        let limits = Limits::default();
        assert_eq!(limits.with(&LimitsPatch::default()), limits);
        assert!(LimitsPatch::default().is_empty());
    }

    #[test]
    fn each_fault_names_its_field() {
        let wrong = Limits {
            client_events_per_second: -1,
            presence_members: 0,
            channels_per_session: 10_001,
            max_connections: Some(0),
            max_connections_per_subject: Some(-5),
            max_connections_per_address: Some(i32::MAX),
            messages_per_second: -1,
            bytes_per_second: 100,
            authenticate_within_seconds: Some(0),
            ..Limits::default()
        };
        let told = faults(wrong);
        for field in [
            "/client_events_per_second",
            "/presence_members",
            "/channels_per_session",
            "/max_connections\"",
            "/max_connections_per_subject",
            "/max_connections_per_address",
            "/messages_per_second",
            "/bytes_per_second",
            "/authenticate_within_seconds",
        ] {
            assert!(told.contains(field), "{field} in {told}");
        }
    }

    #[test]
    fn a_patch_knows_what_it_would_change() {
        let current = Limits::default();
        let patch = LimitsPatch {
            presence_members: Some(1000),
            max_connections: Some(Some(5)),
            ..LimitsPatch::default()
        };
        let beyond = patch.beyond(&current);
        assert_eq!(beyond.presence_members, None);
        assert_eq!(current.with(&beyond).max_connections, Some(5));
        assert!(patch.beyond(&current.with(&patch)).is_empty());
    }
}
