//! What the whole product is for: many messages with short rules of all kinds, under load, asked for on every way of
//! reading there is; and nothing is ever read after its deadline, here or in a copy.
//!
//! `WEIR_TEST_MESSAGES=100000` says how many; a run for every change makes do with fewer.

use std::{
    fs,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use ring::{
    hmac,
    rand::{SecureRandom, SystemRandom},
};
use serde_json::{Value, json};
use tests::{
    Endpoint, Receiver, Server, Socket, Tenant, eventually, server::grown_up, tenant::text,
    wait::eventually_within,
};
use tokio::{task::JoinHandle, time::sleep};

use crate::{
    balances::tamper,
    portal::sign_in,
    requests::{in_state, unzip},
};

/// Messages of a run for every change.
const FEW: usize = 6_000;
/// Rules, each of another endpoint.
const RULES: u64 = 8;
/// What nobody may find anywhere afterwards.
const MARKER: &str = "plainly-marked-okapi-51c0";

/// An endpoint and how long its messages are kept.
#[derive(Clone)]
struct Brief {
    chat: Endpoint,
    kept: TimeDelta,
}

/// What was tried and what came of it.
#[derive(Default)]
struct Tally {
    /// Looks for something whose deadline was over.
    late: AtomicUsize,
    /// Messages that were read in time: who never finds anything proves nothing.
    found: AtomicUsize,
}

impl Tally {
    /// Notes a look that began at `began`. None of what it found may have been over by then.
    fn note(&self, way: &str, began: DateTime<Utc>, kept: TimeDelta, found: &[Value]) {
        self.late.fetch_add(1, Ordering::Relaxed);
        self.found.fetch_add(found.len(), Ordering::Relaxed);
        for message in found {
            let at = |field: &str| {
                let value = &message[field];
                value
                    .as_str()
                    .map(|text| text.parse::<DateTime<Utc>>().unwrap())
                    .or_else(|| DateTime::from_timestamp_millis(value.as_i64()?))
            };
            let ends = at("expires_at").unwrap_or_else(|| panic!("{way}: no end: {message:#}"));
            assert!(
                ends > began,
                "{way}: read at {began} what ended at {ends}: {message:#}"
            );
            if let Some(recorded) = at("created_at") {
                // Not only by the word of whoever is tried.
                assert!(recorded + kept > began, "{way} at {began}: {message:#}");
            }
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "deadlines are by the clock on the wall, which the server has too"
)]
fn now() -> DateTime<Utc> {
    SystemTime::now().into()
}

/// Times in an address.
fn stamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

async fn page(acme: &Tenant, path: String) -> Vec<Value> {
    let page = acme.owner.get(path).await.expect(200);
    page["items"].as_array().unwrap().clone()
}

/// Everything that REST offers, around the line and beyond it.
async fn look_by_rest(acme: &Tenant, brief: &Brief, subject: &str, tally: &Tally) {
    let (id, kept) = (&brief.chat.id, brief.kept);
    let line = |began: DateTime<Utc>| stamp(began - kept);
    for (way, more) in [
        ("search", String::new()),
        ("search, unsealed", "&unseal=true".to_owned()),
        ("search by channel", "&channel=main".to_owned()),
        ("search by subject", format!("&subject_id={subject}")),
    ] {
        let began = now();
        let path = format!("/messages?endpoint_id={id}&limit=50{more}");
        let over = page(acme, format!("{path}&to={}", line(began))).await;
        assert!(over.is_empty(), "{way} at {began}: {over:#?}");
        // The last second before the line.
        let (from, to) = (line(began), stamp(began - kept + TimeDelta::seconds(1)));
        let began = now();
        let soon = page(acme, format!("{path}&from={from}&to={to}")).await;
        tally.note(way, began, kept, &soon);
        if way == "search" {
            let Some(oldest) = soon.last() else { continue };
            let ends: DateTime<Utc> = text(&oldest["expires_at"]).parse().unwrap();
            let wait = (ends - now()).to_std().unwrap_or_default();
            sleep(wait + Duration::from_millis(1)).await;
            let path = format!("/messages/{}", text(&oldest["id"]));
            acme.owner.get(&path).await.problem(404, "not_found");
            acme.owner
                .get(format!("{path}?unseal=true"))
                .await
                .problem(404, "not_found");
            tally.late.fetch_add(2, Ordering::Relaxed);
        }
    }
    for channel in ["main", "cache-news"] {
        let began = now();
        let path = format!("/endpoints/{id}/channels/{channel}/messages?after=0&limit=50");
        let answer = acme.owner.get(path).await;
        // Before the first message there is no channel.
        if answer.status != 404 {
            let found = answer.expect(200)["items"].as_array().unwrap().clone();
            tally.note("history", began, kept, &found);
        }
    }
}

/// Everything that a socket offers: recovery, history, the newest event of a cache channel.
async fn look_by_socket(server: &Server, brief: &Brief, epoch: &mut Value, tally: &Tally) {
    let path = format!("/app/{}?protocol=7", text(&brief.chat.json["key"]));
    let mut socket = server.connect(&path, &[]).await.expect("a handshake");
    socket.text().await;
    let hello = json!({ "v": 1, "features": ["offsets", "expiry"] });
    tell(&mut socket, "weir:hello", hello).await;
    let began = now();
    let mut wish = json!({ "channel": "main" });
    if epoch.is_string() {
        wish["recover"] = json!({ "offset": 0, "epoch": epoch });
    } else {
        wish["rewind"] = 100.into();
    }
    tell(&mut socket, "pusher:subscribe", wish).await;
    tell(
        &mut socket,
        "pusher:subscribe",
        json!({ "channel": "cache-news" }),
    )
    .await;
    let asked = json!({ "id": "h", "after": 0, "limit": 100 });
    let asked = json!({ "event": "weir:history", "channel": "main", "data": asked });
    socket.send(asked.to_string()).await;
    // What comes before the answers was put together before them; live messages have their whole time ahead of them.
    let (mut history, mut cache) = (false, false);
    while !(history && cache) {
        let frame = socket.json().await;
        let data =
            || serde_json::from_str::<Value>(frame["data"].as_str().unwrap_or("null")).unwrap_or_default();
        match (frame["event"].as_str().unwrap(), frame["channel"].as_str()) {
            ("pusher_internal:subscription_succeeded", Some("main")) => {
                *epoch = data()["weir"]["epoch"].clone();
            }
            ("weir:history", _) => {
                let messages = data()["messages"].as_array().unwrap().clone();
                tally.note("socket history", began, brief.kept, &messages);
                history = true;
            }
            ("pusher:cache_miss", _) => {
                tally.late.fetch_add(1, Ordering::Relaxed);
                cache = true;
            }
            (_, Some("cache-news")) if frame["expires_at"].is_i64() => {
                tally.note("cache channel", began, brief.kept, &[frame]);
                cache = true;
            }
            (_, Some("main")) if frame["expires_at"].is_i64() => {
                tally.note("recovery", began, brief.kept, &[frame]);
            }
            _ => {}
        }
    }
    socket.close(1000, "").await;
}

async fn tell(socket: &mut Socket, event: &str, data: Value) {
    socket
        .send(json!({ "event": event, "data": data }).to_string())
        .await;
}

/// Publishes until all are out: on plain sockets as a person, and by REST into a cache channel. Answers how many.
async fn publish(acme: Tenant, brief: Brief, left: Arc<AtomicUsize>) -> usize {
    let take = |count: usize| {
        left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
            left.checked_sub(count)
        })
        .is_ok()
    };
    let mut ada = acme.connect(&brief.chat, "ada").await;
    let mut published = 0;
    while take(50) {
        for n in 0..49 {
            ada.send(format!("{MARKER} {n}")).await;
        }
        let body = json!({ "channel": "cache-news", "event": "news", "data": MARKER, "subject": "ada" });
        acme.publish(&brief.chat, body).await.expect(201);
        published += 50;
    }
    // Whoever hears a later message knows that the earlier ones were taken.
    ada.served().await.close(1000, "").await;
    published
}

