use chrono::TimeDelta;
use entity::{incident::Risk, message, purpose::LawfulBasis, retention_class};
use sea_orm::IntoActiveModel;

use super::*;
use crate::{
    consents::{self, NewConsent, WhichPurpose, WhichSubject},
    incidents::{AffectedFilter, NewIncident, create, list_affected, update},
    journal::bed::Bed,
    keys::SubjectKeyName,
    page::PageIn,
    purposes::{self, NewPurpose},
    subjects,
};

async fn enter(bed: &Bed, exposure: Exposure) -> incident::Model {
    let ctx = bed.ctx();
    let tx = ctx.store.begin(&bed.world.scope).await.unwrap();
    let new = NewIncident {
        title: "T".to_owned(),
        facts: "F".to_owned(),
        nature: vec!["confidentiality".to_owned()],
        exposure,
        risk: Risk::High,
        endpoint_ids: vec![bed.endpoint],
        started_at: ctx.now(),
        ended_at: None,
        aware_at: None,
    };
    let row = create(&tx, ctx, new).await.unwrap();
    tx.save().await.unwrap();
    row
}

/// Some messages of a class about somebody, as the journal leaves them.
async fn fill(bed: &Bed, class: i64, subject: Option<SubjectId>, count: i64) {
    let ctx = bed.ctx();
    let tx = ctx.store.begin(&bed.world.scope).await.unwrap();
    let rows = (0..count).map(|position| {
        message::Model {
            class_id: class,
            id: ctx.ids.next_message().0,
            tenant_id: bed.world.tenant.id,
            channel_id: 1,
            position,
            subject_id: subject,
            bucket_id: 1,
            flags: 0,
            size: 1,
            sealed: vec![0],
        }
        .into_active_model()
    });
    tx.insert_many(rows.collect()).await.unwrap();
    tx.save().await.unwrap();
}

async fn class(bed: &Bed, id: i64, purpose: Option<PurposeId>, pattern: Option<&str>) {
    let tx = bed.ctx().store.begin(&bed.world.scope).await.unwrap();
    let row = retention_class::Model {
        id,
        tenant_id: bed.world.tenant.id,
        endpoint_id: bed.endpoint,
        purpose_id: purpose,
        data_types: json!([]),
        channel_pattern: pattern.map(str::to_owned),
        signature: id.to_string(),
        created_at: bed.ctx().now(),
    };
    tx.insert(row.into_active_model()).await.unwrap();
    tx.save().await.unwrap();
}

async fn scoped(bed: &Bed, incident: &incident::Model) -> Scope {
    let job = ScopeIncident {
        incident: incident.id,
    };
    run_scope(bed.ctx(), &bed.world.scope, &job).await.unwrap();
    let row = read(&bed.read().await, incident.id).await.unwrap();
    assert!(row.scope_step.is_none() && row.scoped_at.is_some());
    serde_json::from_value(row.scope.unwrap()).unwrap()
}

#[tokio::test]
async fn many_classes_are_counted_as_the_kinds_they_are_of() {
    let bed = Bed::new().await;
    let ada = subjects::get_or_create(bed.ctx(), &bed.world.scope, "ada")
        .await
        .unwrap();
    let bob = subjects::get_or_create(bed.ctx(), &bed.world.scope, "bob")
        .await
        .unwrap();
    bed.advance(TimeDelta::hours(1));
    class(&bed, 99, None, Some("before")).await;
    fill(&bed, 99, Some(ada), 5).await;
    bed.advance(TimeDelta::hours(1));
    let incident = enter(&bed, Exposure::Live).await;
    // More than go into one statement, all of one kind.
    for id in 1..=20 {
        class(&bed, id, None, Some(&format!("room-{id}"))).await;
        fill(&bed, id, Some(ada), 2).await;
    }
    fill(&bed, 20, Some(bob), 3).await;
    fill(&bed, 20, None, 4).await;
    bed.advance(TimeDelta::seconds(1));
    let found = scoped(&bed, &incident).await;
    assert_eq!(
        (found.subjects, found.records, found.unattributed_records),
        (2, 43, 4)
    );
    assert_eq!(found.categories.len(), 1, "{found:?}");
    assert_eq!(
        (found.categories[0].subjects, found.categories[0].records),
        (2, 47)
    );
    assert_eq!(found.unintelligible_records(), 0);
    // A copy of the store holds what was there before, too.
    let stolen = enter(&bed, Exposure::Stored).await;
    let found = scoped(&bed, &stolen).await;
    assert_eq!(
        (found.records, found.sealed_records, found.unintelligible_subjects),
        (48, 52, 2)
    );
}

