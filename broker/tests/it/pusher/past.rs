//! What is added to the protocol, for those who ask: offsets, expiry, rewind, history.

use std::sync::atomic::Ordering;

use broker::{Settings, host::Record};
use serde_json::json;

use crate::house::{
    House, PURPOSE,
    pusher::{Pusher, event, join},
};

/// Asks for a piece of a channel's past.
async fn history(pusher: &mut Pusher, channel: &str, data: serde_json::Value) -> serde_json::Value {
    pusher
        .say(json!({"event": "weir:history", "channel": channel, "data": data}))
        .await;
    let said = pusher.hear("weir:history").await;
    assert_eq!(said.all["channel"], channel);
    said.data
}

fn offsets(history: &serde_json::Value) -> Vec<i64> {
    let messages = history["messages"].as_array().unwrap();
    messages
        .iter()
        .map(|message| message["offset"].as_i64().unwrap())
        .collect()
}

#[tokio::test]
async fn a_hello_is_answered_with_what_there_is() {
    let house = House::new();
    let broker = house.broker(Settings::default());
    let mut anna = join(&house, &broker).await;
    let welcome = anna
        .hello(json!({"v": 1, "features": ["expiry", "telepathy", "offsets"]}))
        .await;
    let session = anna.client.who.session;
    let expected = json!({"v": 1, "features": ["offsets", "expiry"], "session": session});
    assert_eq!(welcome.data, expected);
    let none = anna.hello(json!({"v": 1})).await;
    assert_eq!(none.data["features"], json!([]));
}

#[tokio::test]
async fn offsets_and_expiry_are_for_those_who_asked() {
    for record in [Record::Before, Record::Never] {
        let house = House::new();
        let broker = house.recording(record).broker(Settings::default());
        *house.expires_at.lock() = Some(1_790_000_000_000);
        let mut plain = join(&house, &broker).await;
        let mut offsets = join(&house, &broker).await;
        let mut expiry = join(&house, &broker).await;
        let mut all = join(&house, &broker).await;
        offsets.hello(json!({"v": 1, "features": ["offsets"]})).await;
        expiry.hello(json!({"v": 1, "features": ["expiry"]})).await;
        all.hello_all().await;
        for pusher in [&mut plain, &mut offsets, &mut expiry, &mut all] {
            pusher.subscribe("news").await;
        }
        broker.publish(event("news", "e", "1")).await.unwrap();
        let bare = json!({"event": "e", "channel": "news", "data": "1"});
        plain.hears(bare.clone()).await;
        let positioned = offsets.hear("e").await.all;
        assert_eq!(
            (&positioned["offset"], &positioned["expires_at"]),
            (&json!(1), &json!(null))
        );
        let epoch = positioned["epoch"].as_str().unwrap().to_owned();
        let mut expiring = bare.clone();
        expiring["expires_at"] = json!(1_790_000_000_000_i64);
        expiry.hears(expiring.clone()).await;
        expiring["offset"] = json!(1);
        expiring["epoch"] = json!(epoch);
        all.hears(expiring).await;
    }
    let house = House::new();
    let broker = house.recording(Record::After).broker(Settings::default());
    let mut all = join(&house, &broker).await;
    all.hello_all().await;
    let welcome = all.subscribe("news").await;
    assert_eq!(*welcome.weir(), json!({"recoverable": false}));
    broker.publish(event("news", "e", "1")).await.unwrap();
    all.hears(json!({"event": "e", "channel": "news", "data": "1"}))
        .await;
}

#[tokio::test]
async fn a_subscriber_that_said_hello_learns_where_the_channel_stands() {
    let house = House::new();
    let broker = house.recording(Record::Before).broker(Settings::default());
    let mut anna = join(&house, &broker).await;
    anna.hello_all().await;
    assert_eq!(
        *anna.subscribe("empty").await.weir(),
        json!({"recoverable": true})
    );
    for n in 1..=3 {
        broker.publish(event("news", "e", &n.to_string())).await.unwrap();
    }
    let welcome = anna.subscribe("news").await;
    assert_eq!(
        *welcome.weir(),
        json!({"offset": 3, "epoch": "e1", "recoverable": true})
    );
    anna.silence().await;
    let mut plain = join(&house, &broker).await;
    assert_eq!(plain.subscribe("news").await.all["data"], "{}");
}

#[tokio::test]
async fn a_rewind_brings_the_newest_without_a_claim() {
    let house = House::new();
    let broker = house.recording(Record::Before).broker(Settings::default());
    for n in 1..=5 {
        broker.publish(event("news", "e", &n.to_string())).await.unwrap();
    }
    let mut anna = join(&house, &broker).await;
    anna.hello(json!({"v": 1, "features": ["offsets"], "rewind": {"news": 2}}))
        .await;
    let welcome = anna.subscribe("news").await;
    let expected = json!({"offset": 5, "epoch": "e1", "recoverable": true, "missed": 2});
    assert_eq!(*welcome.weir(), expected);
    for n in [4, 5] {
        assert_eq!(anna.hear("e").await.all["offset"], n);
    }
    broker.publish(event("news", "e", "6")).await.unwrap();
    assert_eq!(anna.hear("e").await.all["offset"], 6);
    // In the subscription it counts too, without a hello.
    let mut bert = join(&house, &broker).await;
    bert.say(json!({"event": "pusher:subscribe", "data": {"channel": "news", "rewind": 1}}))
        .await;
    assert_eq!(bert.succeeds("news").await.weir()["missed"], 1);
    bert.hears(json!({"event": "e", "channel": "news", "data": "6"}))
        .await;
}

