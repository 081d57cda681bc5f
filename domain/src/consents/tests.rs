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
        ..NewPurpose::new("", LawfulBasis::Consent)
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
        place: None,
        valid_for: None,
        import_key: None,
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
    let valid = valid(&tx, &t.ctx, subject, purpose).await.unwrap();
    drop(tx);
    let standing = t
        .ctx
        .standings
        .load(&t.ctx.store, &t.scope, subject)
        .await
        .unwrap();
    assert_eq!(
        standing.consents_to(purpose, t.ctx.now()),
        valid,
        "memory and store agree"
    );
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
        assert_eq!(
            held.consents_to(ads.id, t.ctx.now()),
            passes,
            "{state}, for who is connected"
        );
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
    let now = current(&tx, &t.ctx, id).await.unwrap();
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
        consent_validity: None,
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
        consent_validity: None,
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
    assert!(!valid(&tx, &t.ctx, t.ctx.ids.next(), ads.id).await.unwrap());
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
    assert!(!valid(&tx, &t.ctx, given.subject_id, ads.id).await.unwrap());
    let mut theirs = new("ads", ConsentState::Given);
    theirs.purpose = WhichPurpose::Id(ads.id);
    theirs.subject = WhichSubject::Id(given.subject_id);
    assert!(matches!(
        record(&tx, &t.ctx, theirs).await,
        Err(Error::Invalid(_))
    ));
}

#[tokio::test]
async fn a_consent_given_for_a_time_ends_at_its_instant_and_the_end_is_written_down() {
    let t = World::new().await;
    let ads = purpose(&t, "ads").await;
    let tx = begin(&t).await;
    let patch = purposes::PurposePatch {
        consent_validity: Some(Some("P1Y".into())),
        ..Default::default()
    };
    purposes::update(&tx, &t.ctx, ads.id, None, patch).await.unwrap();
    tx.save().await.unwrap();
    let mut given = new("ads", ConsentState::Given);
    given.valid_for = Some("PT1H".into());
    let given = save(&t, given).await.unwrap().event;
    assert_eq!(
        given.expires_at,
        Some(t.ctx.now() + TimeDelta::hours(1)),
        "the shorter counts"
    );
    let held = t
        .ctx
        .standings
        .load(&t.ctx.store, &t.scope, given.subject_id)
        .await
        .unwrap();
    t.clock.advance(TimeDelta::minutes(59));
    assert!(stands(&t, given.subject_id, ads.id).await);
    assert!(expire(&t.ctx).await.unwrap().is_empty());
    t.clock.advance(TimeDelta::minutes(1));
    assert!(
        !held.consents_to(ads.id, t.ctx.now()),
        "before anybody wrote it down"
    );
    assert!(!stands(&t, given.subject_id, ads.id).await);
    let ended = expire(&t.ctx).await.unwrap();
    assert_eq!((ended.len(), ended[0].subject), (1, given.subject_id));
    assert!(expire(&t.ctx).await.unwrap().is_empty(), "once is enough");
    let tx = begin(&t).await;
    let now = current(&tx, &t.ctx, given.subject_id).await.unwrap().remove(0);
    assert_eq!(
        (now.state, now.since),
        (ConsentState::Expired, given.expires_at.unwrap())
    );
    drop(tx);
    let renewed = save(&t, new("ads", ConsentState::Renewed)).await.unwrap().event;
    assert!(
        stands(&t, given.subject_id, ads.id).await,
        "and it may be renewed"
    );
    assert!(renewed.expires_at.unwrap() > t.ctx.now() + TimeDelta::days(364));
    let never = purpose(&t, "research").await;
    assert_eq!(
        save(&t, new("research", ConsentState::Given))
            .await
            .unwrap()
            .event
            .expires_at,
        None
    );
    assert!(stands(&t, given.subject_id, never.id).await);
}

#[tokio::test]
async fn what_rested_on_a_consent_alone_goes_and_a_new_consent_does_not_bring_it_back() {
    use crate::keys::SubjectKeyName;
    let t = World::new().await;
    let ads = purpose(&t, "ads").await;
    let given = save(&t, new("ads", ConsentState::Given)).await.unwrap().event;
    let name = SubjectKeyName::for_messages(t.tenant.id, Some(given.subject_id), Some(ads.id));
    t.ctx.keys.subject_or_new(name).await.unwrap();
    let record = SubjectKeyName::for_record(t.tenant.id, given.subject_id);
    let job = EraseWithdrawn {
        subject: given.subject_id,
        purpose: ads.id,
        late: false,
    };
    erase_withdrawn(&t.ctx, &t.scope, &job).await.unwrap();
    assert!(
        t.ctx.keys.subject(name).await.unwrap().is_some(),
        "the consent holds"
    );
    let withdrawn = save(&t, new("ads", ConsentState::Withdrawn)).await.unwrap();
    assert!(withdrawn.ended);
    erase_withdrawn(&t.ctx, &t.scope, &job).await.unwrap();
    assert!(t.ctx.keys.subject(name).await.unwrap().is_none());
    assert!(
        t.ctx.keys.subject(record).await.unwrap().is_some(),
        "the person is still known"
    );

    // A consent that comes back before the worker came by: the old key must not seal anything new.
    save(&t, new("ads", ConsentState::Given)).await.unwrap();
    t.ctx.keys.subject_or_new(name).await.unwrap();
    save(&t, new("ads", ConsentState::Withdrawn)).await.unwrap();
    t.clock.advance(TimeDelta::seconds(1));
    save(&t, new("ads", ConsentState::Given)).await.unwrap();
    assert!(
        t.ctx.keys.subject(name).await.unwrap().is_none(),
        "a new generation begins"
    );
    t.ctx.keys.subject_or_new(name).await.unwrap();
    erase_withdrawn(&t.ctx, &t.scope, &job).await.unwrap();
    assert!(
        t.ctx.keys.subject(name).await.unwrap().is_some(),
        "the new one stays"
    );
}

