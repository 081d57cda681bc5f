use chrono::TimeDelta;
use entity::{id::SubjectId, purpose::LawfulBasis};
use serde_json::json;

use super::*;
use crate::{
    Error, audit, log, notices,
    notices::{NewNotice, NewVersion},
    purposes::{self, NewPurpose},
    subjects,
    tenancy::TenantTx,
    tenants::{self, Provision},
    testing::World,
};

async fn begin(t: &World) -> TenantTx {
    t.ctx.store.begin(&t.scope).await.unwrap()
}

async fn purpose(t: &World, slug: &str) -> purpose::Model {
    let tx = begin(t).await;
    let new = NewPurpose {
        slug: slug.into(),
        name: slug.into(),
        description: None,
        lawful_basis: LawfulBasis::Consent,
        requires_consent: None,
    };
    let purpose = purposes::create(&tx, &t.ctx, new).await.unwrap();
    tx.save().await.unwrap();
    purpose
}

fn new(purpose: &str, state: ConsentState) -> NewConsent {
    NewConsent {
        subject: WhichSubject::External("user-1".into()),
        purpose: WhichPurpose::Slug(purpose.into()),
        state,
        notice_version_id: None,
        method: "api".into(),
        evidence: None,
        at: None,
    }
}

async fn save(t: &World, new: NewConsent) -> Result<Recorded> {
    let tx = begin(t).await;
    let recorded = record(&tx, &t.ctx, new).await?;
    tx.save().await?;
    Ok(recorded)
}

async fn stands(t: &World, subject: SubjectId, purpose: PurposeId) -> bool {
    let tx = begin(t).await;
    let valid = valid(&tx, subject, purpose).await.unwrap();
    drop(tx);
    let standing = t
        .ctx
        .standings
        .load(&t.ctx.store, &t.scope, subject)
        .await
        .unwrap();
    assert_eq!(standing.consents_to(purpose), valid, "memory and store agree");
    valid
}

#[tokio::test]
async fn only_given_and_renewed_let_anything_pass() {
    use ConsentState as S;
    let t = World::new().await;
    let ads = purpose(&t, "ads").await;
    let other = purpose(&t, "research").await;
    let id = subjects::get_or_create(&t.ctx, &t.scope, "user-1").await.unwrap();
    let held = t.ctx.standings.load(&t.ctx.store, &t.scope, id).await.unwrap();
    assert!(!stands(&t, id, ads.id).await, "nothing was said");
    for (state, passes) in [
        (S::Requested, false),
        (S::Given, true),
        (S::Withdrawn, false),
        (S::Renewed, true),
        (S::Refused, false),
        (S::Given, true),
        (S::Revoked, false),
        (S::Given, true),
        (S::Expired, false),
        (S::Given, true),
        (S::Invalidated, false),
        (S::Given, true),
        (S::Unknown, false),
    ] {
        let recorded = save(&t, new("ads", state)).await.unwrap();
        assert!(recorded.in_force);
        assert_eq!(stands(&t, id, ads.id).await, passes, "{state}");
        assert_eq!(held.consents_to(ads.id), passes, "{state}, for who is connected");
        assert!(
            !stands(&t, id, other.id).await,
            "another purpose is another consent"
        );
    }
}

#[tokio::test]
async fn what_a_person_said_later_counts_whenever_it_was_recorded() {
    let t = World::new().await;
    let ads = purpose(&t, "ads").await;
    let withdrawn = save(&t, new("ads", ConsentState::Withdrawn)).await.unwrap();
    let id = withdrawn.event.subject_id;
    let mut imported = new("ads", ConsentState::Given);
    imported.at = Some(t.ctx.now() - TimeDelta::days(400));
    let imported = save(&t, imported).await.unwrap();
    assert!(!imported.in_force);
    assert!(!stands(&t, id, ads.id).await);

    let tx = begin(&t).await;
    let now = current(&tx, id).await.unwrap();
    assert_eq!(now.len(), 1);
    assert_eq!(now[0].event_id, withdrawn.event.id);
    assert_eq!(now[0].since, t.ctx.now());
    assert!(!now[0].valid);
    let filter = Filter {
        subject: Some(id),
        ..Default::default()
    };
    let all = list(&tx, &filter, &PageIn::new(None, None).unwrap())
        .await
        .unwrap();
    assert_eq!(all.items, [imported.event, withdrawn.event]);
}

