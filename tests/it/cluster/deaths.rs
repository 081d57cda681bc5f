//! What others are told when a node is killed.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};
use tests::{
    Builder, Receiver, Socket, eventually,
    socket::Frame,
    tenant::text,
    wait::{PATIENCE, eventually_within},
};
use tokio::{task::JoinSet, time::sleep};

use super::{Carrier, Cluster, on_each_carrier};

on_each_carrier! {
    tenants_are_told_of_the_first_and_the_last_of_all_nodes_and_of_the_dead
    a_thousand_members_of_a_killed_node_are_gone_within_half_a_minute_and_each_ends_once
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
/// Each of them has more than a third of the crowd: more than may wait for a slow reader.
const ROOMS: [&str; 3] = ["presence-attic", "presence-hall", "presence-porch"];
/// After the death of a node.
const ALL_TRUE_WITHIN: Duration = Duration::from_secs(30);

/// Guests of a room.
fn guests(room: usize) -> usize {
    (room..CROWD).step_by(ROOMS.len()).count()
}

async fn a_thousand_members_of_a_killed_node_are_gone_within_half_a_minute_and_each_ends_once(
    carrier: Carrier,
) {
    let Some(mut cluster) = Cluster::start_on(carrier, 3).await else {
        return;
    };
    let acme = cluster.nodes[0].tenant_without_rules("acme").await;
    let body = json!({ "slug": "chat", "kind": "channel", "presence_members": CROWD });
    let chat = acme.endpoint(body).await;
    let receiver = Receiver::start().await;
    let hook = json!({ "endpoint_id": chat.id, "url": receiver.url(), "events": ["disconnected"] });
    acme.owner.post("/webhooks", hook).await.expect(201);
    let mut hearing = Vec::new();
    for (number, room) in ROOMS.into_iter().enumerate() {
        let (mut ada, _) = cluster.join(&chat, 0, room, "ada").await;
        // While they come, which takes a while: whoever reads nothing answers no ping.
        hearing.push(tokio::spawn(async move {
            hears_of(&mut ada, "pusher_internal:member_added", guests(number)).await;
            ada
        }));
    }
    let mut crowd = JoinSet::new();
    let join = async |n: usize| {
        let guest = format!("guest-{n}");
        cluster.join(&chat, 2, ROOMS[n % ROOMS.len()], &guest).await.0
    };
    let mut joining = stream::iter(0..CROWD).map(join).buffer_unordered(8);
    while let Some(mut guest) = joining.next().await {
        // Whoever is on the channel reads what is said there.
        crowd.spawn(async move { while let Some(Frame::Text(_)) = guest.within(2 * PATIENCE).await {} });
    }
    drop(joining);
    let mut witnesses = Vec::new();
    for ada in hearing {
        witnesses.push(ada.await.expect("ada hears of every guest"));
    }
    // The first at a node is told at once who is on the others.
    for (number, room) in ROOMS.into_iter().enumerate() {
        let (bob, seen) = cluster.join(&chat, 1, room, "bob").await;
        assert_eq!(seen["count"], guests(number) + 2);
        assert!(text(&witnesses[number].json().await["data"]).contains("\"bob\""));
        witnesses.push(bob);
    }
    let owners = [0, 1].map(|node| cluster.at(&acme, node).owner);
    let live = format!("/endpoints/{}/live-channels", chat.id);
    let channels = |counts: [usize; 3]| {
        let channel = |(name, count)| json!({ "name": name, "subscribers": count, "members": count });
        Value::Array(ROOMS.into_iter().zip(counts).map(channel).collect())
    };
    let all = channels([0, 1, 2].map(|room| guests(room) + 2));
    assert_eq!(owners[1].get(&live).await.expect(200)["items"], all);
    let here = CROWD + witnesses.len();
    eventually("every session is recorded", || async {
        (acme.owner.all("/connections?state=open").await.len() == here).then_some(())
    })
    .await;

    let killed = Instant::now();
    cluster.nodes[2].kill();
    for (number, witness) in witnesses.iter_mut().enumerate() {
        let count = guests(number % ROOMS.len());
        hears_of(witness, "pusher_internal:member_removed", count).await;
    }
    let gone = killed.elapsed();
    for owner in &owners {
        assert_eq!(owner.get(&live).await.expect(200)["items"], channels([2; 3]));
        for room in ROOMS {
            assert_eq!(owner.all(format!("{live}/{room}/members")).await.len(), 2);
        }
    }
    // Whoever was elsewhere notices nothing but their going.
    let mut noticing = JoinSet::new();
    for mut witness in witnesses {
        noticing.spawn(async move { witness.within(2 * PATIENCE).await });
    }
    let left = ALL_TRUE_WITHIN.saturating_sub(killed.elapsed());
    eventually_within(left, "the store, too, knows that they are gone", || async {
        (acme.owner.all("/connections?state=open").await.len() == here - CROWD).then_some(())
    })
    .await;
    let recorded = killed.elapsed();
    eventually("each session's end is told", || async {
        (receiver.events_of("disconnected").len() >= CROWD).then_some(())
    })
    .await;
    let told = killed.elapsed();
    eprintln!(
        "a thousand members were gone after {gone:?}, recorded after {recorded:?}, told of after {told:?}"
    );
    sleep(Duration::from_secs(2)).await;
    let ended = receiver.events_of("disconnected");
    let sessions: BTreeSet<_> = ended.iter().map(|event| text(&event["session_id"])).collect();
    assert_eq!((ended.len(), sessions.len()), (CROWD, CROWD), "each exactly once");
    assert!(noticing.try_join_next().is_none(), "somebody heard more");
}

/// What a member hears: this of each guest once, and nothing else.
async fn hears_of(socket: &mut Socket, event: &str, count: usize) {
    let mut guests = BTreeSet::new();
    while guests.len() < count {
        let heard = socket.json().await;
        let about = text(&heard["data"]);
        assert_eq!(heard["event"], event, "{heard}");
        assert!(about.contains("guest-"), "{heard}");
        assert!(guests.insert(about), "each once: {heard}");
    }
}
