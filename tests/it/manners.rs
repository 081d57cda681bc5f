//! What strangers may do to the port, and what it costs the others: nothing.

use std::time::{Duration, Instant};

use serde_json::json;
use tests::Server;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

async fn knock(server: &Server, words: &str) -> TcpStream {
    let address = server.base().trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(address).await.expect("the port is open");
    stream
        .write_all(words.as_bytes())
        .await
        .expect("it takes what comes");
    stream
}

#[tokio::test]
async fn half_open_handshakes_hold_up_nobody_and_are_gone_soon() {
    let server = Server::builder()
        .env("WEIR_HTTP__HEAD_SECONDS", "2")
        .start()
        .await;
    let acme = server.tenant("acme").await;
    let chat = acme.endpoint(json!({ "slug": "chat", "kind": "channel" })).await;
    let path = format!("/app/{}?protocol=7", chat.json["key"].as_str().unwrap());
    let began = Instant::now();
    let mut idlers = Vec::new();
    for _ in 0..300 {
        idlers.push(knock(&server, "").await);
        idlers.push(knock(&server, &format!("GET {path} HTTP/1.1\r\nHost: weir\r\nUpgr")).await);
    }
    let _socket = server
        .connect(&path, &[])
        .await
        .expect("somebody who means it gets in");
    for idler in &mut idlers {
        let mut answer = [0; 64];
        let end = tokio::time::timeout(Duration::from_secs(20), idler.read(&mut answer)).await;
        // Closed or reset; nothing is answered to half a question.
        assert!(matches!(end, Ok(Ok(0) | Err(_))), "it is closed");
    }
    assert!(began.elapsed() >= Duration::from_secs(2), "not before its time");
}

#[tokio::test]
async fn a_socket_that_is_open_is_none_of_the_clocks_of_http() {
    let server = Server::builder()
        .env("WEIR_HTTP__HEAD_SECONDS", "1")
        .env("WEIR_HTTP__IDLE_SECONDS", "1")
        .start()
        .await;
    let acme = server.tenant("acme").await;
    let chat = acme.endpoint(json!({ "slug": "chat", "kind": "channel" })).await;
    let path = format!("/app/{}?protocol=7", chat.json["key"].as_str().unwrap());
    let mut socket = server.connect(&path, &[]).await.expect("the door is open");
    tokio::time::sleep(Duration::from_secs(4)).await;
    socket.send("{\"event\":\"pusher:ping\",\"data\":{}}").await;
    let heard = [socket.text().await, socket.text().await];
    assert!(heard[1].contains("pusher:pong"), "{heard:?}");
}
