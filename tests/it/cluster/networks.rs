//! The network to Redis is slow, or lets nothing through and says nothing.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use tests::{
    Builder,
    backends::Redis,
    eventually,
    proxy::{Network, Proxy},
};

use super::{Cluster, hears, is_installed, readiness};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_way_to_redis_is_slow_or_stalls_says_so_loses_nothing_and_heals_by_itself() {
    if !is_installed() {
        return;
    }
    let redis = Arc::new(Redis::start());
    let proxy = Proxy::start(redis.port()).await;
    let through = |number: usize, builder: Builder| match number {
        2 => builder.env("WEIR_REDIS_URL", format!("redis://{}", proxy.address())),
        _ => builder,
    };
    let cluster = Cluster::start_over(redis, 2, through).await;
    let acme = cluster.nodes[0].tenant("acme").await;
    let chat = acme.channel("chat").await;
    let mut ears = [
        cluster.connect(&acme, &chat, 0, "ada").await,
        cluster.connect(&acme, &chat, 1, "bob").await,
    ];
    let mut said = 0;
    let mut heard = [Vec::new(), Vec::new()];
    for (network, is_heard) in [
        (Network::Works, true),
        (Network::Slow(Duration::from_millis(150)), true),
        (Network::Stalled, false),
        (Network::Works, true),
        (Network::Cut, false),
        (Network::Works, true),
    ] {
        proxy.set(network);
        // Only the one behind the proxy is cut off.
        eventually(&format!("{network:?}: it says how it stands"), || async {
            let ready = readiness(&cluster.nodes[1]).await;
            let degraded = if is_heard { json!([]) } else { json!(["backplane"]) };
            (ready["ready"] == true && ready["backplane"] == is_heard && ready["degraded"] == degraded)
                .then_some(())
        })
        .await;
        assert_eq!(readiness(&cluster.nodes[0]).await["backplane"], true);
        for node in [0, 1, 0, 1] {
            said += 1;
            let there = cluster.at(&acme, node);
            there
                .publish(&chat, json!({ "data": said.to_string() }))
                .await
                .expect(201);
        }
        if is_heard {
            for (ear, heard) in ears.iter_mut().zip(&mut heard) {
                let missing = said - heard.len();
                heard.extend(hears(ear, missing).await);
            }
        }
    }
    cluster.is_whole(2).await;
    let all: Vec<_> = (1..=said).map(|n| n.to_string()).collect();
    assert_eq!(heard, [all.clone(), all], "everything, once, in order");
    for ear in &mut ears {
        ear.is_silent_for(Duration::from_millis(300)).await;
    }
}