#[tokio::test]
async fn what_was_sealed_under_a_key_that_was_gone_before_is_unintelligible_and_what_went_after_is_not() {
    use entity::consent_event::ConsentState::{Given, Withdrawn};

    let bed = Bed::new().await;
    let (ctx, scope) = (bed.ctx(), &bed.world.scope);
    let tx = ctx.store.begin(scope).await.unwrap();
    let ads = purposes::create(&tx, ctx, NewPurpose::new("ads", LawfulBasis::Consent))
        .await
        .unwrap();
    tx.save().await.unwrap();
    class(&bed, 1, Some(ads.id), None).await;
    let say = async |who: &str, state| {
        let tx = ctx.store.begin(scope).await.unwrap();
        let new = NewConsent {
            subject: WhichSubject::External(who.into()),
            purpose: WhichPurpose::Slug("ads".into()),
            state,
            notice_version_id: None,
            method: "api".into(),
            evidence: None,
            at: None,
            place: None,
            valid_for: None,
            import_key: None,
        };
        let event = consents::record(&tx, ctx, new).await.unwrap().event;
        tx.save().await.unwrap();
        event.subject_id
    };
    let mut everybody = Vec::new();
    for who in ["before", "after", "never"] {
        let subject = say(who, Given).await;
        let name = SubjectKeyName::for_messages(scope.tenant(), Some(subject), Some(ads.id));
        ctx.keys.subject_or_new(name).await.unwrap();
        fill(&bed, 1, Some(subject), 2).await;
        everybody.push(subject);
    }
    bed.advance(TimeDelta::seconds(1));
    let destroy = async |who: &str, subject| {
        say(who, Withdrawn).await;
        ctx.keys
            .destroy_subject_purpose(scope.tenant(), subject, ads.id)
            .await
            .unwrap();
    };
    destroy("before", everybody[0]).await;
    bed.advance(TimeDelta::hours(1));
    let incident = enter(&bed, Exposure::StoredWithKeys).await;
    bed.advance(TimeDelta::hours(1));
    destroy("after", everybody[1]).await;
    let found = scoped(&bed, &incident).await;
    assert_eq!(
        (
            found.subjects,
            found.records,
            found.shredded_records,
            found.unintelligible_subjects
        ),
        (3, 6, 2, 1)
    );
    let page = PageIn::new(None, None).unwrap();
    let filter = AffectedFilter {
        unintelligible: Some(true),
        told: None,
    };
    let rows = list_affected(&bed.read().await, incident.id, filter, &page)
        .await
        .unwrap();
    let subjects: Vec<_> = rows.items.iter().map(|one| one.row.subject_id).collect();
    assert_eq!(subjects, [everybody[0]]);
}

#[tokio::test]
async fn a_scope_that_is_being_computed_is_not_ordered_twice_and_one_that_was_given_up_is() {
    let bed = Bed::new().await;
    let (ctx, scope) = (bed.ctx(), &bed.world.scope);
    let incident = enter(&bed, Exposure::Live).await;
    let order = async || {
        let tx = ctx.store.begin(scope).await.unwrap();
        let row = order_scope(&tx, ctx, incident.id, None).await.unwrap();
        tx.save().await.unwrap();
        row.scope_job_id.unwrap()
    };
    let first = order().await;
    assert_eq!(order().await, first);
    let tx = ctx.store.begin(scope).await.unwrap();
    jobs::cancel(&tx, ctx, first).await.unwrap();
    tx.save().await.unwrap();
    assert_ne!(order().await, first);
    // A closed incident is not looked at again.
    let tx = ctx.store.begin(scope).await.unwrap();
    let patch = crate::incidents::IncidentPatch {
        risk: Some(Risk::Unlikely),
        lessons: Some(Some("L".to_owned())),
        state: Some(IncidentState::Closed),
        ..Default::default()
    };
    update(&tx, ctx, incident.id, None, patch).await.unwrap();
    assert!(matches!(
        order_scope(&tx, ctx, incident.id, None).await,
        Err(Error::Conflict {
            code: "wrong_state",
            ..
        })
    ));
}
