use std::{collections::BTreeSet, fs};

use chrono::TimeDelta;
use entity::{
    consent_import::ImportFormat, endpoint, id::SubjectId, mail, request::RequestKind,
    vault::tenant_key::Rotation, webhook,
};
use sea_orm::{ColumnTrait, ConnectionTrait, QueryFilter, Statement};
use serde_json::json;
use vault::{Redacted, keyring::TenantRing};

use super::*;
use crate::{
    consents::{self, NewImport},
    endpoints, idempotency, installation,
    journal::bed::Bed,
    keys::SubjectKeyName,
    mails::{self, NewMail},
    opendsr,
    reports::{self, NewReport},
    requests::{self, Details, NewForSubject},
    subjects::{self, NewSubject},
    webhooks::{self, NewWebhook},
};

/// Everything that has a sealed column, and by whose key.
const TENANTS: &[&str] = &[
    "anonymised_message.sealed",
    "consent_import_part.sealed",
    "endpoint.previous_secret_sealed",
    "endpoint.secret_sealed",
    "endpoint.upstream_certificate_sealed",
    "endpoint.upstream_headers_sealed",
    "export_part.sealed",
    "idempotency.answer_sealed",
    "mail.sealed",
    "opendsr_key.key_sealed",
    "portal_code.address_sealed",
    "portal_sign_in.email_sealed",
    "report.sealed",
    "request.details_sealed",
    "request.email_sealed",
    "request_message.sealed",
    "webhook.previous_secret_sealed",
    "webhook.secret_sealed",
    "webhook_part.sealed",
];
const PERSONS: &[&str] = &[
    "consent_event.evidence_sealed",
    "correction.sealed",
    "held_message.sealed",
    "message.sealed",
    "subject.email_sealed",
    "subject.external_sealed",
    "webhook_occupancy.user_sealed",
];

#[tokio::test]
async fn every_sealed_column_is_known_here() {
    let bed = Bed::new().await;
    let store = bed.ctx().store.connection_for_maintenance();
    let columns = "SELECT t.name || '.' || c.name AS name FROM sqlite_master t, pragma_table_info(t.name) c \
                   WHERE t.type = 'table' AND c.name LIKE '%sealed'";
    let rows = store
        .query_all_raw(Statement::from_string(store.get_database_backend(), columns))
        .await
        .unwrap();
    let found: BTreeSet<String> = rows
        .iter()
        .map(|row| row.try_get::<String>("", "name").unwrap())
        .collect();
    let known: BTreeSet<String> = TENANTS
        .iter()
        .chain(PERSONS)
        .map(|&name| name.to_owned())
        .collect();
    assert_eq!(found, known, "see `sweep`");
}

/// A tenant with something under its key in most places. Answers a person, and how many values there are.
async fn busy(bed: &Bed) -> (SubjectId, u64) {
    let (ctx, scope) = (bed.ctx(), &bed.world.scope);
    let tx = ctx.store.begin(scope).await.unwrap();
    endpoints::rotate_secret(&tx, ctx, bed.endpoint).await.unwrap();
    let hook = NewWebhook {
        endpoint: bed.endpoint,
        url: Some("https://receiver.example/hook".into()),
        description: None,
        events: vec!["channel_occupied".into()],
        channel_prefix: None,
        enabled: true,
    };
    let (hook, _) = webhooks::create(&tx, ctx, hook).await.unwrap();
    webhooks::rotate_secret(&tx, ctx, hook.id).await.unwrap();
    let person = NewSubject {
        external_id: "ada".into(),
        email: Some("ada@example.com".into()),
    };
    let person = subjects::create(&tx, ctx, person).await.unwrap().row.id;
    let order = NewForSubject {
        kind: RequestKind::Access,
        subject: person,
        note: Some("by telephone".into()),
        notify: false,
        details: Details::default(),
        language: None,
    };
    requests::create_for_subject(&tx, ctx, order).await.unwrap();
    let letter = NewMail {
        template: "verify_email",
        to: "ada@example.com".into(),
        language: "en".into(),
        values: json!({ "name": "Ada" }),
    };
    mails::enqueue(&tx, ctx, letter).await.unwrap();
    let import = NewImport {
        format: ImportFormat::Ndjson,
        bytes: br#"{"subject":"ada","purpose":"news","state":"given","id":"1"}"#.to_vec(),
    };
    consents::create_import(&tx, ctx, &import).await.unwrap();
    tx.save().await.unwrap();
    webhooks::test(ctx, scope, hook.id).await.unwrap();
    opendsr::certificate(ctx, scope).await.unwrap();
    reports::create(ctx, scope, NewReport { from: None, to: None })
        .await
        .unwrap();
    installation::keep(
        ctx,
        scope.tenant(),
        "bootstrap",
        &Redacted::new("secret".to_owned()),
    )
    .await
    .unwrap();
    let idempotency::Begin::New(ticket) = idempotency::begin(ctx, scope, [1; 32], [2; 32]).await.unwrap()
    else {
        panic!("it is new");
    };
    let answer = idempotency::Answer {
        status: 201,
        headers: Vec::new(),
        body: "{}".into(),
    };
    idempotency::finish(ctx, &ticket, &answer).await.unwrap();
    (person, under_key(bed).await)
}

