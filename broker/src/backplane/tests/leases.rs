//! What every count of leases promises, tried on each.

use std::time::Duration;

use super::{Node, on_each};
use crate::backplane::{Ask, Grant, Holder};

const LASTS: Duration = Duration::from_millis(300);
const LIVING: [&str; 2] = ["one", "two"];

/// A holder that remembers what it has, as a pool does.
struct Pool<'a> {
    node: &'a Node,
    name: &'static str,
    process: &'static str,
    number: u64,
    holds: usize,
    living: Vec<&'static str>,
}

impl<'a> Pool<'a> {
    async fn new(node: &'a Node, name: &'static str) -> Self {
        node.way
            .attend("weir:{house}:there".into(), name.into(), true)
            .await
            .unwrap();
        Self {
            node,
            name,
            process: name,
            number: 0,
            holds: 0,
            living: LIVING.to_vec(),
        }
    }

    async fn ask(&mut self, max: usize, needs: usize, wants: usize) -> Grant {
        self.number += 1;
        let grant = self.late(self.number, max, self.holds, needs, wants).await;
        self.holds += grant.more;
        grant
    }

    async fn late(&self, number: u64, max: usize, holds: usize, needs: usize, wants: usize) -> Grant {
        let ask = Ask {
            pool: "weir:{house}:pool:x".into(),
            house: "weir:{house}:there".into(),
            holder: Holder {
                node: self.name.into(),
                process: self.process.into(),
                pool: 1,
            },
            number,
            max,
            holds,
            needs,
            wants,
            lasts: LASTS,
            living: self.living.iter().map(|name| (*name).into()).collect(),
        };
        self.node.way.settle(ask).await.unwrap()
    }
}

on_each! {
    there_are_never_more_than_max_however_they_are_asked_for
    what_is_given_back_is_there_for_others
    each_gets_a_share_before_anybody_gets_more
    ready_sockets_go_where_people_wait
    a_late_question_changes_nothing
    a_dead_nodes_leases_are_free_when_nobody_knows_it_any_more
    an_earlier_process_of_the_same_node_is_dead
    after_a_loss_nothing_is_given_before_everybody_said_what_they_hold
}

async fn there_are_never_more_than_max_however_they_are_asked_for([one, two]: [Node; 2]) {
    let (mut a, mut b) = (Pool::new(&one, "one").await, Pool::new(&two, "two").await);
    for round in 0..50 {
        let (needs, wants) = (round * 7 % 12, round * 5 % 14);
        let grants = tokio::join!(a.ask(10, needs, wants), b.ask(10, wants, needs));
        assert!(a.holds + b.holds <= 10, "{} and {}: {grants:?}", a.holds, b.holds);
        a.holds = a.holds.saturating_sub(round % 4);
        b.holds = b.holds.saturating_sub(round % 3);
    }
}

async fn what_is_given_back_is_there_for_others([one, two]: [Node; 2]) {
    let (mut a, mut b) = (Pool::new(&one, "one").await, Pool::new(&two, "two").await);
    assert_eq!(a.ask(3, 3, 3).await.more, 3);
    let none = b.ask(3, 1, 1).await;
    assert_eq!((none.more, none.held), (0, 3));
    a.holds = 1;
    assert_eq!(a.ask(3, 1, 1).await.held, 1);
    assert_eq!(b.ask(3, 2, 5).await.more, 2, "no more than are left");
}

async fn each_gets_a_share_before_anybody_gets_more([one, two]: [Node; 2]) {
    let (mut a, mut b) = (Pool::new(&one, "one").await, Pool::new(&two, "two").await);
    assert_eq!(a.ask(4, 4, 4).await.more, 4, "nobody else wants any");
    assert_eq!(b.ask(4, 9, 9).await.more, 0);
    // As its sessions end, it may not take again what is above its share.
    a.holds = 3;
    assert_eq!(a.ask(4, 9, 9).await.more, 0);
    assert_eq!(b.ask(4, 9, 9).await.more, 1);
    a.holds = 2;
    assert_eq!(a.ask(4, 9, 9).await.more, 0);
    assert_eq!(b.ask(4, 9, 9).await.more, 1);
    a.holds = 1;
    assert_eq!(a.ask(4, 9, 9).await.more, 1, "below its share it may");
}

