//! Invitations: how somebody becomes a member, by a mailed link that works once.

use chrono::TimeDelta;
use entity::{
    account,
    id::{AccountId, InvitationId},
    invitation,
    member::{self, Role},
    tenant,
};
use sea_orm::{ColumnTrait, IntoActiveModel, PaginatorTrait, QueryFilter, Set, sea_query::Query};
use serde_json::json;
use vault::{redact::Redacted, token};

use crate::{
    accounts::{self, email, links, password},
    audit::{self, Event},
    authentication::{self, By, Caller, CallerKind, Door},
    ctx::Ctx,
    error::{Error, Faults, Result},
    fields,
    mails::{self, NewMail},
    members,
    page::{self, Page, PageIn},
    sign_ins::{self, SignedIn},
    tenancy::{Actor, SystemTx, TenantScope, TenantTx, on_conflict},
    tenants,
};

/// How many invitations may stand at a time: whoever invites, we are the ones who send the mails.
pub const MOST: u64 = 200;
/// How long an invitation stands.
pub const VALID: TimeDelta = TimeDelta::days(7);

/// Somebody to be invited.
#[derive(Clone, Debug)]
pub struct NewInvitation {
    /// Where the link is mailed to.
    pub email: String,
    /// What they shall be.
    pub role: Role,
}

/// Somebody who follows the link.
#[derive(Clone, Debug)]
pub struct Acceptance {
    /// What the link carried.
    pub token: Redacted<String>,
    /// Their name, if they have no account yet.
    pub name: Option<String>,
    /// The password of their account, or of the one that is made for them.
    pub password: Redacted<String>,
    /// What the client calls itself.
    pub client: Option<String>,
}

/// Lists invitations, newest first.
pub async fn list(tx: &TenantTx, page: &PageIn) -> Result<Page<invitation::Model>> {
    let rows = tx.find::<invitation::Entity>();
    page::by_id(rows, tx.conn(), invitation::Column::Id, page, |row| row.id.0).await
}

/// Invites somebody.
///
/// # Errors
/// `NotYet` while the caller's own address is not proven, so that nobody sends mail as somebody else; `Forbidden` for a
/// role that may do more than the caller; `Conflict` when the address is a member's or invited already; `OverQuota`
/// when [`MOST`] stand.
pub async fn create(
    tx: &TenantTx,
    ctx: &Ctx,
    caller: &Caller,
    new: NewInvitation,
) -> Result<invitation::Model> {
    if !is_proven(tx, caller).await? {
        return Err(Error::NotYet {
            code: "email_not_verified",
            detail: "follow the link in the mail that we sent you, then invite others",
        });
    }
    let mut faults = Faults::default();
    let address = email::checked(&mut faults, "/email", &new.email);
    faults.finish()?;
    caller.outranks(new.role)?;
    refuse_known(tx, ctx, &address).await?;
    let tenant = tenants::read(tx).await?;
    let secret = token::generate("weir_in", &*ctx.chance);
    let expires_at = ctx.now() + VALID;
    let invitation = tx
        .insert(invitation::ActiveModel {
            id: Set(ctx.ids.next()),
            email: Set(address),
            role: Set(new.role),
            token_hash: Set(token::fingerprint(secret.expose()).to_vec()),
            invited_by: Set(caller.name().to_owned()),
            created_at: Set(ctx.now()),
            expires_at: Set(expires_at),
            accepted_at: Set(None),
            ..Default::default()
        })
        .await?;
    let mail = NewMail {
        template: "invitation",
        to: invitation.email.clone(),
        language: tenant.language,
        values: json!({
            "tenant_name": tenant.name,
            "name": invitation.invited_by,
            "role": invitation.role,
            "link": links::to_page(ctx, "invite", secret.expose()),
            "expires": links::spelled(expires_at),
        }),
    };
    mails::enqueue(tx, ctx, mail).await?;
    audit::record(
        tx,
        ctx,
        Event::new("invitation.created")
            .target("invitation", invitation.id)
            .facts(json!({ "role": invitation.role })),
    )
    .await?;
    Ok(invitation)
}

/// Whether somebody who answers for this tenant can be reached: the person who invites, or for a program any member.
async fn is_proven(tx: &TenantTx, caller: &Caller) -> Result<bool> {
    if let CallerKind::Member { email_verified, .. } = caller.kind() {
        return Ok(email_verified);
    }
    let members = Query::select()
        .column(member::Column::AccountId)
        .from(member::Entity)
        .and_where(member::Column::TenantId.eq(tx.tenant()))
        .to_owned();
    let proven = tx
        .find_shared::<account::Entity>()
        .filter(account::Column::Id.in_subquery(members))
        .filter(account::Column::EmailVerifiedAt.is_not_null())
        .one(tx.conn())
        .await?;
    Ok(proven.is_some())
}

async fn refuse_known(tx: &TenantTx, ctx: &Ctx, address: &str) -> Result<()> {
    let open = tx
        .find::<invitation::Entity>()
        .filter(invitation::Column::AcceptedAt.is_null())
        .filter(invitation::Column::ExpiresAt.gt(ctx.now()));
    if open.clone().count(tx.conn()).await? >= MOST {
        return Err(Error::OverQuota {
            quota: "open invitations",
            limit: i64::try_from(MOST).unwrap_or(i64::MAX),
        });
    }
    let known = open
        .filter(invitation::Column::Email.eq(address))
        .one(tx.conn())
        .await?;
    if known.is_some() {
        return Err(Error::Conflict {
            code: "taken",
            field: Some("/email"),
            detail: "this address is invited already; withdraw that invitation to send another".into(),
        });
    }
    let account = tx
        .find_shared::<account::Entity>()
        .filter(account::Column::Email.eq(address))
        .one(tx.conn())
        .await?;
    let Some(account) = account else {
        return Ok(());
    };
    let member = tx
        .find::<member::Entity>()
        .filter(member::Column::AccountId.eq(account.id))
        .one(tx.conn())
        .await?;
    match member {
        Some(_) => Err(Error::Conflict {
            code: "taken",
            field: Some("/email"),
            detail: "this address is a member's already".into(),
        }),
        None => Ok(()),
    }
}

