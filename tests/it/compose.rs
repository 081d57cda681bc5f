//! `docker-compose.yml`: whether it says what the specification allows, gives nobody more than they need, and whether its
//! services work together. There is no Docker here, so their command lines run outside of it, with the settings of the
//! file and addresses of this machine in place of names.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::{Value, json};
use tests::{
    Client, Server, Sink, Socket,
    backends::{Postgres, Redis},
    binary, eventually, ports, sdks,
    tenant::text,
};

/// The secrets that `deploy/make-env` makes.
fn secrets() -> BTreeMap<String, String> {
    let made = Command::new(binary::root().join("deploy/make-env"))
        .output()
        .expect("sh runs");
    assert!(made.status.success(), "{made:?}");
    let text = String::from_utf8(made.stdout).expect("text");
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split_once('=').expect("a name and a value"))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// What Compose makes of `${NAME:-default}` and `${NAME:?why}`.
fn interpolate(text: &str, settings: &BTreeMap<String, String>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (what, after) = after.split_once('}').expect("a closing brace");
        let (name, default) = match what.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (what.split_once(":?").map_or(what, |(name, _)| name), None),
        };
        let value = settings.get(name).map(String::as_str).or(default);
        out.push_str(before);
        out.push_str(value.unwrap_or_else(|| panic!("{name} is nowhere set")));
        rest = after;
    }
    out + rest
}

fn interpolated(value: &Value, settings: &BTreeMap<String, String>) -> Value {
    match value {
        Value::String(text) => interpolate(text, settings).into(),
        Value::Array(items) => items.iter().map(|item| interpolated(item, settings)).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| (name.clone(), interpolated(value, settings)))
            .collect(),
        other => other.clone(),
    }
}

/// The file, checked against the schema, with these settings put in.
async fn compose(settings: &BTreeMap<String, String>) -> Value {
    let file = binary::root().join("docker-compose.yml");
    let said = sdks::python_says("compose.py", vec![file.to_string_lossy().into_owned()]).await;
    interpolated(&serde_json::from_str(&said).expect("JSON"), settings)
}

fn words(value: &Value) -> Vec<String> {
    value.as_array().expect("a list").iter().map(text).collect()
}

#[tokio::test]
async fn the_file_is_valid_and_gives_each_service_no_more_than_it_needs() {
    let settings = secrets();
    let compose = compose(&settings).await;
    let services = compose["services"].as_object().expect("services");
    for name in [
        "balancer", "migrate", "node-1", "node-2", "worker", "postgres", "keys", "redis", "mail",
    ] {
        assert!(services.contains_key(name), "there is no {name}");
    }
    for (name, service) in services {
        assert_eq!(service["cap_drop"], json!(["ALL"]), "{name}");
        assert_eq!(
            service["security_opt"],
            json!(["no-new-privileges:true"]),
            "{name}"
        );
        assert!(service.get("privileged").is_none(), "{name}");
        let is_postgres = ["postgres", "keys"].contains(&name.as_str());
        assert!(
            is_postgres || service["read_only"] == true,
            "{name} may write to its image"
        );
        let ends = name == "migrate";
        assert!(ends || service["restart"] == "unless-stopped", "{name}");
        assert!(
            ends || name == "mail" || service["healthcheck"]["test"].is_array(),
            "nobody asks whether {name} is well"
        );
        for port in service["ports"].as_array().into_iter().flatten() {
            assert!(
                text(port).starts_with("127.0.0.1:"),
                "{name} is open to everybody"
            );
        }
        let is_owner = service["environment"]
            .to_string()
            .contains(&settings["WEIR_OWNER_PASSWORD"]);
        assert_eq!(is_owner, ends || is_postgres, "{name} and the owner's password");
    }
    // The keys are on a server and a volume of their own, and no store is reachable from outside.
    assert_ne!(services["postgres"]["volumes"][0], services["keys"]["volumes"][0]);
    // Page keys that differ would make each other's keys unreadable.
    for name in ["node-1", "node-2", "worker"] {
        assert_eq!(
            services[name]["volumes"], services["migrate"]["volumes"],
            "{name}"
        );
    }
    assert_eq!(compose["networks"]["inside"]["internal"], true);
    for name in ["postgres", "keys", "redis"] {
        assert_eq!(services[name]["networks"], json!(["inside"]), "{name}");
    }
    // Numbers are a part of every message id, so no two processes may share one.
    let mut numbers: Vec<_> = ["node-1", "node-2", "worker"]
        .map(|name| text(&services[name]["environment"]["WEIR_NODE__NUMBER"]))
        .into();
    numbers.sort();
    numbers.dedup();
    assert_eq!(numbers.len(), 3);
}

/// A process that ends with the test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // An orderly end takes the balancer's own children along.
        let pid = self.0.id().to_string();
        drop(Command::new("kill").args(["-TERM", &pid]).status());
        drop(self.0.wait());
    }
}

