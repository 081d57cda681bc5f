//! What every backplane promises, tried on each.

mod cluster;
mod leases;
mod server;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::{sync::mpsc, time::timeout};

use self::{cluster::Three, server::Server};
use super::{Away, Backplane, Count, Heard, Parcel, Standing, memory::Bus, redis::Redis};

/// One node: its way to the others, and what it hears.
struct Node {
    way: Arc<dyn Backplane>,
    ears: mpsc::Receiver<Heard>,
}

impl Node {
    async fn hear(&mut self) -> Heard {
        timeout(Duration::from_secs(10), self.ears.recv())
            .await
            .expect("something is heard in time")
            .expect("the backplane is there")
    }

    async fn parcel(&mut self) -> (Option<Standing>, Bytes) {
        loop {
            if let Heard::Parcel { position, bytes, .. } = self.hear().await {
                return (position, bytes);
            }
        }
    }

    async fn is_back(&mut self) {
        while !matches!(self.hear().await, Heard::Back) {}
    }

    async fn hears_nothing(&mut self) {
        let heard = timeout(Duration::from_millis(100), self.ears.recv()).await;
        assert!(heard.is_err(), "{heard:?}");
    }

    async fn send(&self, parcel: Parcel) -> Result<Option<Standing>, Away> {
        Ok(self.way.send(vec![parcel]).await?.pop().flatten())
    }
}

fn topic(name: &str) -> Arc<str> {
    format!("weir:test:{{tenant}}:c:{name}").into()
}

fn parcel(name: &str, words: &str, count: Count) -> Parcel {
    Parcel {
        topic: topic(name),
        bytes: Bytes::copy_from_slice(words.as_bytes()),
        count,
    }
}

fn next(once: &str) -> Count {
    Count::Next {
        once: once.into(),
        fresh: format!("epoch-of-{once}").into(),
    }
}

/// Two nodes at these addresses.
async fn nodes(url: &str) -> [Node; 2] {
    let node = |jitter| {
        let (way, ears) = Redis::open(url, jitter).unwrap();
        Node { way, ears }
    };
    let mut nodes = [node(1), node(2)];
    for node in &mut nodes {
        node.is_back().await;
    }
    nodes
}

fn in_process() -> [Node; 2] {
    let bus = Bus::new();
    let node = || {
        let (way, ears) = bus.join();
        Node { way, ears }
    };
    [node(), node()]
}

/// The same on every backplane.
macro_rules! on_each {
    ($($name:ident)*) => {$(
        mod $name {
            #[tokio::test]
            async fn in_process() {
                super::$name($crate::backplane::tests::in_process()).await;
            }

            #[tokio::test]
            async fn over_redis() {
                let Some(server) = $crate::backplane::tests::Server::start() else { return };
                super::$name($crate::backplane::tests::nodes(&server.url()).await).await;
            }

            #[tokio::test]
            async fn over_a_redis_cluster() {
                let Some(three) = $crate::backplane::tests::Three::start() else { return };
                super::$name($crate::backplane::tests::nodes(&three.url()).await).await;
            }
        }
    )*};
}
use on_each;

on_each! {
    whoever_listens_hears_everything_once_and_in_order
    a_counted_parcel_gets_the_next_position_and_keeps_it
    a_renewed_topic_begins_anew_for_everybody
    two_who_count_at_once_never_get_the_same_position
    the_first_and_the_last_of_all_are_told_so
    the_dead_do_not_count
}

async fn whoever_listens_hears_everything_once_and_in_order([mut one, mut two]: [Node; 2]) {
    one.way.listen(vec![topic("a"), topic("b")]).await.unwrap();
    two.way.listen(vec![topic("a")]).await.unwrap();
    for n in 0..100 {
        one.send(parcel("a", &n.to_string(), Count::No)).await.unwrap();
    }
    two.send(parcel("b", "for one", Count::No)).await.unwrap();
    for n in 0..100 {
        assert_eq!(
            one.parcel().await,
            (None, Bytes::from(n.to_string())),
            "who sends hears it too"
        );
        assert_eq!(two.parcel().await, (None, Bytes::from(n.to_string())));
    }
    assert_eq!(one.parcel().await, (None, Bytes::from("for one")));
    two.hears_nothing().await;
    two.way.leave(vec![topic("a")]).await.unwrap();
    one.send(parcel("a", "after", Count::No)).await.unwrap();
    one.parcel().await;
    two.hears_nothing().await;
}

