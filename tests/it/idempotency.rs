//! Sending the same thing again, because the answer got lost.

use reqwest::Method;
use serde_json::{Value, json};
use tests::{Answer, Client, Server};

async fn post(client: &Client, path: &str, key: &str, body: &Value) -> Answer {
    client
        .send(
            client
                .request(Method::POST, path)
                .header("idempotency-key", key)
                .json(body),
        )
        .await
}

#[tokio::test]
async fn the_same_request_again_gets_the_same_answer_and_happens_once() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let body = json!({ "slug": "chat", "kind": "channel" });
    let first = post(&acme.owner, "/endpoints", "key-1", &body).await;
    assert_eq!(first.header("idempotency-replayed"), None);
    let again = post(&acme.owner, "/endpoints", "key-1", &body).await;
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(
        (first.expect(201), 1),
        (again.expect(201), acme.owner.all("/endpoints").await.len())
    );
}

#[tokio::test]
async fn a_message_sent_twice_is_delivered_once() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let chat = acme.channel("chat").await;
    let mut ada = acme.connect(&chat, "ada").await;
    let path = format!("/endpoints/{}/messages", chat.id);
    for _ in 0..3 {
        let made = post(&acme.owner, &path, "key-1", &json!({ "data": "once" }))
            .await
            .expect(201);
        assert_eq!(made["offset"], 1);
    }
    assert_eq!(ada.text().await, "once");
    ada.is_silent_for(std::time::Duration::from_millis(200)).await;
}

#[tokio::test]
async fn a_key_belongs_to_one_body() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    post(
        &acme.owner,
        "/endpoints",
        "key-1",
        &json!({ "slug": "chat", "kind": "channel" }),
    )
    .await
    .expect(201);
    let other = json!({ "slug": "news", "kind": "channel" });
    post(&acme.owner, "/endpoints", "key-1", &other)
        .await
        .problem(422, "idempotency_key_reused");
    assert_eq!(acme.owner.all("/endpoints").await.len(), 1);
}

#[tokio::test]
async fn a_key_belongs_to_one_tenant() {
    let server = Server::start().await;
    let (acme, beta) = (server.tenant("acme").await, server.tenant("beta").await);
    let body = json!({ "slug": "chat", "kind": "channel" });
    let ours = post(&acme.owner, "/endpoints", "key-1", &body).await.expect(201);
    let theirs = post(&beta.owner, "/endpoints", "key-1", &body).await;
    assert_eq!(theirs.header("idempotency-replayed"), None);
    assert_ne!(theirs.expect(201)["id"], ours["id"]);
}

#[tokio::test]
async fn a_refusal_can_be_mended_under_the_same_key_or_is_replayed_as_it_was() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let bad = json!({ "slug": "Not A Slug", "kind": "channel" });
    post(&acme.owner, "/endpoints", "key-1", &bad)
        .await
        .problem(422, "invalid_request");
    post(&acme.owner, "/endpoints", "key-1", &bad)
        .await
        .problem(422, "invalid_request");
    assert!(acme.owner.all("/endpoints").await.is_empty());
}

#[tokio::test]
async fn two_at_the_same_time_make_one() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let body = json!({ "slug": "chat", "kind": "channel" });
    let both =
        futures_util::future::join_all((0..8).map(|_| post(&acme.owner, "/endpoints", "key-1", &body))).await;
    let made: Vec<&Answer> = both.iter().filter(|answer| answer.status == 201).collect();
    assert!(!made.is_empty());
    for answer in &both {
        assert!(
            answer.status == 201 || answer.json()["code"] == "idempotency_in_progress",
            "{}",
            answer.text()
        );
    }
    assert!(
        made.iter().all(|answer| answer.bytes == made[0].bytes),
        "all the same answer"
    );
    assert_eq!(acme.owner.all("/endpoints").await.len(), 1);
}
