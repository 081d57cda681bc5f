//! Endpoints: registering, changing, keys, removal.

use serde_json::json;
use tests::{Server, Socket, jwt, tenant::text};

#[tokio::test]
async fn an_endpoint_is_registered_with_its_keys_and_the_secret_is_shown_once() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let chat = acme.channel("chat").await;
    for field in ["app_id", "key", "secret", "connect_url"] {
        assert!(chat.json[field].is_string(), "{field} in {:#}", chat.json);
    }
    assert!(
        chat.connect_url.ends_with("/connect/acme/chat"),
        "{}",
        chat.connect_url
    );
    assert!(chat.connect_url.starts_with("ws://"), "{}", chat.connect_url);
    let read = acme
        .owner
        .get(format!("/endpoints/{}", chat.id))
        .await
        .expect(200);
    assert!(read.get("secret").is_none(), "{read:#}");
    assert_eq!(read["record"], "before");
}

#[tokio::test]
async fn a_relay_needs_an_upstream_and_a_channel_refuses_one() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let without = json!({ "slug": "relay", "kind": "relay" });
    acme.owner
        .post("/endpoints", without)
        .await
        .fault(422, "invalid_request", "/upstream_url");
    let with = json!({ "slug": "chat", "kind": "channel", "upstream_url": "ws://127.0.0.1:9/x" });
    acme.owner
        .post("/endpoints", with)
        .await
        .fault(422, "invalid_request", "/upstream_url");
    let http = json!({ "slug": "relay", "kind": "relay", "upstream_url": "http://example.com/" });
    acme.owner
        .post("/endpoints", http)
        .await
        .fault(422, "invalid_request", "/upstream_url");
    assert!(
        acme.owner.all("/endpoints").await.is_empty(),
        "nothing was made of it"
    );
}

#[tokio::test]
async fn an_upstream_inside_the_operators_network_is_refused_by_default() {
    let server = Server::builder().env("WEIR_EGRESS__LOOPBACK", "no").start().await;
    let acme = server.tenant("acme").await;
    for url in [
        "ws://127.0.0.1:6379/",
        "ws://169.254.169.254/latest",
        "ws://[::1]:80/",
        "ws://10.0.0.1/",
        "ws://localhost/",
    ] {
        let body = json!({ "slug": "relay", "kind": "relay", "upstream_url": url });
        acme.owner
            .post("/endpoints", body)
            .await
            .fault(422, "invalid_request", "/upstream_url");
    }
}

#[tokio::test]
async fn a_slug_is_taken_once_in_a_tenant_and_free_in_another() {
    let server = Server::start().await;
    let (acme, beta) = (server.tenant("acme").await, server.tenant("beta").await);
    acme.channel("chat").await;
    let again = json!({ "slug": "chat", "kind": "channel" });
    acme.owner
        .post("/endpoints", again)
        .await
        .fault(409, "conflict", "/slug");
    beta.channel("chat").await;
}

#[tokio::test]
async fn endpoints_are_found_by_kind_state_and_name() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let chat = acme.channel("chat").await;
    acme.endpoint(json!({ "slug": "news", "name": "Breaking news", "kind": "channel" }))
        .await;
    acme.owner
        .patch(format!("/endpoints/{}", chat.id), json!({ "enabled": false }))
        .await
        .expect(200);
    let slugs = |list: Vec<serde_json::Value>| list.iter().map(|one| text(&one["slug"])).collect::<Vec<_>>();
    assert_eq!(
        slugs(acme.owner.all("/endpoints").await),
        ["news", "chat"],
        "newest first"
    );
    assert_eq!(slugs(acme.owner.all("/endpoints?enabled=false").await), ["chat"]);
    assert_eq!(slugs(acme.owner.all("/endpoints?q=bREAKing").await), ["news"]);
    assert!(
        acme.owner.all("/endpoints?q=br%25ng").await.is_empty(),
        "no wildcards"
    );
    assert!(acme.owner.all("/endpoints?kind=relay").await.is_empty());
}

