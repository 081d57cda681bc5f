//! Every right but access and erasure, end to end: from the privacy page to the socket and the receipt.

use serde_json::{Value, json};
use tests::{Client, Server, Tenant, eventually, tenant::text};

use crate::{
    portal::{known_person, sign_in},
    requests::{in_state, unzip},
};

async fn ask(person: &Client, body: Value) -> String {
    text(&person.post("/portal/acme/requests", body).await.expect(201)["id"])
}

/// A purpose that rests on legitimate interests, and an endpoint that pursues it.
async fn analytics(acme: &Tenant) -> (String, tests::Endpoint) {
    let body = json!({
        "slug": "analytics",
        "name": "Analytics",
        "lawful_basis": "legitimate_interests",
        "balancing_note": "Counting visits needs no names, and nobody is singled out.",
    });
    let purpose = acme.create("/purposes", body).await;
    let body = json!({ "slug": "tracking", "kind": "channel", "purpose_id": purpose });
    (purpose, acme.endpoint(body).await)
}

async fn receipt_verifies(server: &Server, acme: &Tenant, id: &str) {
    let receipt = acme.owner.get(format!("/requests/{id}/receipt")).await;
    receipt.check(200);
    let file = server.scratch(&format!("{id}.proof"));
    std::fs::write(&file, &receipt.bytes).unwrap();
    let log = acme.owner.get("/log").await.expect(200);
    server.run_well(&[
        "verify",
        file.to_str().unwrap(),
        "--key",
        &text(&log["verifier_key"]),
    ]);
}

#[tokio::test]
async fn a_restriction_closes_sockets_stops_reading_and_ends_only_after_notice() {
    let server = Server::start().await;
    let (acme, subject) = known_person(&server).await;
    let (_, tracking) = analytics(&acme).await;
    let mut socket = acme.connect(&tracking, "ada").await;
    let ada = sign_in(&server, &acme, "ada@example.com").await;
    let body = json!({ "kind": "restriction", "details": { "ground": "accuracy", "text": "Those numbers are wrong." } });
    let id = ask(&ada, body).await;
    assert_eq!(socket.close_code().await, 4032);
    let done = in_state(&acme, &id, "completed").await;
    assert_eq!(done["details"]["ground"], "accuracy");
    let person = acme.owner.get(format!("/subjects/{subject}")).await.expect(200);
    assert_eq!(person["restricted"], true);
    acme.publish(&tracking, json!({ "data": "more", "subject": "ada" }))
        .await
        .problem(403, "processing_restricted");
    receipt_verifies(&server, &acme, &id).await;
    // It cannot be lifted behind the person's back.
    acme.owner
        .patch(format!("/subjects/{subject}"), json!({ "restricted": false }))
        .await
        .problem(409, "notice_required");
    let lift = |body: Value| acme.owner.post(format!("/requests/{id}/lift"), body);
    lift(json!({ "text": "" })).await.problem(422, "invalid_request");
    lift(json!({ "text": "We checked.", "at": "2020-01-01T00:00:00Z" }))
        .await
        .problem(422, "invalid_request");
    let announced = lift(json!({ "text": "We checked the numbers." }))
        .await
        .expect(200);
    assert!(announced["lift_at"].is_string() && announced["lifted_at"].is_null());
    let mail = server
        .mail("ada@example.com", |mail| mail.subject.contains("will end"))
        .await;
    assert!(mail.text.contains("checked the numbers"), "{}", mail.text);
    let events = acme
        .owner
        .all("/audit-events?kind=request.lifting_announced")
        .await;
    assert_eq!(events.len(), 1);
}

#[tokio::test]
async fn an_objection_stops_one_purpose_and_leaves_the_others() {
    let server = Server::start().await;
    let (acme, _) = known_person(&server).await;
    let (purpose, tracking) = analytics(&acme).await;
    let news = acme.channel("open").await;
    let (mut tracked, mut open) = (
        acme.connect(&tracking, "ada").await,
        acme.connect(&news, "ada").await,
    );
    let ada = sign_in(&server, &acme, "ada@example.com").await;
    let refused = |body: Value| ada.post("/portal/acme/requests", body);
    refused(json!({ "kind": "objection" }))
        .await
        .problem(422, "invalid_request");
    let consent = acme.owner.all("/purposes").await;
    let consent = consent.iter().find(|one| one["slug"] == "news").unwrap()["id"].clone();
    let problem = refused(json!({ "kind": "objection", "details": { "purpose_ids": [consent] } }))
        .await
        .problem(422, "invalid_request");
    assert!(problem.to_string().contains("not_objectable"), "{problem:#}");
    let id = ask(
        &ada,
        json!({ "kind": "objection", "details": { "purpose_ids": [purpose] } }),
    )
    .await;
    assert_eq!(tracked.close_code().await, 4032);
    let done = in_state(&acme, &id, "completed").await;
    assert_eq!(done["result"]["purposes"], 1, "{done:#}");
    acme.publish(&tracking, json!({ "data": "x", "subject": "ada" }))
        .await
        .problem(403, "processing_restricted");
    acme.publish(&news, json!({ "data": "still here", "subject": "ada" }))
        .await
        .expect(201);
    assert_eq!(open.text().await, "still here");
    let mail = server
        .mail("ada@example.com", |mail| mail.subject.contains("carried out"))
        .await;
    assert!(mail.text.contains("object"), "{}", mail.text);
}

