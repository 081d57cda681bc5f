//! Several nodes on one Postgres and one Redis behave as one: what is said reaches everybody once and in one order, what is
//! withdrawn is withdrawn everywhere, and whoever may have missed something is told.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::hmac;
use serde_json::{Value, json};
use tests::{
    Endpoint, Receiver, Server, Socket, Tenant,
    backends::{Postgres, Redis},
    eventually,
    socket::Frame,
    tenant::text,
    wait::eventually_within,
};
use tokio::time::sleep;

/// Nodes of one installation. The first one also works.
pub(crate) struct Cluster {
    pub(crate) nodes: Vec<Server>,
    pub(crate) redis: Arc<Redis>,
}

impl Cluster {
    /// Nodes that hear each other, or nothing where Postgres and Redis are not installed.
    pub(crate) async fn start(count: usize) -> Option<Self> {
        Self::start_with(count, &[]).await
    }

    /// The same with settings of their own.
    pub(crate) async fn start_with(count: usize, settings: &[(&str, &str)]) -> Option<Self> {
        if !Postgres::is_installed() || !Redis::is_installed() {
            eprintln!("skipped: postgresql and redis-server are not installed; `make test` installs them");
            return None;
        }
        let database = Postgres::shared().database();
        let redis = Arc::new(Redis::start());
        let builder = |number: usize| {
            settings
                .iter()
                .fold(Server::builder(), |builder, (name, value)| {
                    builder.env(name, *value)
                })
                .env("WEIR_NODE__NAME", format!("node-{number}"))
                .env("WEIR_NODE__NUMBER", number.to_string())
                .database(database.clone())
                .redis(Arc::clone(&redis))
        };
        let mut nodes = vec![builder(1).start().await];
        for number in 2..=count {
            let node = builder(number).role("api").beside(&nodes[0]).start().await;
            nodes.push(node);
        }
        let cluster = Self { nodes, redis };
        cluster.is_whole(count).await;
        Some(cluster)
    }

    /// Waits until so many nodes hear each other and miss nothing.
    pub(crate) async fn is_whole(&self, count: usize) {
        for node in self.nodes.iter().filter(|node| node.is_running()) {
            eventually("all nodes hear each other", || async {
                let ready = readiness(node).await;
                (ready["backplane"] == true && ready["nodes"] == count).then_some(())
            })
            .await;
        }
    }

    /// The tenant's owner at another node.
    pub(crate) fn at(&self, tenant: &Tenant, node: usize) -> Tenant {
        Tenant {
            owner: self.nodes[node].nobody().with_token(tenant.owner.token()),
            ..tenant.clone()
        }
    }

    /// A person on a plain socket of a node.
    pub(crate) async fn connect(
        &self,
        tenant: &Tenant,
        endpoint: &Endpoint,
        node: usize,
        sub: &str,
    ) -> Socket {
        let token = tenant.token(endpoint, sub).await;
        let base = |node: &Server| node.base().replacen("http", "ws", 1);
        let url = endpoint
            .url(&token)
            .replacen(&base(&self.nodes[0]), &base(&self.nodes[node]), 1);
        Socket::connect(&url).await.served().await
    }

    /// Somebody on a presence channel of a node.
    async fn join(&self, endpoint: &Endpoint, node: usize, channel: &str, user: &str) -> (Socket, Value) {
        let key = text(&endpoint.json["key"]);
        let path = format!("/app/{key}?protocol=7");
        let mut socket = self.nodes[node].connect(&path, &[]).await.expect("a handshake");
        let hello = socket.json().await;
        let data: Value = serde_json::from_str(&text(&hello["data"])).expect("JSON in JSON");
        let who = json!({ "user_id": user, "user_info": { "name": user } }).to_string();
        let signed = format!("{}:{channel}:{who}", text(&data["socket_id"]));
        let secret = hmac::Key::new(hmac::HMAC_SHA256, endpoint.secret.as_bytes());
        let auth = format!("{key}:{}", hex::encode(hmac::sign(&secret, signed.as_bytes())));
        let wish = json!({ "channel": channel, "auth": auth, "channel_data": who });
        socket
            .send(json!({ "event": "pusher:subscribe", "data": wish }).to_string())
            .await;
        let welcome = socket.json().await;
        assert_eq!(
            welcome["event"], "pusher_internal:subscription_succeeded",
            "{welcome}"
        );
        let data: Value = serde_json::from_str(&text(&welcome["data"])).expect("JSON in JSON");
        (socket, data["presence"].clone())
    }
}

/// What a node says of itself.
async fn readiness(node: &Server) -> Value {
    let nobody = node.nobody();
    let asked = nobody.request(reqwest::Method::GET, "//readyz");
    nobody
        .try_send(asked)
        .await
        .map_or(Value::Null, |answer| answer.json())
}

