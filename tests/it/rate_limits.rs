//! Asking too often.

use serde_json::json;
use tests::{Answer, Server};

#[tokio::test]
async fn every_answer_says_how_much_is_left() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let number = |answer: &Answer, name: &str| {
        answer
            .header(name)
            .and_then(|value| value.parse::<i64>().ok())
            .unwrap()
    };
    let answer = acme.owner.get("/endpoints").await;
    let (limit, left) = (
        number(&answer, "ratelimit-limit"),
        number(&answer, "ratelimit-remaining"),
    );
    assert!(0 < left && left < limit, "{left} of {limit}");
    assert!(number(&answer, "ratelimit-reset") >= 0);
}

#[tokio::test]
async fn who_asks_too_often_waits_and_the_others_do_not() {
    let server = Server::builder()
        .env("WEIR_HTTP__REQUESTS_PER_SECOND", "5")
        .start()
        .await;
    let (acme, beta) = (server.tenant("acme").await, server.tenant("beta").await);
    let answers = futures_util::future::join_all((0..40).map(|_| acme.owner.get("/endpoints"))).await;
    let refused = answers
        .into_iter()
        .find(|answer| answer.status == 429)
        .expect("forty at once are too many");
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    refused.problem(429, "rate_limited");
    beta.owner.get("/endpoints").await.expect(200);
    tokio::time::sleep(std::time::Duration::from_secs(wait)).await;
    acme.owner.get("/endpoints").await.expect(200);
}

#[tokio::test]
async fn a_refused_request_changes_nothing() {
    let server = Server::builder()
        .env("WEIR_HTTP__REQUESTS_PER_SECOND", "5")
        .start()
        .await;
    let acme = server.tenant("acme").await;
    let bodies =
        (0..30).map(|n| json!({ "slug": format!("p-{n}"), "name": "P", "lawful_basis": "contract" }));
    let made = futures_util::future::join_all(bodies.map(|body| acme.owner.post("/purposes", body))).await;
    let made = made.iter().filter(|answer| answer.status == 201).count();
    assert!(made < 30);
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    assert_eq!(
        acme.owner.get("/purposes?limit=200").await.expect(200)["items"]
            .as_array()
            .unwrap()
            .len(),
        made
    );
}
