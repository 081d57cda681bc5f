//! Consent events as records: what they hold, how they stand, what they refer to. What they do is in `consent.rs`.

use serde_json::json;
use tests::{Server, tenant::text};

#[tokio::test]
async fn the_current_state_follows_the_newest_event_and_the_history_stays() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let news = acme.purpose("news").await;
    for state in ["given", "withdrawn", "given", "refused"] {
        let event = acme.consent("ada", "news", state).await.expect(201);
        assert_eq!(event["state"], state);
    }
    let events = acme.owner.all(format!("/consents?purpose_id={news}")).await;
    let states: Vec<_> = events.iter().map(|event| text(&event["state"])).collect();
    assert_eq!(states, ["refused", "given", "withdrawn", "given"], "newest first");
    let subject = text(&events[0]["subject_id"]);
    let current = acme
        .owner
        .get(format!("/subjects/{subject}/consents"))
        .await
        .expect(200);
    let current = current["items"]
        .as_array()
        .or(current.as_array())
        .unwrap()
        .clone();
    assert_eq!(current.len(), 1);
    assert_eq!(
        (current[0]["state"].as_str(), current[0]["valid"].as_bool()),
        (Some("refused"), Some(false))
    );
    assert_eq!(current[0]["event_id"], events[0]["id"]);
}

#[tokio::test]
async fn a_consent_remembers_which_text_it_was_given_to() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let news = acme.purpose("news").await;
    let notice = acme
        .create(
            "/notices",
            json!({ "slug": "n", "name": "N", "purpose_ids": [news] }),
        )
        .await;
    let version = json!({ "language": "en", "text": "We send you news." });
    let version = acme
        .owner
        .post(format!("/notices/{notice}/versions"), version)
        .await
        .expect(201);
    let body = json!({
        "subject": "ada", "purpose": "news", "state": "given", "method": "web form",
        "notice_version_id": version["id"], "evidence": { "form": "footer" },
    });
    let event = acme.owner.post("/consents", body).await.expect(201);
    assert_eq!(event["notice_hash"], version["hash"]);
    let read = acme
        .owner
        .get(format!("/consents/{}", text(&event["id"])))
        .await
        .expect(200);
    assert_eq!(read["evidence"], json!({ "form": "footer" }));
    assert_eq!(read["method"], "web form");
}

#[tokio::test]
async fn a_consent_event_has_a_receipt() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    acme.purpose("news").await;
    let event = acme.consent("ada", "news", "given").await.expect(201);
    let url = text(&event["receipt_url"]);
    let path = url.strip_prefix(server.base()).unwrap_or(&url).to_owned();
    let receipt = acme.owner.get(format!("/{path}")).await;
    receipt.check(200);
    assert!(
        receipt.text().starts_with("c2sp.org/tlog-proof@v1"),
        "{}",
        receipt.text()
    );
    assert!(!receipt.text().contains("ada"));
}

#[tokio::test]
async fn a_consent_to_an_unknown_purpose_or_notice_is_refused_at_its_field() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    acme.consent("ada", "nothing", "given")
        .await
        .fault(422, "invalid_request", "/purpose");
    acme.purpose("news").await;
    let body = json!({
        "subject": "ada", "purpose": "news", "state": "given", "method": "api",
        "notice_version_id": "00000000-0000-7000-8000-000000000000",
    });
    acme.owner
        .post("/consents", body)
        .await
        .fault(422, "invalid_request", "/notice_version_id");
    let maybe = acme.consent("ada", "news", "maybe").await;
    assert!([400, 422].contains(&maybe.status), "{}", maybe.text());
    assert!(
        acme.owner.all("/consents").await.is_empty(),
        "nothing was recorded"
    );
}
