//! What others are told when a node is killed.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use futures_util::{StreamExt as _, stream::FuturesUnordered};
use serde_json::{Value, json};
use tests::{
    Builder, Receiver, eventually,
    socket::Frame,
    tenant::text,
    wait::{PATIENCE, eventually_within},
};
use tokio::{task::JoinSet, time::sleep};

use super::{Carrier, Cluster, on_each_carrier};

on_each_carrier! {
    tenants_are_told_of_the_first_and_the_last_of_all_nodes_and_of_the_dead
}

async fn tenants_are_told_of_the_first_and_the_last_of_all_nodes_and_of_the_dead(carrier: Carrier) {
    let patient = |_: usize, builder: Builder| builder.env("WEIR_WEBHOOKS__RETURN_WITHIN_MS", "2500");
    let Some(mut cluster) = Cluster::start_with(carrier, 3, patient).await else {
        return;
    };
    let acme = cluster.nodes[0].tenant_without_rules("acme").await;
    let chat = acme.channel("chat").await;
    let receiver = Receiver::start().await;
    let events = [
        "channel_occupied",
        "channel_vacated",
        "member_added",
        "member_removed",
    ];
    let hook = json!({ "endpoint_id": chat.id, "url": receiver.url(), "events": events });
    acme.owner.post("/webhooks", hook).await.expect(201);
    let room = "presence-room";
    let of = |name: &str, user: &str| {
        let all = receiver.events_of(name);
        all.iter().filter(|event| event["user_id"] == user).count()
    };

    let (mut first, _) = cluster.join(&chat, 0, room, "ada").await;
    receiver
        .event("member_added", |event| event["user_id"] == "ada")
        .await;
    let (mut second, _) = cluster.join(&chat, 1, room, "ada").await;
    first.close(1000, "").await;
    sleep(Duration::from_millis(4_500)).await;
    assert_eq!(of("member_removed", "ada"), 0, "she is on the other node");
    // She goes to yet another one, with a moment in between.
    second.close(1000, "").await;
    sleep(Duration::from_millis(300)).await;
    let (mut third, _) = cluster.join(&chat, 2, room, "ada").await;
    sleep(Duration::from_millis(4_500)).await;
    assert_eq!(of("member_removed", "ada"), 0, "she came back elsewhere");
    assert_eq!(of("member_added", "ada"), 1, "{:?}", receiver.events());
    assert_eq!(receiver.events_of("channel_occupied").len(), 1);
    third.close(1000, "").await;
    receiver
        .event("member_removed", |event| event["user_id"] == "ada")
        .await;
    receiver.event("channel_vacated", |_| true).await;

    // Bob comes by the node that is to die, and to another one; the guest to that node only.
    let (_doomed, _) = cluster.join(&chat, 2, room, "bob").await;
    receiver
        .event("member_added", |event| event["user_id"] == "bob")
        .await;
    let (_guest, _) = cluster.join(&chat, 2, room, "guest").await;
    receiver
        .event("member_added", |event| event["user_id"] == "guest")
        .await;
    let (mut bob, _) = cluster.join(&chat, 1, room, "bob").await;
    cluster.nodes[2].kill();
    eventually_within(Duration::from_secs(50), "the guest's end is told", || async {
        (of("member_removed", "guest") > 0).then_some(())
    })
    .await;
    sleep(Duration::from_secs(3)).await;
    assert_eq!(of("member_removed", "guest"), 1, "once");
    assert_eq!(of("member_removed", "bob"), 0, "he is on another node");
    assert_eq!(
        receiver.events_of("channel_vacated").len(),
        1,
        "and so is the channel"
    );
    bob.close(1000, "").await;
    receiver
        .event("member_removed", |event| event["user_id"] == "bob")
        .await;
    eventually("the channel is empty", || async {
        (receiver.events_of("channel_vacated").len() == 2).then_some(())
    })
    .await;
}

const CROWD: usize = 1_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_members_of_a_killed_node_are_gone_in_time_and_each_ends_once() {
    let Some(mut cluster) = Cluster::start(3).await else {
        return;
    };
    let acme = cluster.nodes[0].tenant_without_rules("acme").await;
    let body = json!({ "slug": "chat", "kind": "channel", "presence_members": 2 * CROWD });
    let chat = acme.endpoint(body).await;
    let receiver = Receiver::start().await;
    let hook = json!({ "endpoint_id": chat.id, "url": receiver.url(), "events": ["disconnected"] });
    acme.owner.post("/webhooks", hook).await.expect(201);
    let room = "presence-room";
    let (mut ada, _) = cluster.join(&chat, 0, room, "ada").await;
    let (mut bob, _) = cluster.join(&chat, 1, room, "bob").await;
    let mut joining = FuturesUnordered::new();
    let mut crowd = JoinSet::new();
    let mut names = 0..CROWD;
    loop {
        while joining.len() < 8
            && let Some(n) = names.next()
        {
            let (cluster, chat) = (&cluster, &chat);
            joining.push(async move { cluster.join(chat, 2, room, &format!("guest-{n}")).await.0 });
        }
        let Some(mut guest) = joining.next().await else {
            break;
        };
        // Whoever is on the channel reads what is said there.
        crowd.spawn(async move { while let Some(Frame::Text(_)) = guest.within(PATIENCE).await {} });
    }
    drop(joining);
    let witness = |event: &'static str| {
        move |heard: &Value| heard["event"] == event && text(&heard["data"]).contains("guest-")
    };
    for socket in [&mut ada, &mut bob] {
        let is_added = witness("pusher_internal:member_added");
        let mut added = 0;
        while added < CROWD {
            added += usize::from(is_added(&socket.json().await));
        }
    }
    let live = format!("/endpoints/{}/live-channels", chat.id);
    let found = cluster.at(&acme, 1).owner.get(&live).await.expect(200);
    let everybody = CROWD + 2;
    assert_eq!(
        found["items"],
        json!([{ "name": room, "subscribers": everybody, "members": everybody }])
    );

    let killed = Instant::now();
    cluster.nodes[2].kill();
    for socket in [&mut ada, &mut bob] {
        let is_removed = witness("pusher_internal:member_removed");
        let mut gone = BTreeSet::new();
        while gone.len() < CROWD {
            let heard = socket.json().await;
            assert!(is_removed(&heard), "{heard}");
            assert!(gone.insert(text(&heard["data"])), "each once: {heard}");
        }
    }
    let took = killed.elapsed();
    eprintln!("{CROWD} members of a killed node were gone after {took:?}");
    assert!(took < Duration::from_secs(30), "{took:?}");
    for node in 0..2 {
        let found = cluster.at(&acme, node).owner.get(&live).await.expect(200);
        assert_eq!(
            found["items"],
            json!([{ "name": room, "subscribers": 2, "members": 2 }])
        );
    }
    // Half a minute later the store, too, takes the node for dead.
    eventually_within(Duration::from_mins(2), "each session's end is told", || async {
        (receiver.events_of("disconnected").len() >= CROWD).then_some(())
    })
    .await;
    sleep(Duration::from_secs(3)).await;
    let ended = receiver.events_of("disconnected");
    let sessions: BTreeSet<_> = ended.iter().map(|event| text(&event["session_id"])).collect();
    assert_eq!((ended.len(), sessions.len()), (CROWD, CROWD), "each exactly once");
    assert_eq!(acme.owner.all("/connections?state=open").await.len(), 2);
}
