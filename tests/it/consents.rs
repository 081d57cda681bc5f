//! Consent events as records: what they hold, how they stand, what they refer to. What they do is in `consent.rs`.

use std::time::Duration;

use serde_json::json;
use tests::{Server, sdks, tenant::text, wait::eventually_within};

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

#[tokio::test]
async fn records_and_receipts_are_linked_data_to_others() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    acme.purpose("news").await;
    let controller = json!({ "controller": { "legal_name": "Acme GmbH", "address": "Weir Street 1, Berlin", "country": "DE" } });
    acme.owner.patch("/tenant", controller).await.expect(200);
    let event = acme.consent("ada", "news", "given").await.expect(201);
    let settings = vec![
        ("WEIR_URL", server.base().to_owned()),
        ("WEIR_TOKEN", acme.owner.token().to_owned()),
        ("WEIR_CONSENT_ID", text(&event["id"])),
    ];
    sdks::run("consent_record.test.mjs", settings).await;
    let receipt = acme
        .owner
        .get(format!("/consents/{}/record-receipt", text(&event["id"])))
        .await
        .expect(200);
    assert_eq!(receipt["record"]["party"][0]["party_name"], "Acme GmbH");
    let proof = server.scratch("proof.txt");
    std::fs::write(&proof, text(&receipt["proof"]["proof_value"])).unwrap();
    let key = acme.owner.get("/log").await.expect(200);
    server.run_well(&[
        "verify",
        proof.to_str().unwrap(),
        "--key",
        &text(&key["verifier_key"]),
    ]);
}

#[tokio::test]
async fn an_import_shows_its_progress_and_changes_nothing_when_it_is_sent_again() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    acme.purpose("news").await;
    let mut lines: Vec<String> = (0..600)
        .map(|n| {
            json!({ "subject": format!("p{n}"), "purpose": "news", "state": "given", "id": n.to_string() })
                .to_string()
        })
        .collect();
    lines.insert(300, "not json".to_owned());
    let lines = lines.join("\n");
    for (recorded, repeated) in [(600, 0), (0, 600)] {
        let order = acme
            .owner
            .request(reqwest::Method::POST, "/consent-imports")
            .header("content-type", "application/x-ndjson")
            .body(lines.clone());
        let id = text(&acme.owner.send(order).await.expect(202)["id"]);
        let done = eventually_within(Duration::from_mins(3), "the end of the import", || async {
            let import = acme.owner.get(format!("/consent-imports/{id}")).await.expect(200);
            (import["state"] == "completed").then_some(import)
        })
        .await;
        assert_eq!(
            (
                done["lines"].as_i64(),
                done["done"].as_i64(),
                done["failed"].as_i64()
            ),
            (Some(601), Some(601), Some(1)),
            "{done:#}"
        );
        assert_eq!(
            (done["recorded"].as_i64(), done["repeated"].as_i64()),
            (Some(recorded), Some(repeated))
        );
        let faults = acme.owner.all(format!("/consent-imports/{id}/faults")).await;
        assert_eq!(
            (
                faults[0]["line"].as_i64(),
                faults[0]["faults"][0]["code"].as_str()
            ),
            (Some(301), Some("not_json"))
        );
    }
    let order = acme
        .owner
        .request(reqwest::Method::POST, "/consent-imports")
        .header("content-type", "text/csv")
        .body("subject,state\nada,given\n");
    acme.owner.send(order).await.fault(422, "invalid_request", "");
}

#[tokio::test]
async fn legitimate_interests_are_weighed_and_special_categories_have_a_basis() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let interests = json!({ "slug": "fraud", "lawful_basis": "legitimate_interests" });
    acme.owner
        .post("/purposes", interests)
        .await
        .fault(422, "invalid_request", "/balancing_note");
    let health = json!({ "slug": "health", "name": "H", "personal": true, "special_category": "health",
                         "paths": ["$.pulse"], "minimise": { "strategy": "none" } });
    acme.create("/data-types", health).await;
    let care = acme
        .owner
        .post("/purposes", json!({ "slug": "care", "lawful_basis": "contract" }))
        .await
        .expect(201);
    let rights: Vec<_> = care["rights"]
        .as_array()
        .unwrap()
        .iter()
        .map(|right| text(&right["article"]))
        .collect();
    assert!(
        rights.contains(&"A20".to_owned()) && !rights.contains(&"A21".to_owned()),
        "{rights:?}"
    );
    let ward = acme
        .endpoint(json!({ "slug": "ward", "kind": "channel", "purpose_id": care["id"] }))
        .await;
    acme.publish(&ward, json!({ "data": { "pulse": 80 } }))
        .await
        .problem(403, "special_basis_missing");
    acme.publish(&ward, json!({ "data": { "bed": 7 } }))
        .await
        .expect(201);
    let path = format!("/purposes/{}", text(&care["id"]));
    acme.owner
        .patch(&path, json!({ "special_basis": "explicit_consent" }))
        .await
        .fault(422, "invalid_request", "/special_basis");
    acme.owner
        .patch(&path, json!({ "special_basis": "health_care" }))
        .await
        .expect(200);
    acme.publish(&ward, json!({ "data": { "pulse": 80 } }))
        .await
        .expect(201);
}
