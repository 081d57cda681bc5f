//! What is withdrawn at one node is withdrawn on all when the answer comes, also on one that nobody reaches.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::json;
use tests::{Server, eventually, socket::Frame, wait::PATIENCE};

use super::{Carrier, Cluster, hears, on_each_carrier, readiness};

on_each_carrier! {
    a_withdrawal_at_one_node_stops_everything_on_another_before_it_answers
    after_each_of_many_withdrawals_on_three_nodes_nothing_is_delivered_to_whoever_withdrew
    a_withdrawal_while_redis_is_away_acts_on_every_node_before_it_answers
}

async fn a_withdrawal_at_one_node_stops_everything_on_another_before_it_answers(carrier: Carrier) {
    let Some(cluster) = Cluster::start_on(carrier, 2).await else {
        return;
    };
    let acme = cluster.nodes[0].tenant("acme").await;
    let news = acme.purpose("news").await;
    let body = json!({ "slug": "news", "kind": "channel", "purpose_id": news, "on_withdrawal": "close" });
    let news = acme.endpoint(body).await;
    for person in ["ada", "bob"] {
        acme.consent(person, "news", "given").await.expect(201);
    }
    let mut ada = cluster.connect(&acme, &news, 1, "ada").await;
    let mut bob = cluster.connect(&acme, &news, 1, "bob").await;
    let stop = Arc::new(AtomicBool::new(false));
    let begun = Arc::new(AtomicU64::new(0));
    let mut floods = Vec::new();
    for node in [0, 1, 0, 1] {
        let (acme, news) = (cluster.at(&acme, node), news.clone());
        let (stop, begun) = (Arc::clone(&stop), Arc::clone(&begun));
        floods.push(tokio::spawn(async move {
            while !stop.load(Ordering::SeqCst) {
                let number = begun.fetch_add(1, Ordering::SeqCst);
                acme.publish(&news, json!({ "data": number })).await.expect(201);
            }
        }));
    }
    let listen = tokio::spawn(async move {
        let mut heard = Vec::new();
        loop {
            match ada.frame().await {
                Frame::Text(text) => heard.push(text.parse::<u64>().expect("a number")),
                Frame::Close(code, _) => return (heard, code),
                other => panic!("{other:?}"),
            }
        }
    });
    hears(&mut bob, 100).await;
    let asked = Instant::now();
    let done = acme.consent("ada", "news", "withdrawn").await.expect(201);
    let took = asked.elapsed();
    let boundary = begun.load(Ordering::SeqCst);
    let (heard, code) = listen.await.expect("she listened");
    assert_eq!(code, 4031);
    assert!(
        heard.iter().all(|number| *number < boundary),
        "nothing that began after the answer"
    );
    assert!(
        took < Duration::from_secs(4),
        "nobody had to be waited for: {took:?}"
    );
    let cutoffs = done["cutoffs"].as_array().cloned().unwrap_or_default();
    if !cutoffs.is_empty() {
        assert_eq!(
            cutoffs[0]["messages_out"],
            heard.len(),
            "it says where she stood: {done}"
        );
    }
    hears(&mut bob, 100).await;
    stop.store(true, Ordering::SeqCst);
    for flood in floods {
        flood.await.expect("it published");
    }
    // Neither node lets her in.
    for node in 0..2 {
        let mut again = cluster.connect(&acme, &news, node, "ada").await;
        assert_eq!(again.close_code().await, 4030);
    }
}

