use std::time::Duration;

use broker::{Close, Settings};
use futures_util::{SinkExt, StreamExt};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

use crate::house::{House, connect, connect_with, options, post, soon, tenant, text};

fn hasty() -> Settings {
    Settings {
        ping_every: Duration::from_millis(60),
        pong_within: Duration::from_millis(40),
        tick: Duration::from_millis(5),
        ..Settings::default()
    }
}

#[tokio::test]
async fn who_answers_pings_stays() {
    let house = House::new();
    let broker = house.broker(hasty());
    let mut client = connect(&house, &broker).await;
    let mut pings = 0;
    let end = Instant::now() + Duration::from_millis(500);
    while let Ok(message) = tokio::time::timeout_at(end, client.socket.next()).await {
        assert!(message.unwrap().unwrap().is_ping());
        pings += 1;
    }
    assert!((5..=10).contains(&pings), "{pings} pings");
    assert!(!client.served.is_finished());
}

#[tokio::test]
async fn a_ping_is_answered_at_once_though_nothing_else_happens() {
    let house = House::new();
    let broker = house.broker(Settings::default());
    let mut client = connect(&house, &broker).await;
    client.socket.send(Message::Ping("hello".into())).await.unwrap();
    let answer = tokio::time::timeout(Duration::from_secs(5), client.socket.next()).await;
    assert_eq!(answer.unwrap().unwrap().unwrap(), Message::Pong("hello".into()));
}

#[tokio::test]
async fn who_does_not_answer_is_closed() {
    let house = House::new();
    let broker = house.broker(hasty());
    let mut client = connect(&house, &broker).await;
    // A client that is not polled answers nothing.
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert_eq!(client.closed().await, 4201);
}

#[tokio::test]
async fn a_write_that_nobody_takes_is_not_waited_for() {
    let house = House::new();
    let settings = Settings {
        write_timeout: Duration::from_millis(60),
        ..Settings::default()
    };
    let broker = house.broker(settings);
    let client = connect_with(&broker, house.somebody(), options(), 64).await;
    let words = text(&"x".repeat(1000));
    broker
        .publish(post(tenant(), &"main".into(), words))
        .await
        .unwrap();
    assert_eq!(soon(client.served).await.unwrap(), Close::SLOW_CONSUMER);
}

#[tokio::test]
async fn a_session_ends_with_its_token() {
    let house = House::new();
    let broker = house.broker(Settings::default());
    let expires_at = Some(Instant::now() + Duration::from_millis(50));
    let mut options = options();
    options.session.expires_at = expires_at;
    let mut client = connect_with(&broker, house.somebody(), options, 1024).await;
    assert_eq!(client.closed().await, 4203);
}

#[tokio::test]
async fn a_close_that_is_never_answered_is_not_waited_for() {
    let house = House::new();
    let settings = Settings {
        close_timeout: Duration::from_millis(50),
        ..Settings::default()
    };
    let broker = house.broker(settings);
    let expires_at = Some(Instant::now());
    let mut options = options();
    options.session.expires_at = expires_at;
    let client = connect_with(&broker, house.somebody(), options, 1024).await;
    assert_eq!(soon(client.served).await.unwrap().code, 4203);
}
