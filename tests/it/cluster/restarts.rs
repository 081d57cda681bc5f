//! All nodes are restarted, one after the other, while thousands listen and messages come and go.
//!
//! `WEIR_TEST_CLIENTS=3000 cargo test -p tests rolling` makes it as many; by itself it is what two cores do in half a minute beside
//! other tests.

use std::{
    env,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tests::{Builder, Socket, Tenant, eventually, socket::Frame, tenant::text, wait::PATIENCE};
use tokio::{task::JoinSet, time::sleep};

use super::{Carrier, Cluster, on_each_carrier, say};

on_each_carrier! {
    a_rolling_restart_loses_no_message_doubles_none_and_keeps_their_order
}

/// Subscribers of a channel.
const CROWD: usize = 100;
/// How often something is said on a channel.
const EVERY: Duration = Duration::from_secs(1);
/// What is said last.
const END: &str = "end";

/// Somebody who listens, and goes to another node when sent away.
struct Client {
    number: usize,
    /// Where the endpoint's sockets are opened, at each node.
    doors: Arc<[String]>,
    channel: String,
    /// The last message that it has, or where it was told that the channel stands.
    mark: Option<(String, i64)>,
    /// The number that the last message says.
    last: Option<u64>,
    there: Arc<AtomicUsize>,
    came_back: usize,
}

impl Client {
    /// Listens until the end. Answers how often it came back.
    async fn listen(mut self) -> usize {
        let end = Instant::now() + 5 * PATIENCE;
        for node in self.number.. {
            assert!(Instant::now() < end, "{} never heard the end", self.number);
            if self.visit(node % self.doors.len()).await {
                break;
            }
            // Who was sent away at the same time does not come back in the same moment.
            sleep(Duration::from_millis(20 + self.number as u64 % 200)).await;
        }
        self.came_back
    }

    /// One connection. Answers whether it heard the end.
    async fn visit(&mut self, node: usize) -> bool {
        let Ok(mut socket) = Socket::try_connect(&self.doors[node], &[]).await else {
            return false;
        };
        let hello = json!({ "event": "weir:hello", "data": { "v": 1, "features": ["offsets"] } });
        let mut wish = json!({ "channel": self.channel });
        if let Some((epoch, offset)) = &self.mark {
            wish["recover"] = json!({ "offset": offset, "epoch": epoch });
        }
        let wish = json!({ "event": "pusher:subscribe", "data": wish });
        for event in [hello, wish] {
            if socket.try_send(event.to_string()).await.is_err() {
                return false;
            }
        }
        loop {
            // Nothing is said before everybody is there.
            match socket.within(5 * PATIENCE).await {
                Some(Frame::Text(heard)) => {
                    let heard: Value = serde_json::from_str(&heard).expect("JSON");
                    if self.hear(&heard) {
                        return true;
                    }
                }
                // Come back elsewhere, says the protocol.
                Some(Frame::Close(4200..=4299, _) | Frame::Lost) => return false,
                other => panic!("client {}: {other:?}", self.number),
            }
        }
    }

    fn hear(&mut self, heard: &Value) -> bool {
        match heard["event"].as_str().expect("an event") {
            "pusher:connection_established" | "weir:welcome" => {}
            "pusher_internal:subscription_succeeded" => {
                let data: Value = serde_json::from_str(&text(&heard["data"])).expect("JSON in JSON");
                let told = &data["weir"];
                assert_eq!(told["recoverable"], true, "{heard}");
                if self.mark.is_some() {
                    assert_eq!(told["recovered"], true, "client {}: {heard}", self.number);
                    self.came_back += 1;
                } else {
                    let offset = told["offset"].as_i64().expect("where it stands");
                    self.mark = Some((text(&told["epoch"]), offset));
                    self.there.fetch_add(1, Ordering::SeqCst);
                }
            }
            _ => {
                let (epoch, offset) = self
                    .mark
                    .as_mut()
                    .expect("a channel's messages come after its answer");
                assert_eq!(heard["epoch"], *epoch, "{heard}");
                assert_eq!(
                    heard["offset"],
                    *offset + 1,
                    "client {}: the next one: {heard}",
                    self.number
                );
                *offset += 1;
                let said = text(&heard["data"]);
                if said == END {
                    return true;
                }
                let said: u64 = said.parse().expect("a number");
                let is_next = self.last.is_none_or(|last| last + 1 == said);
                assert!(is_next, "client {}: {said} after {:?}", self.number, self.last);
                self.last = Some(said);
            }
        }
        false
    }
}

fn clients() -> usize {
    let set = env::var("WEIR_TEST_CLIENTS").ok();
    set.map_or(300, |set| set.parse().expect("WEIR_TEST_CLIENTS is a number"))
}

async fn a_rolling_restart_loses_no_message_doubles_none_and_keeps_their_order(carrier: Carrier) {
    let brisk = |_: usize, builder: Builder| builder.env("WEIR_SHUTDOWN__DRAIN_SECONDS", "6");
    let Some(mut cluster) = Cluster::start_with(carrier, 3, brisk).await else {
        return;
    };
    let acme = cluster.nodes[0].tenant("acme").await;
    let chat = acme.channel("chat").await;
    let key = text(&chat.json["key"]);
    let door =
        |node: &tests::Server| format!("{}/app/{key}?protocol=7", node.base().replacen("http", "ws", 1));
    let doors: Arc<[String]> = cluster.nodes.iter().map(door).collect();
    let there = Arc::new(AtomicUsize::new(0));
    let (count, mut clients_left) = (clients(), JoinSet::new());
    let began = Instant::now();
    let channels = count.div_ceil(CROWD);
    for channel in 0..channels {
        // A channel on which nothing was ever said stands nowhere.
        say(
            std::slice::from_ref(&acme),
            &chat,
            &format!("room-{channel}"),
            "0",
        )
        .await;
    }
    for number in 0..count {
        let client = Client {
            number,
            doors: Arc::clone(&doors),
            channel: format!("room-{}", number % channels),
            mark: None,
            last: None,
            there: Arc::clone(&there),
            came_back: 0,
        };
        clients_left.spawn(client.listen());
        // They did not all come in one moment.
        while number > there.load(Ordering::SeqCst) + 50 {
            assert!(began.elapsed() < 5 * PATIENCE, "{number} clients do not come in");
            sleep(Duration::from_millis(5)).await;
        }
    }
    eventually("everybody is there", || async {
        (there.load(Ordering::SeqCst) == count).then_some(())
    })
    .await;

    let stop = Arc::new(AtomicBool::new(false));
    let mut publishers = JoinSet::new();
    for channel in 0..channels {
        // Each begins at another node, and goes to the next where one does not answer.
        let mut at: Vec<Tenant> = (0..3).map(|node| cluster.at(&acme, node)).collect();
        at.rotate_left(channel % 3);
        let (chat, stop) = (chat.clone(), Arc::clone(&stop));
        publishers.spawn(async move {
            let channel = format!("room-{channel}");
            let mut said = 0;
            while !stop.load(Ordering::SeqCst) {
                said += 1;
                say(&at, &chat, &channel, &said.to_string()).await;
                sleep(EVERY).await;
            }
            say(&at, &chat, &channel, END).await;
            said
        });
    }
    let began = Instant::now();
    for node in 0..3 {
        sleep(Duration::from_secs(1)).await;
        assert!(
            cluster.nodes[node].terminate().await.success(),
            "it stops in order"
        );
        cluster.nodes[node].restart().await;
        cluster.is_whole(3).await;
    }
    let took = began.elapsed();
    stop.store(true, Ordering::SeqCst);
    let said: usize = publishers.join_all().await.iter().sum();
    let came_back: usize = clients_left.join_all().await.iter().sum();
    eprintln!(
        "{count} clients on {channels} channels came back {came_back} times in {took:?}; {said} messages"
    );
    assert!(came_back >= count, "everybody was sent away at least once");
    assert!(said > channels, "messages came and went");
}
