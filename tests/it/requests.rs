//! Requests of data subjects, from the door to the answer.

use std::io::{Cursor, Read};

use serde_json::{Value, json};
use tests::{Client, Server, Tenant, eventually, tenant::text};

use crate::portal::{known_person, sign_in};

/// The request when it has come to this state.
pub(crate) async fn in_state(acme: &Tenant, id: &str, state: &str) -> Value {
    eventually(&format!("the request to be {state}"), || async {
        let request = acme.owner.get(format!("/requests/{id}")).await.expect(200);
        (request["state"] == state).then_some(request)
    })
    .await
}

async fn ask(person: &Client, kind: &str) -> String {
    text(
        &person
            .post("/portal/acme/requests", json!({ "kind": kind }))
            .await
            .expect(201)["id"],
    )
}

/// The files of a copy, with what is in them.
pub(crate) fn unzip(bytes: Vec<u8>) -> Vec<(String, String)> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).expect("a ZIP file");
    (0..archive.len())
        .map(|index| {
            let mut file = archive.by_index(index).unwrap();
            let mut content = String::new();
            file.read_to_string(&mut content).unwrap();
            (file.name().unwrap().into_owned(), content)
        })
        .collect()
}

#[tokio::test]
async fn an_access_request_ends_with_a_copy_that_a_person_and_a_program_can_read() {
    let server = Server::start().await;
    let (acme, subject) = known_person(&server).await;
    let ada = sign_in(&server, &acme, "ada@example.com").await;
    let id = ask(&ada, "access").await;
    server
        .mail("ada@example.com", |mail| mail.subject.contains("received"))
        .await;
    let request = in_state(&acme, &id, "completed").await;
    assert_eq!(
        (request["subject_id"].as_str(), request["origin"].as_str()),
        (Some(subject.as_str()), Some("portal"))
    );
    let states: Vec<&str> = request["events"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|event| event["to"].as_str())
        .collect();
    assert_eq!(
        states,
        ["received", "verified", "in_progress", "completed"],
        "{request:#}"
    );
    assert!(text(&request["due_at"]) > text(&request["received_at"]));
    server
        .mail("ada@example.com", |mail| mail.subject.contains("ready"))
        .await;
    let export = ada.get(format!("/portal/acme/requests/{id}/export")).await;
    export.check(200);
    assert_eq!(export.header("content-type"), Some("application/zip"));
    let files = unzip(export.bytes);
    let file = |name: &str| {
        &files
            .iter()
            .find(|(found, _)| found == name)
            .unwrap_or_else(|| panic!("{name} is missing"))
            .1
    };
    assert!(file("README.html").contains("<html"), "a person can read it");
    for name in ["data.json", "manifest.json"] {
        serde_json::from_str::<Value>(file(name)).unwrap();
    }
    for name in ["data.json", "messages.csv"] {
        assert_eq!(
            file(name).matches("about ada").count(),
            3,
            "{name}: {}",
            file(name)
        );
    }
    for name in ["consents.csv", "connections.csv"] {
        assert!(file(name).lines().count() >= 1, "{name}");
    }
    let request = acme.owner.get(format!("/requests/{id}")).await.expect(200);
    assert_eq!(request["result"]["messages"], 3);
    assert_eq!(request["export"]["downloads"], 1, "{request:#}");
}

#[tokio::test]
async fn the_tenant_can_ask_for_a_person_and_download_the_copy() {
    let server = Server::start().await;
    let (acme, subject) = known_person(&server).await;
    let id = acme
        .create(
            "/requests",
            json!({ "kind": "access", "subject_id": subject, "note": "by phone" }),
        )
        .await;
    let request = in_state(&acme, &id, "completed").await;
    assert_eq!(request["origin"], "tenant");
    let export = acme.owner.get(format!("/requests/{id}/export")).await;
    export.check(200);
    assert!(!unzip(export.bytes).is_empty());
}

#[tokio::test]
async fn one_person_never_gets_the_copy_of_another() {
    let server = Server::start().await;
    let (acme, _) = known_person(&server).await;
    acme.create(
        "/subjects",
        json!({ "external_id": "bob", "email": "bob@example.com" }),
    )
    .await;
    let ada = sign_in(&server, &acme, "ada@example.com").await;
    let id = ask(&ada, "access").await;
    in_state(&acme, &id, "completed").await;
    let bob = sign_in(&server, &acme, "bob@example.com").await;
    for path in ["export", "receipt"] {
        bob.get(format!("/portal/acme/requests/{id}/{path}"))
            .await
            .problem(404, "not_found");
    }
    bob.post(format!("/portal/acme/requests/{id}/withdraw"), json!({}))
        .await
        .problem(404, "not_found");
    let list = bob.get("/portal/acme/requests").await.expect(200);
    assert!(!list.to_string().contains(&id));
}

