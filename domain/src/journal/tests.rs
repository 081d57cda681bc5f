mod counted;

use std::{collections::HashMap, sync::Arc, time::Duration};

use chrono::TimeDelta;
use parking_lot::Mutex;

use super::{Journal, JournalError, Settings, bed::Bed};
use crate::{
    messages::{Filter, Window},
    page::PageIn,
    pictures,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_publishers_get_positions_without_gaps_in_the_order_of_delivery() {
    const PUBLISHERS: usize = 20;
    const EACH: usize = 60;
    let bed = Arc::new(Bed::new().await);
    bed.rule("P1D", |_| {}).await;
    let delivered: Arc<Mutex<HashMap<String, Vec<i64>>>> = Arc::default();
    let mut publishers = tokio::task::JoinSet::new();
    for publisher in 0..PUBLISHERS {
        let (bed, delivered) = (bed.clone(), delivered.clone());
        publishers.spawn(async move {
            let mut acknowledged = Vec::new();
            for number in 0..EACH {
                let channel = format!("room-{}", (publisher + number) % 3);
                let text = format!("{publisher}/{number}");
                let entry = bed.entry(&channel, None, bed.admit(&channel, None, &text).unwrap());
                let (deliver, name) = (delivered.clone(), channel.clone());
                let on_commit = Box::new(move |stored: &super::Stored| {
                    deliver.lock().entry(name).or_default().push(stored.position);
                });
                let stored = bed.journal.record(entry, on_commit).await.unwrap();
                // The delivery came before the acknowledgement.
                assert!(delivered.lock()[&channel].contains(&stored.position));
                acknowledged.push((channel, stored.position, text));
            }
            acknowledged
        });
    }
    let acknowledged: Vec<_> = publishers.join_all().await.into_iter().flatten().collect();
    let delivered = delivered.lock().clone();
    assert_eq!(delivered.values().map(Vec::len).sum::<usize>(), PUBLISHERS * EACH);
    for (channel, positions) in &delivered {
        let expected: Vec<i64> = (1..=i64::try_from(positions.len()).unwrap()).collect();
        assert_eq!(positions, &expected, "{channel}");
    }
    let tx = bed.read().await;
    for name in ["room-0", "room-1", "room-2"] {
        let mut messages = Vec::new();
        let mut page = PageIn::new(Some(200), None).unwrap();
        let last = loop {
            let part = crate::messages::history(&tx, bed.ctx(), bed.endpoint, name, Window::default(), &page)
                .await
                .unwrap()
                .unwrap();
            messages.extend(part.messages);
            page.cursor = part.next_cursor;
            if page.cursor.is_none() {
                break part.top;
            }
        };
        let opened = crate::messages::open(bed.ctx(), &bed.world.scope, &messages)
            .await
            .unwrap();
        let mut recorded: Vec<_> = messages
            .iter()
            .zip(opened)
            .map(|(message, text)| {
                (
                    message.position,
                    String::from_utf8(text.unwrap().data.into()).unwrap(),
                )
            })
            .collect();
        let mut said: Vec<_> = acknowledged
            .iter()
            .filter(|(channel, ..)| channel == name)
            .map(|(_, position, text)| (*position, text.clone()))
            .collect();
        said.sort();
        assert!(recorded.is_sorted());
        recorded.sort();
        assert_eq!(recorded, said);
        assert_eq!(last, i64::try_from(said.len()).unwrap());
    }
    let stats = bed.journal.stats();
    assert_eq!(stats.recorded, (PUBLISHERS * EACH) as u64);
    assert_eq!((stats.waiting, stats.waiting_bytes), (0, 0));
    assert!(stats.commits < stats.recorded, "groups, not single messages");
}

#[tokio::test]
async fn what_is_sealed_comes_back_and_its_row_says_nothing() {
    let bed = Bed::new().await;
    bed.rule("P1D", |_| {}).await;
    let (ada, _standing) = bed.person("ada").await;
    bed.try_say("main", Some(ada), "the treasure is under the oak")
        .await
        .unwrap();
    assert_eq!(bed.texts().await, ["the treasure is under the oak"]);
    let tx = bed.read().await;
    let row = tx
        .find::<entity::message::Entity>()
        .one(tx.conn())
        .await
        .unwrap()
        .unwrap();
    assert!(!row.sealed.windows(4).any(|window| window == b"oak "));
    assert!(!String::from_utf8_lossy(&row.sealed).contains("treasure"));
}

#[tokio::test]
async fn nothing_of_a_person_opens_once_their_keys_are_destroyed() {
    let bed = Bed::new().await;
    bed.rule("P1D", |_| {}).await;
    let (ada, _ada) = bed.person("ada").await;
    let (bob, _bob) = bed.person("bob").await;
    bed.try_say("main", Some(ada), "of ada").await.unwrap();
    bed.try_say("main", Some(bob), "of bob").await.unwrap();
    let tenant = bed.world.tenant.id;
    assert!(bed.ctx().keys.destroy_subject(tenant, ada).await.unwrap() > 0);
    let found = bed.found(&Filter::default()).await;
    let texts: Vec<_> = found.iter().map(|(_, text)| text.as_deref()).collect();
    assert_eq!(texts, [Some("of bob"), None]);
}

#[tokio::test]
async fn a_person_erased_on_the_way_is_not_recorded_and_gets_no_new_key() {
    let bed = Bed::new().await;
    bed.rule("P1D", |_| {}).await;
    let (ada, _standing) = bed.person("ada").await;
    let admitted = bed.admit("main", Some(ada), "too late").unwrap();
    bed.ctx().standings.erased(ada);
    bed.ctx()
        .keys
        .destroy_subject(bed.world.tenant.id, ada)
        .await
        .unwrap();
    let entry = bed.entry("main", Some(ada), admitted);
    let outcome = bed.journal.record(entry, Box::new(|_| panic!("delivered"))).await;
    assert_eq!(outcome, Err(JournalError::Refused));
    assert_eq!(bed.rows().await, 0);
    let name = crate::keys::SubjectKeyName::for_messages(bed.world.tenant.id, Some(ada), None);
    assert!(bed.ctx().keys.subject(name).await.unwrap().is_none());
}

#[tokio::test]
async fn what_no_rule_keeps_is_never_recorded_and_a_rule_that_says_so_meanwhile_counts() {
    let bed = Bed::new().await;
    assert_eq!(
        bed.admit("main", None, "x").unwrap().record,
        entity::endpoint::RecordMode::Never
    );
    bed.rule("P1D", |_| {}).await;
    let admitted = bed.admit("main", None, "x").unwrap();
    bed.rule("P0D", |rule| rule.endpoint_id = Some(bed.endpoint))
        .await;
    let entry = bed.entry("main", None, admitted);
    let outcome = bed.journal.record(entry, Box::new(|_| {})).await;
    assert_eq!(outcome, Err(JournalError::Refused));
    assert_eq!(bed.rows().await, 0);
}

#[tokio::test]
async fn a_full_queue_says_so_at_once_and_nothing_is_half_recorded() {
    let bed = Bed::new().await;
    bed.rule("P1D", |_| {}).await;
    let settings = Settings {
        queue_messages: 4,
        ..Settings::default()
    };
    let (journal, task) = Journal::start(bed.ctx().clone(), settings).await.unwrap();
    // The task does not get its turn before this one waits, so what is beyond the queue is refused.
    let answers: Vec<_> = (0..10)
        .map(|_| {
            let entry = bed.entry("main", None, bed.admit("main", None, "x").unwrap());
            journal.record(entry, Box::new(|_| {}))
        })
        .collect();
    let mut outcomes = Vec::new();
    for answer in answers {
        outcomes.push(answer.await.map(|stored| stored.position));
    }
    assert_eq!(outcomes[..4], [Ok(1), Ok(2), Ok(3), Ok(4)]);
    assert!(
        outcomes[4..]
            .iter()
            .all(|outcome| *outcome == Err(JournalError::Full))
    );
    assert_eq!(bed.rows().await, 4);
    journal.stop();
    task.await.unwrap();
}

#[tokio::test]
async fn stopping_commits_what_was_taken_on_and_takes_on_nothing_more() {
    let bed = Bed::new().await;
    bed.rule("P1D", |_| {}).await;
    let recording: Vec<_> = (0..500)
        .map(|_| {
            let entry = bed.entry("main", None, bed.admit("main", None, "x").unwrap());
            bed.journal.record(entry, Box::new(|_| {}))
        })
        .collect();
    bed.journal.stop();
    for (answer, position) in recording.into_iter().zip(1..) {
        assert_eq!(answer.await.unwrap().position, position);
    }
    let late = bed.entry("main", None, bed.admit("main", None, "x").unwrap());
    tokio::time::timeout(Duration::from_secs(10), bed.task)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        bed.journal.record(late, Box::new(|_| {})).await,
        Err(JournalError::Stopping)
    );
}

