//! Audit reports and records of processing activities.

use serde_json::json;
use tests::{Server, tenant::text};

#[tokio::test]
async fn a_report_answers_from_the_evidence_and_is_compared_with_the_last() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let chat = acme.channel("chat").await;
    acme.publish(&chat, json!({ "data": "x", "subject": "ada" }))
        .await
        .expect(201);
    let first = acme.owner.post("/reports", json!({})).await.expect(201);
    assert_eq!(first["adheres_to_retention_policy"], true, "{first:#}");
    let sections = first["body"]["sections"].as_array().unwrap();
    let keys: Vec<_> = sections.iter().map(|section| text(&section["key"])).collect();
    assert_eq!(keys, ["collection", "use", "retention", "security", "rights"]);
    let finding = &sections[0]["findings"][0];
    assert_eq!(
        (
            finding["code"].as_str(),
            finding["about"].as_str(),
            finding["severity"].as_str()
        ),
        (Some("endpoint_without_purpose"), Some("chat"), Some("medium"))
    );
    assert!(text(&finding["remedy"]).contains("purpose"));
    let news = acme.purpose("news").await;
    acme.owner
        .patch(format!("/endpoints/{}", chat.id), json!({ "purpose_id": news }))
        .await
        .expect(200);
    let second = acme.owner.post("/reports", json!({})).await.expect(201);
    assert_eq!(second["previous_id"], first["id"]);
    let since = &second["body"]["since_last"];
    assert_eq!(
        since["resolved"],
        json!(["endpoint_without_purpose/chat"]),
        "{since:#}"
    );
    assert_eq!(since["new"], json!(["consent_without_notice/news"]));
    assert_eq!(second["from"], first["to"]);
    let id = text(&second["id"]);
    let read = acme.owner.get(format!("/reports/{id}")).await.expect(200);
    assert_eq!(read["body"], second["body"], "sealed and opened");
    let receipt = acme.owner.get(format!("/reports/{id}/receipt")).await;
    receipt.check(200);
    let file = server.scratch("report.proof");
    std::fs::write(&file, receipt.text()).unwrap();
    let log = acme.owner.get("/log").await.expect(200);
    server.run_well(&[
        "verify",
        file.to_str().unwrap(),
        "--key",
        &text(&log["verifier_key"]),
    ]);
    let page = acme.owner.get(format!("/reports/{id}/page.html")).await;
    page.check(200);
    assert!(
        page.text()
            .contains("Is the processing in adherence with the retention policy?")
    );
    assert_eq!(acme.owner.all("/reports").await.len(), 2);
    let put = |body| {
        acme.owner.send(
            acme.owner
                .request(reqwest::Method::PUT, "/report-schedule")
                .json(&body),
        )
    };
    put(json!({ "every": "PT1H", "enabled": true }))
        .await
        .fault(422, "invalid_request", "/every");
    let schedule = put(json!({ "every": "P1M", "enabled": true })).await.expect(200);
    assert!(schedule["next_at"].is_string());
}

#[tokio::test]
async fn records_of_processing_come_as_data_table_and_page() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let news = acme.purpose("news").await;
    acme.endpoint(json!({ "slug": "news", "kind": "channel", "purpose_id": news }))
        .await;
    let record = acme.owner.get("/processing-records/controller").await.expect(200);
    let activity = &record["activities"][0];
    assert_eq!(
        (activity["activity"].as_str(), activity["time_limits"].clone()),
        (Some("news"), json!(["P30D"]))
    );
    assert_eq!(activity["lawful_basis"], "consent");
    let table = acme.owner.get("/processing-records/controller?format=csv").await;
    table.check(200);
    assert!(
        table.text().starts_with("activity,purpose,lawful_basis"),
        "{}",
        table.text()
    );
    assert!(table.text().contains("news,to keep you informed,consent"));
    let page = acme.owner.get("/processing-records/processor?format=html").await;
    page.check(200);
    assert!(page.text().contains("Art. 30(2)"));
}