/// What is told to a webhook that fails until the deadline is over, and how many times it was tried before.
async fn hooked(server: &Server, acme: &Tenant, receiver: &Receiver) -> Endpoint {
    let body = json!({ "slug": "hooked", "kind": "channel", "client_events": true });
    let chat = acme.endpoint(body).await;
    let body = json!({ "name": "hooked", "endpoint_id": chat.id, "duration": "PT2S" });
    acme.rule(body).await;
    let body = json!({ "endpoint_id": chat.id, "url": receiver.url(), "events": ["client_event"] });
    acme.owner.post("/webhooks", body).await.expect(201);
    receiver.answer_always(500);
    let key = text(&chat.json["key"]);
    let path = format!("/app/{key}?protocol=7");
    let mut socket = server.connect(&path, &[]).await.expect("a handshake");
    let hello = socket.json().await;
    let data: Value = serde_json::from_str(&text(&hello["data"])).unwrap();
    let signed = format!("{}:private-talk", text(&data["socket_id"]));
    let secret = hmac::Key::new(hmac::HMAC_SHA256, chat.secret.as_bytes());
    let auth = format!("{key}:{}", hex::encode(hmac::sign(&secret, signed.as_bytes())));
    tell(
        &mut socket,
        "pusher:subscribe",
        json!({ "channel": "private-talk", "auth": auth }),
    )
    .await;
    assert_eq!(
        socket.json().await["event"],
        "pusher_internal:subscription_succeeded"
    );
    for n in 0..5 {
        let said = json!({ "event": "client-said", "channel": "private-talk", "data": { "text": format!("{MARKER} {n}") } });
        socket.send(said.to_string()).await;
    }
    receiver.requests(1).await;
    assert!(bodies(receiver).contains(MARKER), "told in time, and refused");
    chat
}

