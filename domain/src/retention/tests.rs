use chrono::{DateTime, TimeDelta, Utc};
use entity::{
    audit_event,
    id::{DataTypeId, EndpointId, PurposeId, RetentionRuleId, TenantId},
    retention_rule::{self, RetentionAction, RetentionKind, RetentionTarget},
};
use proptest::prelude::*;
use sea_orm::{ColumnTrait, QueryFilter, QueryOrder};
use uuid::Uuid;

use super::{Asked, Budget, Case, Rule, Rules, explain, purge};
use crate::{
    Error,
    duration::Kept,
    ids::MessageId,
    journal::bed::Bed,
    messages::{self, Filter},
    page::PageIn,
};

const ENDPOINT: EndpointId = EndpointId(Uuid::from_u128(1));
const PURPOSE: PurposeId = PurposeId(Uuid::from_u128(2));
const EMAIL: DataTypeId = DataTypeId(Uuid::from_u128(3));
const HEALTH: DataTypeId = DataTypeId(Uuid::from_u128(4));

fn row(id: u128, duration: &str) -> retention_rule::Model {
    retention_rule::Model {
        id: RetentionRuleId(Uuid::from_u128(id)),
        tenant_id: TenantId(Uuid::nil()),
        name: format!("rule {id}"),
        target: RetentionTarget::Messages,
        kind: RetentionKind::Deletion,
        source: None,
        endpoint_id: None,
        channel_pattern: None,
        data_type_id: None,
        purpose_id: None,
        duration: duration.into(),
        action: RetentionAction::Delete,
        enabled: true,
        created_at: DateTime::UNIX_EPOCH,
        updated_at: DateTime::UNIX_EPOCH,
        version: 1,
    }
}

/// Rules, purpose, data types, channel, and the rule that wins.
type Row<'a> = (
    &'a [&'a retention_rule::Model],
    Option<PurposeId>,
    &'a [DataTypeId],
    &'a str,
    Option<u128>,
);

#[test]
fn the_more_explicit_rule_wins_then_the_shorter() {
    let general = row(1, "P30D");
    let shorter = row(2, "P7D");
    let endpoint = retention_rule::Model {
        endpoint_id: Some(ENDPOINT),
        ..row(3, "P90D")
    };
    let purpose = retention_rule::Model {
        purpose_id: Some(PURPOSE),
        ..row(4, "P60D")
    };
    let email = retention_rule::Model {
        data_type_id: Some(EMAIL),
        ..row(5, "P365D")
    };
    let health = retention_rule::Model {
        data_type_id: Some(HEALTH),
        ..row(6, "PT2S")
    };
    let rooms = retention_rule::Model {
        channel_pattern: Some("room-*".into()),
        ..row(7, "P5D")
    };
    let endpoint_purpose = retention_rule::Model {
        endpoint_id: Some(ENDPOINT),
        purpose_id: Some(PURPOSE),
        ..row(8, "P400D")
    };
    let off = retention_rule::Model {
        endpoint_id: Some(ENDPOINT),
        channel_pattern: Some("*".into()),
        enabled: false,
        ..row(9, "P0D")
    };
    let connections = retention_rule::Model {
        target: RetentionTarget::Connections,
        ..row(10, "P0D")
    };
    let (purposes, types, both) = (Some(PURPOSE), vec![EMAIL], vec![EMAIL, HEALTH]);
    let table: [Row<'_>; 11] = [
        (&[], None, &[], "main", None),
        (&[&off, &connections], None, &[], "main", None),
        (&[&general, &shorter], None, &[], "main", Some(2)),
        // Explicit beats shorter.
        (&[&shorter, &endpoint], None, &[], "main", Some(3)),
        // Equally explicit: the shorter.
        (&[&endpoint, &purpose], purposes, &[], "main", Some(4)),
        (&[&endpoint, &purpose], None, &[], "main", Some(3)),
        // What the data is, or exactly where, says more than the endpoint or the purpose.
        (&[&endpoint, &purpose, &email], purposes, &types, "main", Some(5)),
        (&[&endpoint, &rooms], None, &[], "room-1", Some(7)),
        (&[&endpoint, &rooms], None, &[], "main", Some(3)),
        // Of two data types in one message, the one that goes first.
        (&[&email, &health, &general], None, &both, "main", Some(6)),
        // Two things named beat one.
        (
            &[&health, &rooms, &endpoint_purpose],
            purposes,
            &both,
            "room-1",
            Some(8),
        ),
    ];
    for (number, (rows, purpose, data_types, channel, winner)) in table.into_iter().enumerate() {
        let mut rows: Vec<_> = rows.iter().map(|row| (*row).clone()).collect();
        let case = Case {
            endpoint: ENDPOINT,
            purpose,
            data_types,
        };
        // In whatever order they come.
        for _ in 0..rows.len().max(1) {
            let rules = Rules::new(&rows).unwrap();
            let found = rules.winner(case, channel).map(|rule| rule.id.0.as_u128());
            assert_eq!(found, winner, "case {number}");
            if !rows.is_empty() {
                rows.rotate_left(1);
            }
        }
    }
}

