//! The balance of what is kept: it adds up, and a row that was planted, or went without a trace, makes it fail.

use std::process::Command;

use serde_json::{Value, json};
use tests::{Server, Tenant};

/// Changes the store behind Weir's back.
pub(crate) fn tamper(server: &Server, sql: &str) {
    let file = server.data_dir().join("weir.db");
    assert!(file.exists(), "the store is where it is expected");
    let script = "import sqlite3,sys\nc=sqlite3.connect(sys.argv[1],timeout=20)\nn=c.execute(sys.argv[2]).rowcount\nc.commit()\nassert n==1,n\n";
    let done = Command::new("python3")
        .args(["-c", script])
        .arg(file)
        .arg(sql)
        .status();
    assert!(done.expect("python3 runs").success());
}

async fn drawn(acme: &Tenant) -> Vec<Value> {
    let drawn = acme.owner.post("/balances", json!({})).await.expect(200);
    drawn["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_planted_row_and_a_missing_one_make_the_balance_fail_and_the_owner_hears_of_it() {
    let server = Server::builder().in_folder().start().await;
    let acme = server.tenant("acme").await;
    let chat = acme.channel("chat").await;
    for n in 0..5 {
        acme.publish(&chat, json!({ "data": n })).await.expect(201);
    }
    let first = drawn(&acme).await;
    assert_eq!(first.len(), 1, "{first:#?}");
    assert_eq!(
        (&first[0]["ingested"], &first[0]["live"], &first[0]["difference"]),
        (&json!(5), &json!(5), &json!(0))
    );
    assert!(drawn(&acme).await.is_empty(), "nothing changed since");
    tamper(
        &server,
        "INSERT INTO message SELECT class_id, id - 1, tenant_id, channel_id, position, subject_id, bucket_id, flags, size, sealed \
         FROM message ORDER BY id LIMIT 1",
    );
    let planted = drawn(&acme).await;
    assert_eq!(
        (&planted[0]["live"], &planted[0]["difference"]),
        (&json!(6), &json!(-1))
    );
    let mail = server
        .mail(&acme.email, |mail| mail.subject.contains("balance"))
        .await;
    assert!(mail.text.contains("-1"), "{}", mail.text);
    let receipt = acme
        .owner
        .get(format!("/log/{}/receipt", planted[0]["log_index"]))
        .await;
    receipt.check(200);
    tamper(
        &server,
        "DELETE FROM message WHERE id IN (SELECT id FROM message ORDER BY id LIMIT 1)",
    );
    assert_eq!(drawn(&acme).await[0]["difference"], 0, "it is as it was");
    tamper(
        &server,
        "DELETE FROM message WHERE id IN (SELECT id FROM message ORDER BY id LIMIT 1)",
    );
    let missing = drawn(&acme).await;
    assert_eq!(
        (&missing[0]["live"], &missing[0]["difference"]),
        (&json!(4), &json!(1))
    );
    let failing = acme.owner.all("/balances?failing=true").await;
    assert_eq!(failing.len(), 2);
    let held = acme.owner.get("/retention").await.expect(200);
    assert_eq!(held["classes"][0]["balance"]["difference"], 1, "{held:#}");
}

#[tokio::test]
async fn what_expired_is_on_the_other_side_of_the_balance() {
    let server = Server::start().await;
    let acme = server.tenant_without_rules("acme").await;
    let chat = acme.channel("chat").await;
    acme.rule(json!({ "duration": "PT1S" })).await;
    for n in 0..4 {
        acme.publish(&chat, json!({ "data": n })).await.expect(201);
    }
    tests::eventually("the removal of all four", || async {
        drawn(&acme).await;
        let newest = acme.owner.all("/balances").await.first().cloned()?;
        assert_eq!(newest["difference"], 0, "{newest:#}");
        (newest["deleted"] == 4).then_some(())
    })
    .await;
}