#[tokio::test]
async fn a_purpose_with_another_basis_keeps_what_it_has() {
    let t = World::new().await;
    let tx = begin(&t).await;
    let contract = NewPurpose {
        requires_consent: Some(true),
        ..NewPurpose::new("contract", LawfulBasis::Contract)
    };
    purposes::create(&tx, &t.ctx, contract).await.unwrap();
    tx.save().await.unwrap();
    save(&t, new("contract", ConsentState::Given)).await.unwrap();
    assert!(
        save(&t, new("contract", ConsentState::Withdrawn))
            .await
            .unwrap()
            .ended
    );
    let tx = begin(&t).await;
    let jobs = crate::jobs::list(
        &tx,
        &crate::jobs::Filter::default(),
        &PageIn::new(None, None).unwrap(),
    )
    .await
    .unwrap();
    assert!(
        jobs.items.iter().all(|job| job.kind != "erase_withdrawn"),
        "{:?}",
        jobs.items
    );
}

async fn import(
    t: &World,
    format: entity::consent_import::ImportFormat,
    text: &str,
) -> entity::consent_import::Model {
    let tx = begin(t).await;
    let new = NewImport {
        format,
        bytes: text.as_bytes().to_vec(),
    };
    let row = create_import(&tx, &t.ctx, &new).await.unwrap();
    tx.save().await.unwrap();
    let job = ImportConsents { import: row.id };
    while let Progress::More(_) = run_import(&t.ctx, &t.scope, &job).await.unwrap() {}
    let tx = begin(t).await;
    read_import(&tx, row.id).await.unwrap()
}

#[tokio::test]
async fn an_import_records_each_line_once_and_says_what_is_wrong_with_the_others() {
    use entity::consent_import::{ImportFormat, ImportState};
    let t = World::new().await;
    let ads = purpose(&t, "ads").await;
    let lines = [
        r#"{"subject":"ada","purpose":"ads","state":"given","at":"2026-01-02T03:04:05Z","method":"web form"}"#,
        r#"{"subject":"ada","purpose":"ads","state":"withdrawn","id":"crm-7","at":"2026-02-02T03:04:05Z"}"#,
        "",
        r#"{"subject":"bob","purpose":"none","state":"given","at":"2026-01-02T03:04:05Z"}"#,
        r#"{"subject":"eve","purpose":"ads","state":"given"}"#,
        r#"{"subject":"bob","purpose":"ads","state":"given","at":"2026-01-02T03:04:05Z"}"#,
    ]
    .join("\n");
    let done = import(&t, ImportFormat::Ndjson, &lines).await;
    assert_eq!(
        (
            done.state,
            done.lines,
            done.done,
            done.recorded,
            done.repeated,
            done.failed
        ),
        (ImportState::Completed, 5, 5, 3, 0, 2)
    );
    let tx = begin(&t).await;
    let faults = import_faults(&tx, done.id, &PageIn::new(None, None).unwrap())
        .await
        .unwrap()
        .items;
    let faults: Vec<_> = faults
        .iter()
        .map(|faulty| {
            (
                faulty.line,
                faulty.faults[0].0.as_str(),
                faulty.faults[0].1.as_str(),
            )
        })
        .collect();
    assert_eq!(faults, [(4, "/purpose", "unknown"), (5, "/at", "missing")]);
    drop(tx);
    let csv = "subject,purpose,state,at,id\nada,ads,given,2026-01-02T03:04:05Z,\nada,ads,given,,crm-7\ncarl,ads,given,2026-01-02T03:04:05Z,\n";
    let again = import(&t, ImportFormat::Csv, csv).await;
    assert_eq!((again.recorded, again.repeated, again.failed), (1, 2, 0));
    for (who, holds) in [("ada", false), ("bob", true), ("carl", true)] {
        let id = subjects::get_or_create(&t.ctx, &t.scope, who).await.unwrap();
        assert_eq!(stands(&t, id, ads.id).await, holds, "{who}");
    }
}

