//! The life of an end-user's connection, as the tenant sees it.

use serde_json::{Value, json};
use tests::{Server, Tenant, eventually, tenant::text};

async fn connection(acme: &Tenant, fits: impl Fn(&Value) -> bool) -> Value {
    eventually("the connection's record", || async {
        acme.owner.all("/connections").await.into_iter().find(|c| fits(c))
    })
    .await
}

#[tokio::test]
async fn a_connection_is_recorded_from_its_opening_to_its_close() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let chat = acme.channel("chat").await;
    let mut ada = acme.connect(&chat, "ada").await;
    let mut bob = acme.connect(&chat, "bob").await;
    ada.send("hello").await;
    assert_eq!(bob.text().await, "hello");
    acme.publish(&chat, json!({ "data": "goodbye" }))
        .await
        .expect(201);
    assert_eq!(ada.text().await, "goodbye");
    let subject = text(&acme.owner.all("/subjects?external_id=ada").await[0]["id"]);
    let open = connection(&acme, |c| c["subject_id"] == subject.as_str()).await;
    assert!(open["authenticated_at"].is_string(), "{open:#}");
    assert_ne!(open["state"], "closed");
    ada.close(1000, "bye").await;
    let closed = connection(&acme, |c| {
        c["subject_id"] == subject.as_str() && c["state"] == "closed"
    })
    .await;
    assert_eq!(closed["id"], open["id"]);
    assert_eq!(closed["close_code"], 1000);
    assert!(closed["closed_at"].is_string());
    assert_eq!(
        (closed["messages_in"].as_i64(), closed["messages_out"].as_i64()),
        (Some(1), Some(1)),
        "{closed:#}"
    );
    assert_eq!(
        (closed["bytes_in"].as_i64(), closed["bytes_out"].as_i64()),
        (Some(5), Some(7)),
        "{closed:#}"
    );
    assert!(
        !closed.to_string().contains("bye"),
        "what the client said is not ours to keep: {closed:#}"
    );
}

#[tokio::test]
async fn connections_are_found_by_endpoint_person_and_state() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let (chat, news) = (acme.channel("chat").await, acme.channel("news").await);
    let mut ada = acme.connect(&chat, "ada").await;
    let _bob = acme.connect(&news, "bob").await;
    eventually("two connections", || async {
        (acme.owner.all("/connections").await.len() == 2).then_some(())
    })
    .await;
    let subject = text(&acme.owner.all("/subjects?external_id=bob").await[0]["id"]);
    assert_eq!(
        acme.owner
            .all(format!("/connections?endpoint_id={}", chat.id))
            .await
            .len(),
        1
    );
    assert_eq!(
        acme.owner
            .all(format!("/connections?subject_id={subject}"))
            .await
            .len(),
        1
    );
    ada.close(1000, "").await;
    connection(&acme, |c| c["state"] == "closed").await;
    assert_eq!(acme.owner.all("/connections?state=open").await.len(), 1);
    assert_eq!(acme.owner.all("/connections?state=closed").await.len(), 1);
}

#[tokio::test]
async fn the_tenant_can_end_a_connection() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let chat = acme.channel("chat").await;
    let mut ada = acme.connect(&chat, "ada").await;
    let open = connection(&acme, |_| true).await;
    let path = format!("/connections/{}", text(&open["id"]));
    acme.owner.delete(&path).await.expect(204);
    assert_eq!(ada.close_code().await, 4034);
    let closed = connection(&acme, |c| c["state"] == "closed").await;
    assert_eq!(closed["close_code"], 4034);
}

#[tokio::test]
async fn connections_that_died_with_the_server_are_closed_in_the_record() {
    let mut server = Server::start().await;
    let acme = server.tenant("acme").await;
    let chat = acme.channel("chat").await;
    let _ada = acme.connect(&chat, "ada").await;
    connection(&acme, |_| true).await;
    server.restart().await;
    let closed = connection(&acme, |c| c["state"] == "closed").await;
    assert!(closed["closed_at"].is_string(), "{closed:#}");
}
