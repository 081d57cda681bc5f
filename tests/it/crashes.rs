//! `kill -9` in the middle of forgetting: what should be kept is kept, what was gone does not come back, and the log goes
//! on where it stood.

use std::time::Duration;

use serde_json::{Value, json};
use tests::{Endpoint, Server, Tenant, auditor, eventually, tenant::text};
use tokio::time::sleep;

async fn say(acme: &Tenant, chat: &Endpoint, who: &str, count: usize) {
    acme.create("/subjects", json!({ "external_id": who })).await;
    for n in 0..count {
        let body = json!({ "data": format!("{who} {n}"), "subject": who });
        acme.publish(chat, body).await.expect(201);
    }
}

async fn id_of(acme: &Tenant, who: &str) -> Option<String> {
    let found = acme.owner.all(format!("/subjects?external_id={who}")).await;
    found.first().map(|subject| text(&subject["id"]))
}

/// What the log signed last, as it is kept by somebody outside.
async fn checkpoint(acme: &Tenant) -> (String, auditor::Checkpoint) {
    let log = acme.owner.get("/log").await.expect(200);
    let key = text(&log["verifier_key"]);
    let signed = auditor::checkpoint(text(&log["checkpoint"]).as_bytes(), &key).expect("it verifies");
    (key, signed)
}

/// The log now continues what somebody outside has kept.
async fn continues(acme: &Tenant, (key, kept): &(String, auditor::Checkpoint)) {
    let proof = acme
        .owner
        .get(format!("/log/consistency?old={}", kept.size()))
        .await;
    proof.check(200);
    auditor::continues(&proof.bytes, kept, key).expect("the log only grew");
}

fn of<'a>(messages: &'a [Value], who: &str) -> Vec<&'a Value> {
    let prefix = format!("{who} ");
    messages
        .iter()
        .filter(|message| {
            message["data"]
                .as_str()
                .is_some_and(|data| data.starts_with(&prefix))
        })
        .collect()
}

#[tokio::test]
async fn a_server_killed_while_keys_are_destroyed_keeps_the_others_and_brings_nothing_back() {
    let mut server = Server::start().await;
    let acme = server.tenant("acme").await;
    let chat = acme.channel("chat").await;
    say(&acme, &chat, "bob", 10).await;
    let mut kept = checkpoint(&acme).await;
    for round in 0..5_u64 {
        let who = format!("ada-{round}");
        say(&acme, &chat, &who, 10).await;
        let id = id_of(&acme, &who).await.unwrap();
        acme.owner
            .delete(format!("/subjects/{id}?confirm={who}"))
            .await
            .expect(202);
        // Somewhere between the order and the last row.
        sleep(Duration::from_millis(round * 23)).await;
        server.restart().await;
        continues(&acme, &kept).await;
        kept = checkpoint(&acme).await;
        let messages = acme.messages(&chat).await;
        assert_eq!(
            of(&messages, "bob").len(),
            10,
            "round {round}: bob is not touched"
        );
        for message in &messages {
            let whole = message.get("data").is_some();
            // Who is being erased is restricted first.
            let gone = ["key_destroyed", "restricted"]
                .iter()
                .any(|why| message["unreadable"] == *why);
            assert!(whole != gone, "{message:#}");
        }
        let before = of(&messages, &who).len();
        assert!(
            before == 0 || before == 10,
            "round {round}: one key opens all or none: {before}"
        );
        if before == 0 {
            server.restart().await;
            let messages = acme.messages(&chat).await;
            assert!(of(&messages, &who).is_empty(), "round {round}: nothing returns");
        }
    }
}

