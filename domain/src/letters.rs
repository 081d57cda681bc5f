//! What a mail needs besides its own values, read when it is sent: whose letterhead it carries, and what is attached.

use entity::id::TenantId;

use crate::{
    Result,
    ctx::Ctx,
    log,
    tenancy::{Actor, TenantScope},
    tenants,
};

/// On whose behalf a mail is sent.
#[derive(Clone, Debug)]
pub struct Letterhead {
    /// The tenant's name.
    pub name: String,
    /// In addresses.
    pub slug: String,
    /// Where answers go.
    pub contact_email: Option<String>,
}

/// The letterhead of a tenant.
pub async fn letterhead(ctx: &Ctx, tenant: TenantId) -> Result<Letterhead> {
    let tx = ctx.store.read(&TenantScope::new(tenant, Actor::System)).await?;
    let tenant = tenants::read(&tx).await?;
    Ok(Letterhead {
        name: tenant.name,
        slug: tenant.slug,
        contact_email: tenant.contact_email,
    })
}

/// The receipt for a leaf of the tenant's log, to be attached.
pub async fn receipt(ctx: &Ctx, tenant: TenantId, index: i64) -> Result<String> {
    log::receipt(ctx, &TenantScope::new(tenant, Actor::System), index).await
}
