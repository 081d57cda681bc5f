//! Destroyed means everywhere: no older copy of the vault opens it, and no file of the data folder has a word of it.

use std::{fs, path::Path};

use serde_json::json;
use tests::{
    Server, Tenant, auditor,
    backends::{Postgres, Redis},
    eventually,
    tenant::text,
};

use crate::{balances::tamper, requests::in_state};

/// What nobody may find anywhere afterwards.
const MARKER: &str = "plainly-marked-zebra-7f3a";

fn copy(from: &Path, to: &Path, names: &[&str]) {
    for name in names {
        for suffix in ["", "-wal"] {
            let file = from.join(format!("{name}{suffix}"));
            if file.exists() {
                fs::copy(file, to.join(format!("{name}{suffix}"))).unwrap();
            }
        }
    }
}

/// Files under a folder that hold these bytes.
fn files_with(folder: &Path, needle: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_with(&path, needle));
        } else if fs::read(&path)
            .unwrap()
            .windows(needle.len())
            .any(|some| some == needle)
        {
            found.push(path.display().to_string());
        }
    }
    found
}

async fn ada_and_bob(server: &Server) -> (Tenant, String) {
    let acme = server.tenant("acme").await;
    let chat = acme.channel("chat").await;
    for who in ["ada", "bob"] {
        acme.create("/subjects", json!({ "external_id": who })).await;
        for n in 0..5 {
            let data = if who == "ada" {
                format!("{MARKER} {n}")
            } else {
                format!("about bob {n}")
            };
            acme.publish(&chat, json!({ "data": data, "subject": who }))
                .await
                .expect(201);
        }
    }
    let ada = text(&acme.owner.all("/subjects?external_id=ada").await[0]["id"]);
    (acme, ada)
}

#[tokio::test]
async fn a_stolen_vault_from_before_does_not_open_with_todays_root_and_page_keys() {
    let mut server = Server::builder().in_folder().start().await;
    let (acme, ada) = ada_and_bob(&server).await;
    // While it runs, byte for byte: both stores with their write-ahead logs.
    let stolen = server.scratch("stolen");
    fs::create_dir(&stolen).unwrap();
    copy(&server.data_dir(), &stolen, &["weir.db", "vault.db"]);
    let made = acme
        .owner
        .delete(format!("/subjects/{ada}?confirm=ada"))
        .await
        .expect(202);
    in_state(&acme, &text(&made["id"]), "completed").await;
    assert_eq!(
        files_with(&server.data_dir(), MARKER.as_bytes()),
        Vec::<String>::new(),
        "in the clear"
    );
    server.terminate().await;
    assert_eq!(
        files_with(&server.data_dir(), MARKER.as_bytes()),
        Vec::<String>::new()
    );

    // Yesterday's stores, whole, with everything that is secret today.
    let mut thief = Server::builder().in_folder().prepared();
    fs::create_dir_all(thief.data_dir()).unwrap();
    copy(&stolen, &thief.data_dir(), &["weir.db", "vault.db"]);
    copy(&server.data_dir(), &thief.data_dir(), &["root.key", "pages.key"]);
    thief.restart().await;
    let owner = thief.nobody().with_token(acme.owner.token());
    let messages = owner.all("/messages?unseal=true&limit=200").await;
    let hers: Vec<_> = messages
        .iter()
        .filter(|message| message["subject_id"] == ada.as_str())
        .collect();
    assert_eq!(hers.len(), 5, "the rows are in the copy");
    for message in hers {
        assert_eq!(message["unreadable"], "key_destroyed", "{message:#}");
        assert!(message.get("data").is_none(), "{message:#}");
    }
}

