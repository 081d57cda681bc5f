//! Whose back ends are: before a relay is dialled, its host shows that it knows the endpoint's secret.

use serde_json::{Value, json};
use tests::{Builder, Echo, Endpoint, Server, Socket, Tenant, eventually, tenant::text};

/// A server whose operator vouches for nothing, not even for loopback.
fn strict() -> Builder {
    Server::builder().env("WEIR_EGRESS__PROVE", "all")
}

async fn upstream(acme: &Tenant, relay: &Endpoint) -> Value {
    let path = format!("/endpoints/{}/upstream", relay.id);
    acme.owner.get(path).await.expect(200)
}

async fn verify(acme: &Tenant, relay: &Endpoint) -> Value {
    let path = format!("/endpoints/{}/upstream/verify", relay.id);
    acme.owner.post(path, json!({})).await.expect(200)
}

async fn is_refused(acme: &Tenant, relay: &Endpoint) {
    let token = acme.token(relay, "ada").await;
    let Err(refused) = Socket::try_connect(&relay.url(&token), &[]).await else {
        panic!("nobody comes in");
    };
    assert_eq!(refused.status, 503, "{}", refused.body);
    assert!(refused.body.contains("upstream_unproven"), "{}", refused.body);
}

async fn echoes(acme: &Tenant, relay: &Endpoint) {
    let mut ada = acme.connect(relay, "ada").await;
    ada.send("through").await;
    assert_eq!(ada.text().await, "through");
    ada.close(1000, "").await;
}

#[tokio::test]
async fn a_back_end_is_not_dialled_before_its_host_answers_the_challenge() {
    let server = strict().start().await;
    let acme = server.tenant("acme").await;
    let echo = Echo::start().await;
    let relay = acme.relay("relay", &echo.url()).await;
    assert_eq!(relay.json["upstream_state"], "unproven");
    let asked = upstream(&acme, &relay).await;
    assert_eq!(asked["state"], "unproven");
    let url = text(&asked["challenge_url"]);
    let host = echo.url().replace("ws://", "http://").replace("/echo", "");
    assert!(
        url.starts_with(&format!("{host}/.well-known/weir-challenge/")),
        "{url}"
    );

    is_refused(&acme, &relay).await;
    // It was asked because somebody came.
    let tried = eventually("that it was asked", || async {
        let now = upstream(&acme, &relay).await;
        now["tried_at"].is_string().then_some(now)
    })
    .await;
    assert_eq!(tried["fault"], "wrong_status");
    is_refused(&acme, &relay).await;
    assert_eq!(echo.challenged(), 1, "who comes again does not ask again at once");

    echo.prove_by("another secret").await;
    let tried = verify(&acme, &relay).await;
    assert_eq!(
        (&tried["state"], &tried["fault"]),
        (&json!("unproven"), &json!("wrong_answer"))
    );
    is_refused(&acme, &relay).await;
    assert_eq!(echo.accepted(), 0, "nobody dialled it");

    echo.prove_by(&relay.secret).await;
    let proven = verify(&acme, &relay).await;
    assert_eq!(proven["state"], "proven");
    assert!(proven["proven_at"].is_string() && proven.get("fault").is_none());
    echoes(&acme, &relay).await;
    let read = acme
        .owner
        .get(format!("/endpoints/{}", relay.id))
        .await
        .expect(200);
    assert_eq!(read["upstream_state"], "proven");
    let events = acme
        .owner
        .all("/audit-events?kind=endpoint.upstream_proven")
        .await;
    assert_eq!(events.len(), 1);

    // What it answers later changes nothing, and is told.
    echo.prove_by("forgotten").await;
    let later = verify(&acme, &relay).await;
    assert_eq!(
        (&later["state"], &later["fault"]),
        (&json!("proven"), &json!("wrong_answer"))
    );
    echoes(&acme, &relay).await;
}

#[tokio::test]
async fn who_knows_the_answer_needs_no_secret_and_nobody_needs_to_ask() {
    let server = strict().start().await;
    let acme = server.tenant("acme").await;
    let echo = Echo::start().await;
    let relay = acme.relay("relay", &echo.url()).await;
    // As somebody would who puts the answer into a file.
    let asked = upstream(&acme, &relay).await;
    let token = text(&asked["challenge_url"]);
    let token = token.rsplit('/').next().unwrap();
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, relay.secret.as_bytes());
    let answer = hex::encode(ring::hmac::sign(&key, token.as_bytes()));
    assert_eq!(asked["challenge_answer"], answer.as_str());

    echo.prove_by(&relay.secret).await;
    is_refused(&acme, &relay).await;
    eventually("that it is proven", || async {
        (upstream(&acme, &relay).await["state"] == "proven").then_some(())
    })
    .await;
    // The store says it a moment before the door has heard of it.
    let url = relay.url(&acme.token(&relay, "ada").await);
    eventually("that the door has heard of it", || async {
        Socket::try_connect(&url, &[]).await.ok().map(drop)
    })
    .await;
    echoes(&acme, &relay).await;
}

