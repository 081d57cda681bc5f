use std::sync::Arc;

use bytes::Bytes;
use entity::{
    consent_event::ConsentState,
    endpoint::{EndpointKind, RecordMode},
    id::{EndpointId, PurposeId, SubjectId},
    purpose,
};
use serde_json::json;

use super::{Admitted, Denied, Passing, Reach, Sender, admit, may_stay, reach};
use crate::{
    Ctx,
    data_types::{self, MinimiseParts, NewDataType},
    endpoints::{self, EndpointPatch, NewEndpoint},
    journal::bed::Bed,
    pictures, purposes,
    standings::Standing,
};

/// Whether a message for this purpose may be delivered to somebody now.
fn may_deliver(ctx: &Ctx, endpoint: EndpointId, subject: Option<SubjectId>, purpose: PurposeId) -> bool {
    let reach = reach(ctx, endpoint, Some(purpose));
    match subject {
        Some(subject) => ctx
            .standings
            .get(subject)
            .is_some_and(|standing| standing.may_get(ctx, reach)),
        None => reach.has_strangers(),
    }
}

/// An endpoint whose purpose waits for consent.
async fn news(bed: &Bed) -> (EndpointId, PurposeId) {
    let tx = bed.ctx().store.begin(&bed.world.scope).await.unwrap();
    let new = purposes::NewPurpose {
        slug: "news".into(),
        name: "News".into(),
        description: None,
        lawful_basis: purpose::LawfulBasis::Consent,
        requires_consent: None,
        ..purposes::NewPurpose::new("", purpose::LawfulBasis::Consent)
    };
    let purpose = purposes::create(&tx, bed.ctx(), new).await.unwrap().id;
    let mut new = NewEndpoint::new("news", EndpointKind::Channel);
    new.purpose_id = Some(purpose);
    let endpoint = endpoints::create(&tx, bed.ctx(), new).await.unwrap().0.id;
    tx.save().await.unwrap();
    pictures::reload(bed.ctx(), &bed.world.scope).await.unwrap();
    (endpoint, purpose)
}

fn passing(endpoint: EndpointId, sender: Sender, subject: Option<SubjectId>) -> Passing<'static> {
    Passing {
        endpoint,
        sender,
        subject,
        purpose: None,
        channel: "main",
        binary: false,
        payload: Bytes::from_static(b"hello"),
    }
}

fn outcome(admitted: Result<Admitted, Denied>) -> Result<(), Denied> {
    admitted.map(drop)
}

#[tokio::test]
async fn the_truth_table_of_consent_holds_in_both_directions() {
    let bed = Bed::new().await;
    let (endpoint, purpose) = news(&bed).await;
    let (ada, standing): (SubjectId, Arc<Standing>) = bed.person("ada").await;
    let ctx = bed.ctx();
    let try_all = |subject| {
        (
            outcome(admit(ctx, passing(endpoint, Sender::Session, subject))),
            outcome(admit(ctx, passing(endpoint, Sender::Tenant, subject))),
            may_deliver(ctx, endpoint, subject, purpose),
            may_stay(ctx, endpoint, subject),
        )
    };
    let missing = Err(Denied::ConsentMissing);
    assert_eq!(try_all(Some(ada)), (missing, missing, false, missing));
    // The tenant may speak of nobody in particular; a session of nobody may not.
    assert_eq!(try_all(None), (missing, Ok(()), false, missing));
    ctx.standings
        .consent_changed(ada, purpose, ConsentState::Given, None);
    assert_eq!(try_all(Some(ada)), (Ok(()), Ok(()), true, Ok(())));
    ctx.standings.restriction_changed(ada, true);
    let restricted = Err(Denied::Restricted);
    assert_eq!(try_all(Some(ada)), (restricted, restricted, false, restricted));
    ctx.standings.restriction_changed(ada, false);
    ctx.standings
        .consent_changed(ada, purpose, ConsentState::Withdrawn, None);
    assert_eq!(try_all(Some(ada)), (missing, missing, false, missing));
    // On an endpoint without a purpose nothing waits for consent.
    assert_eq!(
        outcome(admit(ctx, passing(bed.endpoint, Sender::Session, Some(ada)))),
        Ok(())
    );
    assert_eq!(reach(ctx, bed.endpoint, None), Reach::Everybody);
    // Unless the message itself is for that purpose.
    assert!(!may_deliver(ctx, bed.endpoint, Some(ada), purpose));
    ctx.standings.erased(ada);
    let gone = Err(Denied::Gone);
    assert_eq!(try_all(Some(ada)), (gone, gone, false, gone));
    drop(standing);
    assert_eq!(
        try_all(Some(ada)),
        (gone, gone, false, gone),
        "nobody holds the standing"
    );
}