fn any_rule() -> impl Strategy<Value = retention_rule::Model> {
    (
        any::<u64>(),
        prop::option::of(Just(ENDPOINT)),
        prop::option::of(prop::sample::select(vec![
            "*", "room-*", "room-1", "*-1", "lobby", "r*m-?",
        ])),
        prop::option::of(prop::sample::select(vec![EMAIL, HEALTH])),
        prop::option::of(Just(PURPOSE)),
        prop::sample::select(vec!["P0D", "PT2S", "PT1H", "P1D", "P30D", "P1M"]),
        prop::bool::weighted(0.8),
        prop::bool::weighted(0.3),
    )
        .prop_map(
            |(id, endpoint, channel, data_type, purpose, duration, enabled, minimum)| retention_rule::Model {
                kind: if minimum {
                    RetentionKind::LegalMinimum
                } else {
                    RetentionKind::Deletion
                },
                endpoint_id: endpoint,
                channel_pattern: channel.map(str::to_owned),
                data_type_id: data_type,
                purpose_id: purpose,
                enabled,
                ..row(id.into(), duration)
            },
        )
}

const CHANNELS: [&str; 6] = ["main", "room-1", "room-2", "lobby", "x-1", "room-?"];

proptest! {
    #[test]
    fn the_line_of_a_class_is_where_each_message_would_say_it_is(
        rows in prop::collection::vec(any_rule(), 0..8),
        before in prop::collection::vec(any_rule(), 0..8),
        channel in prop::sample::select(CHANNELS.to_vec()),
        purpose in prop::option::of(Just(PURPOSE)),
        data_types in prop::sample::subsequence(vec![EMAIL, HEALTH], 0..=2),
        age in 0_i64..40 * 86_400_000,
    ) {
        let rules = Rules::new(&rows).unwrap();
        let case = Case { endpoint: ENDPOINT, purpose, data_types: &data_types };
        // The class remembers the pattern of the rule that won when the message was written, under other rules.
        let pattern = Rules::new(&before).unwrap().decide(case, channel).rule().and_then(|rule| rule.channel.clone());
        let now: DateTime<Utc> = "2027-03-30T12:00:00.123456Z".parse().unwrap();
        let id = MessageId::first_at(now - TimeDelta::milliseconds(age));
        let kept = rules.decide(case, channel).kept();
        let readable = kept != Kept::Nothing && kept.until(id.at()) > now;
        let cut = rules.cut(case, pattern.as_deref(), now);
        prop_assert_eq!(id.0 >= cut.of_channel(channel), readable);
        if id.0 < cut.lowest() { prop_assert!(!readable); }
        if id.0 >= cut.highest() { prop_assert!(readable); }
    }

    #[test]
    fn what_is_unreadable_stays_unreadable_under_the_same_rules(
        rows in prop::collection::vec(any_rule(), 0..8),
        channel in prop::sample::select(CHANNELS.to_vec()),
        hours in prop::collection::vec(0_i64..2_000, 2),
    ) {
        let rules = Rules::new(&rows).unwrap();
        let case = Case { endpoint: ENDPOINT, purpose: None, data_types: &[] };
        let start: DateTime<Utc> = "2027-01-28T00:00:00Z".parse().unwrap();
        let mut hours = hours;
        hours.sort_unstable();
        let [earlier, later] = [0, 1].map(|i| {
            rules.cut(case, None, start + TimeDelta::hours(hours[i])).of_channel(channel)
        });
        prop_assert!(earlier <= later);
    }
}

