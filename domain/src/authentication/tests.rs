use chrono::TimeDelta;
use entity::{api_key, member::Role};
use sea_orm::{ColumnTrait, QueryFilter, Set};
use vault::Redacted;

use super::*;
use crate::{
    api_keys::{self, CreatedApiKey, NewApiKey},
    sign_ins::{self, NewSignIn, SignedIn},
    testing::{PASSWORD, World},
};

async fn key(world: &World, caller: &Caller, scopes: &[Permission]) -> Result<CreatedApiKey> {
    let tx = world.ctx.store.begin(caller.scope()).await.unwrap();
    let new = NewApiKey {
        name: "back end".to_owned(),
        scopes: scopes.to_vec(),
        expires_at: None,
    };
    let created = api_keys::create(&tx, &world.ctx, caller, new).await?;
    tx.save().await.unwrap();
    Ok(created)
}

async fn sign_in(world: &World, email: &str, password: &str, tenant: Option<&str>) -> Result<SignedIn> {
    let new = NewSignIn {
        email: email.to_owned(),
        password: password.to_owned().into(),
        tenant: tenant.map(str::to_owned),
        client: None,
        address: None,
    };
    sign_ins::create(&world.ctx, new).await
}

async fn is_nobody(world: &World, token: &Redacted<String>) -> bool {
    matches!(
        authenticate(&world.ctx, token.expose()).await,
        Err(Error::Unauthenticated)
    )
}

#[tokio::test]
async fn who_signs_up_is_the_owner_of_a_tenant_of_their_own() {
    let world = World::new().await;
    let signed = world.sign_up("Ada@Example.org").await;
    assert_eq!(signed.tenant.slug, "house-of-ada");
    assert_eq!(signed.member.email, "ada@example.org");
    let caller = world.caller(&signed.token).await;
    assert_eq!(caller.scope().tenant(), signed.tenant.id);
    assert_eq!(caller.permissions(), Permission::ALL);
    let person = caller.person().unwrap();
    assert_eq!(person.role, Role::Owner);
    assert!(!person.email_verified);
    let again = sign_in(&world, " ADA@example.org", PASSWORD, None).await.unwrap();
    assert_eq!(again.tenant.id, signed.tenant.id);
}

#[tokio::test]
async fn a_wrong_password_an_unknown_address_and_a_strange_tenant_look_the_same() {
    let world = World::new().await;
    world.sign_up("ada@example.org").await;
    let mut answers = Vec::new();
    for (email, password, tenant) in [
        ("ada@example.org", "not the password", None),
        ("eve@example.org", PASSWORD, None),
        ("no address", PASSWORD, None),
        ("ada@example.org", PASSWORD, Some("acme")),
        ("ada@example.org", PASSWORD, Some("nowhere")),
    ] {
        let error = sign_in(&world, email, password, tenant).await.unwrap_err();
        answers.push(format!("{error:?}"));
    }
    assert!(answers[0].contains("credentials_invalid"), "{}", answers[0]);
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
}

#[tokio::test]
async fn guessing_has_to_wait_and_even_the_right_password_waits_along() {
    let world = World::new().await;
    world.sign_up("ada@example.org").await;
    for _ in 0..5 {
        sign_in(&world, "ada@example.org", "not the password", None)
            .await
            .unwrap_err();
    }
    let refused = sign_in(&world, "ada@example.org", PASSWORD, None).await;
    assert!(matches!(refused, Err(Error::TooMany { .. })), "{refused:?}");
    world.clock.advance(TimeDelta::seconds(1));
    sign_in(&world, "ada@example.org", PASSWORD, None).await.unwrap();
}

#[tokio::test]
async fn what_is_no_credential_is_nobody() {
    let world = World::new().await;
    let signed = world.sign_up("ada@example.org").await;
    let body = signed.token.expose().rsplit_once('_').unwrap().1;
    for wrong in [
        "",
        "weir_st_",
        "weir_st_short",
        &format!("weir_sk_{body}"),
        &format!("weir_xx_{body}"),
        body,
    ] {
        assert!(is_nobody(&world, &wrong.to_owned().into()).await, "{wrong}");
    }
}

