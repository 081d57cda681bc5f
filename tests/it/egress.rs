//! Addresses that a tenant types must not lead inside: whatever they look like, whenever they are used, and with one
//! answer for all, so that the differences tell nothing about what is there.

mod names;

use std::{net::TcpListener, sync::atomic::Ordering};

use serde_json::{Value, json};
use tests::{Echo, Server, Socket, Tenant, eventually, jwt};

/// Spellings of addresses that are nobody's business, with `PORT` where a listener of this machine could be.
const INSIDE: [&str; 38] = [
    // Loopback: plain, by name, decimal, octal, hexadecimal, short, full-width digits.
    "wss://127.0.0.1:PORT/",
    "wss://localhost:PORT/",
    "wss://LOCALHOST.:PORT/",
    "wss://2130706433:PORT/",
    "wss://0177.0.0.1:PORT/",
    "wss://017700000001:PORT/",
    "wss://0x7f.0x0.0x0.0x1:PORT/",
    "wss://0x7f000001:PORT/",
    "wss://127.1:PORT/",
    "wss://127.0.1:PORT/",
    "wss://①②⑦.⓪.⓪.①:PORT/",
    "wss://127%2e0%2e0%2e1:PORT/",
    // This network, and whatever listens on all of it.
    "wss://0.0.0.0:PORT/",
    "wss://0:PORT/",
    "wss://[::]:PORT/",
    "wss://[::1]:PORT/",
    // IPv4 in IPv6: mapped, compatible, NAT64, local NAT64, 6to4, Teredo.
    "wss://[::ffff:127.0.0.1]:PORT/",
    "wss://[::ffff:7f00:1]:PORT/",
    "wss://[::127.0.0.1]:PORT/",
    "wss://[64:ff9b::127.0.0.1]:PORT/",
    "wss://[64:ff9b::10.0.0.1]:PORT/",
    "wss://[64:ff9b:1::10.0.0.1]:PORT/",
    "wss://[2002:7f00:1::1]:PORT/",
    "wss://[2002:0a00:1::1]:PORT/",
    "wss://[2001:0:53aa:64c::1]:PORT/",
    // Link-local, the metadata of clouds among them.
    "wss://169.254.169.254:PORT/latest/meta-data/",
    "wss://[::ffff:169.254.169.254]:PORT/",
    "wss://[fe80::1]:PORT/",
    // Private, carriers' (CGNAT), unique local, multicast, broadcast.
    "wss://10.0.0.1:PORT/",
    "wss://172.16.0.1:PORT/",
    "wss://192.168.0.1:PORT/",
    "wss://100.64.0.1:PORT/",
    "wss://[fd00::1]:PORT/",
    "wss://224.0.0.1:PORT/",
    "wss://255.255.255.255:PORT/",
    // Who one is has no place in an address.
    "wss://user@localhost:PORT/",
    "wss://user:word@example.com:PORT/",
    "wss://example.com@127.0.0.1:PORT/",
];

/// What a refusal says, without the place in the body that it is about.
fn said(problem: &Value) -> Vec<(Value, Value)> {
    let faults = problem["errors"].as_array().expect("faults at fields");
    faults
        .iter()
        .map(|fault| (fault["code"].clone(), fault["detail"].clone()))
        .collect()
}

async fn register(acme: &Tenant, field: &str, url: &str) -> Value {
    let https = url.replacen("wss", "https", 1);
    let (path, body) = match field {
        "/upstream_url" => (
            "/endpoints",
            json!({ "slug": "inside", "kind": "relay", "upstream_url": url }),
        ),
        "/jwks_url" => (
            "/endpoints",
            json!({ "slug": "inside", "kind": "channel", "jwks_url": https }),
        ),
        _ => (
            "/webhooks",
            // Whether there is such an endpoint is asked after the address.
            json!({ "endpoint_id": "0198f0e2-7c40-7abc-8def-000000000000", "url": https, "events": ["connected"] }),
        ),
    };
    acme.owner
        .post(path, body)
        .await
        .fault(422, "invalid_request", field)
}

#[tokio::test]
async fn every_spelling_of_an_address_inside_is_refused_with_the_same_words() {
    // Somebody listens there, so that a refusal is one, and not a failure to connect.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = Server::builder()
        .env("WEIR_EGRESS__LOOPBACK", "no")
        .env("WEIR_EGRESS__PORTS", format!("443,{port}"))
        .start()
        .await;
    let acme = server.tenant("acme").await;
    let mut words = None;
    for url in INSIDE {
        for (field, port) in [
            ("/upstream_url", port),
            ("/upstream_url", 443),
            ("/jwks_url", port),
            ("/url", port),
        ] {
            let url = url.replace("PORT", &port.to_string());
            let problem = register(&acme, field, &url).await;
            let said = said(&problem);
            assert_eq!(said.len(), 1, "{url}: {problem}");
            assert_eq!(
                *words.get_or_insert_with(|| said.clone()),
                said,
                "{url}: {problem}"
            );
        }
    }
    assert!(
        listener.accept().is_err(),
        "somebody connected to what must not be reached"
    );
    let endpoints = acme.owner.get("/endpoints").await.expect(200);
    assert_eq!(endpoints["items"], json!([]), "nothing was made of any of them");
}

