//! Mails in words, and what they need besides their own values, read when they are sent: whose letterhead they carry, and
//! what is attached. How they leave is the worker's affair.

mod dates;
mod html;
mod sample;
mod templates;

pub use sample::values as sample;
pub use templates::{Templates, Words};

use entity::id::TenantId;
use minijinja::{Value, context};

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
    /// BCP 47.
    pub language: String,
    /// Where answers go.
    pub contact_email: Option<String>,
}

impl Letterhead {
    /// What all mails may use.
    pub fn common(&self, ctx: &Ctx) -> Value {
        let public_url = ctx.settings.base().to_owned();
        context! {
            console_url => format!("{public_url}/console/"),
            privacy_url => format!("{public_url}/privacy/{}", self.slug),
            public_url,
            tenant => context! {
                name => self.name.clone(),
                slug => self.slug.clone(),
                contact_email => self.contact_email.clone(),
            },
        }
    }
}

/// The letterhead of a tenant.
pub async fn letterhead(ctx: &Ctx, tenant: TenantId) -> Result<Letterhead> {
    let tx = ctx.store.read(&TenantScope::new(tenant, Actor::System)).await?;
    let tenant = tenants::read(&tx).await?;
    Ok(Letterhead {
        name: tenant.name,
        slug: tenant.slug,
        language: tenant.language,
        contact_email: tenant.contact_email,
    })
}

/// The receipt for a leaf of the tenant's log, to be attached.
pub async fn receipt(ctx: &Ctx, tenant: TenantId, index: i64) -> Result<String> {
    log::receipt(ctx, &TenantScope::new(tenant, Actor::System), index).await
}
