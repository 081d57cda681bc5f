use super::*;
use crate::testing::World;

async fn begin(t: &World) -> TenantTx {
    t.ctx.store.begin(&t.scope).await.unwrap()
}

fn new(external_id: &str, email: Option<&str>) -> NewSubject {
    NewSubject {
        external_id: external_id.into(),
        email: email.map(Into::into),
    }
}

#[tokio::test]
async fn a_person_is_found_by_id_and_by_address_however_it_is_written_and_nothing_is_stored_in_clear() {
    let t = World::new().await;
    let tx = begin(&t).await;
    let ada = create(&tx, &t.ctx, new("user-1", Some(" Ada@Example.org")))
        .await
        .unwrap();
    create(&tx, &t.ctx, new("user-2", None)).await.unwrap();
    tx.save().await.unwrap();

    let tx = begin(&t).await;
    let found = by_external_id(&tx, &t.ctx, "user-1").await.unwrap().unwrap();
    assert_eq!(found.id, ada.row.id);
    let found = by_email(&tx, &t.ctx, "ada@example.ORG ").await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(by_external_id(&tx, &t.ctx, "USER-1").await.unwrap(), None);
    let filter = Filter {
        email: Some("ADA@example.org".into()),
        ..Default::default()
    };
    let page = list(&tx, &t.ctx, &filter, &PageIn::new(None, None).unwrap())
        .await
        .unwrap();
    assert_eq!(page.items, found);

    let row = found.into_iter().next().unwrap();
    let stored = format!("{row:?}");
    assert!(!stored.contains("user-1") && !stored.to_lowercase().contains("ada@"));
    let opened = reveal(&t.ctx, row).await.unwrap();
    assert_eq!(opened.external_id.as_deref(), Some("user-1"));
    assert_eq!(opened.email.as_deref(), Some("Ada@Example.org"));
}

#[tokio::test]
async fn the_same_id_twice_is_refused() {
    let t = World::new().await;
    let tx = begin(&t).await;
    create(&tx, &t.ctx, new("user-1", None)).await.unwrap();
    let again = create(&tx, &t.ctx, new("user-1", None)).await;
    let Err(Error::Conflict { code, field, .. }) = again else {
        panic!("it was let through");
    };
    assert_eq!((code, field), ("taken", Some("/external_id")));
}

#[tokio::test]
async fn who_connects_again_is_the_same_person_until_erased() {
    let t = World::new().await;
    let first = get_or_create(&t.ctx, &t.scope, "user-1").await.unwrap();
    assert_eq!(get_or_create(&t.ctx, &t.scope, "user-1").await.unwrap(), first);
    assert_ne!(get_or_create(&t.ctx, &t.scope, "user-2").await.unwrap(), first);

    let tx = begin(&t).await;
    let row = read(&tx, first).await.unwrap();
    assert_eq!(get_or_create_in(&tx, &t.ctx, "user-1").await.unwrap(), row);
    tx.delete_many::<subject::Entity>()
        .filter(subject::Column::Id.eq(first))
        .exec(tx.conn())
        .await
        .unwrap();
    erased_after(&tx, &t.ctx, &row);
    tx.save().await.unwrap();
    assert_ne!(get_or_create(&t.ctx, &t.scope, "user-1").await.unwrap(), first);
}

#[tokio::test]
async fn without_the_key_nothing_of_a_person_can_be_read() {
    let t = World::new().await;
    let tx = begin(&t).await;
    let ada = create(&tx, &t.ctx, new("user-1", Some("ada@example.org")))
        .await
        .unwrap();
    tx.save().await.unwrap();
    let destroyed = t
        .ctx
        .keys
        .destroy_subject(t.scope.tenant(), ada.row.id)
        .await
        .unwrap();
    assert_eq!(destroyed, 1);
    let opened = reveal(&t.ctx, ada.row).await.unwrap();
    assert_eq!((opened.external_id, opened.email), (None, None));
}

#[tokio::test]
async fn a_restriction_reaches_who_is_connected_and_only_once_saved() {
    let t = World::new().await;
    let id = get_or_create(&t.ctx, &t.scope, "user-1").await.unwrap();
    let standing = t.ctx.standings.load(&t.ctx.store, &t.scope, id).await.unwrap();
    let tx = begin(&t).await;
    restrict(&tx, &t.ctx, id).await.unwrap();
    assert!(!standing.is_restricted());
    tx.save().await.unwrap();
    assert!(standing.is_restricted());
    let tx = begin(&t).await;
    let row = unrestrict(&tx, &t.ctx, id).await.unwrap();
    tx.save().await.unwrap();
    assert!(!standing.is_restricted());
    assert_eq!((row.version, row.restricted_at), (3, None));
}

#[tokio::test]
async fn being_seen_never_goes_back_in_time() {
    let t = World::new().await;
    let id = get_or_create(&t.ctx, &t.scope, "user-1").await.unwrap();
    let now = t.ctx.now();
    for (minutes, expected) in [(0, 0), (-60, 0), (1, 0), (2, 2)] {
        let tx = t.ctx.store.system("a test").await.unwrap();
        seen(&tx, &[id], now + TimeDelta::minutes(minutes)).await.unwrap();
        tx.save().await.unwrap();
        let tx = begin(&t).await;
        let last = read(&tx, id).await.unwrap().last_seen_at;
        assert_eq!(last, Some(now + TimeDelta::minutes(expected)), "after {minutes}");
    }
}
