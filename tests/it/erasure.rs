//! Erasure: keys first, rows right after, and no copy that still opens.

use serde_json::{Value, json};
use tests::{Server, eventually, tenant::text};

use crate::{
    portal::{known_person, sign_in},
    requests::in_state,
};

#[tokio::test]
async fn an_erased_person_is_nowhere_any_more() {
    let server = Server::start().await;
    let (acme, subject) = known_person(&server).await;
    let ids: Vec<String> = acme
        .owner
        .all("/messages")
        .await
        .iter()
        .map(|message| text(&message["id"]))
        .collect();
    assert_eq!(ids.len(), 3);
    let ada = sign_in(&server, &acme, "ada@example.com").await;
    let made = ada
        .post("/portal/acme/requests", json!({ "kind": "erasure" }))
        .await
        .expect(201);
    let id = text(&made["id"]);
    let request = in_state(&acme, &id, "completed").await;
    assert_eq!(request["result"]["messages"], 3, "{request:#}");
    assert!(request["result"]["keys"].as_i64().unwrap() >= 1);
    assert!(
        request.get("subject_id").is_none() && request.get("email").is_none(),
        "{request:#}"
    );
    acme.owner
        .get(format!("/subjects/{subject}"))
        .await
        .problem(404, "not_found");
    for query in ["external_id=ada", "email=ada@example.com"] {
        assert!(
            acme.owner.all(format!("/subjects?{query}")).await.is_empty(),
            "{query}"
        );
    }
    for message in &ids {
        acme.owner
            .get(format!("/messages/{message}?unseal=true"))
            .await
            .problem(404, "not_found");
    }
    assert!(
        acme.owner
            .all(format!("/consents?subject_id={subject}"))
            .await
            .is_empty()
    );
    let mail = server
        .mail("ada@example.com", |mail| !mail.attachments.is_empty())
        .await;
    let receipt = String::from_utf8(mail.attachments[0].bytes.clone()).unwrap();
    assert!(receipt.starts_with("c2sp.org/tlog-proof@v1"), "{receipt}");
    for secret in ["ada@example.com", subject.as_str()] {
        assert!(!receipt.contains(secret));
        for (entry, _) in acme.owner.all("/audit-events").await.into_iter().zip(0..) {
            assert!(!entry.to_string().contains(secret), "{entry:#}");
        }
    }
}

#[tokio::test]
async fn an_erased_person_is_cut_off_and_comes_back_as_somebody_new() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let chat = acme.channel("chat").await;
    let mut socket = acme.connect(&chat, "ada").await;
    acme.publish(&chat, json!({ "data": "hello", "subject": "ada" }))
        .await
        .expect(201);
    assert_eq!(socket.text().await, "hello");
    let subject = text(&acme.owner.all("/subjects?external_id=ada").await[0]["id"]);
    let answer = acme
        .owner
        .delete(format!("/subjects/{subject}?confirm=somebody-else"))
        .await;
    answer.check(422);
    let made = acme
        .owner
        .delete(format!("/subjects/{subject}?confirm=ada"))
        .await
        .expect(202);
    assert_eq!(socket.close_code().await, 4033);
    in_state(&acme, &text(&made["id"]), "completed").await;
    let _again = acme.connect(&chat, "ada").await;
    let fresh = acme.owner.all("/subjects?external_id=ada").await;
    assert_ne!(fresh[0]["id"], subject.as_str());
    assert!(
        acme.owner
            .all(format!("/messages?subject_id={}", text(&fresh[0]["id"])))
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn a_backup_from_before_does_not_open_for_who_was_erased_after() {
    let server = Server::builder().in_folder().start().await;
    let (acme, subject) = known_person(&server).await;
    let chat: Value = acme.owner.all("/endpoints").await.remove(0);
    acme.create("/subjects", json!({ "external_id": "bob" })).await;
    acme.consent("bob", "news", "given").await.expect(201);
    let body = json!({ "data": "about bob", "subject": "bob" });
    acme.owner
        .post(format!("/endpoints/{}/messages", text(&chat["id"])), body)
        .await
        .expect(201);
    let backup = server.scratch("before.backup");
    server.run_well(&["backup", "--to", backup.to_str().unwrap()]);
    let made = acme
        .owner
        .delete(format!("/subjects/{subject}?confirm=ada"))
        .await
        .expect(202);
    in_state(&acme, &text(&made["id"]), "completed").await;

    // Another folder: yesterday's data with today's keys.
    let restored = Server::builder().prepared();
    std::fs::create_dir_all(restored.data_dir()).unwrap();
    let mut server = server;
    server.terminate().await;
    for file in ["vault.db", "vault.db-wal", "pages.key", "root.key"] {
        let from = server.data_dir().join(file);
        if from.exists() {
            std::fs::copy(from, restored.data_dir().join(file)).unwrap();
        }
    }
    restored.run_well(&["restore", "--from", backup.to_str().unwrap()]);
    let mut restored = restored;
    restored.restart().await;
    let owner = restored.nobody().with_token(acme.owner.token());
    let messages = owner.all("/messages?unseal=true&limit=200").await;
    let (mut of_ada, mut of_bob) = (0, 0);
    for message in &messages {
        if message["subject_id"] == subject.as_str() {
            assert_eq!(message["unreadable"], "key_destroyed", "{message:#}");
            assert!(message.get("data").is_none());
            of_ada += 1;
        } else {
            assert_eq!(message["data"], "about bob", "{message:#}");
            of_bob += 1;
        }
    }
    assert_eq!(
        (of_ada, of_bob),
        (3, 1),
        "the rows are back, what they held is not"
    );
}

#[tokio::test]
async fn an_erasure_that_is_interrupted_goes_on_after_the_restart() {
    let mut server = Server::start().await;
    let acme = server.tenant("acme").await;
    let chat = acme.channel("chat").await;
    acme.create(
        "/subjects",
        json!({ "external_id": "ada", "email": "ada@example.com" }),
    )
    .await;
    for n in 0..50 {
        acme.publish(&chat, json!({ "data": n, "subject": "ada" }))
            .await
            .expect(201);
    }
    let subject = text(&acme.owner.all("/subjects?external_id=ada").await[0]["id"]);
    let made = acme
        .owner
        .delete(format!("/subjects/{subject}?confirm=ada"))
        .await
        .expect(202);
    server.restart().await;
    let id = text(&made["id"]);
    // A job of a process that died is taken again when its lease ends.
    let request = tests::wait::eventually_within(
        std::time::Duration::from_secs(150),
        "the end of the erasure",
        || async {
            let request = acme.owner.get(format!("/requests/{id}")).await.expect(200);
            (request["state"] == "completed").then_some(request)
        },
    )
    .await;
    assert_eq!(request["result"]["messages"], 50, "{request:#}");
    eventually("no messages", || async {
        acme.owner.all("/messages").await.is_empty().then_some(())
    })
    .await;
}
