//! A lost client that comes back gets exactly what it missed, in order, or is told that it does not. Clients drop, messages
//! expire, people are erased and the server dies while everybody listens; whatever happens, no gap is silent.
//!
//! `WEIR_TEST_SEED=7 cargo test -p tests recovery` repeats the chances of a run, though not the machine's.

use std::{
    collections::BTreeMap,
    hash::{BuildHasher as _, RandomState},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use reqwest::Method;
use serde_json::{Value, json};
use tests::{Endpoint, Server, Socket, Tenant, socket::Frame};
use tokio::time::{Instant, sleep};

const CLIENTS: u64 = 6;
const PEOPLE: u64 = 5;

/// Chance, the same for the same seed.
struct Chance(u64);

impl Chance {
    /// splitmix64, <https://prng.di.unimi.it/splitmix64.c>.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    async fn pause(&mut self, least: u64, most: u64) {
        sleep(Duration::from_millis(least + self.below(most - least))).await;
    }
}

/// What was said where, for everybody to agree on.
type Said = Arc<Mutex<BTreeMap<(String, i64), String>>>;

/// One client: what it has, and what it was told.
struct Client {
    name: u64,
    url: String,
    chance: Chance,
    said: Said,
    /// The last message it has, or the place that it was told the channel stands at.
    mark: Option<(String, i64)>,
    counts: Counts,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    messages: u64,
    whole: u64,
    made_up: u64,
    not_whole: u64,
}

impl Client {
    /// Comes and goes until told to stop, and once more after that.
    async fn live(mut self, stop: Arc<AtomicBool>) -> Counts {
        loop {
            let last = stop.load(Ordering::Relaxed);
            self.visit().await;
            if last {
                return self.counts;
            }
            // Most come back at once, some after everything has expired.
            if self.chance.below(4) == 0 {
                self.chance.pause(2_000, 4_000).await;
            } else {
                self.chance.pause(0, 300).await;
            }
        }
    }

    /// One connection, ended by its client somewhere in between, or by the death of the server.
    async fn visit(&mut self) {
        let Ok(mut socket) = Socket::try_connect(&self.url, &[]).await else {
            return;
        };
        let recover = self.mark.as_ref();
        let recover = recover.map(|(epoch, offset)| json!({ "news": { "offset": offset, "epoch": epoch } }));
        let hello = json!({ "v": 1, "features": ["offsets"], "recover": recover.unwrap_or(json!({})) });
        for event in [
            json!({ "event": "weir:hello", "data": hello }),
            json!({ "event": "pusher:subscribe", "data": { "channel": "news" } }),
        ] {
            if socket.try_send(event.to_string()).await.is_err() {
                return;
            }
        }
        // How many of the past are still to come, where that was told.
        let mut missed = 0;
        let until = Instant::now() + Duration::from_millis(20 + self.chance.below(1_200));
        loop {
            let patience = until.saturating_duration_since(Instant::now());
            let frame = socket.within(patience).await;
            let Some(Frame::Text(text)) = frame else {
                // Its time is up, or the server died: either way the connection is gone without a word.
                return;
            };
            let message: Value = serde_json::from_str(&text).unwrap();
            match message["event"].as_str().unwrap() {
                "pusher_internal:subscription_succeeded" => missed = self.subscribed(&message),
                "tick" => {
                    self.got(&message, missed);
                    missed -= i64::from(missed > 0);
                }
                "pusher:connection_established" | "weir:welcome" => {}
                other => panic!("client {}: {other}: {message}", self.name),
            }
        }
    }

    /// Answers how many messages of the past follow, negated where they are not all there were.
    fn subscribed(&mut self, message: &Value) -> i64 {
        let data: Value = serde_json::from_str(message["data"].as_str().unwrap()).unwrap();
        let weir = &data["weir"];
        let told = weir["epoch"].as_str().zip(weir["offset"].as_i64());
        let missed = weir["missed"].as_i64().unwrap_or(0);
        match (weir["recovered"].as_bool(), &self.mark) {
            (Some(true), Some((epoch, offset))) => {
                let (epoch_now, top) = told.expect("where it stands");
                assert_eq!(epoch_now, epoch, "client {}: {data}", self.name);
                assert_eq!(top - offset, missed, "client {}: {data}", self.name);
                self.counts.whole += 1;
                self.counts.made_up += u64::from(missed > 0);
                missed
            }
            // A gap that was told: what it has from now on is what follows the place it was told of, and before that
            // whatever is left of what it missed.
            (Some(false), Some(_)) => {
                self.counts.not_whole += 1;
                let (epoch, top) = told.expect("something was said here");
                self.mark = Some((epoch.to_owned(), top));
                0
            }
            (None, None) => {
                self.mark = told.map(|(epoch, top)| (epoch.to_owned(), top));
                0
            }
            (answer, asked) => panic!("client {}: asked {asked:?}, told {answer:?}", self.name),
        }
    }

