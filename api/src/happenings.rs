//! What happens on channels, in the domain's words.

use broker::host::Happening as Broker;
use domain::webhooks::{ClientEvent, Happening};
use entity::id::{PurposeId, SubjectId};

/// What the broker noticed, as webhooks are told.
pub fn told(what: Broker) -> Happening {
    match what {
        Broker::Occupied => Happening::Occupied,
        Broker::Vacated => Happening::Vacated,
        Broker::MemberAdded { user } => Happening::MemberAdded { user },
        Broker::MemberRemoved { user } => Happening::MemberRemoved { user },
        Broker::ClientEvent {
            label,
            data,
            session,
            subject,
            purpose,
            class,
        } => Happening::ClientEvent(ClientEvent {
            event: label.event.clone(),
            user: label.user.clone(),
            data,
            session,
            subject: subject.map(SubjectId),
            purpose: purpose.map(PurposeId),
            class,
        }),
        Broker::CacheMiss => Happening::CacheMiss,
        Broker::SubscriptionCount(count) => Happening::SubscriptionCount(count),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use broker::host::Label;
    use bytes::Bytes;
    use domain::webhooks::EventKind;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_client_event_keeps_whose_it_is_and_what_it_says() {
        let (session, person, purpose) = (Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3));
        let what = told(Broker::ClientEvent {
            label: Arc::new(Label {
                event: "client-typing".into(),
                user: Some("ada".into()),
            }),
            data: Bytes::from_static(b"{}"),
            session,
            subject: Some(person),
            purpose: Some(purpose),
            class: 7,
        });
        let expected = ClientEvent {
            event: "client-typing".into(),
            user: Some("ada".into()),
            data: Bytes::from_static(b"{}"),
            session,
            subject: Some(SubjectId(person)),
            purpose: Some(PurposeId(purpose)),
            class: 7,
        };
        assert_eq!(what, Happening::ClientEvent(expected));
        assert_eq!(
            told(Broker::SubscriptionCount(2)).kind(),
            EventKind::SubscriptionCount
        );
    }
}