/// Whether a socket at a relay endpoint comes to anything.
async fn refusal(acme: &Tenant, relay: &tests::Endpoint) -> String {
    let token = acme.token(relay, "ada").await;
    match Socket::try_connect(&relay.url(&token), &[]).await {
        Err(refused) => format!("{} {}", refused.status, refused.body),
        Ok(mut socket) => {
            let (_, code, reason) = socket.closed_after().await;
            format!("{code} {reason}")
        }
    }
}

#[tokio::test]
async fn what_was_allowed_once_is_checked_again_at_every_connect() {
    let echo = Echo::start().await;
    let mut server = Server::builder().start().await;
    let acme = server.tenant("acme").await;
    let by_number = acme.relay("by-number", &echo.url()).await;
    let by_name = acme
        .relay("by-name", &echo.url().replace("127.0.0.1", "localhost"))
        .await;
    for relay in [&by_number, &by_name] {
        let mut ada = acme.connect(relay, "ada").await;
        ada.send("through").await;
        assert_eq!(ada.text().await, "through");
    }
    let before = echo.accepted();
    // The operator closes loopback: the names and numbers are stored already, and lead where nobody may go any more.
    server.set_env("WEIR_EGRESS__LOOPBACK", "no");
    server.restart().await;
    let refusals = [refusal(&acme, &by_number).await, refusal(&acme, &by_name).await];
    assert_eq!(refusals[0], refusals[1], "the two must not be told apart");
    assert_eq!(echo.accepted(), before, "a connection came through");
}

#[tokio::test]
async fn an_operators_own_network_is_reached_and_its_neighbour_is_not() {
    let echo = Echo::start().await;
    let server = Server::builder()
        .env("WEIR_EGRESS__LOOPBACK", "no")
        .env("WEIR_EGRESS__ALLOW", "127.0.0.1/32")
        .start()
        .await;
    let acme = server.tenant("acme").await;
    let relay = acme.relay("own", &echo.url()).await;
    let mut ada = acme.connect(&relay, "ada").await;
    ada.send("through").await;
    assert_eq!(ada.text().await, "through");
    for url in ["ws://127.0.0.2:9/", "wss://[::1]:443/", "ws://10.0.0.1:9/"] {
        register(&acme, "/upstream_url", url).await;
    }
}

#[tokio::test]
async fn a_redirect_is_followed_nowhere() {
    // Somebody else of this machine, whom every answer points to.
    let inner = TcpListener::bind("127.0.0.1:0").unwrap();
    inner.set_nonblocking(true).unwrap();
    let (outer, asked) = names::redirecting(inner.local_addr().unwrap()).await;
    let server = Server::builder()
        .env("WEIR_WEBHOOKS__RETRY_SECONDS", "1")
        .start()
        .await;
    let acme = server.tenant("acme").await;
    let asked_after = |before: usize| {
        let asked = &asked;
        eventually("the redirecting server is asked", move || async move {
            let now = asked.load(Ordering::Relaxed);
            (now > before).then_some(now)
        })
    };
    let relay = acme.relay("redirected", &format!("ws://{outer}/")).await;
    refusal(&acme, &relay).await;
    let by_upstream = asked_after(0).await;

    let keyed = json!({ "slug": "keyed", "kind": "channel", "jwks_url": format!("http://{outer}/keys") });
    let keyed = acme.endpoint(keyed).await;
    let token = jwt::eddsa(&jwt::claims("ada"));
    assert_eq!(Socket::connect(&keyed.url(&token)).await.close_code().await, 4009);
    let by_keys = asked_after(by_upstream).await;

    let hook = json!({ "endpoint_id": keyed.id, "url": format!("http://{outer}/"), "events": ["connected"] });
    let hook = acme.create("/webhooks", hook).await;
    acme.owner
        .post(format!("/webhooks/{hook}/test"), json!({}))
        .await
        .expect(201);
    asked_after(by_keys).await;
    let path = format!("/webhooks/{hook}/deliveries?state=failed");
    let failed = eventually("a delivery that failed", || async {
        acme.owner.all(&path).await.into_iter().next()
    })
    .await;
    assert_eq!(failed["status"], 302, "{failed:#}");
    assert!(inner.accept().is_err(), "the redirect was followed");
}
