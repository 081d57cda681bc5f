//! What was erased or has expired before it could be delivered is delivered to nobody.

use serde_json::{Value, json};
use tests::{Receiver, Server, eventually, tenant::text};

use super::{delivery, hook};

/// A server whose second attempts wait until somebody asks for them.
fn patient() -> tests::Builder {
    Server::builder().env("WEIR_WEBHOOKS__RETRY_SECONDS", "3600")
}

#[tokio::test]
async fn whoever_is_erased_before_a_retry_is_not_named_in_it() {
    let server = patient().start().await;
    let acme = server.tenant("acme").await;
    let (chat, receiver) = (acme.channel("chat").await, Receiver::start().await);
    let hook = hook(&acme, &chat, &receiver, &["connected"]).await;
    let subject = json!({ "external_id": "ada-lovelace-1815", "email": "ada@example.com" });
    let subject = acme.create("/subjects", subject).await;
    receiver.answer_always(500);
    let mut ada = acme.connect(&chat, "ada-lovelace-1815").await;
    let first = receiver.requests(1).await.remove(0);
    assert_eq!(first.events()[0]["user_id"], "ada-lovelace-1815");
    let waiting = delivery(&acme, &hook, "pending").await;
    let request = json!({ "kind": "erasure", "subject_id": subject });
    let request = acme.create("/requests", request).await;
    crate::requests::in_state(&acme, &request, "completed").await;
    assert_eq!(ada.close_code().await, 4033);
    receiver.answer_always(200);
    bring_forward(&acme, &hook.id, &waiting).await;
    let told = receiver.event("connected", |_| true).await;
    assert!(told.get("user_id").is_none(), "{told:#}");
    for request in receiver.received().iter().skip(1) {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        assert!(!body.contains("ada-lovelace-1815"), "{body}");
    }
    assert!(!server.log().contains("ada-lovelace-1815"), "nor is the log");
}

/// Has a delivery that waits for its next attempt tried now.
async fn bring_forward(acme: &tests::Tenant, hook: &str, waiting: &Value) {
    let path = format!("/webhooks/{hook}/deliveries/{}", text(&waiting["id"]));
    acme.owner
        .post(format!("{path}/replay"), json!({}))
        .await
        .expect(200);
    eventually("the attempt", || async {
        let read = acme.owner.get(&path).await.expect(200);
        (read["state"] == "delivered").then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_expired_before_it_could_be_told_is_dropped() {
    let server = patient().start().await;
    let acme = server.tenant("acme").await;
    let (chat, receiver) = (acme.channel("chat").await, Receiver::start().await);
    let hook = hook(&acme, &chat, &receiver, &["disconnected"]).await;
    receiver.answer_always(500);
    let mut ada = acme.connect(&chat, "ada").await;
    ada.close(1000, "").await;
    receiver.requests(1).await;
    let waiting = delivery(&acme, &hook, "pending").await;
    acme.owner
        .patch("/tenant", json!({ "retention_grace": "PT0S" }))
        .await
        .expect(200);
    // The record of the connection expires, and with it what is told of its end.
    let rule = json!({ "name": "r", "target": "connections", "action": "delete", "duration": "PT1S" });
    acme.create("/retention-rules", rule).await;
    receiver.answer_always(200);
    tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
    let path = format!("/webhooks/{}/deliveries/{}", hook.id, text(&waiting["id"]));
    acme.owner
        .post(format!("{path}/replay"), json!({}))
        .await
        .expect(200);
    eventually("the delivery to end", || async {
        let read = acme.owner.get(&path).await.expect(200);
        (read["state"] == "expired").then_some(())
    })
    .await;
    assert!(receiver.events().is_empty());
    assert_eq!(receiver.received().len(), 1);
    acme.owner
        .post(format!("{path}/replay"), json!({}))
        .await
        .problem(409, "events_gone");
}
