//! What webhooks can be told, and how it is written: in Pusher's shape where Pusher has the event, in ours otherwise.
//! docs/webhooks.md shows every one of them.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use entity::{
    connection,
    id::{PurposeId, SubjectId},
};
use serde_json::{Value, json};
use uuid::Uuid;

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $bit:literal, $text:literal;)*) => {
        /// A kind of event. Its number is a bit in `webhook.events` and `webhook_delivery.kinds`, so it never changes.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum EventKind {
            $($(#[$doc])* $variant = 1 << $bit,)*
        }

        impl EventKind {
            /// All of them.
            pub const ALL: &'static [EventKind] = &[$(EventKind::$variant,)*];

            /// The published spelling.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// The kind of a spelling, if it is one.
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

kinds! {
    /// The first subscriber came to a channel.
    ChannelOccupied = 0, "channel_occupied";
    /// The last subscriber left, and nobody came back within seconds.
    ChannelVacated = 1, "channel_vacated";
    /// A member came to a presence channel.
    MemberAdded = 2, "member_added";
    /// A member left, and did not come back within seconds.
    MemberRemoved = 3, "member_removed";
    /// A client published an event.
    ClientEvent = 4, "client_event";
    /// Somebody subscribed to a cache channel that holds nothing.
    CacheMiss = 5, "cache_miss";
    /// The number of subscribers of a channel changed.
    SubscriptionCount = 6, "subscription_count";
    /// A session opened.
    Connected = 7, "connected";
    /// A session ended.
    Disconnected = 8, "disconnected";
    /// Somebody wants to see whether deliveries arrive. Nobody subscribes to it.
    Test = 9, "test";
    /// A person's data were erased: erase them too (GDPR Art. 19).
    SubjectErased = 10, "subject_erased";
    /// Something about a person was corrected: correct it too.
    SubjectRectified = 11, "subject_rectified";
    /// Processing of a person's data is restricted: restrict it too.
    SubjectRestricted = 12, "subject_restricted";
    /// A person withdrew a consent: stop what rested on it.
    ConsentWithdrawn = 13, "consent_withdrawn";
}

impl EventKind {
    /// Its bit.
    pub fn bit(self) -> i32 {
        self as i32
    }

    /// The kinds of a set of bits.
    pub fn of(bits: i32) -> impl Iterator<Item = Self> {
        Self::ALL
            .iter()
            .copied()
            .filter(move |kind| bits & kind.bit() != 0)
    }
}

/// Something that happened on a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happening {
    /// The first subscriber came.
    Occupied,
    /// The last subscriber left.
    Vacated,
    /// A member came, with the first of their connections.
    MemberAdded {
        /// The member's id at the tenant.
        user: Box<str>,
    },
    /// A member left, with the last of their connections.
    MemberRemoved {
        /// The member's id at the tenant.
        user: Box<str>,
    },
    /// A client published an event.
    ClientEvent(ClientEvent),
    /// Somebody subscribed to a cache channel that holds nothing.
    CacheMiss,
    /// The number of subscribers changed.
    SubscriptionCount(u64),
}

/// What a client published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientEvent {
    /// Its name: `client-typing`.
    pub event: Box<str>,
    /// The member, on a presence channel.
    pub user: Option<Box<str>>,
    /// What it says, minimised.
    pub data: Bytes,
    /// The session it came from.
    pub session: Uuid,
    /// The person it is from, if known.
    pub subject: Option<SubjectId>,
    /// What it is processed for.
    pub purpose: Option<PurposeId>,
    /// The handle of its retention class; anything that is no class stands for "no rule keeps it".
    pub class: i64,
}

impl Happening {
    /// Which kind of event it is.
    pub fn kind(&self) -> EventKind {
        match self {
            Self::Occupied => EventKind::ChannelOccupied,
            Self::Vacated => EventKind::ChannelVacated,
            Self::MemberAdded { .. } => EventKind::MemberAdded,
            Self::MemberRemoved { .. } => EventKind::MemberRemoved,
            Self::ClientEvent(_) => EventKind::ClientEvent,
            Self::CacheMiss => EventKind::CacheMiss,
            Self::SubscriptionCount(_) => EventKind::SubscriptionCount,
        }
    }

    /// The kinds that whoever is told this one must be told consistently with: what goes is cancelled by what comes back.
    pub(super) fn paired(&self) -> i32 {
        match self {
            Self::Occupied | Self::Vacated => {
                EventKind::ChannelOccupied.bit() | EventKind::ChannelVacated.bit()
            }
            Self::MemberAdded { .. } | Self::MemberRemoved { .. } => {
                EventKind::MemberAdded.bit() | EventKind::MemberRemoved.bit()
            }
            _ => self.kind().bit(),
        }
    }

    /// The bytes it holds on to while it waits.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::ClientEvent(event) => event.data.len(),
            _ => 0,
        }
    }

    /// As receivers read it.
    pub(super) fn shape(&self, channel: &str) -> Value {
        let name = self.kind().as_str();
        match self {
            Self::Occupied | Self::Vacated | Self::CacheMiss => json!({ "name": name, "channel": channel }),
            Self::MemberAdded { user } | Self::MemberRemoved { user } => {
                json!({ "name": name, "channel": channel, "user_id": user })
            }
            Self::SubscriptionCount(count) => {
                json!({ "name": name, "channel": channel, "subscription_count": count })
            }
            Self::ClientEvent(event) => {
                let mut shape = json!({
                    "name": name,
                    "channel": channel,
                    "event": event.event,
                    // Pusher hands on the text that the client sent. Minimised or not, it is text: binary frames are no events.
                    "data": String::from_utf8_lossy(&event.data),
                    "socket_id": socket_id(event.session),
                });
                if let Some(user) = &event.user {
                    shape["user_id"] = json!(user);
                }
                shape
            }
        }
    }
}