#[tokio::test]
async fn a_rectification_waits_for_a_person_keeps_history_and_shows_in_the_copy() {
    let server = Server::start().await;
    let (acme, subject) = known_person(&server).await;
    acme.create(
        "/data-types",
        json!({ "slug": "city", "name": "City", "personal": true, "paths": ["$.city"] }),
    )
    .await;
    let ada = sign_in(&server, &acme, "ada@example.com").await;
    let wrong = json!({ "kind": "rectification", "details": { "corrections": [{ "field": "shoe_size", "value": "42" }] } });
    let problem = ada
        .post("/portal/acme/requests", wrong)
        .await
        .problem(422, "invalid_request");
    assert!(
        problem.to_string().contains("/corrections/0/field"),
        "{problem:#}"
    );
    let body = json!({ "kind": "rectification", "details": {
        "corrections": [{ "field": "city", "value": "Lyon" }, { "field": "email", "value": "ada@new.example" }],
        "text": "I moved in March.",
    } });
    let id = ask(&ada, body).await;
    let waiting = in_state(&acme, &id, "approval").await;
    assert_eq!(waiting["details"]["corrections"][0]["value"], "Lyon");
    acme.owner
        .post(format!("/requests/{id}/approve"), json!({}))
        .await
        .expect(200);
    let done = in_state(&acme, &id, "completed").await;
    assert_eq!(done["result"]["corrections"], 3, "{done:#}");
    let person = acme.owner.get(format!("/subjects/{subject}")).await.expect(200);
    assert_eq!(person["email"], "ada@new.example");
    // Both hear of it: the old address, in case it was not the person who asked.
    for address in ["ada@example.com", "ada@new.example"] {
        server
            .mail(address, |mail| mail.subject.contains("carried out"))
            .await;
    }
    let copy = acme
        .create("/requests", json!({ "kind": "access", "subject_id": subject }))
        .await;
    in_state(&acme, &copy, "completed").await;
    let package = acme.owner.get(format!("/requests/{copy}/export")).await;
    let files = unzip(package.bytes);
    let data = &files.iter().find(|(name, _)| name == "data.json").unwrap().1;
    let data: Value = serde_json::from_str(data).unwrap();
    let corrections = data["corrections"].as_array().unwrap();
    let email = corrections.iter().find(|one| one["field"] == "email").unwrap();
    assert_eq!(
        (email["was"].as_str(), email["is"].as_str()),
        (Some("ada@example.com"), Some("ada@new.example"))
    );
    assert!(corrections.iter().any(|one| one["is"] == "I moved in March."));
}

#[tokio::test]
async fn a_statement_alone_is_answered_as_noted_and_not_as_corrected() {
    let server = Server::start().await;
    let (acme, _) = known_person(&server).await;
    let ada = sign_in(&server, &acme, "ada@example.com").await;
    let body = json!({ "kind": "rectification", "details": { "text": "I have a doctorate." } });
    let id = ask(&ada, body).await;
    in_state(&acme, &id, "approval").await;
    acme.owner
        .post(format!("/requests/{id}/approve"), json!({}))
        .await
        .expect(200);
    in_state(&acme, &id, "completed").await;
    let mail = server
        .mail("ada@example.com", |mail| mail.subject.contains("carried out"))
        .await;
    assert!(mail.text.contains("noted"), "{}", mail.text);
    for untrue in ["is done", "were told"] {
        assert!(!mail.text.contains(untrue), "{}", mail.text);
    }
}

#[tokio::test]
async fn portability_hands_out_what_the_person_gave_and_nothing_else() {
    let server = Server::start().await;
    let (acme, _) = known_person(&server).await;
    let (_, tracking) = analytics(&acme).await;
    acme.publish(&tracking, json!({ "data": { "score": 7 }, "subject": "ada" }))
        .await
        .expect(201);
    let ada = sign_in(&server, &acme, "ada@example.com").await;
    let id = ask(&ada, json!({ "kind": "portability" })).await;
    let done = in_state(&acme, &id, "completed").await;
    assert_eq!(done["result"]["messages"], 3, "what rests on consent: {done:#}");
    let package = ada.get(format!("/portal/acme/requests/{id}/export")).await;
    package.check(200);
    let files = unzip(package.bytes);
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "README.html",
            "data.json",
            "schema.json",
            "tables.json",
            "messages.csv",
            "manifest.json"
        ]
    );
    let file = |name: &str| &files.iter().find(|(found, _)| found == name).unwrap().1;
    assert!(!file("data.json").contains("score") && !file("messages.csv").contains("score"));
    let (data, schema): (Value, Value) = (
        serde_json::from_str(file("data.json")).unwrap(),
        serde_json::from_str(file("schema.json")).unwrap(),
    );
    for required in schema["required"].as_array().unwrap() {
        assert!(
            !data[required.as_str().unwrap()].is_null(),
            "{required} is missing"
        );
    }
}