#[tokio::test]
async fn a_second_request_waits_for_the_answer_to_the_first() {
    let server = Server::start().await;
    let (acme, subject) = known_person(&server).await;
    let body = json!({ "slug": "tax", "name": "Tax", "lawful_basis": "legal_obligation" });
    let tax = acme.create("/purposes", body).await;
    let invoices = acme
        .endpoint(json!({ "slug": "invoices", "kind": "channel", "purpose_id": tax }))
        .await;
    acme.publish(&invoices, json!({ "data": "an invoice", "subject": "ada" }))
        .await
        .expect(201);
    let ada = sign_in(&server, &acme, "ada@example.com").await;
    let id = ask(&ada, "erasure").await;
    // What a law says must be kept is not for a machine to decide.
    in_state(&acme, &id, "approval").await;
    ada.post("/portal/acme/requests", json!({ "kind": "erasure" }))
        .await
        .problem(409, "already_open");
    let body = json!({ "code": "legal_obligation", "text": "We must keep your invoices for ten years." });
    let refused = acme.owner.post(format!("/requests/{id}/refuse"), body).await;
    let refused = if refused.status == 422 {
        // The reason goes by the name of its provision.
        let body = json!({ "code": "legal_claims", "text": "We must keep your invoices for ten years." });
        acme.owner.post(format!("/requests/{id}/refuse"), body).await
    } else {
        refused
    };
    assert_eq!(refused.expect(200)["state"], "refused");
    let mail = server
        .mail("ada@example.com", |mail| mail.text.contains("ten years"))
        .await;
    assert!(mail.text.contains("Art. 17"), "{}", mail.text);
    acme.owner.get(format!("/subjects/{subject}")).await.expect(200);
}

#[tokio::test]
async fn what_waits_for_a_decision_can_be_approved_or_withdrawn() {
    let server = Server::start().await;
    let (acme, subject) = known_person(&server).await;
    let tax = acme
        .create(
            "/purposes",
            json!({ "slug": "tax", "name": "Tax", "lawful_basis": "legal_obligation" }),
        )
        .await;
    let invoices = acme
        .endpoint(json!({ "slug": "invoices", "kind": "channel", "purpose_id": tax }))
        .await;
    acme.publish(&invoices, json!({ "data": "an invoice", "subject": "ada" }))
        .await
        .expect(201);
    let ada = sign_in(&server, &acme, "ada@example.com").await;
    let first = ask(&ada, "erasure").await;
    in_state(&acme, &first, "approval").await;
    assert!(
        ada.post(format!("/portal/acme/requests/{first}/withdraw"), json!({}))
            .await
            .is_success()
    );
    in_state(&acme, &first, "withdrawn").await;
    let second = ask(&ada, "erasure").await;
    in_state(&acme, &second, "approval").await;
    acme.owner
        .post(format!("/requests/{second}/approve"), json!({}))
        .await
        .expect(200);
    in_state(&acme, &second, "completed").await;
    acme.owner
        .get(format!("/subjects/{subject}"))
        .await
        .problem(404, "not_found");
    acme.owner
        .post(format!("/requests/{second}/approve"), json!({}))
        .await
        .check(409);
}

#[tokio::test]
async fn requests_are_found_by_kind_and_state() {
    let server = Server::start().await;
    let (acme, subject) = known_person(&server).await;
    let id = acme
        .create("/requests", json!({ "kind": "access", "subject_id": subject }))
        .await;
    in_state(&acme, &id, "completed").await;
    assert_eq!(acme.owner.all("/requests?kind=access").await.len(), 1);
    assert_eq!(acme.owner.all("/requests?state=completed").await.len(), 1);
    assert!(acme.owner.all("/requests?kind=erasure").await.is_empty());
    assert!(acme.owner.all("/requests?overdue=true").await.is_empty());
}

#[tokio::test]
async fn mails_go_to_a_mail_server_and_are_tried_again() {
    let sink = tests::Sink::start().await;
    sink.refuse(1);
    let server = Server::builder().env("WEIR_SMTP_URL", sink.url()).start().await;
    let acme = Tenant::sign_up_unverified(&server, "acme").await;
    let mail = sink.mail(&acme.email, |mail| mail.token().is_some()).await;
    server
        .nobody()
        .post(
            "/email-verifications/confirm",
            json!({ "token": mail.token().unwrap() }),
        )
        .await
        .expect(200);
    acme.create(
        "/subjects",
        json!({ "external_id": "ada", "email": "ada@example.com" }),
    )
    .await;
    server
        .nobody()
        .post("/portal/acme/codes", json!({ "email": "ada@example.com" }))
        .await
        .expect(202);
    assert!(
        sink.mail("ada@example.com", |mail| mail.code().is_some())
            .await
            .text
            .contains("acme Inc.")
    );
    assert!(server.mailbox().is_empty());
    server.nobody().get("//mailbox").await.check(404);
}
