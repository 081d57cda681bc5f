//! Pools of sockets to tenants' back ends: counted over all nodes, seen over all nodes, and told what to do on all of them.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::{Echo, Endpoint, Server, Socket, Tenant, eventually, wait::eventually_within};

use crate::cluster::Cluster;

async fn relay(acme: &Tenant, echo: &Echo, min: u32, max: u32) -> Endpoint {
    let body = json!({
        "slug": "relay", "kind": "relay", "upstream_url": echo.url(), "pool_min": min, "pool_max": max,
    });
    acme.endpoint(body).await
}

async fn pool(acme: &Tenant, relay: &Endpoint) -> Value {
    let path = format!("/endpoints/{}/pool", relay.id);
    acme.owner.get(path).await.expect(200)
}

async fn order(acme: &Tenant, relay: &Endpoint, order: &str) -> Value {
    let path = format!("/endpoints/{}/pool/{order}", relay.id);
    acme.owner.post(path, json!({})).await.expect(200)
}

async fn answers(socket: &mut Socket, words: &str) {
    socket.send(words).await;
    assert_eq!(socket.text().await, words);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_nodes_together_never_open_more_than_max_and_everybody_gets_a_turn() {
    let Some(cluster) = Cluster::start(3).await else {
        return;
    };
    let acme = cluster.nodes[0].tenant("acme").await;
    let echo = Echo::start().await;
    let relay = relay(&acme, &echo, 1, 4).await;
    let mut visits = Vec::new();
    for node in 0..3 {
        for n in 0..12 {
            let token = acme.token(&relay, &format!("person-{node}-{n}")).await;
            let base = |node: usize| cluster.nodes[node].base().replacen("http", "ws", 1);
            let url = relay.url(&token).replacen(&base(0), &base(node), 1);
            visits.push(tokio::spawn(async move {
                // Who was sent away to come back does so.
                for _ in 0..40 {
                    let Ok(mut socket) = Socket::try_connect(&url, &[]).await else {
                        tokio::time::sleep(Duration::from_millis(300)).await;
                        continue;
                    };
                    drop(socket.try_send("hello").await);
                    match socket.frame().await {
                        tests::socket::Frame::Text(text) => {
                            assert_eq!(text, "hello");
                            tokio::time::sleep(Duration::from_millis(50)).await;
                            socket.close(1000, "").await;
                            return;
                        }
                        tests::socket::Frame::Close(4100, _) => {}
                        other => panic!("{other:?}"),
                    }
                }
                panic!("never served");
            }));
        }
    }
    for visit in visits {
        visit.await.expect("served");
    }
    assert!(echo.most() <= 4, "the back end saw {} at once", echo.most());
    let seen = pool(&acme, &relay).await;
    assert_eq!(seen["nodes"].as_array().map(Vec::len), Some(3), "{seen:#}");
    assert!(seen["leased"].as_u64() <= Some(4), "{seen:#}");
    assert_eq!(seen["waiting"], 0, "{seen:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_nodes_sockets_are_free_for_the_others_in_time() {
    let Some(mut cluster) = Cluster::start(3).await else {
        return;
    };
    let acme = cluster.nodes[0].tenant("acme").await;
    let echo = Echo::start().await;
    let relay = relay(&acme, &echo, 0, 2).await;
    let mut held = Vec::new();
    for n in 0..2 {
        let mut socket = cluster.connect(&acme, &relay, 2, &format!("held-{n}")).await;
        answers(&mut socket, "mine").await;
        held.push(socket);
    }
    cluster.nodes[2].kill();
    let killed = Instant::now();
    let token = acme.token(&relay, "next").await;
    let served = eventually_within(Duration::from_mins(1), "a socket for somebody else", || async {
        let mut socket = Socket::try_connect(&relay.url(&token), &[]).await.ok()?;
        socket.try_send("mine").await.ok()?;
        let heard = socket.within(Duration::from_secs(6)).await?;
        matches!(heard, tests::socket::Frame::Text(_)).then_some(socket)
    })
    .await;
    assert!(
        killed.elapsed() < Duration::from_secs(50),
        "{:?}",
        killed.elapsed()
    );
    assert!(echo.most() <= 2);
    drop(served);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_redis_sockets_in_use_stay_and_none_are_added_until_it_is_back() {
    let Some(cluster) = Cluster::start(2).await else {
        return;
    };
    let acme = cluster.nodes[0].tenant("acme").await;
    let echo = Echo::start().await;
    let relay = relay(&acme, &echo, 0, 3).await;
    let mut ada = cluster.connect(&acme, &relay, 0, "ada").await;
    answers(&mut ada, "before").await;
    cluster.redis.stop();
    answers(&mut ada, "meanwhile").await;
    let token = acme.token(&relay, "bob").await;
    let mut bob = Socket::connect(&relay.url(&token)).await;
    bob.send("let me in").await;
    bob.is_silent_for(Duration::from_millis(1_500)).await;
    assert_eq!(echo.open(), 1, "nothing is dialled beyond what is held");
    // It comes back with nothing in it, as after FLUSHALL.
    cluster.redis.start_again();
    cluster.is_whole(2).await;
    answers(&mut ada, "after").await;
    let served = eventually_within(Duration::from_secs(30), "bob is served", || async {
        let mut socket = Socket::try_connect(&relay.url(&token), &[]).await.ok()?;
        socket.try_send("let me in").await.ok()?;
        let heard = socket.within(Duration::from_secs(6)).await?;
        matches!(heard, tests::socket::Frame::Text(_)).then_some(socket)
    })
    .await;
    drop(served);
    assert!(echo.most() <= 3);
    let seen = pool(&acme, &relay).await;
    assert!(
        seen["leased"].as_u64() >= Some(1),
        "what was held before is counted again: {seen:#}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_pool_is_told_on_one_node_is_done_on_all() {
    let Some(cluster) = Cluster::start(2).await else {
        return;
    };
    let acme = cluster.nodes[0].tenant("acme").await;
    let echo = Echo::start().await;
    let relay = relay(&acme, &echo, 1, 6).await;
    let mut ada = cluster.connect(&acme, &relay, 0, "ada").await;
    let mut bob = cluster.connect(&acme, &relay, 1, "bob").await;
    answers(&mut ada, "hello").await;
    answers(&mut bob, "hello").await;
    order(&acme, &relay, "drain").await;
    answers(&mut bob, "still here").await;
    for node in 0..2 {
        let base = |node: usize| cluster.nodes[node].base().replacen("http", "ws", 1);
        let token = acme.token(&relay, "carl").await;
        let url = relay.url(&token).replacen(&base(0), &base(node), 1);
        let refused = Socket::try_connect(&url, &[]).await.expect_err("nobody comes in");
        assert_eq!(refused.status, 503);
    }
    ada.close(1000, "").await;
    bob.close(1000, "").await;
    eventually("everything is drained", || async {
        (pool(&acme, &relay).await["state"] == "drained").then_some(())
    })
    .await;
    assert_eq!(echo.open(), 0);
    let back = order(&cluster.at(&acme, 1), &relay, "resume").await;
    assert_eq!(back["state"], "open", "{back:#}");
    let mut ada = cluster.connect(&acme, &relay, 0, "ada").await;
    answers(&mut ada, "again").await;
}

#[tokio::test]
async fn a_paused_pool_lets_people_wait_and_a_resumed_one_serves_them() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let echo = Echo::start().await;
    let relay = relay(&acme, &echo, 1, 4).await;
    assert_eq!(pool(&acme, &relay).await["state"], "unused");
    let mut ada = acme.connect(&relay, "ada").await;
    answers(&mut ada, "hello").await;
    assert_eq!(order(&acme, &relay, "pause").await["state"], "paused");
    answers(&mut ada, "still here").await;
    let token = acme.token(&relay, "bob").await;
    let mut bob = Socket::connect(&relay.url(&token)).await;
    bob.send("let me in").await;
    bob.is_silent_for(Duration::from_millis(300)).await;
    let waits = pool(&acme, &relay).await;
    assert_eq!(
        (&waits["waiting"], &waits["sessions"]),
        (&json!(1), &json!(1)),
        "{waits:#}"
    );
    assert!(waits["max_wait_ms"].as_u64() >= Some(100), "{waits:#}");
    assert_eq!(order(&acme, &relay, "resume").await["state"], "open");
    assert_eq!(bob.text().await, "let me in");
    let told: Vec<Value> = acme.owner.all("/audit-events").await;
    for action in ["endpoint.pool_paused", "endpoint.pool_resumed"] {
        let count = told.iter().filter(|event| event["kind"] == action).count();
        assert_eq!(count, 1, "{action}");
    }
}

#[tokio::test]
async fn a_pool_that_reconnects_sends_its_people_to_new_sockets() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let echo = Echo::start().await;
    let relay = relay(&acme, &echo, 1, 4).await;
    let mut ada = acme.connect(&relay, "ada").await;
    answers(&mut ada, "hello").await;
    eventually("a warm one beside hers", || async {
        (echo.open() == 2).then_some(())
    })
    .await;
    let before = echo.accepted();
    order(&acme, &relay, "reconnect").await;
    assert_eq!(ada.close_code().await, 4200);
    eventually("a new warm socket", || async {
        let seen = pool(&acme, &relay).await;
        (echo.accepted() > before && seen["idle"] == 1 && seen["active"] == 0).then_some(())
    })
    .await;
    let mut ada = acme.connect(&relay, "ada").await;
    answers(&mut ada, "again").await;
}

#[tokio::test]
async fn who_comes_while_the_back_end_is_away_is_told_when_to_come_back() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let gone = format!("ws://{}/", tests::ports::free());
    let relay = acme.relay("relay", &gone).await;
    let token = acme.token(&relay, "ada").await;
    let refused = eventually_within(
        Duration::from_secs(20),
        "a refusal before the handshake",
        || async { Socket::try_connect(&relay.url(&token), &[]).await.err() },
    )
    .await;
    assert_eq!(refused.status, 503, "{}", refused.body);
    assert!(refused.body.contains("\"unavailable\""), "{}", refused.body);
    let broken = eventually("the breaker is open", || async {
        let seen = pool(&acme, &relay).await;
        (seen["breaker"] == "open").then_some(seen)
    })
    .await;
    assert!(broken["failures"].as_u64() >= Some(3), "{broken:#}");
}

#[tokio::test]
async fn an_endpoint_that_is_changed_does_not_get_a_second_set_of_sockets() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let echo = Echo::start().await;
    let relay = relay(&acme, &echo, 0, 2).await;
    let mut held = Vec::new();
    for n in 0..2 {
        let mut socket = acme.connect(&relay, &format!("held-{n}")).await;
        answers(&mut socket, "mine").await;
        held.push(socket);
    }
    let change = json!({ "max_message_bytes": 4096 });
    acme.owner
        .patch(format!("/endpoints/{}", relay.id), change)
        .await
        .expect(200);
    let token = acme.token(&relay, "third").await;
    let mut third = Socket::connect(&relay.url(&token)).await;
    third.send("let me in").await;
    third.is_silent_for(Duration::from_millis(400)).await;
    assert_eq!(echo.open(), 2);
    held.pop().expect("there is one").close(1000, "").await;
    assert_eq!(third.text().await, "let me in");
    assert_eq!(echo.most(), 2);
}

#[tokio::test]
async fn only_who_may_change_endpoints_tells_their_pools_what_to_do() {
    let server = Server::start().await;
    let acme = server.tenant("acme").await;
    let echo = Echo::start().await;
    let relay = relay(&acme, &echo, 0, 2).await;
    let reader = acme.key(&["endpoints:read"]).await;
    reader
        .get(format!("/endpoints/{}/pool", relay.id))
        .await
        .expect(200);
    for order in ["drain", "pause", "resume", "reconnect"] {
        let path = format!("/endpoints/{}/pool/{order}", relay.id);
        reader.post(path, json!({})).await.check(403);
    }
    let chat = acme.channel("chat").await;
    let path = format!("/endpoints/{}/pool/pause", chat.id);
    acme.owner.post(path, json!({})).await.check(409);
}
