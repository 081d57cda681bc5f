use chrono::TimeDelta;
use entity::{audit_event, id::SubjectId};
use sea_orm::{ColumnTrait, QueryFilter, QueryOrder};
use serde_json::json;

use super::{Filter, Unsealed, Window, erase_subject, for_subject, held, history, search, unseal};
use crate::{
    ids::MessageId,
    journal::{Said, bed::Bed},
    page::PageIn,
    subjects::{self, SubjectPatch},
};

type Recorded = (MessageId, &'static str, Option<SubjectId>);

async fn pages(bed: &Bed, filter: &Filter, limit: u64) -> Vec<Vec<i64>> {
    let tx = bed.read().await;
    let (mut pages, mut cursor) = (Vec::new(), None);
    loop {
        let page = PageIn::new(Some(limit), cursor).unwrap();
        let found = search(&tx, bed.ctx(), filter, &page).await.unwrap();
        pages.push(found.items.iter().map(|message| message.id.0).collect());
        cursor = found.next_cursor;
        if cursor.is_none() {
            return pages;
        }
    }
}

#[tokio::test]
async fn every_filter_finds_what_it_says_page_by_page() {
    let bed = Bed::new().await;
    bed.rule("P1D", |_| {}).await;
    bed.rule("P2D", |rule| rule.channel_pattern = Some("room-*".into()))
        .await;
    let (ada, _ada) = bed.person("ada").await;
    let (bob, _bob) = bed.person("bob").await;
    let mut said = Vec::new();
    for number in 0..30 {
        let channel = ["main", "room-1", "lobby"][number % 3];
        let subject = [Some(ada), Some(bob), None, None][number % 4];
        let stored = bed.try_say(channel, subject, &number.to_string()).await.unwrap();
        said.push((stored.recorded(), channel, subject));
        bed.advance(TimeDelta::seconds(1));
    }
    said.reverse();
    let expect = |keep: &dyn Fn(&Recorded) -> bool| {
        said.iter()
            .filter(|message| keep(message))
            .map(|message| message.0.0)
            .collect::<Vec<_>>()
    };
    let (from, to) = (said[20].0.at(), said[5].0.at());
    let cases: Vec<(Filter, Vec<i64>)> = vec![
        (Filter::default(), expect(&|_| true)),
        (
            Filter {
                subject: Some(ada),
                ..Filter::default()
            },
            expect(&|message| message.2 == Some(ada)),
        ),
        (
            Filter {
                channel: Some("room-1".into()),
                ..Filter::default()
            },
            expect(&|message| message.1 == "room-1"),
        ),
        (
            Filter {
                channel: Some("main".into()),
                subject: Some(bob),
                ..Filter::default()
            },
            expect(&|message| message.1 == "main" && message.2 == Some(bob)),
        ),
        (
            Filter {
                from: Some(from),
                to: Some(to),
                ..Filter::default()
            },
            expect(&|message| message.0.at() >= from && message.0.at() < to),
        ),
        (
            Filter {
                channel: Some("nowhere".into()),
                ..Filter::default()
            },
            vec![],
        ),
        (
            Filter {
                outbound: Some(true),
                ..Filter::default()
            },
            vec![],
        ),
        (
            Filter {
                outbound: Some(false),
                endpoint: Some(bed.endpoint),
                ..Filter::default()
            },
            expect(&|_| true),
        ),
    ];
    for (filter, expected) in cases {
        for limit in [3, 200] {
            let pages = pages(&bed, &filter, limit).await;
            assert_eq!(pages.concat(), expected, "{filter:?} by {limit}");
            assert!(pages.iter().rev().skip(1).all(|page| page.len() as u64 == limit));
        }
    }
}

#[tokio::test]
async fn history_goes_on_after_a_position_and_skips_what_has_expired() {
    let bed = Bed::new().await;
    bed.rule("PT10S", |_| {}).await;
    for number in 1..=10 {
        bed.say("main", &number.to_string()).await;
        bed.advance(TimeDelta::seconds(2));
    }
    let tx = bed.read().await;
    let page = |limit| PageIn::new(Some(limit), None).unwrap();
    let after = |position| Window {
        after: Some(position),
        ..Window::default()
    };
    let part = history(&tx, bed.ctx(), bed.endpoint, "main", Window::default(), &page(3))
        .await
        .unwrap()
        .unwrap();
    let positions: Vec<_> = part.messages.iter().map(|message| message.position).collect();
    assert_eq!((positions, part.top), (vec![7, 8, 9], 10));
    let next = PageIn::new(Some(3), part.next_cursor).unwrap();
    let next = history(&tx, bed.ctx(), bed.endpoint, "main", Window::default(), &next)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((next.messages[0].position, next.next_cursor), (10, None));
    let rest = history(&tx, bed.ctx(), bed.endpoint, "main", after(9), &page(3))
        .await
        .unwrap()
        .unwrap();
    assert_eq!((rest.messages.len(), rest.next_cursor), (1, None));
    assert!(
        history(
            &tx,
            bed.ctx(),
            bed.endpoint,
            "nowhere",
            Window::default(),
            &page(3)
        )
        .await
        .unwrap()
        .is_none()
    );
}

#[tokio::test]
async fn what_is_held_about_a_person_is_told_with_its_dates_and_can_be_removed() {
    let bed = Bed::new().await;
    bed.rule("P1D", |_| {}).await;
    bed.rule("P3D", |rule| rule.channel_pattern = Some("room-*".into()))
        .await;
    let (ada, _standing) = bed.person("ada").await;
    let first = bed.try_say("main", Some(ada), "a").await.unwrap().recorded();
    bed.advance(TimeDelta::hours(1));
    let last = bed.try_say("room-1", Some(ada), "b").await.unwrap().recorded();
    bed.say("main", "of nobody").await;
    let tx = bed.read().await;
    let held = held(&tx, bed.ctx(), ada).await.unwrap();
    assert_eq!(held.len(), 1, "one endpoint, one purpose, no data types");
    let held = &held[0];
    assert_eq!((held.messages, held.duration.as_str()), (2, "P3D"));
    assert_eq!((held.oldest_at, held.newest_at), (first.at(), last.at()));
    assert_eq!(held.next_expiry_at, first.at() + TimeDelta::days(1));
    assert_eq!(held.last_expiry_at, last.at() + TimeDelta::days(3));
    let (some, next) = for_subject(&tx, bed.ctx(), ada, None, 1).await.unwrap();
    assert_eq!((some[0].id, next), (first, Some(first)));
    let (rest, next) = for_subject(&tx, bed.ctx(), ada, next, 5).await.unwrap();
    assert_eq!((rest[0].id, next), (last, None));
    drop(tx);
    for expected in [1, 1, 0] {
        let tx = bed.ctx().store.begin(&bed.world.scope).await.unwrap();
        assert_eq!(erase_subject(&tx, ada, 1).await.unwrap(), expected);
        tx.save().await.unwrap();
    }
    assert_eq!(bed.texts().await, ["of nobody"]);
}

#[tokio::test]
async fn opening_for_somebody_is_in_the_audit_log_without_what_was_looked_for() {
    let bed = Bed::new().await;
    bed.rule("P1D", |_| {}).await;
    let (ada, _standing) = bed.person("ada").await;
    bed.try_say("main", Some(ada), "hello").await.unwrap();
    let filter = Filter {
        subject: Some(ada),
        ..Filter::default()
    };
    let found: Vec<_> = bed
        .found(&filter)
        .await
        .into_iter()
        .map(|(message, _)| message)
        .collect();
    let why = json!({ "filters": filter.names() });
    let opened = unseal(bed.ctx(), &bed.world.scope, &found, Some(ada), why)
        .await
        .unwrap();
    assert_eq!(
        opened,
        [Unsealed::Says(Said {
            event: None,
            user: None,
            data: "hello".into()
        })]
    );
    let restricted = SubjectPatch {
        restricted: Some(true),
        ..SubjectPatch::default()
    };
    let tx = bed.ctx().store.begin(&bed.world.scope).await.unwrap();
    subjects::update(&tx, bed.ctx(), ada, None, restricted)
        .await
        .unwrap();
    tx.save().await.unwrap();
    let opened = unseal(bed.ctx(), &bed.world.scope, &found, None, json!({}))
        .await
        .unwrap();
    assert_eq!(opened, [Unsealed::Restricted]);
    let tx = bed.read().await;
    let event = tx
        .find::<audit_event::Entity>()
        .filter(audit_event::Column::Kind.eq("messages.unsealed"))
        .order_by_asc(audit_event::Column::Index)
        .one(tx.conn())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        event.facts,
        json!({ "count": 1, "by": { "filters": ["subject"] } })
    );
    assert_eq!(event.subject_id, Some(ada));
}
