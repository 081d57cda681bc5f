//! What back ends are shown and known by: headers, a client certificate, a private authority.

use serde_json::{Value, json};
use tests::{
    Endpoint, Server, Socket, Tenant,
    secure::{Authority, Secure},
};

async fn echoes(acme: &Tenant, relay: &Endpoint) {
    let mut ada = acme.connect(relay, "ada").await;
    ada.send("through").await;
    assert_eq!(ada.text().await, "through");
    ada.close(1000, "").await;
}

/// Nobody gets through to the back end.
async fn is_unreachable(acme: &Tenant, relay: &Endpoint) {
    let token = acme.token(relay, "ada").await;
    match Socket::try_connect(&relay.url(&token), &[]).await {
        Err(refused) => assert_eq!(refused.status, 503),
        Ok(mut socket) => assert_eq!(socket.close_code().await, 4101),
    }
}

#[tokio::test]
async fn a_back_end_that_demands_a_certificate_and_a_key_gets_both() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let (theirs, ours) = (Authority::new(), Authority::new());
    let back_end = Secure::start(&theirs, &ours).await;
    let pair = ours.pair("weir", 2049);
    let body = |change: Value| {
        let mut body = json!({
            "slug": "relay", "kind": "relay", "upstream_url": back_end.url(), "pool_min": 0,
            "upstream_headers": { "Authorization": "Bearer s3cret-of-acme", "X-Shard": "7" },
            "upstream_certificate": pair.certificate, "upstream_key": pair.key, "upstream_ca": theirs.pem(),
        });
        for (name, value) in change.as_object().unwrap() {
            body[name] = value.clone();
        }
        body
    };
    let relay = acme.endpoint(body(json!({}))).await;
    assert_eq!(
        relay.json["upstream_header_names"],
        json!(["Authorization", "X-Shard"])
    );
    assert_eq!(
        relay.json["upstream_certificate_expires_at"],
        "2049-01-01T00:00:00+00:00"
    );
    assert_eq!(relay.json["upstream_ca"], theirs.pem());
    echoes(&acme, &relay).await;
    assert_eq!(
        back_end.header("authorization").as_deref(),
        Some("Bearer s3cret-of-acme")
    );
    assert_eq!(back_end.header("x-shard").as_deref(), Some("7"));

    // Neither of them is ever seen again.
    let path = format!("/endpoints/{}", relay.id);
    let everywhere = [
        acme.owner.get(&path).await.text(),
        acme.owner.get("/endpoints").await.text(),
        acme.owner.get("/audit-events").await.text(),
        server.log(),
    ];
    let key = pair.key.lines().nth(1).unwrap();
    for text in everywhere {
        assert!(!text.contains("s3cret-of-acme") && !text.contains(key), "{text}");
    }

    // Without the certificate, or without trust in the authority, there is no way in.
    let bare = json!({ "slug": "bare", "upstream_certificate": null, "upstream_key": null });
    let bare = acme.endpoint(body(bare)).await;
    let before = back_end.accepted();
    is_unreachable(&acme, &bare).await;
    let distrusting = acme
        .endpoint(body(json!({ "slug": "distrusting", "upstream_ca": ours.pem() })))
        .await;
    is_unreachable(&acme, &distrusting).await;
    let stranger = theirs.pair("weir", 2049);
    let strange = json!({
        "slug": "strange", "upstream_certificate": stranger.certificate, "upstream_key": stranger.key,
    });
    let strange = acme.endpoint(body(strange)).await;
    is_unreachable(&acme, &strange).await;
    assert_eq!(back_end.accepted(), before);
}

