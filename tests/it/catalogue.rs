//! Data types, purposes and notices: what is held, why, and what people were told.

use serde_json::{Value, json};
use tests::{Server, tenant::text};

fn email_type() -> Value {
    json!({
        "slug": "email", "name": "E-mail address", "personal": true,
        "paths": ["$.email", "$.from.email"], "minimise": { "strategy": "none" },
    })
}

#[tokio::test]
async fn a_data_type_is_created_changed_and_removed() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let id = acme.create("/data-types", email_type()).await;
    let path = format!("/data-types/{id}");
    let changed = json!({ "name": "Address", "minimise": { "strategy": "mask", "keep": 2 } });
    let changed = acme.owner.patch(&path, changed).await.expect(200);
    assert_eq!(
        (changed["name"].as_str(), changed["version"].as_i64()),
        (Some("Address"), Some(2))
    );
    assert_eq!(changed["minimise"]["keep"], 2);
    acme.owner.delete(&path).await.expect(204);
    acme.owner.get(&path).await.problem(404, "not_found");
}

#[tokio::test]
async fn a_false_path_is_named_with_its_place_in_the_list() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let mut body = email_type();
    body["paths"] = json!(["$.email", "email["]);
    acme.owner
        .post("/data-types", body.clone())
        .await
        .fault(422, "invalid_request", "/paths/1");
    body["paths"] = json!(["$..*..*..*"]);
    acme.owner
        .post("/data-types", body)
        .await
        .fault(422, "invalid_request", "/paths/0");
}

#[tokio::test]
async fn a_preview_shows_what_would_remain_and_stores_nothing() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let mut draft = email_type();
    draft["minimise"] = json!({ "strategy": "replace", "with": "[e-mail]" });
    let body = json!({ "data": { "email": "ada@example.com", "text": "hi" }, "data_types": [draft] });
    let preview = acme.owner.post("/data-types/preview", body).await.expect(200);
    assert_eq!(preview["data"], json!({ "email": "[e-mail]", "text": "hi" }));
    assert_eq!(preview["found"][0]["data_type"], "email");
    assert!(acme.owner.all("/data-types").await.is_empty());
}

#[tokio::test]
async fn what_a_data_type_minimises_never_reaches_a_socket_or_the_journal() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    for (slug, path, minimise) in [
        ("email", "$.email", json!({ "strategy": "mask", "keep": 2 })),
        ("phone", "$.phone", json!({ "strategy": "remove" })),
        (
            "name",
            "$.name",
            json!({ "strategy": "replace", "with": "somebody" }),
        ),
    ] {
        let body =
            json!({ "slug": slug, "name": slug, "personal": true, "paths": [path], "minimise": minimise });
        acme.create("/data-types", body).await;
    }
    let chat = acme.channel("chat").await;
    let mut ada = acme.connect(&chat, "ada").await;
    let data = json!({ "email": "ada@example.com", "phone": "+49 30 1234567", "name": "Ada Lovelace", "text": "hi" });
    acme.publish(&chat, json!({ "data": data })).await.expect(201);
    let seen = ada.json().await;
    let stored = acme.messages(&chat).await.remove(0);
    let kept: Value = match &stored["data"] {
        Value::String(text) => serde_json::from_str(text).unwrap(),
        other => other.clone(),
    };
    assert_eq!(seen, kept);
    assert_eq!(
        (seen["name"].as_str(), seen["text"].as_str()),
        (Some("somebody"), Some("hi"))
    );
    assert!(seen.get("phone").is_none(), "{seen}");
    let said = format!("{seen}{stored}");
    for secret in ["ada@example.com", "1234567", "Lovelace"] {
        assert!(!said.contains(secret), "{said}");
    }
    let mut types: Vec<&str> = stored["data_types"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    types.sort_unstable();
    assert_eq!(types, ["email", "name", "phone"]);
}

#[tokio::test]
async fn a_purpose_waits_for_consent_when_consent_is_its_basis() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let news = acme.purpose("news").await;
    assert_eq!(
        acme.owner.get(format!("/purposes/{news}")).await.expect(200)["requires_consent"],
        true
    );
    let body = json!({ "slug": "service", "name": "Service", "lawful_basis": "contract" });
    assert_eq!(
        acme.owner.post("/purposes", body).await.expect(201)["requires_consent"],
        false
    );
    let body = json!({ "slug": "x", "name": "X", "lawful_basis": "because" });
    let refused = acme.owner.post("/purposes", body).await;
    assert!([400, 422].contains(&refused.status), "{}", refused.text());
}

#[tokio::test]
async fn a_purpose_in_use_cannot_be_removed() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let news = acme.purpose("news").await;
    acme.endpoint(json!({ "slug": "chat", "kind": "channel", "purpose_id": news }))
        .await;
    acme.owner
        .delete(format!("/purposes/{news}"))
        .await
        .problem(409, "in_use");
    acme.owner.get(format!("/purposes/{news}")).await.expect(200);
}

#[tokio::test]
async fn a_notice_keeps_every_version_and_its_hash() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let news = acme.purpose("news").await;
    let body = json!({ "slug": "newsletter", "name": "Newsletter", "purpose_ids": [news] });
    let notice = acme.create("/notices", body).await;
    let path = format!("/notices/{notice}/versions");
    let first = acme
        .owner
        .post(&path, json!({ "language": "en", "text": "We send you news." }))
        .await
        .expect(201);
    let second = acme
        .owner
        .post(
            &path,
            json!({ "language": "en", "text": "We send you more news." }),
        )
        .await
        .expect(201);
    assert_eq!(
        (first["number"].as_i64(), second["number"].as_i64()),
        (Some(1), Some(2))
    );
    assert_eq!(text(&first["hash"]).len(), 64);
    assert_ne!(first["hash"], second["hash"]);
    assert_eq!(acme.owner.all(&path).await.len(), 2);
    let read = acme
        .owner
        .get(format!("/notice-versions/{}", text(&first["id"])))
        .await
        .expect(200);
    assert_eq!(read["text"], "We send you news.");
}
