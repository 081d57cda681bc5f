//! People that data is about, as the tenant knows them.

use serde_json::json;
use tests::{Server, tenant::text};

#[tokio::test]
async fn a_subject_is_found_by_the_tenants_own_id_and_by_address() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let body = json!({ "external_id": "user-1", "email": "Ada@Example.com" });
    let id = acme.create("/subjects", body).await;
    acme.create("/subjects", json!({ "external_id": "user-2" })).await;
    for query in [
        "external_id=user-1",
        "email=ada@example.com",
        "email=ADA@example.com",
    ] {
        let found = acme.owner.all(format!("/subjects?{query}")).await;
        assert_eq!(found.len(), 1, "{query}: {found:#?}");
        assert_eq!(found[0]["id"], id.as_str());
    }
    assert!(acme.owner.all("/subjects?external_id=user-9").await.is_empty());
}

#[tokio::test]
async fn a_subject_exists_once() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let body = json!({ "external_id": "user-1" });
    acme.create("/subjects", body.clone()).await;
    acme.owner
        .post("/subjects", body)
        .await
        .fault(409, "conflict", "/external_id");
}

#[tokio::test]
async fn a_first_connection_makes_the_subject_known() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let chat = acme.channel("chat").await;
    let _ada = acme.connect(&chat, "ada").await;
    let found = acme.owner.all("/subjects?external_id=ada").await;
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0]["restricted"], false);
}

#[tokio::test]
async fn an_address_changes_and_the_old_one_finds_nobody() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let id = acme
        .create(
            "/subjects",
            json!({ "external_id": "user-1", "email": "old@example.com" }),
        )
        .await;
    let path = format!("/subjects/{id}");
    acme.owner
        .patch(&path, json!({ "email": "new@example.com" }))
        .await
        .expect(200);
    assert!(acme.owner.all("/subjects?email=old@example.com").await.is_empty());
    assert_eq!(acme.owner.all("/subjects?email=new@example.com").await.len(), 1);
    let cleared = acme
        .owner
        .patch(&path, json!({ "email": null }))
        .await
        .expect(200);
    assert!(cleared.get("email").is_none(), "{cleared:#}");
}

#[tokio::test]
async fn names_and_addresses_are_nowhere_in_the_store_in_the_clear() {
    let server = Server::builder()
        .in_folder()
        .env("WEIR_LOG__FILTER", "debug")
        .start()
        .await;
    let acme = server.tenant("acme").await;
    let chat = acme.channel("chat").await;
    acme.create(
        "/subjects",
        json!({ "external_id": "user-zebra-1", "email": "zebra@stripes.example" }),
    )
    .await;
    let data = json!({ "text": "the zebra said hello" });
    acme.publish(&chat, json!({ "data": data, "subject": "user-zebra-1" }))
        .await
        .expect(201);
    let found = acme.owner.all("/subjects?external_id=user-zebra-1").await;
    assert_eq!(text(&found[0]["email"]), "zebra@stripes.example");
    let mut files = Vec::new();
    for entry in std::fs::read_dir(server.data_dir()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            files.push((path.clone(), std::fs::read(&path).unwrap()));
        }
    }
    files.push(("log".into(), server.log().into_bytes()));
    assert!(files.len() > 2, "there is a store to look at");
    for (path, bytes) in files {
        for secret in ["zebra-1", "stripes.example", "zebra said"] {
            let found = bytes
                .windows(secret.len())
                .any(|window| window == secret.as_bytes());
            assert!(!found, "{} holds {secret:?}", path.display());
        }
    }
}
