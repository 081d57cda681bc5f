//! Whoever leaves may come right back: a lost connection, a page that is loaded again. Goings are held back for a few
//! seconds, and cancelled together with the coming that undoes them. Pure: time is an argument.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use entity::id::{EndpointId, TenantId};
use tokio::time::Instant;

use super::{events::Happening, hooks::Happened};

/// What is held back at most. Beyond it, goings are told at once.
const MOST: usize = 200_000;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    tenant: TenantId,
    endpoint: EndpointId,
    channel: Arc<str>,
    user: Option<Box<str>>,
}

impl Key {
    fn of(happened: &Happened) -> Self {
        Self {
            tenant: happened.tenant,
            endpoint: happened.endpoint,
            channel: happened.channel.clone(),
            user: match &happened.what {
                Happening::MemberAdded { user } | Happening::MemberRemoved { user } => Some(user.clone()),
                _ => None,
            },
        }
    }
}

/// What is held back.
#[derive(Debug, Default)]
pub(super) struct Lingering {
    /// When it is due, and which of those due then.
    held: HashMap<Key, (Instant, u64)>,
    due: BTreeMap<(Instant, u64), Happened>,
    count: u64,
}

impl Lingering {
    /// Passes an event on, holds it back until `due`, or cancels it together with one that is held back.
    pub(super) fn take(&mut self, happened: Happened, due: Instant) -> Option<Happened> {
        match &happened.what {
            Happening::Vacated | Happening::MemberRemoved { .. } => {
                if self.held.len() >= MOST {
                    return Some(happened);
                }
                let key = Key::of(&happened);
                if self.held.contains_key(&key) {
                    return None;
                }
                self.count += 1;
                self.held.insert(key, (due, self.count));
                self.due.insert((due, self.count), happened);
                None
            }
            Happening::Occupied | Happening::MemberAdded { .. } => {
                match self.held.remove(&Key::of(&happened)) {
                    Some(place) => {
                        self.due.remove(&place);
                        None
                    }
                    None => Some(happened),
                }
            }
            _ => Some(happened),
        }
    }

    /// When the next one is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.due.first_key_value().map(|((at, _), _)| *at)
    }

    /// What is due.
    pub(super) fn due(&mut self, now: Instant) -> Vec<Happened> {
        let later = self.due.split_off(&(now, u64::MAX));
        let due = std::mem::replace(&mut self.due, later);
        due.into_values()
            .inspect(|happened| {
                self.held.remove(&Key::of(happened));
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chrono::DateTime;
    use uuid::Uuid;

    use super::*;

    fn happened(channel: &str, what: Happening) -> Happened {
        Happened {
            tenant: TenantId(Uuid::nil()),
            endpoint: EndpointId(Uuid::nil()),
            channel: Arc::from(channel),
            what,
            at: DateTime::UNIX_EPOCH,
        }
    }

    fn channels(events: &[Happened]) -> Vec<&str> {
        events.iter().map(|event| &*event.channel).collect()
    }

    #[test]
    fn what_comes_back_in_time_was_never_gone() {
        let (mut lingering, now) = (Lingering::default(), Instant::now());
        let due = now + Duration::from_secs(3);
        assert!(lingering.take(happened("a", Happening::Occupied), due).is_some());
        assert!(lingering.take(happened("a", Happening::Vacated), due).is_none());
        assert!(lingering.take(happened("b", Happening::Vacated), due).is_none());
        assert!(lingering.take(happened("a", Happening::Occupied), due).is_none());
        assert!(lingering.due(now + Duration::from_secs(2)).is_empty());
        assert_eq!(lingering.next(), Some(due));
        assert_eq!(channels(&lingering.due(due)), ["b"]);
        assert_eq!(lingering.next(), None);
        // Too late: it was told as gone, so it is told as come.
        assert!(lingering.take(happened("b", Happening::Occupied), due).is_some());
    }

    #[test]
    fn a_member_is_not_their_channel_and_not_another_member() {
        let (mut lingering, due) = (Lingering::default(), Instant::now());
        let removed = |user: &str| Happening::MemberRemoved { user: user.into() };
        let added = |user: &str| Happening::MemberAdded { user: user.into() };
        for what in [Happening::Vacated, removed("ada"), removed("bob")] {
            assert!(lingering.take(happened("presence-a", what), due).is_none());
        }
        assert!(
            lingering
                .take(happened("presence-a", added("ada")), due)
                .is_none()
        );
        assert!(
            lingering
                .take(happened("presence-b", added("bob")), due)
                .is_some()
        );
        let left = lingering.due(due);
        assert_eq!(
            left.iter().map(|event| &event.what).collect::<Vec<_>>(),
            [&Happening::Vacated, &removed("bob")]
        );
    }

    #[test]
    fn other_events_pass() {
        let (mut lingering, due) = (Lingering::default(), Instant::now());
        for what in [Happening::CacheMiss, Happening::SubscriptionCount(3)] {
            assert!(lingering.take(happened("a", what), due).is_some());
        }
    }
}
