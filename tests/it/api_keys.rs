//! Machine credentials.

use std::time::Duration;

use serde_json::json;
use tests::{Server, eventually, tenant::text};

#[tokio::test]
async fn a_key_is_shown_once_and_does_what_its_scopes_say() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let made = acme
        .owner
        .post("/api-keys", json!({ "name": "ci", "scopes": ["endpoints:read"] }))
        .await
        .expect(201);
    let token = text(&made["token"]);
    assert!(token.starts_with("weir_sk_"), "{token}");
    assert!(token.starts_with(made["prefix"].as_str().unwrap()));
    let read = acme
        .owner
        .get(format!("/api-keys/{}", text(&made["id"])))
        .await
        .expect(200);
    assert!(read.get("token").is_none(), "shown once: {read:#}");
    let key = server.nobody().with_token(&token);
    key.get("/endpoints").await.expect(200);
    key.post("/endpoints", json!({ "slug": "chat", "kind": "channel" }))
        .await
        .problem(403, "forbidden");
    key.get("/members").await.problem(403, "forbidden");
    let me = key.get("/me").await.expect(200);
    assert_eq!(me["api_key"]["name"], "ci");
    assert_eq!(me["permissions"], json!(["endpoints:read"]));
}

#[tokio::test]
async fn the_last_use_of_a_key_is_told() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let made = acme
        .owner
        .post("/api-keys", json!({ "name": "ci", "scopes": ["endpoints:read"] }))
        .await
        .expect(201);
    assert!(made.get("last_used_at").is_none());
    server
        .nobody()
        .with_token(text(&made["token"]))
        .get("/endpoints")
        .await
        .expect(200);
    let path = format!("/api-keys/{}", text(&made["id"]));
    eventually("the last use", || async {
        acme.owner.get(&path).await.expect(200)["last_used_at"]
            .is_string()
            .then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_revoked_key_is_nobody() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let made = acme
        .owner
        .post("/api-keys", json!({ "name": "ci", "scopes": ["endpoints:read"] }))
        .await
        .expect(201);
    let key = server.nobody().with_token(text(&made["token"]));
    key.get("/endpoints").await.expect(200);
    acme.owner
        .delete(format!("/api-keys/{}", text(&made["id"])))
        .await
        .expect(204);
    key.get("/endpoints").await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn an_expired_key_is_nobody() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let soon = chrono::DateTime::from_timestamp(tests::jwt::now() + 2, 0)
        .unwrap()
        .to_rfc3339();
    let body = json!({ "name": "short", "scopes": ["endpoints:read"], "expires_at": soon });
    let made = acme.owner.post("/api-keys", body).await.expect(201);
    let key = server.nobody().with_token(text(&made["token"]));
    key.get("/endpoints").await.expect(200);
    tokio::time::sleep(Duration::from_secs(3)).await;
    key.get("/endpoints").await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn a_key_cannot_give_more_than_its_maker_has() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let key = acme.key(&["keys:write", "endpoints:read"]).await;
    let more = key
        .post(
            "/api-keys",
            json!({ "name": "more", "scopes": ["messages:unseal"] }),
        )
        .await;
    assert!([403, 422].contains(&more.status), "{}", more.text());
    let unknown = acme
        .owner
        .post(
            "/api-keys",
            json!({ "name": "x", "scopes": ["everything:write"] }),
        )
        .await;
    assert!([400, 422].contains(&unknown.status), "{}", unknown.text());
}

#[tokio::test]
async fn no_credential_is_ever_written_to_the_log() {
    let server = Server::builder().env("WEIR_LOG__FILTER", "debug").start().await;
    let acme = server.tenant("acme").await;
    let made = acme
        .owner
        .post("/api-keys", json!({ "name": "ci", "scopes": ["endpoints:read"] }))
        .await
        .expect(201);
    let token = text(&made["token"]);
    server
        .nobody()
        .with_token(&token)
        .get("/endpoints")
        .await
        .expect(200);
    let log = server.log();
    for secret in [
        token.as_str(),
        acme.owner.token(),
        tests::tenant::PASSWORD,
        acme.email.as_str(),
    ] {
        assert!(!log.contains(secret), "the log holds {secret}");
    }
}
