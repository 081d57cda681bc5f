//! The clock of requests, over REST: laws as data, extension with notice, pauses where the law allows.

use chrono::{DateTime, Months, NaiveDate, Utc};
use serde_json::{Value, json};
use tests::{Server, Tenant, tenant::text};

use crate::{
    portal::{known_person, sign_in},
    requests::in_state,
};

fn at(value: &Value) -> DateTime<Utc> {
    text(value).parse().expect("a time")
}

/// A request that nobody can answer at once: what a law keeps waits for a decision.
async fn waiting(server: &Server) -> (Tenant, String) {
    let (acme, _) = known_person(server).await;
    let body = json!({ "slug": "tax", "name": "Tax", "lawful_basis": "legal_obligation" });
    let tax = acme.create("/purposes", body).await;
    let invoices = acme
        .endpoint(json!({ "slug": "invoices", "kind": "channel", "purpose_id": tax }))
        .await;
    acme.publish(&invoices, json!({ "data": "an invoice", "subject": "ada" }))
        .await
        .expect(201);
    let ada = sign_in(server, &acme, "ada@example.com").await;
    let request = ada
        .post("/portal/acme/requests", json!({ "kind": "erasure" }))
        .await
        .expect(201);
    let id = text(&request["id"]);
    in_state(&acme, &id, "approval").await;
    (acme, id)
}

#[tokio::test]
async fn the_laws_that_requests_are_answered_under_are_data_that_can_be_read() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let laws = acme.owner.all("/jurisdictions").await;
    let law = |key: &str| laws.iter().find(|law| law["key"] == key).unwrap();
    assert_eq!(
        (law("gdpr")["respond"].as_str(), law("gdpr")["extend"].as_str()),
        (Some("1 month"), Some("2 months"))
    );
    assert_eq!(law("ccpa")["acknowledge"], "10 business days");
    assert!(law("lgpd")["extend"].is_null());
    let patch = |body: Value| acme.owner.patch("/tenant", body);
    let tenant =
        patch(json!({ "jurisdiction": "ccpa", "time_zone": "America/Los_Angeles", "holidays": "US" }))
            .await
            .expect(200);
    assert_eq!(tenant["time_zone"], "America/Los_Angeles");
    for (body, field) in [
        (json!({ "jurisdiction": "atlantis" }), "/jurisdiction"),
        (json!({ "time_zone": "Europe/Atlantis" }), "/time_zone"),
        (json!({ "holidays": "XX" }), "/holidays"),
    ] {
        let problem = patch(body).await.problem(422, "invalid_request");
        assert!(problem.to_string().contains(field), "{problem:#}");
    }
}

/// What happened with a request last.
fn last_step(request: &Value) -> &Value {
    request["events"]
        .as_array()
        .and_then(|events| events.last())
        .expect("something happened")
}

#[tokio::test]
async fn an_extension_is_told_with_its_reason_and_given_once() {
    let server = Server::start().await;
    let (acme, id) = waiting(&server).await;
    let before = acme.owner.get(format!("/requests/{id}")).await.expect(200);
    let extend = |reason: &str, text: &str| {
        let body = json!({ "reason": reason, "text": text });
        acme.owner.post(format!("/requests/{id}/extend"), body)
    };
    extend("because", "").await.problem(422, "invalid_request");
    let after = extend("complexity", "Your data are in many places.")
        .await
        .expect(200);
    let (received, due) = (at(&before["received_at"]), at(&after["due_at"]));
    let three_months: NaiveDate = received.date_naive().checked_add_months(Months::new(3)).unwrap();
    let days = (due.date_naive() - three_months).num_days();
    assert!(
        (0..=2).contains(&days),
        "{due} is three months after {received}, or the Monday after"
    );
    assert_eq!(after["extension_reason"], "complexity");
    let step = last_step(&after);
    assert_eq!(
        (&step["what"], &step["words"]),
        (&json!("extended"), &json!("Your data are in many places."))
    );
    let mail = server
        .mail("ada@example.com", |mail| mail.subject.contains("takes longer"))
        .await;
    let said = mail.text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        said.contains("many places") && said.contains("Art. 77"),
        "{}",
        mail.text
    );
    extend("complexity", "again").await.problem(409, "not_extendable");
}

#[tokio::test]
async fn the_clock_stands_still_while_the_person_must_act_and_only_where_the_law_says_so() {
    let server = Server::start().await;
    let (acme, id) = waiting(&server).await;
    let post = |verb: &str, body: Value| acme.owner.post(format!("/requests/{id}/{verb}"), body);
    post("resume", json!({})).await.problem(409, "wrong_state");
    let body = json!({ "reason": "identity", "text": "Please send us the number of your contract." });
    let paused = post("pause", body.clone()).await.expect(200);
    assert!(paused["paused_at"].is_string() && paused["overdue"] == false);
    post("pause", body).await.problem(409, "not_pausable");
    let step = last_step(&paused);
    assert_eq!(step["what"], "paused");
    assert_eq!(step["words"], "Please send us the number of your contract.");
    let mail = server
        .mail("ada@example.com", |mail| mail.subject.contains("needs something"))
        .await;
    assert!(mail.text.contains("number of your contract"), "{}", mail.text);
    let resumed = post("resume", json!({})).await.expect(200);
    assert!(resumed["paused_at"].is_null());
    assert_eq!(last_step(&resumed)["what"], "resumed");
    assert_eq!(
        resumed["due_at"], paused["due_at"],
        "it stood still for less than a day"
    );
    post("acknowledge", json!({})).await.problem(409, "wrong_state");

    let ccpa = server.tenant("beta").await;
    ccpa.owner
        .patch("/tenant", json!({ "jurisdiction": "ccpa" }))
        .await
        .expect(200);
    ccpa.create("/subjects", json!({ "external_id": "bob" })).await;
    let request = ccpa
        .create("/requests", json!({ "kind": "access", "subject": "bob" }))
        .await;
    let request = ccpa.owner.get(format!("/requests/{request}")).await.expect(200);
    assert!(request["acknowledge_by"].is_string() && request["acknowledged_at"].is_null());
    let days = (at(&request["due_at"]) - at(&request["received_at"])).num_days();
    assert_eq!((request["jurisdiction"].as_str(), days), (Some("ccpa"), 45));
}

#[tokio::test]
async fn every_mail_can_be_looked_at_before_anybody_gets_it() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let templates = acme.owner.all("/mail-templates").await;
    assert!(templates.len() >= 10, "{templates:?}");
    for template in &templates {
        let body = json!({ "template": template["name"], "language": "en" });
        let preview = acme.owner.post("/mails/preview", body).await.expect(200);
        let (text, html) = (text(&preview["text"]), text(&preview["html"]));
        assert!(
            text.contains("acme Inc.") && html.contains("acme Inc."),
            "{preview:#}"
        );
        assert!(!html.contains("<img") && !html.contains("<script"), "{preview:#}");
        assert!(!preview["subject"].to_string().contains("Ada"), "{preview:#}");
    }
    acme.owner
        .post("/mails/preview", json!({ "template": "no_such_mail" }))
        .await
        .problem(422, "invalid_request");
}
