//! Rules of webhooks, from what happens to what is sent, without a network.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use chrono::TimeDelta;
use entity::{
    id::{SubjectId, WebhookId},
    webhook,
    webhook_delivery::{self, DeliveryError, DeliveryState},
    webhook_occupancy, webhook_part,
};
use sea_orm::{PaginatorTrait, QueryOrder};
use serde_json::{Value, json};

use super::{
    ClientEvent, Happening, Hooks, LifecycleFilter, NewWebhook, Outcome, Turn, WebhookPatch, attempts,
    erase_subject, hooks::Happened, recover, round, sweep,
};
use crate::{
    connections::{Opened, Recorder, Totals},
    error::Error,
    journal::bed::Bed,
    nodes,
    page::PageIn,
    pictures, retention,
};

const NODE: &str = "node-1";

/// A webhook that wants all of these.
async fn hook(bed: &Bed, events: &[&str]) -> WebhookId {
    let new = NewWebhook {
        endpoint: bed.endpoint,
        url: Some("https://receiver.example/hook".into()),
        description: None,
        events: events.iter().map(|event| (*event).to_owned()).collect(),
        channel_prefix: None,
        enabled: true,
    };
    let tx = bed.ctx().store.begin(&bed.world.scope).await.unwrap();
    let (row, _) = super::create(&tx, bed.ctx(), new).await.unwrap();
    tx.save().await.unwrap();
    pictures::reload(bed.ctx(), &bed.world.scope).await.unwrap();
    row.id
}

fn happened(bed: &Bed, channel: &str, what: Happening) -> Happened {
    Happened {
        tenant: bed.world.tenant.id,
        endpoint: bed.endpoint,
        channel: Arc::from(channel),
        what,
        at: bed.ctx().now(),
    }
}

/// Writes down that this happened, as the task behind [`Hooks`] does.
async fn tell(bed: &Bed, events: Vec<Happened>) {
    let round = round::round(bed.ctx(), events, NODE).await.unwrap();
    let tx = bed.ctx().store.system("a test").await.unwrap();
    round.write(&tx, NODE, bed.ctx().now()).await.unwrap();
    tx.save().await.unwrap();
}

fn said(subject: Option<SubjectId>, text: &str, class: i64) -> Happening {
    Happening::ClientEvent(ClientEvent {
        event: "client-typing".into(),
        user: None,
        data: Bytes::from(text.to_owned()),
        session: uuid::Uuid::from_u128(7),
        subject,
        purpose: None,
        class,
    })
}

fn member(user: &str, comes: bool) -> Happening {
    let user = user.into();
    if comes {
        Happening::MemberAdded { user }
    } else {
        Happening::MemberRemoved { user }
    }
}

async fn turn(bed: &Bed) -> Turn {
    let mut turns = attempts::claim(bed.ctx(), 10).await.unwrap();
    assert_eq!(turns.len(), 1);
    turns.remove(0)
}

/// Sends everything that is due now, with this outcome. Answers what was in the bodies.
async fn send(bed: &Bed, outcome: Outcome) -> Vec<Vec<Value>> {
    let mut sent = Vec::new();
    for turn in attempts::claim(bed.ctx(), 10).await.unwrap() {
        while let Some(attempt) = attempts::next(bed.ctx(), &turn).await.unwrap() {
            let body: Value = serde_json::from_slice(&attempt.body).unwrap();
            sent.push(body["events"].as_array().unwrap().clone());
            attempts::settle(bed.ctx(), &turn, &attempt, outcome, Duration::from_millis(3))
                .await
                .unwrap();
        }
        attempts::release(bed.ctx(), turn).await.unwrap();
    }
    sent
}

const TAKEN: Outcome = Outcome::Answered(200);
const REFUSED: Outcome = Outcome::Answered(500);

async fn deliveries(bed: &Bed) -> Vec<webhook_delivery::Model> {
    let tx = bed.read().await;
    tx.find::<webhook_delivery::Entity>()
        .order_by_asc(webhook_delivery::Column::Id)
        .all(tx.conn())
        .await
        .unwrap()
}