#[tokio::test]
async fn a_consent_is_proven_by_its_leaf_and_the_leaf_names_nobody() {
    let t = World::new().await;
    let ads = purpose(&t, "ads").await;
    let tx = begin(&t).await;
    let notice = NewNotice {
        slug: "ads".into(),
        name: "Ads".into(),
        purpose_ids: vec![ads.id],
    };
    let notice = notices::create(&tx, &t.ctx, notice).await.unwrap();
    let words = NewVersion {
        language: "en".into(),
        text: "We show you ads.".into(),
    };
    let words = notices::publish(&tx, &t.ctx, notice.id, words).await.unwrap();
    tx.save().await.unwrap();

    let mut given = new("ads", ConsentState::Given);
    given.notice_version_id = Some(words.id);
    given.evidence = json!({"ip": "192.0.2.7"}).as_object().cloned();
    let given = save(&t, given).await.unwrap().event;

    let receipt = log::receipt(&t.ctx, &t.scope, given.audit_index).await.unwrap();
    let receipt = ledger::Receipt::parse(&receipt).unwrap();
    let leaf: serde_json::Value = serde_json::from_slice(&receipt.extra.unwrap()).unwrap();
    assert_eq!(leaf["kind"], "consent.given");
    assert_eq!(leaf["facts"]["purpose"], "ads");
    assert_eq!(leaf["facts"]["notice_hash"], hex::encode(&words.hash));
    let text = leaf.to_string();
    for secret in ["user-1", "192.0.2.7", &given.subject_id.to_string()] {
        assert!(!text.contains(secret), "{secret}");
    }

    let tx = begin(&t).await;
    let detail = details(&tx, &t.ctx, vec![given.clone()]).await.unwrap().remove(0);
    assert_eq!(detail.notice_hash, Some(hex::encode(&words.hash)));
    assert_eq!(detail.evidence, Some(json!({"ip": "192.0.2.7"})));
    let event = tx
        .find::<entity::audit_event::Entity>()
        .filter(entity::audit_event::Column::Index.eq(given.audit_index))
        .one(tx.conn())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        audit::read(&tx, &t.ctx, event.id).await.unwrap().subject_id,
        Some(given.subject_id)
    );
    drop(tx);

    t.ctx
        .keys
        .destroy_subject(t.scope.tenant(), given.subject_id)
        .await
        .unwrap();
    let tx = begin(&t).await;
    let detail = details(&tx, &t.ctx, vec![given]).await.unwrap().remove(0);
    assert_eq!(detail.evidence, None);
}

#[tokio::test]
async fn a_consent_that_cannot_be_is_refused_and_changes_nothing() {
    let t = World::new().await;
    let ads = purpose(&t, "ads").await;
    let other = purpose(&t, "research").await;
    let tx = begin(&t).await;
    let notice = NewNotice {
        slug: "research".into(),
        name: "Research".into(),
        purpose_ids: vec![other.id],
    };
    let notice = notices::create(&tx, &t.ctx, notice).await.unwrap();
    let words = NewVersion {
        language: "en".into(),
        text: "We do research.".into(),
    };
    let words = notices::publish(&tx, &t.ctx, notice.id, words).await.unwrap();
    tx.save().await.unwrap();

    let given = || new("ads", ConsentState::Given);
    let cases = [
        (
            "/at",
            "in_the_future",
            NewConsent {
                at: Some(t.ctx.now() + TimeDelta::seconds(1)),
                ..given()
            },
        ),
        (
            "/notice_version_id",
            "unknown",
            NewConsent {
                notice_version_id: Some(t.ctx.ids.next()),
                ..given()
            },
        ),
        (
            "/notice_version_id",
            "not_about_this",
            NewConsent {
                notice_version_id: Some(words.id),
                ..given()
            },
        ),
        ("/purpose", "unknown", new("none", ConsentState::Given)),
        (
            "/purpose_id",
            "unknown",
            NewConsent {
                purpose: WhichPurpose::Id(t.ctx.ids.next()),
                ..given()
            },
        ),
        (
            "/subject_id",
            "unknown",
            NewConsent {
                subject: WhichSubject::Id(t.ctx.ids.next()),
                ..given()
            },
        ),
        (
            "/subject",
            "not_an_id",
            NewConsent {
                subject: WhichSubject::External(String::new()),
                ..given()
            },
        ),
        (
            "/method",
            "not_a_method",
            NewConsent {
                method: "by Ada, ada@example.org".into(),
                ..given()
            },
        ),
        (
            "/evidence",
            "too_long",
            NewConsent {
                evidence: json!({"scan": "x".repeat(17 << 10)}).as_object().cloned(),
                ..given()
            },
        ),
    ];
    for (field, code, new) in cases {
        let Err(Error::Invalid(faults)) = save(&t, new).await else {
            panic!("{field} {code} was let through");
        };
        let found: Vec<_> = faults
            .iter()
            .map(|fault| (fault.field.as_str(), fault.code))
            .collect();
        assert_eq!(found, [(field, code)]);
    }
    let tx = begin(&t).await;
    let page = PageIn::new(None, None).unwrap();
    assert!(
        list(&tx, &Filter::default(), &page)
            .await
            .unwrap()
            .items
            .is_empty()
    );
    assert!(
        subjects::by_external_id(&tx, &t.ctx, "user-1")
            .await
            .unwrap()
            .is_none()
    );
    assert!(!valid(&tx, t.ctx.ids.next(), ads.id).await.unwrap());
}

#[tokio::test]
async fn another_tenants_purpose_and_person_are_not_there() {
    let t = World::new().await;
    let ads = purpose(&t, "ads").await;
    let given = save(&t, new("ads", ConsentState::Given)).await.unwrap().event;
    let wanted = Provision {
        slug: "globex".into(),
        name: None,
        owner_email: "owner@globex.example".into(),
        owner_password: None,
    };
    let (_, stranger, _) = tenants::find_or_create(&t.ctx, wanted).await.unwrap();
    let tx = t.ctx.store.begin(&stranger).await.unwrap();
    assert!(matches!(read(&tx, given.id).await, Err(Error::NotFound { .. })));
    assert!(!valid(&tx, given.subject_id, ads.id).await.unwrap());
    let mut theirs = new("ads", ConsentState::Given);
    theirs.purpose = WhichPurpose::Id(ads.id);
    theirs.subject = WhichSubject::Id(given.subject_id);
    assert!(matches!(
        record(&tx, &t.ctx, theirs).await,
        Err(Error::Invalid(_))
    ));
}
