//! Webhooks: what tenants are told, how it is signed, how often it is tried, and what of it is never told.

mod deliveries;
mod privacy;
mod sessions;

use serde_json::{Value, json};
use tests::{Builder, Endpoint, Receiver, Server, Tenant, eventually, tenant::text};

/// A server that tries again at once.
fn impatient() -> Builder {
    Server::builder().env("WEIR_WEBHOOKS__RETRY_SECONDS", "1,1,1")
}

/// A webhook and its secret.
struct Hook {
    id: String,
    secret: String,
}

async fn hook(acme: &Tenant, chat: &Endpoint, receiver: &Receiver, events: &[&str]) -> Hook {
    let body = json!({ "endpoint_id": chat.id, "url": receiver.url(), "events": events });
    let made = acme.owner.post("/webhooks", body).await.expect(201);
    Hook {
        id: text(&made["id"]),
        secret: text(&made["secret"]),
    }
}

/// The newest delivery of a webhook that is in this state.
async fn delivery(acme: &Tenant, hook: &Hook, state: &str) -> Value {
    eventually(&format!("a delivery that is {state}"), || async {
        let path = format!("/webhooks/{}/deliveries?state={state}", hook.id);
        acme.owner.all(path).await.into_iter().next()
    })
    .await
}

#[tokio::test]
async fn a_webhook_is_made_changed_and_removed() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let (chat, receiver) = (acme.channel("chat").await, Receiver::start().await);
    let body = json!({
        "endpoint_id": chat.id, "url": receiver.url(), "description": "our back end",
        "events": ["connected", "channel_occupied"], "channel_prefix": "room-",
    });
    let made = acme.owner.post("/webhooks", body).await;
    let etag = made.header("etag").unwrap().to_owned();
    let made = made.expect(201);
    assert!(text(&made["secret"]).starts_with("whsec_"));
    let path = format!("/webhooks/{}", text(&made["id"]));
    let read = acme.owner.get(&path).await.expect(200);
    assert_eq!(read["events"], json!(["channel_occupied", "connected"]));
    assert_eq!(read["channel_prefix"], "room-");
    assert!(read.get("secret").is_none(), "the secret is shown once: {read:#}");
    let change = json!({ "events": ["disconnected"], "channel_prefix": null, "enabled": false });
    let asked = || {
        let request = acme.owner.request(reqwest::Method::PATCH, &path);
        acme.owner.send(request.header("if-match", &etag).json(&change))
    };
    let changed = asked().await.expect(200);
    assert_eq!(
        (&changed["enabled"], &changed["version"]),
        (&json!(false), &json!(2))
    );
    assert!(changed.get("channel_prefix").is_none());
    asked().await.fault(412, "precondition_failed", "If-Match");
    assert!(acme.owner.all("/webhooks?enabled=true").await.is_empty());
    let of_chat = format!("/webhooks?endpoint_id={}", chat.id);
    assert_eq!(acme.owner.all(of_chat).await.len(), 1);
    acme.owner
        .post(format!("{path}/test"), json!({}))
        .await
        .problem(409, "wrong_state");
    acme.owner.delete(&path).await.expect(204);
    acme.owner.get(&path).await.problem(404, "not_found");
    let kinds: Vec<Value> = acme
        .owner
        .all("/audit-events?kind=webhook.")
        .await
        .iter()
        .map(|event| event["kind"].clone())
        .collect();
    assert_eq!(kinds, ["webhook.deleted", "webhook.updated", "webhook.created"]);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_with_the_way_out() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let chat = acme.channel("chat").await;
    let tries = [
        (json!({ "events": [] }), "/events"),
        (json!({ "events": ["connected", "exploded"] }), "/events/1"),
        (json!({ "events": ["test"] }), "/events/0"),
        (json!({ "url": "ftp://example.com/" }), "/url"),
        (json!({ "url": "https://ada:secret@example.com/" }), "/url"),
        (json!({ "url": "hook" }), "/url"),
        (json!({ "channel_prefix": "\u{7}" }), "/channel_prefix"),
        (
            json!({ "endpoint_id": "0198f0e2-7c40-7abc-8def-000000000000" }),
            "/endpoint_id",
        ),
    ];
    for (change, field) in tries {
        let mut body = json!({ "endpoint_id": chat.id, "events": ["connected"] });
        for (name, value) in change.as_object().unwrap() {
            body[name] = value.clone();
        }
        let refused = acme.owner.post("/webhooks", body).await;
        refused.fault(422, "invalid_request", field);
    }
    let viewer = acme.key(&["webhooks:read"]).await;
    let body = json!({ "endpoint_id": chat.id, "events": ["connected"] });
    viewer.post("/webhooks", body).await.problem(403, "forbidden");
}

#[tokio::test]
async fn addresses_inside_are_refused_at_registration_and_never_reached_later() {
    let server = Server::builder().env("WEIR_EGRESS__LOOPBACK", "no").start().await;
    let acme = server.tenant("acme").await;
    let (chat, receiver) = (acme.channel("chat").await, Receiver::start().await);
    for url in [
        receiver.url(),
        "https://localhost/hook".to_owned(),
        "https://169.254.169.254/latest/meta-data".to_owned(),
        "https://[::1]/".to_owned(),
        "http://10.0.0.1/".to_owned(),
    ] {
        let body = json!({ "endpoint_id": chat.id, "url": url, "events": ["connected"] });
        let refused = acme.owner.post("/webhooks", body).await;
        assert!(
            refused.text().contains("address_not_allowed"),
            "{url}: {}",
            refused.text()
        );
        refused.fault(422, "invalid_request", "/url");
    }
    assert!(acme.owner.all("/webhooks").await.is_empty());
    drop(server);

    // An address that was good when it was registered, and is not any more.
    let mut server = impatient().in_folder().start().await;
    let acme = server.tenant("acme").await;
    let chat = acme.channel("chat").await;
    let hook = hook(&acme, &chat, &receiver, &["connected"]).await;
    server.set_env("WEIR_EGRESS__LOOPBACK", "no");
    server.restart().await;
    acme.owner
        .post(format!("/webhooks/{}/test", hook.id), json!({}))
        .await
        .expect(201);
    let failed = delivery(&acme, &hook, "failed").await;
    assert_eq!(failed["error"], "unreachable", "{failed:#}");
    assert!(failed.get("status").is_none());
    assert!(receiver.received().is_empty(), "nothing was sent");
}
