//! `weir bootstrap`: a tenant for scripts.

use serde_json::{Value, json};
use tests::{Echo, Server, Socket, jwt, tenant::text};

#[tokio::test]
async fn a_script_gets_a_tenant_that_works_at_once() {
    let mut server = Server::builder().prepared();
    let made = server.bootstrap(&[
        "--tenant",
        "acme",
        "--owner",
        "owner@acme.example",
        "--endpoint",
        "chat",
    ]);
    let endpoint = &made["endpoints"][0];
    for field in ["id", "slug", "kind", "app_id", "key", "secret"] {
        assert!(endpoint[field].is_string(), "{field} in {made:#}");
    }
    assert_eq!(
        (made["tenant"]["slug"].as_str(), endpoint["kind"].as_str()),
        (Some("acme"), Some("channel"))
    );
    server.restart().await;
    let client = server.nobody().with_token(text(&made["api_key"]));
    let token = jwt::hs256(&text(&endpoint["secret"]), &jwt::claims("ada"));
    let mut ada = server
        .connect(&format!("/connect/acme/chat?token={token}"), &[])
        .await
        .unwrap();
    let path = format!("/endpoints/{}/messages", text(&endpoint["id"]));
    client.post(path, json!({ "data": "hello" })).await.expect(201);
    assert_eq!(ada.text().await, "hello");
}

#[tokio::test]
async fn running_it_again_finds_what_is_there() {
    let mut server = Server::builder().prepared();
    let arguments = [
        "--tenant",
        "acme",
        "--owner",
        "owner@acme.example",
        "--endpoint",
        "chat",
    ];
    let first = server.bootstrap(&arguments);
    let second = server.bootstrap(&arguments);
    assert_eq!(first["tenant"], second["tenant"]);
    assert_eq!(first["endpoints"][0]["id"], second["endpoints"][0]["id"]);
    assert_eq!(first["endpoints"][0]["secret"], second["endpoints"][0]["secret"]);
    server.restart().await;
    for made in [&first, &second] {
        let client = server.nobody().with_token(text(&made["api_key"]));
        assert_eq!(client.all("/endpoints").await.len(), 1);
    }
}

#[tokio::test]
async fn it_makes_relays_and_endpoints_that_do_not_record() {
    let echo = Echo::start().await;
    let mut server = Server::builder().prepared();
    let upstream = echo.url();
    let made = server.bootstrap(&[
        "--tenant",
        "acme",
        "--owner",
        "owner@acme.example",
        "--endpoint",
        "relay",
        "--upstream",
        &upstream,
        "--record",
        "never",
    ]);
    assert_eq!(made["endpoints"][0]["kind"], "relay");
    server.restart().await;
    let token = jwt::hs256(&text(&made["endpoints"][0]["secret"]), &jwt::claims("ada"));
    let mut ada: Socket = server
        .connect(&format!("/connect/acme/relay?token={token}"), &[])
        .await
        .unwrap();
    ada.send("hello").await;
    assert_eq!(ada.text().await, "hello");
    let client = server.nobody().with_token(text(&made["api_key"]));
    let endpoint: Value = client.all("/endpoints").await.remove(0);
    assert_eq!(endpoint["record"], "never");
}

#[tokio::test]
async fn what_makes_no_sense_is_said_on_standard_error_and_nothing_is_made() {
    let server = Server::builder().prepared();
    let output = server.run(&[
        "bootstrap",
        "--tenant",
        "Not A Slug",
        "--owner",
        "owner@acme.example",
        "--endpoint",
        "chat",
    ]);
    assert!(!output.status.success());
    assert!(output.stdout.is_empty(), "scripts read this");
    assert!(String::from_utf8_lossy(&output.stderr).contains("slug") || !output.stderr.is_empty());
}
