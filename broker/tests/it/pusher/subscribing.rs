//! Channels of each kind, and who gets onto them.

use broker::{
    PusherOptions, Settings,
    host::{Happening, Refusal},
};
use serde_json::json;

use crate::house::{
    House,
    pusher::{event, join, join_with, options},
};

#[tokio::test]
async fn a_subscriber_gets_what_is_published_until_it_leaves() {
    let house = House::new();
    let broker = house.broker(Settings::default());
    for channel in ["news", "private-a", "private-encrypted-a", "Aa0_-=@,.;"] {
        let mut here = join(&house, &broker).await;
        let mut aside = join(&house, &broker).await;
        let welcome = here.subscribe(channel).await;
        assert_eq!(welcome.all["data"], "{}", "{channel}");
        aside.subscribe("elsewhere").await;
        let published = broker
            .publish(event(channel, "headline", "{\"a\":1}"))
            .await
            .unwrap();
        assert_eq!(published.recipients, 1);
        here.hears(json!({"event": "headline", "channel": channel, "data": "{\"a\":1}"}))
            .await;
        aside.silence().await;
        here.say(json!({"event": "pusher:unsubscribe", "data": {"channel": channel}}))
            .await;
        here.silence().await;
        let published = broker.publish(event(channel, "headline", "2")).await.unwrap();
        assert_eq!(published.recipients, 0, "{channel}");
        here.silence().await;
        // And back.
        here.subscribe(channel).await;
        broker.publish(event(channel, "headline", "3")).await.unwrap();
        here.hears(json!({"event": "headline", "channel": channel, "data": "3"}))
            .await;
    }
}

#[tokio::test]
async fn a_wrong_signature_is_refused_with_401_and_the_connection_stays() {
    let house = House::new();
    let broker = house.broker(Settings::default());
    let mut pusher = join(&house, &broker).await;
    let mut other = join(&house, &broker).await;
    let data = r#"{"user_id":"anna"}"#;
    for channel in [
        "private-a",
        "presence-a",
        "private-encrypted-a",
        "private-cache-a",
        "presence-cache-a",
        "private-encrypted-cache-a",
    ] {
        let good = pusher.auth(channel, Some(data));
        let (key, signature) = good.split_once(':').unwrap();
        let of_another = other.auth(channel, Some(data));
        let of_another_channel = pusher.auth("private-b", Some(data));
        for auth in [
            None,
            Some(""),
            Some(key),
            Some(signature),
            Some(&*of_another),
            Some(&of_another_channel),
        ] {
            let asked = json!({"channel": channel, "auth": auth, "channel_data": data});
            pusher
                .say(json!({"event": "pusher:subscribe", "data": asked}))
                .await;
            assert_eq!(pusher.is_refused(channel).await, (401, "AuthError".to_owned()));
        }
    }
    pusher.silence().await;
    assert!(broker.channels_here(crate::house::ENDPOINT, "").is_empty());
    // The data counts, byte for byte.
    let auth = pusher.auth("presence-a", Some(data));
    let asked = json!({"channel": "presence-a", "auth": auth, "channel_data": r#"{"user_id":"bert"}"#});
    pusher
        .say(json!({"event": "pusher:subscribe", "data": asked}))
        .await;
    assert_eq!(pusher.is_refused("presence-a").await.0, 401);
    other.silence().await;
}

#[tokio::test]
async fn a_channel_data_that_names_nobody_is_refused() {
    let house = House::new();
    let broker = house.broker(Settings::default());
    let mut pusher = join(&house, &broker).await;
    for data in [
        "",
        "7",
        "{}",
        r#"{"user_id":""}"#,
        r#"{"user_id":1.5}"#,
        &json!({"user_id": "x".repeat(129)}).to_string(),
        &json!({"user_id": "x", "user_info": "i".repeat(1025)}).to_string(),
    ] {
        pusher.ask_signed("presence-a", Some(data)).await;
        assert_eq!(
            pusher.is_refused("presence-a").await,
            (400, "AuthError".to_owned()),
            "{data}"
        );
    }
    pusher.ask_signed("presence-a", None).await;
    assert_eq!(pusher.is_refused("presence-a").await.0, 401);
    pusher.subscribe_as("presence-a", "anna").await;
}

#[tokio::test]
async fn a_name_that_is_none_is_refused() {
    let house = House::new();
    let broker = house.broker(Settings::default());
    let mut pusher = join(&house, &broker).await;
    for name in ["", "a b", "ä", "a/b", "#other", "a#b", &"x".repeat(165)] {
        pusher.ask(name).await;
        assert_eq!(pusher.is_refused(name).await, (400, "InvalidName".to_owned()));
    }
    pusher.ask("#server-to-user-anna").await;
    assert_eq!(pusher.is_refused("#server-to-user-anna").await.0, 401);
    let longest = "x".repeat(164);
    pusher.subscribe(&longest).await;
}

#[tokio::test]
async fn a_good_signature_of_somebody_who_may_not_is_refused_with_403() {
    let house = House::new();
    let broker = house.broker(Settings::default());
    let mut pusher = join(&house, &broker).await;
    *house.unwelcome.lock() = Some(Refusal::ConsentMissing);
    pusher.ask_signed("private-a", None).await;
    assert_eq!(
        pusher.is_refused("private-a").await,
        (403, "AccessRefused".to_owned())
    );
    pusher.ask("news").await;
    assert_eq!(pusher.is_refused("news").await.0, 403);
    *house.unwelcome.lock() = None;
    pusher.subscribe("private-a").await;
}

#[tokio::test]
async fn a_connection_is_on_as_many_channels_as_the_endpoint_says() {
    let house = House::new();
    let broker = house.broker(Settings::default());
    let options = PusherOptions {
        channels: 2,
        ..options()
    };
    let mut pusher = join_with(&broker, house.nobody(), options).await;
    pusher.subscribe("a").await;
    pusher.subscribe("private-b").await;
    pusher.ask("c").await;
    assert_eq!(pusher.is_refused("c").await, (403, "LimitReached".to_owned()));
    // One that it is on already is no other one.
    pusher.subscribe("a").await;
    pusher
        .say(json!({"event": "pusher:unsubscribe", "data": {"channel": "a"}}))
        .await;
    pusher.subscribe("c").await;
}

#[tokio::test]
async fn subscribing_again_is_said_again_and_nothing_comes_twice() {
    let house = House::new();
    let broker = house.broker(Settings::default());
    let mut pusher = join(&house, &broker).await;
    pusher.subscribe("news").await;
    pusher.subscribe("news").await;
    broker.publish(event("news", "e", "1")).await.unwrap();
    pusher.hear("e").await;
    pusher.silence().await;
    assert_eq!(
        broker.channel_here(crate::house::ENDPOINT, "news").subscriptions,
        1
    );
}

#[tokio::test]
async fn the_host_hears_of_channels_that_are_occupied_and_vacated_once() {
    let house = House::new();
    let broker = house.broker(Settings::default());
    let mut first = join(&house, &broker).await;
    let mut second = join(&house, &broker).await;
    first.subscribe("news").await;
    second.subscribe("news").await;
    drop(first.client.socket);
    crate::house::soon(first.client.served).await.unwrap();
    second
        .say(json!({"event": "pusher:unsubscribe", "data": {"channel": "news"}}))
        .await;
    second.silence().await;
    let count = Happening::SubscriptionCount;
    assert_eq!(
        house.happenings("news"),
        [
            Happening::Occupied,
            count(1),
            count(2),
            count(1),
            count(0),
            Happening::Vacated
        ]
    );
}