#[tokio::test]
async fn nothing_is_written_down_of_an_imported_no_that_would_change_nothing() {
    use entity::consent_import::ImportFormat;
    let t = World::new().await;
    let tx = begin(&t).await;
    let orders = NewPurpose::new("orders", LawfulBasis::Contract);
    purposes::create(&tx, &t.ctx, orders).await.unwrap();
    tx.save().await.unwrap();
    let csv = "subject,purpose,state,at\nada,orders,withdrawn,2026-01-02T03:04:05Z\nbob,orders,given,2026-01-02T03:04:05Z\nbob,orders,withdrawn,2026-02-02T03:04:05Z\n";
    let done = import(&t, ImportFormat::Csv, csv).await;
    assert_eq!((done.recorded, done.failed), (2, 1));
    let tx = begin(&t).await;
    let page = PageIn::new(None, None).unwrap();
    let faults = import_faults(&tx, done.id, &page).await.unwrap().items;
    assert_eq!(faults[0].faults[0].1, "not_consent");
    let events = list(&tx, &Filter::default(), &page).await.unwrap().items;
    assert_eq!(events.len(), 2, "{events:#?}");
    let ada = subjects::by_external_id(&tx, &t.ctx, "ada").await.unwrap();
    assert!(ada.is_none(), "nobody was added for it");
}

#[tokio::test]
async fn a_browsers_no_counts_until_the_person_says_something_more_specific() {
    use ConsentState as S;
    let t = World::new().await;
    let tx = begin(&t).await;
    let share = NewPurpose {
        honours_gpc: true,
        balancing_note: Some("weighed".into()),
        ..NewPurpose::new("share", LawfulBasis::LegitimateInterests)
    };
    let share = purposes::create(&tx, &t.ctx, share).await.unwrap();
    tx.save().await.unwrap();
    let id = subjects::get_or_create(&t.ctx, &t.scope, "user-1").await.unwrap();
    let signal = async || {
        let tx = begin(&t).await;
        let recorded = crate::gpc::signal(&tx, &t.ctx, id, None).await.unwrap();
        tx.save().await.unwrap();
        recorded
            .into_iter()
            .map(|one| one.event.state)
            .collect::<Vec<_>>()
    };
    let held = t.ctx.standings.load(&t.ctx.store, &t.scope, id).await.unwrap();
    assert!(!held.refuses(share.id), "nobody asked");
    assert_eq!(signal().await, [S::Refused]);
    assert!(held.refuses(share.id));
    assert!(signal().await.is_empty(), "said already");
    t.clock.advance(TimeDelta::seconds(1));
    save(&t, new("share", S::Given)).await.unwrap();
    assert!(signal().await.is_empty(), "given in spite of the signal");
    let other = subjects::get_or_create(&t.ctx, &t.scope, "user-2").await.unwrap();
    let mut given = new("share", S::Given);
    given.subject = WhichSubject::Id(other);
    save(&t, given).await.unwrap();
    t.clock.advance(TimeDelta::seconds(1));
    let tx = begin(&t).await;
    let recorded = crate::gpc::signal(&tx, &t.ctx, other, None).await.unwrap();
    assert_eq!((recorded[0].event.state, recorded[0].ended), (S::Withdrawn, true));
}

#[tokio::test]
async fn a_record_has_every_field_that_27560_asks_for() {
    let t = World::new().await;
    purpose(&t, "ads").await;
    let given = save(&t, new("ads", ConsentState::Given)).await.unwrap().event;
    let record = dpv_record(&t.ctx, &t.scope, given.id).await.unwrap().0;
    for field in [
        "schema_version",
        "record_id",
        "pii_principal_id",
        "privacy_notice",
        "language",
        "purpose",
        "pii_information",
        "pii_controllers",
        "storage_locations",
        "retention_period",
        "jurisdiction",
        "recipient_third_parties",
        "withdrawal_method",
        "lawful_basis",
        "collection_method",
        "processing_method",
        "processing_locations",
        "geographic_restrictions",
        "privacy_rights",
        "authority_party",
    ] {
        assert!(
            !record[field].is_null() && record[field] != json!([]) && record[field] != "",
            "{field}"
        );
    }
    for field in [
        "party_id",
        "party_name",
        "party_address",
        "party_contact",
        "party_type",
        "party_role",
    ] {
        assert!(record["party"][0][field].is_string(), "{field}");
    }
    for field in [
        "event_time",
        "validity_duration",
        "entity_id",
        "event_type",
        "event_state",
    ] {
        assert!(record["events"][0][field].is_string(), "{field}");
    }
    for field in ["pii_type", "pii_optional"] {
        assert!(!record["pii_information"][0][field].is_null(), "{field}");
    }
    let id: uuid::Uuid = record["record_id"].as_str().unwrap().parse().unwrap();
    assert_eq!(id.get_version_num(), 4);
    let receipt = dpv_receipt(&t.ctx, &t.scope, given.id).await.unwrap().0;
    assert_eq!(receipt["record"]["record_id"], record["record_id"]);
    let proof = ledger::Receipt::parse(receipt["proof"]["proof_value"].as_str().unwrap()).unwrap();
    assert_eq!(i64::try_from(proof.index).unwrap(), given.audit_index);
    assert!(
        !record.to_string().contains("user-1"),
        "the tenant's own id is nobody else's business"
    );
}
