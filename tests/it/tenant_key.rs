//! A tenant's key is replaced while everybody goes on. That the old one goes in the end takes an hour, which `domain` tests
//! with a clock of its own.

use std::time::Duration;

use serde_json::{Value, json};
use tests::{Server, Tenant, tenant::text, wait::eventually_within};

async fn standing(acme: &Tenant) -> Value {
    acme.owner.get("/tenant/key").await.expect(200)
}

#[tokio::test]
async fn a_tenants_key_is_replaced_under_traffic_and_a_kill_and_nothing_stops_opening() {
    let mut server = Server::start().await;
    let acme = server.tenant("acme").await;
    let chat = acme.channel("chat").await;
    let before = standing(&acme).await;
    assert_eq!(before["rotation"], Value::Null);
    // Signed by the endpoint's secret, which is sealed under the key that goes.
    let token = acme.token(&chat, "ada").await;
    acme.publish(&chat, json!({ "data": "before", "subject": "ada" }))
        .await
        .expect(201);
    let begun = acme.owner.post("/tenant/rotate-key", json!({})).await.expect(202);
    assert_eq!(begun["rotation"], "announced");
    let again = acme.owner.post("/tenant/rotate-key", json!({})).await;
    assert_eq!(again.status, 409, "{}", again.text());
    acme.publish(&chat, json!({ "data": "announced", "subject": "ada" }))
        .await
        .expect(201);
    server.kill();
    server.restart().await;
    let turned = eventually_within(Duration::from_mins(1), "the next key seals", || async {
        let standing = standing(&acme).await;
        (standing["rotation"] == "replacing").then_some(standing)
    })
    .await;
    assert_ne!(turned["since"], before["since"]);
    acme.publish(&chat, json!({ "data": "replacing", "subject": "ada" }))
        .await
        .expect(201);
    server.kill();
    server.restart().await;
    let said: Vec<String> = acme
        .messages(&chat)
        .await
        .iter()
        .map(|message| text(&message["data"]))
        .collect();
    for word in ["before", "announced", "replacing"] {
        assert!(said.iter().any(|said| said == word), "{word} in {said:?}");
    }
    let mut ada = server
        .connect(&format!("/connect/acme/chat?token={token}"), &[])
        .await
        .expect("a token from before opens the door");
    acme.publish(&chat, json!({ "data": "live" })).await.expect(201);
    assert_eq!(ada.text().await, "live");
    let found = acme.owner.all("/subjects?external_id=ada").await;
    assert_eq!(found.len(), 1, "looked up as before: {found:?}");
}
