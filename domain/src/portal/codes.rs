//! One-time codes by mail, each with a link that does the same. The answer to "send me a code" is the same for every address, and so is the work behind it:
//! a job writes the same row for a known address and for an unknown one; only the mail differs.

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use chrono::TimeDelta;
use entity::{id::PortalCodeId, portal_code, subject};
use sea_orm::{ColumnTrait, PaginatorTrait, QueryFilter, Set};
use serde::{Deserialize, Serialize};
use serde_json::json;
use vault::{chance, code, token};

use super::CODE_LIFE;
use crate::{
    Error, Result,
    ctx::Ctx,
    error::Faults,
    jobs::{self, Job},
    mails::{self, NewMail},
    subjects,
    tenancy::{TenantScope, TenantTx},
    tenants,
};

/// Codes per address and quarter of an hour.
const PER_ADDRESS: u64 = 3;
const WINDOW: TimeDelta = TimeDelta::minutes(15);

/// Sends a code, if the address is known and did not get too many.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SendPortalCode {
    /// The code's row, so that a second run of the job sends no second code.
    pub code: PortalCodeId,
    /// The address, sealed under the tenant's key, in base64.
    pub address: String,
    /// What the page was read in, in BCP 47; none: the tenant's language.
    #[serde(default)]
    pub language: Option<String>,
}

impl Job for SendPortalCode {
    const KIND: &'static str = "send_portal_code";
    // A code that is minutes late is of no use.
    const ATTEMPTS: i32 = 3;
}

/// The prefix of what is in links.
const LINK_PREFIX: &str = "weir_pl";

fn address_context(id: PortalCodeId) -> String {
    format!("portal_code.address/{id}")
}

/// What a code's hash is bound to.
pub(super) fn code_scope(id: PortalCodeId) -> String {
    format!("portal_code/{id}")
}

/// What the address behind a link is bound to.
pub(crate) fn link_context(id: PortalCodeId) -> String {
    format!("portal_code.link/{id}")
}

/// The page that opens with a link. What signs in is behind the `#`: browsers keep it to themselves, so it is in no log
/// and no `Referer`, and a mail scanner that follows the link finds the page and nothing else.
fn link(ctx: &Ctx, slug: &str, secret: &str) -> String {
    let base = ctx.settings.base();
    format!("{base}/privacy/{slug}#token={secret}")
}

/// Orders a code for an address, in a language that there are mails in. Takes the same time for every address.
pub async fn order_code(tx: &TenantTx, ctx: &Ctx, email: &str, language: Option<&str>) -> Result<()> {
    let mut faults = Faults::default();
    subjects::check_email(&mut faults, "/email", email);
    faults.finish()?;
    let email = email.trim().to_lowercase();
    let id: PortalCodeId = ctx.ids.next();
    let keys = ctx.keys.tenant(tx.tenant()).await?;
    let sealed = keys
        .tenant
        .seal_value(&address_context(id), email.as_bytes(), &*ctx.chance);
    let job = SendPortalCode {
        code: id,
        address: STANDARD_NO_PAD.encode(sealed),
        language: language.map(str::to_owned),
    };
    jobs::enqueue(tx, ctx, &job).await?;
    Ok(())
}

/// Does what [`SendPortalCode`] says.
pub async fn send_code(ctx: &Ctx, scope: &TenantScope, job: &SendPortalCode) -> Result<()> {
    let keys = ctx.keys.tenant(scope.tenant()).await?;
    let sealed = STANDARD_NO_PAD.decode(&job.address).map_err(Error::internal)?;
    let email = keys.tenant.open_value(&address_context(job.code), &sealed)?;
    let email = String::from_utf8(email).map_err(Error::internal)?;
    let index = subjects::email_index(&keys, &email);
    let now = ctx.now();
    let tx = ctx.store.begin(scope).await?;
    let recent = tx
        .find::<portal_code::Entity>()
        .filter(portal_code::Column::EmailIndex.eq(index.to_vec()))
        .filter(portal_code::Column::CreatedAt.gt(now - WINDOW))
        .all(tx.conn())
        .await?;
    if recent.len() as u64 >= PER_ADDRESS || recent.iter().any(|code| code.id == job.code) {
        return Ok(());
    }
    let known = tx
        .find::<subject::Entity>()
        .filter(subject::Column::EmailIndex.eq(index.to_vec()))
        .count(tx.conn())
        .await?
        > 0;
    let secret = code::generate(&*ctx.chance);
    let hash = if known {
        code::fingerprint(&keys.index, &code_scope(job.code), &secret)
    } else {
        // Looks like a code and matches none, so that wrong tries count and fail here as they do elsewhere.
        chance::bytes(&*ctx.chance)
    };
    let linked = token::generate(LINK_PREFIX, &*ctx.chance);
    // Nobody gets the link of an unknown address; it is written all the same.
    let address = keys
        .tenant
        .seal_value(&link_context(job.code), email.as_bytes(), &*ctx.chance);
    tx.insert(portal_code::ActiveModel {
        id: Set(job.code),
        email_index: Set(index.to_vec()),
        code_hash: Set(hash.to_vec()),
        link_hash: Set(Some(token::fingerprint(linked.expose()).to_vec())),
        address_sealed: Set(Some(address)),
        attempts: Set(0),
        created_at: Set(now),
        expires_at: Set(now + CODE_LIFE),
        used_at: Set(None),
        ..Default::default()
    })
    .await?;
    if known {
        let tenant = tenants::read(&tx).await?;
        let values = json!({
            "code": secret,
            "link": link(ctx, &tenant.slug, linked.expose()),
            "minutes": CODE_LIFE.num_minutes(),
        });
        let mail = NewMail {
            template: "portal_code",
            to: email,
            language: job.language.clone().unwrap_or(tenant.language),
            values,
        };
        mails::enqueue(&tx, ctx, mail).await?;
    }
    tx.save().await?;
    Ok(())
}
