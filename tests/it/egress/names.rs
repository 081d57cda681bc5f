//! Names that change their answer between the day they are registered and the moment they are used: for back ends, key sets and
//! webhooks alike. The server asks a file of ours where names lead.

use std::{
    net::{SocketAddr, TcpListener},
    path::Path,
};

use futures_util::future::join_all;
use serde_json::json;
use tests::{Echo, Endpoint, Receiver, Server, Socket, Tenant, eventually, jwt, tenant::text};

use super::{refusal, said};

/// Where no name may lead: one of each kind, and what this machine's own address is here.
const INSIDE: [&str; 18] = [
    "0.0.0.0",
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "127.0.0.2",
    "169.254.169.254",
    "172.16.0.1",
    "192.168.0.1",
    "224.0.0.1",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "64:ff9b::127.0.0.1",
    "64:ff9b:1::10.0.0.1",
    "2001:0:53aa:64c::1",
    "2002:7f00:1::1",
    "fd00::1",
    "fe80::1",
];

/// A public address, to which nothing is ever sent here.
const OUTSIDE: &str = "93.184.215.14";

fn write(hosts: &Path, lines: impl IntoIterator<Item = (String, String)>) {
    let lines: Vec<String> = lines
        .into_iter()
        .map(|(address, name)| format!("{address} {name}\n"))
        .collect();
    // Put in place in one go: a name that is read in between must not lead to nowhere.
    let fresh = hosts.with_extension("fresh");
    std::fs::write(&fresh, lines.concat()).unwrap();
    std::fs::rename(fresh, hosts).unwrap();
}

fn own_address() -> Option<String> {
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").ok()?;
    // Chooses an address and sends nothing.
    socket.connect("192.0.2.1:9").ok()?;
    Some(socket.local_addr().ok()?.ip().to_string())
}

/// Everything of a tenant that leads to one name.
struct Leads {
    relay: Endpoint,
    keyed: Endpoint,
    hook: String,
}

async fn register(acme: &Tenant, index: usize, authority: &str) -> Leads {
    let relay = json!({
        "slug": format!("relay-{index}"), "kind": "relay", "upstream_url": format!("wss://{authority}/"), "pool_min": 0,
    });
    let keyed = json!({
        "slug": format!("keyed-{index}"), "kind": "channel", "jwks_url": format!("https://{authority}/keys"),
    });
    let relay = acme.endpoint(relay).await;
    let keyed = acme.endpoint(keyed).await;
    let hook = json!({
        "endpoint_id": keyed.id, "url": format!("https://{authority}/hook"), "events": ["connected"],
    });
    let hook = acme.create("/webhooks", hook).await;
    Leads { relay, keyed, hook }
}

/// What becomes of each when it is used: of the back end, the key set, the webhook and the challenge.
async fn used(acme: &Tenant, leads: &Leads) -> [String; 4] {
    let upstream = refusal(acme, &leads.relay).await;
    let verify = format!("/endpoints/{}/upstream/verify", leads.relay.id);
    let challenge = acme.owner.post(verify, json!({})).await.expect(200);
    let token = jwt::eddsa(&jwt::claims("ada"));
    let mut socket = Socket::connect(&leads.keyed.url(&token)).await;
    let (_, code, reason) = socket.closed_after().await;
    acme.owner
        .post(format!("/webhooks/{}/test", leads.hook), json!({}))
        .await
        .expect(201);
    let path = format!("/webhooks/{}/deliveries?state=failed", leads.hook);
    let failed = eventually("a delivery that failed", || async {
        acme.owner.all(&path).await.into_iter().next()
    })
    .await;
    assert!(failed.get("status").is_none(), "somebody answered: {failed:#}");
    [
        upstream,
        format!("{code} {reason}"),
        text(&failed["error"]),
        text(&challenge["fault"]),
    ]
}

