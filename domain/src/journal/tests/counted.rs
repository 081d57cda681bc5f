//! Messages of which nothing is kept, and names of messages of which something is.

use std::sync::Arc;

use entity::channel;
use parking_lot::Mutex;

use crate::{
    endpoints,
    journal::{Entry, JournalError, Label, bed::Bed},
    messages::{self, Filter},
    page::PageIn,
    pictures,
};

#[tokio::test]
async fn what_nobody_keeps_takes_a_position_and_leaves_nothing_else() {
    let bed = Bed::new().await;
    bed.rule("P1D", |_| {}).await;
    let before = bed.say("main", "before").await;
    let counted = bed.count("main", None).await.unwrap();
    assert_eq!((counted.id, counted.position), (None, 2));
    assert_eq!(counted.epoch, before.epoch);
    assert_eq!(bed.say("main", "after").await.position, 3);
    assert_eq!(bed.rows().await, 2);
    assert_eq!(bed.texts().await, ["after", "before"]);
    let stats = bed.journal.stats();
    assert_eq!((stats.recorded, stats.counted), (2, 1));
    assert_eq!((stats.waiting, stats.waiting_bytes), (0, 0));
}

#[tokio::test]
async fn a_channel_on_which_nothing_was_ever_kept_has_positions_all_the_same() {
    let bed = Bed::new().await;
    for position in 1..=3 {
        assert_eq!(bed.count("main", None).await.unwrap().position, position);
    }
    assert_eq!(bed.rows().await, 0);
    let tx = bed.read().await;
    let rows = tx.find::<channel::Entity>().all(tx.conn()).await.unwrap();
    assert_eq!((rows.len(), rows[0].last_offset), (1, 3));
    assert!(
        bed.ctx().keys.newest_bucket().await.unwrap().is_none(),
        "no key is made for what is not sealed"
    );
}

#[tokio::test]
async fn kept_and_counted_go_through_one_queue_in_their_order() {
    let bed = Bed::new().await;
    bed.rule("P1D", |_| {}).await;
    let delivered: Arc<Mutex<Vec<(i64, bool)>>> = Arc::default();
    let recording: Vec<_> = (0..600)
        .map(|number| {
            let admitted = bed.admit("main", None, "x").unwrap();
            let entry = Entry {
                kept: number % 3 != 0,
                ..bed.entry("main", None, admitted)
            };
            let delivered = delivered.clone();
            let on_commit = move |stored: &super::super::Stored| {
                delivered.lock().push((stored.position, stored.id.is_some()));
            };
            bed.journal.record(entry, Box::new(on_commit))
        })
        .collect();
    for (answer, number) in recording.into_iter().zip(0_i64..) {
        let stored = answer.await.unwrap();
        assert_eq!(
            (stored.position, stored.id.is_some()),
            (number + 1, number % 3 != 0)
        );
    }
    let expected: Vec<_> = (0..600).map(|number| (number + 1, number % 3 != 0)).collect();
    assert_eq!(*delivered.lock(), expected);
    assert_eq!(bed.rows().await, 400);
}

#[tokio::test]
async fn what_is_only_counted_is_refused_where_a_recorded_message_would_be() {
    let bed = Bed::new().await;
    let (ada, _standing) = bed.person("ada").await;
    bed.ctx().standings.erased(ada);
    assert_eq!(bed.count("main", Some(ada)).await, Err(JournalError::Refused));
    let tx = bed.ctx().store.begin(&bed.world.scope).await.unwrap();
    endpoints::delete(&tx, bed.ctx(), bed.endpoint, None, "chat")
        .await
        .unwrap();
    tx.save().await.unwrap();
    pictures::reload(bed.ctx(), &bed.world.scope).await.unwrap();
    assert_eq!(bed.count("main", None).await, Err(JournalError::Refused));
}

#[tokio::test]
async fn a_name_is_sealed_and_comes_back_with_what_was_said() {
    let bed = Bed::new().await;
    bed.rule("P1D", |_| {}).await;
    let admitted = bed.admit("presence-room", None, "\"hi\"").unwrap();
    let entry = Entry {
        label: Some(Label::new("client-greeting", Some("user-7")).unwrap()),
        outbound: true,
        ..bed.entry("presence-room", None, admitted)
    };
    bed.journal.record(entry, Box::new(|_| {})).await.unwrap();
    bed.say("presence-room", "unnamed").await;
    let tx = bed.read().await;
    let row = tx.find::<entity::message::Entity>().one(tx.conn()).await.unwrap();
    let row = row.unwrap();
    assert_eq!((row.flags, row.size), (5, 4), "the size is that of what was said");
    assert!(!String::from_utf8_lossy(&row.sealed).contains("greeting"));
    let page = PageIn::new(None, None).unwrap();
    let named = Filter {
        outbound: Some(true),
        ..Filter::default()
    };
    let found = messages::search(&tx, bed.ctx(), &named, &page).await.unwrap();
    drop(tx);
    let opened = messages::open(bed.ctx(), &bed.world.scope, &found.items)
        .await
        .unwrap();
    let [Some(said)] = opened.as_slice() else {
        panic!("one message went out: {opened:?}");
    };
    assert_eq!(said.event.as_deref(), Some("client-greeting"));
    assert_eq!(said.user.as_deref(), Some("user-7"));
    assert_eq!(&said.data[..], b"\"hi\"");
}
