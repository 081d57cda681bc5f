//! What was missed comes whole, or it is said that it does not. Nothing is lost between it and what is new.

use std::sync::{Arc, atomic::Ordering};

use broker::{Broker, Scope, Selector, Settings, host::Record};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::house::{
    House, PURPOSE, TENANT, When,
    pusher::{Pusher, arrive, event, join, options},
    soon,
};

async fn publish(broker: &Broker, numbers: impl IntoIterator<Item = i64>) {
    for n in numbers {
        broker.publish(event("news", "e", &n.to_string())).await.unwrap();
    }
}

/// Somebody who says what it has, and what it is told.
async fn recover(house: &House, broker: &Broker, offset: i64, epoch: &str) -> (Pusher, Value) {
    let mut anna = join(house, broker).await;
    let mark = json!({"news": {"offset": offset, "epoch": epoch}});
    anna.hello(json!({"v": 1, "features": ["offsets"], "recover": mark}))
        .await;
    let weir = anna.subscribe("news").await.weir().clone();
    (anna, weir)
}

async fn hears(anna: &mut Pusher, offsets: impl IntoIterator<Item = i64>) {
    for offset in offsets {
        let said = anna.hear("e").await;
        assert_eq!(
            (&said.all["offset"], &said.data),
            (&json!(offset), &json!(offset))
        );
    }
}

fn weir(recovered: bool, missed: u64, top: i64) -> Value {
    json!({"offset": top, "epoch": "e1", "recoverable": true, "recovered": recovered, "missed": missed})
}

#[tokio::test]
async fn what_was_missed_comes_in_order_and_then_what_is_new() {
    let house = House::new();
    let broker = house.recording(Record::Before).broker(Settings::default());
    publish(&broker, 1..=5).await;
    let (mut anna, said) = recover(&house, &broker, 2, "e1").await;
    assert_eq!(said, weir(true, 3, 5));
    hears(&mut anna, 3..=5).await;
    publish(&broker, [6]).await;
    hears(&mut anna, [6]).await;
    let (mut nothing_missed, said) = recover(&house, &broker, 6, "e1").await;
    assert_eq!(said, weir(true, 0, 6));
    nothing_missed.silence().await;
    // In the subscription it counts as well, and a hello is not needed.
    let mut bert = join(&house, &broker).await;
    let asked = json!({"channel": "news", "recover": {"offset": 5, "epoch": "e1"}});
    bert.say(json!({"event": "pusher:subscribe", "data": asked}))
        .await;
    assert_eq!(*bert.succeeds("news").await.weir(), weir(true, 1, 6));
    bert.hears(json!({"event": "e", "channel": "news", "data": "6"}))
        .await;
}

#[tokio::test]
async fn what_cannot_be_whole_is_said_not_to_be() {
    let house = House::new();
    let broker = house.recording(Record::Before).broker(Settings::default());
    // Nothing was ever said here.
    let (_, said) = recover(&house, &broker, 0, "e1").await;
    assert_eq!(
        said,
        json!({"recoverable": true, "recovered": false, "missed": 0})
    );
    publish(&broker, 1..=6).await;
    let (mut other_epoch, said) = recover(&house, &broker, 2, "e0").await;
    assert_eq!(said, weir(false, 0, 6));
    other_epoch.silence().await;
    let (mut future, said) = recover(&house, &broker, 9, "e1").await;
    assert_eq!(said, weir(false, 0, 6));
    future.silence().await;
    house.rewrite("news", |past| {
        past.messages.retain(|message| message.position.offset != 4);
    });
    let (mut gap, said) = recover(&house, &broker, 2, "e1").await;
    assert_eq!(said, weir(false, 3, 6));
    hears(&mut gap, [3, 5, 6]).await;
    let (mut after_gap, said) = recover(&house, &broker, 4, "e1").await;
    assert_eq!(said, weir(true, 2, 6));
    hears(&mut after_gap, [5, 6]).await;
    house.rewrite("news", |past| past.messages.clear());
    let (mut nothing, said) = recover(&house, &broker, 2, "e1").await;
    assert_eq!(said, weir(false, 0, 6));
    publish(&broker, [7]).await;
    hears(&mut nothing, [7]).await;
    house.is_forgetful.store(true, Ordering::Relaxed);
    let (mut unknown, said) = recover(&house, &broker, 7, "e1").await;
    assert_eq!(said, json!({"recoverable": true, "recovered": false}));
    publish(&broker, [8]).await;
    hears(&mut unknown, [8]).await;
}