#[tokio::test]
async fn a_revoked_key_proves_nothing_at_once() {
    let world = World::new().await;
    let owner = world.caller(&world.sign_up("ada@example.org").await.token).await;
    let CreatedApiKey { key, token } = key(&world, &owner, &[Permission::MessagesWrite]).await.unwrap();
    let program = world.caller(&token).await;
    program.may(Permission::MessagesWrite).unwrap();
    assert!(matches!(
        program.may(Permission::MessagesRead),
        Err(Error::Forbidden { .. })
    ));
    assert!(program.person().is_err());
    let tx = world.ctx.store.begin(owner.scope()).await.unwrap();
    api_keys::revoke(&tx, &world.ctx, key.id, None).await.unwrap();
    world.caller(&token).await; // not saved yet
    tx.save().await.unwrap();
    assert!(is_nobody(&world, &token).await);
}

#[tokio::test]
async fn what_another_process_revoked_proves_nothing_after_five_seconds() {
    let world = World::new().await;
    let owner = world.caller(&world.sign_up("ada@example.org").await.token).await;
    let made = key(&world, &owner, &[Permission::MessagesWrite]).await.unwrap();
    world.caller(&made.token).await;
    let tx = world.ctx.store.begin(owner.scope()).await.unwrap();
    let revoked = api_key::ActiveModel {
        revoked_at: Set(Some(world.ctx.now())),
        ..Default::default()
    };
    tx.update_many::<api_key::Entity>()
        .set(revoked)
        .filter(api_key::Column::Id.eq(made.key.id))
        .exec(tx.conn())
        .await
        .unwrap();
    tx.save().await.unwrap();
    world.caller(&made.token).await; // from memory: no store was asked
    world.clock.advance(TimeDelta::seconds(5));
    assert!(is_nobody(&world, &made.token).await);
}

#[tokio::test]
async fn a_key_may_do_no_more_than_who_makes_it() {
    let world = World::new().await;
    let owner = world.sign_up("ada@example.org").await;
    crate::accounts::verification::confirm(&world.ctx, &world.mailed_token("verify_email").await)
        .await
        .unwrap();
    let owner = world.caller(&owner.token).await;
    let developer = world.join(&owner, "dev@example.org", Role::Developer).await;
    let developer = world.caller(&developer.token).await;
    key(&world, &developer, &[Permission::MessagesWrite])
        .await
        .unwrap();
    let refused = key(
        &world,
        &developer,
        &[Permission::MessagesWrite, Permission::MessagesUnseal],
    )
    .await;
    let Err(Error::Invalid(faults)) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!((&*faults[0].field, faults[0].code), ("/scopes/1", "not_yours"));
}

#[tokio::test]
async fn an_expired_key_proves_nothing_though_it_was_proven_a_moment_ago() {
    let world = World::new().await;
    let new = NewApiKey {
        name: "short".to_owned(),
        scopes: vec![Permission::TenantRead],
        expires_at: Some(world.ctx.now() + TimeDelta::seconds(2)),
    };
    let made = api_keys::create_for_system(&world.ctx, &world.scope, new)
        .await
        .unwrap();
    world.caller(&made.token).await;
    world.clock.advance(TimeDelta::seconds(2));
    assert!(is_nobody(&world, &made.token).await);
}

#[tokio::test]
async fn uses_are_written_down_once_a_minute() {
    let world = World::new().await;
    let owner = world.caller(&world.sign_up("ada@example.org").await.token).await;
    let made = key(&world, &owner, &[Permission::MessagesWrite]).await.unwrap();
    world.caller(&made.token).await;
    assert_eq!(flush(&world.ctx).await.unwrap(), 1);
    world.clock.advance(TimeDelta::seconds(59));
    world.caller(&made.token).await;
    assert_eq!(flush(&world.ctx).await.unwrap(), 0);
    world.clock.advance(TimeDelta::seconds(1));
    world.caller(&made.token).await;
    assert_eq!(flush(&world.ctx).await.unwrap(), 1);
    let tx = world.ctx.store.read(owner.scope()).await.unwrap();
    let stored = api_keys::read(&tx, made.key.id).await.unwrap();
    assert_eq!(stored.last_used_at, Some(world.ctx.now()));
}

