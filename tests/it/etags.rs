//! Two people change the same thing: the second one hears of the first.

use reqwest::Method;
use serde_json::json;
use tests::{Server, tenant::text};

#[tokio::test]
async fn a_stale_change_is_refused_and_nothing_happens() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let chat = acme.channel("chat").await;
    let path = format!("/endpoints/{}", chat.id);
    let first = acme.owner.get(&path).await;
    let etag = first.header("etag").unwrap().to_owned();
    assert_eq!(etag, "\"v1\"");
    let change = |etag: &str, name: &str| {
        acme.owner
            .request(Method::PATCH, &path)
            .header("if-match", etag)
            .json(&json!({ "name": name }))
    };
    let changed = acme.owner.send(change(&etag, "first")).await;
    changed.check(200);
    assert_eq!(changed.header("etag"), Some("\"v2\""));
    let stale = acme.owner.send(change(&etag, "second")).await;
    stale.fault(412, "precondition_failed", "If-Match");
    assert_eq!(text(&acme.owner.get(&path).await.expect(200)["name"]), "first");
    acme.owner.send(change("\"v2\"", "third")).await.expect(200);
}

#[tokio::test]
async fn a_removal_can_ask_for_the_version_too() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let news = acme.purpose("news").await;
    let path = format!("/purposes/{news}");
    acme.owner
        .patch(&path, json!({ "name": "News" }))
        .await
        .expect(200);
    let delete = |etag: &str| acme.owner.request(Method::DELETE, &path).header("if-match", etag);
    acme.owner
        .send(delete("\"v1\""))
        .await
        .problem(412, "precondition_failed");
    acme.owner.get(&path).await.expect(200);
    acme.owner.send(delete("\"v2\"")).await.expect(204);
}

#[tokio::test]
async fn a_condition_that_is_none_is_malformed() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let news = acme.purpose("news").await;
    let patch = acme
        .owner
        .request(Method::PATCH, &format!("/purposes/{news}"))
        .header("if-match", "yesterday's");
    let answer = acme.owner.send(patch.json(&json!({ "name": "News" }))).await;
    assert!([400, 412, 422].contains(&answer.status), "{}", answer.text());
    assert_eq!(
        acme.owner.get(format!("/purposes/{news}")).await.expect(200)["version"],
        1
    );
}