#[tokio::test]
async fn two_journals_on_one_store_share_positions_and_classes() {
    let bed = Bed::new().await;
    bed.rule("P1D", |_| {}).await;
    let (other, _task) = Journal::start(bed.ctx().clone(), Settings::default())
        .await
        .unwrap();
    let mut positions = Vec::new();
    for number in 0..10 {
        let entry = bed.entry("main", None, bed.admit("main", None, "x").unwrap());
        let journal = if number % 3 == 0 { &other } else { &bed.journal };
        positions.push(journal.record(entry, Box::new(|_| {})).await.unwrap().position);
    }
    assert_eq!(positions, (1..=10).collect::<Vec<_>>());
    // Another process meets the same class under a handle of its own.
    let picture = pictures::load(bed.ctx(), &bed.world.scope).await.unwrap();
    let (stored, class) = picture.classes().pop().unwrap();
    let elsewhere = crate::retention::Classes::default().get_or_new(class.key.clone(), &bed.ctx().ids);
    assert_ne!(elsewhere.handle, class.handle);
    let id = elsewhere
        .ensure_stored(bed.ctx(), bed.world.tenant.id)
        .await
        .unwrap();
    assert_eq!(id, stored);
}

#[tokio::test]
async fn an_id_is_not_used_twice_when_the_clock_was_set_back_over_a_restart() {
    let bed = Bed::new().await;
    bed.rule("P1D", |_| {}).await;
    let newest = bed.say("main", "before").await.recorded();
    bed.advance(TimeDelta::hours(-2));
    let ids = crate::ids::Ids::new(bed.ctx().clock.clone(), bed.ctx().chance.clone(), 0);
    assert!(ids.next_message() < newest);
    ids.skip_messages_to(super::newest(bed.ctx()).await.unwrap());
    assert!(ids.next_message() > newest);
}

