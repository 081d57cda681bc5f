//! What is said on one node is heard on all, once and in one order.

use std::time::Duration;

use serde_json::json;
use tests::{Endpoint, Tenant};

use super::{Carrier, Cluster, hears, on_each_carrier};

on_each_carrier! {
    what_is_said_on_any_node_is_heard_on_all_once_and_in_one_order
    what_nobody_records_is_heard_on_all_once_and_in_one_order_too
}

async fn alike_everywhere(cluster: &Cluster, acme: &Tenant, chat: &Endpoint) {
    let mut sockets = Vec::new();
    for node in 0..3 {
        for person in ["ada", "bob"] {
            sockets.push(
                cluster
                    .connect(acme, chat, node, &format!("{person}-{node}"))
                    .await,
            );
        }
    }
    let mut publishers = Vec::new();
    for node in 0..3 {
        let (acme, chat) = (cluster.at(acme, node), chat.clone());
        publishers.push(tokio::spawn(async move {
            for n in 0..40 {
                acme.publish(&chat, json!({ "data": format!("{node}-{n}") }))
                    .await
                    .expect(201);
            }
        }));
    }
    let first = hears(&mut sockets[0], 120).await;
    for node in 0..3 {
        let of_node = first
            .iter()
            .filter(|heard| heard.starts_with(&format!("{node}-")));
        let wanted: Vec<_> = (0..40).map(|n| format!("{node}-{n}")).collect();
        assert!(
            of_node.eq(&wanted),
            "one publisher's messages keep their order: {first:?}"
        );
    }
    for socket in &mut sockets[1..] {
        assert_eq!(
            hears(socket, 120).await,
            first,
            "everybody hears the same in the same order"
        );
    }
    for publisher in publishers {
        publisher.await.expect("it published");
    }
    // What a client says reaches everybody but itself.
    sockets[2].send("from a socket").await;
    for (number, socket) in sockets.iter_mut().enumerate() {
        if number != 2 {
            assert_eq!(socket.text().await, "from a socket");
        }
    }
    for socket in &mut sockets {
        socket.is_silent_for(Duration::from_millis(100)).await;
    }
}

async fn what_is_said_on_any_node_is_heard_on_all_once_and_in_one_order(carrier: Carrier) {
    let Some(cluster) = Cluster::start_on(carrier, 3).await else {
        return;
    };
    let acme = cluster.nodes[0].tenant("acme").await;
    let chat = acme.channel("chat").await;
    alike_everywhere(&cluster, &acme, &chat).await;
    let kept = acme.messages(&chat).await;
    assert_eq!(kept.len(), 121, "each was recorded once");
    let nothing = cluster.redis.ask(&["KEYS", "*"]);
    assert!(!nothing.contains("chat"), "no name is in Redis: {nothing}");
}

async fn what_nobody_records_is_heard_on_all_once_and_in_one_order_too(carrier: Carrier) {
    let Some(cluster) = Cluster::start_on(carrier, 3).await else {
        return;
    };
    let acme = cluster.nodes[0].tenant_without_rules("acme").await;
    let chat = acme.channel("chat").await;
    alike_everywhere(&cluster, &acme, &chat).await;
}
