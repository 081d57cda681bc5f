//! The description of the API: served, checked in, and about the same thing.

use std::fs;

use serde_json::Value;
use tests::{Server, binary};

#[tokio::test]
async fn what_is_served_is_what_is_checked_in() {
    let server = Server::start().await;
    let described = server.nobody().get("//api/openapi.json").await.expect(200);
    let file = binary::root().join("openapi/openapi.json");
    let checked_in: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    for part in ["paths", "components"] {
        assert!(
            described[part] == checked_in[part],
            "{part} differ: run `make openapi`"
        );
    }
}

#[tokio::test]
async fn the_door_for_sockets_is_described_too() {
    let server = Server::start().await;
    let described = server.nobody().get("//api/openapi.json").await.expect(200);
    let door = &described["paths"]["/connect/{tenant}/{endpoint}"]["get"];
    assert!(door["responses"]["101"].is_object(), "{door:#}");
}

#[test]
fn every_close_code_is_in_the_protocol_page() {
    let table = fs::read_to_string(binary::root().join("broker/src/close.rs")).unwrap();
    let page = fs::read_to_string(binary::root().join("docs/protocol.md")).unwrap();
    let codes: Vec<&str> = table
        .lines()
        .filter_map(|line| {
            line.trim()
                .strip_prefix("pub const ")?
                .split_once("Self::new(")?
                .1
                .get(..4)
        })
        .collect();
    assert!(codes.len() > 20, "the table is where it was: {codes:?}");
    // These two only stand for something and are never sent (RFC 6455 §7.4.1).
    for code in codes.into_iter().filter(|code| !["1005", "1006"].contains(code)) {
        assert!(
            page.contains(code),
            "docs/protocol.md does not explain the close code {code}"
        );
    }
}

#[tokio::test]
async fn every_operation_says_what_it_does_and_what_can_go_wrong() {
    let server = Server::start().await;
    let described = server.nobody().get("//api/openapi.json").await.expect(200);
    for (path, item) in described["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if !operation.is_object() {
                continue;
            }
            let name = format!("{method} {path}");
            assert!(operation["operationId"].is_string(), "{name} has no operation id");
            assert!(
                operation["summary"]
                    .as_str()
                    .is_some_and(|summary| !summary.is_empty()),
                "{name} has no summary"
            );
            let responses = operation["responses"].as_object().unwrap();
            assert!(!responses.is_empty(), "{name} has no answers");
        }
    }
}
