//! What clients say to each other.

use broker::{
    PusherOptions, Settings,
    host::{Happening, JournalFault, Label, Record, Refusal},
};
use serde_json::json;

use crate::house::{
    House,
    pusher::{join, join_with, options},
};

#[tokio::test]
async fn everybody_but_the_sender_hears_it_with_the_data_as_it_was_said() {
    for record in [Record::Never, Record::After, Record::Before] {
        let house = House::new();
        let broker = house.recording(record).broker(Settings::default());
        let mut anna = join(&house, &broker).await;
        let mut bert = join(&house, &broker).await;
        anna.subscribe("private-chat").await;
        bert.subscribe("private-chat").await;
        for (data, heard) in [
            (json!("plain"), "plain"),
            (json!({"a": [1, 2]}), r#"{"a":[1,2]}"#),
            (json!(7), "7"),
            (json!(null), "null"),
            (json!("\"quoted\" \u{1f600}\n"), "\"quoted\" \u{1f600}\n"),
        ] {
            anna.publish("private-chat", "client-said", data).await;
            let expected = json!({"event": "client-said", "channel": "private-chat", "data": heard});
            bert.hears(expected).await;
        }
        anna.silence().await;
        let happened = house.happenings("private-chat");
        let told = happened
            .iter()
            .filter(|what| matches!(what, Happening::ClientEvent { session, .. } if *session == anna.client.who.session));
        assert_eq!(told.count(), 5, "{record:?}");
    }
}

#[tokio::test]
async fn on_a_presence_channel_it_says_who_said_it() {
    let house = House::new();
    let broker = house.broker(Settings::default());
    let mut anna = join(&house, &broker).await;
    let mut bert = join(&house, &broker).await;
    bert.subscribe_as("presence-chat", "bert").await;
    anna.subscribe_as("presence-chat", "anna").await;
    bert.hear("pusher_internal:member_added").await;
    anna.say(json!({"event": "client-said", "channel": "presence-chat", "data": "x", "user_id": "bert"}))
        .await;
    let expected =
        json!({"event": "client-said", "channel": "presence-chat", "data": "x", "user_id": "anna"});
    bert.hears(expected).await;
    let label = Label {
        event: "client-said".into(),
        user: Some("anna".into()),
    };
    assert!(house.happenings("presence-chat").iter().any(
        |what| matches!(what, Happening::ClientEvent { label: said, subject, .. }
            if **said == label && *subject == Some(House::subject_of("anna")))
    ));
}

#[tokio::test]
async fn it_passes_on_private_and_presence_channels_of_subscribers_only() {
    let house = House::new();
    let broker = house.broker(Settings::default());
    let mut anna = join(&house, &broker).await;
    let mut witness = join(&house, &broker).await;
    for channel in ["news", "cache-news", "private-encrypted-a"] {
        anna.subscribe(channel).await;
        if channel.starts_with("cache-") {
            anna.hear("pusher:cache_miss").await;
        }
        witness.subscribe(channel).await;
        if channel.starts_with("cache-") {
            witness.hear("pusher:cache_miss").await;
        }
        anna.publish(channel, "client-said", json!(1)).await;
        assert!(anna.hear("pusher:error").await.data["code"].is_null());
    }
    witness.subscribe("private-a").await;
    anna.publish("private-a", "client-said", json!(1)).await;
    anna.hear("pusher:error").await;
    anna.publish("#server-to-user-bert", "client-said", json!(1))
        .await;
    anna.hear("pusher:error").await;
    witness.silence().await;

    let off = PusherOptions {
        client_events: false,
        ..options()
    };
    let mut mute = join_with(&broker, house.nobody(), off).await;
    mute.subscribe("private-a").await;
    mute.publish("private-a", "client-said", json!(1)).await;
    mute.hear("pusher:error").await;
    witness.silence().await;
}

#[tokio::test]
async fn too_many_are_refused_with_4301_and_the_connection_stays() {
    let house = House::new();
    let broker = house.broker(Settings::default());
    let three = PusherOptions {
        client_events_per_second: 3,
        ..options()
    };
    let mut anna = join_with(&broker, house.nobody(), three).await;
    let mut bert = join(&house, &broker).await;
    anna.subscribe("private-chat").await;
    bert.subscribe("private-chat").await;
    for n in 0..5 {
        anna.publish("private-chat", "client-said", json!(n)).await;
    }
    for _ in 0..2 {
        assert_eq!(anna.hear("pusher:error").await.data["code"], 4301);
    }
    for n in 0..3 {
        assert_eq!(bert.hear("client-said").await.data, n);
    }
    bert.silence().await;
    tokio::time::sleep(std::time::Duration::from_millis(400)).await;
    anna.publish("private-chat", "client-said", json!("later")).await;
    assert_eq!(bert.hear("client-said").await.data, "later");
}

#[tokio::test]
async fn an_event_with_an_id_is_answered_where_the_client_wants_that() {
    for record in [Record::Never, Record::Before, Record::After] {
        let house = House::new();
        let broker = house.recording(record).broker(Settings::default());
        let mut anna = join(&house, &broker).await;
        anna.subscribe("private-chat").await;
        let said = json!({"event": "client-said", "channel": "private-chat", "data": 1, "id": "m1"});
        anna.say(said.clone()).await;
        anna.silence().await;
        anna.hello(json!({"v": 1, "features": ["acks"]})).await;
        anna.say(said).await;
        let ack = anna.hear("weir:ack").await;
        assert_eq!((&ack.data["id"], &ack.data["offset"]), (&json!("m1"), &json!(2)));
        assert_eq!(ack.data["recorded"], record != Record::Never, "{record:?}");
        assert!(ack.data["epoch"].is_string());
    }
}

#[tokio::test]
async fn an_event_that_nobody_got_is_told_with_its_code() {
    let house = House::new();
    let broker = house.recording(Record::Before).broker(Settings::default());
    let mut anna = join(&house, &broker).await;
    let mut bert = join(&house, &broker).await;
    anna.hello(json!({"v": 1, "features": ["acks"]})).await;
    anna.subscribe("private-chat").await;
    bert.subscribe("private-chat").await;
    let said = |channel: &str| json!({"event": "client-said", "channel": channel, "data": 1, "id": "m"});
    for (refusal, code) in [
        (Refusal::ConsentMissing, 4030),
        (Refusal::Restricted, 4032),
        (Refusal::NotAllowed, 1008),
        (Refusal::TooLarge, 1009),
    ] {
        *house.refusal.lock() = Some(refusal);
        anna.say(said("private-chat")).await;
        assert_eq!(anna.hear("weir:nack").await.data["code"], code);
    }
    *house.refusal.lock() = None;
    for (fault, code) in [(JournalFault::Full, 4100), (JournalFault::Failed, 1011)] {
        *house.fault.lock() = Some(fault);
        anna.say(said("private-chat")).await;
        let nack = anna.hear("weir:nack").await;
        assert_eq!(
            (&nack.data["id"], &nack.data["code"]),
            (&json!("m"), &json!(code))
        );
    }
    *house.fault.lock() = None;
    anna.say(said("private-other")).await;
    assert_eq!(anna.hear("weir:nack").await.data["code"], 1008);
    bert.silence().await;
    anna.silence().await;
}

#[tokio::test]
async fn answers_come_in_the_order_of_the_events_however_many_wait() {
    let house = House::new();
    let broker = house.recording(Record::Before).broker(Settings::default());
    let mut anna = join(&house, &broker).await;
    anna.hello(json!({"v": 1, "features": ["acks"]})).await;
    anna.subscribe("private-chat").await;
    for n in 0..200 {
        anna.say(json!({"event": "client-said", "channel": "private-chat", "data": n, "id": n.to_string()}))
            .await;
    }
    for n in 0..200 {
        let ack = anna.hear("weir:ack").await;
        assert_eq!(
            (&ack.data["id"], &ack.data["offset"]),
            (&json!(n.to_string()), &json!(n + 1))
        );
    }
}
