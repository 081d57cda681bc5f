use super::*;
use crate::testing::World;

#[tokio::test]
async fn provisioning_twice_gives_the_same_tenant() {
    let world = World::new().await;
    let wanted = Provision {
        slug: "acme".to_owned(),
        name: Some("Another name".to_owned()),
        owner_email: "somebody@else.example".to_owned(),
        owner_password: None,
    };
    let (tenant, scope, created) = find_or_create(&world.ctx, wanted).await.unwrap();
    assert!(!created);
    assert_eq!((tenant.id, scope.tenant()), (world.tenant.id, world.tenant.id));
    assert_eq!(tenant.name, "Acme");
}

#[tokio::test]
async fn an_owner_may_be_given_a_second_tenant() {
    let world = World::new().await;
    let wanted = Provision {
        slug: "second".to_owned(),
        name: None,
        owner_email: "owner@acme.example".to_owned(),
        owner_password: None,
    };
    let (tenant, _, created) = find_or_create(&world.ctx, wanted).await.unwrap();
    assert!(created);
    assert_ne!(tenant.id, world.tenant.id);
}

#[tokio::test]
async fn tenants_of_one_name_get_slugs_of_their_own() {
    let world = World::new().await;
    let first = world.sign_up("ada@one.example").await;
    let second = world.sign_up("ada@two.example").await;
    assert_eq!(first.tenant.slug, "house-of-ada");
    assert_eq!(second.tenant.slug, "house-of-ada-2");
}

#[tokio::test]
async fn a_change_is_seen_at_every_door_at_once_and_a_stale_one_is_refused() {
    let world = World::new().await;
    let before = by_slug(&world.ctx, "acme").await.unwrap().unwrap();
    let patch = TenantPatch {
        name: Some("Acme Ltd".to_owned()),
        contact_email: Some(Some("Privacy@acme.example".to_owned())),
        jurisdiction: Some("ccpa".to_owned()),
        ..Default::default()
    };
    let tx = world.ctx.store.begin(&world.scope).await.unwrap();
    update(&tx, &world.ctx, Some(before.version), patch.clone())
        .await
        .unwrap();
    tx.save().await.unwrap();
    let after = by_slug(&world.ctx, "acme").await.unwrap().unwrap();
    assert_eq!(after.name, "Acme Ltd");
    assert_eq!(after.contact_email.as_deref(), Some("privacy@acme.example"));
    let tx = world.ctx.store.begin(&world.scope).await.unwrap();
    let stale = update(&tx, &world.ctx, Some(before.version), patch).await;
    assert!(
        matches!(stale, Err(Error::VersionMismatch { current: 2 })),
        "{stale:?}"
    );
}

#[tokio::test]
async fn an_unknown_slug_has_no_tenant() {
    let world = World::new().await;
    assert!(by_slug(&world.ctx, "nowhere").await.unwrap().is_none());
    assert!(by_slug(&world.ctx, "../acme").await.unwrap().is_none());
    assert!(system_scope(&world.ctx, "nowhere", "a test").await.is_err());
}

#[tokio::test]
async fn usage_counts_what_is_there() {
    use entity::{message, retention_class, usage_day};
    let world = World::new().await;
    let none = usage(&world.ctx, &world.scope).await.unwrap();
    assert_eq!((none.stored, none.messages_today), (Stored::default(), 0));
    let tx = world.ctx.store.begin(&world.scope).await.unwrap();
    let class = retention_class::ActiveModel {
        id: Set(7),
        endpoint_id: Set(world.ctx.ids.next()),
        purpose_id: Set(None),
        data_types: Set(json!([])),
        channel_pattern: Set(None),
        signature: Set("test".to_owned()),
        created_at: Set(world.ctx.now()),
        ..Default::default()
    };
    tx.insert(class).await.unwrap();
    let messages = [10, 20].map(|size| message::ActiveModel {
        class_id: Set(7),
        id: Set(size.into()),
        channel_id: Set(1),
        position: Set(size.into()),
        subject_id: Set(None),
        bucket_id: Set(1),
        flags: Set(0),
        size: Set(size),
        sealed: Set(vec![0]),
        ..Default::default()
    });
    tx.insert_many(messages.to_vec()).await.unwrap();
    let day = usage_day::ActiveModel {
        day: Set(world.ctx.now().date_naive()),
        messages: Set(2),
        bytes: Set(30),
        connections: Set(1),
        ..Default::default()
    };
    tx.insert_many(vec![day]).await.unwrap();
    tx.save().await.unwrap();
    let remembered = usage(&world.ctx, &world.scope).await.unwrap();
    assert_eq!(
        (remembered.messages_today, remembered.stored.messages),
        (2, 0),
        "counted at most every ten seconds"
    );
    let tx = world.ctx.store.read(&world.scope).await.unwrap();
    let counted = super::usage::count_stored(&tx).await.unwrap();
    assert_eq!(
        counted,
        Stored {
            messages: 2,
            bytes: 30
        }
    );
}
