//! Many end-users on few sockets to a back end that speaks `weir.mux.v1`.

use std::{
    io::BufRead,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tests::{Endpoint, Server, Socket, Tenant, eventually, mux::MuxEcho, wait::eventually_within};
use tokio::sync::Semaphore;

use crate::cluster::Cluster;

async fn shared(acme: &Tenant, url: &str, max: u32, per_socket: u32) -> Endpoint {
    let body = json!({
        "slug": "shared", "kind": "relay", "upstream_url": url, "record": "never", "pool_mode": "multiplex",
        "sessions_per_socket": per_socket, "pool_min": 0, "pool_max": max,
    });
    acme.endpoint(body).await
}

async fn pool(acme: &Tenant, relay: &Endpoint) -> Value {
    acme.owner
        .get(format!("/endpoints/{}/pool", relay.id))
        .await
        .expect(200)
}

/// Handshakes at a time: each may need a new person in the store.
static DOORS: Semaphore = Semaphore::const_new(32);

/// Says so many things and hears each once and in order; half-way it waits for `go`.
async fn visit(url: String, count: usize, mut go: tokio::sync::watch::Receiver<bool>) {
    let door = DOORS.acquire().await.expect("it stays open");
    let mut socket = Socket::connect(&url).await;
    drop(door);
    for n in 0..count {
        if n == count / 2 {
            go.wait_for(|go| *go).await.expect("somebody says go");
        }
        socket.send(format!("message {n}")).await;
        if n % 2 == 1 {
            assert_eq!(socket.text().await, format!("message {}", n - 1));
            assert_eq!(socket.text().await, format!("message {n}"));
        }
    }
    socket.close(1000, "").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_people_share_four_sockets_and_none_notices_that_one_is_lost() {
    let server = Server::builder()
        .env("WEIR_HTTP__HANDSHAKES_PER_SECOND", "100000")
        .start()
        .await;
    let acme = server.tenant("acme").await;
    let back_end = MuxEcho::start().await;
    let relay = shared(&acme, &back_end.url(), 4, 250).await;
    let (go, gone) = tokio::sync::watch::channel(false);
    let mut visits = Vec::new();
    for n in 0..1_000 {
        // Signed here: a thousand requests are not what this is about.
        let token = tests::jwt::hs256(&relay.secret, &tests::jwt::claims(&format!("person-{n}")));
        visits.push(tokio::spawn(visit(relay.url(&token), 8, gone.clone())));
    }
    eventually_within(Duration::from_mins(2), "everybody said half of it", || async {
        let heard = back_end.heard();
        (heard.len() == 1_000 && heard.values().all(|said| said.len() >= 4)).then_some(())
    })
    .await;
    let seen = pool(&acme, &relay).await;
    assert_eq!(
        (&seen["sessions"], &seen["active"]),
        (&json!(1_000), &json!(4)),
        "{seen:#}"
    );
    go.send(true).expect("they wait");
    assert!(back_end.kill_one());
    for visit in visits {
        visit
            .await
            .expect("nobody was dropped, and nothing was lost or doubled");
    }
    assert!(back_end.most() <= 4, "{} sockets", back_end.most());
    let wanted: Vec<_> = (0..8).map(|n| format!("message {n}")).collect();
    let heard = back_end.heard();
    assert_eq!(heard.len(), 1_000);
    for (person, said) in heard {
        assert_eq!(said, wanted, "{person}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_nodes_share_the_few_sockets_that_there_may_be() {
    let Some(cluster) = Cluster::start(3).await else {
        return;
    };
    let acme = cluster.nodes[0].tenant("acme").await;
    let back_end = MuxEcho::start().await;
    let relay = shared(&acme, &back_end.url(), 3, 20).await;
    let (go, gone) = tokio::sync::watch::channel(false);
    let mut visits = Vec::new();
    for node in 0..3 {
        for n in 0..15 {
            let token = acme.token(&relay, &format!("person-{node}-{n}")).await;
            let base = |node: usize| cluster.nodes[node].base().replacen("http", "ws", 1);
            let url = relay.url(&token).replacen(&base(0), &base(node), 1);
            visits.push(tokio::spawn(visit(url, 20, gone.clone())));
        }
    }
    eventually("everybody said half of it", || async {
        let heard = back_end.heard();
        (heard.len() == 45 && heard.values().all(|said| said.len() >= 10)).then_some(())
    })
    .await;
    assert!(back_end.kill_one());
    go.send(true).expect("they wait");
    for visit in visits {
        visit
            .await
            .expect("nobody was dropped, and nothing was lost or doubled");
    }
    assert!(back_end.most() <= 3, "{} sockets", back_end.most());
    assert!(back_end.heard().values().all(|said| said.len() == 20));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_with_ten_times_the_load_does_not_starve_another() {
    let server = Server::start().await;
    let (loud, quiet) = (server.tenant("loud").await, server.tenant("quiet").await);
    let back_end = MuxEcho::start().await;
    let noise = shared(&loud, &back_end.url(), 2, 100).await;
    let voice = shared(&quiet, &back_end.url(), 2, 100).await;
    let mut floods = Vec::new();
    for n in 0..20 {
        let token = loud.token(&noise, &format!("loud-{n}")).await;
        let mut socket = Socket::connect(&noise.url(&token)).await;
        floods.push(tokio::spawn(async move {
            loop {
                for _ in 0..20 {
                    socket.send("x".repeat(2_000)).await;
                }
                for _ in 0..20 {
                    socket.text().await;
                }
            }
        }));
    }
    let token = quiet.token(&voice, "quiet").await;
    let mut socket = Socket::connect(&voice.url(&token)).await;
    let mut times = Vec::new();
    for n in 0..100 {
        let began = Instant::now();
        socket.send(n.to_string()).await;
        assert_eq!(socket.text().await, n.to_string());
        times.push(began.elapsed());
    }
    for flood in &floods {
        assert!(!flood.is_finished(), "the load went on");
        flood.abort();
    }
    times.sort_unstable();
    assert!(times[98] < Duration::from_secs(2), "p99 {:?}", times[98]);
}

#[tokio::test]
async fn a_pool_that_reconnects_moves_its_people_without_their_noticing() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let back_end = MuxEcho::start().await;
    let relay = shared(&acme, &back_end.url(), 2, 100).await;
    let mut ada = acme.connect(&relay, "ada").await;
    ada.send("before").await;
    assert_eq!(ada.text().await, "before");
    let path = format!("/endpoints/{}/pool/reconnect", relay.id);
    acme.owner.post(path, json!({})).await.expect(200);
    for n in 0..50 {
        ada.send(format!("after {n}")).await;
        assert_eq!(ada.text().await, format!("after {n}"));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(back_end.heard()["ada"].len(), 51);
}

/// An example, until dropped, and where it listens.
struct Example {
    process: std::process::Child,
    port: String,
}

impl Example {
    fn start(mut command: Command) -> Self {
        let mut process = command.arg("0").stdout(Stdio::piped()).spawn().expect("it runs");
        let mut line = String::new();
        let output = process.stdout.take().expect("it is piped");
        std::io::BufReader::new(output)
            .read_line(&mut line)
            .expect("it says where");
        let port = line.trim().rsplit(' ').next().expect("a port").to_owned();
        Self { process, port }
    }

    fn url(&self) -> String {
        format!("ws://127.0.0.1:{}/", self.port)
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn python() -> Command {
    let mut command = Command::new("python3");
    command.arg(tests::binary::root().join("examples/mux_echo.py"));
    command
}

/// Node runs TypeScript as it is from 22.18 on. For an older one the types are taken off first, by the compiler that the console is
/// built with.
fn node(folder: &Path) -> Command {
    let root = tests::binary::root();
    let example = root.join("examples/mux_echo.ts");
    let version = Command::new("node").arg("--version").output().expect("node runs");
    let version = String::from_utf8(version.stdout).expect("a version");
    let mut parts = version.trim().trim_start_matches('v').split('.');
    let mut part = || {
        parts
            .next()
            .and_then(|part| part.parse::<u32>().ok())
            .unwrap_or(0)
    };
    let script = if (part(), part()) >= (22, 18) {
        example
    } else {
        let plain = folder.join("mux_echo.mjs");
        let strip = "const [ts, fs, from, to] = [require('typescript'), require('fs'), process.argv[1], process.argv[2]];\
             const options = { target: 'es2022', module: 'esnext', erasableSyntaxOnly: true };\
             fs.writeFileSync(to, ts.transpile(fs.readFileSync(from, 'utf8'), options));";
        let stripped = Command::new("node")
            .args(["-e", strip])
            .arg(&example)
            .arg(&plain)
            .current_dir(root.join("web-client"))
            .status();
        assert!(
            stripped.expect("node runs").success(),
            "npm ci in web-client gives an old Node what it needs"
        );
        plain
    };
    let mut command = Command::new("node");
    command.arg(script);
    command
}

/// What a whole back end does, against one that is only read about in the documentation.
async fn is_a_whole_back_end(start: impl Fn(Option<&str>) -> Example) {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let example = start(None);
    let relay = shared(&acme, &example.url(), 1, 100).await;
    let mut ada = acme.connect(&relay, "ada").await;
    let mut bob = acme.connect(&relay, "bob").await;
    for n in 0..100 {
        ada.send(format!("{n} {}", "ä".repeat(1_000))).await;
        bob.send_bytes(vec![1, 2, 255]).await;
        assert_eq!(ada.text().await, format!("{n} {}", "ä".repeat(1_000)));
        assert_eq!(bob.frame().await, tests::socket::Frame::Binary(vec![1, 2, 255]));
    }
    // More than the window at once, and longer than the short form of a frame.
    ada.send("x".repeat(60_000)).await;
    ada.send("y".repeat(60_000)).await;
    assert_eq!(ada.text().await.len(), 60_000);
    assert_eq!(ada.text().await.len(), 60_000);
    // It goes on over another socket.
    let path = format!("/endpoints/{}/pool/reconnect", relay.id);
    acme.owner.post(path, json!({})).await.expect(200);
    for n in 0..20 {
        ada.send(format!("after {n}")).await;
        assert_eq!(ada.text().await, format!("after {n}"));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    bob.close(4321, "going home").await;
    ada.send("still here").await;
    assert_eq!(ada.text().await, "still here");
    eventually("bob is gone", || async {
        (pool(&acme, &relay).await["sessions"] == 1).then_some(())
    })
    .await;

    // With the secret it proves whose it is.
    let verify = format!("/endpoints/{}/upstream/verify", relay.id);
    let tried = acme.owner.post(&verify, json!({})).await.expect(200);
    assert!(tried["fault"].is_string(), "it knows no secret: {tried:#}");
    let knowing = start(Some(&relay.secret));
    acme.owner
        .patch(
            format!("/endpoints/{}", relay.id),
            json!({ "upstream_url": knowing.url() }),
        )
        .await
        .expect(200);
    let proven = acme.owner.post(&verify, json!({})).await.expect(200);
    assert_eq!(proven["state"], "proven", "{proven:#}");
}

fn with_secret(mut command: Command, secret: Option<&str>) -> Example {
    if let Some(secret) = secret {
        command.env("WEIR_ENDPOINT_SECRET", secret);
    }
    Example::start(command)
}

#[tokio::test]
async fn the_python_example_is_a_whole_back_end() {
    is_a_whole_back_end(|secret| with_secret(python(), secret)).await;
}

#[tokio::test]
async fn the_typescript_example_is_a_whole_back_end() {
    let folder = tempfile::tempdir().expect("a folder");
    is_a_whole_back_end(|secret| with_secret(node(folder.path()), secret)).await;
}