#[tokio::test]
async fn a_name_that_changes_its_answer_is_denied_wherever_it_is_used() {
    // On every address of this machine, so that a refusal is one, and not a failure to connect.
    let listener = TcpListener::bind("[::]:0").or_else(|_| TcpListener::bind("0.0.0.0:0"));
    let listener = listener.unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let folder = tempfile::tempdir().unwrap();
    let hosts = folder.path().join("hosts");
    let inside: Vec<String> = INSIDE.into_iter().map(Into::into).chain(own_address()).collect();
    let name = |index: usize| format!("back-end-{index}.example");
    write(
        &hosts,
        (0..inside.len()).map(|index| (OUTSIDE.to_owned(), name(index))),
    );
    let server = Server::builder()
        .env("WEIR_EGRESS__LOOPBACK", "no")
        .env("WEIR_EGRESS__PORTS", format!("443,{port}"))
        .env("WEIR_EGRESS__HOSTS_FILE", hosts.display().to_string())
        // Nothing else stands between a relay and its back end.
        .env("WEIR_EGRESS__PROVE", "none")
        .env("WEIR_WEBHOOKS__RETRY_SECONDS", "1")
        .start()
        .await;
    let acme = server.tenant("acme").await;
    let mut all = Vec::new();
    for index in 0..inside.len() {
        all.push(register(&acme, index, &format!("{}:{port}", name(index))).await);
    }
    write(&hosts, inside.iter().cloned().zip((0..).map(name)));
    let outcomes = join_all(all.iter().map(|leads| used(&acme, leads))).await;
    for (address, outcome) in inside.iter().zip(&outcomes) {
        assert_eq!(outcome, &outcomes[0], "{address} must not be told apart");
    }
    assert!(outcomes[0][1].starts_with("4009"), "{:?}", outcomes[0]);
    assert_eq!(
        (&*outcomes[0][2], &*outcomes[0][3]),
        ("unreachable", "unreachable")
    );

    // Nor are they registered any more, in whatever words they are given.
    let mut words = None;
    for index in 0..inside.len() {
        for (field, path, body) in [
            (
                "/upstream_url",
                "/endpoints",
                json!({ "slug": "late", "kind": "relay", "upstream_url": format!("wss://{}:{port}/", name(index)) }),
            ),
            (
                "/jwks_url",
                "/endpoints",
                json!({ "slug": "late", "kind": "channel", "jwks_url": format!("https://{}:{port}/", name(index)) }),
            ),
            (
                "/url",
                "/webhooks",
                json!({
                    "endpoint_id": all[0].keyed.id, "events": ["connected"],
                    "url": format!("https://{}:{port}/", name(index)),
                }),
            ),
        ] {
            let refused = acme.owner.post(path, body).await;
            let said = said(&refused.fault(422, "invalid_request", field));
            assert_eq!(*words.get_or_insert_with(|| said.clone()), said, "{field}");
        }
    }
    assert!(
        listener.accept().is_err(),
        "somebody connected to what must not be reached"
    );
}

#[tokio::test]
async fn an_allowed_network_is_reached_by_name_until_the_name_leaves_it() {
    let (echo, receiver) = (Echo::start().await, Receiver::start().await);
    let folder = tempfile::tempdir().unwrap();
    let hosts = folder.path().join("hosts");
    let lead = |address: &str| write(&hosts, [(address.to_owned(), "ours.example".to_owned())]);
    lead("127.0.0.1");
    let server = Server::builder()
        .env("WEIR_EGRESS__LOOPBACK", "no")
        .env("WEIR_EGRESS__ALLOW", "127.0.0.1/32")
        .env("WEIR_EGRESS__HOSTS_FILE", hosts.display().to_string())
        .env("WEIR_WEBHOOKS__RETRY_SECONDS", "1")
        .start()
        .await;
    let acme = server.tenant("acme").await;
    let ours = |url: String| url.replace("127.0.0.1", "ours.example");
    let relay = acme
        .endpoint(json!({
            "slug": "relay", "kind": "relay", "upstream_url": ours(echo.url()), "pool_min": 0,
        }))
        .await;
    // A relay has no channels: the receiver hears of the tests below, and of nothing else.
    let hook =
        json!({ "endpoint_id": relay.id, "url": ours(receiver.url()), "events": ["channel_occupied"] });
    let hook = acme.create("/webhooks", hook).await;
    let test = || acme.owner.post(format!("/webhooks/{hook}/test"), json!({}));
    let mut ada = acme.connect(&relay, "ada").await;
    ada.send("through").await;
    assert_eq!(ada.text().await, "through");
    ada.close(1000, "").await;
    test().await.expect(201);
    let before = receiver.requests(1).await.len();
    let accepted = echo.accepted();

    // The same back ends, by an address that the operator did not allow.
    lead("127.0.0.2");
    refusal(&acme, &relay).await;
    test().await.expect(201);
    let path = format!("/webhooks/{hook}/deliveries?state=failed");
    let failed = eventually("a delivery that failed", || async {
        acme.owner.all(&path).await.into_iter().next()
    })
    .await;
    assert_eq!(failed["error"], "unreachable");
    assert_eq!(echo.accepted(), accepted, "the back end was reached");
    assert_eq!(receiver.received().len(), before, "the receiver was reached");
}

/// Answers whatever comes with a redirect, and counts.
pub(super) async fn redirecting(
    to: SocketAddr,
) -> (SocketAddr, std::sync::Arc<std::sync::atomic::AtomicUsize>) {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let asked = std::sync::Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::Relaxed);
            let mut buffer = [0; 4096];
            drop(stream.read(&mut buffer).await);
            let answer = format!(
                "HTTP/1.1 302 Found\r\nLocation: http://{to}/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            );
            drop(stream.write_all(answer.as_bytes()).await);
        }
    });
    (address, asked)
}
