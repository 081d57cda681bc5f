//! Legal holds: what one covers outlives expiry and erasure, and is seen through the hold only.

use std::time::Duration;

use serde_json::json;
use tests::{Server, eventually, tenant::text};
use tokio::time::sleep;

use crate::{
    portal::{known_person, sign_in},
    requests::in_state,
};

#[tokio::test]
async fn what_a_hold_covers_outlives_its_rule_and_is_read_through_the_hold_only() {
    let server = Server::start().await;
    let acme = server.tenant_without_rules("acme").await;
    let chat = acme.channel("chat").await;
    acme.rule(json!({ "duration": "PT2S" })).await;
    let hold = acme
        .owner
        .post(
            "/holds",
            json!({ "name": "the lawsuit", "reason": "docket 7", "authority": "a court", "endpoint_id": chat.id, "channel_pattern": "ma*" }),
        )
        .await
        .expect(201);
    let id = text(&hold["id"]);
    assert_eq!(
        (&hold["state"], &hold["review_every"]),
        (&json!("active"), &json!("P90D"))
    );
    let made = acme
        .publish(&chat, json!({ "data": "evidence", "subject": "ada" }))
        .await
        .expect(201);
    let path = format!("/holds/{id}/messages");
    let kept = eventually("what the hold keeps", || async {
        acme.owner.all(format!("{path}?unseal=true")).await.pop()
    })
    .await;
    assert_eq!((&kept["id"], &kept["data"]), (&made["id"], &json!("evidence")));
    acme.owner
        .get(format!("/messages/{}", text(&made["id"])))
        .await
        .problem(404, "not_found");
    assert!(acme.messages(&chat).await.is_empty());
    // Without `unseal` nothing is opened, and reading needs the permission.
    assert_eq!(acme.owner.all(&path).await[0]["sealed"], true);
    let reader = acme.key(&["messages:read", "messages:unseal"]).await;
    reader.get(&path).await.check(403);
    acme.owner
        .post(format!("/holds/{id}/lift"), json!({ "confirm": "the law suit" }))
        .await
        .fault(422, "invalid_request", "/confirm");
    let lifted = acme
        .owner
        .post(
            format!("/holds/{id}/lift"),
            json!({ "confirm": "the lawsuit", "why": "settled" }),
        )
        .await
        .expect(200);
    assert_eq!(
        (&lifted["state"], &lifted["lifted_why"]),
        (&json!("lifted"), &json!("settled"))
    );
    acme.owner.get(&path).await.problem(410, "gone");
    let cleared = eventually("the end of what it kept", || async {
        acme.owner.all("/audit-events?kind=hold.cleared").await.pop()
    })
    .await;
    assert_eq!(cleared["facts"]["messages"], 1);
    acme.owner
        .patch(format!("/holds/{id}"), json!({ "reason": "again" }))
        .await
        .problem(409, "wrong_state");
}

#[tokio::test]
async fn the_erasure_of_a_person_under_hold_says_what_is_kept() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let chat = acme.channel("chat").await;
    for n in 0..3 {
        acme.publish(&chat, json!({ "data": n, "subject": "ada" }))
            .await
            .expect(201);
    }
    let ada = text(&acme.owner.all("/subjects").await[0]["id"]);
    let hold = acme
        .create(
            "/holds",
            json!({ "name": "ada", "reason": "a dispute", "subject_id": ada }),
        )
        .await;
    let request = acme
        .owner
        .post("/requests", json!({ "kind": "erasure", "subject_id": ada }))
        .await
        .expect(201);
    let done = in_state(&acme, &text(&request["id"]), "completed").await;
    assert_eq!(
        (&done["result"]["messages"], &done["result"]["held"]),
        (&json!(3), &json!(3)),
        "{done:#}"
    );
    assert!(acme.messages(&chat).await.is_empty());
    let kept = acme
        .owner
        .all(format!("/holds/{hold}/messages?unseal=true"))
        .await;
    assert_eq!(kept.len(), 3);
    let drawn = acme.owner.post("/balances", json!({})).await.expect(200);
    let balance = &drawn["items"][0];
    assert_eq!(
        (&balance["ingested"], &balance["held"], &balance["difference"]),
        (&json!(3), &json!(3), &json!(0)),
        "{drawn:#}"
    );
}