async fn ready_sockets_go_where_people_wait([one, two]: [Node; 2]) {
    let (mut a, mut b) = (Pool::new(&one, "one").await, Pool::new(&two, "two").await);
    assert_eq!(a.ask(2, 0, 2).await.more, 2, "kept ready");
    assert_eq!(b.ask(2, 1, 3).await.more, 0);
    let told = a.ask(2, 0, 2).await;
    assert_eq!((told.more, told.recall), (0, 1));
    a.holds = 1;
    assert_eq!(
        a.ask(2, 0, 2).await.more,
        0,
        "who waits comes before what is kept ready"
    );
    assert_eq!(b.ask(2, 1, 3).await.more, 1);
    assert_eq!(a.ask(2, 0, 2).await.recall, 0);
}

async fn a_late_question_changes_nothing([one, _two]: [Node; 2]) {
    let mut a = Pool::new(&one, "one").await;
    a.living = vec!["one"];
    a.ask(5, 0, 0).await;
    a.ask(5, 4, 4).await;
    assert_eq!(a.late(1, 5, 0, 0, 0).await.more, 0);
    assert_eq!(a.ask(5, 4, 4).await.held, 4);
}

async fn a_dead_nodes_leases_are_free_when_nobody_knows_it_any_more([one, two]: [Node; 2]) {
    let (mut a, mut b) = (Pool::new(&one, "one").await, Pool::new(&two, "two").await);
    b.ask(3, 3, 3).await;
    tokio::time::sleep(LASTS * 2).await;
    assert_eq!(a.ask(3, 3, 3).await.more, 0, "the store still knows it");
    a.living = vec!["one"];
    assert_eq!(a.ask(3, 3, 3).await.more, 3);
    let back = b.ask(3, 3, 3).await;
    assert_eq!(
        (back.more, back.held),
        (0, 6),
        "whoever comes back all the same is counted"
    );
}

async fn an_earlier_process_of_the_same_node_is_dead([one, two]: [Node; 2]) {
    let mut a = Pool::new(&one, "one").await;
    a.living = vec!["one"];
    assert_eq!(a.ask(3, 3, 3).await.more, 3);
    let mut again = Pool {
        process: "one-again",
        ..Pool::new(&two, "one").await
    };
    again.living = vec!["one"];
    assert_eq!(again.ask(3, 3, 3).await.more, 0, "it may only be slow to stop");
    tokio::time::sleep(LASTS * 2).await;
    assert_eq!(again.ask(3, 3, 3).await.more, 3);
}

async fn after_a_loss_nothing_is_given_before_everybody_said_what_they_hold([one, two]: [Node; 2]) {
    let mut b = Pool::new(&two, "two").await;
    b.ask(3, 3, 3).await;
    // As after a loss: nobody is known to be there, and nothing to be held.
    let house = "weir:{house}:other";
    let attend = |node: &'static str, now| one.way.attend(house.into(), node.into(), now);
    assert_eq!(attend("somebody", false).await, Ok(false));
    let mut a = Pool {
        living: vec!["one", "two", "three"],
        ..Pool::new(&one, "one").await
    };
    let none = a.ask(9, 3, 3).await;
    assert_eq!(
        (none.more, none.unsettled),
        (0, true),
        "the third did not say what it holds"
    );
    one.way
        .attend("weir:{house}:there".into(), "three".into(), true)
        .await
        .unwrap();
    let some = a.ask(9, 3, 3).await;
    assert_eq!((some.more, some.unsettled), (3, false));
}