/// Withdraws an invitation: its link does not work any more. Of one that was accepted only the trace goes.
pub async fn delete(tx: &TenantTx, ctx: &Ctx, id: InvitationId) -> Result<()> {
    let gone = tx
        .delete_many::<invitation::Entity>()
        .filter(invitation::Column::Id.eq(id))
        .exec(tx.conn())
        .await?
        .rows_affected;
    if gone == 0 {
        return Err(Error::NotFound { what: "invitation" });
    }
    audit::record(
        tx,
        ctx,
        Event::new("invitation.withdrawn").target("invitation", id),
    )
    .await?;
    Ok(())
}

/// Makes who follows the link a member, and signs them in. Who has an account proves it with its password; for others
/// one is made, its address proven by the link.
///
/// # Errors
/// `Rejected` with `token_invalid` when the link is used, withdrawn or too old; with `credentials_invalid` when the
/// password is not that of the account.
pub async fn accept(ctx: &Ctx, acceptance: Acceptance) -> Result<SignedIn> {
    let secret = acceptance.token.expose();
    let (invitation, account, tenant) = {
        let tx = ctx.store.system_read("whose invitation this is").await?;
        let invitation = open(&tx, ctx, secret).await?;
        let account = accounts::by_email(&tx, &invitation.email).await?;
        let tenant = tx
            .find_by_id::<tenant::Entity, _>(invitation.tenant_id)
            .one(tx.conn())
            .await?
            .ok_or(links::INVALID)?;
        (invitation, account, tenant)
    };
    let joining = prepare(ctx, &acceptance, account, &invitation, &tenant).await?;
    let tx = ctx.store.system("whose invitation this is").await?;
    let invitation = open(&tx, ctx, secret).await?;
    let (account, is_new) = match joining {
        Joining::Known(account) => (account, false),
        Joining::New(row) => {
            let made = tx.insert(*row).await;
            (
                made.map_err(|error| on_conflict(error, "account", "email", "/email"))?,
                true,
            )
        }
    };
    let member_id = ctx.ids.next();
    let tx = tx
        .for_tenant(&TenantScope::new(invitation.tenant_id, Actor::Member(member_id)))
        .await?;
    let id = invitation.id;
    let role = invitation.role;
    let mut row = invitation.into_active_model();
    row.accepted_at = Set(Some(ctx.now()));
    tx.update(row).await?;
    let member = members::add(&tx, ctx, member_id, account.id, role).await?;
    audit::record(
        &tx,
        ctx,
        Event::new("invitation.accepted")
            .target("invitation", id)
            .facts(json!({ "role": role, "new_account": is_new })),
    )
    .await?;
    let begun = sign_ins::begin(&tx, ctx, account.id, acceptance.client.as_deref()).await?;
    tx.save().await?;
    Ok(SignedIn::new(begun, tenant, member, account))
}

enum Joining {
    Known(account::Model),
    New(Box<account::ActiveModel>),
}

/// All that hashes, before the store is written.
async fn prepare(
    ctx: &Ctx,
    acceptance: &Acceptance,
    account: Option<account::Model>,
    invitation: &invitation::Model,
    tenant: &tenant::Model,
) -> Result<Joining> {
    let password = acceptance.password.expose();
    if let Some(account) = account {
        let who = [By::Email(&account.email)];
        ctx.authentications
            .attempts
            .begin(Door::SignIn, &who, ctx.now())?;
        if !authentication::verify(ctx, password, Some(account.password_hash.clone())).await? {
            return Err(Error::Rejected {
                code: "credentials_invalid",
                detail: "you have an account already; give its password",
            });
        }
        ctx.authentications
            .attempts
            .went_well(Door::SignIn, &who, ctx.now());
        return Ok(Joining::Known(account));
    }
    let name = acceptance.name.as_deref().unwrap_or_default().trim().to_owned();
    let mut faults = Faults::default();
    fields::name(&mut faults, "/name", &name);
    password::check(
        &mut faults,
        "/password",
        password,
        &[&invitation.email, &name, &tenant.name, &tenant.slug],
    );
    faults.finish()?;
    let hash = authentication::hash(ctx, password).await?;
    let id: AccountId = ctx.ids.next();
    let row = accounts::row(ctx, id, invitation.email.clone(), name, hash, true);
    Ok(Joining::New(Box::new(row)))
}

async fn open(tx: &SystemTx, ctx: &Ctx, secret: &str) -> Result<invitation::Model> {
    tx.find::<invitation::Entity>()
        .filter(invitation::Column::TokenHash.eq(token::fingerprint(secret).to_vec()))
        .filter(invitation::Column::AcceptedAt.is_null())
        .filter(invitation::Column::ExpiresAt.gt(ctx.now()))
        .one(tx.conn())
        .await?
        .ok_or(links::INVALID)
}

#[cfg(test)]
mod tests;