async fn a_counted_parcel_gets_the_next_position_and_keeps_it([one, mut two]: [Node; 2]) {
    two.way.listen(vec![topic("a")]).await.unwrap();
    let begin = two
        .way
        .standing(vec![topic("a"), topic("b")], "begin".into())
        .await
        .unwrap();
    let at = |epoch: &str, offset| Standing {
        epoch: epoch.into(),
        offset,
    };
    assert_eq!(begin, [at("begin", 0), at("begin", 0)]);
    // Whatever bytes: they are sealed.
    let words = "x:y#\u{0}\r\n=";
    assert_eq!(
        one.send(parcel("a", words, next("1"))).await,
        Ok(Some(at("begin", 1)))
    );
    assert_eq!(
        one.send(parcel("a", "two", next("2"))).await,
        Ok(Some(at("begin", 2)))
    );
    let again = one.send(parcel("a", words, next("1"))).await;
    assert_eq!(
        again,
        Ok(Some(at("begin", 1))),
        "sent again, it stands where it stood"
    );
    assert_eq!(two.parcel().await, (Some(at("begin", 1)), Bytes::from(words)));
    assert_eq!(two.parcel().await, (Some(at("begin", 2)), Bytes::from("two")));
    two.hears_nothing().await;
    let elsewhere = one.send(parcel("c", "x", next("3"))).await;
    assert_eq!(
        elsewhere,
        Ok(Some(at("epoch-of-3", 1))),
        "each topic counts for itself"
    );
    let stands = two.way.standing(vec![topic("a")], "unused".into()).await;
    assert_eq!(stands, Ok(vec![at("begin", 2)]));
}

async fn a_renewed_topic_begins_anew_for_everybody([one, mut two]: [Node; 2]) {
    two.way.listen(vec![topic("a")]).await.unwrap();
    one.send(parcel("a", "x", next("1"))).await.unwrap();
    let renew = Count::Renew { fresh: "new".into() };
    let stands = one.send(parcel("a", "look", renew)).await.unwrap().unwrap();
    assert_eq!((&*stands.epoch, stands.offset), ("new", 0));
    let after = one.send(parcel("a", "y", next("2"))).await.unwrap().unwrap();
    assert_eq!((&*after.epoch, after.offset), ("new", 1));
    let mut heard = Vec::new();
    for _ in 0..3 {
        let (position, bytes) = two.parcel().await;
        heard.push((position.map(|position| position.offset), bytes));
    }
    assert_eq!(
        heard,
        [
            (Some(1), "x".into()),
            (None, "look".into()),
            (Some(1), "y".into())
        ]
    );
}

async fn two_who_count_at_once_never_get_the_same_position([mut one, mut two]: [Node; 2]) {
    one.way.listen(vec![topic("a")]).await.unwrap();
    two.way.listen(vec![topic("a")]).await.unwrap();
    let say = |way: Arc<dyn Backplane>, who: &'static str| async move {
        for n in 0..200 {
            let parcels = vec![parcel("a", who, next(&format!("{who}-{n}")))];
            way.send(parcels).await.unwrap();
        }
    };
    tokio::join!(say(Arc::clone(&one.way), "one"), say(Arc::clone(&two.way), "two"));
    let mut heard = Vec::new();
    for node in [&mut one, &mut two] {
        let mut offsets = Vec::new();
        let mut words = Vec::new();
        for _ in 0..400 {
            let (position, bytes) = node.parcel().await;
            offsets.push(position.unwrap().offset);
            words.push(bytes);
        }
        assert!(
            offsets.iter().copied().eq(1..=400),
            "without gaps, in order: {offsets:?}"
        );
        heard.push(words);
    }
    assert_eq!(heard[0], heard[1], "both hear the same");
}

