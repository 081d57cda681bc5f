//! Plain sockets on a channel: what passes, what does not, and the code that says why.

use std::time::Duration;

use serde_json::json;
use tests::{Server, Socket, socket::Frame};

#[tokio::test]
async fn what_one_says_the_others_hear_and_the_journal_keeps() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let chat = acme.channel("chat").await;
    let mut ada = acme.connect(&chat, "ada").await;
    let mut bob = acme.connect(&chat, "bob").await;
    for n in 0..50 {
        ada.send(format!("message {n}")).await;
    }
    for n in 0..50 {
        assert_eq!(bob.text().await, format!("message {n}"), "in order");
    }
    ada.is_silent_for(Duration::from_millis(200)).await;
    let kept = acme.messages(&chat).await;
    assert_eq!(kept.len(), 50);
    assert_eq!(
        (kept[0]["data"].as_str(), kept[0]["offset"].as_i64()),
        (Some("message 49"), Some(50))
    );
    assert_eq!(kept[0]["direction"], "inbound");
}

#[tokio::test]
async fn bytes_pass_as_bytes() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let chat = acme.channel("chat").await;
    let mut ada = acme.connect(&chat, "ada").await;
    let mut bob = acme.connect(&chat, "bob").await;
    ada.send_bytes(vec![0, 159, 146, 150]).await;
    assert_eq!(bob.frame().await, Frame::Binary(vec![0, 159, 146, 150]));
}

#[tokio::test]
async fn two_tenants_with_the_same_names_hear_nothing_of_each_other() {
    let server = Server::start().await;
    let (acme, beta) = (server.tenant("acme").await, server.tenant("beta").await);
    let (ours, theirs) = (acme.channel("chat").await, beta.channel("chat").await);
    let mut ada = acme.connect(&ours, "ada").await;
    let mut eve = beta.connect(&theirs, "ada").await;
    acme.publish(&ours, json!({ "data": "ours" })).await.expect(201);
    assert_eq!(ada.text().await, "ours");
    eve.is_silent_for(Duration::from_millis(300)).await;
    // A token of the one opens nothing of the other.
    let token = acme.token(&ours, "ada").await;
    assert_eq!(
        Socket::connect(&theirs.url(&token)).await.close_code().await,
        4009
    );
}

#[tokio::test]
async fn an_oversize_message_closes_with_1009_and_is_not_passed_on() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let chat = acme
        .endpoint(json!({ "slug": "chat", "kind": "channel", "max_message_bytes": 100 }))
        .await;
    let mut ada = acme.connect(&chat, "ada").await;
    let mut bob = acme.connect(&chat, "bob").await;
    ada.send("x".repeat(100)).await;
    assert_eq!(bob.text().await.len(), 100);
    ada.send("x".repeat(101)).await;
    assert_eq!(ada.close_code().await, 1009);
    bob.is_silent_for(Duration::from_millis(200)).await;
    assert_eq!(acme.messages(&chat).await.len(), 1);
}

#[tokio::test]
async fn malformed_frames_close_with_the_code_that_the_protocol_has_for_them() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let chat = acme.channel("chat").await;
    for (what, frame, code) in [
        ("not masked", &[0x81, 0x01, b'x'][..], 1002),
        ("a reserved bit", &[0xC1, 0x81, 0, 0, 0, 0, b'x'][..], 1002),
        ("a reserved opcode", &[0x83, 0x81, 0, 0, 0, 0, b'x'][..], 1002),
        (
            "a long ping",
            &[&[0x89, 0xFE, 0, 126, 0, 0, 0, 0][..], &[0; 126]].concat()[..],
            1002,
        ),
        (
            "text that is not UTF-8",
            &[0x81, 0x82, 0, 0, 0, 0, 0xC3, 0x28][..],
            1007,
        ),
    ] {
        let mut ada = acme.connect(&chat, "ada").await;
        ada.send_raw(frame).await;
        assert_eq!(ada.close_code().await, code, "{what}");
    }
    assert!(acme.messages(&chat).await.is_empty());
    let mut ada = acme.connect(&chat, "ada").await;
    acme.publish(&chat, json!({ "data": "still here" }))
        .await
        .expect(201);
    assert_eq!(ada.text().await, "still here");
}

#[tokio::test]
async fn a_client_that_does_not_read_is_let_go_and_holds_up_nobody() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let body =
        json!({ "slug": "chat", "kind": "channel", "record": "never", "max_message_bytes": 1_000_000 });
    let chat = acme.endpoint(body).await;
    let mut lazy = acme.connect(&chat, "lazy").await;
    let mut keen = acme.connect(&chat, "keen").await;
    let reader = tokio::spawn(async move {
        let mut heard = 0;
        while heard < 60 {
            assert!(matches!(keen.frame().await, Frame::Text(_)));
            heard += 1;
        }
    });
    for _ in 0..60 {
        acme.publish(&chat, json!({ "data": "x".repeat(500_000) }))
            .await
            .expect(201);
    }
    reader.await.unwrap();
    let ended = tests::eventually("the lazy client's end", || async {
        let closed = acme.owner.all("/connections?state=closed").await;
        closed
            .into_iter()
            .find(|connection| connection["close_code"] == 4102)
    })
    .await;
    assert!(ended["messages_out"].as_i64().unwrap() < 60, "{ended:#}");
    // What was on its way may still come, then it is over.
    while !matches!(lazy.frame().await, Frame::Close(..) | Frame::Lost) {}
}

#[tokio::test]
async fn the_door_explains_itself_to_what_is_not_a_websocket() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    acme.channel("chat").await;
    let answer = server.nobody().get("//connect/acme/chat").await;
    answer.check(426);
    assert_eq!(answer.header("upgrade"), Some("websocket"));
    answer.problem(426, "upgrade_required");
    let old = server
        .connect("/connect/acme/chat", &[("sec-websocket-version", "8")])
        .await
        .unwrap_err();
    assert_eq!(old.status, 426);
}

#[tokio::test]
async fn connections_over_the_quota_are_turned_away_and_none_before() {
    let server = Server::builder()
        .env("WEIR_QUOTAS__CONNECTIONS", "3")
        .start()
        .await;
    let acme = server.tenant("acme").await;
    let chat = acme.channel("chat").await;
    let mut open = Vec::new();
    for n in 0..3 {
        open.push(acme.connect(&chat, &format!("user-{n}")).await);
    }
    assert_eq!(acme.connect(&chat, "one-too-many").await.close_code().await, 4004);
    acme.publish(&chat, json!({ "data": "hello" })).await.expect(201);
    for socket in &mut open {
        assert_eq!(socket.text().await, "hello");
    }
    open.pop().unwrap().close(1000, "").await;
    tests::eventually("a free place", || async {
        let mut socket = acme.connect(&chat, "next").await;
        acme.publish(&chat, json!({ "data": "hello" })).await.expect(201);
        matches!(socket.frame().await, Frame::Text(_)).then_some(())
    })
    .await;
}