/// Values in the columns above that the tenant's key of now opens, or would have to: those of persons are not counted.
async fn under_key(bed: &Bed) -> u64 {
    let store = bed.ctx().store.connection_for_maintenance();
    let mut count = 1; // What was kept for provisioning.
    for name in TENANTS {
        let (table, column) = name.split_once('.').unwrap();
        let sql = format!("SELECT COUNT(*) AS n FROM {table} WHERE {column} IS NOT NULL");
        let row = store
            .query_one_raw(Statement::from_string(store.get_database_backend(), sql))
            .await
            .unwrap()
            .unwrap();
        count += u64::try_from(row.try_get::<i64>("", "n").unwrap()).unwrap();
    }
    count
}

/// That what `busy` made can be used.
async fn works(bed: &Bed, person: SubjectId) {
    let (ctx, scope) = (bed.ctx(), &bed.world.scope);
    let tx = ctx.store.read(scope).await.unwrap();
    let chat = tx
        .find_by_id::<endpoint::Entity, _>(bed.endpoint)
        .one(tx.conn())
        .await;
    let keys = ctx.keys.tenant(scope.tenant()).await.unwrap();
    let secrets = endpoints::Opened::of(&keys, &chat.unwrap().unwrap());
    assert!(secrets.current.is_some() && secrets.previous.is_some());
    let ada = subjects::by_external_id(&tx, ctx, "ada").await.unwrap();
    assert_eq!(ada.unwrap().id, person, "lookups find what they found");
    let kept = installation::recall(ctx, scope.tenant(), "bootstrap")
        .await
        .unwrap();
    assert_eq!(kept.unwrap().expose(), "secret");
    drop(tx);
    opendsr::sign(ctx, scope, b"body").await.unwrap();
    let idempotency::Begin::Replay(answer) = idempotency::begin(ctx, scope, [1; 32], [2; 32]).await.unwrap()
    else {
        panic!("it was done");
    };
    assert_eq!(answer.body, "{}");
    let name = SubjectKeyName::for_record(scope.tenant(), person);
    assert!(ctx.keys.subject(name).await.unwrap().is_some());
    crate::log::head(ctx, scope).await.unwrap();
}

async fn wait_and_advance(bed: &Bed, wait: TimeDelta) -> u64 {
    bed.advance(wait);
    // As another process, or this one after a start, would.
    bed.ctx().keys.forget_all();
    advance(bed.ctx()).await.unwrap()
}