async fn parts(bed: &Bed) -> u64 {
    let tx = bed.read().await;
    tx.find::<webhook_part::Entity>().count(tx.conn()).await.unwrap()
}

#[tokio::test]
async fn events_of_one_moment_are_one_delivery_in_their_order() {
    let bed = Bed::new().await;
    hook(
        &bed,
        &[
            "channel_occupied",
            "subscription_count",
            "member_added",
            "cache_miss",
        ],
    )
    .await;
    bed.person("ada").await;
    let events = vec![
        happened(&bed, "presence-a", Happening::Occupied),
        happened(&bed, "presence-a", Happening::SubscriptionCount(1)),
        happened(&bed, "presence-a", member("ada", true)),
        happened(&bed, "presence-a", Happening::SubscriptionCount(2)),
        happened(&bed, "cache-b", Happening::CacheMiss),
        // Nobody asked for this one.
        happened(&bed, "b", Happening::Vacated),
    ];
    tell(&bed, events).await;
    let sent = send(&bed, TAKEN).await;
    let expected = json!([[
        { "name": "channel_occupied", "channel": "presence-a" },
        { "name": "member_added", "channel": "presence-a", "user_id": "ada" },
        { "name": "subscription_count", "channel": "presence-a", "subscription_count": 2 },
        { "name": "cache_miss", "channel": "cache-b" },
    ]]);
    assert_eq!(json!(sent), expected);
    let row = deliveries(&bed).await.remove(0);
    assert_eq!(
        (row.state, row.events, row.sent),
        (DeliveryState::Delivered, 4, Some(4))
    );
    assert!(send(&bed, TAKEN).await.is_empty(), "once is enough");
}

#[tokio::test]
async fn a_failing_delivery_holds_back_those_behind_it_and_then_steps_aside() {
    let bed = Bed::new().await;
    hook(&bed, &["channel_occupied"]).await;
    for channel in ["a", "b"] {
        tell(&bed, vec![happened(&bed, channel, Happening::Occupied)]).await;
    }
    let channel = |sent: &[Vec<Value>]| -> Vec<String> {
        sent.iter()
            .map(|events| events[0]["channel"].as_str().unwrap().to_owned())
            .collect()
    };
    for pause in [6, 17, 66] {
        assert_eq!(channel(&send(&bed, REFUSED).await), ["a"]);
        assert!(send(&bed, TAKEN).await.is_empty(), "the others wait for it");
        bed.advance(TimeDelta::seconds(pause));
    }
    // The fourth failure: from now on it waits by itself.
    let turn = turn(&bed).await;
    let attempt = attempts::next(bed.ctx(), &turn).await.unwrap().unwrap();
    let took = Duration::from_millis(3);
    attempts::settle(bed.ctx(), &turn, &attempt, REFUSED, took)
        .await
        .unwrap();
    attempts::release(bed.ctx(), turn).await.unwrap();
    assert_eq!(channel(&send(&bed, TAKEN).await), ["b"]);
    bed.advance(TimeDelta::seconds(331));
    assert_eq!(channel(&send(&bed, TAKEN).await), ["a"]);
    let rows = deliveries(&bed).await;
    assert_eq!((rows[0].attempts_total, rows[1].attempts_total), (5, 1));
}