proptest! {
    /// Said again, as plainly as it can be.
    #[test]
    fn a_legal_minimum_beats_deletion_then_explicit_beats_implicit_then_the_shorter_wins(
        rows in prop::collection::vec(any_rule(), 0..10),
        channel in prop::sample::select(CHANNELS.to_vec()),
        purpose in prop::option::of(Just(PURPOSE)),
        data_types in prop::sample::subsequence(vec![EMAIL, HEALTH], 0..=2),
    ) {
        let applies = |row: &&retention_rule::Model| row.enabled
            && row.endpoint_id.is_none_or(|id| id == ENDPOINT)
            && row.purpose_id.is_none_or(|id| purpose == Some(id))
            && row.data_type_id.is_none_or(|id| data_types.contains(&id))
            && row.channel_pattern.as_deref().is_none_or(|pattern| super::glob::matches(pattern, channel));
        let of = |kind| rows.iter().filter(applies).filter(move |row| row.kind == kind);
        let length = |row: &retention_rule::Model| row.duration.parse::<Kept>().unwrap().approximate();
        let named = |row: &retention_rule::Model| {
            let narrow = usize::from(row.channel_pattern.is_some()) + usize::from(row.data_type_id.is_some());
            (narrow + usize::from(row.endpoint_id.is_some()) + usize::from(row.purpose_id.is_some()), narrow)
        };
        let most = of(RetentionKind::Deletion).map(named).max();
        let deletion = of(RetentionKind::Deletion).filter(|row| Some(named(row)) == most).map(length).min();
        let minimum = of(RetentionKind::LegalMinimum).map(length).max();
        let expected = deletion.max(minimum).unwrap_or_default();
        let case = Case { endpoint: ENDPOINT, purpose, data_types: &data_types };
        prop_assert_eq!(Rules::new(&rows).unwrap().decide(case, channel).kept().approximate(), expected);
    }
}

#[tokio::test]
async fn where_rules_for_channels_overlap_rows_and_keys_go_as_soon_as_each_has_expired() {
    let bed = Bed::new().await;
    bed.rule("P1D", |_| {}).await;
    bed.rule("PT1H", |rule| rule.channel_pattern = Some("room-*".into()))
        .await;
    bed.rule("P10D", |rule| {
        rule.channel_pattern = Some("*-x".into());
        rule.endpoint_id = Some(bed.endpoint);
    })
    .await;
    // Past what may have been on its way when the rules changed, and the slices of time that were open then.
    bed.advance(TimeDelta::hours(5));
    bed.say("room-1", "an hour").await;
    bed.say("room-x", "ten days").await;
    bed.say("main", "a day").await;
    bed.advance(TimeDelta::hours(2));
    let report = bed.purge().await;
    assert_eq!((report.messages, report.keys), (1, 1), "the hour is over");
    assert_eq!(bed.texts().await, ["a day", "ten days"]);
    bed.advance(TimeDelta::days(1));
    let report = bed.purge().await;
    assert_eq!((report.messages, report.keys), (1, 1), "the day is over");
    assert_eq!(bed.texts().await, ["ten days"]);
    // And the four hours that a slice of ten days' messages lasts.
    bed.advance(TimeDelta::days(9) + TimeDelta::hours(4));
    let report = bed.purge().await;
    assert_eq!((report.messages, report.keys), (1, 1));
    assert_eq!(bed.rows().await, 0);
}

