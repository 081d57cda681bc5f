//! Deliveries: signed twice, tried again, in order, logged, replayed, given up.

use serde_json::json;
use tests::{Receiver, Server, eventually, tenant::text};

use super::{delivery, hook, impatient};

#[tokio::test]
async fn a_test_event_arrives_signed_in_both_ways() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let (chat, receiver) = (acme.channel("chat").await, Receiver::start().await);
    let hook = hook(&acme, &chat, &receiver, &["connected"]).await;
    let made = acme
        .owner
        .post(format!("/webhooks/{}/test", hook.id), json!({}))
        .await
        .expect(201);
    let request = receiver.requests(1).await.remove(0);
    assert_eq!(request.method, "POST");
    assert_eq!(request.header("content-type"), "application/json");
    assert_eq!(request.header("webhook-id"), text(&made["id"]));
    assert!(request.is_signed_with(&hook.secret));
    assert!(request.is_signed_for_pusher(&chat.secret));
    assert_eq!(request.header("x-pusher-key"), chat.json["key"]);
    assert!(request.header("user-agent").starts_with("Weir/"));
    let other = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    assert!(!request.is_signed_with(other), "the check can fail");
    let at: i64 = request.header("webhook-timestamp").parse().unwrap();
    let body = request.json();
    assert!(
        (body["time_ms"].as_i64().unwrap() / 1000 - at).abs() < 30,
        "{body:#}"
    );
    assert_eq!(request.events()[0]["name"], "test");
    let done = delivery(&acme, &hook, "delivered").await;
    assert_eq!(
        (&done["kinds"], &done["status"], &done["sent"]),
        (&json!(["test"]), &json!(200), &json!(1)),
        "{done:#}"
    );
}

#[tokio::test]
async fn two_secrets_sign_while_a_rotation_is_under_way() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let (chat, receiver) = (acme.channel("chat").await, Receiver::start().await);
    let hook = hook(&acme, &chat, &receiver, &["connected"]).await;
    let path = format!("/webhooks/{}", hook.id);
    let rotated = acme
        .owner
        .post(format!("{path}/rotate-secret"), json!({}))
        .await
        .expect(200);
    let newest = text(&rotated["secret"]);
    assert_ne!(newest, hook.secret);
    assert!(rotated["previous_signs_until"].is_string());
    acme.owner
        .post(format!("{path}/test"), json!({}))
        .await
        .expect(201);
    let request = receiver.requests(1).await.remove(0);
    assert!(request.is_signed_with(&newest) && request.is_signed_with(&hook.secret));
    // Another rotation ends the oldest one.
    let again = acme
        .owner
        .post(format!("{path}/rotate-secret"), json!({}))
        .await
        .expect(200);
    acme.owner
        .post(format!("{path}/test"), json!({}))
        .await
        .expect(201);
    let request = receiver.requests(2).await.remove(1);
    assert!(request.is_signed_with(&text(&again["secret"])) && request.is_signed_with(&newest));
    assert!(!request.is_signed_with(&hook.secret));
}

#[tokio::test]
async fn a_delivery_is_tried_again_until_it_is_taken_and_those_behind_it_wait() {
    let server = impatient().start().await;
    let acme = server.tenant("acme").await;
    let (chat, receiver) = (acme.channel("chat").await, Receiver::start().await);
    let hook = hook(&acme, &chat, &receiver, &["connected"]).await;
    // A redirect is not followed, it is a failure.
    receiver.answer(&[500, 302]);
    let path = format!("/webhooks/{}/test", hook.id);
    let first = text(&acme.owner.post(&path, json!({})).await.expect(201)["id"]);
    let second = text(&acme.owner.post(&path, json!({})).await.expect(201)["id"]);
    let requests = receiver.requests(4).await;
    let ids: Vec<_> = requests.iter().map(|one| one.header("webhook-id")).collect();
    assert_eq!(ids, [first.as_str(), &first, &first, &second]);
    assert!(requests.iter().all(|one| one.is_signed_with(&hook.secret)));
    assert_eq!(requests[0].body, requests[2].body, "the same is sent again");
    let path = format!("/webhooks/{}/deliveries/{first}", hook.id);
    let read = eventually("the delivery to end", || async {
        let read = acme.owner.get(&path).await.expect(200);
        (read["state"] == "delivered").then_some(read)
    })
    .await;
    let log = read["attempt_log"].as_array().unwrap();
    let statuses: Vec<_> = log
        .iter()
        .map(|attempt| attempt["status"].as_i64().unwrap())
        .collect();
    assert_eq!(statuses, [500, 302, 200], "{read:#}");
    assert_eq!(log[0]["error"], "status");
    let webhook = acme.owner.get(format!("/webhooks/{}", hook.id)).await.expect(200);
    assert!(webhook.get("failing_since").is_none(), "{webhook:#}");
}

