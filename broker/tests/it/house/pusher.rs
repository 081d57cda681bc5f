//! Clients that speak the Pusher protocol, and the tenant's back end that signs for them.

use std::sync::Arc;

use broker::{
    Broker, Post, PusherOptions, Scope, Selector, SocketId,
    host::{Direction, Identity, Label, Payload, Source},
    pusher::signature::{sign_channel, sign_user},
};
use ring::hmac;
use serde_json::{Value, json};
use tokio::io::duplex;
use tokio_tungstenite::{WebSocketStream, tungstenite::protocol::Role};

use super::{Client, House, KEY, SECRET, TENANT, eventually, tenant};

pub(crate) fn secret() -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes())
}

/// What the protocol said.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Said {
    pub(crate) event: String,
    /// The whole message.
    pub(crate) all: Value,
    /// What its data holds, where that is JSON in a text.
    pub(crate) data: Value,
}

impl Said {
    fn read(text: &str) -> Self {
        let all: Value = serde_json::from_str(text).expect("it says JSON");
        let data = match &all["data"] {
            Value::String(data) => serde_json::from_str(data).unwrap_or_else(|_| data.clone().into()),
            data => data.clone(),
        };
        let event = all["event"].as_str().expect("it names an event").to_owned();
        Self { event, all, data }
    }

    /// What `subscription_succeeded` says of the past.
    pub(crate) fn weir(&self) -> &Value {
        assert_eq!(
            self.event, "pusher_internal:subscription_succeeded",
            "{:?}",
            self.all
        );
        &self.data["weir"]
    }
}

/// A client, after the greeting.
pub(crate) struct Pusher {
    pub(crate) client: Client,
    pub(crate) socket_id: String,
}

/// Takes what comes: limits that no test runs into by chance.
pub(crate) fn options() -> PusherOptions {
    PusherOptions {
        client_events_per_second: 0,
        ..PusherOptions::default()
    }
}

pub(crate) async fn join(house: &House, broker: &Broker) -> Pusher {
    join_with(broker, house.nobody(), options()).await
}

pub(crate) async fn join_with(broker: &Broker, who: Arc<Identity>, options: PusherOptions) -> Pusher {
    let mut pusher = arrive(broker, who, options, 256 << 10).await;
    let greeting = pusher.hear("pusher:connection_established").await;
    assert_eq!(greeting.data["socket_id"], pusher.socket_id);
    pusher
}

/// Somebody who has not been greeted yet, through a pipe that holds `buffer` bytes each way.
pub(crate) async fn arrive(
    broker: &Broker,
    who: Arc<Identity>,
    options: PusherOptions,
    buffer: usize,
) -> Pusher {
    let (near, far) = duplex(buffer);
    let served = tokio::spawn({
        let (broker, who) = (broker.clone(), Arc::clone(&who));
        async move { broker.serve_pusher(far, who, &options).await }
    });
    let socket = WebSocketStream::from_raw_socket(near, Role::Client, None).await;
    let socket_id = SocketId(who.session).to_string();
    let client = Client { socket, who, served };
    let only = Selector {
        tenant: TENANT,
        scope: Scope::Session(client.who.session),
    };
    eventually(|| !broker.sessions(only).is_empty() || client.served.is_finished()).await;
    Pusher { client, socket_id }
}

impl Pusher {
    pub(crate) async fn say(&mut self, message: Value) {
        self.client.say(&message.to_string()).await;
    }

    pub(crate) async fn next(&mut self) -> Said {
        Said::read(&self.client.hear().await)
    }

    /// The next message, which is this event.
    pub(crate) async fn hear(&mut self, event: &str) -> Said {
        let said = self.next().await;
        assert_eq!(said.event, event, "{}", said.all);
        said
    }

    /// The next message, whole.
    pub(crate) async fn hears(&mut self, message: Value) {
        assert_eq!(self.next().await.all, message);
    }

    /// Nothing comes, and the connection is there.
    pub(crate) async fn silence(&mut self) {
        self.say(json!({"event": "pusher:ping", "data": {}})).await;
        self.hears(json!({"event": "pusher:pong", "data": "{}"})).await;
    }

