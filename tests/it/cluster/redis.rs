//! Redis restarts, is flushed, or is read by somebody.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use tests::{Endpoint, Socket, eventually, tenant::text};
use tokio::time::sleep;

use super::{Carrier, Cluster, hears, on_each_carrier, readiness};

on_each_carrier! {
    redis_flushed_and_restarted_under_load_loses_nothing_that_is_recorded
    where_nothing_is_recorded_whoever_may_have_missed_something_is_told
}

/// A socket of a subscriber who wants to be told where the channel stands.
async fn with_offsets(
    cluster: &Cluster,
    endpoint: &Endpoint,
    node: usize,
    recover: Value,
) -> (Socket, Value) {
    let key = text(&endpoint.json["key"]);
    let path = format!("/app/{key}?protocol=7");
    let mut socket = cluster.nodes[node]
        .connect(&path, &[])
        .await
        .expect("a handshake");
    socket.text().await;
    let hello = json!({ "v": 1, "features": ["offsets"] });
    let hello = json!({ "event": "weir:hello", "data": hello });
    socket.send(hello.to_string()).await;
    assert!(socket.text().await.contains("weir:welcome"));
    let mut wish = json!({ "channel": "room" });
    if !recover.is_null() {
        wish["recover"] = recover;
    }
    socket
        .send(json!({ "event": "pusher:subscribe", "data": wish }).to_string())
        .await;
    let welcome = socket.json().await;
    assert_eq!(
        welcome["event"], "pusher_internal:subscription_succeeded",
        "{welcome}"
    );
    let data: Value = serde_json::from_str(&text(&welcome["data"])).expect("JSON in JSON");
    (socket, data["weir"].clone())
}

async fn redis_flushed_and_restarted_under_load_loses_nothing_that_is_recorded(carrier: Carrier) {
    let Some(cluster) = Cluster::start_on(carrier, 2).await else {
        return;
    };
    let acme = cluster.nodes[0].tenant("acme").await;
    let chat = acme.channel("chat").await;
    let mut ears = vec![
        cluster.connect(&acme, &chat, 0, "ada").await,
        cluster.connect(&acme, &chat, 1, "bob").await,
    ];
    let stop = Arc::new(AtomicBool::new(false));
    let mut floods = Vec::new();
    for node in 0..2 {
        let (acme, chat, stop) = (cluster.at(&acme, node), chat.clone(), Arc::clone(&stop));
        floods.push(tokio::spawn(async move {
            let mut said = 0;
            while !stop.load(Ordering::SeqCst) {
                acme.publish(&chat, json!({ "data": format!("{node}-{said}") }))
                    .await
                    .expect(201);
                said += 1;
                sleep(Duration::from_millis(2)).await;
            }
            said
        }));
    }
    sleep(Duration::from_millis(500)).await;
    cluster.redis.ask(&["FLUSHALL"]);
    sleep(Duration::from_millis(300)).await;
    cluster.redis.stop();
    for node in &cluster.nodes {
        eventually("it says that it is cut off", || async {
            let ready = readiness(node).await;
            (ready["ready"] == true && ready["degraded"] == json!(["backplane"])).then_some(())
        })
        .await;
    }
    sleep(Duration::from_millis(500)).await;
    cluster.redis.start_again();
    cluster.is_whole(2).await;
    sleep(Duration::from_millis(300)).await;
    stop.store(true, Ordering::SeqCst);
    let mut total = 0;
    for flood in floods {
        total += flood.await.expect("every publish was taken");
    }
    let first = hears(&mut ears[0], total).await;
    assert_eq!(
        hears(&mut ears[1], total).await,
        first,
        "both heard everything in one order"
    );
    for ear in &mut ears {
        ear.is_silent_for(Duration::from_millis(300)).await;
    }
}

