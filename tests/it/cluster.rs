//! Several nodes on one Postgres and one Redis behave as one: what is said reaches everybody once and in one order, what is
//! withdrawn is withdrawn everywhere, and whoever may have missed something is told.

mod deaths;
mod delivery;
mod orders;
mod presence;
mod quotas;
mod redis;
mod withdrawal;

use std::sync::Arc;

use ring::hmac;
use serde_json::{Value, json};
use tests::{
    Endpoint, Server, Socket, Tenant,
    backends::{Postgres, Redis},
    eventually,
    tenant::text,
};

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