    pub(crate) fn auth(&self, channel: &str, data: Option<&str>) -> String {
        sign_channel(KEY, &secret(), &self.socket_id, channel, data)
    }

    /// Asks for a public channel.
    pub(crate) async fn ask(&mut self, channel: &str) {
        self.say(json!({"event": "pusher:subscribe", "data": {"channel": channel}}))
            .await;
    }

    /// Asks with a good signature.
    pub(crate) async fn ask_signed(&mut self, channel: &str, data: Option<&str>) {
        let auth = self.auth(channel, data);
        let data = json!({"channel": channel, "auth": auth, "channel_data": data});
        self.say(json!({"event": "pusher:subscribe", "data": data})).await;
    }

    /// Subscribes to any kind of channel but presence channels.
    pub(crate) async fn subscribe(&mut self, channel: &str) -> Said {
        self.ask_signed(channel, None).await;
        self.succeeds(channel).await
    }

    /// Subscribes to a presence channel.
    pub(crate) async fn subscribe_as(&mut self, channel: &str, user: &str) -> Said {
        let data = json!({"user_id": user, "user_info": {"name": user}}).to_string();
        self.ask_signed(channel, Some(&data)).await;
        self.succeeds(channel).await
    }

    pub(crate) async fn succeeds(&mut self, channel: &str) -> Said {
        let said = self.hear("pusher_internal:subscription_succeeded").await;
        assert_eq!(said.all["channel"], channel);
        said
    }

    /// Is told that it is not subscribed: with which status and type.
    pub(crate) async fn is_refused(&mut self, channel: &str) -> (u64, String) {
        let said = self.hear("pusher:subscription_error").await;
        assert_eq!(said.all["channel"], channel);
        assert!(said.all["data"].is_object(), "not encoded twice");
        let kind = said.data["type"].as_str().expect("a type").to_owned();
        (said.data["status"].as_u64().expect("a status"), kind)
    }

    pub(crate) async fn ask_sign_in(&mut self, user_data: &str) {
        let auth = sign_user(KEY, &secret(), &self.socket_id, user_data);
        let data = json!({"auth": auth, "user_data": user_data});
        self.say(json!({"event": "pusher:signin", "data": data})).await;
    }

    pub(crate) async fn sign_in(&mut self, user_data: Value) {
        let user_data = user_data.to_string();
        self.ask_sign_in(&user_data).await;
        let said = self.hear("pusher:signin_success").await;
        assert_eq!(said.data["user_data"], user_data);
    }

    /// Says that it knows what is added to the protocol.
    pub(crate) async fn hello(&mut self, hello: Value) -> Said {
        self.say(json!({"event": "weir:hello", "data": hello})).await;
        self.hear("weir:welcome").await
    }

    /// Hello with everything.
    pub(crate) async fn hello_all(&mut self) {
        let all = ["offsets", "acks", "notices", "expiry"];
        let welcome = self.hello(json!({"v": 1, "features": all})).await;
        assert_eq!(welcome.data["features"], json!(all));
    }

    /// Publishes a client event.
    pub(crate) async fn publish(&mut self, channel: &str, event: &str, data: Value) {
        self.say(json!({"event": event, "channel": channel, "data": data}))
            .await;
    }

    /// Is told what is wrong, and closed with the same code.
    pub(crate) async fn ends(&mut self, code: u16) -> String {
        let said = self.hear("pusher:error").await;
        assert_eq!(said.data["code"], code);
        assert_eq!(self.client.closed().await, code);
        said.data["message"].as_str().expect("a message").to_owned()
    }
}

/// An event of the tenant's.
pub(crate) fn event(channel: &str, name: &str, data: &str) -> Post {
    event_of(tenant(), channel, name, data)
}

pub(crate) fn event_of(source: Source, channel: &str, name: &str, data: &str) -> Post {
    let label = Label {
        event: name.into(),
        user: None,
    };
    Post {
        source,
        channel: channel.into(),
        direction: Direction::Outbound,
        payload: Payload::named(Arc::new(label), data),
        except: None,
    }
}
