use super::*;
use crate::{
    accounts::verification,
    api_keys::{self, NewApiKey},
    permissions::Permission,
    testing::{PASSWORD, World},
};

async fn invite(world: &World, caller: &Caller, email: &str) -> Result<invitation::Model> {
    let tx = world.ctx.store.begin(caller.scope()).await.unwrap();
    let new = NewInvitation {
        email: email.to_owned(),
        role: Role::Developer,
    };
    let invitation = create(&tx, &world.ctx, caller, new).await?;
    tx.save().await.unwrap();
    Ok(invitation)
}

async fn owner(world: &World) -> Caller {
    let owner = world.sign_up("ada@example.org").await;
    let link = world.mailed_token("verify_email").await;
    verification::confirm(&world.ctx, &link).await.unwrap();
    world.caller(&owner.token).await
}

fn acceptance(token: &str, password: &str) -> Acceptance {
    Acceptance {
        token: token.to_owned().into(),
        name: Some("Bob".to_owned()),
        password: password.to_owned().into(),
        client: None,
    }
}

#[tokio::test]
async fn who_has_not_proven_their_address_invites_nobody() {
    let world = World::new().await;
    let caller = world.caller(&world.sign_up("ada@example.org").await.token).await;
    let refused = invite(&world, &caller, "bob@example.org").await;
    assert!(
        matches!(
            refused,
            Err(Error::NotYet {
                code: "email_not_verified",
                ..
            })
        ),
        "{refused:?}"
    );
    // Nor does a key that they make for themselves.
    let new = NewApiKey {
        name: "around the corner".to_owned(),
        scopes: Permission::ALL.to_vec(),
        expires_at: None,
    };
    let tx = world.ctx.store.begin(caller.scope()).await.unwrap();
    let key = api_keys::create(&tx, &world.ctx, &caller, new).await.unwrap();
    tx.save().await.unwrap();
    let program = world.caller(&key.token).await;
    assert!(matches!(
        invite(&world, &program, "bob@example.org").await,
        Err(Error::NotYet { .. })
    ));
    let link = world.mailed_token("verify_email").await;
    verification::confirm(&world.ctx, &link).await.unwrap();
    invite(&world, &program, "bob@example.org").await.unwrap();
}

#[tokio::test]
async fn a_link_makes_one_member_once() {
    let world = World::new().await;
    let ada = owner(&world).await;
    invite(&world, &ada, "Bob@example.org").await.unwrap();
    assert!(matches!(
        invite(&world, &ada, "bob@example.org").await,
        Err(Error::Conflict { code: "taken", .. })
    ));
    let link = world.mailed_token("invitation").await;
    let joined = accept(&world.ctx, acceptance(&link, PASSWORD)).await.unwrap();
    assert_eq!(joined.member.email, "bob@example.org");
    let caller = world.caller(&joined.token).await;
    assert_eq!(caller.scope().tenant(), ada.scope().tenant());
    assert!(caller.person().unwrap().email_verified, "the link proved it");
    let again = accept(&world.ctx, acceptance(&link, PASSWORD)).await;
    assert!(
        matches!(
            again,
            Err(Error::Rejected {
                code: "token_invalid",
                ..
            })
        ),
        "{again:?}"
    );
    assert!(matches!(
        invite(&world, &ada, "bob@example.org").await,
        Err(Error::Conflict { code: "taken", .. })
    ));
}

#[tokio::test]
async fn who_has_an_account_joins_with_its_password() {
    let world = World::new().await;
    let ada = owner(&world).await;
    world.sign_up("bob@example.org").await;
    invite(&world, &ada, "bob@example.org").await.unwrap();
    let link = world.mailed_token("invitation").await;
    let wrong = accept(&world.ctx, acceptance(&link, "somebody else's word")).await;
    assert!(
        matches!(
            wrong,
            Err(Error::Rejected {
                code: "credentials_invalid",
                ..
            })
        ),
        "{wrong:?}"
    );
    let joined = accept(&world.ctx, acceptance(&link, PASSWORD)).await.unwrap();
    assert_eq!(joined.tenant.id, ada.scope().tenant());
    assert_eq!(joined.member.name, "bob", "an account keeps its name");
}

#[tokio::test]
async fn a_withdrawn_or_old_invitation_lets_nobody_in() {
    let world = World::new().await;
    let ada = owner(&world).await;
    let invitation = invite(&world, &ada, "bob@example.org").await.unwrap();
    let withdrawn = world.mailed_token("invitation").await;
    let tx = world.ctx.store.begin(ada.scope()).await.unwrap();
    delete(&tx, &world.ctx, invitation.id).await.unwrap();
    tx.save().await.unwrap();
    invite(&world, &ada, "bob@example.org").await.unwrap();
    let old = world.mailed_token("invitation").await;
    world.clock.advance(VALID);
    for link in [withdrawn, old] {
        let refused = accept(&world.ctx, acceptance(&link, PASSWORD)).await;
        assert!(
            matches!(
                refused,
                Err(Error::Rejected {
                    code: "token_invalid",
                    ..
                })
            ),
            "{refused:?}"
        );
    }
}