/// What a plain socket hears: so many messages.
async fn hears(socket: &mut Socket, count: usize) -> Vec<String> {
    let mut heard = Vec::new();
    for _ in 0..count {
        heard.push(socket.text().await);
    }
    heard
}

/// A socket of a subscriber who wants to be told where the channel stands.
async fn with_offsets(
    cluster: &Cluster,
    endpoint: &Endpoint,
    node: usize,
    recover: Value,
) -> (Socket, Value) {
    let key = text(&endpoint.json["key"]);
    let path = format!("/app/{key}?protocol=7");
    let mut socket = cluster.nodes[node]
        .connect(&path, &[])
        .await
        .expect("a handshake");
    socket.text().await;
    let hello = json!({ "v": 1, "features": ["offsets"] });
    let hello = json!({ "event": "weir:hello", "data": hello });
    socket.send(hello.to_string()).await;
    assert!(socket.text().await.contains("weir:welcome"));
    let mut wish = json!({ "channel": "room" });
    if !recover.is_null() {
        wish["recover"] = recover;
    }
    socket
        .send(json!({ "event": "pusher:subscribe", "data": wish }).to_string())
        .await;
    let welcome = socket.json().await;
    assert_eq!(
        welcome["event"], "pusher_internal:subscription_succeeded",
        "{welcome}"
    );
    let data: Value = serde_json::from_str(&text(&welcome["data"])).expect("JSON in JSON");
    (socket, data["weir"].clone())
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_said_on_any_node_is_heard_on_all_once_and_in_one_order() {
    let Some(cluster) = Cluster::start(3).await else {
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_records_is_heard_on_all_once_and_in_one_order_too() {
    let Some(cluster) = Cluster::start(3).await else {
        return;
    };
    let acme = cluster.nodes[0].tenant_without_rules("acme").await;
    let chat = acme.channel("chat").await;
    alike_everywhere(&cluster, &acme, &chat).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_withdrawal_at_one_node_stops_everything_on_another_before_it_answers() {
    let Some(cluster) = Cluster::start(2).await else {
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
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_each_of_many_withdrawals_on_three_nodes_nothing_is_delivered_to_whoever_withdrew() {
    const PERSONS: usize = 30;
    let Some(cluster) = Cluster::start(3).await else {
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
                match socket.frame().await {
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_endpoint_and_a_revoked_key_act_on_every_node_when_the_change_is_answered() {
    let Some(cluster) = Cluster::start(2).await else {
        return;
    };
    let acme = cluster.nodes[0].tenant("acme").await;
    let chat = acme.channel("chat").await;
    let there = cluster.at(&acme, 1);
    for n in 0..5 {
        let key = acme
            .owner
            .post(
                "/api-keys",
                json!({ "name": format!("key {n}"), "scopes": ["endpoints:read"] }),
            )
            .await
            .expect(201);
        let client = cluster.nodes[1].nobody().with_token(text(&key["token"]));
        client.get("/endpoints").await.expect(200);
        let id = text(&key["id"]);
        let answer = acme.owner.delete(format!("/api-keys/{id}")).await;
        assert!(answer.is_success(), "{}", answer.text());
        assert_eq!(
            client.get("/endpoints").await.status,
            401,
            "revoked is revoked everywhere"
        );
    }
    let mut ada = cluster.connect(&acme, &chat, 1, "ada").await;
    there.publish(&chat, json!({ "data": "one" })).await.expect(201);
    assert_eq!(ada.text().await, "one");
    let off = acme
        .owner
        .patch(format!("/endpoints/{}", chat.id), json!({ "enabled": false }))
        .await;
    off.expect(200);
    assert_eq!(ada.close_code().await, 4003);
    let refused = there.publish(&chat, json!({ "data": "two" })).await;
    assert!(!refused.is_success(), "{}", refused.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_of_all_nodes_see_each_other_and_those_of_a_killed_node_are_gone_in_time() {
    let Some(mut cluster) = Cluster::start(3).await else {
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_flushed_and_restarted_under_load_loses_nothing_that_is_recorded() {
    let Some(cluster) = Cluster::start(2).await else {
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
            let mut said = 0;
            while !stop.load(Ordering::SeqCst) {
                acme.publish(&chat, json!({ "data": format!("{node}-{said}") }))
                    .await
                    .expect(201);
                said += 1;
                sleep(Duration::from_millis(2)).await;
            }
            said
        }));
    }
    sleep(Duration::from_millis(500)).await;
    cluster.redis.ask(&["FLUSHALL"]);
    sleep(Duration::from_millis(300)).await;
    cluster.redis.stop();
    for node in &cluster.nodes {
        eventually("it says that it is cut off", || async {
            let ready = readiness(node).await;
            (ready["ready"] == true && ready["degraded"] == json!(["backplane"])).then_some(())
        })
        .await;
    }
    sleep(Duration::from_millis(500)).await;
    cluster.redis.start_again();
    cluster.is_whole(2).await;
    sleep(Duration::from_millis(300)).await;
    stop.store(true, Ordering::SeqCst);
    let mut total = 0;
    for flood in floods {
        total += flood.await.expect("every publish was taken");
    }
    let first = hears(&mut ears[0], total).await;
    assert_eq!(
        hears(&mut ears[1], total).await,
        first,
        "both heard everything in one order"
    );
    for ear in &mut ears {
        ear.is_silent_for(Duration::from_millis(300)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_nothing_is_recorded_whoever_may_have_missed_something_is_told() {
    let Some(cluster) = Cluster::start(2).await else {
        return;
    };
    let acme = cluster.nodes[0].tenant_without_rules("acme").await;
    let chat = acme.channel("chat").await;
    let (mut ada, standing) = with_offsets(&cluster, &chat, 1, Value::Null).await;
    assert_eq!(standing["offset"], 0);
    let say = |node: usize, words: &'static str| {
        let acme = cluster.at(&acme, node);
        let chat = chat.clone();
        async move {
            acme.publish(&chat, json!({ "data": words, "channel": "room" }))
                .await
                .expect(201)
        }
    };
    say(0, "one").await;
    say(1, "two").await;
    let (one, two) = (ada.json().await, ada.json().await);
    assert_eq!((&one["data"], &one["offset"]), (&json!("one"), &json!(1)));
    assert_eq!((&two["data"], &two["offset"]), (&json!("two"), &json!(2)));
    // Who comes back on another node has missed nothing.
    let mark = json!({ "offset": 2, "epoch": two["epoch"] });
    let (_there, standing) = with_offsets(&cluster, &chat, 0, mark).await;
    assert_eq!(standing["recovered"], true, "{standing}");

    // A flush ends the count, and nothing is missed by those who are there.
    cluster.redis.ask(&["FLUSHALL"]);
    say(0, "three").await;
    let three = ada.json().await;
    assert_eq!((&three["data"], &three["offset"]), (&json!("three"), &json!(1)));
    assert_ne!(three["epoch"], two["epoch"]);

    // Cut off, this node says it to its own; the others cannot know, so they are sent away to be told.
    cluster.redis.stop();
    for node in &cluster.nodes {
        eventually("it says that it is cut off", || async {
            (readiness(node).await["backplane"] == false).then_some(())
        })
        .await;
    }
    say(0, "four").await;
    cluster.redis.start_again();
    assert_eq!(ada.close_code().await, 4200);
    cluster.is_whole(2).await;
    let mark = json!({ "offset": 1, "epoch": three["epoch"] });
    let (mut ada, standing) = with_offsets(&cluster, &chat, 1, mark).await;
    assert_eq!(standing["recovered"], false, "{standing}");
    say(0, "five").await;
    assert_eq!(ada.json().await["data"], "five");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_withdrawal_while_redis_is_away_acts_on_every_node_before_it_answers() {
    let Some(cluster) = Cluster::start(2).await else {
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

#[tokio::test]
async fn nothing_that_anybody_says_or_is_called_can_be_read_in_redis() {
    let Some(cluster) = Cluster::start(2).await else {
        return;
    };
    let acme = cluster.nodes[0].tenant_without_rules("acme").await;
    let chat = acme.channel("chat").await;
    let mut spy = std::process::Command::new("redis-cli")
        .args(["-p", &cluster.redis.port().to_string(), "monitor"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("redis-cli is installed with Redis");
    sleep(Duration::from_millis(200)).await;
    let mut bob = cluster.connect(&acme, &chat, 1, "bob-the-subject").await;
    let (_ada, _) = cluster
        .join(&chat, 0, "presence-secret-room", "ada-the-user")
        .await;
    let body = json!({ "data": "a secret word", "subject": "bob-the-subject" });
    acme.publish(&chat, body).await.expect(201);
    assert_eq!(bob.text().await, "a secret word");
    sleep(Duration::from_millis(700)).await;
    spy.kill().expect("it runs");
    let seen = spy.wait_with_output().expect("it ended").stdout;
    let seen = String::from_utf8_lossy(&seen);
    assert!(seen.contains("PUBLISH"), "something was seen: {seen}");
    for word in [
        "a secret word",
        "bob-the-subject",
        "ada-the-user",
        "secret-room",
        &STANDARD.encode("a secret word"),
    ] {
        assert!(!seen.contains(word), "{word:?} is readable");
    }
    // Every key of a tenant's carries its hash tag.
    assert!(seen.contains(":{") && seen.contains("}:c:"), "{seen}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tenants_are_told_of_the_first_and_the_last_of_all_nodes_and_of_the_dead() {
    let settings = [("WEIR_WEBHOOKS__RETURN_WITHIN_MS", "2500")];
    let Some(mut cluster) = Cluster::start_with(3, &settings).await else {
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