#[tokio::test]
async fn a_hold_is_changed_reviewed_and_ends_by_itself() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let hold = acme
        .create(
            "/holds",
            json!({ "name": "short", "reason": "a test", "review_every": "P7D" }),
        )
        .await;
    let path = format!("/holds/{hold}");
    let changed = acme
        .owner
        .patch(&path, json!({ "reason": "a better one", "authority": "us" }))
        .await
        .expect(200);
    assert_eq!(
        (&changed["reason"], &changed["version"]),
        (&json!("a better one"), &json!(2))
    );
    let reviewed = acme
        .owner
        .post(format!("{path}/review"), json!({}))
        .await
        .expect(200);
    assert!(text(&reviewed["next_review_at"]) >= text(&changed["next_review_at"]));
    acme.owner
        .post(
            "/holds",
            json!({ "name": "x", "reason": "y", "endpoint_id": "00000000-0000-7000-8000-000000000000" }),
        )
        .await
        .fault(422, "invalid_request", "/endpoint_id");
    let reviewed_at: chrono::DateTime<chrono::Utc> = text(&reviewed["updated_at"]).parse().unwrap();
    let soon = reviewed_at + chrono::TimeDelta::seconds(4);
    acme.owner
        .patch(&path, json!({ "ends_at": soon.to_rfc3339() }))
        .await
        .expect(200);
    eventually("the end of the hold", || async {
        let hold = acme.owner.get(&path).await.expect(200);
        (hold["state"] == "ended").then_some(())
    })
    .await;
    sleep(Duration::from_millis(10)).await;
    assert_eq!(acme.owner.all("/holds?state=active").await.len(), 0);
}

#[tokio::test]
async fn who_asks_for_erasure_under_a_hold_gets_a_persons_decision_and_its_reason() {
    let server = Server::start().await;
    let (acme, subject) = known_person(&server).await;
    let chat = acme.channel("disputed").await;
    let about_ada = json!({ "data": "disputed", "subject": "ada" });
    acme.publish(&chat, about_ada).await.expect(201);
    let body = json!({ "name": "a dispute", "reason": "docket 9", "endpoint_id": chat.id });
    let hold = acme.create("/holds", body).await;
    let ada = sign_in(&server, &acme, "ada@example.com").await;
    let asked = ada
        .post("/portal/acme/requests", json!({ "kind": "erasure" }))
        .await
        .expect(201);
    let id = text(&asked["id"]);
    let waiting = in_state(&acme, &id, "approval").await;
    let steps = waiting["events"].as_array().unwrap();
    assert!(
        steps.last().unwrap()["note"]
            .as_str()
            .unwrap()
            .contains("legal hold"),
        "{waiting:#}"
    );
    acme.owner
        .post(format!("/requests/{id}/approve"), json!({}))
        .await
        .check(200);
    let done = in_state(&acme, &id, "completed").await;
    assert_eq!(
        (&done["refusal"]["code"], &done["result"]["held"]),
        (&json!("legal_claims"), &json!(1)),
        "{done:#}"
    );
    let mail = server
        .mail("ada@example.com", |mail| mail.text.contains("Not erased yet: 1"))
        .await;
    let words = mail.text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        words.contains("Art. 17(3)(e) GDPR") && words.contains("complain"),
        "{}",
        mail.text
    );
    acme.owner.get(format!("/subjects/{subject}")).await.check(404);
    let kept = acme
        .owner
        .all(format!("/holds/{hold}/messages?unseal=true"))
        .await;
    assert_eq!((kept.len(), &kept[0]["data"]), (1, &json!("disputed")));
}

