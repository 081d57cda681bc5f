//! The transparency log, as an auditor sees it who has verifiers of somebody else's: receipts of every kind of act,
//! consistency between any two states, keys that change.

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use serde_json::json;
use tests::{Server, Tenant, auditor, tenant::text, wait::eventually_within};

use crate::{portal::sign_in, requests::in_state};

pub(crate) async fn key_of(tenant: &Tenant) -> String {
    text(&tenant.owner.get("/log").await.expect(200)["verifier_key"])
}

/// A tenant at which everything happened that leaves a leaf.
async fn eventful(server: &Server) -> Tenant {
    let acme = server.tenant_without_rules("acme").await;
    let chat = acme.channel("chat").await;
    let rule = acme
        .rule(json!({ "duration": "PT2S", "endpoint_id": chat.id }))
        .await;
    acme.purpose("news").await;
    acme.create(
        "/subjects",
        json!({ "external_id": "ada", "email": "ada@example.com" }),
    )
    .await;
    acme.consent("ada", "news", "given").await.expect(201);
    acme.publish(&chat, json!({ "data": "soon gone", "subject": "ada" }))
        .await
        .expect(201);
    // A class says at most once a minute what went.
    let minute = Duration::from_secs(100);
    eventually_within(minute, "the purge and its leaf", || async {
        let events = acme.owner.all("/audit-events?kind=messages.expired").await;
        (!events.is_empty()).then_some(())
    })
    .await;
    acme.owner
        .patch(format!("/retention-rules/{rule}"), json!({ "duration": "P1D" }))
        .await
        .expect(200);
    let ada = sign_in(server, &acme, "ada@example.com").await;
    for kind in ["access", "erasure"] {
        let made = ada
            .post("/portal/acme/requests", json!({ "kind": kind }))
            .await
            .expect(201);
        in_state(&acme, &text(&made["id"]), "completed").await;
    }
    acme
}

#[tokio::test]
async fn a_strangers_verifier_believes_our_receipts_and_no_flipped_bit() {
    let server = Server::start().await;
    let acme = eventful(&server).await;
    let key = key_of(&acme).await;
    let mut receipts = BTreeMap::new();
    for event in acme.owner.all("/audit-events").await {
        let answer = acme
            .owner
            .get(text(&event["receipt_url"]).replace("/api/v1", ""))
            .await;
        answer.check(200);
        let proven = auditor::receipt(&answer.bytes, &key).expect("a receipt verifies");
        let leaf: serde_json::Value = serde_json::from_slice(&proven.entry).unwrap();
        assert_eq!(leaf["kind"], event["kind"]);
        assert_eq!(json!(proven.index), event["index"]);
        receipts.insert(text(&event["kind"]), answer.bytes.clone());
    }
    for kind in [
        "retention_rule.created",
        "retention_rule.updated",
        "messages.expired",
        "consent.given",
        "request.received",
        "request.completed",
        "subject.erased",
    ] {
        assert!(receipts.contains_key(kind), "{kind} in {:?}", receipts.keys());
    }
    // Every bit of the two that say that something is gone.
    for kind in ["messages.expired", "subject.erased"] {
        let good = &receipts[kind];
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(
                auditor::receipt(&bad, &key).is_none(),
                "bit {} of byte {} of {kind}",
                bit % 8,
                bit / 8
            );
        }
    }
    let other = server.tenant("beta").await;
    assert!(auditor::receipt(&receipts["subject.erased"], &key_of(&other).await).is_none());
}

#[tokio::test]
async fn the_log_only_grows_between_any_two_checkpoints_says_a_stranger() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let key = key_of(&acme).await;
    let mut kept = Vec::new();
    for n in 0..6 {
        acme.channel(&format!("chat-{n}")).await;
        let log = acme.owner.get("/log").await.expect(200);
        kept.push(text(&log["checkpoint"]));
    }
    let listed = acme.owner.all("/log/checkpoints").await;
    for checkpoint in &kept {
        assert!(
            listed.iter().any(|one| one["checkpoint"] == checkpoint.as_str()),
            "{checkpoint} in {listed:#?}"
        );
    }
    let kept: Vec<_> = kept
        .iter()
        .map(|one| auditor::checkpoint(one.as_bytes(), &key).expect("a checkpoint verifies"))
        .collect();
    for (place, earlier) in kept.iter().enumerate() {
        for later in &kept[place..] {
            let path = format!("/log/consistency?old={}&new={}", earlier.size(), later.size());
            let proof = acme.owner.get(path).await;
            proof.check(200);
            let found = auditor::continues(&proof.bytes, earlier, &key).expect("it continues");
            assert_eq!(found.size(), later.size());
        }
    }
    let at = text(&listed.last().unwrap()["signed_at"]).replace('+', "%2B");
    let proof = acme.owner.get(format!("/log/consistency?from={at}")).await;
    proof.check(200);
    let newest = kept.last().unwrap();
    assert!(
        auditor::continues(&proof.bytes, newest, &key).is_none(),
        "another past"
    );
    for (query, status) in [
        ("old=1000000", 422),
        ("old=1&from=2020-01-01T00:00:00Z", 422),
        ("old=0&new=1000000", 404),
        ("from=2020-01-01T00:00:00Z", 404),
    ] {
        let answer = acme.owner.get(format!("/log/consistency?{query}")).await;
        assert_eq!(answer.status, status, "{query}: {}", answer.text());
    }
}

