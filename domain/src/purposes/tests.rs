use entity::endpoint::EndpointKind;

use super::*;
use crate::{
    consents::{self, NewConsent, WhichPurpose, WhichSubject},
    endpoints::{self, NewEndpoint},
    notices::{self, NewNotice},
    retention_rules::{self, NewRule},
    testing::World,
};

fn new(basis: LawfulBasis, requires_consent: Option<bool>) -> NewPurpose {
    NewPurpose {
        slug: "ads".into(),
        name: "Ads".into(),
        description: None,
        lawful_basis: basis,
        requires_consent,
        ..NewPurpose::new("", LawfulBasis::Consent)
    }
}

#[tokio::test]
async fn consent_is_required_where_it_is_the_basis_and_where_the_tenant_wants_it() {
    use LawfulBasis::{Consent, Contract};
    let t = World::new().await;
    for (basis, said, expected) in [
        (Consent, None, Some(true)),
        (Consent, Some(true), Some(true)),
        (Consent, Some(false), None),
        (Contract, None, Some(false)),
        (Contract, Some(true), Some(true)),
    ] {
        // Not saved: every case begins anew.
        let tx = t.ctx.store.begin(&t.scope).await.unwrap();
        let made = create(&tx, &t.ctx, new(basis, said)).await;
        assert_eq!(
            made.ok().map(|purpose| purpose.requires_consent),
            expected,
            "{basis} {said:?}"
        );
    }
}

#[tokio::test]
async fn a_purpose_that_something_refers_to_stays() {
    let t = World::new().await;
    let tx = t.ctx.store.begin(&t.scope).await.unwrap();
    let id = create(&tx, &t.ctx, new(LawfulBasis::Consent, None))
        .await
        .unwrap()
        .id;
    tx.save().await.unwrap();
    for user in ["endpoint", "rule", "notice", "consent"] {
        let tx = t.ctx.store.begin(&t.scope).await.unwrap();
        match user {
            "endpoint" => {
                let mut endpoint = NewEndpoint::new("chat", EndpointKind::Channel);
                endpoint.purpose_id = Some(id);
                endpoints::create(&tx, &t.ctx, endpoint).await.map(drop).unwrap();
            }
            "rule" => {
                let rule = NewRule {
                    purpose_id: Some(id),
                    ..NewRule::new("ads", "P1D")
                };
                retention_rules::create(&tx, &t.ctx, rule)
                    .await
                    .map(drop)
                    .unwrap();
            }
            "notice" => {
                let notice = NewNotice {
                    slug: "ads".into(),
                    name: "Ads".into(),
                    purpose_ids: vec![id],
                    consent_validity: None,
                };
                notices::create(&tx, &t.ctx, notice).await.map(drop).unwrap();
            }
            _ => {
                let consent = NewConsent {
                    subject: WhichSubject::External("user-1".into()),
                    purpose: WhichPurpose::Id(id),
                    state: entity::consent_event::ConsentState::Refused,
                    notice_version_id: None,
                    method: "api".into(),
                    evidence: None,
                    at: None,
                    place: None,
                    valid_for: None,
                    import_key: None,
                };
                consents::record(&tx, &t.ctx, consent).await.map(drop).unwrap();
            }
        }
        let refused = delete(&tx, &t.ctx, id, None).await;
        assert!(
            matches!(refused, Err(Error::Conflict { code: "in_use", .. })),
            "{user}"
        );
    }
    let tx = t.ctx.store.begin(&t.scope).await.unwrap();
    delete(&tx, &t.ctx, id, Some(1)).await.unwrap();
    assert!(matches!(read(&tx, id).await, Err(Error::NotFound { .. })));
}
