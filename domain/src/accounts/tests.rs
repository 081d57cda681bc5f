use chrono::TimeDelta;
use sea_orm::{EntityTrait, PaginatorTrait};

use super::*;
use crate::{
    authentication::authenticate,
    sign_ins::NewSignIn,
    testing::{PASSWORD, World},
};

async fn sign_in(world: &World, password: &str) -> Result<SignedIn> {
    let new = NewSignIn {
        email: "ada@example.org".to_owned(),
        password: password.to_owned().into(),
        tenant: None,
        client: None,
        address: None,
    };
    sign_ins::create(&world.ctx, new).await
}

async fn rows<E: EntityTrait>(world: &World) -> u64
where
    E::Model: Sync,
{
    let tx = world.ctx.store.system_read("a test counts").await.unwrap();
    tx.find::<E>().count(tx.conn()).await.unwrap()
}

#[tokio::test]
async fn an_address_founds_one_tenant_only_and_a_refused_one_leaves_nothing() {
    let world = World::new().await;
    world.sign_up("ada@example.org").await;
    let before = rows::<tenant::Entity>(&world).await;
    let again = SignUp {
        tenant_name: "Another".to_owned(),
        tenant_slug: None,
        owner_name: "Ada".to_owned(),
        owner_email: "ADA@example.org".to_owned(),
        owner_password: PASSWORD.to_owned().into(),
        language: None,
        client: None,
    };
    let refused = sign_up(&world.ctx, again).await;
    assert!(
        matches!(
            refused,
            Err(Error::Conflict {
                code: "taken",
                field: Some("/owner/email"),
                ..
            })
        ),
        "{refused:?}"
    );
    assert_eq!(rows::<tenant::Entity>(&world).await, before);
}

#[tokio::test]
async fn all_that_is_wrong_with_a_sign_up_is_said_at_once() {
    let world = World::new().await;
    let new = SignUp {
        tenant_name: " ".to_owned(),
        tenant_slug: Some("API".to_owned()),
        owner_name: String::new(),
        owner_email: "ada".to_owned(),
        owner_password: "short".to_owned().into(),
        language: Some("english".to_owned()),
        client: None,
    };
    let Err(Error::Invalid(faults)) = sign_up(&world.ctx, new).await else {
        panic!("it was taken");
    };
    let mut fields: Vec<_> = faults.iter().map(|fault| fault.field.as_str()).collect();
    fields.sort_unstable();
    assert_eq!(
        fields,
        [
            "/language",
            "/owner/email",
            "/owner/name",
            "/owner/password",
            "/tenant/name",
            "/tenant/slug"
        ]
    );
}

#[tokio::test]
async fn the_mailed_link_proves_the_address_once() {
    let world = World::new().await;
    let signed = world.sign_up("ada@example.org").await;
    let before = world.caller(&signed.token).await;
    let first = world.mailed_token("verify_email").await;
    verification::resend(&world.ctx, &before).await.unwrap();
    let second = world.mailed_token("verify_email").await;
    assert!(
        verification::confirm(&world.ctx, &first).await.is_err(),
        "the newest link counts"
    );
    assert_eq!(
        verification::confirm(&world.ctx, &second).await.unwrap(),
        "ada@example.org"
    );
    assert!(world.caller(&signed.token).await.person().unwrap().email_verified);
    let used = verification::confirm(&world.ctx, &second).await;
    assert!(matches!(
        used,
        Err(Error::Rejected {
            code: "token_invalid",
            ..
        })
    ));
    let again = verification::resend(&world.ctx, &before).await;
    assert!(matches!(
        again,
        Err(Error::Conflict {
            code: "already_verified",
            ..
        })
    ));
}

#[tokio::test]
async fn a_link_that_is_too_old_proves_nothing() {
    let world = World::new().await;
    world.sign_up("ada@example.org").await;
    let link = world.mailed_token("verify_email").await;
    world.clock.advance(TimeDelta::hours(24));
    let late = verification::confirm(&world.ctx, &link).await;
    assert!(matches!(
        late,
        Err(Error::Rejected {
            code: "token_invalid",
            ..
        })
    ));
}

#[tokio::test]
async fn a_reset_ends_all_sessions_and_the_old_password() {
    let world = World::new().await;
    let signed = world.sign_up("ada@example.org").await;
    world.caller(&signed.token).await;
    password_reset::request(&world.ctx, "nobody@example.org", None)
        .await
        .unwrap();
    password_reset::request(&world.ctx, "ada@example.org", None)
        .await
        .unwrap();
    let link = world.mailed_token("reset_password").await;
    let weak = password_reset::confirm(&world.ctx, &link, &"1234567890".to_owned().into()).await;
    assert!(
        matches!(weak, Err(Error::Invalid(_))),
        "the link is not used up by this"
    );
    password_reset::confirm(&world.ctx, &link, &"a heron at the weir".to_owned().into())
        .await
        .unwrap();
    assert!(authenticate(&world.ctx, signed.token.expose()).await.is_err());
    assert!(sign_in(&world, PASSWORD).await.is_err());
    let signed = sign_in(&world, "a heron at the weir").await.unwrap();
    assert!(world.caller(&signed.token).await.person().unwrap().email_verified);
    let again = password_reset::confirm(&world.ctx, &link, &"yet another password".to_owned().into()).await;
    assert!(matches!(
        again,
        Err(Error::Rejected {
            code: "token_invalid",
            ..
        })
    ));
}

#[tokio::test]
async fn another_password_needs_the_old_one_and_ends_the_other_sessions() {
    let world = World::new().await;
    let here = world.sign_up("ada@example.org").await.token;
    let elsewhere = sign_in(&world, PASSWORD).await.unwrap().token;
    let caller = world.caller(&here).await;
    world.caller(&elsewhere).await;
    let to = |current: &str| AccountPatch {
        name: Some("Ada L.".to_owned()),
        password: Some(NewPassword {
            current: current.to_owned().into(),
            new: "a heron at the weir".to_owned().into(),
        }),
    };
    let wrong = update(&world.ctx, &caller, to("not the password")).await;
    let Err(Error::Invalid(faults)) = wrong else {
        panic!("{wrong:?}");
    };
    assert_eq!(
        (&*faults[0].field, faults[0].code),
        ("/password/current", "wrong")
    );
    assert_eq!(world.caller(&here).await.name(), "ada", "nothing was changed");
    update(&world.ctx, &caller, to(PASSWORD)).await.unwrap();
    assert_eq!(world.caller(&here).await.name(), "Ada L.");
    assert!(authenticate(&world.ctx, elsewhere.expose()).await.is_err());
    assert!(sign_in(&world, PASSWORD).await.is_err());
    sign_in(&world, "a heron at the weir").await.unwrap();
}