async fn claim(node: &Node, name: &str, here: bool) -> bool {
    let living = vec!["one".into(), "two".into()];
    node.way
        .claim(topic("a"), name.into(), here, living)
        .await
        .unwrap()
}

async fn the_first_and_the_last_of_all_are_told_so([one, two]: [Node; 2]) {
    assert!(claim(&one, "one", true).await, "the first");
    assert!(!claim(&one, "one", true).await, "it is there already");
    assert!(!claim(&two, "two", true).await, "another was first");
    assert!(!claim(&one, "one", false).await, "another is there");
    assert!(!claim(&one, "one", false).await, "it was not there");
    assert!(claim(&two, "two", false).await, "the last");
    assert!(claim(&one, "one", true).await, "the first again");
}

async fn the_dead_do_not_count([one, two]: [Node; 2]) {
    claim(&two, "ghost", true).await;
    assert!(
        claim(&one, "one", true).await,
        "a node that is not living has nobody"
    );
}

#[tokio::test]
async fn who_was_cut_off_is_told_and_hears_again_what_it_listened_to() {
    let bus = Bus::new();
    let (one, heard) = bus.join();
    let mut ears = Node {
        way: Arc::clone(&one) as _,
        ears: heard,
    };
    let (two, _other) = bus.join();
    ears.way.listen(vec![topic("a")]).await.unwrap();
    one.cut(true);
    assert!(matches!(ears.hear().await, Heard::Cut));
    assert!(!ears.way.is_up());
    assert_eq!(ears.send(parcel("a", "x", Count::No)).await, Err(Away));
    assert_eq!(ears.way.listen(vec![topic("b")]).await, Err(Away));
    two.send(vec![parcel("a", "missed", next("1"))]).await.unwrap();
    one.cut(false);
    assert!(matches!(ears.hear().await, Heard::Back));
    two.send(vec![parcel("b", "heard", next("2"))]).await.unwrap();
    assert_eq!(
        ears.parcel().await.1,
        "heard",
        "what was asked for meanwhile, too"
    );
    bus.flush();
    let stands = ears.way.standing(vec![topic("a")], "fresh".into()).await.unwrap();
    assert_eq!((&*stands[0].epoch, stands[0].offset), ("fresh", 0));
}

#[tokio::test]
async fn a_redis_that_restarts_or_hangs_is_told_and_heard_again() {
    let Some(mut server) = Server::start() else { return };
    let [mut one, two] = nodes(&server.url()).await;
    one.way.listen(vec![topic("a")]).await.unwrap();
    let before = two.send(parcel("a", "x", next("1"))).await.unwrap().unwrap();
    assert_eq!(one.parcel().await.0, Some(before.clone()));

    server.stop();
    assert!(matches!(one.hear().await, Heard::Cut));
    assert_eq!(one.send(parcel("a", "x", Count::No)).await, Err(Away));
    assert_eq!(one.way.listen(vec![topic("b")]).await, Err(Away));
    server.start_again();
    one.is_back().await;
    let after = loop {
        match two.send(parcel("a", "y", next("2"))).await {
            Ok(standing) => break standing.unwrap(),
            Err(Away) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    };
    assert_ne!(
        after.epoch, before.epoch,
        "what it had counted is gone, and that shows"
    );
    assert_eq!(one.parcel().await.0, Some(after));
    two.send(parcel("b", "z", Count::No)).await.unwrap();
    assert_eq!(one.parcel().await.1, "z", "what was asked for meanwhile, too");

    server.signal("-STOP");
    let asked = Instant::now();
    assert_eq!(
        one.send(parcel("a", "x", Count::No)).await,
        Err(Away),
        "it does not answer"
    );
    assert!(
        asked.elapsed() < Duration::from_secs(5),
        "that is not waited for for long"
    );
    assert!(!one.way.is_up());
    server.signal("-CONT");
    one.is_back().await;
    one.send(parcel("a", "again", Count::No)).await.unwrap();
}
