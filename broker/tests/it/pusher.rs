//! Sockets that speak the Pusher protocol. What is tested here is what docs/protocol.md promises.

mod client_events;
mod keeping;
mod limits;
mod past;
mod presence;
mod recovery;
mod slow;
mod subscribing;
mod users;

use broker::{Close, Settings};
use futures_util::SinkExt;
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::house::{
    House,
    pusher::{Pusher, arrive, join, join_with, options},
    soon,
};

#[tokio::test]
async fn whoever_comes_is_greeted_with_the_session_as_socket_id() {
    let house = House::new();
    let broker = house.broker(Settings::default());
    let mut pusher = arrive(&broker, house.nobody(), options(), 4096).await;
    let greeting = pusher.hear("pusher:connection_established").await;
    let expected = json!({"socket_id": pusher.socket_id, "activity_timeout": 120});
    assert_eq!(greeting.data, expected);
    assert!(greeting.all["data"].is_string(), "encoded twice");
    let id = pusher.client.who.session.as_u64_pair();
    assert_eq!(pusher.socket_id, format!("{}.{}", id.0, id.1));
    pusher.silence().await;
    pusher.client.socket.close(None).await.unwrap();
    soon(pusher.client.served).await.unwrap();
    assert!(house.identified.lock().is_empty());
    assert_eq!(house.end_of(pusher.client.who.session).0.code, 1005);
}

#[tokio::test]
async fn what_means_nothing_is_answered_and_the_connection_stays() {
    let house = House::new();
    let broker = house.broker(Settings::default());
    let mut pusher = join(&house, &broker).await;
    let deep = format!(
        r#"{{"event":"pusher:ping","data":{}{}}}"#,
        "[".repeat(64),
        "]".repeat(64)
    );
    let long = format!(r#"{{"event":"{}"}}"#, "e".repeat(201));
    for nonsense in [
        "",
        "hello",
        "[]",
        "{}",
        r#"{"event":7}"#,
        r#"{"event":""}"#,
        r#"{"event":"pusher:ping","event":"pusher:ping"}"#,
        r#"{"event":"pusher:subscribe"}"#,
        r#"{"event":"pusher:subscribe","data":{"channel":7}}"#,
        r#"{"event":"pusher:subscribe","data":"not json"}"#,
        r#"{"event":"pusher:signin","data":{"auth":"x"}}"#,
        r#"{"event":"client-x","data":1}"#,
        r#"{"event":"weir:hello","data":{"v":"one"}}"#,
        r#"{"event":"weir:hello","data":{"v":2}}"#,
        r#"{"event":"weir:history","channel":"a","data":{"id":"","limit":1}}"#,
        r#"{"event":"weir:history","channel":"a","data":{"id":"h","limit":1}}"#,
        &deep,
        &long,
    ] {
        pusher.client.say(nonsense).await;
        let error = pusher.hear("pusher:error").await;
        assert!(error.all["data"].is_object(), "not encoded twice");
        assert!(
            error.data["code"].is_null() && error.data["message"].is_string(),
            "{nonsense}"
        );
    }
    pusher
        .client
        .socket
        .send(Message::binary(vec![1, 2]))
        .await
        .unwrap();
    pusher.hear("pusher:error").await;
    // Known to nobody, or no question.
    pusher.client.say(r#"{"event":"pusher:whatever"}"#).await;
    pusher.client.say(r#"{"event":"pusher:pong","data":{}}"#).await;
    pusher
        .client
        .say(r#"{"event":"pusher:unsubscribe","data":{"channel":"never-there"}}"#)
        .await;
    pusher.silence().await;
}

#[tokio::test]
async fn data_may_be_encoded_twice() {
    let house = House::new();
    let broker = house.broker(Settings::default());
    let mut pusher = join(&house, &broker).await;
    pusher
        .say(json!({"event": "pusher:subscribe", "data": r#"{"channel":"news"}"#}))
        .await;
    pusher.succeeds("news").await;
}

#[tokio::test]
async fn whoever_may_not_come_in_hears_why_before_the_close() {
    let house = House::new();
    let broker = house.broker(Settings::default());
    let (near, far) = tokio::io::duplex(4096);
    let refused = tokio::spawn({
        let broker = broker.clone();
        async move { broker.refuse_pusher(far, Close::NO_ENDPOINT).await }
    });
    let role = tokio_tungstenite::tungstenite::protocol::Role::Client;
    let socket = tokio_tungstenite::WebSocketStream::from_raw_socket(near, role, None).await;
    let mut pusher = Pusher {
        client: crate::house::Client {
            socket,
            who: house.nobody(),
            served: tokio::spawn(async { Close::NO_ENDPOINT }),
        },
        socket_id: String::new(),
    };
    assert_eq!(pusher.ends(4001).await, "no such endpoint");
    soon(refused).await.unwrap();
}

#[tokio::test]
async fn an_idle_session_is_small() {
    let house = House::new();
    let broker = house.broker(Settings::default());
    let (_near, far) = tokio::io::duplex(1);
    let size = size_of_val(&broker.serve_pusher(far, house.nobody(), &options()));
    assert!(size <= 1024, "{size} bytes");
}

#[tokio::test]
async fn a_token_names_the_person_from_the_start() {
    let house = House::new();
    let broker = house.broker(Settings::default());
    let who = house.somebody();
    let pusher = join_with(&broker, std::sync::Arc::clone(&who), options()).await;
    assert_eq!(pusher.client.who.subject(), who.subject());
    assert_eq!(
        broker.count_subject(crate::house::TENANT, who.subject().unwrap()),
        1
    );
}
