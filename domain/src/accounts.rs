//! Accounts: persons who sign in. An account belongs to no tenant, so most of what changes one opens a transaction of
//! its own; what tenants should know of it is recorded in each tenant that the person is a member of.

pub mod email;
pub(crate) mod links;
pub mod password;
pub mod password_reset;
pub mod verification;

use entity::{
    account,
    id::{AccountId, SignInId},
    mailed_token::{self, MailedTokenKind},
    member, sign_in, tenant,
};
use sea_orm::{ColumnTrait, IntoActiveModel, QueryFilter, QueryOrder, Set};
use serde_json::{Value, json};
use vault::redact::Redacted;

use crate::{
    audit::{self, Event},
    authentication::{self, By, Caller, Door},
    changes::Change,
    ctx::Ctx,
    error::{Error, Faults, Result},
    fields,
    sign_ins::{self, SignedIn},
    tenancy::{Actor, SystemTx, TenantScope, TenantTx},
    tenants::{self, Founder, NewTenant},
};

/// A new tenant and its owner.
#[derive(Clone, Debug)]
pub struct SignUp {
    /// The tenant's name.
    pub tenant_name: String,
    /// Its slug; made from the name when left out.
    pub tenant_slug: Option<String>,
    /// The owner's name.
    pub owner_name: String,
    /// The owner's e-mail address.
    pub owner_email: String,
    /// The owner's password.
    pub owner_password: Redacted<String>,
    /// BCP 47, of pages and mails; English when left out.
    pub language: Option<String>,
    /// What the client calls itself.
    pub client: Option<String>,
}

/// A change of one's own account.
#[derive(Clone, Debug, Default)]
pub struct AccountPatch {
    /// The person's name.
    pub name: Option<String>,
    /// Another password.
    pub password: Option<NewPassword>,
}

/// Another password, by who knows the one that stands.
#[derive(Clone, Debug)]
pub struct NewPassword {
    /// The one that stands.
    pub current: Redacted<String>,
    /// The one that shall stand.
    pub new: Redacted<String>,
}

/// Founds a tenant with its owner, signs the owner in, and mails the link that verifies the address.
pub async fn sign_up(ctx: &Ctx, new: SignUp) -> Result<SignedIn> {
    let tenant = NewTenant {
        name: new.tenant_name.trim().to_owned(),
        slug: new.tenant_slug,
        language: new.language.unwrap_or_else(|| "en".to_owned()),
    };
    let name = new.owner_name.trim().to_owned();
    let mut faults = Faults::default();
    tenants::check(&mut faults, "/tenant", &tenant);
    fields::name(&mut faults, "/owner/name", &name);
    let address = email::checked(&mut faults, "/owner/email", &new.owner_email);
    let slug = tenant.slug.as_deref().unwrap_or_default();
    password::check(
        &mut faults,
        "/owner/password",
        new.owner_password.expose(),
        &[&address, &name, &tenant.name, slug],
    );
    faults.finish()?;
    refuse_taken(ctx, &address, tenant.slug.as_deref()).await?;
    let founder = Founder::SignUp {
        email: address,
        name,
        password_hash: authentication::hash(ctx, new.owner_password.expose()).await?,
    };
    let made = tenants::found(ctx, tenant, founder).await?;
    let (tx, tenant, account) = (made.tx, made.tenant, made.account);
    links::mail(&tx, ctx, &tenant, &account, MailedTokenKind::VerifyEmail).await?;
    let session = sign_ins::begin(&tx, ctx, account.id, new.client.as_deref()).await?;
    tx.save().await?;
    Ok(SignedIn::new(session, tenant, made.member, account))
}

/// Says early what the unique indexes would say after the work of hashing and making keys.
async fn refuse_taken(ctx: &Ctx, address: &str, slug: Option<&str>) -> Result<()> {
    let tx = ctx
        .store
        .system_read("addresses and slugs are unique across tenants")
        .await?;
    if by_email(&tx, address).await?.is_some() {
        return Err(Error::taken("/owner/email"));
    }
    match slug {
        Some(slug) if tenants::is_taken(&tx, slug).await? => Err(Error::taken("/tenant/slug")),
        _ => Ok(()),
    }
}

/// One's own account.
pub async fn read(tx: &TenantTx, id: AccountId) -> Result<account::Model> {
    tx.find_shared::<account::Entity>()
        .filter(account::Column::Id.eq(id))
        .one(tx.conn())
        .await?
        .ok_or(Error::NotFound { what: "account" })
}

/// Changes one's own account. Another password ends all other sessions.
pub async fn update(ctx: &Ctx, caller: &Caller, patch: AccountPatch) -> Result<account::Model> {
    let person = caller.person()?;
    let account = {
        let tx = ctx.store.read(caller.scope()).await?;
        read(&tx, person.account_id).await?
    };
    let mut faults = Faults::default();
    let name = patch.name.map(|name| name.trim().to_owned());
    if let Some(name) = &name {
        fields::name(&mut faults, "/name", name);
    }
    if let Some(password) = &patch.password {
        let personal = [&*account.email, name.as_deref().unwrap_or(&account.name)];
        password::check(&mut faults, "/password/new", password.new.expose(), &personal);
    }
    faults.finish()?;
    let hash = match &patch.password {
        Some(password) => {
            check_current(ctx, &account, &password.current).await?;
            Some(authentication::hash(ctx, password.new.expose()).await?)
        }
        None => None,
    };
    let tx = ctx.store.system("accounts belong to no tenant").await?;
    let mut account = tx
        .find_by_id::<account::Entity, _>(account.id)
        .one(tx.conn())
        .await?
        .ok_or(Error::Unauthenticated)?;
    let renamed = name.is_some();
    if let Some(name) = name {
        let version = account.version + 1;
        let mut row = account.into_active_model();
        row.name = Set(name);
        row.version = Set(version);
        account = tx.update(row).await?;
    }
    if let Some(hash) = hash {
        let (id, address) = (account.id, account.email.clone());
        account = set_password(&tx, ctx, account, hash, false).await?;
        let ended = end_sessions(&tx, id, Some(person.sign_in_id)).await?;
        let facts = json!({ "sessions_ended": ended });
        save_and_record(tx, ctx, id, "member.password_changed", &facts).await?;
        ctx.authentications
            .attempts
            .went_well(Door::SignIn, &[By::Email(&address)], ctx.now());
    } else if renamed {
        save_and_record(tx, ctx, account.id, "member.renamed", &json!({})).await?;
    }
    Ok(account)
}

