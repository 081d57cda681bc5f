use std::time::{Duration, Instant};

use chrono::TimeDelta;
use entity::{consent_event::ConsentState, id::PurposeId, purpose::LawfulBasis};
use sea_orm::{ColumnTrait, QueryFilter};

use super::{MOST_BYTES, Past, Start, Stretch, stretch};
use crate::{
    admission::{self, Passing, Sender},
    channels,
    consents::{self, NewConsent, WhichPurpose, WhichSubject},
    journal::{Entry, Label, bed::Bed},
    purposes::{self, NewPurpose},
    subjects::{self, SubjectPatch},
};

async fn read(bed: &Bed, start: Start, limit: usize) -> Stretch {
    let past = Past {
        tenant: bed.world.tenant.id,
        endpoint: bed.endpoint,
        channel: "main",
        start,
        limit,
    };
    stretch(bed.ctx(), past).await.unwrap().unwrap()
}

fn positions(stretch: &Stretch) -> Vec<i64> {
    stretch.messages.iter().map(|message| message.position).collect()
}

async fn restrict(bed: &Bed, person: entity::id::SubjectId, restricted: bool) {
    let patch = SubjectPatch {
        restricted: Some(restricted),
        ..SubjectPatch::default()
    };
    let tx = bed.ctx().store.begin(&bed.world.scope).await.unwrap();
    subjects::update(&tx, bed.ctx(), person, None, patch)
        .await
        .unwrap();
    tx.save().await.unwrap();
}