    fn got(&mut self, message: &Value, missed: i64) {
        let epoch = message["epoch"].as_str().unwrap().to_owned();
        let offset = message["offset"].as_i64().unwrap();
        let data = message["data"].as_str().unwrap().to_owned();
        let mut said = self.said.lock().unwrap();
        let same = said
            .entry((epoch.clone(), offset))
            .or_insert_with(|| data.clone());
        assert_eq!(*same, data, "client {}: two messages at one place", self.name);
        drop(said);
        self.counts.messages += 1;
        let Some((epoch_before, before)) = &self.mark else {
            assert_eq!(offset, 1, "client {}: the first of an empty channel", self.name);
            self.mark = Some((epoch, offset));
            return;
        };
        assert_eq!(
            epoch, *epoch_before,
            "client {}: an epoch changes silently",
            self.name
        );
        if missed == 0 && offset <= *before {
            // What was left of a stretch that was said not to be whole.
            return;
        }
        assert_eq!(
            offset,
            before + 1,
            "client {}: a silent gap or a double after {before} of {epoch}: {message}",
            self.name
        );
        self.mark = Some((epoch, offset));
    }
}

/// Speaks in bursts, about somebody or nobody, until the server dies or everything ends.
async fn speak(acme: Tenant, chat: Endpoint, mut chance: Chance, stop: Arc<AtomicBool>) -> u64 {
    let path = format!("/endpoints/{}/messages", chat.id);
    let mut count = 0;
    while !stop.load(Ordering::Relaxed) {
        for _ in 0..chance.below(12) {
            let mut body =
                json!({ "channel": "news", "event": "tick", "data": format!("{}", chance.next()) });
            if chance.below(4) == 0 {
                body["subject"] = json!(format!("person-{}", chance.below(PEOPLE)));
            }
            let request = acme.owner.request(Method::POST, &path).json(&body);
            if acme
                .owner
                .try_send(request)
                .await
                .is_ok_and(|answer| answer.status == 201)
            {
                count += 1;
            }
        }
        chance.pause(0, 120).await;
    }
    count
}

/// Erases people, who come back with the next message about them.
async fn erase(acme: Tenant, mut chance: Chance, stop: Arc<AtomicBool>) -> u64 {
    let mut count = 0;
    while !stop.load(Ordering::Relaxed) {
        chance.pause(300, 900).await;
        let person = format!("person-{}", chance.below(PEOPLE));
        let path = format!("/subjects?external_id={person}");
        let Ok(found) = acme.owner.try_send(acme.owner.request(Method::GET, &path)).await else {
            continue;
        };
        let Some(id) = found.json()["items"][0]["id"].as_str().map(str::to_owned) else {
            continue;
        };
        let path = format!("/subjects/{id}?confirm={person}");
        let erased = acme
            .owner
            .try_send(acme.owner.request(Method::DELETE, &path))
            .await;
        count += u64::from(erased.is_ok_and(|answer| answer.is_success()));
    }
    count
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_no_gap_is_silent() {
    let seed = std::env::var("WEIR_TEST_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    // A hasher's keys are as random as a seed has to be.
    let seed: u64 = seed.unwrap_or_else(|| RandomState::new().hash_one(()));
    // Shown when the test fails.
    eprintln!("WEIR_TEST_SEED={seed}");
    let mut seeds = Chance(seed);
    let mut chance = || Chance(seeds.next());
    let mut server = Server::start().await;
    let acme = server.tenant_without_rules("acme").await;
    acme.rule(json!({ "duration": "PT2S" })).await;
    let chat = acme
        .endpoint(json!({ "slug": "chat", "kind": "channel", "record": "before" }))
        .await;
    let key = tests::tenant::text(&chat.json["key"]);
    let url = format!("{}/app/{key}?protocol=7", server.base().replacen("http", "ws", 1));
    let said = Said::default();
    let stop = Arc::new(AtomicBool::new(false));
    let listening: Vec<_> = (0..CLIENTS)
        .map(|name| {
            let client = Client {
                name,
                url: url.clone(),
                chance: chance(),
                said: Arc::clone(&said),
                mark: None,
                counts: Counts::default(),
            };
            tokio::spawn(client.live(Arc::clone(&stop)))
        })
        .collect();
    let quiet = Arc::new(AtomicBool::new(false));
    let speaking = tokio::spawn(speak(acme.clone(), chat.clone(), chance(), Arc::clone(&quiet)));
    let erasing = tokio::spawn(erase(acme.clone(), chance(), Arc::clone(&quiet)));
    sleep(Duration::from_secs(5)).await;
    server.restart().await;
    sleep(Duration::from_secs(5)).await;
    quiet.store(true, Ordering::Relaxed);
    let (spoken, erased) = (speaking.await.unwrap(), erasing.await.unwrap());
    stop.store(true, Ordering::Relaxed);
    let mut all = Counts::default();
    for client in listening {
        let counts = client.await.unwrap();
        all.messages += counts.messages;
        all.whole += counts.whole;
        all.made_up += counts.made_up;
        all.not_whole += counts.not_whole;
    }
    eprintln!("{spoken} messages, {erased} people erased; {all:?}");
    assert!(spoken > 20 && erased > 0, "{spoken} messages, {erased} erased");
    assert!(all.made_up > 0 && all.not_whole > 0, "both happened: {all:?}");
}
