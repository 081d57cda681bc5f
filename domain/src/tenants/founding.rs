//! How a tenant comes into being: its keys, then in one transaction its row, its owner's account and membership.

use entity::{
    account,
    id::{AccountId, MemberId, TenantId},
    member::{self, Role},
    tenant,
};
use sea_orm::{ColumnTrait, QueryFilter, Set};
use serde_json::json;

use super::slug;
use crate::{
    accounts,
    audit::{self, Event},
    ctx::Ctx,
    deadlines,
    error::{Error, Faults, Result},
    fields, members, retention_rules,
    tenancy::{Actor, SystemTx, TenantScope, TenantTx, on_conflict},
};

/// A tenant to be.
#[derive(Clone, Debug)]
pub(crate) struct NewTenant {
    pub(crate) name: String,
    /// Made from the name when left out.
    pub(crate) slug: Option<String>,
    pub(crate) language: String,
}

/// Who will own it.
pub(crate) enum Founder {
    /// A person who signs up.
    SignUp {
        email: String,
        name: String,
        password_hash: String,
    },
    /// A person whom the operator names. They may have an account already, which is left as it is.
    Provisioned {
        email: String,
        name: String,
        password_hash: String,
    },
}

/// What came into being. The transaction is still open.
pub(crate) struct Founded {
    pub(crate) tx: TenantTx,
    pub(crate) tenant: tenant::Model,
    pub(crate) account: account::Model,
    pub(crate) member: member::Model,
}

/// Checks what was asked for; `at` is where the tenant stands in the body, `/tenant` or nothing.
pub(crate) fn check(faults: &mut Faults, at: &str, new: &NewTenant) {
    fields::name(faults, &format!("{at}/name"), &new.name);
    if let Some((code, remedy)) = new.slug.as_deref().and_then(slug::fault) {
        faults.add(format!("{at}/slug"), code, remedy);
    }
    fields::language(faults, "/language", &new.language);
}

/// Whether a slug is taken.
pub(crate) async fn is_taken(tx: &SystemTx, slug: &str) -> Result<bool> {
    let tenant = tx
        .find::<tenant::Entity>()
        .filter(tenant::Column::Slug.eq(slug))
        .one(tx.conn())
        .await?;
    Ok(tenant.is_some())
}

/// Founds a tenant. The caller adds what belongs to it and saves.
///
/// # Errors
/// `Conflict` at `/tenant/slug` or `/owner/email` when that is taken.
pub(crate) async fn found(ctx: &Ctx, new: NewTenant, founder: Founder) -> Result<Founded> {
    let id: TenantId = ctx.ids.next();
    // Before the rows: a key without a tenant harms nobody, a tenant without keys could not even write its log.
    ctx.keys.create_tenant(id).await?;
    let tx = ctx.store.system("a new tenant").await?;
    let slug = match new.slug {
        Some(slug) => slug,
        None => free_slug(&tx, &new.name).await?,
    };
    let tenant = tx
        .insert(tenant::ActiveModel {
            id: Set(id),
            slug: Set(slug),
            name: Set(new.name),
            contact_email: Set(None),
            language: Set(new.language),
            jurisdiction: Set(deadlines::DEFAULT.to_owned()),
            time_zone: Set("UTC".to_owned()),
            holidays: Set(None),
            request_approval: Set(tenant::RequestApproval::Doubtful),
            four_eyes: Set(false),
            opendsr_trust: Set(tenant::OpendsrTrust::Closed),
            quotas: Set(serde_json::to_value(ctx.settings.default_quotas)?),
            retention_grace: Set(retention_rules::GRACE.to_owned()),
            retention_approval: Set(false),
            controller: Set(None),
            created_at: Set(ctx.now()),
            version: Set(1),
        })
        .await
        .map_err(|error| on_conflict(error, "tenant", "slug", "/tenant/slug"))?;
    let (account, by_system) = match founder {
        Founder::SignUp {
            email,
            name,
            password_hash,
        } => (
            add_account(&tx, ctx, email, name, password_hash, false).await?,
            false,
        ),
        Founder::Provisioned {
            email,
            name,
            password_hash,
        } => match accounts::by_email(&tx, &email).await? {
            Some(account) => (account, true),
            None => (
                add_account(&tx, ctx, email, name, password_hash, true).await?,
                true,
            ),
        },
    };
    let member_id: MemberId = ctx.ids.next();
    let actor = if by_system {
        Actor::System
    } else {
        Actor::Member(member_id)
    };
    let tx = tx.for_tenant(&TenantScope::new(id, actor)).await?;
    audit::record(
        &tx,
        ctx,
        Event::new("tenant.created")
            .target("tenant", id)
            .facts(json!({ "slug": tenant.slug, "jurisdiction": tenant.jurisdiction })),
    )
    .await?;
    let member = members::add(&tx, ctx, member_id, account.id, Role::Owner).await?;
    let (slug, ctx) = (tenant.slug.clone(), ctx.clone());
    tx.after_save(move || ctx.tenants.forget(&slug));
    Ok(Founded {
        tx,
        tenant,
        account,
        member,
    })
}

async fn add_account(
    tx: &SystemTx,
    ctx: &Ctx,
    email: String,
    name: String,
    password_hash: String,
    verified: bool,
) -> Result<account::Model> {
    let id: AccountId = ctx.ids.next();
    tx.insert(accounts::row(ctx, id, email, name, password_hash, verified))
        .await
        .map_err(|error| on_conflict(error, "account", "email", "/owner/email"))
}

/// The slug that the name gives, or the first numbered one that is free.
async fn free_slug(tx: &SystemTx, name: &str) -> Result<String> {
    let wish = slug::from_name(name);
    if !is_taken(tx, &wish).await? {
        return Ok(wish);
    }
    for nth in 2..100 {
        let next = slug::numbered(&wish, nth);
        if !is_taken(tx, &next).await? {
            return Ok(next);
        }
    }
    Err(Error::taken("/tenant/slug"))
}
