//! Cache channels, and numbers of subscribers.

use std::sync::atomic::Ordering;

use broker::{
    PusherOptions, Settings,
    host::{Happening, Source},
};
use serde_json::json;

use crate::house::{
    ENDPOINT, House, PURPOSE, TENANT,
    pusher::{event, event_of, join, join_with, options},
};

fn of(subject: uuid::Uuid) -> Source {
    Source::Tenant {
        tenant: TENANT,
        endpoint: ENDPOINT,
        subject: Some(subject),
        purpose: None,
    }
}

#[tokio::test]
async fn who_comes_late_to_a_cache_channel_gets_the_newest_event_first() {
    let house = House::new();
    let broker = house.broker(Settings::default());
    for channel in ["cache-a", "private-cache-a", "private-encrypted-cache-a"] {
        let mut first = join(&house, &broker).await;
        first.subscribe(channel).await;
        first
            .hears(json!({"event": "pusher:cache_miss", "channel": channel, "data": "{}"}))
            .await;
        broker.publish(event(channel, "price", "1")).await.unwrap();
        broker.publish(event(channel, "price", "2")).await.unwrap();
        let mut late = join(&house, &broker).await;
        late.subscribe(channel).await;
        late.hears(json!({"event": "price", "channel": channel, "data": "2"}))
            .await;
        late.silence().await;
        let misses = house.happenings(channel);
        let misses = misses.iter().filter(|what| **what == Happening::CacheMiss);
        assert_eq!(misses.count(), 1);
        assert_eq!(broker.channel_here(ENDPOINT, channel).cache.unwrap().data, "2");
    }
    let mut member = join(&house, &broker).await;
    member.subscribe_as("presence-cache-a", "anna").await;
    member.hear("pusher:cache_miss").await;
}

#[tokio::test]
async fn what_was_said_to_an_empty_cache_channel_is_kept_and_client_events_are_not() {
    let house = House::new();
    let broker = house.broker(Settings::default());
    broker
        .publish(event("private-cache-a", "price", "1"))
        .await
        .unwrap();
    let mut first = join(&house, &broker).await;
    first.subscribe("private-cache-a").await;
    first.hear("price").await;
    first.publish("private-cache-a", "client-said", json!(2)).await;
    first.silence().await;
    let mut late = join(&house, &broker).await;
    late.subscribe("private-cache-a").await;
    assert_eq!(late.hear("price").await.data, 1);
}

#[tokio::test]
async fn what_is_kept_is_forgotten_with_its_person_and_with_its_time() {
    let house = House::new();
    let broker = house.broker(Settings::default());
    let anna = House::subject_of("anna");
    broker
        .publish(event_of(of(anna), "cache-a", "price", "1"))
        .await
        .unwrap();
    broker.forget(TENANT, House::subject_of("bert"));
    let mut first = join(&house, &broker).await;
    first.subscribe("cache-a").await;
    first.hear("price").await;
    broker.forget(TENANT, anna);
    let mut second = join(&house, &broker).await;
    second.subscribe("cache-a").await;
    second.hear("pusher:cache_miss").await;

    broker.publish(event("cache-a", "price", "2")).await.unwrap();
    house.is_expired.store(true, Ordering::Relaxed);
    let before = house.happenings("cache-a").len();
    let mut third = join(&house, &broker).await;
    third.subscribe("cache-a").await;
    third.hear("pusher:cache_miss").await;
    assert!(house.happenings("cache-a")[before..].contains(&Happening::CacheMiss));
    assert_eq!(broker.channel_here(ENDPOINT, "cache-a").cache, None);
}

#[tokio::test]
async fn what_is_kept_goes_only_to_those_who_may_have_it() {
    let house = House::new();
    let broker = house.broker(Settings::default());
    *house.purpose.lock() = Some(PURPOSE);
    broker.publish(event("cache-a", "offer", "1")).await.unwrap();
    let mut nobody = join(&house, &broker).await;
    nobody.subscribe("cache-a").await;
    nobody.hear("pusher:cache_miss").await;
    let mut anna = join(&house, &broker).await;
    anna.sign_in(json!({"id": "anna"})).await;
    anna.subscribe("cache-a").await;
    anna.hear("offer").await;
    let mut bert = join(&house, &broker).await;
    bert.sign_in(json!({"id": "bert"})).await;
    house
        .withdrawn
        .lock()
        .insert((Some(House::subject_of("bert")), Some(PURPOSE)));
    bert.subscribe("cache-a").await;
    bert.hear("pusher:cache_miss").await;
}

#[tokio::test]
async fn subscribers_hear_how_many_they_are_where_the_endpoint_wants_that() {
    let house = House::new();
    let broker = house.broker(Settings::default());
    let counting = || PusherOptions {
        subscription_counts: true,
        ..options()
    };
    let count = |n| {
        let data = json!({"subscription_count": n}).to_string();
        json!({"event": "pusher_internal:subscription_count", "channel": "news", "data": data})
    };
    let mut first = join_with(&broker, house.nobody(), counting()).await;
    first.subscribe("news").await;
    first.hears(count(1)).await;
    let mut second = join_with(&broker, house.nobody(), counting()).await;
    second.subscribe("news").await;
    second.hears(count(2)).await;
    first.hears(count(2)).await;
    drop(second.client.socket);
    first.hears(count(1)).await;
}

#[tokio::test]
async fn beyond_a_hundred_subscribers_their_number_is_told_now_and_then() {
    let house = House::new();
    let broker = house.broker(Settings::default());
    let counting = || PusherOptions {
        subscription_counts: true,
        ..options()
    };
    let mut first = join_with(&broker, house.nobody(), counting()).await;
    first.subscribe("news").await;
    let mut others = Vec::new();
    for _ in 0..119 {
        let mut other = join_with(&broker, house.nobody(), counting()).await;
        other.subscribe("news").await;
        others.push(other);
    }
    for n in 1..=100 {
        assert_eq!(first.next().await.data["subscription_count"], n);
    }
    // The rest comes as one number, a while later.
    assert_eq!(first.next().await.data["subscription_count"], 120);
}