#[tokio::test]
async fn a_restored_backup_opens_what_a_hold_keeps_and_nothing_else_that_has_expired() {
    let mut server = Server::builder().in_folder().start().await;
    let acme = server.tenant_without_rules("acme").await;
    let chat = acme.channel("chat").await;
    acme.rule(json!({ "duration": "PT2S" })).await;
    let body = json!({ "name": "the lawsuit", "reason": "docket 7", "channel_pattern": "evidence*" });
    let hold = acme.create("/holds", body).await;
    for (channel, data) in [("evidence-1", "said there"), ("main", "small talk")] {
        acme.publish(&chat, json!({ "channel": channel, "data": data }))
            .await
            .expect(201);
    }
    let path = format!("/holds/{hold}/messages?unseal=true");
    eventually("what the hold keeps", || async {
        acme.owner.all(&path).await.pop()
    })
    .await;
    let backup = server.scratch("data.backup");
    let name = backup.to_str().unwrap().to_owned();
    server.run_well(&["backup", "--to", &name]);
    let other = acme
        .create("/holds", json!({ "name": "later", "reason": "x" }))
        .await;
    server.terminate().await;
    server.run_well(&["restore", "--from", &name, "--force"]);
    server.restart().await;
    let owner = server.nobody().with_token(acme.owner.token());
    let kept = owner.all(&path).await;
    assert_eq!(
        (kept.len(), &kept[0]["data"]),
        (1, &json!("said there")),
        "{kept:#?}"
    );
    assert!(owner.all("/messages?unseal=true").await.is_empty());
    owner.get(format!("/holds/{other}")).await.check(404);
    let body = json!({ "confirm": "the lawsuit" });
    owner.post(format!("/holds/{hold}/lift"), body).await.check(200);
    // What is lifted does not come back with an older copy of the data.
    server.terminate().await;
    server.run_well(&["restore", "--from", &name, "--force"]);
    server.restart().await;
    let owner = server.nobody().with_token(acme.owner.token());
    owner.get(&path).await.check(410);
}

#[tokio::test]
async fn a_tenant_under_a_hold_cannot_be_deleted_and_changes_need_the_version() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let hold = acme
        .owner
        .post("/holds", json!({ "name": "all", "reason": "a test" }))
        .await
        .expect(201);
    let path = format!("/holds/{}", text(&hold["id"]));
    acme.owner
        .delete("/tenant?confirm=acme")
        .await
        .problem(409, "held");
    acme.owner
        .get(text(&hold["placed_receipt_url"]).trim_start_matches("/api/v1"))
        .await
        .check(200);
    let stale = acme
        .owner
        .request(reqwest::Method::PATCH, &path)
        .header("if-match", "\"v7\"")
        .json(&json!({ "reason": "mine" }));
    acme.owner.send(stale).await.problem(412, "precondition_failed");
    let again = |n: u8| {
        let order = acme
            .owner
            .request(reqwest::Method::POST, "/holds")
            .header("idempotency-key", format!("once-{n}"))
            .json(&json!({ "name": "twice", "reason": "asked" }));
        acme.owner.send(order)
    };
    assert_eq!(again(1).await.expect(201)["id"], again(1).await.expect(201)["id"]);
    assert_eq!(acme.owner.all("/holds").await.len(), 2);
    assert_eq!(acme.owner.all("/holds?review_due=true").await.len(), 0);
    let auditor = acme.key(&["holds:read"]).await;
    auditor.get(&path).await.check(200);
    auditor.post(format!("{path}/review"), json!({})).await.check(403);
}

#[tokio::test]
async fn an_explanation_says_that_a_hold_beats_every_rule() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let chat = acme.channel("chat").await;
    let subject = acme.create("/subjects", json!({ "external_id": "ada" })).await;
    let say = |channel: &'static str| {
        let body = json!({ "channel": channel, "data": "said", "subject": "ada" });
        async { text(&acme.publish(&chat, body).await.expect(201)["id"]) }
    };
    let (evidence, talk) = (say("evidence-1").await, say("main").await);
    let body = json!({ "name": "the lawsuit", "reason": "docket 7", "channel_pattern": "evidence*" });
    let hold = acme.create("/holds", body).await;
    let explained = |question: serde_json::Value| async {
        acme.owner
            .post("/retention-rules/explain", question)
            .await
            .expect(200)
    };
    for question in [
        json!({ "message_id": evidence }),
        json!({ "endpoint_id": chat.id, "channel": "evidence-2" }),
    ] {
        let told = explained(question).await;
        assert_eq!(
            told["holds"],
            json!([{ "id": hold, "name": "the lawsuit" }]),
            "{told:#}"
        );
        assert!(
            text(&told["reason"]).starts_with("A legal hold decides"),
            "{told:#}"
        );
        assert_eq!(told["rule"]["name"], "thirty days", "what holds without it");
    }
    let told = explained(json!({ "message_id": talk })).await;
    assert_eq!(told["holds"], json!([]), "{told:#}");
    let told = explained(json!({ "subject_id": subject })).await;
    let counted = |channel: &str| {
        let parts = told["parts"].as_array().unwrap();
        let part = parts.iter().find(|part| part["channel"] == channel).unwrap();
        part["holds"].as_array().unwrap().len()
    };
    assert_eq!((counted("evidence-1"), counted("main")), (1, 0), "{told:#}");
}