/// One after the other, people on three nodes withdraw at another node than their own, while all nodes publish.
async fn after_each_of_many_withdrawals_on_three_nodes_nothing_is_delivered_to_whoever_withdrew(
    carrier: Carrier,
) {
    const PERSONS: usize = 30;
    let Some(cluster) = Cluster::start_on(carrier, 3).await else {
        return;
    };
    let acme = cluster.nodes[0].tenant("acme").await;
    let news = acme.purpose("news").await;
    let body = json!({ "slug": "news", "kind": "channel", "purpose_id": news, "on_withdrawal": "close" });
    let news = acme.endpoint(body).await;
    let mut listening = Vec::new();
    for number in 0..PERSONS {
        let name = format!("person-{number}");
        acme.consent(&name, "news", "given").await.expect(201);
        let mut socket = cluster.connect(&acme, &news, number % 3, &name).await;
        listening.push(tokio::spawn(async move {
            let mut heard = Vec::new();
            loop {
                match socket.within(PATIENCE).await.expect("a frame, some time") {
                    Frame::Text(text) => heard.push(text.parse::<u64>().expect("a number")),
                    Frame::Close(code, _) => return (heard, code),
                    other => panic!("{other:?}"),
                }
            }
        }));
    }
    let stop = Arc::new(AtomicBool::new(false));
    let begun = Arc::new(AtomicU64::new(0));
    let mut floods = Vec::new();
    for node in 0..3 {
        let (acme, news) = (cluster.at(&acme, node), news.clone());
        let (stop, begun) = (Arc::clone(&stop), Arc::clone(&begun));
        floods.push(tokio::spawn(async move {
            while !stop.load(Ordering::SeqCst) {
                let number = begun.fetch_add(1, Ordering::SeqCst);
                acme.publish(&news, json!({ "data": number })).await.expect(201);
            }
        }));
    }
    let (mut took, mut boundaries) = (Vec::new(), Vec::new());
    for number in 0..PERSONS {
        let acme = cluster.at(&acme, (number + 1) % 3);
        let asked = Instant::now();
        let name = format!("person-{number}");
        acme.consent(&name, "news", "withdrawn").await.expect(201);
        took.push(asked.elapsed());
        boundaries.push(begun.load(Ordering::SeqCst));
    }
    let last = *boundaries.last().expect("somebody withdrew");
    eventually("the flood to go on after the last of them", || async {
        (begun.load(Ordering::SeqCst) > last + 50).then_some(())
    })
    .await;
    stop.store(true, Ordering::SeqCst);
    for flood in floods {
        flood.await.expect("it published");
    }
    let mut delivered = 0;
    for (listens, boundary) in listening.into_iter().zip(boundaries) {
        let (heard, code) = listens.await.expect("they listened");
        assert_eq!(code, 4031);
        delivered += heard.len();
        assert!(
            heard.iter().all(|number| *number < boundary),
            "nothing that began after the answer"
        );
    }
    assert!(delivered > PERSONS, "there was something to stop");
    took.sort_unstable();
    let (median, worst) = (took[PERSONS / 2], took[PERSONS - 1]);
    eprintln!("{PERSONS} withdrawals on three nodes under load: median {median:?}, longest {worst:?}");
    assert!(
        worst < Duration::from_secs(4),
        "nobody had to be waited for: {worst:?}"
    );
}

async fn a_withdrawal_while_redis_is_away_acts_on_every_node_before_it_answers(carrier: Carrier) {
    let Some(cluster) = Cluster::start_on(carrier, 2).await else {
        return;
    };
    let acme = cluster.nodes[0].tenant("acme").await;
    let news = acme.purpose("news").await;
    let body = json!({ "slug": "news", "kind": "channel", "purpose_id": news, "on_withdrawal": "close" });
    let news = acme.endpoint(body).await;
    acme.consent("ada", "news", "given").await.expect(201);
    let mut ada = cluster.connect(&acme, &news, 1, "ada").await;
    cluster.redis.stop();
    for node in &cluster.nodes {
        eventually("it says that it is cut off", || async {
            (readiness(node).await["backplane"] == false).then_some(())
        })
        .await;
    }
    let there = cluster.at(&acme, 1);
    there
        .publish(&news, json!({ "data": "before" }))
        .await
        .expect(201);
    assert_eq!(ada.text().await, "before", "her own node goes on serving her");
    acme.consent("ada", "news", "withdrawn").await.expect(201);
    there.publish(&news, json!({ "data": "after" })).await.expect(201);
    loop {
        match ada.frame().await {
            Frame::Text(text) => assert_ne!(text, "after"),
            Frame::Close(code, _) => {
                assert_eq!(code, 4030);
                break;
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_stopped_for_a_while_serves_nobody_what_was_withdrawn_meanwhile() {
    let Some(cluster) = Cluster::start(2).await else {
        return;
    };
    let acme = cluster.nodes[0].tenant("acme").await;
    let news = acme.purpose("news").await;
    let body = json!({ "slug": "news", "kind": "channel", "purpose_id": news, "on_withdrawal": "close" });
    let news = acme.endpoint(body).await;
    acme.consent("ada", "news", "given").await.expect(201);
    let mut ada = cluster.connect(&acme, &news, 1, "ada").await;
    signal(&cluster.nodes[1], "-STOP");
    let asked = Instant::now();
    acme.consent("ada", "news", "withdrawn").await.expect(201);
    let took = asked.elapsed();
    assert!(
        took > Duration::from_secs(3),
        "its lease was waited for: {took:?}"
    );
    assert!(took < Duration::from_secs(20), "and no longer: {took:?}");
    for n in 0..20 {
        acme.publish(&news, json!({ "data": n })).await.expect(201);
    }
    signal(&cluster.nodes[1], "-CONT");
    let (heard, code, _) = ada.closed_after().await;
    assert_eq!(heard, 0, "not one of them");
    assert!([4030, 4031, 4200].contains(&code), "{code}");
    cluster.is_whole(2).await;
}

fn signal(node: &Server, signal: &str) {
    let pid = node.pid().to_string();
    let sent = std::process::Command::new("kill").args([signal, &pid]).status();
    assert!(sent.expect("kill runs").success());
}
