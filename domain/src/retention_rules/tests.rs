use entity::{id::EndpointId, retention_rule::RetentionAction};
use uuid::Uuid;

use super::*;
use crate::{Error, testing::World};

fn new(target: RetentionTarget) -> NewRule {
    NewRule {
        name: "a rule".into(),
        target,
        endpoint_id: None,
        channel_pattern: None,
        data_type_id: None,
        purpose_id: None,
        duration: "P30D".into(),
        action: RetentionAction::Delete,
        enabled: true,
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
