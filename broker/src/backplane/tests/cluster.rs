//! A Redis Cluster of the test's own, and what only a cluster does: slots move, and servers die one at a time.

use std::time::{Duration, Instant};

use super::{
    Count, Heard, next, nodes, parcel,
    server::{Server, free_port},
    topic,
};

const SLOTS: usize = 16_384;

/// Three servers that each have a third of the slots, without replicas.
pub(super) struct Three {
    servers: Vec<Server>,
}

impl Three {
    /// Nothing where Redis is not installed.
    pub(super) fn start() -> Option<Self> {
        let buses: Vec<String> = (0..3).map(|_| free_port().to_string()).collect();
        let start = |bus: &String| {
            let words = ["--cluster-enabled", "yes", "--cluster-node-timeout", "1000"];
            Server::start_with(&[&words[..], &["--cluster-port", bus]].concat())
        };
        let servers = buses.iter().map(start).collect::<Option<Vec<_>>>()?;
        let three = Self { servers };
        for at in 0..3 {
            let (first, last) = (SLOTS * at / 3, SLOTS * (at + 1) / 3 - 1);
            three.must(at, &["SET-CONFIG-EPOCH", &(at + 1).to_string()]);
            three.must(at, &["ADDSLOTSRANGE", &first.to_string(), &last.to_string()]);
        }
        for (other, bus) in three.servers.iter().zip(&buses).skip(1) {
            three.must(0, &["MEET", "127.0.0.1", &other.port.to_string(), bus]);
        }
        let end = Instant::now() + Duration::from_secs(30);
        let is_whole = |at| {
            let said = three.must(at, &["INFO"]);
            said.contains("cluster_state:ok") && said.contains("cluster_known_nodes:3\r\n")
        };
        while !(0..3).all(is_whole) {
            assert!(Instant::now() < end, "the cluster is not whole");
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(three)
    }

    /// Only one of the addresses: it knows the others.
    pub(super) fn url(&self) -> String {
        self.servers[2].url()
    }

    fn must(&self, at: usize, words: &[&str]) -> String {
        let client = redis::Client::open(self.servers[at].url()).unwrap();
        let mut cmd = redis::cmd("CLUSTER");
        cmd.arg(words);
        cmd.query(&mut client.get_connection().unwrap())
            .unwrap_or_else(|error| panic!("{words:?}: {error}"))
    }

    /// Which server has the tests' topics, all of which have one tag.
    fn owner(&self) -> usize {
        let slot = self.slot();
        (0..3)
            .find(|at| slot < SLOTS * (at + 1) / 3)
            .expect("every slot has a server")
    }

    fn slot(&self) -> usize {
        let client = redis::Client::open(self.servers[0].url()).unwrap();
        let mut cmd = redis::cmd("CLUSTER");
        cmd.arg("KEYSLOT").arg(&*topic("a"));
        cmd.query(&mut client.get_connection().unwrap()).unwrap()
    }
}

#[tokio::test]
async fn a_slot_that_goes_to_another_server_is_told_and_heard_there() {
    let Some(three) = Three::start() else { return };
    let [mut one, mut two] = nodes(&three.url()).await;
    one.way.listen(vec![topic("a")]).await.unwrap();
    let before = two.send(parcel("a", "x", next("1"))).await.unwrap().unwrap();
    assert_eq!(one.parcel().await.0, Some(before.clone()));

    let (from, slot) = (three.owner(), three.slot().to_string());
    let to = (from + 1) % 3;
    let (giver, taker) = (three.must(from, &["MYID"]), three.must(to, &["MYID"]));
    three.must(to, &["SETSLOT", &slot, "IMPORTING", &giver]);
    three.must(from, &["SETSLOT", &slot, "MIGRATING", &taker]);
    // While it is on its way nothing can be counted there; what is tried meanwhile is tried again.
    let late = {
        let way = std::sync::Arc::clone(&two.way);
        tokio::spawn(async move { way.send(vec![parcel("a", "late", next("2"))]).await })
    };
    tokio::time::sleep(Duration::from_millis(100)).await;
    let keys = {
        let client = redis::Client::open(three.servers[from].url()).unwrap();
        let mut connection = client.get_connection().unwrap();
        let mut cmd = redis::cmd("CLUSTER");
        cmd.arg("GETKEYSINSLOT").arg(&slot).arg(100);
        let keys: Vec<String> = cmd.query(&mut connection).unwrap();
        let mut migrate = redis::cmd("MIGRATE");
        migrate
            .arg("127.0.0.1")
            .arg(three.servers[to].port)
            .arg("")
            .arg(0)
            .arg(5_000)
            .arg("KEYS")
            .arg(&keys);
        let _: redis::Value = migrate.query(&mut connection).unwrap();
        keys
    };
    assert!(keys.len() >= 2, "{keys:?}");
    for at in [to, from, 3 - to - from] {
        three.must(at, &["SETSLOT", &slot, "NODE", &taker]);
    }
    // Whoever listened there is told, and hears again.
    while !matches!(one.hear().await, Heard::Cut) {}
    one.is_back().await;
    two.is_back().await;
    drop(late.await.unwrap());
    let after = two.send(parcel("a", "y", next("3"))).await.unwrap().unwrap();
    assert_eq!(after.epoch, before.epoch, "what was counted came along");
    assert!(after.offset > before.offset);
    loop {
        let (position, bytes) = one.parcel().await;
        if bytes == "y" {
            assert_eq!(position, Some(after));
            break;
        }
    }
}

#[tokio::test]
async fn one_server_that_dies_or_hangs_is_told_whoever_listens_where() {
    let Some(mut three) = Three::start() else { return };
    let [mut one, two] = nodes(&three.url()).await;
    // Nobody asks anything of the server that is to fall silent.
    one.way.listen(vec![topic("a")]).await.unwrap();
    let other = (three.owner() + 1) % 3;
    for hang in [true, false] {
        if hang {
            three.servers[other].signal("-STOP");
        } else {
            three.servers[other].stop();
        }
        while !matches!(one.hear().await, Heard::Cut) {}
        assert!(!one.way.is_up());
        if hang {
            three.servers[other].signal("-CONT");
        } else {
            three.servers[other].start_again();
        }
        one.is_back().await;
        let end = Instant::now() + Duration::from_secs(20);
        while two.send(parcel("a", "again", Count::No)).await.is_err() {
            assert!(Instant::now() < end, "the other one comes back, too");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(one.parcel().await.1, "again");
    }
}
