//! Retention rules: how they are written, versioned and explained. What they do is in `retention.rs`.

use serde_json::json;
use tests::{Server, eventually, tenant::text};

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

#[tokio::test]
async fn a_legal_minimum_outlasts_the_rule_that_deletes_and_the_explanation_says_so() {
    let server = Server::start().await;
    let acme = server.tenant_without_rules("acme").await;
    let chat = acme.channel("chat").await;
    let short = acme.rule(json!({ "name": "short", "duration": "PT1S" })).await;
    let law = acme
        .rule(json!({ "name": "letters", "duration": "P6Y", "kind": "legal_minimum", "source": "§ 257 HGB", "endpoint_id": chat.id }))
        .await;
    let made = acme
        .publish(&chat, json!({ "data": "an order", "subject": "ada" }))
        .await
        .expect(201);
    tokio::time::sleep(std::time::Duration::from_millis(1200)).await;
    assert_eq!(acme.messages(&chat).await.len(), 1, "a law wants it kept");
    let said = acme
        .owner
        .post("/retention-rules/explain", json!({ "message_id": made["id"] }))
        .await
        .expect(200);
    assert_eq!(
        (said["rule"]["id"].as_str(), said["duration"].as_str()),
        (Some(law.as_str()), Some("P6Y"))
    );
    assert_eq!(said["rule"]["source"], "§ 257 HGB");
    let losers: Vec<_> = said["candidates"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|candidate| candidate["decides"] == false)
        .map(|candidate| candidate["rule"]["id"].as_str().unwrap())
        .collect();
    assert_eq!(losers, [short.as_str()]);
    let subject = text(&acme.owner.all("/subjects").await[0]["id"]);
    let said = acme
        .owner
        .post("/retention-rules/explain", json!({ "subject_id": subject }))
        .await
        .expect(200);
    let parts = said["parts"].as_array().unwrap();
    assert_eq!((parts.len(), &parts[0]["messages"]), (1, &json!(1)), "{said:#}");
    assert_eq!(parts[0]["rule"]["id"], law.as_str());
    acme.owner
        .post(
            "/retention-rules",
            json!({ "name": "no", "duration": "P1D", "target": "connections", "kind": "legal_minimum" }),
        )
        .await
        .fault(422, "invalid_request", "/kind");
}

#[tokio::test]
async fn a_change_that_would_destroy_is_previewed_waits_and_can_be_called_off() {
    let server = Server::start().await;
    let acme = server.tenant_without_rules("acme").await;
    let chat = acme.channel("chat").await;
    let rule = acme.rule(json!({ "duration": "P30D" })).await;
    for n in 0..3 {
        acme.publish(&chat, json!({ "data": n })).await.expect(201);
    }
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    let asked = json!({ "rule_id": rule, "changes": { "duration": "PT1S" } });
    let seen = acme
        .owner
        .post("/retention-rules/preview", asked)
        .await
        .expect(200);
    assert_eq!(
        (&seen["destroyed"], &seen["waits"]),
        (&json!(3), &json!(true)),
        "{seen:#}"
    );
    assert_eq!(seen["classes"][0]["endpoint_id"], chat.id.as_str());
    let path = format!("/retention-rules/{rule}");
    let change = acme
        .owner
        .patch(&path, json!({ "duration": "PT1S", "why": "too fast" }))
        .await
        .expect(202);
    assert_eq!(
        (&change["state"], &change["messages"]),
        (&json!("pending"), &json!(3))
    );
    assert_eq!(acme.messages(&chat).await.len(), 3, "nothing is gone");
    let id = text(&change["id"]);
    let pending = acme.owner.all("/retention-changes?state=pending").await;
    assert_eq!(pending.len(), 1);
    let called_off = acme
        .owner
        .post(
            format!("/retention-changes/{id}/cancel"),
            json!({ "why": "a typo" }),
        )
        .await
        .expect(200);
    assert_eq!(
        (&called_off["state"], &called_off["note"]),
        (&json!("cancelled"), &json!("a typo"))
    );
    acme.owner
        .post(format!("/retention-changes/{id}/cancel"), json!({}))
        .await
        .problem(409, "wrong_state");
    assert_eq!(acme.owner.get(&path).await.expect(200)["duration"], "P30D");
    // What keeps longer acts at once.
    acme.owner
        .patch(&path, json!({ "duration": "P60D" }))
        .await
        .expect(200);
    acme.owner.delete(&path).await.expect(202);
    acme.owner
        .post("/retention-rules/preview", json!({}))
        .await
        .fault(422, "invalid_request", "/rule");
}

#[tokio::test]
async fn what_was_previewed_is_what_is_deleted_once_the_grace_period_is_over() {
    let server = Server::start().await;
    let acme = server.tenant_without_rules("acme").await;
    let chat = acme.channel("chat").await;
    acme.owner
        .patch("/tenant", json!({ "retention_grace": "PT3S" }))
        .await
        .expect(200);
    let rule = acme.rule(json!({ "duration": "P30D" })).await;
    for n in 0..7 {
        acme.publish(&chat, json!({ "data": n })).await.expect(201);
    }
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    let asked = json!({ "rule_id": rule, "changes": { "duration": "PT1S" } });
    let seen = acme
        .owner
        .post("/retention-rules/preview", asked)
        .await
        .expect(200);
    let change = acme
        .owner
        .patch(format!("/retention-rules/{rule}"), json!({ "duration": "PT1S" }))
        .await
        .expect(202);
    let path = format!("/retention-changes/{}", text(&change["id"]));
    eventually("the end of the grace period", || async {
        let change = acme.owner.get(&path).await.expect(200);
        (change["state"] == "applied").then_some(())
    })
    .await;
    eventually("nothing to be readable", || async {
        acme.messages(&chat).await.is_empty().then_some(())
    })
    .await;
    let gone = eventually("the removal", || async {
        acme.owner.all("/audit-events?kind=messages.expired").await.pop()
    })
    .await;
    assert_eq!(gone["facts"]["count"], seen["destroyed"]);
}

#[tokio::test]
async fn templates_name_the_laws_they_come_from() {
    let server = Server::start().await;
    let acme = server.tenant_without_rules("acme").await;
    let templates = acme.owner.get("/retention-templates").await.expect(200);
    let commerce = templates["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|template| template["key"] == "commerce_de")
        .unwrap();
    for rule in commerce["rules"].as_array().unwrap() {
        let body = json!({
            "name": rule["name"], "kind": rule["kind"], "duration": rule["duration"], "source": rule["source"],
        });
        let made = acme.owner.post("/retention-rules", body).await.expect(201);
        assert_eq!(made["source"], rule["source"]);
    }
}
