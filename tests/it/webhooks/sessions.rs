//! That sessions open and end is told once each, whatever dies.

use std::{collections::BTreeMap, time::Duration};

use tests::{Receiver, Server, backends::Postgres, eventually, wait::eventually_within};

use super::{hook, impatient};

#[tokio::test]
async fn a_tenant_is_told_who_comes_and_who_goes_and_why() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let (chat, receiver) = (acme.channel("chat").await, Receiver::start().await);
    hook(&acme, &chat, &receiver, &["connected", "disconnected"]).await;
    let mut ada = acme.connect(&chat, "ada").await;
    let came = receiver.event("connected", |_| true).await;
    assert_eq!(
        (&came["user_id"], &came["endpoint_id"]),
        (&"ada".into(), &chat.id.as_str().into()),
        "{came:#}"
    );
    let listed = acme.owner.all("/connections").await;
    assert_eq!(came["session_id"], listed[0]["id"]);
    ada.send("hello").await;
    ada.close(1000, "").await;
    let went = receiver.event("disconnected", |_| true).await;
    assert_eq!(went["session_id"], came["session_id"]);
    assert_eq!(
        (&went["code"], &went["user_id"]),
        (&1000.into(), &"ada".into()),
        "{went:#}"
    );
    assert_eq!((&went["messages_in"], &went["bytes_in"]), (&1.into(), &5.into()));
    assert!(went["disconnected_ms"].as_i64() >= went["connected_ms"].as_i64());
    assert!(!went.to_string().contains("hello"));
}

/// How often each session was told to have ended.
fn ends(receiver: &Receiver) -> BTreeMap<String, usize> {
    let mut ends = BTreeMap::new();
    for event in receiver.events_of("disconnected") {
        *ends.entry(event["session_id"].to_string()).or_default() += 1;
    }
    ends
}

#[tokio::test]
async fn every_session_of_a_killed_process_ends_exactly_once() {
    const SESSIONS: usize = 40;
    let mut server = impatient().start().await;
    let acme = server.tenant("acme").await;
    let (chat, receiver) = (acme.channel("chat").await, Receiver::start().await);
    hook(&acme, &chat, &receiver, &["connected", "disconnected"]).await;
    let mut sockets = Vec::new();
    for number in 0..SESSIONS {
        sockets.push(acme.connect(&chat, &format!("person-{number}")).await);
    }
    // Some end in time, the rest does not get to say goodbye.
    for mut socket in sockets.drain(..SESSIONS / 4) {
        socket.close(1000, "").await;
    }
    eventually("everybody to be told of", || async {
        (receiver.events_of("connected").len() >= SESSIONS && ends(&receiver).len() >= SESSIONS / 4)
            .then_some(())
    })
    .await;
    server.kill();
    server.restart().await;
    // A worker that died in the middle of an attempt keeps its place for twenty seconds.
    eventually_within(Duration::from_mins(1), "every end", || async {
        (ends(&receiver).len() >= SESSIONS).then_some(())
    })
    .await;
    // Whatever else might come would have come by now.
    server.restart().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let ends = ends(&receiver);
    assert_eq!(ends.len(), SESSIONS);
    assert!(ends.values().all(|times| *times == 1), "{ends:?}");
    let lost = receiver.events_of("disconnected");
    let lost: Vec<_> = lost.iter().filter(|event| event["code"] == 1006).collect();
    assert_eq!(lost.len(), SESSIONS - SESSIONS / 4);
    assert!(lost.iter().all(|event| event["reason"] == "node stopped"));
    assert_eq!(
        receiver.events_of("connected").len(),
        SESSIONS,
        "nobody came twice"
    );
}

#[tokio::test]
async fn a_process_that_never_comes_back_is_ended_by_another() {
    let database = Postgres::shared().database();
    let mut first = Server::builder()
        .database(database.clone())
        .env("WEIR_NODE__NAME", "first")
        .env("WEIR_NODE__NUMBER", "1")
        .start()
        .await;
    let acme = first.tenant("acme").await;
    let (chat, receiver) = (acme.channel("chat").await, Receiver::start().await);
    hook(&acme, &chat, &receiver, &["connected", "disconnected"]).await;
    let mut sockets = Vec::new();
    for name in ["ada", "bob", "eve"] {
        sockets.push(acme.connect(&chat, name).await);
    }
    eventually("three to be told of", || async {
        (receiver.events_of("connected").len() == 3).then_some(())
    })
    .await;
    let (key, pages) = (
        first.data_dir().join("root.key"),
        first.data_dir().join("pages.key"),
    );
    first.kill();
    let mut others = Vec::new();
    for (name, number) in [("second", "2"), ("third", "3")] {
        let server = Server::builder()
            .database(database.clone())
            .env("WEIR_NODE__NAME", name)
            .env("WEIR_NODE__NUMBER", number)
            .env("WEIR_PAGE_KEYS", pages.to_string_lossy())
            .prepared();
        std::fs::create_dir_all(server.data_dir()).unwrap();
        std::fs::copy(&key, server.data_dir().join("root.key")).unwrap();
        others.push(server.launched().await);
    }
    eventually_within(Duration::from_secs(90), "three ends", || async {
        (ends(&receiver).len() == 3).then_some(())
    })
    .await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let ends = ends(&receiver);
    assert!(ends.values().all(|times| *times == 1), "{ends:?}");
    let went = receiver.events_of("disconnected");
    assert!(
        went.iter().all(|event| event["reason"] == "node lost"),
        "{went:?}"
    );
}