#[tokio::test]
async fn a_rewind_that_is_too_much_brings_the_newest_of_it() {
    let house = House::new();
    let settings = Settings {
        queue_bytes: 4000,
        ..Settings::default()
    };
    let broker = house.recording(Record::Before).broker(settings);
    for n in 1..=10 {
        broker
            .publish(event("news", "e", &format!("{n:0>300}")))
            .await
            .unwrap();
    }
    let mut anna = join(&house, &broker).await;
    anna.hello(json!({"v": 1, "features": ["offsets"], "rewind": {"news": 8}}))
        .await;
    let missed = anna.subscribe("news").await.weir()["missed"].as_i64().unwrap();
    assert!((1..=3).contains(&missed), "{missed}");
    for offset in 11 - missed..=10 {
        assert_eq!(anna.hear("e").await.all["offset"], offset);
    }
    anna.silence().await;
}

#[tokio::test]
async fn history_is_answered_with_what_is_readable_and_whether_it_is_complete() {
    let house = House::new();
    let broker = house.recording(Record::Before).broker(Settings::default());
    *house.expires_at.lock() = Some(77);
    let mut anna = join(&house, &broker).await;
    anna.subscribe("news").await;
    for n in 1..=5 {
        broker.publish(event("news", "e", &n.to_string())).await.unwrap();
        anna.hear("e").await;
    }
    let all = history(&mut anna, "news", json!({"id": "h1", "after": 0, "limit": 100})).await;
    assert_eq!(
        (&all["id"], &all["epoch"], &all["top"]),
        (&json!("h1"), &json!("e1"), &json!(5))
    );
    assert_eq!(
        (offsets(&all), &all["complete"]),
        (vec![1, 2, 3, 4, 5], &json!(true))
    );
    let first = &all["messages"][0];
    assert_eq!(
        *first,
        json!({"event": "e", "data": "1", "offset": 1, "expires_at": 77})
    );
    let some = history(&mut anna, "news", json!({"id": "h", "after": 1, "limit": 2})).await;
    assert_eq!((offsets(&some), &some["complete"]), (vec![2, 3], &json!(true)));
    let newest = history(&mut anna, "news", json!({"id": "h", "limit": 2})).await;
    assert_eq!(
        (offsets(&newest), &newest["complete"]),
        (vec![4, 5], &json!(true))
    );
    let nothing = history(&mut anna, "news", json!({"id": "h", "after": 5, "limit": 2})).await;
    assert_eq!((offsets(&nothing), &nothing["complete"]), (vec![], &json!(true)));

    house.rewrite("news", |past| {
        past.messages.retain(|message| message.position.offset != 3);
    });
    let gap = history(&mut anna, "news", json!({"id": "h", "after": 1, "limit": 10})).await;
    assert_eq!((offsets(&gap), &gap["complete"]), (vec![2, 4, 5], &json!(false)));
    house.rewrite("news", |past| past.messages.clear());
    let gone = history(&mut anna, "news", json!({"id": "h", "after": 1, "limit": 10})).await;
    assert_eq!((offsets(&gone), &gone["complete"]), (vec![], &json!(false)));
    house.is_forgetful.store(true, Ordering::Relaxed);
    anna.say(json!({"event": "weir:history", "channel": "news", "data": {"id": "h", "limit": 1}}))
        .await;
    let refused = anna.hear("pusher:error").await;
    assert_eq!(refused.all["data"]["id"], "h");
}

#[tokio::test]
async fn history_of_a_purpose_is_for_those_who_may_have_it() {
    let house = House::new();
    let broker = house.recording(Record::Before).broker(Settings::default());
    let mut anna = join(&house, &broker).await;
    anna.sign_in(json!({"id": "anna"})).await;
    anna.subscribe("news").await;
    broker.publish(event("news", "e", "1")).await.unwrap();
    *house.purpose.lock() = Some(PURPOSE);
    broker.publish(event("news", "e", "2")).await.unwrap();
    anna.hear("e").await;
    anna.hear("e").await;
    let withdrawn = (Some(House::subject_of("anna")), Some(PURPOSE));
    house.withdrawn.lock().insert(withdrawn);
    let some = history(&mut anna, "news", json!({"id": "h", "after": 0, "limit": 10})).await;
    assert_eq!(offsets(&some), [1]);
}

#[tokio::test]
async fn where_nothing_is_recorded_there_is_no_history() {
    let house = House::new();
    let broker = house.recording(Record::Never).broker(Settings::default());
    let mut anna = join(&house, &broker).await;
    anna.subscribe("news").await;
    broker.publish(event("news", "e", "1")).await.unwrap();
    anna.hear("e").await;
    let none = history(&mut anna, "news", json!({"id": "h", "limit": 10})).await;
    assert_eq!(none["messages"], json!([]));
    let none = history(&mut anna, "news", json!({"id": "h", "after": 0, "limit": 10})).await;
    assert_eq!(none["complete"], false, "one message was there");
}
