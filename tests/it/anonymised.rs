//! What is left of messages when a rule anonymises, and what an endpoint does with what nobody can look into.

use serde_json::{Value, json};
use tests::{Server, Tenant, eventually, tenant::text};

async fn catalogue(acme: &Tenant) {
    for body in [
        json!({ "slug": "email", "personal": true, "paths": ["$..email"], "minimise": { "strategy": "none" } }),
        json!({
            "slug": "place", "personal": true, "paths": ["$.position"], "minimise": { "strategy": "truncate_geo", "keep": 3 },
            "at_expiry": { "strategy": "truncate_geo", "keep": 0 },
        }),
        json!({
            "slug": "age", "personal": true, "paths": ["$.age"], "minimise": { "strategy": "none" },
            "at_expiry": { "strategy": "generalise", "step": 10 },
        }),
        json!({
            "slug": "when", "personal": true, "paths": ["$.at"], "minimise": { "strategy": "none" },
            "at_expiry": { "strategy": "truncate_time", "to": "month" },
        }),
    ] {
        let mut body = body;
        body["name"] = body["slug"].clone();
        acme.create("/data-types", body).await;
    }
}

fn said() -> Value {
    json!({
        "from": { "email": "ada@example.com" }, "position": [52.520_008, 13.404_954], "age": 37,
        "at": "2026-11-28T23:45:12Z", "kilometres": 12.5,
    })
}

#[tokio::test]
async fn what_expires_under_such_a_rule_leaves_what_is_not_personal_and_adds_up() {
    let server = Server::start().await;
    let acme = server.tenant_without_rules("acme").await;
    let chat = acme.channel("chat").await;
    catalogue(&acme).await;
    acme.rule(json!({ "duration": "PT2S", "action": "anonymise" }))
        .await;
    acme.create("/subjects", json!({ "external_id": "ada" })).await;
    let body = json!({ "channel": "room-of-ada", "event": "moved", "data": said(), "subject": "ada" });
    let made = acme.publish(&chat, body).await.expect(201);
    acme.publish(&chat, json!({ "data": "call Ada on 0123", "subject": "ada" }))
        .await
        .expect(201);
    let live = acme.messages(&chat).await;
    let place = live.iter().find_map(|message| message["data"].get("position"));
    assert_eq!(
        place,
        Some(&json!([52.52, 13.404])),
        "minimised on the way in: {live:#?}"
    );
    let left = eventually("what is left", || async {
        let left = acme.owner.all("/anonymised-messages").await;
        let usage = acme.owner.get("/tenant/usage").await.expect(200);
        (!left.is_empty() && usage["used"]["stored_messages"] == 0).then_some(left)
    })
    .await;
    assert_eq!(left.len(), 1, "of plain text nothing is: {left:#?}");
    assert_eq!(
        left[0]["data"],
        json!({ "from": {}, "position": [52.0, 13.0], "age": 30, "at": "2026-11-01T00:00:00Z", "kilometres": 12.5 })
    );
    assert_eq!(left[0]["event"], "moved");
    let shown = left[0].to_string();
    for trace in ["ada", "room", text(&made["id"]).as_str()] {
        assert!(!shown.contains(trace), "{trace}: {shown}");
    }
    assert!(text(&left[0]["hour"]).contains(":00:00"), "{shown}");
    acme.owner
        .get(format!("/messages/{}", text(&made["id"])))
        .await
        .problem(404, "not_found");
    let drawn = acme.owner.post("/balances", json!({})).await.expect(200);
    let sum = |field: &str| -> i64 {
        let items = drawn["items"].as_array().unwrap().iter();
        items.map(|balance| balance[field].as_i64().unwrap()).sum()
    };
    assert_eq!(
        (
            sum("ingested"),
            sum("live"),
            sum("deleted"),
            sum("anonymised"),
            sum("difference")
        ),
        (2, 0, 1, 1, 0),
        "{drawn:#}"
    );
    // It is in the log.
    let events = acme.owner.all("/audit-events?kind=messages.expired").await;
    assert!(
        events.iter().any(|event| event["facts"]["anonymised"] == 1),
        "{events:#?}"
    );
    let path = format!("/endpoints/{}/anonymised-messages", chat.id);
    assert_eq!(acme.owner.delete(&path).await.expect(200)["removed"], 1);
    assert!(acme.owner.all("/anonymised-messages").await.is_empty());
}