#[tokio::test]
async fn more_than_a_thousand_or_a_queue_is_not_whole() {
    let house = House::new();
    let broker = house.recording(Record::Before).broker(Settings::default());
    publish(&broker, 1..=1002).await;
    let (mut all, said) = recover(&house, &broker, 2, "e1").await;
    assert_eq!(said, weir(true, 1000, 1002));
    hears(&mut all, 3..=1002).await;
    let (mut some, said) = recover(&house, &broker, 1, "e1").await;
    assert_eq!(said, weir(false, 1000, 1002));
    hears(&mut some, 2..=1001).await;
    publish(&broker, [1003]).await;
    hears(&mut some, [1003]).await;

    let house = House::new();
    let settings = Settings {
        queue_bytes: 1000,
        ..Settings::default()
    };
    let broker = house.recording(Record::Before).broker(settings);
    for _ in 0..10 {
        broker
            .publish(event("news", "e", &"1".repeat(300)))
            .await
            .unwrap();
    }
    let (_, said) = recover(&house, &broker, 0, "e1").await;
    assert_eq!(said["recovered"], false, "{said}");
}

#[tokio::test]
async fn a_message_of_a_purpose_that_is_withdrawn_is_a_gap() {
    let house = House::new();
    let broker = house.recording(Record::Before).broker(Settings::default());
    publish(&broker, [1]).await;
    *house.purpose.lock() = Some(PURPOSE);
    publish(&broker, [2]).await;
    *house.purpose.lock() = None;
    publish(&broker, [3]).await;
    let (mut nobody, said) = recover(&house, &broker, 0, "e1").await;
    assert_eq!(said, weir(false, 2, 3));
    hears(&mut nobody, [1, 3]).await;
}

#[tokio::test]
async fn what_is_counted_in_memory_is_whole_only_where_nothing_was_missed() {
    let house = House::new();
    let broker = house.recording(Record::Never).broker(Settings::default());
    let mut witness = join(&house, &broker).await;
    witness.hello_all().await;
    let epoch = witness.subscribe("news").await.weir()["epoch"]
        .as_str()
        .unwrap()
        .to_owned();
    publish(&broker, 1..=2).await;
    let (mut whole, said) = recover(&house, &broker, 2, &epoch).await;
    let expected = json!({"offset": 2, "epoch": epoch, "recoverable": true, "recovered": true, "missed": 0});
    assert_eq!(said, expected);
    publish(&broker, [3]).await;
    hears(&mut whole, [3]).await;
    let (_, missed) = recover(&house, &broker, 2, &epoch).await;
    assert_eq!(missed["recovered"], false);
    let (_, epoch) = recover(&house, &broker, 3, "other").await;
    assert_eq!(epoch["recovered"], false);
    house.recording(Record::After);
    let (_, nowhere) = recover(&house, &broker, 3, "other").await;
    assert_eq!(nowhere, json!({"recoverable": false, "recovered": false}));
}

/// Somebody for whom the history is being read.
async fn reading(house: &House, broker: &Broker, asked: Value, when: When) -> (Pusher, Arc<Semaphore>) {
    let turn = Arc::new(Semaphore::new(0));
    let mut anna = join(house, broker).await;
    anna.hello(json!({"v": 1, "features": ["offsets"]})).await;
    *house.reading.lock() = Some((when, Arc::clone(&turn)));
    anna.say(json!({"event": "pusher:subscribe", "data": asked}))
        .await;
    crate::house::eventually(|| broker.channel_here(crate::house::ENDPOINT, "news").subscriptions > 0).await;
    (anna, turn)
}

#[tokio::test]
async fn what_is_published_during_a_recovery_is_neither_lost_nor_doubled() {
    for when in [When::BeforeItLooked, When::AfterItLooked] {
        for asked in [
            json!({"channel": "news", "recover": {"offset": 1, "epoch": "e1"}}),
            json!({"channel": "news", "rewind": 2}),
        ] {
            let house = House::new();
            let broker = house.recording(Record::Before).broker(Settings::default());
            publish(&broker, 1..=3).await;
            let (mut anna, turn) = reading(&house, &broker, asked.clone(), when).await;
            publish(&broker, 4..=6).await;
            turn.add_permits(1);
            let said = anna.succeeds("news").await.weir().clone();
            let first = if said["recovered"].is_null() {
                said["offset"].as_i64().unwrap() - 1
            } else {
                2
            };
            hears(&mut anna, first..=6).await;
            publish(&broker, [7]).await;
            hears(&mut anna, [7]).await;
            anna.silence().await;
        }
    }
}