#[tokio::test]
async fn what_is_found_is_minimised_and_the_rest_passes_byte_for_byte() {
    let bed = Bed::new().await;
    let tx = bed.ctx().store.begin(&bed.world.scope).await.unwrap();
    let new = |slug: &str, path: &str, strategy: &str| NewDataType {
        slug: slug.into(),
        name: slug.into(),
        description: None,
        personal: true,
        special_category: None,
        paths: vec![path.into()],
        minimise: MinimiseParts::new(strategy),
        at_expiry: None,
    };
    let email = data_types::create(&tx, bed.ctx(), new("email", "$.email", "remove"))
        .await
        .unwrap()
        .id;
    let name = data_types::create(&tx, bed.ctx(), new("name", "$.name", "none"))
        .await
        .unwrap()
        .id;
    tx.save().await.unwrap();
    pictures::reload(bed.ctx(), &bed.world.scope).await.unwrap();
    bed.rule("P1D", |_| {}).await;
    let class_of = |admitted: &Admitted| {
        let picture = bed.ctx().pictures.get(bed.endpoint).unwrap();
        picture
            .classes
            .by_handle(admitted.class)
            .unwrap()
            .key
            .data_types
            .clone()
    };
    let admitted = bed
        .admit("main", None, r#"{"email": "a@b.example", "n": 1}"#)
        .unwrap();
    assert_eq!(
        serde_json::from_slice::<serde_json::Value>(&admitted.payload).unwrap(),
        json!({ "n": 1 })
    );
    assert_eq!(class_of(&admitted), [email]);
    for (text, found) in [
        ("{ \"z\": 1.0,  \"a\": [ ] }", vec![]),
        ("{ \"name\":  \"Ada\", \"b\":1.50 }", vec![name]),
        ("not JSON, though it says email", vec![]),
    ] {
        let admitted = bed.admit("main", None, text).unwrap();
        assert_eq!(admitted.payload, text);
        assert_eq!(class_of(&admitted), found, "{text}");
    }
    // Deeper than anybody looks is no way around.
    let deep = format!("{}{{\"email\":1}}{}", "[".repeat(200), "]".repeat(200));
    assert_eq!(outcome(bed.admit("main", None, &deep)), Err(Denied::TooLarge));
}

#[tokio::test]
async fn an_endpoint_that_is_small_disabled_or_used_up_lets_nothing_pass() {
    let bed = Bed::new().await;
    let ctx = bed.ctx();
    let large = "x".repeat(65_537);
    assert_eq!(outcome(bed.admit("main", None, &large)), Err(Denied::TooLarge));
    assert_eq!(outcome(bed.admit("main", None, &large[1..])), Ok(()));
    assert_eq!(
        bed.admit("main", None, "x").unwrap().record,
        RecordMode::Never,
        "no rule, no record"
    );
    let unknown = passing(EndpointId(uuid::Uuid::from_u128(1)), Sender::Tenant, None);
    assert_eq!(outcome(admit(ctx, unknown)), Err(Denied::NoEndpoint));
    let tx = ctx.store.begin(&bed.world.scope).await.unwrap();
    let patch = EndpointPatch {
        enabled: Some(false),
        ..EndpointPatch::default()
    };
    endpoints::update(&tx, ctx, bed.endpoint, None, patch)
        .await
        .unwrap();
    tx.save().await.unwrap();
    // Not before somebody reads it again, and then at once.
    pictures::refresh(ctx).await.unwrap();
    assert_eq!(outcome(bed.admit("main", None, "x")), Err(Denied::Disabled));
    assert_eq!(may_stay(ctx, bed.endpoint, None), Err(Denied::Disabled));
}

#[tokio::test]
async fn the_quota_of_a_day_ends_with_the_day_and_survives_a_restart() {
    use entity::tenant;
    use sea_orm::{ColumnTrait, QueryFilter, Set};
    let bed = Bed::new().await;
    let ctx = bed.ctx();
    let tx = ctx.store.system("a test lowers a quota").await.unwrap();
    let quotas = crate::quotas::Quotas {
        messages_per_day: 3,
        ..crate::quotas::Quotas::default()
    };
    tx.update_many::<tenant::Entity>()
        .set(tenant::ActiveModel {
            quotas: Set(serde_json::to_value(quotas).unwrap()),
            version: Set(7),
            ..Default::default()
        })
        .filter(tenant::Column::Id.eq(bed.world.tenant.id))
        .exec(tx.conn())
        .await
        .unwrap();
    tx.save().await.unwrap();
    // Another process changed it: this is how it is noticed.
    bed.advance(chrono::TimeDelta::seconds(3));
    pictures::refresh(ctx).await.unwrap();
    let full = Err(Denied::OverQuota);
    for expected in [Ok(()), Ok(())] {
        assert_eq!(outcome(bed.admit("main", None, "x")), expected);
    }
    crate::usage::flush(ctx).await.unwrap();
    for expected in [Ok(()), full] {
        assert_eq!(outcome(bed.admit("main", None, "x")), expected);
    }
    crate::usage::flush(ctx).await.unwrap();
    let tx = bed.read().await;
    assert_eq!(crate::usage::today(&tx, ctx).await.unwrap().1, 3);
    drop(tx);
    assert_eq!(outcome(bed.admit("main", None, "x")), full);
    bed.advance(chrono::TimeDelta::days(1));
    crate::usage::flush(ctx).await.unwrap();
    assert_eq!(outcome(bed.admit("main", None, "x")), Ok(()));
}