#[tokio::test]
async fn after_a_day_a_delivery_is_given_up_and_after_five_the_webhook() {
    let bed = Bed::new().await;
    let id = hook(&bed, &["channel_occupied"]).await;
    tell(&bed, vec![happened(&bed, "a", Happening::Occupied)]).await;
    let mut attempts = 0;
    while deliveries(&bed).await[0].state == DeliveryState::Pending {
        attempts += send(&bed, Outcome::Failed(DeliveryError::Timeout)).await.len();
        let next = deliveries(&bed).await[0].next_at;
        bed.advance((next - bed.ctx().now()).max(TimeDelta::zero()));
    }
    assert_eq!(attempts, 12);
    let read = |tx: &crate::tenancy::TenantTx| tx.find_by_id::<webhook::Entity, _>(id);
    let tx = bed.read().await;
    let row = read(&tx).one(tx.conn()).await.unwrap().unwrap();
    assert!(row.failing_since.is_some() && row.enabled, "{row:?}");
    drop(tx);
    bed.advance(TimeDelta::days(4));
    tell(&bed, vec![happened(&bed, "b", Happening::Occupied)]).await;
    assert_eq!(send(&bed, REFUSED).await.len(), 1);
    let tx = bed.read().await;
    let row = read(&tx).one(tx.conn()).await.unwrap().unwrap();
    assert!(!row.enabled && row.disabled_reason.is_some(), "{row:?}");
    drop(tx);
    // What waits for it waits for a day at most.
    bed.advance(TimeDelta::days(2));
    sweep(bed.ctx()).await.unwrap();
    assert_eq!(deliveries(&bed).await[1].error, Some(DeliveryError::TooOld));
    let tx = bed.ctx().store.begin(&bed.world.scope).await.unwrap();
    let on = WebhookPatch {
        enabled: Some(true),
        ..WebhookPatch::default()
    };
    let row = super::update(&tx, bed.ctx(), id, None, on).await.unwrap();
    assert!(row.failing_since.is_none() && row.disabled_reason.is_none());
}

#[tokio::test]
async fn what_an_erased_person_said_or_did_is_not_told_any_more() {
    let bed = Bed::new().await;
    hook(&bed, &["client_event", "member_added", "channel_occupied"]).await;
    let (ada, _standing) = bed.person("ada").await;
    let events = vec![
        happened(&bed, "presence-a", Happening::Occupied),
        happened(&bed, "presence-a", member("ada", true)),
        happened(&bed, "presence-a", said(Some(ada), "my secret", 0)),
    ];
    tell(&bed, events).await;
    assert_eq!(send(&bed, REFUSED).await[0].len(), 3);
    // The keys alone are enough: this is what holds in every copy.
    bed.ctx()
        .keys
        .destroy_subject(bed.world.tenant.id, ada)
        .await
        .unwrap();
    bed.advance(TimeDelta::seconds(6));
    let sent = send(&bed, REFUSED).await;
    assert_eq!(
        json!(sent),
        json!([[{ "name": "channel_occupied", "channel": "presence-a" }]])
    );
    let tx = bed.ctx().store.begin(&bed.world.scope).await.unwrap();
    erase_subject(&tx, ada).await.unwrap();
    tx.save().await.unwrap();
    assert_eq!(parts(&bed).await, 1);
    let row = deliveries(&bed).await.remove(0);
    assert_eq!((row.events, row.sent), (3, Some(1)));
}

#[tokio::test]
async fn nothing_of_whoever_is_gone_is_written_down() {
    let bed = Bed::new().await;
    hook(&bed, &["client_event", "member_added"]).await;
    let nobody = SubjectId(uuid::Uuid::from_u128(99));
    let events = vec![
        happened(&bed, "presence-a", said(Some(nobody), "too late", 0)),
        happened(&bed, "presence-a", member("never seen", true)),
    ];
    tell(&bed, events).await;
    assert!(deliveries(&bed).await.is_empty());
}

