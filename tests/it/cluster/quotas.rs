//! What may be had at once, counted over all nodes.

use std::time::Duration;

use serde_json::json;
use tests::{socket::Frame, wait::eventually_within};

use super::Cluster;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn quotas_count_the_sockets_of_all_nodes() {
    let Some(cluster) = Cluster::start(2).await else {
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