#[tokio::test]
async fn what_a_hold_keeps_is_kept_as_it_was_and_counted_once() {
    let server = Server::start().await;
    let acme = server.tenant_without_rules("acme").await;
    let chat = acme.channel("chat").await;
    catalogue(&acme).await;
    acme.rule(json!({ "duration": "PT2S", "action": "anonymise" }))
        .await;
    let body = json!({ "name": "the lawsuit", "reason": "docket 7", "channel_pattern": "evidence*" });
    let hold = acme.create("/holds", body).await;
    for channel in ["evidence-1", "main"] {
        acme.publish(&chat, json!({ "channel": channel, "data": said() }))
            .await
            .expect(201);
    }
    eventually("both to go", || async {
        let usage = acme.owner.get("/tenant/usage").await.expect(200);
        (usage["used"]["stored_messages"] == 0).then_some(())
    })
    .await;
    let kept = acme
        .owner
        .all(format!("/holds/{hold}/messages?unseal=true"))
        .await;
    assert_eq!(
        (kept.len(), &kept[0]["data"]["age"]),
        (1, &json!(37)),
        "{kept:#?}"
    );
    assert_eq!(acme.owner.all("/anonymised-messages").await.len(), 1);
    let drawn = acme.owner.post("/balances", json!({})).await.expect(200);
    for balance in drawn["items"].as_array().unwrap() {
        assert_eq!(balance["difference"], 0, "{balance:#}");
    }
}

#[tokio::test]
async fn a_preview_shows_both_ends_and_nothing_personal_may_stay_as_it_is() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    catalogue(&acme).await;
    let preview = |end: &'static str| {
        let body = json!({ "data": said(), "end": end });
        async { acme.owner.post("/data-types/preview", body).await.expect(200)["data"].clone() }
    };
    assert_eq!(preview("ingest").await["age"], 37);
    let left = preview("expiry").await;
    assert_eq!((&left["age"], &left["from"]), (&json!(30), &json!({})));
    let body =
        json!({ "slug": "iban", "personal": true, "paths": ["$.iban"], "at_expiry": { "strategy": "hash" } });
    acme.owner
        .post("/data-types", body)
        .await
        .fault(422, "invalid_request", "/at_expiry/strategy");
    let body = json!({ "name": "r", "target": "connections", "duration": "P1D", "action": "anonymise" });
    acme.owner
        .post("/retention-rules", body)
        .await
        .fault(422, "invalid_request", "/action");
}

#[tokio::test]
async fn an_endpoint_says_what_happens_to_what_nobody_can_look_into() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let body = |slug: &str, opaque: &str| json!({ "slug": slug, "kind": "channel", "opaque": opaque });
    let pass = acme.endpoint(body("pass", "pass")).await;
    let refuse = acme.endpoint(body("refuse", "refuse")).await;
    assert_eq!(pass.json["opaque"], "pass");
    let mut ada = acme.connect(&pass, "ada").await;
    let made = acme
        .publish(&pass, json!({ "data": "just talk" }))
        .await
        .expect(201);
    assert_eq!(ada.text().await, "just talk");
    assert_eq!(made["recorded"], false, "{made:#}");
    let made = acme
        .publish(&pass, json!({ "data": { "n": 1 } }))
        .await
        .expect(201);
    assert_eq!(made["recorded"], true, "{made:#}");
    assert_eq!(acme.messages(&pass).await.len(), 1);
    // Bytes come on sockets.
    let mut bob = acme.connect(&pass, "bob").await;
    bob.send_bytes(vec![0, 159, 146, 150]).await;
    bob.served().await;
    assert_eq!(acme.messages(&pass).await.len(), 1);
    let refused = acme.publish(&refuse, json!({ "data": "just talk" })).await;
    refused.fault(422, "invalid_request", "/data");
    acme.publish(&refuse, json!({ "data": { "n": 1 } }))
        .await
        .expect(201);
    acme.owner
        .patch(format!("/endpoints/{}", refuse.id), json!({ "opaque": "record" }))
        .await
        .expect(200);
    acme.publish(&refuse, json!({ "data": "just talk" }))
        .await
        .expect(201);
    assert_eq!(acme.messages(&refuse).await.len(), 2);
}