#[tokio::test]
async fn what_a_back_end_is_shown_can_be_replaced_and_taken_away() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let (theirs, ours) = (Authority::new(), Authority::new());
    let back_end = Secure::start(&theirs, &ours).await;
    let pair = ours.pair("weir", 2030);
    let relay = acme
        .endpoint(json!({
            "slug": "relay", "kind": "relay", "upstream_url": back_end.url(), "pool_min": 0, "upstream_ca": theirs.pem(),
        }))
        .await;
    is_unreachable(&acme, &relay).await;
    let path = format!("/endpoints/{}", relay.id);
    let change = async |body: Value| acme.owner.patch(&path, body).await.expect(200);
    let changed = change(json!({
        "upstream_certificate": pair.certificate, "upstream_key": pair.key, "upstream_headers": { "x-one": "1" },
    }))
    .await;
    assert_eq!(
        changed["upstream_certificate_expires_at"],
        "2030-01-01T00:00:00+00:00"
    );
    echoes(&acme, &relay).await;
    assert_eq!(back_end.header("x-one").as_deref(), Some("1"));
    change(json!({ "upstream_headers": { "x-two": "2" }, "name": "renamed" })).await;
    echoes(&acme, &relay).await;
    assert_eq!(back_end.header("x-one"), None);
    assert_eq!(back_end.header("x-two").as_deref(), Some("2"));
    let changed = change(json!({ "upstream_certificate": null, "upstream_headers": null })).await;
    assert!(changed.get("upstream_certificate_expires_at").is_none());
    assert_eq!(changed["upstream_header_names"], json!([]));
    is_unreachable(&acme, &relay).await;
    let fields: Vec<Value> = acme
        .owner
        .all("/audit-events?kind=endpoint.updated")
        .await
        .iter()
        .map(|event| event["facts"]["fields"].clone())
        .collect();
    assert_eq!(fields[0], json!(["upstream_headers", "upstream_certificate"]));
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_at_its_field() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let ours = Authority::new();
    let (pair, other) = (ours.pair("weir", 2049), ours.pair("weir", 2049));
    let old = ours.pair("weir", 2020);
    for (change, field, code) in [
        (
            json!({ "upstream_headers": { "Host": "other.example" } }),
            "/upstream_headers/Host",
            "reserved",
        ),
        (
            json!({ "upstream_headers": { "Sec-WebSocket-Protocol": "x" } }),
            "/upstream_headers/Sec-WebSocket-Protocol",
            "reserved",
        ),
        (
            json!({ "upstream_headers": { "x": "a\r\nb: c" } }),
            "/upstream_headers/x",
            "malformed",
        ),
        (
            json!({ "upstream_certificate": "hello", "upstream_key": pair.key }),
            "/upstream_certificate",
            "malformed",
        ),
        (
            json!({ "upstream_certificate": pair.certificate, "upstream_key": "hello" }),
            "/upstream_key",
            "malformed",
        ),
        (
            json!({ "upstream_certificate": pair.certificate, "upstream_key": other.key }),
            "/upstream_key",
            "mismatch",
        ),
        (
            json!({ "upstream_certificate": old.certificate, "upstream_key": old.key }),
            "/upstream_certificate",
            "expired",
        ),
        (
            json!({ "upstream_certificate": pair.certificate }),
            "/upstream_key",
            "missing",
        ),
        (
            json!({ "upstream_key": pair.key }),
            "/upstream_certificate",
            "missing",
        ),
        (
            json!({ "upstream_url": "ws://127.0.0.1:9/", "upstream_certificate": pair.certificate, "upstream_key": pair.key }),
            "/upstream_certificate",
            "not_allowed",
        ),
        (json!({ "upstream_ca": pair.key }), "/upstream_ca", "malformed"),
        (
            json!({ "kind": "channel", "upstream_url": null, "upstream_headers": { "x": "1" } }),
            "/upstream_headers",
            "not_allowed",
        ),
    ] {
        let mut body = json!({ "slug": "relay", "kind": "relay", "upstream_url": "wss://127.0.0.1:9/" });
        for (name, value) in change.as_object().unwrap() {
            body[name] = value.clone();
        }
        let problem = acme
            .owner
            .post("/endpoints", body)
            .await
            .fault(422, "invalid_request", field);
        assert_eq!(problem["errors"][0]["code"], code, "{problem:#}");
        let said = problem.to_string();
        assert!(
            !said.contains("BEGIN PRIVATE KEY-----\\n"),
            "a key came back: {said}"
        );
    }
}
