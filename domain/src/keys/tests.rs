use std::{fs, path::PathBuf, time::Duration};

use chrono::TimeDelta;
use entity::vault::key_page;
use sea_orm::{ColumnTrait, PaginatorTrait, QueryFilter, Set};
use tokio::time::Instant;
use vault::chance::SeededChance;
use zeroize::Zeroizing;

use super::*;
use crate::{error::Error, testing::World};

/// The vault as a thief, a replica or a backup has it: the file and its write-ahead log, byte for byte.
fn stolen(world: &World, name: &str) -> PathBuf {
    let copy = world.folder().join(name);
    for suffix in ["", "-wal"] {
        let from = world.folder().join(format!("vault.sqlite{suffix}"));
        if from.exists() {
            fs::copy(from, world.folder().join(format!("{name}{suffix}"))).unwrap();
        }
    }
    copy
}

fn pages_of(world: &World) -> PathBuf {
    world.folder().join("pages.key")
}

fn person(number: u128) -> SubjectId {
    SubjectId(Uuid::from_u128(number))
}

async fn opens(keys: &Keys, name: SubjectKeyName) -> bool {
    match keys.subject(name).await {
        Ok(key) => key.is_some(),
        Err(Error::Gone { .. }) => false,
        Err(error) => panic!("{error:?}"),
    }
}

async fn free_pages(keys: &Keys) -> u64 {
    let tx = keys.store.system_read("a test counts").await.unwrap();
    let free = tx
        .find::<key_page::Entity>()
        .filter(key_page::Column::Free.eq(true));
    free.count(tx.conn()).await.unwrap()
}

#[tokio::test]
async fn a_destroyed_key_opens_in_no_older_copy_of_the_vault_with_todays_root_and_page_keys() {
    let world = World::new().await;
    let (keys, tenant) = (&world.ctx.keys, world.tenant.id);
    let names: Vec<_> = (1..=3)
        .map(|n| SubjectKeyName::for_record(tenant, person(n)))
        .collect();
    for name in &names {
        keys.subject_or_new(*name).await.unwrap();
    }
    let now = world.ctx.now();
    let slice = Slice(TimeDelta::hours(1));
    let (bucket, _) = keys.pair_to_seal(names[1], 7, slice, now).await.unwrap();
    // Both as they are before, with yesterday's page keys: everything opens. So the copy is whole.
    let before = stolen(&world, "before.sqlite");
    let old_pages = world.folder().join("old-pages.key");
    fs::copy(pages_of(&world), &old_pages).unwrap();
    let then = world.keys_in(&before, &old_pages).await;
    for name in &names {
        assert!(opens(&then, *name).await);
    }
    assert!(then.bucket(tenant, bucket).await.unwrap().is_some());

    assert_eq!(keys.destroy_subject(tenant, person(1)).await.unwrap(), 1);
    let later = now + TimeDelta::days(1);
    assert_eq!(
        keys.destroy_buckets(tenant, 7, None, later).await.unwrap().len(),
        1
    );

    // Today's copy, with the write-ahead log that may still have the old rows, and the one from before.
    let after = stolen(&world, "after.sqlite");
    let thief = world.keys_in(&after, &pages_of(&world)).await;
    assert!(!opens(&thief, names[0]).await);
    assert!(thief.bucket(tenant, bucket).await.unwrap().is_none());
    let before = world.keys_in(&before, &pages_of(&world)).await;
    assert!(!opens(&before, names[0]).await);
    assert!(before.bucket(tenant, bucket).await.unwrap().is_none());
    // Who was on the same page is as before: here, and for a process that starts now.
    let fresh = world
        .keys_in(&stolen(&world, "fresh.sqlite"), &pages_of(&world))
        .await;
    for name in &names[1..] {
        assert!(opens(keys, *name).await && opens(&fresh, *name).await);
    }
}

#[tokio::test]
async fn a_tenant_goes_with_its_one_key_wherever_it_was_copied() {
    let world = World::new().await;
    let (keys, tenant) = (&world.ctx.keys, world.tenant.id);
    let name = SubjectKeyName::for_record(tenant, person(1));
    keys.subject_or_new(name).await.unwrap();
    let other = TenantId(Uuid::from_u128(77));
    keys.create_tenant(other).await.unwrap();
    let before = stolen(&world, "before.sqlite");
    assert!(keys.destroy_tenant(tenant).await.unwrap());
    assert!(!keys.destroy_tenant(tenant).await.unwrap());
    for keys in [&world.ctx.keys, &world.keys_in(&before, &pages_of(&world)).await] {
        assert!(matches!(keys.tenant(tenant).await, Err(Error::Gone { .. })));
        assert!(!opens(keys, name).await);
    }
    keys.tenant(other).await.unwrap();
}