#[tokio::test]
async fn what_a_law_wants_kept_outlasts_every_rule_that_deletes() {
    let bed = Bed::new().await;
    bed.rule("P1D", |_| {}).await;
    let law = bed
        .rule("P6Y", |rule| {
            rule.name = "commercial letters".into();
            rule.kind = RetentionKind::LegalMinimum;
            rule.channel_pattern = Some("orders-*".into());
        })
        .await;
    bed.say("orders-1", "an order").await;
    bed.say("main", "small talk").await;
    bed.advance(TimeDelta::days(2));
    let tx = bed.read().await;
    let asked = Asked::Case {
        endpoint: bed.endpoint,
        channel: Some("orders-1".into()),
        purpose: None,
        data_types: Vec::new(),
    };
    let said = explain(&tx, bed.ctx(), asked).await.unwrap();
    drop(tx);
    assert_eq!(said.rule.unwrap().id, law);
    assert_eq!(
        said.reason,
        "The legal minimum “commercial letters” decides: it names the channel. \
         It lasts longer than “keep P1D”, which would delete earlier."
    );
    let decides: Vec<_> = said
        .candidates
        .iter()
        .map(|one| (one.rule.name.as_str(), one.decides))
        .collect();
    assert_eq!(decides, [("commercial letters", true), ("keep P1D", false)]);
    assert_eq!(bed.purge().await.messages, 1);
    assert_eq!(bed.texts().await, ["an order"]);
    bed.advance(TimeDelta::days(365 * 6 + 2));
    assert_eq!(bed.purge().await.messages, 1);
    assert_eq!(bed.rows().await, 0);
}

#[tokio::test]
async fn a_message_is_unreadable_from_its_deadline_on_and_not_before() {
    let bed = Bed::new().await;
    bed.rule("PT2S", |_| {}).await;
    let stored = bed.say("main", "soon gone").await;
    bed.advance(TimeDelta::microseconds(1_999_999));
    assert_eq!(bed.texts().await, ["soon gone"]);
    bed.advance(TimeDelta::microseconds(1));
    assert_eq!(bed.texts().await, [""; 0]);
    // No other way leads there either.
    let tx = bed.read().await;
    let read = messages::read(&tx, bed.ctx(), stored.recorded()).await;
    assert!(matches!(read, Err(Error::NotFound { .. })), "{read:?}");
    let page = PageIn::new(Some(10), None).unwrap();
    let history = messages::history(
        &tx,
        bed.ctx(),
        bed.endpoint,
        "main",
        messages::Window::default(),
        &page,
    )
    .await
    .unwrap();
    assert!(history.unwrap().messages.is_empty());
    let asked = explain(&tx, bed.ctx(), Asked::Message(stored.recorded())).await;
    assert!(matches!(asked, Err(Error::NotFound { .. })));
    // It is still there, and nobody can tell.
    assert_eq!(bed.rows().await, 1);
}

#[tokio::test]
async fn a_change_of_rule_acts_at_once_on_what_is_stored() {
    let bed = Bed::new().await;
    bed.rule("P30D", |_| {}).await;
    bed.say("room-1", "one").await;
    bed.say("main", "two").await;
    bed.advance(TimeDelta::hours(1));
    bed.say("room-1", "three").await;
    assert_eq!(bed.texts().await, ["three", "two", "one"]);
    let rooms = bed
        .rule("PT1M", |rule| rule.channel_pattern = Some("room-*".into()))
        .await;
    assert_eq!(bed.texts().await, ["three", "two"]);
    // Filed under a class of its own from now on.
    bed.say("room-2", "four").await;
    bed.advance(TimeDelta::minutes(2));
    assert_eq!(bed.texts().await, ["two"]);
    bed.drop_rule(rooms).await;
    assert_eq!(bed.texts().await, ["four", "three", "two", "one"]);
    let all = bed
        .rule("P0D", |rule| rule.endpoint_id = Some(bed.endpoint))
        .await;
    assert_eq!(bed.texts().await, [""; 0]);
    bed.drop_rule(all).await;
    assert_eq!(bed.texts().await.len(), 4);
}