fn bodies(receiver: &Receiver) -> String {
    let all = receiver.received();
    all.iter()
        .map(|one| String::from_utf8_lossy(&one.body).into_owned())
        .collect()
}

/// Of the samples of a histogram, how many are at most this, and how many there are.
fn share(metrics: &str, name: &str, most: &str) -> (f64, f64) {
    let value = |line: String| {
        let found = metrics.lines().find_map(|one| one.strip_prefix(&line));
        found.map_or(0.0, |value| value.trim().parse().unwrap())
    };
    (
        value(format!("{name}_bucket{{le=\"{most}\"}}")),
        value(format!("{name}_count")),
    )
}

/// Runs a statement on a store file and answers the one number that it says.
fn number(file: &std::path::Path, sql: &str) -> u64 {
    let script = "import sqlite3,sys\nprint(sqlite3.connect(sys.argv[1]).execute(sys.argv[2]).fetchone()[0])";
    let done = Command::new("python3")
        .args(["-c", script])
        .arg(file)
        .arg(sql)
        .output();
    let said = String::from_utf8(done.expect("python3 runs").stdout).unwrap();
    said.trim().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_read_after_its_deadline_on_any_way_under_load_or_from_a_copy() {
    let wanted = std::env::var("WEIR_TEST_MESSAGES").ok();
    let messages: usize = wanted
        .as_deref()
        .map_or(FEW, |text| text.parse().expect("a number"));
    let builder = Server::builder().env("WEIR_WEBHOOKS__RETRY_SECONDS", "1,1,1,1");
    let server = Arc::new(builder.start().await);
    let acme = server.tenant_without_rules("acme").await;
    let ada = json!({ "external_id": "ada", "email": "ada@example.com" });
    let subject = acme.create("/subjects", ada).await;
    let receiver = Receiver::start().await;
    hooked(&server, &acme, &receiver).await;
    let hooked_at = now();
    let mut briefs = Vec::new();
    let mut rules = Vec::new();
    for n in 0..RULES {
        let chat = acme.channel(&format!("brief-{n}")).await;
        // Any of two to eleven seconds, another one in each run.
        let mut chance = [0];
        SystemRandom::new()
            .fill(&mut chance)
            .expect("the system has chance");
        let seconds = 2 + u64::from(chance[0]) % 10;
        let body = json!({ "name": format!("brief {n}"), "endpoint_id": chat.id, "duration": format!("PT{seconds}S") });
        acme.rule(body).await;
        rules.push(format!("brief {n}"));
        let kept = TimeDelta::seconds(seconds.cast_signed());
        briefs.push(Brief { chat, kept });
    }
    let left = Arc::new(AtomicUsize::new(messages));
    let tally = Arc::new(Tally::default());
    let over = Arc::new(AtomicBool::new(false));
    let publishers: Vec<_> = briefs
        .iter()
        .map(|brief| tokio::spawn(publish(acme.clone(), brief.clone(), Arc::clone(&left))))
        .collect();
    let mut probes: Vec<JoinHandle<()>> = Vec::new();
    for brief in &briefs {
        let (acme, subject, brief) = (acme.clone(), subject.clone(), brief.clone());
        let (server, tally, over) = (Arc::clone(&server), Arc::clone(&tally), Arc::clone(&over));
        probes.push(tokio::spawn(async move {
            let mut epoch = Value::Null;
            while !over.load(Ordering::Relaxed) {
                look_by_rest(&acme, &brief, &subject, &tally).await;
                look_by_socket(&server, &brief, &mut epoch, &tally).await;
                // Whoever only asks leaves nothing for those who publish and remove.
                sleep(Duration::from_millis(200)).await;
            }
        }));
    }
    // A copy of the middle of it.
    eventually_within(Duration::from_mins(9), "half of it", || async {
        (left.load(Ordering::Relaxed) <= messages / 2).then_some(())
    })
    .await;
    let copy = server.scratch("middle.backup");
    if !grown_up() {
        server.run_well(&["backup", "--to", copy.to_str().unwrap()]);
    }
    let mut published = 0;
    for publisher in publishers {
        published += publisher.await.expect("all were published");
    }
    // All deadlines pass while it is looked.
    sleep(Duration::from_secs(13)).await;
    over.store(true, Ordering::Relaxed);
    for probe in probes {
        probe.await.expect("nothing was read late");
    }
    let (late, found) = (
        tally.late.load(Ordering::Relaxed),
        tally.found.load(Ordering::Relaxed),
    );
    eprintln!("{published} messages, {late} looks beyond a deadline, {found} messages read in time");
    assert!(published + 50 * briefs.len() >= messages && found > 0 && late > 100);

    // Webhooks that were tried again.
    assert!(now() - hooked_at > TimeDelta::seconds(4));
    let before = receiver.received().len();
    receiver.answer_always(200);
    for delivery in acme
        .owner
        .all(format!("/webhooks/{}/deliveries", first_hook(&acme).await))
        .await
    {
        if delivery["state"] != "expired" {
            let path = format!(
                "/webhooks/{}/deliveries/{}/replay",
                first_hook(&acme).await,
                text(&delivery["id"])
            );
            acme.owner.post(path, json!({})).await;
        }
    }
    sleep(Duration::from_secs(2)).await;
    let later = receiver.received().split_off(before);
    for one in later {
        assert!(
            !String::from_utf8_lossy(&one.body).contains(MARKER),
            "told after its deadline"
        );
    }

    // An access request: everything about a person.
    let page = sign_in(&server, &acme, "ada@example.com").await;
    let request = page
        .post("/portal/acme/requests", json!({ "kind": "access" }))
        .await
        .expect(201);
    let id = text(&request["id"]);
    in_state(&acme, &id, "completed").await;
    let export = page.get(format!("/portal/acme/requests/{id}/export")).await;
    for (name, content) in unzip(export.check(200).bytes.clone()) {
        assert!(!content.contains(MARKER), "{name} of an export");
    }

    // The rows went too, and the metrics say how soon.
    eventually("no rows", || async {
        let usage = acme.owner.get("/tenant/usage").await.expect(200);
        (usage["used"]["stored_messages"] == 0).then_some(())
    })
    .await;
    let metrics = server.nobody().get("//metrics").await.text();
    let mut report = Vec::new();
    // A machine that does other things besides may be late a little; the figures of the full size are the promise.
    let strict = wanted.is_some();
    for (name, promised, bearable) in [
        ("weir_retention_key_lag_seconds", "1", "10"),
        ("weir_retention_row_lag_seconds", "60", "60"),
    ] {
        for most in ["0.25", "0.5", "0.75", "1", "2.5", "10", "60"] {
            let (within, all) = share(&metrics, name, most);
            report.push(format!("{name} <= {most} s: {within} of {all}"));
        }
        let (within, all) = share(&metrics, name, if strict { promised } else { bearable });
        eprintln!("{}", std::mem::take(&mut report).join("\n"));
        assert!(all > 0.0 && within / all >= 0.999, "{name}: {within} of {all}");
    }
    if !grown_up() {
        a_copy_opens_nothing(server, &acme, &copy, &rules).await;
    }
}

async fn first_hook(acme: &Tenant) -> String {
    text(&acme.owner.all("/webhooks").await[0]["id"])
}

/// Yesterday's data with today's keys: nothing that has expired since is read, whatever rules say now.
async fn a_copy_opens_nothing(server: Arc<Server>, acme: &Tenant, copy: &std::path::Path, rules: &[String]) {
    let mut server = Arc::into_inner(server).expect("nobody else uses it");
    server.terminate().await;
    let mut restored = Server::builder().in_folder().prepared();
    fs::create_dir_all(restored.data_dir()).unwrap();
    for file in ["vault.db", "vault.db-wal", "pages.key", "root.key"] {
        let from = server.data_dir().join(file);
        if from.exists() {
            fs::copy(from, restored.data_dir().join(file)).unwrap();
        }
    }
    restored.run_well(&["restore", "--from", copy.to_str().unwrap()]);
    let rows = number(
        &restored.data_dir().join("weir.db"),
        "SELECT COUNT(*) FROM message",
    );
    assert!(rows > 0, "there is something in the copy");
    restored.restart().await;
    let owner = restored.nobody().with_token(acme.owner.token());
    assert!(
        owner.all("/messages?unseal=true").await.is_empty(),
        "by the rules"
    );
    // The same copy, whose rules somebody made longer before anybody could remove anything.
    restored.terminate().await;
    restored.run_well(&["restore", "--from", copy.to_str().unwrap(), "--force"]);
    for rule in rules {
        let longer = format!("UPDATE retention_rule SET duration = 'P30D' WHERE name = '{rule}'");
        tamper(&restored, &longer);
    }
    restored.restart().await;
    let there = owner.all("/messages?unseal=true&limit=200").await;
    let opened = there
        .iter()
        .filter(|message| message.get("data").is_some())
        .count();
    eprintln!("a copy of the middle: {opened} of {} open", there.len());
    assert!(!there.is_empty());
    assert_eq!(opened, 0, "by the keys");
    assert!(
        there
            .iter()
            .all(|message| message["unreadable"] == "key_destroyed")
    );
}