#[tokio::test]
async fn a_new_subscriber_gets_what_comes_after_the_offset_that_it_is_told_and_nothing_before() {
    for when in [When::BeforeItLooked, When::AfterItLooked] {
        let house = House::new();
        let broker = house.recording(Record::Before).broker(Settings::default());
        publish(&broker, 1..=3).await;
        let (mut anna, turn) = reading(&house, &broker, json!({"channel": "news"}), when).await;
        publish(&broker, 4..=6).await;
        turn.add_permits(1);
        let top = anna.succeeds("news").await.weir()["offset"].as_i64().unwrap();
        publish(&broker, [7]).await;
        // Whoever is told 6 and loses the connection comes back with 6: then 6 must not be on its way.
        hears(&mut anna, top + 1..=7).await;
    }
}

#[tokio::test]
async fn whoever_leaves_and_comes_back_gets_nothing_twice() {
    let house = House::new();
    let broker = house.recording(Record::Before).broker(Settings::default());
    publish(&broker, 1..=3).await;
    let (mut anna, _) = recover(&house, &broker, 3, "e1").await;
    anna.say(json!({"event": "pusher:unsubscribe", "data": {"channel": "news"}}))
        .await;
    anna.silence().await;
    publish(&broker, 4..=5).await;
    let turn = Arc::new(Semaphore::new(0));
    *house.reading.lock() = Some((When::BeforeItLooked, Arc::clone(&turn)));
    let asked = json!({"channel": "news", "recover": {"offset": 3, "epoch": "e1"}});
    anna.say(json!({"event": "pusher:subscribe", "data": asked}))
        .await;
    crate::house::eventually(|| broker.channel_here(crate::house::ENDPOINT, "news").subscriptions > 0).await;
    publish(&broker, 6..=7).await;
    turn.add_permits(1);
    assert_eq!(*anna.succeeds("news").await.weir(), weir(true, 4, 7));
    hears(&mut anna, 4..=7).await;
    anna.silence().await;
}

#[tokio::test]
async fn nothing_of_the_past_is_written_after_its_purpose_was_silenced() {
    let house = House::new();
    let broker = house.recording(Record::Before).broker(Settings {
        write_buffer: 512,
        ..Settings::default()
    });
    *house.purpose.lock() = Some(PURPOSE);
    for n in 1..=50 {
        broker
            .publish(event("news", "e", &format!("{n:0>200}")))
            .await
            .unwrap();
    }
    *house.purpose.lock() = None;
    publish(&broker, [51]).await;
    let who = house.somebody();
    let subject = who.subject().unwrap();
    let mut anna = arrive(&broker, who, options(), 1024).await;
    anna.hear("pusher:connection_established").await;
    let asked = json!({"channel": "news", "recover": {"offset": 0, "epoch": "e1"}});
    anna.say(json!({"event": "pusher:subscribe", "data": asked}))
        .await;
    assert_eq!(anna.succeeds("news").await.weir()["recovered"], true);
    // It reads slowly; meanwhile a consent is withdrawn.
    house.withdrawn.lock().insert((Some(subject), Some(PURPOSE)));
    let scope = Scope::Subject(subject);
    let silenced = tokio::spawn({
        let broker = broker.clone();
        async move {
            broker
                .silence(
                    Selector {
                        tenant: TENANT,
                        scope,
                    },
                    PURPOSE,
                )
                .await
        }
    });
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    let mut before = 0;
    while !silenced.is_finished() && before < 50 {
        anna.hear("e").await;
        before += 1;
        tokio::task::yield_now().await;
    }
    let cutoff = soon(silenced).await.unwrap().remove(0);
    let mut after = 0;
    loop {
        let said = anna.hear("e").await;
        if said.data == 51 {
            break;
        }
        after += 1;
    }
    // What was in the pipe when it was answered came before; the rest did not come.
    assert!(before + after < 20, "{before} before, {after} after");
    // The last one, of no purpose, may have left by then too.
    let delivered = before + after..=before + after + 1;
    assert!(
        delivered.contains(&cutoff.delivered),
        "it said where it stood: {cutoff:?}"
    );
    anna.silence().await;
}