#[tokio::test]
async fn purge_removes_exactly_what_has_expired() {
    let bed = Bed::new().await;
    bed.rule("P1D", |_| {}).await;
    let mut alive = Vec::new();
    for hour in 0..40 {
        for channel in ["main", "room-1", "room-x"] {
            let stored = bed.say(channel, &format!("{channel} at {hour}")).await;
            alive.push((stored.recorded(), channel));
        }
        bed.advance(TimeDelta::hours(1));
    }
    // After the fact: rooms are kept for six hours, one of them for ten days.
    bed.rule("PT6H", |rule| rule.channel_pattern = Some("room-*".into()))
        .await;
    bed.rule("P10D", |rule| {
        rule.channel_pattern = Some("room-x".into());
        rule.endpoint_id = Some(bed.endpoint);
    })
    .await;
    let now = bed.ctx().now();
    alive.retain(|(id, channel)| {
        let kept = match *channel {
            "main" => TimeDelta::days(1),
            "room-1" => TimeDelta::hours(6),
            _ => TimeDelta::days(10),
        };
        id.at() + kept > now
    });
    let expected: Vec<i64> = alive.iter().map(|(id, _)| id.0).collect();
    let budget = Budget {
        batch: 7,
        ..Budget::default()
    };
    let report = purge(bed.ctx(), budget).await.unwrap();
    assert_eq!(bed.ids().await, expected);
    assert_eq!(report.messages, 120 - expected.len() as u64);
    assert!(!report.more);
    let found = bed.found(&Filter::default()).await;
    assert_eq!(found.len(), expected.len());
    assert!(found.iter().all(|(_, text)| text.is_some()));
    // Nothing more to do.
    assert_eq!(purge(bed.ctx(), budget).await.unwrap().messages, 0);
}

#[tokio::test]
async fn expiry_destroys_the_keys_and_says_so_once() {
    let bed = Bed::new().await;
    let rule = bed.rule("PT2S", |_| {}).await;
    for number in 0..5 {
        bed.say("main", &number.to_string()).await;
    }
    let before = bed.ids().await;
    bed.advance(TimeDelta::seconds(4));
    let report = bed.purge().await;
    assert_eq!((report.messages, report.keys), (5, 1));
    assert!(report.lag >= TimeDelta::seconds(1) && report.lag <= TimeDelta::seconds(3));
    let events = expired_events(&bed).await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["count"], 5);
    assert_eq!(events[0]["first_id"], before[0].to_string());
    assert_eq!(events[0]["rule"], rule.0.to_string());
    // Within the next minute it is counted, not told.
    for _ in 0..3 {
        bed.say("main", "again").await;
        bed.advance(TimeDelta::seconds(4));
        assert_eq!(bed.purge().await.messages, 1);
    }
    assert_eq!(expired_events(&bed).await.len(), 1);
    bed.advance(TimeDelta::seconds(60));
    bed.purge().await;
    let events = expired_events(&bed).await;
    assert_eq!(events.len(), 2);
    assert_eq!(events[1]["count"], 3);
    bed.advance(TimeDelta::seconds(200));
    bed.purge().await;
    assert_eq!(expired_events(&bed).await.len(), 2);
}

async fn expired_events(bed: &Bed) -> Vec<serde_json::Value> {
    let tx = bed.read().await;
    tx.find::<audit_event::Entity>()
        .filter(audit_event::Column::Kind.eq("messages.expired"))
        .order_by_asc(audit_event::Column::Index)
        .all(tx.conn())
        .await
        .unwrap()
        .into_iter()
        .map(|event| event.facts)
        .collect()
}

#[tokio::test]
async fn a_run_keeps_to_its_budget_and_the_next_goes_on() {
    let bed = Bed::new().await;
    bed.rule("PT1M", |_| {}).await;
    for number in 0..50 {
        bed.say("main", &number.to_string()).await;
    }
    bed.advance(TimeDelta::minutes(2));
    let budget = Budget { rows: 20, batch: 10 };
    let mut removed = Vec::new();
    loop {
        let report = purge(bed.ctx(), budget).await.unwrap();
        removed.push(report.messages);
        if !report.more {
            break;
        }
    }
    assert_eq!(removed, [20, 20, 10]);
    assert_eq!(bed.rows().await, 0);
}

