use chrono::TimeDelta;
use entity::{
    id::EndpointId,
    retention_change::{self, ChangeState},
    retention_rule::RetentionKind,
};
use uuid::Uuid;

use super::*;
use crate::{
    Error,
    journal::bed::Bed,
    pictures,
    tenancy::{Actor, TenantScope},
    tenants::{self, TenantPatch},
    testing::World,
};

fn new(target: RetentionTarget) -> NewRule {
    NewRule {
        target,
        ..NewRule::new("a rule", "P30D")
    }
}

async fn fault(t: &World, new: NewRule) -> (String, &'static str) {
    let tx = t.ctx.store.begin(&t.scope).await.unwrap();
    match create(&tx, &t.ctx, new).await {
        Err(Error::Invalid(faults)) if faults.len() == 1 => (faults[0].field.clone(), faults[0].code),
        other => panic!("one fault was expected, not {other:?}"),
    }
}

#[tokio::test]
async fn every_change_of_a_rule_is_remembered_and_so_is_its_end() {
    let t = World::new().await;
    let tx = t.ctx.store.begin(&t.scope).await.unwrap();
    let mut made = new(RetentionTarget::Messages);
    made.channel_pattern = Some("private-*".into());
    let rule = create(&tx, &t.ctx, made).await.unwrap();
    let patch = RulePatch {
        duration: Some("P0Y1M".into()),
        channel_pattern: Some(None),
        ..Default::default()
    };
    let why = Some("the lawyers said so".to_owned());
    let changed = update(&tx, &t.ctx, rule.id, Some(1), patch, why.clone())
        .await
        .unwrap();
    assert_eq!((changed.duration.as_str(), changed.version), ("P1M", 2));
    assert_eq!(read(&tx, rule.id).await.unwrap(), changed);
    let stale = update(&tx, &t.ctx, rule.id, Some(1), RulePatch::default(), None).await;
    assert!(matches!(stale, Err(Error::VersionMismatch { current: 2 })));
    delete(&tx, &t.ctx, rule.id, None, None).await.unwrap();
    assert!(matches!(read(&tx, rule.id).await, Err(Error::NotFound { .. })));

    let page = PageIn::new(Some(2), None).unwrap();
    let newest = list_versions(&tx, rule.id, &page).await.unwrap();
    let told = |version: &Version| {
        let rule = &version.rule;
        (
            version.number,
            rule.duration.clone(),
            rule.channel_pattern.clone(),
            version.why.clone(),
            rule.deleted,
        )
    };
    assert_eq!(
        newest.items.iter().map(told).collect::<Vec<_>>(),
        [
            (3, "P1M".into(), None, None, true),
            (2, "P1M".into(), None, why, false)
        ]
    );
    let rest = PageIn::new(Some(2), newest.next_cursor).unwrap();
    let rest = list_versions(&tx, rule.id, &rest).await.unwrap();
    assert_eq!(
        rest.items.iter().map(told).collect::<Vec<_>>(),
        [(1, "P30D".into(), Some("private-*".into()), None, false)]
    );
    assert_eq!(rest.items[0].changed_by, "system");
    assert_eq!(rest.next_cursor, None);
    let nobody = list_versions(&tx, Uuid::nil().into(), &page).await;
    assert!(matches!(nobody, Err(Error::NotFound { .. })));
}