#[tokio::test]
async fn client_events_follow_the_rules_and_where_there_is_none_travel_for_minutes() {
    let bed = Bed::new().await;
    hook(&bed, &["client_event"]).await;
    let (ada, _standing) = bed.person("ada").await;
    // No rule: it may be told at once, and is gone soon.
    tell(
        &bed,
        vec![happened(&bed, "private-a", said(Some(ada), "unkept", 0))],
    )
    .await;
    assert_eq!(send(&bed, REFUSED).await[0][0]["data"], "unkept");
    bed.advance(TimeDelta::seconds(301));
    assert!(send(&bed, TAKEN).await.is_empty());
    assert_eq!(deliveries(&bed).await[0].state, DeliveryState::Expired);
    assert_eq!(parts(&bed).await, 0);
    // A rule: as long as it says, by the rule of the moment of sending.
    let rule = bed.rule("PT1H", |_| {}).await;
    let class = bed.admit("private-a", Some(ada), "kept").unwrap().class;
    for _ in 0..2 {
        tell(
            &bed,
            vec![happened(&bed, "private-a", said(Some(ada), "kept", class))],
        )
        .await;
    }
    bed.advance(TimeDelta::minutes(30));
    assert_eq!(send(&bed, TAKEN).await.len(), 2);
    tell(
        &bed,
        vec![happened(&bed, "private-a", said(Some(ada), "kept", class))],
    )
    .await;
    bed.drop_rule(rule).await;
    assert!(send(&bed, TAKEN).await.is_empty());
    // A rule that nothing is to be kept: not even to be told.
    bed.rule("P0D", |_| {}).await;
    let before = deliveries(&bed).await.len();
    tell(
        &bed,
        vec![happened(&bed, "private-a", said(Some(ada), "never", 0))],
    )
    .await;
    assert_eq!(deliveries(&bed).await.len(), before);
}

#[tokio::test]
async fn a_restricted_persons_words_are_not_told() {
    let bed = Bed::new().await;
    hook(&bed, &["client_event"]).await;
    let (ada, _standing) = bed.person("ada").await;
    tell(
        &bed,
        vec![happened(&bed, "private-a", said(Some(ada), "hush", 0))],
    )
    .await;
    let tx = bed.ctx().store.begin(&bed.world.scope).await.unwrap();
    crate::subjects::restrict(&tx, bed.ctx(), ada).await.unwrap();
    tx.save().await.unwrap();
    assert!(send(&bed, TAKEN).await.is_empty());
    assert_eq!(deliveries(&bed).await[0].state, DeliveryState::Expired);
}