#[tokio::test]
async fn what_a_crash_interrupted_is_brought_to_its_end() {
    let world = World::new().await;
    let (keys, tenant) = (&world.ctx.keys, world.tenant.id);
    let name = SubjectKeyName::for_record(tenant, person(1));
    keys.subject_or_new(name).await.unwrap();
    let page = {
        let tx = keys.store.system_read("a test looks").await.unwrap();
        tx.find::<entity::vault::subject_key::Entity>()
            .one(tx.conn())
            .await
            .unwrap()
            .unwrap()
            .page
            .unwrap()
    };
    // Before the commit: the next key is in the file, the store does not know of it.
    let next = || Zeroizing::new(*vault::key::PageKey::generate(&*keys.chance).expose());
    keys.pages.write(vec![((page, 2), next())]).await.unwrap();
    let again = world
        .keys_in(&world.folder().join("vault.sqlite"), &pages_of(&world))
        .await;
    let found = again.recover().await.unwrap();
    assert_eq!((found.erased, found.lost), (1, 0));
    assert!(opens(&again, name).await);
    assert!(keys.pages.read((page, 2)).unwrap().is_none());
    // After it: the old key was not overwritten yet, and a copy from before opens.
    let before = stolen(&world, "before.sqlite");
    let old = keys.pages.read((page, 1)).unwrap().unwrap();
    keys.destroy_subject(tenant, person(1)).await.unwrap();
    let bytes = Zeroizing::new(*old.expose());
    keys.pages.write(vec![((page, 1), bytes)]).await.unwrap();
    assert!(opens(&world.keys_in(&before, &pages_of(&world)).await, name).await);
    let found = again.recover().await.unwrap();
    assert_eq!((found.erased, found.lost), (1, 0));
    assert!(!opens(&world.keys_in(&before, &pages_of(&world)).await, name).await);
}

#[tokio::test]
async fn another_vaults_page_keys_are_told_and_left_as_they_are() {
    let (world, other) = (World::new().await, World::new().await);
    let tenant = world.tenant.id;
    for n in 1..=3 {
        let name = SubjectKeyName::for_record(tenant, person(n));
        world.ctx.keys.subject_or_new(name).await.unwrap();
    }
    other.ctx.keys.renew_pages(|_, _| {}).await.unwrap();
    let before = fs::read(pages_of(&other)).unwrap();
    let vault = world.folder().join("vault.sqlite");
    let mixed = world.keys_in(&vault, &pages_of(&other)).await;
    let found = mixed.recover().await.unwrap();
    assert_eq!(found.lost, found.pages, "{found:?}");
    assert_eq!(fs::read(pages_of(&other)).unwrap(), before);
}

#[tokio::test]
async fn keys_made_while_others_are_destroyed_are_not_lost_and_pages_are_used_again() {
    let world = World::new().await;
    let (keys, tenant) = (&world.ctx.keys, world.tenant.id);
    let made = async {
        for n in 0..200 {
            let name = SubjectKeyName::for_record(tenant, person(1_000 + n));
            keys.subject_or_new(name).await.unwrap();
        }
    };
    let destroyed = async {
        for n in 0..60 {
            let name = SubjectKeyName::for_record(tenant, person(10 + n));
            keys.subject_or_new(name).await.unwrap();
            assert_eq!(keys.destroy_subject(tenant, person(10 + n)).await.unwrap(), 1);
        }
    };
    let ((), ()) = tokio::join!(made, destroyed);
    let fresh = world
        .keys_in(&stolen(&world, "fresh.sqlite"), &pages_of(&world))
        .await;
    for n in 0..200 {
        let name = SubjectKeyName::for_record(tenant, person(1_000 + n));
        assert!(opens(&fresh, name).await, "{n}");
    }
    for n in 0..60 {
        assert!(!opens(&fresh, SubjectKeyName::for_record(tenant, person(10 + n))).await);
    }
    let size = fs::metadata(pages_of(&world)).unwrap().len();
    for n in 0..200 {
        keys.destroy_subject(tenant, person(1_000 + n)).await.unwrap();
    }
    assert!(free_pages(keys).await >= 3);
    for n in 0..150 {
        let name = SubjectKeyName::for_record(tenant, person(2_000 + n));
        keys.subject_or_new(name).await.unwrap();
    }
    assert_eq!(
        fs::metadata(pages_of(&world)).unwrap().len(),
        size,
        "emptied pages take new keys"
    );
}