#[tokio::test]
async fn a_rule_takes_only_what_makes_sense_for_what_it_is_about() {
    use RetentionTarget as T;
    let t = World::new().await;
    let nowhere: EndpointId = t.ctx.ids.next();
    let cases = [
        (
            "/duration",
            "not_a_duration",
            NewRule {
                duration: "30 days".into(),
                ..new(T::Messages)
            },
        ),
        (
            "/duration",
            "too_long",
            NewRule {
                duration: "P2000Y".into(),
                ..new(T::Messages)
            },
        ),
        (
            "/name",
            "empty",
            NewRule {
                name: " ".into(),
                ..new(T::Messages)
            },
        ),
        (
            "/channel_pattern",
            "not_a_pattern",
            NewRule {
                channel_pattern: Some(String::new()),
                ..new(T::Messages)
            },
        ),
        (
            "/channel_pattern",
            "unexpected",
            NewRule {
                channel_pattern: Some("*".into()),
                ..new(T::Connections)
            },
        ),
        (
            "/endpoint_id",
            "unknown",
            NewRule {
                endpoint_id: Some(nowhere),
                ..new(T::Connections)
            },
        ),
        (
            "/endpoint_id",
            "unexpected",
            NewRule {
                endpoint_id: Some(nowhere),
                ..new(T::AuditEvents)
            },
        ),
        (
            "/data_type_id",
            "unknown",
            NewRule {
                data_type_id: Some(t.ctx.ids.next()),
                ..new(T::Messages)
            },
        ),
        (
            "/kind",
            "unexpected",
            NewRule {
                kind: RetentionKind::LegalMinimum,
                ..new(T::Connections)
            },
        ),
        (
            "/purpose_id",
            "unexpected",
            NewRule {
                purpose_id: Some(t.ctx.ids.next()),
                ..new(T::AuditEvents)
            },
        ),
    ];
    for (field, code, new) in cases {
        assert_eq!(fault(&t, new).await, (field.to_owned(), code));
    }
}

/// Says what is to become of the rules, as somebody.
async fn propose_as(bed: &Bed, caller: &TenantScope, proposal: Proposal) -> Outcome {
    let tx = bed.ctx().store.begin(caller).await.unwrap();
    let outcome = propose(&tx, bed.ctx(), proposal, Some("a test".into()))
        .await
        .unwrap();
    tx.save().await.unwrap();
    pictures::reload(bed.ctx(), caller).await.unwrap();
    outcome
}

fn shorter(id: RetentionRuleId) -> Proposal {
    Proposal::Update {
        id,
        expected: None,
        patch: RulePatch {
            duration: Some("PT1H".into()),
            ..Default::default()
        },
    }
}

fn waits(outcome: Outcome) -> retention_change::Model {
    match outcome {
        Outcome::Waits(change) => change,
        Outcome::Applied(rule) => panic!("{rule:?} acts at once"),
    }
}

async fn set(bed: &Bed, patch: TenantPatch) {
    let tx = bed.ctx().store.begin(&bed.world.scope).await.unwrap();
    tenants::update(&tx, bed.ctx(), None, patch).await.unwrap();
    tx.save().await.unwrap();
}

#[tokio::test]
async fn a_change_that_destroys_waits_for_the_grace_period_and_one_that_does_not_acts_at_once() {
    let bed = Bed::new().await;
    let rule = bed.rule("P30D", |_| {}).await;
    let scope = bed.world.scope.clone();
    // Nothing is stored: nothing can be lost.
    let made = propose_as(&bed, &scope, Proposal::Create(NewRule::new("short", "P20D"))).await;
    let Outcome::Applied(made) = made else {
        panic!("{made:?}")
    };
    bed.drop_rule(made.id).await;
    bed.say("main", "an hour is enough").await;
    bed.advance(TimeDelta::hours(2));
    // Two days would be over after the grace period, so there is time to think again: it acts.
    let longer = RulePatch {
        duration: Some("P2D".into()),
        ..Default::default()
    };
    let update = Proposal::Update {
        id: rule,
        expected: None,
        patch: longer,
    };
    assert!(matches!(
        propose_as(&bed, &scope, update).await,
        Outcome::Applied(_)
    ));
    let tx = bed.read().await;
    let seen = preview(&tx, bed.ctx(), shorter(rule)).await.unwrap();
    drop(tx);
    assert_eq!(seen.now.iter().map(|class| class.destroyed).sum::<u64>(), 1);
    assert!(seen.waits && !seen.needs_approval);
    let change = waits(propose_as(&bed, &scope, shorter(rule)).await);
    assert_eq!(
        (change.messages, change.effective_at),
        (1, bed.ctx().now() + TimeDelta::days(1))
    );
    assert_eq!(bed.texts().await, ["an hour is enough"]);
    assert_eq!(apply_due(bed.ctx()).await.unwrap(), 0);
    bed.advance(TimeDelta::hours(23));
    assert_eq!(apply_due(bed.ctx()).await.unwrap(), 0);
    bed.advance(TimeDelta::hours(1));
    assert_eq!(apply_due(bed.ctx()).await.unwrap(), 1);
    assert_eq!(bed.texts().await, [""; 0]);
    let tx = bed.read().await;
    assert_eq!(
        read_change(&tx, change.id).await.unwrap().state,
        ChangeState::Applied
    );
    let page = PageIn::new(None, None).unwrap();
    let versions = list_versions(&tx, rule, &page).await.unwrap();
    assert_eq!(versions.items[0].why.as_deref(), Some("a test"));
    drop(tx);
    // What was seen is what goes.
    assert_eq!(bed.purge().await.messages, 1);
}

