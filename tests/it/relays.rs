//! Relay endpoints: an end-user's socket tied to one of the tenant's own.

use std::time::Duration;

use serde_json::{Value, json};
use tests::{Echo, Server, Socket, eventually, socket::Frame};

#[tokio::test]
async fn messages_pass_both_ways_in_order_and_are_recorded_both_ways() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let echo = Echo::start().await;
    let relay = acme.relay("relay", &echo.url()).await;
    let mut ada = acme.connect(&relay, "ada").await;
    for n in 0..20 {
        ada.send(format!("message {n}")).await;
    }
    for n in 0..20 {
        assert_eq!(ada.text().await, format!("message {n}"));
    }
    ada.send_bytes(vec![1, 2, 255]).await;
    assert_eq!(ada.frame().await, Frame::Binary(vec![1, 2, 255]));
    let kept = acme.messages(&relay).await;
    let count = |direction: &str| {
        kept.iter()
            .filter(|message| message["direction"] == direction)
            .count()
    };
    assert_eq!((count("inbound"), count("outbound")), (21, 21));
}

#[tokio::test]
async fn each_person_has_a_socket_of_their_own() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let echo = Echo::start().await;
    let relay = acme.relay("relay", &echo.url()).await;
    let mut ada = acme.connect(&relay, "ada").await;
    let mut bob = acme.connect(&relay, "bob").await;
    ada.send("from ada").await;
    bob.send("from bob").await;
    assert_eq!(ada.text().await, "from ada");
    assert_eq!(bob.text().await, "from bob");
    bob.is_silent_for(Duration::from_millis(200)).await;
}

#[tokio::test]
async fn close_codes_pass_both_ways() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let echo = Echo::start().await;
    let relay = acme.relay("relay", &echo.url()).await;
    let mut ada = acme.connect(&relay, "ada").await;
    ada.send("close 4567 for a reason").await;
    let (_, code, reason) = ada.closed_after().await;
    assert_eq!((code, reason.as_str()), (4567, "for a reason"));
    let mut bob = acme.connect(&relay, "bob").await;
    bob.send("hello").await;
    assert_eq!(bob.text().await, "hello");
    bob.close(4321, "going home").await;
    let heard = eventually("the close at the back end", || async {
        echo.closes().await.into_iter().find(|(code, _)| *code == 4321)
    })
    .await;
    assert_eq!(heard.1, "going home");
}

#[tokio::test]
async fn sockets_are_kept_warm_before_anybody_comes() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let echo = Echo::start().await;
    let body =
        json!({ "slug": "relay", "kind": "relay", "upstream_url": echo.url(), "pool_min": 3, "pool_max": 5 });
    let relay = acme.endpoint(body).await;
    // The first person wakes the pool, if nothing did before.
    let mut ada = acme.connect(&relay, "ada").await;
    ada.send("hello").await;
    assert_eq!(ada.text().await, "hello");
    eventually("three warm sockets", || async {
        (echo.open() >= 4).then_some(())
    })
    .await;
    let pool = acme
        .owner
        .get(format!("/endpoints/{}/pool", relay.id))
        .await
        .expect(200);
    assert_eq!(
        (pool["active"].as_i64(), pool["max"].as_i64()),
        (Some(1), Some(5)),
        "{pool:#}"
    );
    assert!(echo.open() <= 5);
}

#[tokio::test]
async fn a_back_end_never_sees_more_sockets_than_agreed() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let echo = Echo::start().await;
    let body =
        json!({ "slug": "relay", "kind": "relay", "upstream_url": echo.url(), "pool_min": 0, "pool_max": 2 });
    let relay = acme.endpoint(body).await;
    let mut people = Vec::new();
    for n in 0..2 {
        let mut socket = acme.connect(&relay, &format!("user-{n}")).await;
        socket.send("hello").await;
        assert_eq!(socket.text().await, "hello");
        people.push(socket);
    }
    // Not `acme.connect`, which waits for a pong: who waits for a back end is not read.
    let token = acme.token(&relay, "third").await;
    let mut third = Socket::connect(&relay.url(&token)).await;
    third.send("let me in").await;
    third.is_silent_for(Duration::from_millis(300)).await;
    assert_eq!(echo.open(), 2);
    people.pop().unwrap().close(1000, "").await;
    assert_eq!(
        third.text().await,
        "let me in",
        "who waited takes the place that became free"
    );
    assert!(echo.open() <= 2);
}

#[tokio::test]
async fn a_back_end_that_is_not_there_is_said_with_a_code_that_means_later() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let gone = format!("ws://{}/", tests::ports::free());
    let relay = acme.relay("relay", &gone).await;
    let mut ada = acme.connect(&relay, "ada").await;
    assert_eq!(ada.close_code().await, 4101);
}

#[tokio::test]
async fn consent_gates_a_relay_as_it_gates_a_channel() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let echo = Echo::start().await;
    let news = acme.purpose("news").await;
    let body = json!({ "slug": "relay", "kind": "relay", "upstream_url": echo.url(), "purpose_id": news, "pool_min": 0 });
    let relay = acme.endpoint(body).await;
    assert_eq!(acme.connect(&relay, "ada").await.close_code().await, 4030);
    acme.consent("ada", "news", "given").await.expect(201);
    let mut ada = acme.connect(&relay, "ada").await;
    ada.send("hello").await;
    assert_eq!(ada.text().await, "hello");
    acme.consent("ada", "news", "withdrawn").await.expect(201);
    assert_eq!(ada.close_code().await, 4031);
    let before = echo.messages().await.len();
    drop(ada.try_send("after").await);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(
        echo.messages().await.len(),
        before,
        "nothing reaches the back end either"
    );
}

#[tokio::test]
async fn what_is_minimised_does_not_reach_the_back_end() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let echo = Echo::start().await;
    let minimise = json!({ "strategy": "remove" });
    let body =
        json!({ "slug": "phone", "name": "P", "personal": true, "paths": ["$.phone"], "minimise": minimise });
    acme.create("/data-types", body).await;
    let relay = acme.relay("relay", &echo.url()).await;
    let mut ada = acme.connect(&relay, "ada").await;
    ada.send(json!({ "phone": "+49 30 1234567", "text": "hi" }).to_string())
        .await;
    assert_eq!(ada.json().await, json!({ "text": "hi" }));
    let heard: Value = serde_json::from_str(&echo.messages().await[0]).unwrap();
    assert_eq!(heard, json!({ "text": "hi" }));
}

#[tokio::test]
async fn a_channel_has_no_pool() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let chat = acme.channel("chat").await;
    acme.owner
        .get(format!("/endpoints/{}/pool", chat.id))
        .await
        .check(409);
}