/// Guessing the password from a session that was left open is guessing.
async fn check_current(ctx: &Ctx, account: &account::Model, current: &Redacted<String>) -> Result<()> {
    let attempts = &ctx.authentications.attempts;
    attempts.begin(Door::SignIn, &[By::Email(&account.email)], ctx.now())?;
    if authentication::verify(ctx, current.expose(), Some(account.password_hash.clone())).await? {
        return Ok(());
    }
    Err(Error::invalid(
        "/password/current",
        "wrong",
        "this is not your password; if you forgot it, ask for a link by mail",
    ))
}

/// The account of an address that is normalised.
pub(crate) async fn by_email(tx: &SystemTx, address: &str) -> Result<Option<account::Model>> {
    Ok(tx
        .find::<account::Entity>()
        .filter(account::Column::Email.eq(address))
        .one(tx.conn())
        .await?)
}

/// An account's membership: of the tenant with this slug, or the first one.
pub(crate) async fn membership(
    tx: &SystemTx,
    account: AccountId,
    slug: Option<&str>,
) -> Result<Option<member::Model>> {
    let mut memberships = tx
        .find::<member::Entity>()
        .filter(member::Column::AccountId.eq(account))
        .order_by_asc(member::Column::Id);
    if let Some(slug) = slug {
        let tenant = tx
            .find::<tenant::Entity>()
            .filter(tenant::Column::Slug.eq(slug))
            .one(tx.conn())
            .await?;
        let Some(tenant) = tenant else {
            return Ok(None);
        };
        memberships = memberships.filter(member::Column::TenantId.eq(tenant.id));
    }
    Ok(memberships.one(tx.conn()).await?)
}

/// A new account's row.
pub(crate) fn row(
    ctx: &Ctx,
    id: AccountId,
    email: String,
    name: String,
    password_hash: String,
    verified: bool,
) -> account::ActiveModel {
    account::ActiveModel {
        id: Set(id),
        email: Set(email),
        name: Set(name),
        password_hash: Set(password_hash),
        email_verified_at: Set(verified.then(|| ctx.now())),
        created_at: Set(ctx.now()),
        version: Set(1),
    }
}

/// Puts another password in place; links that would set one die.
async fn set_password(
    tx: &SystemTx,
    ctx: &Ctx,
    account: account::Model,
    hash: String,
    proves_address: bool,
) -> Result<account::Model> {
    tx.delete_many::<mailed_token::Entity>()
        .filter(mailed_token::Column::AccountId.eq(account.id))
        .filter(mailed_token::Column::Kind.eq(MailedTokenKind::ResetPassword))
        .exec(tx.conn())
        .await?;
    let version = account.version + 1;
    let verify = proves_address && account.email_verified_at.is_none();
    let mut row = account.into_active_model();
    row.password_hash = Set(hash);
    row.version = Set(version);
    if verify {
        row.email_verified_at = Set(Some(ctx.now()));
    }
    Ok(tx.update(row).await?)
}

/// Ends an account's sessions at all tenants, but for one. Answers how many.
async fn end_sessions(tx: &SystemTx, account: AccountId, but: Option<SignInId>) -> Result<u64> {
    let mut sessions = tx
        .delete_many::<sign_in::Entity>()
        .filter(sign_in::Column::AccountId.eq(account));
    if let Some(but) = but {
        sessions = sessions.filter(sign_in::Column::Id.ne(but));
    }
    Ok(sessions.exec(tx.conn()).await?.rows_affected)
}

/// Saves a change of an account, recorded with every tenant that the person is a member of.
async fn save_and_record(
    tx: SystemTx,
    ctx: &Ctx,
    account: AccountId,
    kind: &'static str,
    facts: &Value,
) -> Result<()> {
    // In one order for all: on Postgres each record locks its tenant's log until the end.
    let memberships = tx
        .find::<member::Entity>()
        .filter(member::Column::AccountId.eq(account))
        .order_by_asc(member::Column::TenantId)
        .all(tx.conn())
        .await?;
    let scope = |member: &member::Model| TenantScope::new(member.tenant_id, Actor::Member(member.id));
    if let Some((first, others)) = memberships.split_first() {
        let event =
            |member: &member::Model| Event::new(kind).target("member", member.id).facts(facts.clone());
        let mut tx = tx.for_tenant(&scope(first)).await?;
        audit::record(&tx, ctx, event(first)).await?;
        for member in others {
            tx = tx.for_tenant(&scope(member)).await?;
            audit::record(&tx, ctx, event(member)).await?;
        }
        tx.save().await?;
    } else {
        tx.save().await?;
    }
    ctx.authentications.forget_account(account);
    ctx.changes.note(&Change::Credentials);
    Ok(())
}

#[cfg(test)]
mod tests;