#[tokio::test]
async fn an_endpoint_that_is_gone_leaves_nothing() {
    let bed = Bed::new().await;
    bed.rule("P30D", |_| {}).await;
    let stored = bed.say("main", "still here").await;
    let tx = bed.ctx().store.begin(&bed.world.scope).await.unwrap();
    crate::endpoints::delete(&tx, bed.ctx(), bed.endpoint, None, "chat")
        .await
        .unwrap();
    tx.save().await.unwrap();
    crate::pictures::reload(bed.ctx(), &bed.world.scope)
        .await
        .unwrap();
    let tx = bed.read().await;
    assert!(messages::read(&tx, bed.ctx(), stored.recorded()).await.is_err());
    drop(tx);
    let report = bed.purge().await;
    assert_eq!((report.messages, report.keys), (1, 1));
    assert_eq!(bed.rows().await, 0);
    let tx = bed.read().await;
    let classes = tx
        .find::<entity::retention_class::Entity>()
        .all(tx.conn())
        .await
        .unwrap();
    let channels = tx.find::<entity::channel::Entity>().all(tx.conn()).await.unwrap();
    assert!(classes.is_empty() && channels.is_empty());
    assert_eq!(expired_events(&bed).await.len(), 1);
}

#[tokio::test]
async fn an_explanation_names_the_rule_and_the_reason() {
    let bed = Bed::new().await;
    let tx = bed.read().await;
    let case = || Asked::Case {
        endpoint: bed.endpoint,
        channel: Some("room-1".into()),
        purpose: None,
        data_types: Vec::new(),
    };
    let nothing = explain(&tx, bed.ctx(), case()).await.unwrap();
    assert_eq!((nothing.duration.as_str(), nothing.rule), ("P0D", None));
    drop(tx);
    bed.rule("P30D", |rule| rule.name = "everything".into()).await;
    let rooms = bed
        .rule("P1D", |rule| {
            rule.name = "rooms".into();
            rule.channel_pattern = Some("room-*".into());
        })
        .await;
    let stored = bed.say("room-1", "x").await;
    let tx = bed.read().await;
    let explained = explain(&tx, bed.ctx(), case()).await.unwrap();
    assert_eq!(explained.rule.unwrap().id, rooms);
    assert_eq!(
        explained.reason,
        "The rule “rooms” decides: it names the channel. \
         It is more explicit than “everything”, which names nothing in particular, so it holds in general."
    );
    let explained = explain(&tx, bed.ctx(), Asked::Message(stored.recorded()))
        .await
        .unwrap();
    assert_eq!(
        explained.readable_until,
        Some(stored.recorded().at() + TimeDelta::days(1))
    );
    let dashboard = super::classes(&tx, bed.ctx()).await.unwrap();
    assert_eq!(dashboard.len(), 1);
    assert_eq!(
        (dashboard[0].messages, dashboard[0].duration.as_str()),
        (1, "P1D")
    );
    assert_eq!(dashboard[0].rule, Some(rooms));
}

#[test]
fn explicitness_counts_what_is_named() {
    let rule = Rules::new(&[retention_rule::Model {
        channel_pattern: Some("*".into()),
        endpoint_id: Some(ENDPOINT),
        ..row(1, "P1D")
    }])
    .unwrap();
    let case = Case {
        endpoint: ENDPOINT,
        purpose: None,
        data_types: &[],
    };
    assert_eq!(
        rule.winner(case, "any")
            .map(|rule: &std::sync::Arc<Rule>| rule.explicitness()),
        Some((2, 1))
    );
}

/// Changes rows behind everybody's back.
async fn tamper(bed: &Bed, sql: &str) {
    use sea_orm::ConnectionTrait;
    let tx = bed
        .ctx()
        .store
        .system("a test tampers with the store")
        .await
        .unwrap();
    let done = tx.conn().execute_unprepared(sql).await.unwrap();
    assert_eq!(done.rows_affected(), 1, "{sql}");
    tx.save().await.unwrap();
}

async fn drawn(bed: &Bed) -> Vec<(i64, i64, i64, i64)> {
    let drawn = super::balance(bed.ctx(), &bed.world.scope).await.unwrap();
    drawn
        .iter()
        .map(|row| (row.ingested, row.live, row.deleted, row.difference))
        .collect()
}

async fn alarms(bed: &Bed) -> Vec<serde_json::Value> {
    let mails = crate::mails::claim(bed.ctx(), 100, TimeDelta::days(365))
        .await
        .unwrap();
    let alarms = mails
        .into_iter()
        .filter(|mail| mail.template == "retention_alarm");
    alarms.map(|mail| mail.values).collect()
}