#[tokio::test]
async fn copies_of_keys_are_made_while_serving_and_open_with_the_data() {
    let mut server = Server::builder().in_folder().start().await;
    let (acme, ada) = ada_and_bob(&server).await;
    let (keys, data) = (server.scratch("keys"), server.scratch("data.backup"));
    server.run_well(&["backup", "--keys-to", keys.to_str().unwrap()]);
    server.run_well(&["backup", "--to", data.to_str().unwrap()]);
    let refused = server.run(&["backup", "--keys-to", keys.to_str().unwrap()]);
    assert!(!refused.status.success(), "never over a copy that is there");
    for file in ["vault.db", "pages.key"] {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(keys.join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{file}");
    }
    let made = acme
        .owner
        .delete(format!("/subjects/{ada}?confirm=ada"))
        .await
        .expect(202);
    in_state(&acme, &text(&made["id"]), "completed").await;
    server.terminate().await;
    // What such a copy costs, and why it is to be kept briefly: with it, she is readable again.
    let mut restored = Server::builder().in_folder().prepared();
    fs::create_dir_all(restored.data_dir()).unwrap();
    copy(&keys, &restored.data_dir(), &["vault.db", "pages.key"]);
    copy(&server.data_dir(), &restored.data_dir(), &["root.key"]);
    restored.run_well(&["restore", "--from", data.to_str().unwrap()]);
    restored.restart().await;
    let owner = restored.nobody().with_token(acme.owner.token());
    let messages = owner.all("/messages?unseal=true&limit=200").await;
    assert_eq!(messages.len(), 10);
    for message in &messages {
        assert!(message.get("data").is_some(), "{message:#}");
    }
}

#[tokio::test]
async fn a_tenant_that_leaves_takes_all_its_data_with_one_key() {
    let mut server = Server::builder().in_folder().start().await;
    let (acme, _) = ada_and_bob(&server).await;
    let beta = server.tenant("beta").await;
    let news = beta.channel("news").await;
    beta.publish(&news, json!({ "data": "of beta" }))
        .await
        .expect(201);
    let chat = acme.channel("live").await;
    let mut socket = acme.connect(&chat, "ada").await;
    let key = acme.key(&["tenant:read"]).await;
    let stolen = server.scratch("stolen");
    fs::create_dir(&stolen).unwrap();
    copy(&server.data_dir(), &stolen, &["weir.db", "vault.db"]);
    for wrong in ["", "?confirm=beta"] {
        let answer = acme.owner.delete(format!("/tenant{wrong}")).await;
        assert_eq!(answer.status, 422, "{}", answer.text());
    }
    assert_eq!(key.delete("/tenant?confirm=acme").await.status, 403);
    let gone = acme.owner.delete("/tenant?confirm=acme").await.expect(200);
    // The receipt outlives the log.
    let proven = auditor::receipt(text(&gone["receipt"]).as_bytes(), &text(&gone["verifier_key"]))
        .expect("the last receipt verifies");
    assert!(
        String::from_utf8(proven.entry)
            .unwrap()
            .contains("tenant.deleted")
    );
    assert_eq!(socket.close_code().await, 4001);
    for client in [&acme.owner, &key] {
        let answer = client.get("/tenant").await;
        assert!([401, 403, 404].contains(&answer.status), "{}", answer.text());
    }
    eventually("no rows of it", || async {
        let answer = server.nobody().get("//log/acme/checkpoint").await;
        (answer.status == 404).then_some(())
    })
    .await;
    assert_eq!(beta.messages(&news).await[0]["data"], "of beta");
    // What is done for everybody goes on.
    let brief = beta.channel("brief").await;
    beta.rule(json!({ "name": "brief", "endpoint_id": brief.id, "duration": "PT1S" }))
        .await;
    beta.publish(&brief, json!({ "data": "soon gone" }))
        .await
        .expect(201);
    eventually("the purge of another tenant", || async {
        let events = beta.owner.all("/audit-events?kind=messages.expired").await;
        (!events.is_empty()).then_some(())
    })
    .await;
    let log = server.log();
    assert!(
        !log.contains("the tenant's key is gone") && !log.contains("a schedule failed"),
        "{log}"
    );
    // Neither its name nor its owner's address is taken any more.
    server.tenant("acme").await.channel("chat").await;
    server.terminate().await;
    // Yesterday's stores with all that is secret today: it is as if it had never been.
    let mut thief = Server::builder().in_folder().prepared();
    fs::create_dir_all(thief.data_dir()).unwrap();
    copy(&stolen, &thief.data_dir(), &["weir.db", "vault.db"]);
    copy(&server.data_dir(), &thief.data_dir(), &["root.key", "pages.key"]);
    drop(acme);
    thief.restart().await;
    let owner = thief.nobody().with_token(key.token());
    let answer = owner.get("/messages?unseal=true").await;
    assert!(!answer.text().contains(MARKER), "{}", answer.text());
}

#[tokio::test]
async fn page_keys_that_are_missing_or_of_another_vault_are_said_at_the_start() {
    let mut server = Server::builder().in_folder().start().await;
    ada_and_bob(&server).await;
    server.terminate().await;
    let file = server.data_dir().join("pages.key");
    let kept = fs::read(&file).unwrap();
    for (content, said) in [
        (None, "page keys are missing"),
        (Some(b"something else".to_vec()), "cannot be opened"),
        (Some(kept[..4096].to_vec()), "not the one of this vault"),
    ] {
        match content {
            None => fs::remove_file(&file).unwrap(),
            Some(content) => fs::write(&file, content).unwrap(),
        }
        let output = server.run(&["serve"]);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            !output.status.success() && error.contains(said),
            "{said}: {error}"
        );
    }
    fs::write(&file, kept).unwrap();
    server.restart().await;
}

