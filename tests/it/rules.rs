//! Retention rules: how they are written, versioned and explained. What they do is in `retention.rs`.

use serde_json::json;
use tests::{Server, tenant::text};

#[tokio::test]
async fn a_rule_keeps_its_versions_and_their_reasons() {
    let server = Server::start().await;
    let acme = server.tenant_without_rules("acme").await;
    let rule = acme.rule(json!({ "duration": "P30D" })).await;
    let path = format!("/retention-rules/{rule}");
    let changed = acme
        .owner
        .patch(
            &path,
            json!({ "duration": "P7D", "why": "the contract says a week" }),
        )
        .await
        .expect(200);
    assert_eq!(changed["duration"], "P7D");
    let versions = acme.owner.all(format!("{path}/versions")).await;
    assert_eq!(versions.len(), 2, "{versions:#?}");
    let newest = versions.iter().find(|version| version["number"] == 2).unwrap();
    assert_eq!(newest["why"], "the contract says a week");
    assert_eq!(newest["rule"]["duration"], "P7D");
    assert!(
        newest["changed_by"].is_object() || newest["changed_by"].is_string(),
        "{newest:#}"
    );
}

#[tokio::test]
async fn a_duration_that_is_none_is_refused_at_its_field() {
    let server = Server::start().await;
    let acme = server.tenant_without_rules("acme").await;
    for duration in ["30 days", "", "P", "PT", "-P1D", "P1DT"] {
        let body = json!({ "name": "a", "target": "messages", "action": "delete", "duration": duration });
        acme.owner
            .post("/retention-rules", body)
            .await
            .fault(422, "invalid_request", "/duration");
    }
}

#[tokio::test]
async fn a_rule_about_something_unknown_is_refused() {
    let server = Server::start().await;
    let acme = server.tenant_without_rules("acme").await;
    let nobody = "00000000-0000-7000-8000-000000000000";
    for field in ["endpoint_id", "data_type_id", "purpose_id"] {
        let mut body = json!({ "name": "a", "target": "messages", "action": "delete", "duration": "P1D" });
        body[field] = json!(nobody);
        acme.owner
            .post("/retention-rules", body)
            .await
            .fault(422, "invalid_request", &format!("/{field}"));
    }
}

#[tokio::test]
async fn an_explanation_names_the_rule_that_wins() {
    let server = Server::start().await;
    let acme = server.tenant_without_rules("acme").await;
    let chat = acme.channel("chat").await;
    acme.rule(json!({ "name": "everything", "duration": "P30D" }))
        .await;
    let narrow = acme
        .rule(json!({ "name": "chat", "duration": "P7D", "endpoint_id": chat.id }))
        .await;
    let made = acme.publish(&chat, json!({ "data": "hello" })).await.expect(201);
    for question in [
        json!({ "endpoint_id": chat.id, "channel": "main" }),
        json!({ "message_id": text(&made["id"]) }),
    ] {
        let said = acme
            .owner
            .post("/retention-rules/explain", question)
            .await
            .expect(200);
        assert_eq!(said["rule"]["id"], narrow.as_str(), "{said:#}");
        assert_eq!(said["duration"], "P7D");
        assert!(!text(&said["reason"]).is_empty());
    }
}

#[tokio::test]
async fn the_dashboard_counts_what_is_held_by_class() {
    let server = Server::start().await;
    let acme = server.tenant_without_rules("acme").await;
    let chat = acme.channel("chat").await;
    let rule = acme.rule(json!({ "duration": "P30D" })).await;
    for n in 0..3 {
        acme.publish(&chat, json!({ "data": n })).await.expect(201);
    }
    let held = acme.owner.get("/retention").await.expect(200);
    let classes = held["classes"]
        .as_array()
        .or(held["items"].as_array())
        .or(held.as_array())
        .unwrap()
        .clone();
    let class = classes
        .iter()
        .find(|class| class["endpoint_id"] == chat.id.as_str())
        .unwrap();
    assert_eq!(class["messages"], 3, "{class:#}");
    assert_eq!(
        (class["rule_id"].as_str(), class["duration"].as_str()),
        (Some(rule.as_str()), Some("P30D"))
    );
    assert!(
        class["oldest_at"].is_string() && class["next_expiry_at"].is_string(),
        "{class:#}"
    );
}
