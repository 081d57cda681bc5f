//! Other changes act on every node, too, when they are answered.

use serde_json::json;
use tests::tenant::text;

use super::Cluster;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_endpoint_and_a_revoked_key_act_on_every_node_when_the_change_is_answered() {
    let Some(cluster) = Cluster::start(2).await else {
        return;
    };
    let acme = cluster.nodes[0].tenant("acme").await;
    let chat = acme.channel("chat").await;
    let there = cluster.at(&acme, 1);
    for n in 0..5 {
        let key = acme
            .owner
            .post(
                "/api-keys",
                json!({ "name": format!("key {n}"), "scopes": ["endpoints:read"] }),
            )
            .await
            .expect(201);
        let client = cluster.nodes[1].nobody().with_token(text(&key["token"]));
        client.get("/endpoints").await.expect(200);
        let id = text(&key["id"]);
        let answer = acme.owner.delete(format!("/api-keys/{id}")).await;
        assert!(answer.is_success(), "{}", answer.text());
        assert_eq!(
            client.get("/endpoints").await.status,
            401,
            "revoked is revoked everywhere"
        );
    }
    let mut ada = cluster.connect(&acme, &chat, 1, "ada").await;
    there.publish(&chat, json!({ "data": "one" })).await.expect(201);
    assert_eq!(ada.text().await, "one");
    let off = acme
        .owner
        .patch(format!("/endpoints/{}", chat.id), json!({ "enabled": false }))
        .await;
    off.expect(200);
    assert_eq!(ada.close_code().await, 4003);
    let refused = there.publish(&chat, json!({ "data": "two" })).await;
    assert!(!refused.is_success(), "{}", refused.text());
}
