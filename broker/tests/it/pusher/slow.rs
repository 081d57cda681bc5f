//! Sessions that do not read as fast as messages come.

use broker::{Broker, PusherOptions, SessionOptions, Settings, Slow};
use serde_json::json;

use crate::house::{
    House,
    pusher::{Pusher, arrive, event, options},
    soon,
};

const ROUNDS: i64 = 200;

/// Somebody on `news` who does not read for a while, during which many events of three kinds come.
async fn sleeper(house: &House, broker: &Broker, slow: Slow) -> Pusher {
    let options = PusherOptions {
        session: SessionOptions {
            slow,
            ..SessionOptions::default()
        },
        ..options()
    };
    let mut sleeper = arrive(broker, house.nobody(), options, 1024).await;
    sleeper.hear("pusher:connection_established").await;
    sleeper.subscribe("news").await;
    for n in 1..=ROUNDS {
        for kind in ["a", "b", "c"] {
            let data = json!({"n": n, "filling": "x".repeat(50)}).to_string();
            broker.publish(event("news", kind, &data)).await.unwrap();
            tokio::task::yield_now().await;
        }
    }
    sleeper
}

fn settings() -> Settings {
    Settings {
        queue_messages: 16,
        write_buffer: 512,
        ..Settings::default()
    }
}

#[tokio::test]
async fn one_that_is_to_be_disconnected_is() {
    let house = House::new();
    let broker = house.broker(settings());
    let mut sleeper = sleeper(&house, &broker, Slow::Disconnect).await;
    let mut count = 0;
    loop {
        let said = sleeper.next().await;
        if said.event == "pusher:error" {
            assert_eq!(said.data["code"], 4102);
            break;
        }
        count += 1;
    }
    assert!(count < 60, "{count}");
    assert_eq!(sleeper.client.closed().await, 4102);
}

#[tokio::test]
async fn of_one_that_may_miss_something_the_oldest_make_room() {
    let house = House::new();
    let broker = house.broker(settings());
    let mut sleeper = sleeper(&house, &broker, Slow::DropOldest).await;
    let mut heard = Vec::new();
    loop {
        let said = sleeper.next().await;
        heard.push((said.data["n"].as_i64().unwrap(), said.event.clone()));
        if heard.last() == Some(&(ROUNDS, "c".to_owned())) {
            break;
        }
    }
    assert!(heard.len() < 60, "{}", heard.len());
    assert!(heard.is_sorted(), "in order: {heard:?}");
    let newest: Vec<_> = heard[heard.len() - 16..].iter().map(|(n, _)| *n).collect();
    assert_eq!(
        newest,
        [
            195, 196, 196, 196, 197, 197, 197, 198, 198, 198, 199, 199, 199, 200, 200, 200
        ]
    );
    sleeper.silence().await;
}

#[tokio::test]
async fn of_one_that_wants_the_newest_of_each_kind_those_wait() {
    let house = House::new();
    let broker = house.broker(settings());
    let mut sleeper = sleeper(&house, &broker, Slow::Conflate).await;
    let mut heard = Vec::new();
    loop {
        let said = sleeper.next().await;
        heard.push((said.data["n"].as_i64().unwrap(), said.event.clone()));
        if heard.last() == Some(&(ROUNDS, "c".to_owned())) {
            break;
        }
    }
    assert!(heard.len() < 60, "{}", heard.len());
    for kind in ["a", "b", "c"] {
        let of_kind: Vec<_> = heard.iter().filter(|(_, of)| of == kind).collect();
        assert!(of_kind.is_sorted(), "{of_kind:?}");
        assert_eq!(of_kind.last().unwrap().0, ROUNDS, "the newest came");
    }
    sleeper.silence().await;
}

#[tokio::test]
async fn one_that_asks_and_never_reads_is_not_read_either() {
    let house = House::new();
    let broker = house.broker(settings());
    let mut rude = arrive(&broker, house.nobody(), options(), 1024).await;
    rude.hear("pusher:connection_established").await;
    let asking = async {
        loop {
            rude.say(json!({"event": "pusher:ping", "data": {}})).await;
        }
    };
    let asked = tokio::time::timeout(std::time::Duration::from_millis(300), asking).await;
    assert!(asked.is_err(), "it takes no more");
    drop(rude.client.socket);
    soon(rude.client.served).await.unwrap();
}