#[tokio::test]
async fn everything_opens_before_during_and_after_and_at_the_end_the_old_key_opens_nothing() {
    let bed = Bed::new().await;
    let (ctx, scope, tenant) = (bed.ctx(), &bed.world.scope, bed.world.tenant.id);
    let (person, values) = busy(&bed).await;
    assert!(values > 10, "{values}");
    let old = ctx.keys.tenant(tenant).await.unwrap();
    let began = rotate(ctx, scope).await.unwrap();
    assert_eq!(began.rotation, Some(Rotation::Announced));
    assert!(matches!(rotate(ctx, scope).await, Err(Error::Conflict { .. })));
    works(&bed, person).await;
    assert_eq!(advance(ctx).await.unwrap(), 0, "not yet");

    assert_eq!(wait_and_advance(&bed, ANNOUNCED).await, 1);
    assert_eq!(
        read(ctx, scope).await.unwrap().rotation,
        Some(Rotation::Replacing)
    );
    works(&bed, person).await;
    let new = ctx.keys.tenant(tenant).await.unwrap();
    let name = SubjectKeyName::for_record(tenant, person);

    // Somebody who still had the old key at hand seals with it; it is found, and the key stays for another while.
    let tx = ctx.store.begin(scope).await.unwrap();
    let late = old.tenant.sealing().seal_value("x", b"y", &*ctx.chance);
    let letter = tx.find::<mail::Entity>().one(tx.conn()).await.unwrap().unwrap();
    let context = mails::context(letter.id);
    let plain = new
        .tenant
        .open_value(&context, letter.sealed.as_ref().unwrap())
        .unwrap();
    let stale = old.tenant.sealing().seal_value(&context, &plain, &*ctx.chance);
    tx.update(mail::ActiveModel {
        id: sea_orm::Set(letter.id),
        sealed: sea_orm::Set(Some(stale)),
        ..Default::default()
    })
    .await
    .unwrap();
    tx.save().await.unwrap();
    assert_eq!(wait_and_advance(&bed, QUIET).await, 1);
    assert_eq!(
        read(ctx, scope).await.unwrap().rotation,
        Some(Rotation::Replacing)
    );

    // A thief's copy of the vault, of now, with the page keys of now.
    let copy = bed.world.folder().join("before.sqlite");
    for suffix in ["", "-wal"] {
        let from = bed.world.folder().join(format!("vault.sqlite{suffix}"));
        fs::copy(from, bed.world.folder().join(format!("before.sqlite{suffix}"))).unwrap();
    }
    let pages = bed.world.folder().join("pages.key");
    let thief = bed.world.keys_in(&copy, &pages).await;
    thief.tenant(tenant).await.unwrap();

    assert_eq!(wait_and_advance(&bed, QUIET).await, 1);
    let end = read(ctx, scope).await.unwrap();
    assert_eq!((end.rotation, end.next_at), (None, None));
    assert!(end.since > bed.world.tenant.created_at);
    works(&bed, person).await;
    let only = ctx.keys.tenant(tenant).await.unwrap();
    assert!(only.tenant.other().is_none());
    assert!(only.tenant.open_value("x", &late).is_err(), "the old key is gone");
    let thief = bed.world.keys_in(&copy, &pages).await;
    assert!(thief.tenant(tenant).await.is_err(), "of the copy as well");

    // Nothing is left that the old key alone opens.
    let row = ctx.keys.subject(name).await.unwrap();
    assert!(row.is_some());
    let tx = ctx.store.read(scope).await.unwrap();
    for row in tx.find::<webhook::Entity>().all(tx.conn()).await.unwrap() {
        let context = webhooks::secret_context(row.id);
        let opens = |ring: &TenantRing, sealed: &[u8]| ring.sealing().open_value(&context, sealed).is_ok();
        for sealed in [&row.secret_sealed, row.previous_secret_sealed.as_ref().unwrap()] {
            assert!(opens(&only.tenant, sealed) && !opens(&old.tenant, sealed));
        }
    }
    let stale = tx
        .find::<mail::Entity>()
        .filter(mail::Column::Id.eq(letter.id))
        .one(tx.conn())
        .await
        .unwrap()
        .unwrap();
    assert!(only.tenant.open_value(&context, &stale.sealed.unwrap()).is_ok());
    drop(tx);
    let kinds = ["tenant.key_rotation_begun", "tenant.key_rotated"];
    for kind in kinds {
        let filter = audit::Filter {
            kind: Some(kind.to_owned()),
            ..audit::Filter::default()
        };
        let tx = ctx.store.read(scope).await.unwrap();
        let page = crate::page::PageIn::new(None, None).unwrap();
        assert_eq!(
            audit::list(&tx, ctx, &filter, &page).await.unwrap().items.len(),
            1,
            "{kind}"
        );
    }
    // And once more.
    rotate(ctx, scope).await.unwrap();
    wait_and_advance(&bed, ANNOUNCED).await;
    works(&bed, person).await;
}

#[tokio::test]
async fn the_first_look_after_the_turn_seals_everything_anew_and_the_next_finds_nothing() {
    let bed = Bed::new().await;
    let (ctx, scope) = (bed.ctx(), &bed.world.scope);
    let (_, values) = busy(&bed).await;
    rotate(ctx, scope).await.unwrap();
    bed.advance(ANNOUNCED);
    ctx.keys.turn_tenant_key(scope.tenant()).await.unwrap();
    let found = sweep::all(ctx, scope).await.unwrap();
    // Besides values, the keys of the person and of what was recorded.
    assert!(found > values, "{found} of {values} and some keys");
    assert_eq!(sweep::all(ctx, scope).await.unwrap(), 0);
}