#[tokio::test]
async fn events_are_kept_for_replay_for_three_days_and_the_log_for_thirty() {
    let bed = Bed::new().await;
    let id = hook(&bed, &["channel_occupied"]).await;
    tell(&bed, vec![happened(&bed, "a", Happening::Occupied)]).await;
    send(&bed, TAKEN).await;
    let delivery = deliveries(&bed).await[0].id;
    let replay = async || {
        let tx = bed.ctx().store.begin(&bed.world.scope).await.unwrap();
        let done = super::replay(&tx, bed.ctx(), id, delivery).await;
        if done.is_ok() {
            tx.save().await.unwrap();
        }
        done
    };
    bed.advance(TimeDelta::hours(71));
    sweep(bed.ctx()).await.unwrap();
    replay().await.unwrap();
    assert_eq!(send(&bed, TAKEN).await[0][0]["channel"], "a");
    bed.advance(TimeDelta::hours(73));
    assert_eq!(sweep(bed.ctx()).await.unwrap(), 1);
    assert!(matches!(
        replay().await,
        Err(Error::Conflict {
            code: "events_gone",
            ..
        })
    ));
    bed.advance(TimeDelta::days(31));
    sweep(bed.ctx()).await.unwrap();
    assert!(deliveries(&bed).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_is_collected_held_back_and_told_by_the_task() {
    let bed = Bed::new().await;
    hook(&bed, &["channel_occupied", "channel_vacated"]).await;
    let (hooks, task) = Hooks::start(bed.ctx().clone(), NODE.into()).await.unwrap();
    let (tenant, a) = (bed.world.tenant.id, Arc::from("a"));
    for what in [Happening::Occupied, Happening::Vacated, Happening::Occupied] {
        hooks.happened(tenant, bed.endpoint, &a, what);
    }
    // Another tenant's word counts for nothing, and what nobody wants costs nothing.
    let other = entity::id::TenantId(uuid::Uuid::from_u128(9));
    hooks.happened(other, bed.endpoint, &a, Happening::Vacated);
    hooks.happened(tenant, bed.endpoint, &a, Happening::CacheMiss);
    hooks.happened(tenant, bed.endpoint, &a, Happening::Vacated);
    hooks.stop();
    task.await.unwrap();
    // It left and may yet come back: the next process tells of it.
    let sent = send(&bed, TAKEN).await;
    assert_eq!(
        json!(sent),
        json!([[{ "name": "channel_occupied", "channel": "a" }]])
    );
    assert_eq!(hooks.stats().dropped, 0);
    assert_eq!(recover::left_behind(bed.ctx(), NODE).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_a_dead_node_had_told_of_is_ended_by_another() {
    let bed = Bed::new().await;
    let events = [
        "channel_occupied",
        "channel_vacated",
        "member_added",
        "member_removed",
        "disconnected",
    ];
    hook(&bed, &events).await;
    bed.person("ada").await;
    let (recorder, _task) = Recorder::start(bed.ctx().clone(), NODE.into()).await.unwrap();
    let opened = Opened {
        id: bed.ctx().ids.next(),
        tenant: bed.world.tenant.id,
        endpoint: bed.endpoint,
        subject: None,
        address: None,
    };
    recorder.opened(opened.clone());
    recorder.flush().await.unwrap();
    let events = vec![
        happened(&bed, "presence-a", Happening::Occupied),
        happened(&bed, "presence-a", member("ada", true)),
    ];
    tell(&bed, events).await;
    send(&bed, TAKEN).await;
    bed.advance(TimeDelta::seconds(20));
    assert!(nodes::beat(bed.ctx(), NODE).await.unwrap());
    let watch = nodes::Watch::default();
    assert_eq!(
        watch_until_lost(&bed, &watch).await,
        0,
        "it was there a moment ago"
    );
    bed.advance(TimeDelta::seconds(2));
    assert_eq!(watch.look(bed.ctx()).await.unwrap(), 3);
    assert_eq!(watch.look(bed.ctx()).await.unwrap(), 0);
    let sent = send(&bed, TAKEN).await.concat();
    let mut names: Vec<&str> = sent.iter().map(|event| event["name"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["channel_vacated", "disconnected", "member_removed"]);
    let tx = bed.read().await;
    assert_eq!(
        tx.find::<webhook_occupancy::Entity>()
            .count(tx.conn())
            .await
            .unwrap(),
        0
    );
    drop(tx);
    // It was not dead after all: it hears so, and what it says of the session's end is not told again.
    assert!(!nodes::beat(bed.ctx(), NODE).await.unwrap());
    assert!(nodes::beat(bed.ctx(), NODE).await.unwrap());
    assert_eq!(recorder.open().len(), 1);
    recorder.closed(opened.id, opened.tenant, 4200, "reconnect", Totals::default());
    recorder.flush().await.unwrap();
    assert!(send(&bed, TAKEN).await.is_empty());
}

#[tokio::test]
async fn a_node_that_never_said_so_gets_its_time_too() {
    let bed = Bed::new().await;
    tell(&bed, vec![happened(&bed, "a", Happening::Occupied)]).await;
    assert_eq!(nodes::adopt(bed.ctx()).await.unwrap(), 1);
    assert_eq!(nodes::adopt(bed.ctx()).await.unwrap(), 0);
    let watch = nodes::Watch::default();
    assert_eq!(watch_until_lost(&bed, &watch).await, 0);
    bed.advance(TimeDelta::seconds(2));
    assert_eq!(watch.look(bed.ctx()).await.unwrap(), 1);
}

/// Looks for dead nodes until just before whoever spoke now would count as one. Answers what was ended.
async fn watch_until_lost(bed: &Bed, watch: &nodes::Watch) -> u64 {
    let mut ended = watch.look(bed.ctx()).await.unwrap();
    for _ in 1..nodes::LOST_AFTER.num_seconds() {
        bed.advance(TimeDelta::seconds(1));
        ended += watch.look(bed.ctx()).await.unwrap();
    }
    ended
}

#[tokio::test]
async fn when_the_store_was_away_everybody_gets_the_time_to_say_that_they_are_there() {
    let bed = Bed::new().await;
    nodes::begin(bed.ctx(), "dead").await.unwrap();
    nodes::begin(bed.ctx(), "alive").await.unwrap();
    tell(&bed, vec![happened(&bed, "a", Happening::Occupied)]).await;
    let watch = nodes::Watch::default();
    watch.look(bed.ctx()).await.unwrap();
    bed.advance(TimeDelta::minutes(2));
    // Nobody could look, and nobody could say anything.
    for _ in 0..2 {
        watch.look(bed.ctx()).await.unwrap();
        bed.advance(TimeDelta::seconds(4));
    }
    assert!(nodes::beat(bed.ctx(), "alive").await.unwrap(), "it still counts");
    watch.look(bed.ctx()).await.unwrap();
    bed.advance(TimeDelta::seconds(4));
    watch.look(bed.ctx()).await.unwrap();
    assert!(nodes::beat(bed.ctx(), "alive").await.unwrap());
    assert!(!nodes::beat(bed.ctx(), "dead").await.unwrap(), "it was buried");
}

#[tokio::test]
async fn sessions_are_told_of_once_with_whoever_they_are_now() {
    let bed = Bed::new().await;
    hook(&bed, &["connected", "disconnected"]).await;
    let (ada, _standing) = bed.person("ada").await;
    let (recorder, _task) = Recorder::start(bed.ctx().clone(), NODE.into()).await.unwrap();
    let opened = Opened {
        id: bed.ctx().ids.next(),
        tenant: bed.world.tenant.id,
        endpoint: bed.endpoint,
        subject: Some(ada),
        address: None,
    };
    recorder.opened(opened.clone());
    recorder.flush().await.unwrap();
    let why = "consent withdrawn";
    recorder.active(opened.id, opened.tenant, Totals::default());
    recorder.flush().await.unwrap();
    recorder.closed(opened.id, opened.tenant, 4031, why, Totals::default());
    recorder.flush().await.unwrap();
    recorder.flush().await.unwrap();
    let sent = send(&bed, TAKEN).await.concat();
    assert_eq!(sent.len(), 2);
    assert_eq!(
        (&sent[0]["name"], &sent[0]["user_id"]),
        (&json!("connected"), &json!("ada"))
    );
    assert_eq!(
        (&sent[1]["name"], &sent[1]["code"], &sent[1]["reason"]),
        (&json!("disconnected"), &json!(4031), &json!(why))
    );
    // A process of the same name that starts later has nothing to add.
    let _again = Recorder::start(bed.ctx().clone(), NODE.into()).await.unwrap();
    assert!(send(&bed, TAKEN).await.is_empty());
}

#[tokio::test]
async fn channels_comings_and_goings_can_be_read_as_long_as_connections_can() {
    let bed = Bed::new().await;
    hook(&bed, &["channel_occupied", "channel_vacated"]).await;
    for what in [Happening::Occupied, Happening::Vacated] {
        tell(&bed, vec![happened(&bed, "a", what)]).await;
        bed.advance(TimeDelta::seconds(1));
    }
    tell(&bed, vec![happened(&bed, "b", Happening::Occupied)]).await;
    let list = async |filter: LifecycleFilter| {
        let tx = bed.read().await;
        let page = PageIn::new(None, None).unwrap();
        super::list_lifecycle_events(&tx, bed.ctx(), &filter, &page)
            .await
            .unwrap()
            .items
    };
    assert_eq!(list(LifecycleFilter::default()).await.len(), 3);
    let of_a = LifecycleFilter {
        channel: Some("a".into()),
        ..LifecycleFilter::default()
    };
    let rows = list(of_a).await;
    let kinds: Vec<_> = rows.iter().map(|row| row.kind.as_str()).collect();
    assert_eq!(kinds, ["channel_vacated", "channel_occupied"]);
    bed.advance(TimeDelta::days(31));
    assert!(list(LifecycleFilter::default()).await.is_empty());
    assert_eq!(retention::sweep(bed.ctx()).await.unwrap().lifecycle_events, 3);
}