#[tokio::test]
async fn what_was_given_up_can_be_replayed_under_its_old_name() {
    let server = impatient().start().await;
    let acme = server.tenant("acme").await;
    let (chat, receiver) = (acme.channel("chat").await, Receiver::start().await);
    let hook = hook(&acme, &chat, &receiver, &["connected"]).await;
    receiver.answer_always(503);
    let _ada = acme.connect(&chat, "ada").await;
    let failed = delivery(&acme, &hook, "failed").await;
    assert_eq!(
        (&failed["attempts"], &failed["status"], &failed["kinds"]),
        (&json!(4), &json!(503), &json!(["connected"])),
        "{failed:#}"
    );
    receiver.answer_always(204);
    let path = format!("/webhooks/{}/deliveries/{}", hook.id, text(&failed["id"]));
    let again = acme
        .owner
        .post(format!("{path}/replay"), json!({}))
        .await
        .expect(200);
    assert_eq!(again["state"], "pending");
    let event = receiver.event("connected", |_| true).await;
    assert_eq!(event["user_id"], "ada");
    let request = receiver.received().pop().unwrap();
    assert_eq!(request.header("webhook-id"), text(&failed["id"]));
    let done = delivery(&acme, &hook, "delivered").await;
    assert_eq!(done["attempts"], 5);
    // As often as one likes.
    acme.owner
        .post(format!("{path}/replay"), json!({}))
        .await
        .expect(200);
    receiver.requests(6).await;
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_not_asked_again() {
    let server = impatient().start().await;
    let acme = server.tenant("acme").await;
    let (chat, receiver) = (acme.channel("chat").await, Receiver::start().await);
    let hook = hook(&acme, &chat, &receiver, &["connected"]).await;
    receiver.answer(&[410]);
    let path = format!("/webhooks/{}", hook.id);
    acme.owner
        .post(format!("{path}/test"), json!({}))
        .await
        .expect(201);
    let failed = delivery(&acme, &hook, "failed").await;
    assert_eq!(
        (&failed["error"], &failed["attempts"]),
        (&json!("gone"), &json!(1))
    );
    let webhook = acme.owner.get(&path).await.expect(200);
    assert_eq!(
        (&webhook["enabled"], &webhook["disabled_reason"]),
        (&json!(false), &json!("gone"))
    );
    let told = acme.owner.all("/audit-events?kind=webhook.disabled").await;
    assert_eq!((told.len(), &told[0]["actor"]["kind"]), (1, &json!("system")));
    // Switched on again, it starts afresh.
    let on = acme
        .owner
        .patch(&path, json!({ "enabled": true }))
        .await
        .expect(200);
    assert!(on.get("disabled_reason").is_none(), "{on:#}");
    acme.owner
        .post(format!("{path}/test"), json!({}))
        .await
        .expect(201);
    delivery(&acme, &hook, "delivered").await;
}

#[tokio::test]
async fn one_failing_receiver_keeps_no_other_waiting() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let chat = acme.channel("chat").await;
    let (bad, good) = (Receiver::start().await, Receiver::start().await);
    bad.answer_always(500);
    let (first, _second) = (
        hook(&acme, &chat, &bad, &["connected"]).await,
        hook(&acme, &chat, &good, &["connected"]).await,
    );
    let _ada = acme.connect(&chat, "ada").await;
    good.event("connected", |event| event["user_id"] == "ada").await;
    let waiting = delivery(&acme, &first, "pending").await;
    assert!(waiting["next_at"].is_string(), "{waiting:#}");
}
