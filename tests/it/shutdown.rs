//! An orderly stop: everybody is told, nothing acknowledged is lost.

use serde_json::json;
use tests::{Echo, Server, socket::Frame};

#[tokio::test]
async fn sockets_are_told_to_come_back_and_the_server_ends_well() {
    let mut server = Server::start().await;
    let acme = server.tenant("acme").await;
    let echo = Echo::start().await;
    let chat = acme.channel("chat").await;
    let relay = acme.relay("relay", &echo.url()).await;
    let mut sockets = vec![
        acme.connect(&chat, "ada").await,
        acme.connect(&relay, "bob").await,
    ];
    acme.publish(&chat, json!({ "data": "last words" }))
        .await
        .expect(201);
    assert_eq!(sockets[0].text().await, "last words");
    server.ask_to_stop();
    for socket in &mut sockets {
        let (_, code, _) = socket.closed_after().await;
        assert!([1001, 4200].contains(&code), "{code}");
    }
    drop(sockets);
    let status = server.stopped().await;
    assert!(status.success(), "{status}");
    server.restart().await;
    assert_eq!(acme.messages(&chat).await[0]["data"], "last words");
    let records = acme.owner.all("/connections?state=closed").await;
    assert_eq!(records.len(), 2, "{records:#?}");
    for record in records {
        assert!(
            [Some(1001), Some(4200)].contains(&record["close_code"].as_i64()),
            "{record:#}"
        );
    }
}

#[tokio::test]
async fn what_was_sent_just_before_the_stop_is_either_recorded_or_was_never_delivered() {
    let mut server = Server::start().await;
    let acme = server.tenant("acme").await;
    let chat = acme.channel("chat").await;
    let mut ada = acme.connect(&chat, "ada").await;
    let mut bob = acme.connect(&chat, "bob").await;
    for n in 0..300 {
        ada.send(format!("{n}")).await;
    }
    server.ask_to_stop();
    let mut heard = Vec::new();
    loop {
        match bob.frame().await {
            Frame::Text(text) => heard.push(text),
            Frame::Close(..) | Frame::Lost => break,
            other @ Frame::Binary(_) => panic!("{other:?}"),
        }
    }
    drop((ada, bob));
    server.stopped().await;
    server.restart().await;
    let kept = acme.messages(&chat).await;
    for text in &heard {
        assert!(
            kept.iter().any(|message| message["data"] == text.as_str()),
            "{text} was delivered and is not recorded"
        );
    }
}

#[tokio::test]
async fn a_stopping_server_says_that_it_is_not_ready() {
    let mut server = Server::start().await;
    server.nobody().get("//healthz").await.check(200);
    let ready = server.nobody().get("//readyz").await.expect(200);
    assert_eq!(ready["ready"], true);
    assert!(server.terminate().await.success());
}
