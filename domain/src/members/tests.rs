use super::*;
use crate::{accounts::verification, authentication::authenticate, sign_ins::SignedIn, testing::World};

async fn owner(world: &World) -> SignedIn {
    let owner = world.sign_up("ada@example.org").await;
    let link = world.mailed_token("verify_email").await;
    verification::confirm(&world.ctx, &link).await.unwrap();
    owner
}

async fn set(world: &World, caller: &Caller, id: MemberId, role: Role) -> Result<Membership> {
    let tx = world.ctx.store.begin(caller.scope()).await.unwrap();
    let member = update(&tx, &world.ctx, caller, id, None, Some(role)).await?;
    tx.save().await.unwrap();
    Ok(member)
}

async fn remove(world: &World, caller: &Caller, id: MemberId) -> Result<()> {
    let tx = world.ctx.store.begin(caller.scope()).await.unwrap();
    delete(&tx, &world.ctx, caller, id, None).await?;
    tx.save().await.unwrap();
    Ok(())
}

#[tokio::test]
async fn the_last_owner_can_neither_go_nor_become_less() {
    let world = World::new().await;
    let ada = owner(&world).await;
    let caller = world.caller(&ada.token).await;
    let id = ada.member.member.id;
    let less = set(&world, &caller, id, Role::Admin).await;
    assert!(
        matches!(
            less,
            Err(Error::Conflict {
                code: "last_owner",
                ..
            })
        ),
        "{less:?}"
    );
    let gone = remove(&world, &caller, id).await;
    assert!(
        matches!(
            gone,
            Err(Error::Conflict {
                code: "last_owner",
                ..
            })
        ),
        "{gone:?}"
    );
    let second = world.join(&caller, "bob@example.org", Role::Owner).await;
    remove(&world, &caller, id).await.unwrap();
    assert!(authenticate(&world.ctx, ada.token.expose()).await.is_err());
    assert_eq!(
        world.caller(&second.token).await.person().unwrap().role,
        Role::Owner
    );
}

#[tokio::test]
async fn nobody_lifts_anybody_above_themselves() {
    let world = World::new().await;
    let ada = owner(&world).await;
    let caller = world.caller(&ada.token).await;
    let admin = world.join(&caller, "bob@example.org", Role::Admin).await;
    let auditor = world.join(&caller, "eve@example.org", Role::Auditor).await;
    let by_admin = world.caller(&admin.token).await;
    for (id, role) in [
        (admin.member.member.id, Role::Owner),
        (auditor.member.member.id, Role::Owner),
        (ada.member.member.id, Role::Auditor),
    ] {
        let refused = set(&world, &by_admin, id, role).await;
        assert!(
            matches!(refused, Err(Error::Forbidden { .. })),
            "{role}: {refused:?}"
        );
    }
    assert!(remove(&world, &by_admin, ada.member.member.id).await.is_err());
    set(&world, &by_admin, auditor.member.member.id, Role::Dpo)
        .await
        .unwrap();
}

#[tokio::test]
async fn another_role_counts_at_once_in_open_sessions() {
    let world = World::new().await;
    let ada = owner(&world).await;
    let caller = world.caller(&ada.token).await;
    let dpo = world.join(&caller, "bob@example.org", Role::Dpo).await;
    world
        .caller(&dpo.token)
        .await
        .may(crate::permissions::Permission::MessagesUnseal)
        .unwrap();
    set(&world, &caller, dpo.member.member.id, Role::Auditor)
        .await
        .unwrap();
    let now = world.caller(&dpo.token).await;
    assert!(now.may(crate::permissions::Permission::MessagesUnseal).is_err());
}

#[tokio::test]
async fn who_is_a_member_of_nothing_is_forgotten_and_may_come_back() {
    let world = World::new().await;
    let ada = owner(&world).await;
    let caller = world.caller(&ada.token).await;
    let bob = world.join(&caller, "bob@example.org", Role::Developer).await;
    // Eve has a house of her own beside this one.
    world.sign_up("eve@example.org").await;
    let eve = world.join(&caller, "eve@example.org", Role::Developer).await;
    remove(&world, &caller, bob.member.member.id).await.unwrap();
    remove(&world, &caller, eve.member.member.id).await.unwrap();
    let tx = world.ctx.store.system_read("a test looks").await.unwrap();
    assert!(
        accounts::by_email(&tx, "bob@example.org")
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        accounts::by_email(&tx, "eve@example.org")
            .await
            .unwrap()
            .is_some()
    );
    drop(tx);
    world.sign_up("bob@example.org").await;
}

#[tokio::test]
async fn a_list_names_persons_and_a_stranger_sees_none_of_them() {
    let world = World::new().await;
    let ada = owner(&world).await;
    let caller = world.caller(&ada.token).await;
    world.join(&caller, "bob@example.org", Role::Developer).await;
    let tx = world.ctx.store.read(caller.scope()).await.unwrap();
    let page = PageIn::new(None, None).unwrap();
    let all = list(&tx, None, &page).await.unwrap();
    let emails: Vec<_> = all.items.iter().map(|member| member.email.as_str()).collect();
    assert_eq!(emails, ["bob@example.org", "ada@example.org"]);
    let owners = list(&tx, Some(Role::Owner), &page).await.unwrap();
    assert_eq!(owners.items.len(), 1);
    let stranger = world.ctx.store.read(&world.scope).await.unwrap();
    let foreign = read(&stranger, ada.member.member.id).await;
    assert!(matches!(foreign, Err(Error::NotFound { .. })));
}