#[tokio::test]
async fn a_copy_leaves_out_the_addresses_of_others() {
    let server = Server::start().await;
    let (acme, subject) = known_person(&server).await;
    let open = acme.channel("open").await;
    let data = json!({ "text": "ada@example.com meets bob@example.org" });
    acme.publish(&open, json!({ "data": data, "subject": "ada" }))
        .await
        .expect(201);
    let id = acme
        .create("/requests", json!({ "kind": "access", "subject_id": subject }))
        .await;
    in_state(&acme, &id, "completed").await;
    let files = unzip(acme.owner.get(format!("/requests/{id}/export")).await.bytes);
    for name in ["data.json", "messages.csv"] {
        let file = &files.iter().find(|(found, _)| found == name).unwrap().1;
        assert!(!file.contains("bob@example.org"), "{name}: {file}");
        assert!(
            file.contains("ada@example.com meets [somebody else]"),
            "{name}: {file}"
        );
    }
}

#[tokio::test]
async fn the_officer_and_the_person_write_to_each_other_and_nobody_else_reads_it() {
    let server = Server::start().await;
    let (acme, _) = known_person(&server).await;
    acme.create(
        "/subjects",
        json!({ "external_id": "bob", "email": "bob@example.com" }),
    )
    .await;
    let ada = sign_in(&server, &acme, "ada@example.com").await;
    let id = ask(&ada, json!({ "kind": "access" })).await;
    let (mine, theirs) = (
        format!("/portal/acme/requests/{id}/messages"),
        format!("/requests/{id}/messages"),
    );
    ada.post(&mine, json!({ "text": "  " }))
        .await
        .problem(422, "invalid_request");
    ada.post(&mine, json!({ "text": "Only the last year, please." }))
        .await
        .expect(201);
    server
        .mail(&acme.email, |mail| mail.subject.contains("message"))
        .await;
    let read = acme.owner.get(&theirs).await.expect(200);
    assert_eq!(
        (
            read["items"][0]["text"].as_str(),
            read["items"][0]["author"].as_str()
        ),
        (Some("Only the last year, please."), Some("subject"))
    );
    acme.owner
        .post(&theirs, json!({ "text": "Gladly." }))
        .await
        .expect(201);
    let mail = server
        .mail("ada@example.com", |mail| mail.subject.contains("message"))
        .await;
    assert!(
        !mail.text.contains("Gladly"),
        "it is read on the page: {}",
        mail.text
    );
    let read = ada.get(&mine).await.expect(200);
    assert_eq!(read["items"][1]["author"], "member", "{read:#}");
    assert!(read["items"][0]["seen_at"].is_string(), "the officer has seen it");
    let bob = sign_in(&server, &acme, "bob@example.com").await;
    bob.get(&mine).await.problem(404, "not_found");
    bob.post(&mine, json!({ "text": "hello" }))
        .await
        .problem(404, "not_found");
}

#[tokio::test]
async fn an_agent_hears_of_it_and_two_pairs_of_eyes_decide() {
    let server = Server::start().await;
    let (acme, _) = known_person(&server).await;
    let patch = json!({ "request_approval": "always", "four_eyes": true });
    acme.owner.patch("/tenant", patch).await.expect(200);
    let agent = json!({ "name": "Rights Ltd", "email": "agent@rights.example", "authority": "signed permission of 3 May" });
    let body = json!({ "kind": "restriction", "subject": "ada", "details": { "agent": agent } });
    let id = acme.create("/requests", body).await;
    let request = in_state(&acme, &id, "completed").await;
    assert_eq!(request["origin"], "agent");
    for address in ["ada@example.com", "agent@rights.example"] {
        server
            .mail(address, |mail| mail.subject.contains("carried out"))
            .await;
    }
    let ada = sign_in(&server, &acme, "ada@example.com").await;
    let id = ask(&ada, json!({ "kind": "access" })).await;
    in_state(&acme, &id, "approval").await;
    let approve = async |by: &Client| by.post(format!("/requests/{id}/approve"), json!({})).await;
    let first = approve(&acme.owner).await.expect(200);
    assert_eq!(first["state"], "approval");
    approve(&acme.owner).await.problem(409, "four_eyes");
    let other = acme.key(&["requests:read", "requests:write"]).await;
    assert_eq!(approve(&other).await.expect(200)["state"], "in_progress");
    in_state(&acme, &id, "completed").await;
    // A person on the page asks in their own name, whatever they send.
    let body = json!({ "kind": "portability", "details": { "agent": agent } });
    let id = ask(&ada, body).await;
    eventually("it to be there", || async {
        let request = acme.owner.get(format!("/requests/{id}")).await.expect(200);
        (request["origin"] == "portal" && request["details"].is_null()).then_some(())
    })
    .await;
}