#[tokio::test]
async fn what_waits_can_be_called_off_and_fails_when_its_rule_changed_meanwhile() {
    let bed = Bed::new().await;
    let rule = bed.rule("P30D", |_| {}).await;
    let scope = bed.world.scope.clone();
    bed.say("main", "still here").await;
    bed.advance(TimeDelta::hours(2));
    let first = waits(propose_as(&bed, &scope, shorter(rule)).await);
    let tx = bed.ctx().store.begin(&scope).await.unwrap();
    cancel(&tx, bed.ctx(), first.id, None).await.unwrap();
    let again = cancel(&tx, bed.ctx(), first.id, None).await;
    assert!(matches!(
        again,
        Err(Error::Conflict {
            code: "wrong_state",
            ..
        })
    ));
    tx.save().await.unwrap();
    let second = waits(
        propose_as(
            &bed,
            &scope,
            Proposal::Delete {
                id: rule,
                expected: None,
            },
        )
        .await,
    );
    let renamed = RulePatch {
        name: Some("another name".into()),
        ..Default::default()
    };
    let update = Proposal::Update {
        id: rule,
        expected: None,
        patch: renamed,
    };
    assert!(matches!(
        propose_as(&bed, &scope, update).await,
        Outcome::Applied(_)
    ));
    bed.advance(TimeDelta::days(2));
    assert_eq!(apply_due(bed.ctx()).await.unwrap(), 0);
    let tx = bed.read().await;
    assert_eq!(
        read_change(&tx, first.id).await.unwrap().state,
        ChangeState::Cancelled
    );
    let second = read_change(&tx, second.id).await.unwrap();
    assert_eq!(second.state, ChangeState::Failed);
    assert_eq!(
        second.note.as_deref(),
        Some("it was changed since; its version is now 2")
    );
    drop(tx);
    assert_eq!(bed.texts().await, ["still here"]);
}

#[tokio::test]
async fn a_second_member_must_approve_where_the_tenant_wants_that() {
    let bed = Bed::new().await;
    let member = |id: u128| TenantScope::new(bed.world.tenant.id, Actor::Member(Uuid::from_u128(id).into()));
    let (ada, bob) = (member(1), member(2));
    set(
        &bed,
        TenantPatch {
            retention_grace: Some("P0D".into()),
            retention_approval: Some(true),
            ..Default::default()
        },
    )
    .await;
    let rule = bed.rule("P30D", |_| {}).await;
    bed.say("main", "for four eyes").await;
    bed.advance(TimeDelta::hours(2));
    let change = waits(propose_as(&bed, &ada, shorter(rule)).await);
    assert!(change.needs_approval);
    assert_eq!(apply_due(bed.ctx()).await.unwrap(), 0);
    for (who, agreed) in [(&bed.world.scope, false), (&ada, false), (&bob, true)] {
        let tx = bed.ctx().store.begin(who).await.unwrap();
        let approved = approve(&tx, bed.ctx(), change.id).await;
        assert_eq!(approved.is_ok(), agreed, "{:?}", who.actor());
        tx.save().await.unwrap();
    }
    assert_eq!(apply_due(bed.ctx()).await.unwrap(), 1);
    assert_eq!(bed.texts().await, [""; 0]);
}