#[tokio::test]
async fn what_came_in_is_live_or_deleted_and_nothing_else() {
    let bed = Bed::new().await;
    bed.rule("PT1H", |_| {}).await;
    assert!(drawn(&bed).await.is_empty());
    let (ada, _standing) = bed.person("ada").await;
    for number in 0..5 {
        bed.say("main", &number.to_string()).await;
    }
    for _ in 0..2 {
        bed.try_say("main", Some(ada), "by ada").await.unwrap();
    }
    assert_eq!(drawn(&bed).await, [(7, 7, 0, 0)]);
    assert!(drawn(&bed).await.is_empty(), "nothing changed since");
    let tx = bed.ctx().store.begin(&bed.world.scope).await.unwrap();
    assert_eq!(messages::erase_subject(&tx, ada, 100).await.unwrap(), 2);
    tx.save().await.unwrap();
    assert_eq!(drawn(&bed).await, [(7, 5, 2, 0)]);
    bed.advance(TimeDelta::hours(2));
    bed.say("main", "younger").await;
    let budget = Budget { rows: 3, batch: 2 };
    while purge(bed.ctx(), budget).await.unwrap().more {
        assert!(drawn(&bed).await.iter().all(|row| row.3 == 0));
    }
    assert_eq!(drawn(&bed).await, [(8, 1, 7, 0)]);
    let unbalanced = |told: Vec<serde_json::Value>| told.iter().any(|alarm| alarm["alarm"] == "unbalanced");
    assert!(!unbalanced(alarms(&bed).await));
    let tx = bed.read().await;
    let leaves = tx
        .find::<audit_event::Entity>()
        .filter(audit_event::Column::Kind.eq("retention.balanced"))
        .all(tx.conn())
        .await
        .unwrap();
    assert!(leaves.len() >= 3);
}

#[tokio::test]
async fn a_planted_row_and_a_missing_one_make_the_balance_fail_and_the_owner_hears_of_it_once() {
    let bed = Bed::new().await;
    bed.rule("P30D", |_| {}).await;
    for number in 0..3 {
        bed.say("main", &number.to_string()).await;
    }
    assert_eq!(drawn(&bed).await, [(3, 3, 0, 0)]);
    tamper(
        &bed,
        "INSERT INTO message SELECT class_id, id - 1, tenant_id, channel_id, position, subject_id, bucket_id, flags, size, sealed \
         FROM message ORDER BY id LIMIT 1",
    )
    .await;
    assert_eq!(drawn(&bed).await, [(3, 4, 0, -1)]);
    let told = alarms(&bed).await;
    assert_eq!((told.len(), &told[0]["difference"]), (1, &serde_json::json!(-1)));
    assert!(drawn(&bed).await.is_empty(), "the same is not told again");
    for left in [3, 2] {
        tamper(
            &bed,
            "DELETE FROM message WHERE id IN (SELECT id FROM message ORDER BY id LIMIT 1)",
        )
        .await;
        assert_eq!(drawn(&bed).await, [(3, left, 0, 3 - left)]);
    }
    assert_eq!(alarms(&bed).await[0]["difference"], 1);
}

#[tokio::test]
async fn a_removal_that_is_late_is_told_once_an_hour_and_a_new_rule_is_not_late() {
    let bed = Bed::new().await;
    bed.rule("P30D", |_| {}).await;
    bed.say("main", "old").await;
    bed.advance(TimeDelta::days(2));
    bed.rule("PT10M", |_| {}).await;
    let report = bed.purge().await;
    assert_eq!((report.messages, report.backlog), (1, 0));
    assert!(report.lag < TimeDelta::minutes(1), "{}", report.lag);
    assert!(alarms(&bed).await.is_empty(), "the rule ended it just now");
    for (minutes, alarm) in [(20, 1), (20, 0), (60, 1)] {
        bed.say("main", "left lying").await;
        bed.advance(TimeDelta::minutes(10 + minutes));
        let report = bed.purge().await;
        assert!(report.lag >= TimeDelta::minutes(minutes - 1));
        assert_eq!(alarms(&bed).await.len(), alarm, "after {minutes} minutes");
    }
}
