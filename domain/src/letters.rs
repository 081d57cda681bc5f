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

/// The languages that every mail can be said in. A test holds it to the templates.
pub const LANGUAGES: [&str; 6] = ["de", "en", "es", "fr", "nl", "pl"];

/// What somebody is written to in, by their `Accept-Language`: the first of theirs that there are mails in. Browsers send them
/// in order, so weights are not looked at.
pub fn spoken(accepted: &str) -> Option<&'static str> {
    accepted
        .split(',')
        .take(20)
        .find_map(|entry| known(entry.split(';').next().unwrap_or_default().trim()))
}

/// The one of [`LANGUAGES`] that a tag (BCP 47) is of, if any.
pub(crate) fn known(tag: &str) -> Option<&'static str> {
    let primary = tag.split('-').next().unwrap_or_default();
    LANGUAGES
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(primary))
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_language_that_there_are_mails_in_is_spoken() {
        assert_eq!(spoken("pl"), Some("pl"));
        assert_eq!(spoken("sv-SE, DE-at;q=0.8, en;q=0.5"), Some("de"));
        for silent in ["", "*", "sv", "deutsch", ",;,", "-de"] {
            assert_eq!(spoken(silent), None, "{silent}");
        }
    }

    #[test]
    fn every_language_of_the_templates_is_named() {
        let templates = Templates::new();
        assert_eq!(templates.languages().collect::<Vec<_>>(), LANGUAGES);
    }
}