#[tokio::test]
async fn another_host_or_port_is_asked_anew_and_another_path_is_not() {
    let server = strict().start().await;
    let acme = server.tenant("acme").await;
    let (first, second) = (Echo::start().await, Echo::start().await);
    let relay = acme.relay("relay", &first.url()).await;
    first.prove_by(&relay.secret).await;
    assert_eq!(verify(&acme, &relay).await["state"], "proven");
    let before = text(&upstream(&acme, &relay).await["challenge_url"]);
    let path = format!("/endpoints/{}", relay.id);
    let change = async |url: String| {
        let changed = acme.owner.patch(&path, json!({ "upstream_url": url })).await;
        changed.expect(200)["upstream_state"].clone()
    };
    assert_eq!(change(first.url() + "/deeper").await, "proven");
    assert_eq!(change(second.url()).await, "unproven");
    let after = upstream(&acme, &relay).await;
    assert_ne!(text(&after["challenge_url"]), before);
    assert!(after.get("proven_at").is_none());
    is_refused(&acme, &relay).await;
    second.prove_by(&relay.secret).await;
    assert_eq!(verify(&acme, &relay).await["state"], "proven");
    echoes(&acme, &relay).await;
    assert_eq!(first.accepted(), 0, "nobody ever connected to it");
}

#[tokio::test]
async fn what_the_operator_vouches_for_is_exempt_as_long_as_it_leads_there() {
    let echo = Echo::start().await;
    let mut server = Server::start().await;
    let acme = server.tenant("acme").await;
    let relay = acme.relay("relay", &echo.url()).await;
    assert_eq!(relay.json["upstream_state"], "exempt");
    echoes(&acme, &relay).await;
    // Nothing prevents it from being proven all the same.
    assert_eq!(verify(&acme, &relay).await["fault"], "wrong_status");
    echoes(&acme, &relay).await;

    // An operator who vouches for nothing any more.
    server.set_env("WEIR_EGRESS__PROVE", "all");
    server.restart().await;
    is_refused(&acme, &relay).await;
    echo.prove_by(&relay.secret).await;
    assert_eq!(verify(&acme, &relay).await["state"], "proven");
    echoes(&acme, &relay).await;
}

#[tokio::test]
async fn an_exempt_name_that_leaves_what_is_vouched_for_is_not_followed() {
    let echo = Echo::start().await;
    let folder = tempfile::tempdir().unwrap();
    let hosts = folder.path().join("hosts");
    std::fs::write(&hosts, "127.0.0.1 ours.example").unwrap();
    let server = Server::builder()
        .env("WEIR_EGRESS__LOOPBACK", "no")
        .env("WEIR_EGRESS__ALLOW", "127.0.0.1/32")
        .env("WEIR_EGRESS__PLAIN", "true")
        .env("WEIR_EGRESS__HOSTS_FILE", hosts.display().to_string())
        .start()
        .await;
    let acme = server.tenant("acme").await;
    // A public address that nothing is sent to here: the port is one that may be reached.
    let body = json!({
        "slug": "public", "kind": "relay", "upstream_url": "ws://public.example:8080/", "pool_min": 0,
    });
    std::fs::write(&hosts, "127.0.0.1 ours.example\n93.184.215.14 public.example").unwrap();
    let public = acme.endpoint(body).await;
    assert_eq!(
        public.json["upstream_state"], "unproven",
        "it is nobody's network"
    );
    let relay = acme
        .relay("relay", &echo.url().replace("127.0.0.1", "ours.example"))
        .await;
    assert_eq!(relay.json["upstream_state"], "exempt");
    echoes(&acme, &relay).await;
    std::fs::write(&hosts, "93.184.215.14 ours.example").unwrap();
    let path = format!("/endpoints/{}/pool/reconnect", relay.id);
    acme.owner.post(path, json!({})).await.expect(200);
    let token = acme.token(&relay, "ada").await;
    match Socket::try_connect(&relay.url(&token), &[]).await {
        Ok(mut socket) => assert_eq!(socket.close_code().await, 4101),
        Err(refused) => assert_eq!(refused.status, 503),
    }
}

#[tokio::test]
async fn a_channel_has_no_back_end_to_prove() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let chat = acme.channel("chat").await;
    assert!(chat.json.get("upstream_state").is_none());
    let path = format!("/endpoints/{}/upstream", chat.id);
    acme.owner.get(&path).await.problem(409, "wrong_kind");
    let reader = acme.key(&["endpoints:read"]).await;
    reader
        .post(format!("{path}/verify"), json!({}))
        .await
        .problem(403, "forbidden");
}