/// A session's name in the Pusher protocol: its UUID as two numbers.
pub(super) fn socket_id(session: Uuid) -> String {
    let (high, low) = session.as_u64_pair();
    format!("{high}.{low}")
}

fn millis(at: DateTime<Utc>) -> i64 {
    at.timestamp_millis()
}

/// That a session opened. Who it is, is added when it is sent.
pub(super) fn connected(row: &connection::Model) -> Value {
    json!({
        "name": EventKind::Connected.as_str(),
        "endpoint_id": row.endpoint_id,
        "session_id": row.id,
        "socket_id": socket_id(row.id.0),
        "connected_ms": millis(row.opened_at),
    })
}

/// That a session ended. Who it was, is added when it is sent.
pub(super) fn disconnected(row: &connection::Model) -> Value {
    json!({
        "name": EventKind::Disconnected.as_str(),
        "endpoint_id": row.endpoint_id,
        "session_id": row.id,
        "socket_id": socket_id(row.id.0),
        "connected_ms": millis(row.opened_at),
        "disconnected_ms": row.closed_at.map(millis),
        "code": row.close_code,
        "reason": row.close_reason.as_deref().unwrap_or_default(),
        "messages_in": row.messages_in,
        "messages_out": row.messages_out,
        "bytes_in": row.bytes_in,
        "bytes_out": row.bytes_out,
    })
}

/// That somebody asked for a delivery.
pub(super) fn test(at: DateTime<Utc>) -> Value {
    json!({ "name": EventKind::Test.as_str(), "asked_ms": millis(at) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_bit_and_a_name_of_its_own() {
        let mut bits = 0;
        for kind in EventKind::ALL {
            assert_eq!(bits & kind.bit(), 0);
            bits |= kind.bit();
            assert_eq!(EventKind::parse(kind.as_str()), Some(*kind));
        }
        assert_eq!(EventKind::of(bits).count(), EventKind::ALL.len());
        assert_eq!(EventKind::parse("channel"), None);
    }

    #[test]
    fn events_have_the_shape_that_receivers_of_pusher_know() {
        assert_eq!(
            Happening::Occupied.shape("room"),
            json!({ "name": "channel_occupied", "channel": "room" })
        );
        let added = Happening::MemberAdded { user: "7".into() };
        assert_eq!(
            added.shape("presence-room"),
            json!({ "name": "member_added", "channel": "presence-room", "user_id": "7" })
        );
        let event = Happening::ClientEvent(ClientEvent {
            event: "client-typing".into(),
            user: Some("7".into()),
            data: Bytes::from_static(b"{\"on\":true}"),
            session: Uuid::from_u64_pair(12, 34),
            subject: None,
            purpose: None,
            class: 0,
        });
        assert_eq!(
            event.shape("presence-room"),
            json!({
                "name": "client_event", "channel": "presence-room", "event": "client-typing",
                "data": "{\"on\":true}", "socket_id": "12.34", "user_id": "7",
            })
        );
    }
}