#[tokio::test]
async fn a_channel_that_nobody_spoke_on_has_no_past() {
    let bed = Bed::new().await;
    bed.rule("P1D", |_| {}).await;
    bed.say("main", "x").await;
    for (tenant, endpoint, channel) in [
        (bed.world.tenant.id, bed.endpoint, "nowhere"),
        (
            bed.world.tenant.id,
            entity::id::EndpointId(uuid::Uuid::from_u128(1)),
            "main",
        ),
    ] {
        let past = Past {
            tenant,
            endpoint,
            channel,
            start: Start::Newest,
            limit: 10,
        };
        assert!(stretch(bed.ctx(), past).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn a_stretch_begins_after_a_position_or_ends_at_the_newest_and_tells_epoch_and_top() {
    let bed = Bed::new().await;
    bed.rule("P1D", |_| {}).await;
    let mut epoch = None;
    for number in 1..=10 {
        epoch = Some(bed.say("main", &number.to_string()).await.epoch);
    }
    for (start, limit, expected) in [
        (Start::After(0), 100, (1..=10).collect::<Vec<_>>()),
        (Start::After(7), 100, vec![8, 9, 10]),
        (Start::After(7), 2, vec![8, 9]),
        (Start::After(10), 100, vec![]),
        (Start::After(99), 100, vec![]),
        (Start::Newest, 3, vec![8, 9, 10]),
        (Start::Newest, 100, (1..=10).collect()),
        (Start::Newest, 0, vec![]),
    ] {
        let found = read(&bed, start, limit).await;
        assert_eq!(positions(&found), expected, "{start:?} {limit}");
        assert_eq!((Some(&found.epoch), found.top), (epoch.as_ref(), 10));
        for message in &found.messages {
            assert_eq!(message.said.data, message.position.to_string());
            assert_eq!(message.expires_at, message.id.at() + TimeDelta::days(1));
        }
    }
}

#[tokio::test]
async fn what_was_only_counted_is_a_gap_below_the_top() {
    let bed = Bed::new().await;
    bed.rule("P1D", |_| {}).await;
    bed.say("main", "1").await;
    bed.count("main", None).await.unwrap();
    bed.say("main", "3").await;
    bed.count("main", None).await.unwrap();
    let found = read(&bed, Start::After(0), 100).await;
    assert_eq!((positions(&found), found.top), (vec![1, 3], 4));
    assert_eq!(positions(&read(&bed, Start::Newest, 1).await), [3]);
}

#[tokio::test]
async fn what_has_expired_is_missing_at_once_and_the_newest_are_still_found_below_it() {
    let bed = Bed::new().await;
    bed.rule("PT1H", |_| {}).await;
    let short = bed
        .rule("PT10S", |rule| rule.channel_pattern = Some("main".into()))
        .await;
    for number in 1..=6 {
        bed.say("main", &number.to_string()).await;
        bed.advance(TimeDelta::seconds(2));
    }
    // Recorded at 0, 2, … 10 s; it is 12 s now, so what was said at 2 s expires in this very instant.
    assert_eq!(positions(&read(&bed, Start::After(0), 100).await), [3, 4, 5, 6]);
    bed.advance(TimeDelta::milliseconds(1_999));
    assert_eq!(positions(&read(&bed, Start::After(0), 100).await), [3, 4, 5, 6]);
    bed.advance(TimeDelta::milliseconds(1));
    assert_eq!(positions(&read(&bed, Start::Newest, 100).await), [4, 5, 6]);
    bed.drop_rule(short).await;
    let all = read(&bed, Start::Newest, 100).await;
    assert_eq!(positions(&all), [1, 2, 3, 4, 5, 6], "the rule of now decides");
    let none = bed
        .rule("P0D", |rule| rule.channel_pattern = Some("main".into()))
        .await;
    let found = read(&bed, Start::After(0), 100).await;
    assert_eq!((found.messages.len(), found.top), (0, 6));
    bed.drop_rule(none).await;
    bed.purge().await;
    assert_eq!(positions(&read(&bed, Start::After(4), 100).await), [5, 6]);
}

#[tokio::test]
async fn what_a_person_said_is_missing_while_restricted_and_for_good_once_erased() {
    let bed = Bed::new().await;
    bed.rule("P1D", |_| {}).await;
    let (ada, _ada) = bed.person("ada").await;
    let (bob, _bob) = bed.person("bob").await;
    for subject in [Some(ada), Some(bob), None] {
        bed.try_say("main", subject, "x").await.unwrap();
    }
    assert_eq!(positions(&read(&bed, Start::After(0), 9).await), [1, 2, 3]);
    restrict(&bed, ada, true).await;
    let found = read(&bed, Start::After(0), 9).await;
    assert_eq!((positions(&found), found.top), (vec![2, 3], 3));
    restrict(&bed, ada, false).await;
    assert_eq!(positions(&read(&bed, Start::After(0), 9).await), [1, 2, 3]);
    // Known in memory before the store has it, and the other way round.
    bed.ctx().standings.erased(ada);
    assert_eq!(positions(&read(&bed, Start::After(0), 9).await), [2, 3]);
    let tenant = bed.world.tenant.id;
    bed.ctx().keys.destroy_subject(tenant, bob).await.unwrap();
    let found = read(&bed, Start::After(0), 9).await;
    assert_eq!((positions(&found), found.top), (vec![3], 3));
}

async fn newsletter(bed: &Bed) -> PurposeId {
    let new = NewPurpose {
        slug: "newsletter".into(),
        name: "Newsletter".into(),
        description: None,
        lawful_basis: LawfulBasis::Consent,
        requires_consent: None,
        ..NewPurpose::new("", LawfulBasis::Consent)
    };
    let tx = bed.ctx().store.begin(&bed.world.scope).await.unwrap();
    let purpose = purposes::create(&tx, bed.ctx(), new).await.unwrap();
    tx.save().await.unwrap();
    crate::pictures::reload(bed.ctx(), &bed.world.scope)
        .await
        .unwrap();
    purpose.id
}

#[tokio::test]
async fn what_was_said_under_a_consent_is_missing_once_it_is_withdrawn() {
    let bed = Bed::new().await;
    bed.rule("P1D", |_| {}).await;
    let purpose = newsletter(&bed).await;
    let (ada, standing) = bed.person("ada").await;
    let consent = async |state| {
        let new = NewConsent {
            subject: WhichSubject::Id(ada),
            purpose: WhichPurpose::Id(purpose),
            state,
            notice_version_id: None,
            method: "web form".into(),
            evidence: None,
            at: None,
            place: None,
            valid_for: None,
            import_key: None,
        };
        let tx = bed.ctx().store.begin(&bed.world.scope).await.unwrap();
        consents::record(&tx, bed.ctx(), new).await.unwrap();
        tx.save().await.unwrap();
        bed.advance(TimeDelta::seconds(1));
    };
    consent(ConsentState::Given).await;
    let passing = Passing {
        endpoint: bed.endpoint,
        sender: Sender::Tenant,
        subject: Some(ada),
        purpose: Some(purpose),
        channel: "main",
        binary: false,
        payload: "for the newsletter".into(),
    };
    let admitted = admission::admit(bed.ctx(), passing).unwrap();
    let entry = bed.entry("main", Some(ada), admitted);
    bed.journal.record(entry, Box::new(|_| {})).await.unwrap();
    bed.try_say("main", Some(ada), "for no purpose").await.unwrap();
    let found = read(&bed, Start::After(0), 9).await;
    assert_eq!(positions(&found), [1, 2]);
    assert_eq!(found.messages[0].purpose, Some(purpose));
    consent(ConsentState::Withdrawn).await;
    assert_eq!(positions(&read(&bed, Start::After(0), 9).await), [2]);
    drop(standing);
    let found = read(&bed, Start::After(0), 9).await;
    assert_eq!(positions(&found), [2], "the store alone says so too");
    consent(ConsentState::Given).await;
    let found = read(&bed, Start::After(0), 9).await;
    assert_eq!(
        positions(&found),
        [2],
        "a new consent does not bring back what went with the old one"
    );
}

#[tokio::test]
async fn names_come_along_and_one_damaged_message_keeps_nobody_from_the_others() {
    let bed = Bed::new().await;
    bed.rule("P1D", |_| {}).await;
    let admitted = bed.admit("main", None, "{}").unwrap();
    let entry = Entry {
        label: Some(Label::new("tick", Some("7")).unwrap()),
        ..bed.entry("main", None, admitted)
    };
    bed.journal.record(entry, Box::new(|_| {})).await.unwrap();
    let damaged = bed.say("main", "damaged").await.recorded();
    bed.say("main", "whole").await;
    let tx = bed.ctx().store.begin(&bed.world.scope).await.unwrap();
    tx.update_many::<entity::message::Entity>()
        .set(entity::message::ActiveModel {
            sealed: sea_orm::Set(vec![1; 40]),
            ..Default::default()
        })
        .filter(entity::message::Column::Id.eq(damaged.0))
        .exec(tx.conn())
        .await
        .unwrap();
    tx.save().await.unwrap();
    let found = read(&bed, Start::After(0), 9).await;
    assert_eq!(positions(&found), [1, 3]);
    let said = &found.messages[0].said;
    assert_eq!(
        (said.event.as_deref(), said.user.as_deref()),
        (Some("tick"), Some("7"))
    );
    assert_eq!(found.messages[1].said.event, None);
}

#[tokio::test]
async fn a_stretch_is_bounded_in_bytes_too() {
    let bed = Bed::new().await;
    bed.rule("P1D", |_| {}).await;
    let large = "x".repeat(60_000);
    let count = MOST_BYTES / large.len() + 10;
    let recording: Vec<_> = (0..count)
        .map(|_| {
            let entry = bed.entry("main", None, bed.admit("main", None, &large).unwrap());
            bed.journal.record(entry, Box::new(|_| {}))
        })
        .collect();
    for recorded in recording {
        recorded.await.unwrap();
    }
    let fits = i64::try_from(MOST_BYTES / large.len()).unwrap();
    let top = i64::try_from(count).unwrap();
    let oldest = read(&bed, Start::After(0), count).await;
    assert_eq!(positions(&oldest), (1..=fits).collect::<Vec<_>>());
    let newest = read(&bed, Start::Newest, count).await;
    assert_eq!(positions(&newest), (top - fits + 1..=top).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_hundred_messages_of_a_hundred_persons_are_read_in_a_few_milliseconds() {
    let bed = Bed::new().await;
    bed.rule("P1D", |_| {}).await;
    let mut held = Vec::new();
    for number in 0..100 {
        let (id, standing) = bed.person(&number.to_string()).await;
        held.push(standing);
        bed.try_say("main", Some(id), "hello").await.unwrap();
    }
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let started = Instant::now();
        assert_eq!(read(&bed, Start::After(0), 100).await.messages.len(), 100);
        best = best.min(started.elapsed());
    }
    // Not optimised and on a busy machine; optimised it is a fraction of this.
    assert!(best < Duration::from_millis(50), "{best:?}");
}

#[tokio::test]
async fn a_renewed_epoch_tells_positions_of_before_from_those_of_now() {
    let bed = Bed::new().await;
    bed.rule("P1D", |_| {}).await;
    let before = bed.say("main", "x").await.epoch;
    bed.say("other", "x").await;
    let mut epochs = vec![before];
    for _ in 0..2 {
        channels::renew_epochs(&bed.ctx().store, &*bed.ctx().chance)
            .await
            .unwrap();
        let epoch = read(&bed, Start::Newest, 1).await.epoch;
        assert!(!epochs.contains(&epoch));
        assert_eq!(bed.say("main", "y").await.epoch, epoch);
        assert_ne!(
            bed.say("other", "y").await.epoch,
            epoch,
            "each channel has its own"
        );
        epochs.push(epoch);
    }
    assert_eq!(positions(&read(&bed, Start::After(0), 9).await), [1, 2, 3]);
}
