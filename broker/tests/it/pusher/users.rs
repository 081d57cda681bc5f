//! Signing in, watching each other, and being ended by name.

use broker::{Settings, host::Refusal};
use serde_json::json;

use crate::house::{
    ENDPOINT, House, TENANT,
    pusher::{event, join, join_with, options},
    soon,
};

#[tokio::test]
async fn whoever_signs_in_hears_what_is_sent_to_the_user() {
    let house = House::new();
    let broker = house.broker(Settings::default());
    let mut anna = join(&house, &broker).await;
    let mut bert = join(&house, &broker).await;
    anna.sign_in(json!({"id": "anna"})).await;
    bert.sign_in(json!({"id": 7})).await;
    assert_eq!(anna.client.who.subject(), Some(House::subject_of("anna")));
    broker
        .publish(event("#server-to-user-anna", "hi", "1"))
        .await
        .unwrap();
    anna.hears(json!({"event": "hi", "channel": "#server-to-user-anna", "data": "1"}))
        .await;
    bert.silence().await;
    broker
        .publish(event("#server-to-user-7", "hi", "2"))
        .await
        .unwrap();
    bert.hear("hi").await;
    // There is no way off one's own channel, and signing in again changes nothing.
    anna.say(json!({"event": "pusher:unsubscribe", "data": {"channel": "#server-to-user-anna"}}))
        .await;
    anna.sign_in(json!({"id": "anna"})).await;
    broker
        .publish(event("#server-to-user-anna", "hi", "3"))
        .await
        .unwrap();
    anna.hear("hi").await;
    anna.silence().await;
}

#[tokio::test]
async fn a_wrong_signature_or_another_user_ends_the_connection_with_4009() {
    let house = House::new();
    let broker = house.broker(Settings::default());
    let data = r#"{"id":"anna"}"#;
    let mut anna = join(&house, &broker).await;
    let auth = anna.auth("private-a", None);
    anna.say(json!({"event": "pusher:signin", "data": {"auth": auth, "user_data": data}}))
        .await;
    anna.ends(4009).await;

    let mut other = join(&house, &broker).await;
    other.sign_in(json!({"id": "anna"})).await;
    other.ask_sign_in(r#"{"id":"bert"}"#).await;
    other.ends(4009).await;

    let mut token = join_with(&broker, house.somebody(), options()).await;
    token.ask_sign_in(data).await;
    token.ends(4009).await;
    assert_eq!(broker.channels_here(ENDPOINT, "").len(), 0);
}

#[tokio::test]
async fn a_user_data_that_was_signed_and_says_nothing_is_told_what_is_wrong_with_it() {
    let house = House::new();
    let broker = house.broker(Settings::default());
    for data in ["{}", "x", r#"{"id":""}"#, r#"{"id":null}"#] {
        let mut anna = join(&house, &broker).await;
        anna.ask_sign_in(data).await;
        let message = anna.ends(4009).await;
        assert!(message.contains("user"), "{data}: {message}");
    }
}

#[tokio::test]
async fn whoever_is_not_to_be_here_is_closed_when_they_sign_in() {
    for (refusal, code) in [
        (Refusal::Gone, 4033),
        (Refusal::Restricted, 4032),
        (Refusal::Unavailable, 1013),
    ] {
        let house = House::new();
        let broker = house.broker(Settings::default());
        let mut anna = join(&house, &broker).await;
        *house.unknown.lock() = Some(refusal);
        anna.ask_sign_in(r#"{"id":"anna"}"#).await;
        assert_eq!(anna.client.closed().await, code, "{refusal:?}");
    }
    // Known, and withdrawn.
    let house = House::new();
    let broker = house.broker(Settings::default());
    let mut anna = join(&house, &broker).await;
    *house.may_stay.lock() = Err(Refusal::ConsentMissing);
    anna.ask_sign_in(r#"{"id":"anna"}"#).await;
    assert_eq!(anna.client.closed().await, 4030);
}

#[tokio::test]
async fn every_connection_of_a_user_is_terminated_and_no_other() {
    let house = House::new();
    let broker = house.broker(Settings::default());
    let mut first = join(&house, &broker).await;
    let mut second = join(&house, &broker).await;
    let mut bert = join(&house, &broker).await;
    first.sign_in(json!({"id": "anna"})).await;
    second.sign_in(json!({"id": "anna"})).await;
    bert.sign_in(json!({"id": "bert"})).await;
    assert_eq!(broker.terminate_user(TENANT, ENDPOINT, "cleo").await, 0);
    let terminated = tokio::spawn({
        let broker = broker.clone();
        async move { broker.terminate_user(TENANT, ENDPOINT, "anna").await }
    });
    first.ends(4009).await;
    second.ends(4009).await;
    assert_eq!(soon(terminated).await.unwrap(), 2);
    assert_eq!(broker.terminate_user(TENANT, ENDPOINT, "anna").await, 0);
    bert.silence().await;
}

#[tokio::test]
async fn those_who_watch_hear_of_coming_and_going_once_per_user() {
    let house = House::new();
    let broker = house.broker(Settings::default());
    let watching = |name: &str, who: &str| json!({"events": [{"name": name, "user_ids": [who]}]});
    let mut bert = join(&house, &broker).await;
    bert.sign_in(json!({"id": "bert"})).await;
    let mut anna = join(&house, &broker).await;
    anna.sign_in(json!({"id": "anna", "watchlist": ["bert", "cleo", "anna"]}))
        .await;
    let online = anna.hear("pusher_internal:watchlist_events").await;
    let there = json!({"events": [{"name": "online", "user_ids": ["anna", "bert"]}]});
    assert!(
        online.data == watching("online", "bert") || online.data == there,
        "{:?}",
        online.data
    );
    let mut cleo = join(&house, &broker).await;
    cleo.sign_in(json!({"id": "cleo"})).await;
    let online = anna.hear("pusher_internal:watchlist_events").await;
    assert_eq!(online.data, watching("online", "cleo"));
    let mut cleo_again = join(&house, &broker).await;
    cleo_again.sign_in(json!({"id": "cleo"})).await;
    anna.silence().await;
    drop(cleo.client.socket);
    soon(cleo.client.served).await.unwrap();
    anna.silence().await;
    drop(cleo_again.client.socket);
    soon(cleo_again.client.served).await.unwrap();
    let offline = anna.hear("pusher_internal:watchlist_events").await;
    assert_eq!(offline.data, watching("offline", "cleo"));
    bert.silence().await;
}

#[tokio::test]
async fn of_a_long_watchlist_the_first_hundred_are_watched() {
    let house = House::new();
    let broker = house.broker(Settings::default());
    let mut anna = join(&house, &broker).await;
    let users: Vec<_> = (0..101).map(|n| format!("user{n}")).collect();
    anna.sign_in(json!({"id": "anna", "watchlist": users})).await;
    assert_eq!(anna.hear("pusher:error").await.data["code"], 4302);
    let mut last = join(&house, &broker).await;
    last.sign_in(json!({"id": "user100"})).await;
    anna.silence().await;
    let mut watched = join(&house, &broker).await;
    watched.sign_in(json!({"id": "user99"})).await;
    anna.hear("pusher_internal:watchlist_events").await;
}
