//! Connection tokens: who may come in, and how the others are turned away.

use serde_json::json;
use tests::{Server, Socket, jwt};

#[tokio::test]
async fn a_token_signed_with_the_endpoints_secret_opens_the_door() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let chat = acme.channel("chat").await;
    let token = jwt::hs256(&chat.secret, &jwt::claims("ada"));
    let mut ada = Socket::connect(&chat.url(&token)).await;
    acme.publish(&chat, json!({ "data": "hello" })).await.expect(201);
    assert_eq!(ada.text().await, "hello");
}

#[tokio::test]
async fn eddsa_and_rs256_work_by_the_endpoints_key_set() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let chat = acme
        .endpoint(json!({ "slug": "chat", "kind": "channel", "jwks": jwt::key_set() }))
        .await;
    for token in [jwt::eddsa(&jwt::claims("ada")), jwt::rs256(&jwt::claims("ada"))] {
        let mut ada = Socket::connect(&chat.url(&token)).await;
        acme.publish(&chat, json!({ "data": "hello" })).await.expect(201);
        assert_eq!(ada.text().await, "hello");
        ada.close(1000, "").await;
    }
    let news = acme.channel("news").await;
    let stranger = jwt::eddsa(&jwt::claims("ada"));
    assert_eq!(
        Socket::connect(&news.url(&stranger)).await.close_code().await,
        4009,
        "this endpoint has no key set"
    );
}

#[tokio::test]
async fn a_key_set_is_fetched_from_where_the_endpoint_says() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let keys = serve_once_and_again(jwt::key_set().to_string()).await;
    let chat = acme
        .endpoint(json!({ "slug": "chat", "kind": "channel", "jwks_url": keys }))
        .await;
    let mut ada = Socket::connect(&chat.url(&jwt::eddsa(&jwt::claims("ada")))).await;
    acme.publish(&chat, json!({ "data": "hello" })).await.expect(201);
    assert_eq!(ada.text().await, "hello");
}

/// A web server with one page.
async fn serve_once_and_again(body: String) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n";
            let answer = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    format!("http://{address}/jwks.json")
}

#[tokio::test]
async fn a_token_can_come_as_a_subprotocol() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let chat = acme.channel("chat").await;
    let protocol = format!("weir.token.{}", jwt::hs256(&chat.secret, &jwt::claims("ada")));
    let mut ada = server
        .connect("/connect/acme/chat", &[("sec-websocket-protocol", &protocol)])
        .await
        .unwrap();
    acme.publish(&chat, json!({ "data": "hello" })).await.expect(201);
    assert_eq!(ada.text().await, "hello");
}

#[tokio::test]
async fn every_bad_token_is_turned_away_with_the_same_code() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let chat = acme
        .endpoint(json!({ "slug": "chat", "kind": "channel", "jwks": jwt::key_set() }))
        .await;
    let other = acme.channel("other").await;
    let good = jwt::hs256(&chat.secret, &jwt::claims("ada"));
    let (head, tail) = good.split_once('.').unwrap();
    // {"alg":"none"}
    let unsigned = format!("eyJhbGciOiJub25lIn0.{}.", tail.split_once('.').unwrap().0);
    // The public key, used as if it were a shared secret.
    let confused = jwt::hs256(jwt::keys::RSA_JWK, &jwt::claims("ada"));
    let expired = json!({ "sub": "ada", "exp": jwt::now() - 60 });
    let early = json!({ "sub": "ada", "exp": jwt::now() + 60, "nbf": jwt::now() + 50 });
    let elsewhere = json!({ "sub": "ada", "exp": jwt::now() + 60, "aud": "another-endpoint" });
    for (what, token) in [
        ("none", String::new()),
        ("not a token", "hello".into()),
        ("expired", jwt::hs256(&chat.secret, &expired)),
        ("not yet", jwt::hs256(&chat.secret, &early)),
        ("for another", jwt::hs256(&chat.secret, &elsewhere)),
        (
            "without a person",
            jwt::hs256(&chat.secret, &json!({ "exp": jwt::now() + 60 })),
        ),
        ("with an empty person", jwt::hs256(&chat.secret, &jwt::claims(""))),
        (
            "without an end",
            jwt::hs256(&chat.secret, &json!({ "sub": "ada" })),
        ),
        (
            "of another endpoint",
            jwt::hs256(&other.secret, &jwt::claims("ada")),
        ),
        ("cut", format!("{head}.{}", &tail[..tail.len() - 4])),
        ("unsigned", unsigned),
        ("confused", confused),
    ] {
        let mut socket = Socket::connect(&chat.url(&token)).await;
        assert_eq!(socket.close_code().await, 4009, "{what}");
    }
    let mut nobody = Socket::connect(&chat.connect_url).await;
    assert_eq!(nobody.close_code().await, 4009, "no token at all");
    assert!(
        acme.owner.all("/subjects").await.is_empty(),
        "nobody was made known"
    );
    let metrics = server.nobody().get("//metrics").await.text();
    let counted = metrics
        .lines()
        .find(|line| line.starts_with("weir_sockets_refused_total") && line.contains("4009"));
    assert!(counted.is_some_and(|line| line.ends_with(" 13")), "{counted:?}");
}

#[tokio::test]
async fn a_token_that_expires_while_connected_ends_the_session() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let chat = acme.channel("chat").await;
    let token = jwt::hs256(&chat.secret, &json!({ "sub": "ada", "exp": jwt::now() + 2 }));
    let mut ada = Socket::connect(&chat.url(&token)).await;
    assert_eq!(ada.close_code().await, 4203);
}

#[tokio::test]
async fn an_endpoint_that_does_not_exist_says_so_to_everybody_alike() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let chat = acme.channel("chat").await;
    let token = jwt::hs256(&chat.secret, &jwt::claims("ada"));
    for path in ["/connect/acme/nothing", "/connect/nobody/chat"] {
        let mut socket = server
            .connect(&format!("{path}?token={token}"), &[])
            .await
            .unwrap();
        assert_eq!(socket.close_code().await, 4001, "{path}");
    }
}

#[tokio::test]
async fn a_page_from_elsewhere_is_refused_where_origins_are_listed() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let origins = json!(["https://app.example", "https://*.acme.example"]);
    acme.endpoint(json!({ "slug": "chat", "kind": "channel", "allowed_origins": origins }))
        .await;
    let chat = acme.owner.all("/endpoints").await.remove(0);
    let path = format!("/endpoints/{}/tokens", chat["id"].as_str().unwrap());
    let token = acme.owner.post(path, json!({ "sub": "ada" })).await.expect(201)["token"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("/connect/acme/chat?token={token}");
    for origin in [
        "https://evil.example",
        "http://app.example",
        "https://app.example.evil.example",
        "null",
    ] {
        let refused = server
            .connect(&path, &[("origin", origin)])
            .await
            .err()
            .unwrap_or_else(|| panic!("{origin} came in"));
        assert_eq!(refused.status, 403, "{origin}");
    }
    for origin in ["https://app.example", "https://www.acme.example"] {
        server.connect(&path, &[("origin", origin)]).await.unwrap();
    }
}