async fn where_nothing_is_recorded_whoever_may_have_missed_something_is_told(carrier: Carrier) {
    let Some(cluster) = Cluster::start_on(carrier, 2).await else {
        return;
    };
    let acme = cluster.nodes[0].tenant_without_rules("acme").await;
    let chat = acme.channel("chat").await;
    let (mut ada, standing) = with_offsets(&cluster, &chat, 1, Value::Null).await;
    assert_eq!(standing["offset"], 0);
    let say = |node: usize, words: &'static str| {
        let acme = cluster.at(&acme, node);
        let chat = chat.clone();
        async move {
            acme.publish(&chat, json!({ "data": words, "channel": "room" }))
                .await
                .expect(201)
        }
    };
    say(0, "one").await;
    say(1, "two").await;
    let (one, two) = (ada.json().await, ada.json().await);
    assert_eq!((&one["data"], &one["offset"]), (&json!("one"), &json!(1)));
    assert_eq!((&two["data"], &two["offset"]), (&json!("two"), &json!(2)));
    // Who comes back on another node has missed nothing.
    let mark = json!({ "offset": 2, "epoch": two["epoch"] });
    let (_there, standing) = with_offsets(&cluster, &chat, 0, mark).await;
    assert_eq!(standing["recovered"], true, "{standing}");

    // A flush ends the count, and nothing is missed by those who are there.
    cluster.redis.ask(&["FLUSHALL"]);
    say(0, "three").await;
    let three = ada.json().await;
    assert_eq!((&three["data"], &three["offset"]), (&json!("three"), &json!(1)));
    assert_ne!(three["epoch"], two["epoch"]);

    // Cut off, this node says it to its own; the others cannot know, so they are sent away to be told.
    cluster.redis.stop();
    for node in &cluster.nodes {
        eventually("it says that it is cut off", || async {
            (readiness(node).await["backplane"] == false).then_some(())
        })
        .await;
    }
    say(0, "four").await;
    cluster.redis.start_again();
    assert_eq!(ada.close_code().await, 4200);
    cluster.is_whole(2).await;
    let mark = json!({ "offset": 1, "epoch": three["epoch"] });
    let (mut ada, standing) = with_offsets(&cluster, &chat, 1, mark).await;
    assert_eq!(standing["recovered"], false, "{standing}");
    say(0, "five").await;
    assert_eq!(ada.json().await["data"], "five");
}

#[tokio::test]
async fn nothing_that_anybody_says_or_is_called_can_be_read_in_redis() {
    let Some(cluster) = Cluster::start(2).await else {
        return;
    };
    let acme = cluster.nodes[0].tenant_without_rules("acme").await;
    let chat = acme.channel("chat").await;
    let mut spy = std::process::Command::new("redis-cli")
        .args(["-p", &cluster.redis.port().to_string(), "monitor"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("redis-cli is installed with Redis");
    sleep(Duration::from_millis(200)).await;
    let mut bob = cluster.connect(&acme, &chat, 1, "bob-the-subject").await;
    let (_ada, _) = cluster
        .join(&chat, 0, "presence-secret-room", "ada-the-user")
        .await;
    let body = json!({ "data": "a secret word", "subject": "bob-the-subject" });
    acme.publish(&chat, body).await.expect(201);
    assert_eq!(bob.text().await, "a secret word");
    sleep(Duration::from_millis(700)).await;
    spy.kill().expect("it runs");
    let seen = spy.wait_with_output().expect("it ended").stdout;
    let seen = String::from_utf8_lossy(&seen);
    assert!(seen.contains("PUBLISH"), "something was seen: {seen}");
    for word in [
        "a secret word",
        "bob-the-subject",
        "ada-the-user",
        "secret-room",
        &STANDARD.encode("a secret word"),
    ] {
        assert!(!seen.contains(word), "{word:?} is readable");
    }
    // Every key of a tenant's carries its hash tag.
    assert!(seen.contains(":{") && seen.contains("}:c:"), "{seen}");
}
