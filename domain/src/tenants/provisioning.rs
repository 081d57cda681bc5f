//! Tenants made by the operator, for scripts: found if they are there, founded if not.

use entity::tenant;
use vault::{redact::Redacted, token};

use super::founding::{self, Founded, Founder, NewTenant};
use crate::{
    accounts::{email, password},
    authentication,
    ctx::Ctx,
    error::{Faults, Result},
    tenancy::{Actor, TenantScope},
};

/// A tenant that is to be there.
#[derive(Clone, Debug)]
pub struct Provision {
    /// What it is found by.
    pub slug: String,
    /// Its name if it has to be founded; the slug when left out.
    pub name: Option<String>,
    /// Its owner if it has to be founded.
    pub owner_email: String,
    /// The owner's password if they have no account yet. When left out, nobody knows it: it is set by the mailed link.
    pub owner_password: Option<Redacted<String>>,
}

/// Finds or founds a tenant. An existing one is left as it is. Answers whether it was founded.
pub async fn find_or_create(ctx: &Ctx, wanted: Provision) -> Result<(tenant::Model, TenantScope, bool)> {
    if let Some(tenant) = super::by_slug(ctx, &wanted.slug).await? {
        let scope = TenantScope::new(tenant.id, Actor::System);
        return Ok((tenant, scope, false));
    }
    let new = NewTenant {
        name: wanted
            .name
            .unwrap_or_else(|| wanted.slug.clone())
            .trim()
            .to_owned(),
        slug: Some(wanted.slug),
        language: "en".to_owned(),
    };
    let mut faults = Faults::default();
    founding::check(&mut faults, "", &new);
    let email = email::checked(&mut faults, "/owner", &wanted.owner_email);
    if let Some(chosen) = &wanted.owner_password {
        password::check(&mut faults, "/password", chosen.expose(), &[&email, &new.name]);
    }
    faults.finish()?;
    let chosen = wanted
        .owner_password
        .unwrap_or_else(|| token::generate("weir_pw", &*ctx.chance));
    let password_hash = authentication::hash(ctx, chosen.expose()).await?;
    let name = email.split('@').next().unwrap_or(&email).to_owned();
    let founder = Founder::Provisioned {
        email,
        name,
        password_hash,
    };
    let Founded { tx, tenant, .. } = founding::found(ctx, new, founder).await?;
    tx.save().await?;
    let scope = TenantScope::new(tenant.id, Actor::System);
    Ok((tenant, scope, true))
}