#[tokio::test]
async fn weir_verify_tells_what_is_proven_what_is_not_and_what_cannot_be_told() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let key = key_of(&acme).await;
    let log = acme.owner.get("/log").await.expect(200);
    let earlier = server.scratch("earlier");
    fs::write(&earlier, text(&log["checkpoint"])).unwrap();
    acme.channel("chat").await;
    let proof = server.scratch("proof");
    let answer = acme
        .owner
        .get(format!("/log/consistency?old={}", log["size"]))
        .await;
    fs::write(&proof, &answer.bytes).unwrap();
    let mirror = server.scratch("mirror");
    download(&server, &acme, &mirror).await;
    let name = |path: &Path| path.to_str().unwrap().to_owned();
    let (earlier, proof, mirror) = (name(&earlier), name(&proof), name(&mirror));
    let run = |arguments: &[&str]| {
        let output = server.run(&[&["verify", "--key", &key], arguments].concat());
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        (output.status.code(), said)
    };
    for good in [
        vec!["--checkpoint", &earlier],
        vec!["--consistency", &proof, "--checkpoint", &earlier],
        vec!["--log", &mirror, "--checkpoint", &earlier],
    ] {
        let (code, said) = run(&good);
        assert_eq!(code, Some(0), "{good:?}: {said}");
        assert!(said.contains("proven"), "{said}");
    }
    let bent = answer.text().replacen("old ", "old 1", 1);
    fs::write(server.scratch("bent"), bent).unwrap();
    let bent = name(&server.scratch("bent"));
    let (code, said) = run(&["--consistency", &bent, "--checkpoint", &earlier]);
    assert_eq!(code, Some(3), "{said}");
    let (code, said) = run(&["--checkpoint", "/nowhere/at/all"]);
    assert_eq!(code, Some(1), "{said}");
    assert_eq!(run(&["--consistency", &proof]).0, Some(2), "against what?");
}

/// The log as it is published.
async fn download(server: &Server, tenant: &Tenant, to: &Path) {
    let base = format!("//log/{}", tenant.slug);
    let checkpoint = server.nobody().get(format!("{base}/checkpoint")).await;
    checkpoint.check(200);
    let size: u64 = checkpoint.text().lines().nth(1).unwrap().parse().unwrap();
    assert!(size < 256, "one tile");
    fs::create_dir_all(to).unwrap();
    fs::write(to.join("checkpoint"), &checkpoint.bytes).unwrap();
    for tile in [
        format!("tile/0/000.p/{size}"),
        format!("tile/entries/000.p/{size}"),
    ] {
        let answer = server.nobody().get(format!("{base}/{tile}")).await;
        answer.check(200);
        let file = to.join(tile);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, &answer.bytes).unwrap();
    }
}

#[tokio::test]
async fn a_key_hands_over_to_the_next_and_what_it_signed_stays_good() {
    let mut server = Server::start().await;
    let acme = server.tenant("acme").await;
    let old_key = key_of(&acme).await;
    let events = acme.owner.all("/audit-events").await;
    let path = format!("/log/{}/receipt", events[0]["index"]);
    let old_receipt = acme.owner.get(&path).await.bytes;
    let made = acme.owner.post("/log/keys", json!({})).await.expect(201);
    let new_key = text(&made["verifier_key"]);
    assert_ne!(new_key, old_key);
    assert_eq!(made["number"], 2);
    // What was signed before is as good as it was; what is signed now is the new key's.
    assert!(auditor::receipt(&old_receipt, &old_key).is_some());
    acme.channel("chat").await;
    let new_receipt = acme.owner.get(&path).await.bytes;
    assert!(auditor::receipt(&new_receipt, &new_key).is_some());
    assert!(auditor::receipt(&new_receipt, &old_key).is_none());
    // Whoever pinned the old key finds the checkpoint in which it names its successor.
    let log = acme.owner.get("/log").await.expect(200);
    let keys: Vec<String> = log["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| text(&key["verifier_key"]))
        .collect();
    assert_eq!(keys, [new_key.clone(), old_key.clone()]);
    let size = log["keys"][0]["from_size"].clone();
    let checkpoints = acme.owner.all("/log/checkpoints").await;
    let handover = checkpoints.iter().find(|one| one["size"] == size).unwrap();
    let signed = text(&handover["checkpoint"]);
    for key in [&old_key, &new_key] {
        assert!(auditor::checkpoint(signed.as_bytes(), key).is_some());
    }
    let event = &acme.owner.all("/audit-events?kind=log.key_rotated").await[0];
    assert_eq!(event["facts"]["to"], new_key.as_str());
    // It is kept: the next start signs with the new one.
    server.restart().await;
    acme.channel("after").await;
    assert_eq!(key_of(&acme).await, new_key);
    let receipt = acme.owner.get(&path).await.bytes;
    assert!(auditor::receipt(&receipt, &new_key).is_some());
}