#[tokio::test]
async fn a_server_killed_while_it_purges_loses_nothing_that_is_kept() {
    let mut server = Server::start().await;
    let acme = server.tenant_without_rules("acme").await;
    let (brief, long) = (acme.channel("brief").await, acme.channel("long").await);
    acme.rule(json!({ "name": "brief", "endpoint_id": brief.id, "duration": "PT1S" }))
        .await;
    acme.rule(json!({ "name": "long", "endpoint_id": long.id, "duration": "P30D" }))
        .await;
    let mut kept = checkpoint(&acme).await;
    for round in 0..4_u64 {
        for n in 0..20 {
            let body = |what: &str| json!({ "data": format!("{what} {round} {n}") });
            acme.publish(&brief, body("brief")).await.expect(201);
            acme.publish(&long, body("long")).await.expect(201);
        }
        sleep(Duration::from_millis(900 + round * 170)).await;
        server.restart().await;
        continues(&acme, &kept).await;
        kept = checkpoint(&acme).await;
        let stored = acme.messages(&long).await;
        assert_eq!(stored.len(), 20 * (usize::try_from(round).unwrap() + 1));
        assert!(stored.iter().all(|message| message.get("data").is_some()));
        eventually("nothing that has expired", || async {
            acme.messages(&brief).await.is_empty().then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_root_key_is_replaced_while_serving_and_a_killed_run_goes_on() {
    let mut server = Server::builder().in_folder().start().await;
    let acme = server.tenant("acme").await;
    let chat = acme.channel("chat").await;
    say(&acme, &chat, "bob", 5).await;
    let root = || std::fs::read_to_string(server.data_dir().join("root.key")).unwrap();
    let first = root();
    let mut ended = false;
    for milliseconds in [5, 20, 40, 80] {
        ended |= server
            .run_and_kill(&["rotate-root"], Duration::from_millis(milliseconds))
            .await;
        // It serves whatever state that left, and takes new tenants.
        let slug = format!("during-{milliseconds}");
        let other = server.tenant(&slug).await;
        other.channel("chat").await;
        assert_eq!(of(&acme.messages(&chat).await, "bob").len(), 5);
    }
    server.run_well(&["rotate-root"]);
    assert!(ended || root() != first);
    assert!(!server.data_dir().join("root.key.old").exists());
    assert_eq!(of(&acme.messages(&chat).await, "bob").len(), 5);
    let last = root();
    server.restart().await;
    assert_eq!(of(&acme.messages(&chat).await, "bob").len(), 5);
    for milliseconds in [5, 20, 40, 80] {
        let session = server
            .nobody()
            .post(
                "/sessions",
                json!({ "email": format!("owner@during-{milliseconds}.example"), "password": tests::tenant::PASSWORD }),
            )
            .await;
        assert_eq!(session.status, 201, "{}", session.text());
        let owner = server.nobody().with_token(text(&session.json()["token"]));
        // Its key opens: the endpoint's secret is sealed by it.
        owner.get("/log").await.check(200);
    }
    // The one from before opens nothing.
    server.terminate().await;
    std::fs::write(server.data_dir().join("root.key"), first).unwrap();
    let (_, said) = server.fails_to_start();
    assert!(said.contains("root key is not the one"), "{said}");
    std::fs::write(server.data_dir().join("root.key"), last).unwrap();
    server.restart().await;
}

#[tokio::test]
async fn a_killed_backup_and_a_killed_restore_leave_nothing_half() {
    let mut server = Server::builder().in_folder().start().await;
    let acme = server.tenant("acme").await;
    let chat = acme.channel("chat").await;
    say(&acme, &chat, "bob", 50).await;
    let file = server.scratch("data.backup");
    let name = file.to_str().unwrap().to_owned();
    for milliseconds in [2, 10, 20, 40] {
        let ended = server
            .run_and_kill(&["backup", "--to", &name], Duration::from_millis(milliseconds))
            .await;
        if file.exists() {
            assert!(ended || std::fs::metadata(&file).unwrap().len() > 0);
            std::fs::remove_file(&file).unwrap();
        }
    }
    server.run_well(&["backup", "--to", &name]);
    say(&acme, &chat, "eve", 5).await;
    server.terminate().await;
    for milliseconds in [2, 10, 20, 40, 80] {
        server
            .run_and_kill(
                &["restore", "--from", &name, "--force"],
                Duration::from_millis(milliseconds),
            )
            .await;
    }
    server.run_well(&["restore", "--from", &name, "--force"]);
    server.restart().await;
    let messages = acme.messages(&chat).await;
    assert_eq!((messages.len(), of(&messages, "bob").len()), (50, 50));
}

#[tokio::test]
async fn a_server_killed_while_it_signs_and_while_a_logs_key_hands_over_has_one_log() {
    let mut server = Server::start().await;
    let acme = server.tenant("acme").await;
    let mut kept = checkpoint(&acme).await;
    for round in 0..6_u64 {
        for n in 0..20 {
            acme.create("/subjects", json!({ "external_id": format!("s{round}-{n}") }))
                .await;
        }
        // The handover, and the checkpoint that is due within five seconds, are cut off somewhere.
        let owner = acme.owner.clone();
        let handover = tokio::spawn(async move {
            let request = owner.request(reqwest::Method::POST, "/log/keys").json(&json!({}));
            drop(owner.try_send(request).await);
        });
        sleep(Duration::from_millis(round * round * 12)).await;
        server.restart().await;
        handover.await.unwrap();
        // Whoever signs now continues what was signed before, by whichever key.
        let log = acme.owner.get("/log").await.expect(200);
        let key = text(&log["verifier_key"]);
        let (_, before) = kept;
        continues(&acme, &(key, before)).await;
        // What is half done is done when it is asked for again.
        acme.owner.post("/log/keys", json!({})).await.check(201);
        kept = checkpoint(&acme).await;
    }
}