#[tokio::test]
async fn a_session_lives_while_it_is_used_and_ends_when_it_is_not() {
    let world = World::new().await;
    let token = world.sign_up("ada@example.org").await.token;
    for _ in 0..2 {
        world.clock.advance(TimeDelta::days(13));
        world.caller(&token).await;
        flush(&world.ctx).await.unwrap();
    }
    world.clock.advance(TimeDelta::days(14));
    assert!(is_nobody(&world, &token).await);
    // The link that was mailed on sign-up is over too.
    assert_eq!(sign_ins::forget_expired(&world.ctx).await.unwrap(), 2);
}

#[tokio::test]
async fn signing_out_ends_that_session_and_nobody_elses() {
    let world = World::new().await;
    let ada = world.sign_up("ada@example.org").await;
    let other = sign_in(&world, "ada@example.org", PASSWORD, None).await.unwrap();
    let eve = world.caller(&world.sign_up("eve@example.org").await.token).await;
    let caller = world.caller(&ada.token).await;
    let person = caller.person().unwrap();
    let tx = world.ctx.store.begin(eve.scope()).await.unwrap();
    let foreign = sign_ins::delete(
        &tx,
        &world.ctx,
        eve.person().unwrap().account_id,
        person.sign_in_id,
    )
    .await;
    assert!(matches!(foreign, Err(Error::NotFound { .. })));
    drop(tx);
    let tx = world.ctx.store.begin(caller.scope()).await.unwrap();
    sign_ins::delete(&tx, &world.ctx, person.account_id, person.sign_in_id)
        .await
        .unwrap();
    tx.save().await.unwrap();
    assert!(is_nobody(&world, &ada.token).await);
    world.caller(&other.token).await;
}

#[tokio::test]
async fn a_role_may_what_its_row_of_the_table_says() {
    use Permission as P;
    let world = World::new().await;
    let owner = world.sign_up("ada@example.org").await;
    let link = world.mailed_token("verify_email").await;
    crate::accounts::verification::confirm(&world.ctx, &link)
        .await
        .unwrap();
    let owner = world.caller(&owner.token).await;
    let writes: Vec<P> = P::ALL
        .iter()
        .copied()
        .filter(|permission| !permission.as_str().ends_with(":read"))
        .collect();
    let denied: [(Role, &[P]); 5] = [
        (Role::Owner, &[]),
        (Role::Admin, &[P::TenantDelete]),
        (
            Role::Dpo,
            &[
                P::TenantWrite,
                P::TenantDelete,
                P::MembersWrite,
                P::KeysWrite,
                P::EndpointsWrite,
                P::WebhooksWrite,
                P::MessagesWrite,
            ],
        ),
        (
            Role::Developer,
            &[
                P::TenantWrite,
                P::TenantDelete,
                P::MembersWrite,
                P::RulesWrite,
                P::HoldsRead,
                P::HoldsWrite,
                P::MessagesUnseal,
                P::RequestsRead,
                P::RequestsWrite,
                P::IncidentsWrite,
                P::AssessmentsWrite,
                P::ReportsWrite,
            ],
        ),
        (Role::Auditor, &writes),
    ];
    for (role, denied) in denied {
        let joined = world.join(&owner, &format!("{role}@example.org"), role).await;
        let caller = world.caller(&joined.token).await;
        for permission in P::ALL {
            assert_eq!(
                caller.may(*permission).is_ok(),
                !denied.contains(permission),
                "{role} {permission:?}"
            );
        }
    }
}
