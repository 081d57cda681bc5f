//! Several nodes on one Postgres and one Redis behave as one: what is said reaches everybody once and in one order, what is
//! withdrawn is withdrawn everywhere, and whoever may have missed something is told.

mod deaths;
mod delivery;
mod networks;
mod orders;
mod postgres;
mod presence;
mod quotas;
mod redis;
mod restarts;
mod withdrawal;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use reqwest::Method;
use ring::hmac;
use serde_json::{Value, json};
use tests::{
    Builder, Endpoint, Server, Socket, Tenant,
    backends::{Postgres, Redis},
    eventually,
    tenant::text,
    wait::PATIENCE,
};
use tokio::time::sleep;

/// What carries between nodes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Carrier {
    /// A Redis.
    OneRedis,
    /// Three, which are a Redis Cluster.
    RedisCluster,
}

/// The same story over each carrier.
macro_rules! on_each_carrier {
    ($($name:ident)*) => {$(
        mod $name {
            use crate::cluster::Carrier;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_one_redis() {
                super::$name(Carrier::OneRedis).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_a_redis_cluster() {
                super::$name(Carrier::RedisCluster).await;
            }
        }
    )*};
}
use on_each_carrier;

/// Whether there is something to try this on.
fn is_installed() -> bool {
    let is = Postgres::is_installed() && Redis::is_installed();
    if !is {
        eprintln!("skipped: postgresql and redis-server are not installed; `make test` installs them");
    }
    is
}

/// Nodes of one installation. The first one also works.
pub(crate) struct Cluster {
    pub(crate) nodes: Vec<Server>,
    pub(crate) redis: Arc<Redis>,
}

impl Cluster {
    /// Nodes that hear each other, or nothing where Postgres and Redis are not installed.
    pub(crate) async fn start(count: usize) -> Option<Self> {
        Self::start_on(Carrier::OneRedis, count).await
    }

    /// The same over what one chooses.
    pub(crate) async fn start_on(carrier: Carrier, count: usize) -> Option<Self> {
        Self::start_with(carrier, count, |_, builder| builder).await
    }

    /// The same with settings of their own, by the number of the node, from 1 on.
    pub(crate) async fn start_with(
        carrier: Carrier,
        count: usize,
        tune: impl Fn(usize, Builder) -> Builder,
    ) -> Option<Self> {
        if !is_installed() {
            return None;
        }
        let redis = match carrier {
            Carrier::OneRedis => Redis::start(),
            Carrier::RedisCluster => Redis::start_cluster(),
        };
        Some(Self::start_over(Arc::new(redis), count, tune).await)
    }

    /// The same over a Redis that is there.
    pub(crate) async fn start_over(
        redis: Arc<Redis>,
        count: usize,
        tune: impl Fn(usize, Builder) -> Builder,
    ) -> Self {
        let database = Postgres::shared().database();
        let builder = |number: usize| {
            let builder = Server::builder()
                .env("WEIR_NODE__NAME", format!("node-{number}"))
                .env("WEIR_NODE__NUMBER", number.to_string())
                .database(database.clone())
                .redis(Arc::clone(&redis));
            tune(number, builder)
        };
        let mut nodes = vec![builder(1).start().await];
        for number in 2..=count {
            let node = builder(number).role("api").beside(&nodes[0]).start().await;
            nodes.push(node);
        }
        let cluster = Self { nodes, redis };
        cluster.is_whole(count).await;
        cluster
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
    let asked = nobody.request(Method::GET, "//readyz");
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

/// Says it by one node or another until it is acknowledged. The key makes one of what is said again.
async fn say(at: &[Tenant], endpoint: &Endpoint, channel: &str, words: &str) {
    let path = format!("/endpoints/{}/messages", endpoint.id);
    let end = Instant::now() + PATIENCE;
    for acme in at.iter().cycle() {
        let request = acme
            .owner
            .request(Method::POST, &path)
            .header("idempotency-key", format!("{channel}/{words}"))
            .timeout(Duration::from_secs(10))
            .json(&json!({ "data": words, "channel": channel }));
        let answer = acme.owner.try_send(request).await;
        match &answer {
            Ok(answer) if answer.status == 201 => return,
            // Somebody else has it in hand, or nobody can take it now.
            Ok(answer) if [409, 500, 502, 503, 504].contains(&answer.status) => {}
            Ok(answer) => panic!("{}: {}", answer.status, answer.text()),
            Err(_) => {}
        }
        assert!(Instant::now() < end, "{words} was not taken: {answer:?}");
        sleep(Duration::from_millis(100)).await;
    }
}
