//! What may be had at once, counted over all nodes.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use tests::{Builder, Endpoint, Tenant, socket::Frame, wait::eventually_within};

use super::{Carrier, Cluster, on_each_carrier};

on_each_carrier! {
    quotas_count_the_sockets_of_all_nodes
    persons_and_addresses_are_counted_over_all_nodes_and_those_of_a_killed_one_no_more
    what_a_key_asks_at_one_node_is_taken_off_its_rate_at_the_others
}

async fn quotas_count_the_sockets_of_all_nodes(carrier: Carrier) {
    let Some(cluster) = Cluster::start_on(carrier, 2).await else {
        return;
    };
    let acme = cluster.nodes[0].tenant("acme").await;
    let chat = acme
        .endpoint(json!({ "slug": "chat", "kind": "channel", "max_connections": 2 }))
        .await;
    let _ada = cluster.connect(&acme, &chat, 0, "ada").await;
    let _bob = cluster.connect(&acme, &chat, 0, "bob").await;
    eventually_within(Duration::from_secs(10), "the other node hears of it", || async {
        let mut eve = cluster.connect(&acme, &chat, 1, "eve").await;
        match eve.within(Duration::from_millis(300)).await {
            Some(Frame::Close(4004, _)) => Some(()),
            _ => None,
        }
    })
    .await;
}

/// Whether there is no room for a person at a node.
async fn is_full(cluster: &Cluster, acme: &Tenant, endpoint: &Endpoint, node: usize, sub: &str) -> bool {
    let mut socket = cluster.connect(acme, endpoint, node, sub).await;
    match socket.within(Duration::from_millis(300)).await {
        Some(Frame::Close(4004, _)) => true,
        None => false,
        other => panic!("{other:?}"),
    }
}

/// Waits until it is so, or not so. Nodes hear of each other's sockets a moment later.
async fn becomes(cluster: &Cluster, acme: &Tenant, endpoint: &Endpoint, node: usize, sub: &str, full: bool) {
    let what = format!("{} to be full for {sub} at node {node}: {full}", endpoint.slug);
    eventually_within(Duration::from_secs(20), &what, || async {
        (is_full(cluster, acme, endpoint, node, sub).await == full).then_some(())
    })
    .await;
}

async fn persons_and_addresses_are_counted_over_all_nodes_and_those_of_a_killed_one_no_more(
    carrier: Carrier,
) {
    let Some(mut cluster) = Cluster::start_on(carrier, 3).await else {
        return;
    };
    let acme = cluster.nodes[0].tenant("acme").await;
    let by_person = json!({ "slug": "person", "kind": "channel", "max_connections_per_subject": 2 });
    let by_person = acme.endpoint(by_person).await;
    let by_address = json!({ "slug": "address", "kind": "channel", "max_connections_per_address": 3 });
    let by_address = acme.endpoint(by_address).await;
    let mut first = cluster.connect(&acme, &by_person, 0, "ada").await;
    let _second = cluster.connect(&acme, &by_person, 2, "ada").await;
    for node in 0..3 {
        becomes(&cluster, &acme, &by_person, node, "ada", true).await;
        becomes(&cluster, &acme, &by_person, node, "bob", false).await;
    }
    first.close(1000, "").await;
    becomes(&cluster, &acme, &by_person, 1, "ada", false).await;
    let _first = cluster.connect(&acme, &by_person, 1, "ada").await;
    becomes(&cluster, &acme, &by_person, 0, "ada", true).await;

    let mut people = Vec::new();
    for (node, person) in ["ada", "bob", "eve"].into_iter().enumerate() {
        people.push(cluster.connect(&acme, &by_address, node, person).await);
    }
    for node in 0..3 {
        becomes(&cluster, &acme, &by_address, node, "joe", true).await;
    }
    // Endpoints count each for themselves, and a node that died has nobody.
    becomes(&cluster, &acme, &by_person, 0, "joe", false).await;
    cluster.nodes[2].kill();
    becomes(&cluster, &acme, &by_address, 1, "joe", false).await;
    becomes(&cluster, &acme, &by_person, 0, "ada", false).await;
}

async fn what_a_key_asks_at_one_node_is_taken_off_its_rate_at_the_others(carrier: Carrier) {
    let tune = |_: usize, builder: Builder| builder.env("WEIR_HTTP__REQUESTS_PER_SECOND", "20");
    let Some(cluster) = Cluster::start_with(carrier, 2, tune).await else {
        return;
    };
    let acme = cluster.nodes[0].tenant("acme").await;
    let beta = cluster.nodes[0].tenant("beta").await;
    let left = async |tenant: &Tenant| {
        let answer = cluster.at(tenant, 1).owner.get("/endpoints").await;
        let left = answer.header("ratelimit-remaining");
        left.map_or(0, |left| left.parse::<u32>().expect("a number"))
    };
    // A burst is of forty, and comes back within two seconds: so much is there, unless others spend it.
    let asked = eventually_within(
        Duration::from_secs(20),
        "the other node to hear of it",
        || async {
            drop(join_all((0..20).map(|_| acme.owner.get("/endpoints"))).await);
            let left = left(&acme).await;
            (left < 20).then_some(left)
        },
    )
    .await;
    let quiet = left(&beta).await;
    assert!(
        quiet > 30,
        "{asked} and {quiet} left: keys count each for themselves"
    );
}