/// Runs what the image of Postgres runs when its volume is empty.
fn make_roles(postgres: &Postgres, environment: &Value) {
    let database = text(&environment["POSTGRES_DB"]);
    postgres.must("postgres", &format!("CREATE DATABASE {database}"));
    let mut script = Command::new(binary::root().join("deploy/postgres/roles.sh"));
    for (name, value) in environment.as_object().expect("settings") {
        script.env(name, text(value));
    }
    let done = script
        .env("PGHOST", "127.0.0.1")
        .env("PGPORT", postgres.port().to_string())
        .output()
        .expect("sh runs");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

// On two threads: the mail sink must answer while this one waits for a command.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_lines_of_the_services_work_together() {
    if !Postgres::is_installed() || !Redis::is_installed() || !Path::new("/usr/sbin/haproxy").exists() {
        eprintln!(
            "skipped: postgresql, redis-server and haproxy are not installed; `make test` installs them"
        );
        return;
    }
    let compose = compose(&secrets()).await;
    let services = &compose["services"];
    let (data, keys) = (Postgres::start(), Postgres::start());
    make_roles(&data, &services["postgres"]["environment"]);
    make_roles(&keys, &services["keys"]["environment"]);
    let line = words(&services["redis"]["command"]);
    assert_eq!(line[0], "redis-server");
    let redis = Redis::start_with(&line[1..].iter().map(String::as_str).collect::<Vec<_>>());
    let sink = Sink::start().await;
    // The volume that the services share.
    let shared = tempfile::tempdir().expect("a temporary folder");
    let outside = ports::free();
    let service = |name: &str| {
        let mut builder = Server::builder();
        for (name, value) in services[name]["environment"].as_object().expect("settings") {
            let value = text(value)
                .replace("@postgres:5432", &format!("@127.0.0.1:{}", data.port()))
                .replace("@keys:5432", &format!("@127.0.0.1:{}", keys.port()))
                .replace("@redis:6379", &format!("@127.0.0.1:{}", redis.port()));
            match name.as_str() {
                // A port of its own for each.
                "WEIR_LISTEN" => {}
                "WEIR_PUBLIC_URL" => builder = builder.env(name, format!("http://{outside}")),
                "WEIR_PAGE_KEYS" => {
                    builder = builder.env(name, shared.path().join("pages.key").to_string_lossy());
                }
                "WEIR_SMTP_URL" => builder = builder.env(name, sink.url()),
                _ => builder = builder.env(name, value),
            }
        }
        builder
    };
    let migrate = service("migrate").prepared();
    let line = words(&services["migrate"]["command"]);
    migrate.run_well(&line.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(services["node-1"]["command"], json!(["api"]));
    assert_eq!(services["worker"]["command"], json!(["worker"]));
    let mut first = service("node-1").role("api").start().await;
    let second = service("node-2").role("api").start().await;
    let worker = service("worker").role("worker").start().await;
    // Their health checks, as Docker would ask.
    for node in [&first, &second] {
        let check = words(&services["node-1"]["healthcheck"]["test"]);
        assert_eq!(check[..3], ["CMD", "bash", "-c"]);
        let port = node.base().rsplit(':').next().expect("a port");
        let ask = check[3].replace("/127.0.0.1/8080", &format!("/127.0.0.1/{port}"));
        assert!(
            Command::new("bash")
                .args(["-c", &ask])
                .status()
                .expect("bash runs")
                .success()
        );
    }
    let check = words(&services["worker"]["healthcheck"]["test"]);
    assert_eq!(check[..2], ["CMD", "weir"]);
    worker.run_well(&check[2..].iter().map(String::as_str).collect::<Vec<_>>());

    let balancer = words(&services["balancer"]["command"]);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let settings = fs::read_to_string(binary::root().join("deploy/haproxy.cfg"))
        .expect("the balancer's settings")
        .replace("bind :8080", &format!("bind {outside}"))
        .replace("node-1:8080", first.base().trim_start_matches("http://"))
        .replace("node-2:8080", second.base().trim_start_matches("http://"));
    let file = folder.path().join("haproxy.cfg");
    fs::write(&file, settings).expect("a writable folder");
    let at = balancer.iter().position(|word| word == "-f").expect("a file");
    let child = Command::new("/usr/sbin/haproxy")
        .args(&balancer[1..=at])
        .arg(&file)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .expect("haproxy runs");
    let _balancer = Process(child);
    let base = format!("http://{outside}");
    let nobody = Client::nobody(&base);
    eventually("the balancer", || async {
        let ready = nobody.request(reqwest::Method::GET, "//readyz");
        nobody
            .try_send(ready)
            .await
            .ok()
            .filter(|answer| answer.status == 200)
    })
    .await;

    let sign_up = json!({
        "tenant": { "name": "Acme", "slug": "acme" },
        "owner": { "name": "Olga", "email": "olga@acme.example", "password": "correct horse battery" },
    });
    let made = nobody.post("/sign-up", sign_up).await.expect(201);
    let olga = nobody.with_token(text(&made["session"]["token"]));
    // The worker sends what a node ordered.
    sink.mail("olga@acme.example", |_| true).await;
    let rule = json!({ "name": "a month", "target": "messages", "duration": "P30D", "action": "delete" });
    olga.post("/retention-rules", rule).await.expect(201);
    let chat = olga
        .post("/endpoints", json!({ "slug": "chat", "kind": "channel" }))
        .await
        .expect(201);
    let id = text(&chat["id"]);
    let token = olga
        .post(format!("/endpoints/{id}/tokens"), json!({ "sub": "ada" }))
        .await
        .expect(201);
    let url = format!("ws://{outside}/connect/acme/chat?token={}", text(&token["token"]));
    let mut ada = Socket::connect(&url).await;
    let publish = || async {
        let body = json!({ "data": "hello", "subject": "ada" });
        olga.post(format!("/endpoints/{id}/messages"), body).await
    };
    // The other node may hear of a new endpoint a moment later.
    eventually("a publish", || async {
        publish().await.is_success().then_some(())
    })
    .await;
    ada.send("from a socket").await;
    let kept = || async { olga.all(format!("/messages?endpoint_id={id}&unseal=true")).await };
    eventually("both messages", || async {
        (kept().await.len() >= 2).then_some(())
    })
    .await;

    // One node goes away for good: nobody outside notices.
    first.terminate().await;
    for _ in 0..30 {
        let answer = nobody.get("//readyz").await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    publish().await.expect(201);
}
