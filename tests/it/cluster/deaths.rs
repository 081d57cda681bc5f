//! What others are told when a node is killed.

use std::time::Duration;

use serde_json::json;
use tests::{Builder, Receiver, eventually, wait::eventually_within};
use tokio::time::sleep;

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
