//! What bad input gets: a problem with a stable code, the field at fault and a way out; and nothing changed.

use reqwest::{Method, header::CONTENT_TYPE};
use serde_json::json;
use tests::Server;

#[tokio::test]
async fn json_that_is_none_is_malformed() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    for body in ["", "{", "[1,2", "not json", "\"a string\"", "[]", "null"] {
        let post = acme
            .owner
            .request(Method::POST, "/endpoints")
            .header(CONTENT_TYPE, "application/json")
            .body(body);
        acme.owner.send(post).await.problem(400, "malformed_request");
    }
    assert!(acme.owner.all("/endpoints").await.is_empty());
}

#[tokio::test]
async fn a_wrong_type_is_named_by_its_field() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let body = json!({ "slug": "chat", "kind": "channel", "pool_max": "many" });
    acme.owner
        .post("/endpoints", body)
        .await
        .fault(400, "malformed_request", "/pool_max");
    let body = json!({ "slug": "chat", "kind": "tunnel" });
    acme.owner
        .post("/endpoints", body)
        .await
        .fault(400, "malformed_request", "/kind");
    let body = json!({ "slug": "x", "name": "X", "personal": true, "paths": ["$.a", 7], "minimise": { "strategy": "none" } });
    acme.owner
        .post("/data-types", body)
        .await
        .fault(400, "malformed_request", "/paths/1");
    let body = json!({ "kind": "channel" });
    acme.owner
        .post("/endpoints", body)
        .await
        .fault(400, "malformed_request", "/slug");
}

#[tokio::test]
async fn a_field_that_does_not_exist_is_named_and_not_ignored() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let body = json!({ "slug": "chat", "kind": "channel", "max_mesage_bytes": 10 });
    let problem =
        acme.owner
            .post("/endpoints", body)
            .await
            .fault(400, "malformed_request", "/max_mesage_bytes");
    assert!(problem.to_string().contains("unknown"), "{problem:#}");
    assert!(acme.owner.all("/endpoints").await.is_empty());
}

#[tokio::test]
async fn an_unknown_id_and_something_that_is_no_id_are_both_just_not_there() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    for id in ["00000000-0000-7000-8000-000000000000", "not-an-id", "12"] {
        acme.owner
            .get(format!("/endpoints/{id}"))
            .await
            .problem(404, "not_found");
        acme.owner
            .patch(format!("/endpoints/{id}"), json!({ "name": "x" }))
            .await
            .problem(404, "not_found");
    }
}

#[tokio::test]
async fn a_path_or_a_method_that_does_not_exist_is_a_problem_too() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    acme.owner.get("/nothing-here").await.problem(404, "not_found");
    acme.owner
        .delete("/endpoints")
        .await
        .problem(405, "method_not_allowed");
}

#[tokio::test]
async fn another_content_type_and_a_huge_body_are_refused() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let post = || acme.owner.request(Method::POST, "/endpoints");
    let xml = acme
        .owner
        .send(post().header(CONTENT_TYPE, "application/xml").body("<endpoint/>"))
        .await;
    xml.problem(415, "unsupported_media_type");
    let huge = format!("{{\"slug\":\"{}\"}}", "x".repeat(20 << 20));
    let huge = acme
        .owner
        .send(post().header(CONTENT_TYPE, "application/json").body(huge))
        .await;
    huge.problem(413, "payload_too_large");
}

#[tokio::test]
async fn every_answer_has_an_id_that_finds_it_in_the_log() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let answer = acme.owner.get("/endpoints/nothing").await;
    let id = answer.header("x-request-id").unwrap().to_owned();
    assert_eq!(answer.problem(404, "not_found")["request_id"], id.as_str());
    let good = acme.owner.get("/endpoints").await;
    assert!(good.header("x-request-id").is_some_and(|other| other != id));
}

#[tokio::test]
async fn nothing_tells_a_stranger_how_it_is_built() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    for answer in [
        acme.owner.get("/endpoints/%FF").await,
        acme.owner.get("/messages/99999999999999999999").await,
        acme.owner
            .post("/endpoints", json!({ "slug": "a\u{0}b", "kind": "channel" }))
            .await,
        acme.owner.get("/messages?from=yesterday").await,
    ] {
        assert!((400..500).contains(&answer.status), "{}", answer.text());
        for word in ["sqlx", "sqlite", "SELECT", "panicked", ".rs:", "serde", "param0"] {
            assert!(!answer.text().contains(word), "{}", answer.text());
        }
    }
}

#[tokio::test]
async fn a_misspelt_filter_is_refused_and_answers_with_nobodys_data() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let problem = acme
        .owner
        .get("/consents?subject=ada&limit=5")
        .await
        .problem(422, "invalid_request");
    assert_eq!(problem["errors"].as_array().unwrap().len(), 1, "{problem:#}");
    let fault = &problem["errors"][0];
    assert_eq!(
        (fault["field"].as_str(), fault["code"].as_str()),
        (Some("?subject"), Some("unknown"))
    );
    assert!(
        fault["detail"].as_str().unwrap().contains("subject_id"),
        "{fault:#}"
    );
}
