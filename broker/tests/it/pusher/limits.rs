//! Limits, and ends.

use std::time::Duration;

use broker::{Close, Drained, Notice, PusherOptions, Scope, Selector, SessionOptions, Settings};
use serde_json::json;
use tokio::time::Instant;

use crate::house::{
    ENDPOINT, House, PURPOSE, TENANT,
    pusher::{Pusher, event, join, join_with, options},
    soon,
};

fn only(pusher: &Pusher) -> Selector {
    Selector {
        tenant: TENANT,
        scope: Scope::Session(pusher.client.who.session),
    }
}

#[tokio::test]
async fn whoever_sends_too_fast_is_closed_with_4100() {
    for session in [
        SessionOptions {
            messages_per_second: 5,
            ..SessionOptions::default()
        },
        SessionOptions {
            max_message: 200,
            bytes_per_second: 100,
            ..SessionOptions::default()
        },
    ] {
        let house = House::new();
        let broker = house.broker(Settings::default());
        let options = PusherOptions { session, ..options() };
        let mut anna = join_with(&broker, house.nobody(), options).await;
        for _ in 0..10 {
            anna.say(json!({"event": "client-x", "channel": "private-a", "data": 1}))
                .await;
        }
        let mut refused = 0;
        let code = loop {
            let said = anna.hear("pusher:error").await;
            if !said.data["code"].is_null() {
                break said.data["code"].clone();
            }
            refused += 1;
        };
        assert_eq!(code, 4100);
        assert!(refused <= 5, "{refused}");
        assert_eq!(anna.client.closed().await, 4100);
    }
}

#[tokio::test]
async fn a_message_that_is_too_large_is_closed_with_1009() {
    let house = House::new();
    let broker = house.broker(Settings::default());
    let options = PusherOptions {
        session: SessionOptions {
            max_message: 100,
            ..SessionOptions::default()
        },
        ..options()
    };
    let mut anna = join_with(&broker, house.nobody(), options).await;
    anna.say(json!({"event": "x", "data": "x".repeat(100)})).await;
    assert_eq!(anna.client.closed().await, 1009);
}

#[tokio::test]
async fn who_says_not_who_it_is_in_time_is_closed_with_4009() {
    let house = House::new();
    let settings = || Settings {
        tick: Duration::from_millis(10),
        ..Settings::default()
    };
    let broker = house.broker(settings());
    let within = || PusherOptions {
        authenticate_within: Some(Duration::from_millis(200)),
        ..options()
    };
    let start = Instant::now();
    let mut silent = join_with(&broker, house.nobody(), within()).await;
    let mut public = join_with(&broker, house.nobody(), within()).await;
    let mut private = join_with(&broker, house.nobody(), within()).await;
    let mut member = join_with(&broker, house.nobody(), within()).await;
    let mut user = join_with(&broker, house.nobody(), within()).await;
    let mut token = join_with(&broker, house.somebody(), within()).await;
    public.subscribe("news").await;
    public.ask("private-a").await;
    public.is_refused("private-a").await;
    private.subscribe("private-a").await;
    member.subscribe_as("presence-a", "anna").await;
    user.sign_in(json!({"id": "anna"})).await;
    silent.ends(4009).await;
    public.ends(4009).await;
    assert!(start.elapsed() >= Duration::from_millis(200));
    tokio::time::sleep(Duration::from_millis(300)).await;
    for pusher in [&mut private, &mut member, &mut user, &mut token] {
        pusher.silence().await;
    }
}

#[tokio::test]
async fn an_expired_token_ends_the_connection_with_4203() {
    let house = House::new();
    let broker = house.broker(Settings {
        tick: Duration::from_millis(10),
        ..Settings::default()
    });
    let options = PusherOptions {
        session: SessionOptions {
            expires_at: Some(Instant::now() + Duration::from_millis(100)),
            ..SessionOptions::default()
        },
        ..options()
    };
    let mut anna = join_with(&broker, house.somebody(), options).await;
    assert_eq!(anna.client.closed().await, 4203);
}