#[tokio::test]
async fn switching_an_endpoint_off_closes_its_sockets_and_refuses_new_ones() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let chat = acme.channel("chat").await;
    let mut ada = acme.connect(&chat, "ada").await;
    acme.publish(&chat, json!({ "data": "hello" })).await.expect(201);
    assert_eq!(ada.text().await, "hello");
    acme.owner
        .patch(format!("/endpoints/{}", chat.id), json!({ "enabled": false }))
        .await
        .expect(200);
    assert_eq!(ada.close_code().await, 4003);
    let token = jwt::hs256(&chat.secret, &jwt::claims("ada"));
    assert_eq!(Socket::connect(&chat.url(&token)).await.close_code().await, 4003);
    let refused = acme.publish(&chat, json!({ "data": "hello" })).await;
    assert!([403, 409].contains(&refused.status), "{}", refused.text());
}

#[tokio::test]
async fn a_rotated_secret_works_at_once_and_the_old_one_for_a_day() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let chat = acme.channel("chat").await;
    let rotated = acme
        .owner
        .post(format!("/endpoints/{}/rotate-secret", chat.id), json!({}))
        .await
        .expect(200);
    let fresh = text(&rotated["secret"]);
    assert_ne!(fresh, chat.secret);
    assert!(rotated["previous_valid_until"].is_string());
    for secret in [&fresh, &chat.secret] {
        let token = jwt::hs256(secret, &jwt::claims("ada"));
        let mut socket = Socket::connect(&chat.url(&token)).await;
        acme.publish(&chat, json!({ "data": "hello" })).await.expect(201);
        assert_eq!(socket.text().await, "hello");
    }
    acme.owner
        .post(format!("/endpoints/{}/rotate-secret", chat.id), json!({}))
        .await
        .expect(200);
    let third = jwt::hs256(&chat.secret, &jwt::claims("ada"));
    assert_eq!(
        Socket::connect(&chat.url(&third)).await.close_code().await,
        4009,
        "two rotations later it is over"
    );
}

#[tokio::test]
async fn removing_an_endpoint_asks_twice_and_takes_sockets_and_messages_along() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let chat = acme.channel("chat").await;
    let mut ada = acme.connect(&chat, "ada").await;
    acme.publish(&chat, json!({ "data": "hello" })).await.expect(201);
    assert_eq!(ada.text().await, "hello");
    let path = format!("/endpoints/{}", chat.id);
    acme.owner.delete(&path).await.check(422);
    acme.owner
        .delete(format!("{path}?confirm=other"))
        .await
        .check(422);
    acme.owner
        .delete(format!("{path}?confirm=chat"))
        .await
        .expect(204);
    let code = ada.close_code().await;
    assert!([4001, 4003].contains(&code), "{code}");
    acme.owner.get(&path).await.problem(404, "not_found");
    assert!(acme.messages(&chat).await.is_empty());
    let token = jwt::hs256(&chat.secret, &jwt::claims("ada"));
    assert_eq!(Socket::connect(&chat.url(&token)).await.close_code().await, 4001);
}

#[tokio::test]
async fn a_minted_token_says_where_to_connect_and_until_when() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let chat = acme.channel("chat").await;
    let path = format!("/endpoints/{}/tokens", chat.id);
    let minted = acme
        .owner
        .post(&path, json!({ "sub": "ada", "ttl_seconds": 60 }))
        .await
        .expect(201);
    assert!(text(&minted["connect_url"]).starts_with(&chat.connect_url));
    assert!(minted["expires_at"].is_string());
    acme.owner
        .post(&path, json!({ "sub": "" }))
        .await
        .fault(422, "invalid_request", "/sub");
    acme.owner
        .post(&path, json!({ "sub": "ada", "ttl_seconds": 0 }))
        .await
        .fault(422, "invalid_request", "/ttl_seconds");
}