#[tokio::test]
async fn what_expired_is_in_no_file_and_in_no_copy_from_before() {
    let mut server = Server::builder().in_folder().start().await;
    let acme = server.tenant_without_rules("acme").await;
    let chat = acme.channel("chat").await;
    acme.rule(json!({ "duration": "PT6S" })).await;
    let subject = json!({ "external_id": format!("{MARKER}-of-ada") });
    acme.create("/subjects", subject).await;
    for n in 0..20 {
        let body = json!({
            "channel": "cache-news", "event": "said", "data": format!("{MARKER} {n}"), "subject": format!("{MARKER}-of-ada"),
        });
        acme.publish(&chat, body).await.expect(201);
    }
    let before = server.scratch("before.backup");
    server.run_well(&["backup", "--to", before.to_str().unwrap()]);
    assert!(
        files_with(&server.data_dir(), MARKER.as_bytes()).is_empty(),
        "not even while it lives"
    );
    eventually("the end of it", || async {
        let usage = acme.owner.get("/tenant/usage").await.expect(200);
        (usage["used"]["stored_messages"] == 0).then_some(())
    })
    .await;
    assert!(files_with(&server.data_dir(), MARKER.as_bytes()).is_empty());
    server.terminate().await;
    assert!(files_with(&server.data_dir(), MARKER.as_bytes()).is_empty());
    assert!(!server.log().contains(MARKER));
    let bytes = fs::read(&before).unwrap();
    assert!(!bytes.windows(MARKER.len()).any(|some| some == MARKER.as_bytes()));

    // The copy on a clean folder, with the keys of today.
    let mut restored = Server::builder().in_folder().prepared();
    fs::create_dir_all(restored.data_dir()).unwrap();
    let keys = ["vault.db", "root.key", "pages.key"];
    copy(&server.data_dir(), &restored.data_dir(), &keys);
    restored.run_well(&["restore", "--from", before.to_str().unwrap()]);
    restored.restart().await;
    let owner = restored.nobody().with_token(acme.owner.token());
    assert!(owner.all("/messages?unseal=true").await.is_empty(), "by the rule");
    // Once more, with a rule that would keep everything.
    restored.terminate().await;
    restored.run_well(&["restore", "--from", before.to_str().unwrap(), "--force"]);
    tamper(&restored, "UPDATE retention_rule SET duration = 'P30D'");
    restored.restart().await;
    let there = owner.all("/messages?unseal=true&limit=200").await;
    let open = there
        .iter()
        .filter(|message| message.get("data").is_some())
        .count();
    assert_eq!((open, there.len()), (0, 20), "by the keys");
}

#[tokio::test]
async fn redis_never_holds_what_a_message_says_or_whose_it_is() {
    if !Postgres::is_installed() || !Redis::is_installed() {
        eprintln!("skipped: postgresql and redis-server are not installed; `make test` installs them");
        return;
    }
    let redis = std::sync::Arc::new(Redis::start());
    let builder = Server::builder().database(Postgres::shared().database());
    let server = builder.redis(std::sync::Arc::clone(&redis)).start().await;
    let acme = server.tenant("acme").await;
    let chat = acme.channel("chat").await;
    let who = format!("{MARKER}-of-ada");
    let subject = acme.create("/subjects", json!({ "external_id": who })).await;
    let mut socket = acme.connect(&chat, &who).await;
    for n in 0..20 {
        let body = json!({ "channel": "cache-news", "event": "said", "data": format!("{MARKER} {n}"), "subject": who });
        acme.publish(&chat, body).await.expect(201);
        socket.send(format!("{MARKER} {n}")).await;
    }
    let nothing = |when: &str| {
        let dump = redis.dump();
        assert!(
            dump.starts_with(b"REDIS") && dump.len() > 100,
            "{when}: there is a dump"
        );
        let found = dump.windows(MARKER.len()).any(|some| some == MARKER.as_bytes());
        assert!(!found, "{when}");
        assert!(
            files_with(&server.data_dir(), MARKER.as_bytes()).is_empty(),
            "{when}"
        );
    };
    // The search finds what is there.
    redis.ask(&["SET", "planted", MARKER]);
    assert!(
        redis
            .dump()
            .windows(MARKER.len())
            .any(|some| some == MARKER.as_bytes())
    );
    redis.ask(&["DEL", "planted"]);
    nothing("while it lives");
    let made = acme
        .owner
        .delete(format!("/subjects/{subject}?confirm={who}"))
        .await
        .expect(202);
    in_state(&acme, &text(&made["id"]), "completed").await;
    nothing("after the erasure");
}