#[tokio::test]
async fn a_commit_that_fails_fails_its_whole_group_and_leaves_no_gap() {
    use sea_orm::ConnectionTrait;
    let bed = Bed::new().await;
    bed.rule("P1D", |_| {}).await;
    assert_eq!(bed.say("main", "first").await.position, 1);
    let store = bed.ctx().store.connection_for_maintenance();
    let trigger = "CREATE TRIGGER full_disk BEFORE INSERT ON message WHEN NEW.size = 6 BEGIN SELECT RAISE(ABORT, 'no'); END";
    store.execute_unprepared(trigger).await.unwrap();
    let delivered: Arc<Mutex<Vec<i64>>> = Arc::default();
    let recording: Vec<_> = ["ok", "broken", "ok"]
        .map(|text| {
            let entry = bed.entry("main", None, bed.admit("main", None, text).unwrap());
            let delivered = delivered.clone();
            bed.journal.record(
                entry,
                Box::new(move |stored| delivered.lock().push(stored.position)),
            )
        })
        .into_iter()
        .collect();
    for outcome in recording {
        assert_eq!(outcome.await, Err(JournalError::Failed));
    }
    assert!(
        delivered.lock().is_empty(),
        "what is not recorded is not delivered"
    );
    store.execute_unprepared("DROP TRIGGER full_disk").await.unwrap();
    assert_eq!(bed.say("main", "second").await.position, 2);
    assert_eq!(bed.texts().await, ["second", "first"]);
    assert_eq!(bed.journal.stats().failed, 3);
    assert_eq!(
        (bed.journal.stats().waiting, bed.journal.stats().waiting_bytes),
        (0, 0)
    );
}
