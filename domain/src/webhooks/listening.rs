//! Who listens to an endpoint, in memory: the part of a picture that decides whether something that happens costs anything.

use entity::{id::WebhookId, webhook};

use super::events::EventKind;

/// A webhook that is on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hook {
    /// Its id.
    pub(super) id: WebhookId,
    /// Bits of the kinds it wants.
    pub(super) events: i32,
    pub(super) prefix: Option<Box<str>>,
    /// Whether anything is sent; otherwise channels' comings and goings are only kept to be read.
    pub(super) sends: bool,
    /// Names the keys of what no rule keeps.
    pub(super) transit_class: i64,
}

impl Hook {
    /// As stored.
    pub(super) fn of(row: &webhook::Model) -> Self {
        Self {
            id: row.id,
            events: row.events,
            prefix: row.channel_prefix.as_deref().map(Box::from),
            sends: row.url.is_some(),
            transit_class: row.transit_class,
        }
    }

    /// Whether it is to be told. Sessions are on no channel, so no prefix keeps them out.
    pub(super) fn wants(&self, kinds: i32, channel: Option<&str>) -> bool {
        self.events & kinds != 0
            && match (&self.prefix, channel) {
                (Some(prefix), Some(channel)) => channel.starts_with(&**prefix),
                _ => true,
            }
    }
}

/// The webhooks of one endpoint that are on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listening {
    events: i32,
    hooks: Vec<Hook>,
}

impl Listening {
    /// Those of these rows that are on.
    pub(crate) fn new<'a>(rows: impl Iterator<Item = &'a webhook::Model>) -> Self {
        let hooks: Vec<Hook> = rows.filter(|row| row.enabled).map(Hook::of).collect();
        Self {
            events: hooks.iter().fold(0, |bits, hook| bits | hook.events),
            hooks,
        }
    }

    /// Whether anybody wants one of these kinds from this channel.
    pub(crate) fn wants(&self, kinds: i32, channel: Option<&str>) -> bool {
        self.events & kinds != 0 && self.hooks.iter().any(|hook| hook.wants(kinds, channel))
    }

    /// Those that are sent this kind from this channel.
    pub(super) fn receivers(&self, kind: EventKind, channel: Option<&str>) -> impl Iterator<Item = &Hook> {
        self.hooks
            .iter()
            .filter(move |hook| hook.sends && hook.wants(kind.bit(), channel))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hook(events: &[EventKind], prefix: Option<&str>) -> Hook {
        Hook {
            id: WebhookId(uuid::Uuid::nil()),
            events: events.iter().fold(0, |bits, kind| bits | kind.bit()),
            prefix: prefix.map(Box::from),
            sends: true,
            transit_class: 1,
        }
    }

    #[test]
    fn kinds_and_prefixes_are_asked_together() {
        let hooks = vec![
            hook(&[EventKind::ChannelOccupied], Some("presence-")),
            hook(&[EventKind::Connected], Some("presence-")),
        ];
        let listening = Listening {
            events: hooks.iter().fold(0, |bits, hook| bits | hook.events),
            hooks,
        };
        let occupied = EventKind::ChannelOccupied;
        assert!(listening.wants(occupied.bit(), Some("presence-room")));
        assert!(!listening.wants(occupied.bit(), Some("room")));
        assert!(!listening.wants(EventKind::MemberAdded.bit(), Some("presence-room")));
        assert!(listening.wants(EventKind::Connected.bit(), None));
        assert_eq!(listening.receivers(occupied, Some("presence-room")).count(), 1);
        assert!(!Listening::default().wants(occupied.bit(), None));
    }
}
