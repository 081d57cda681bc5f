//! Witnesses: a log that is cosigned from outside, and one that tries to have two pasts.

use std::{fs, path::Path, time::Duration};

use serde_json::{Value, json};
use tests::{
    Server, Tenant, auditor, server::grown_up, tenant::text, wait::eventually_within, witness::Witness,
};

use crate::{isolation::WITNESS, log::key_of};

/// A few turns of the worker.
const SOON: Duration = Duration::from_mins(1);

async fn seen(acme: &Tenant, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
    eventually_within(SOON, what, || async {
        acme.owner.all("/log/witnesses").await.into_iter().find(&fits)
    })
    .await
}

/// Until the witness has cosigned all that there is.
async fn cosigned(acme: &Tenant) -> Value {
    let size = acme.owner.get("/log").await.expect(200)["size"].as_i64().unwrap();
    seen(acme, "a cosignature", |witness| {
        witness["cosigned_size"].as_i64() >= Some(size)
    })
    .await
}

/// The receipt for the first leaf, in a file.
async fn receipt(server: &Server, acme: &Tenant, name: &str) -> String {
    let file = server.scratch(name);
    let answer = acme.owner.get("/log/0/receipt").await;
    answer.check(200);
    fs::write(&file, &answer.bytes).unwrap();
    file.to_str().unwrap().to_owned()
}

fn verify(server: &Server, receipt: &str, key: &str, witness: &Witness) -> Option<i32> {
    let arguments = [
        "verify",
        receipt,
        "--key",
        key,
        "--witness",
        &witness.verifier_key,
    ];
    server.run(&arguments).status.code()
}

#[tokio::test]
async fn receipts_carry_a_witness_word_that_weir_verify_and_a_stranger_count() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let key = key_of(&acme).await;
    let witness = Witness::start(&[&key]);
    let early = receipt(&server, &acme, "early").await;
    assert_eq!(
        verify(&server, &early, &key, &witness),
        Some(3),
        "not cosigned yet"
    );
    let body = json!({ "verifier_key": witness.verifier_key, "url": witness.url });
    let made = acme.owner.post("/log/witnesses", body.clone()).await.expect(201);
    assert_eq!(made["cosigned_size"], 0);
    let again = acme.owner.post("/log/witnesses", body).await;
    assert_eq!(again.status, 409, "{}", again.text());
    assert_eq!(
        again.json()["errors"][0]["field"],
        "/verifier_key",
        "{}",
        again.text()
    );
    for next in ["more", "still-more"] {
        cosigned(&acme).await;
        let good = receipt(&server, &acme, "good").await;
        assert_eq!(verify(&server, &good, &key, &witness), Some(0));
        let signed = text(&acme.owner.get("/log").await.expect(200)["checkpoint"]);
        assert!(auditor::checkpoint(signed.as_bytes(), &key).is_some());
        // Something new, which continues what the witness has seen.
        acme.purpose(next).await;
    }
    acme.owner
        .delete(format!("/log/witnesses/{}", text(&made["id"])))
        .await
        .check(204);
    assert!(acme.owner.all("/log/witnesses").await.is_empty());
    let kinds = acme.owner.all("/audit-events?kind=log.").await;
    assert_eq!(kinds.len(), 2, "{kinds:#?}");
}

#[tokio::test]
async fn a_witness_that_was_not_told_of_the_log_or_of_its_new_key_says_so_until_it_is() {
    let server = Server::start().await;
    let (acme, beta) = (server.tenant("acme").await, server.tenant("beta").await);
    let (key, other) = (key_of(&acme).await, key_of(&beta).await);
    let witness = Witness::start(&[&other]);
    let body = json!({ "verifier_key": witness.verifier_key, "url": witness.url });
    acme.create("/log/witnesses", body).await;
    seen(&acme, "unknown", |one| one["failure"] == "unknown_log").await;
    let witness = witness.again(&[&other, &key]);
    let listed = &acme.owner.all("/log/witnesses").await[0];
    // It listens elsewhere now.
    acme.owner
        .delete(format!("/log/witnesses/{}", text(&listed["id"])))
        .await
        .check(204);
    let body = json!({ "verifier_key": witness.verifier_key, "url": witness.url });
    acme.create("/log/witnesses", body).await;
    cosigned(&acme).await;
    acme.owner.post("/log/keys", json!({})).await.expect(201);
    acme.purpose("after").await;
    // The checkpoint of the handover bears both signatures and is cosigned; the next has the new one alone.
    seen(&acme, "another key", |one| one["failure"] == "not_signed").await;
}

#[tokio::test]
async fn bad_witnesses_are_refused_at_the_field() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let key = key_of(&acme).await;
    let bent = WITNESS.replace("3ac253b8", "3ac253b9");
    for (verifier_key, url, field) in [
        ("nonsense", "http://127.0.0.1:9", "/verifier_key"),
        (key.as_str(), "http://127.0.0.1:9", "/verifier_key"),
        (bent.as_str(), "http://127.0.0.1:9", "/verifier_key"),
        (WITNESS, "ftp://127.0.0.1", "/url"),
        (WITNESS, "http://127.0.0.1/?a=b", "/url"),
    ] {
        let body = json!({ "verifier_key": verifier_key, "url": url });
        let answer = acme.owner.post("/log/witnesses", body).await;
        assert_eq!(answer.status, 422, "{url}: {}", answer.text());
        let fields: Vec<Value> = answer.json()["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|error| error["field"].clone())
            .collect();
        assert!(fields.contains(&json!(field)), "{fields:?}");
    }
}

#[tokio::test]
async fn a_log_that_was_put_back_and_went_another_way_gets_no_word_any_more() {
    if grown_up() {
        // What is put back here is a folder.
        return;
    }
    let mut server = Server::start().await;
    let acme = server.tenant("acme").await;
    let key = key_of(&acme).await;
    let witness = Witness::start(&[&key]);
    let body = json!({ "verifier_key": witness.verifier_key, "url": witness.url });
    acme.create("/log/witnesses", body).await;
    cosigned(&acme).await;
    server.terminate().await;
    let (folder, before) = (server.data_dir(), server.scratch("before"));
    copy(&folder, &before);
    server.restart().await;
    acme.purpose("one-way").await;
    cosigned(&acme).await;
    server.terminate().await;
    fs::remove_dir_all(&folder).unwrap();
    copy(&before, &folder);
    server.restart().await;
    for n in 0..3 {
        acme.purpose(&format!("another-way-{n}")).await;
    }
    seen(&acme, "the contradiction", |one| one["failure"] == "conflict").await;
    let forked = receipt(&server, &acme, "forked").await;
    assert_eq!(verify(&server, &forked, &key, &witness), Some(3));
    let said = acme
        .owner
        .all("/audit-events?kind=log.witness_contradicted")
        .await;
    assert_eq!(said.len(), 1, "once: {said:#?}");
}

/// Files only: a data folder of a server that has stopped.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}
