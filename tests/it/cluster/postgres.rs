//! Postgres restarts while everybody talks.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use reqwest::Method;
use tests::{Builder, backends::Postgres, eventually, tenant::text};
use tokio::time::sleep;

use super::{Carrier, Cluster, hears, is_installed, say};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_restarted_under_load_loses_nothing_that_was_acknowledged_and_nobody_hears_it_twice() {
    if !is_installed() {
        return;
    }
    let postgres = Arc::new(Postgres::start());
    let database = postgres.database();
    let on_it = |_: usize, builder: Builder| builder.database(database.clone());
    let Some(cluster) = Cluster::start_with(Carrier::OneRedis, 2, on_it).await else {
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
            let mut said = Vec::new();
            while !stop.load(Ordering::SeqCst) {
                let words = format!("{node}-{}", said.len());
                say(std::slice::from_ref(&acme), &chat, "main", &words).await;
                said.push(words);
                sleep(Duration::from_millis(5)).await;
            }
            said
        }));
    }
    sleep(Duration::from_millis(700)).await;
    postgres.stop();
    sleep(Duration::from_secs(1)).await;
    postgres.start_again();
    for node in 0..2 {
        let there = cluster.at(&acme, node);
        eventually("the node reaches the store again", || async {
            let asked = there.owner.request(Method::GET, "/endpoints");
            let answer = there.owner.try_send(asked).await.ok()?;
            (answer.status == 200).then_some(())
        })
        .await;
    }
    sleep(Duration::from_millis(700)).await;
    stop.store(true, Ordering::SeqCst);
    let mut said = BTreeSet::new();
    for flood in floods {
        said.extend(flood.await.expect("everything was taken in the end"));
    }
    say(std::slice::from_ref(&acme), &chat, "main", "the end").await;
    said.insert("the end".to_owned());
    let kept = acme.messages(&chat).await;
    // By their place: ids of two nodes in one millisecond say nothing of an order.
    let mut kept: Vec<_> = kept
        .iter()
        .map(|one| (one["offset"].as_i64(), text(&one["data"])))
        .collect();
    kept.sort();
    let kept: Vec<_> = kept.into_iter().map(|(_, words)| words).collect();
    for ear in &mut ears {
        assert_eq!(hears(ear, kept.len()).await, kept, "what is kept, in its order");
        ear.is_silent_for(Duration::from_millis(300)).await;
    }
    let once: BTreeSet<_> = kept.iter().cloned().collect();
    assert_eq!(once, said, "everything that was acknowledged, and nothing else");
    assert_eq!(once.len(), kept.len(), "each once");
}
