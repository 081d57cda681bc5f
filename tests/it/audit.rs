//! The audit log: everything that matters is in it, and each entry can be proved to somebody who trusts nobody.

use std::{fs, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;
use tests::{Server, Tenant, tenant::text};

/// A receipt and the log's key, as files.
async fn receipt(server: &Server, acme: &Tenant) -> (String, String) {
    let events = acme.owner.all("/audit-events").await;
    let event = &events[events.len() / 2];
    let receipt = acme
        .owner
        .get(format!("/audit-events/{}/receipt", text(&event["id"])))
        .await;
    receipt.check(200);
    let log = acme.owner.get("/log").await.expect(200);
    fs::write(server.scratch("receipt"), &receipt.bytes).unwrap();
    (receipt.text(), text(&log["verifier_key"]))
}

fn verify(server: &Server, file: &Path, key: &str) -> (bool, String) {
    let output = server.run(&["verify", file.to_str().unwrap(), "--key", key]);
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

#[tokio::test]
async fn a_receipt_verifies_offline_and_no_bit_of_it_can_be_changed() {
    let mut server = Server::start().await;
    let acme = server.tenant("acme").await;
    acme.channel("chat").await;
    acme.purpose("news").await;
    let (receipt, key) = receipt(&server, &acme).await;
    // Offline: nobody is asked.
    server.kill();
    let file = server.scratch("receipt");
    let (good, said) = verify(&server, &file, &key);
    assert!(good, "{said}");
    let flipped = server.scratch("flipped");
    let bytes = receipt.as_bytes();
    // Every part of the file, without running the program a thousand times.
    for position in (0..bytes.len()).step_by(bytes.len() / 40 + 1) {
        for bit in [0, 4] {
            let mut changed = bytes.to_vec();
            changed[position] ^= 1 << bit;
            fs::write(&flipped, changed).unwrap();
            let (good, said) = verify(&server, &flipped, &key);
            assert!(!good, "bit {bit} of byte {position}: {said}");
        }
    }
    let stranger = server.scratch("stranger");
    fs::write(&stranger, receipt.replace("index ", "index 1")).unwrap();
    assert!(!verify(&server, &stranger, &key).0);
}

#[tokio::test]
async fn a_receipt_by_its_place_in_the_log_is_that_of_the_event() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    acme.channel("chat").await;
    let events = acme.owner.all("/audit-events").await;
    let event = &events[0];
    let by_event = acme
        .owner
        .get(format!("/audit-events/{}/receipt", text(&event["id"])))
        .await;
    let by_place = acme.owner.get(format!("/log/{}/receipt", event["index"])).await;
    by_place.check(200);
    assert_eq!(by_place.text(), by_event.text());
    acme.owner
        .get("/log/1000000/receipt")
        .await
        .problem(404, "not_found");
    acme.owner.get("/log/-1/receipt").await.problem(404, "not_found");
}

#[tokio::test]
async fn another_logs_key_verifies_nothing() {
    let server = Server::start().await;
    let (acme, beta) = (server.tenant("acme").await, server.tenant("beta").await);
    let (_, _) = receipt(&server, &acme).await;
    let other = text(&beta.owner.get("/log").await.expect(200)["verifier_key"]);
    assert!(!verify(&server, &server.scratch("receipt"), &other).0);
}

#[tokio::test]
async fn every_change_is_an_event_that_says_who_and_what() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let chat = acme.channel("chat").await;
    acme.owner
        .patch(format!("/endpoints/{}", chat.id), json!({ "name": "Chat" }))
        .await
        .expect(200);
    let rule = acme.rule(json!({ "duration": "P30D" })).await;
    acme.owner
        .patch(format!("/retention-rules/{rule}"), json!({ "duration": "P7D" }))
        .await
        .expect(200);
    let key = acme.key(&["endpoints:write"]).await;
    key.post("/endpoints", json!({ "slug": "news", "kind": "channel" }))
        .await
        .expect(201);
    acme.owner
        .delete(format!("/endpoints/{}?confirm=chat", chat.id))
        .await
        .expect(204);
    let events = acme.owner.all("/audit-events").await;
    let kinds: Vec<&str> = events.iter().filter_map(|event| event["kind"].as_str()).collect();
    for kind in [
        "endpoint.created",
        "endpoint.updated",
        "endpoint.deleted",
        "retention_rule.created",
        "retention_rule.updated",
        "api_key.created",
    ] {
        assert!(kinds.contains(&kind), "{kind} in {kinds:?}");
    }
    let indices: Vec<i64> = events
        .iter()
        .filter_map(|event| event["index"].as_i64())
        .collect();
    let whole: Vec<i64> = (0..i64::try_from(events.len()).unwrap()).rev().collect();
    assert_eq!(indices, whole, "nobody took one out");
    let by_key = events
        .iter()
        .find(|event| event["actor"]["kind"] == "api_key")
        .unwrap();
    assert_eq!(by_key["kind"], "endpoint.created");
    let of_chat = acme
        .owner
        .all(format!(
            "/audit-events?target_kind=endpoint&target_id={}",
            chat.id
        ))
        .await;
    assert_eq!(of_chat.len(), 3, "{of_chat:#?}");
    assert_eq!(acme.owner.all("/audit-events?kind=endpoint.").await.len(), 4);
}

#[tokio::test]
async fn the_log_is_published_as_tiles_that_anybody_can_read() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    acme.channel("chat").await;
    let log = acme.owner.get("/log").await.expect(200);
    let checkpoint = server.nobody().get("//log/acme/checkpoint").await;
    checkpoint.check(200);
    let text_of = checkpoint.text();
    let mut lines = text_of.lines();
    assert_eq!(lines.next(), log["origin"].as_str());
    let size: usize = lines.next().unwrap().parse().unwrap();
    assert_eq!(size, acme.owner.all("/audit-events").await.len());
    let tile = server
        .nobody()
        .get(format!("//log/acme/tile/0/000.p/{size}"))
        .await;
    tile.check(200);
    assert_eq!(tile.bytes.len(), size * 32);
    server.nobody().get("//log/nobody/checkpoint").await.check(404);
}

#[tokio::test]
async fn a_leaf_names_no_person() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    acme.purpose("news").await;
    acme.create(
        "/subjects",
        json!({ "external_id": "user-zebra", "email": "zebra@stripes.example" }),
    )
    .await;
    acme.consent("user-zebra", "news", "given").await.expect(201);
    let subject = text(&acme.owner.all("/subjects?external_id=user-zebra").await[0]["id"]);
    for event in acme.owner.all("/audit-events").await {
        let receipt = acme
            .owner
            .get(format!("/audit-events/{}/receipt", text(&event["id"])))
            .await
            .text();
        let extra = receipt
            .lines()
            .find_map(|line| line.strip_prefix("extra "))
            .unwrap();
        let leaf = String::from_utf8(STANDARD.decode(extra).unwrap()).unwrap();
        for secret in ["zebra", "stripes", subject.as_str()] {
            assert!(!leaf.contains(secret), "{leaf}");
        }
    }
}
