//! Who is on a channel, counted over all nodes.

use std::time::{Duration, Instant};

use serde_json::json;
use tests::tenant::text;

use super::{Carrier, Cluster, on_each_carrier};

on_each_carrier! {
    members_of_all_nodes_see_each_other_and_those_of_a_killed_node_are_gone_in_time
}

async fn members_of_all_nodes_see_each_other_and_those_of_a_killed_node_are_gone_in_time(carrier: Carrier) {
    let Some(mut cluster) = Cluster::start_on(carrier, 3).await else {
        return;
    };
    let acme = cluster.nodes[0].tenant("acme").await;
    let chat = acme.channel("chat").await;
    let room = "presence-room";
    let (mut ada, seen) = cluster.join(&chat, 0, room, "ada").await;
    assert_eq!(seen["count"], 1);
    let (_bob, seen) = cluster.join(&chat, 1, room, "bob").await;
    assert_eq!(seen["ids"], json!(["ada", "bob"]));
    assert_eq!(seen["hash"]["ada"]["name"], "ada");
    let added = ada.json().await;
    assert_eq!(added["event"], "pusher_internal:member_added");
    // Once, however many connections and nodes.
    let (mut again, seen) = cluster.join(&chat, 0, room, "bob").await;
    assert_eq!(seen["ids"], json!(["ada", "bob"]));
    let mut crowd = Vec::new();
    for n in 0..40 {
        crowd.push(cluster.join(&chat, 2, room, &format!("guest-{n}")).await.0);
    }
    for _ in 0..40 {
        assert_eq!(ada.json().await["event"], "pusher_internal:member_added");
    }
    let live = format!("/endpoints/{}/live-channels", chat.id);
    for node in 0..3 {
        let there = cluster.at(&acme, node);
        let found = there.owner.get(&live).await.expect(200);
        assert_eq!(
            found["items"],
            json!([{ "name": room, "subscribers": 43, "members": 42 }])
        );
        let members = there.owner.all(format!("{live}/{room}/members")).await;
        assert_eq!(members.len(), 42);
    }
    again.close(1000, "").await;
    ada.is_silent_for(Duration::from_millis(500)).await;
    let killed = Instant::now();
    cluster.nodes[2].kill();
    for _ in 0..40 {
        let removed = ada.json().await;
        assert_eq!(removed["event"], "pusher_internal:member_removed");
        assert!(text(&removed["data"]).contains("guest-"));
    }
    assert!(killed.elapsed() < Duration::from_secs(30));
    let found = cluster.at(&acme, 1).owner.get(&live).await.expect(200);
    assert_eq!(
        found["items"],
        json!([{ "name": room, "subscribers": 2, "members": 2 }])
    );
}