#[tokio::test]
async fn rows_of_an_older_version_are_put_on_pages() {
    use entity::vault::subject_key;
    let world = World::new().await;
    let (keys, tenant) = (&world.ctx.keys, world.tenant.id);
    let name = SubjectKeyName::for_record(tenant, person(1));
    let key = SubjectKey::generate(&*keys.chance);
    let aad = subjects::aad(name);
    let wrapped = keys
        .tenant(tenant)
        .await
        .unwrap()
        .tenant
        .wrap_subject(&key, &aad, &*keys.chance);
    let tx = keys.store.system("a row of an older version").await.unwrap();
    tx.insert(subject_key::ActiveModel {
        tenant_id: Set(name.tenant),
        subject_id: Set(name.subject),
        purpose_id: Set(name.purpose),
        wrapped: Set(wrapped.0),
        created_at: Set(world.ctx.now()),
        page: Set(None),
    })
    .await
    .unwrap();
    tx.save().await.unwrap();
    assert!(opens(keys, name).await);
    assert_eq!(keys.recover().await.unwrap().adopted, 1);
    assert_eq!(keys.recover().await.unwrap().adopted, 0);
    let fresh = world
        .keys_in(&world.folder().join("vault.sqlite"), &pages_of(&world))
        .await;
    assert!(opens(&fresh, name).await);
}

#[tokio::test]
async fn a_new_root_key_takes_over_at_any_point_and_the_old_one_opens_nothing() {
    let world = World::new().await;
    let (keys, tenant) = (&world.ctx.keys, world.tenant.id);
    let other = TenantId(Uuid::from_u128(77));
    keys.create_tenant(other).await.unwrap();
    let vault = world.folder().join("vault.sqlite");
    let new = || RootKey::generate(&SeededChance::new(99));
    // Another process, as `weir rotate-root` is one.
    let process = world.keys_in(&vault, &pages_of(&world)).await;
    process.add_root(new(), true);
    assert_eq!(process.rewrap_tenants(|_, _| {}).await.unwrap(), 2);
    assert_eq!(
        process.rewrap_tenants(|_, _| {}).await.unwrap(),
        0,
        "the second run has nothing to do"
    );
    let old = world.keys_in(&vault, &pages_of(&world)).await;
    assert!(
        old.tenant(tenant).await.is_err(),
        "the old root key opens nothing"
    );
    // The server learns of the new one when it needs it.
    keys.forget_tenant(tenant);
    assert!(keys.tenant(tenant).await.is_err());
    keys.add_root(new(), false);
    keys.tenant(tenant).await.unwrap();
    keys.tenant(other).await.unwrap();
    let before = stolen(&world, "before.sqlite");
    assert!(process.renew_pages(|_, _| {}).await.unwrap() > 0);
    let thief = world.keys_in(&before, &pages_of(&world)).await;
    thief.add_root(new(), true);
    assert!(
        thief.tenant(tenant).await.is_err(),
        "not even with the new root key"
    );
    keys.forget_tenant(tenant);
    keys.tenant(tenant).await.unwrap();
}

/// The price of a destruction depends on its page, not on how many keys there are.
#[tokio::test]
async fn a_destruction_costs_the_same_among_few_keys_and_among_many() {
    let world = World::new().await;
    let (keys, tenant) = (&world.ctx.keys, world.tenant.id);
    let mut took = Vec::new();
    let mut made = 0_u128;
    for count in [100, 10_000] {
        while made < count {
            let names: Vec<_> = (made..(made + 1_000).min(count))
                .map(|n| {
                    let name = SubjectKeyName::for_record(tenant, person(1 + n));
                    (name, 1, Slice(TimeDelta::hours(1)))
                })
                .collect();
            keys.prepare(&names, world.ctx.now()).await.unwrap();
            made += names.len() as u128;
        }
        let mut times = Vec::new();
        for n in 0..5 {
            let start = Instant::now();
            assert_eq!(keys.destroy_subject(tenant, person(made - n)).await.unwrap(), 1);
            times.push(start.elapsed());
        }
        times.sort();
        took.push(times[2]);
        eprintln!("destroying one key among {made}: {:?}", times[2]);
    }
    assert!(
        took[1] < took[0] * 10 + Duration::from_millis(50),
        "few: {:?}, many: {:?}",
        took[0],
        took[1]
    );
}