#[tokio::test]
async fn a_notice_comes_before_the_end_that_it_announces_and_only_to_those_who_asked() {
    let house = House::new();
    let broker = house.broker(Settings::default());
    for (notice, close, kind, purpose) in [
        (
            Notice::ConsentWithdrawn {
                purpose: "newsletter".into(),
            },
            Close::CONSENT_WITHDRAWN,
            "consent_withdrawn",
            Some("newsletter"),
        ),
        (
            Notice::ProcessingRestricted,
            Close::PROCESSING_RESTRICTED,
            "processing_restricted",
            None,
        ),
        (
            Notice::SubjectErased,
            Close::SUBJECT_ERASED,
            "subject_erased",
            None,
        ),
    ] {
        let mut asked = join_with(&broker, house.somebody(), options()).await;
        let mut plain = join_with(&broker, house.somebody(), options()).await;
        asked.hello(json!({"v": 1, "features": ["notices"]})).await;
        asked.subscribe("news").await;
        plain.subscribe("news").await;
        broker.publish(event("news", "e", "1")).await.unwrap();
        asked.hear("e").await;
        plain.hear("e").await;
        for pusher in [&mut asked, &mut plain] {
            broker.notify(only(pusher), notice.clone());
        }
        let both = [only(&asked), only(&plain)];
        let ended = tokio::spawn({
            let (broker, close) = (broker.clone(), close.clone());
            async move {
                for one in both {
                    broker.disconnect(one, close.clone()).await;
                }
            }
        });
        let said = asked.hear("weir:notice").await;
        let mut expected = json!({"kind": kind});
        if let Some(purpose) = purpose {
            expected["purpose"] = json!(purpose);
        }
        assert_eq!(said.data, expected);
        asked.ends(close.code).await;
        plain.ends(close.code).await;
        soon(ended).await.unwrap();
    }
}

#[tokio::test]
async fn a_silenced_purpose_stops_and_comes_back_with_a_notice_each_time() {
    let house = House::new();
    let broker = house.broker(Settings::default());
    let who = house.somebody();
    let withdrawn = (who.subject(), Some(PURPOSE));
    let mut anna = join_with(&broker, who, options()).await;
    anna.hello(json!({"v": 1, "features": ["notices"]})).await;
    anna.subscribe("news").await;
    *house.purpose.lock() = Some(PURPOSE);
    let purpose: Box<str> = "newsletter".into();
    house.withdrawn.lock().insert(withdrawn);
    let notice = Notice::ConsentWithdrawn {
        purpose: purpose.clone(),
    };
    broker.notify(only(&anna), notice);
    broker.silence(only(&anna), PURPOSE).await;
    assert_eq!(
        broker.publish(event("news", "e", "1")).await.unwrap().recipients,
        0
    );
    assert_eq!(anna.hear("weir:notice").await.data["kind"], "consent_withdrawn");
    anna.silence().await;
    house.withdrawn.lock().remove(&withdrawn);
    broker.notify(only(&anna), Notice::ConsentGiven { purpose });
    broker.publish(event("news", "e", "2")).await.unwrap();
    assert_eq!(anna.hear("weir:notice").await.data["kind"], "consent_given");
    assert_eq!(anna.hear("e").await.data, 2);
}

#[tokio::test]
async fn a_drain_delivers_what_waits_and_sends_everybody_elsewhere() {
    let house = House::new();
    let broker = house.broker(Settings::default());
    let mut anna = join(&house, &broker).await;
    anna.subscribe("news").await;
    for _ in 0..10 {
        broker.publish(event("news", "e", "1")).await.unwrap();
    }
    let drain = tokio::spawn({
        let broker = broker.clone();
        async move { broker.drain(Duration::from_secs(5)).await }
    });
    for _ in 0..10 {
        anna.hear("e").await;
    }
    assert_eq!(anna.client.closed().await, 4200);
    assert_eq!(soon(drain).await.unwrap(), Drained { told: 1, cut: 0 });
    // Who comes now is not greeted first.
    let mut late = crate::house::pusher::arrive(&broker, house.nobody(), options(), 4096).await;
    assert_eq!(late.client.drain().await, (0, 4200));
    assert_eq!(broker.count_endpoint(ENDPOINT), 0);
}
