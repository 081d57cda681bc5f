//! The secrets that deliveries are signed with, as Standard Webhooks has them: `whsec_` and 32 random bytes in base64.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::TimeDelta;
use entity::{
    id::{TenantId, WebhookId},
    webhook,
};
use vault::chance;

use crate::{
    ctx::Ctx,
    error::{Error, Result},
};

/// How long the secret before the last rotation signs too.
pub(super) const OVERLAP: TimeDelta = TimeDelta::days(1);

const PREFIX: &str = "whsec_";

/// A fresh one.
pub(super) fn generate(ctx: &Ctx) -> String {
    format!("{PREFIX}{}", STANDARD.encode(chance::bytes::<32>(&*ctx.chance)))
}

pub(crate) fn context(id: WebhookId) -> String {
    format!("webhook-secret:{id}")
}

pub(super) async fn seal(ctx: &Ctx, tenant: TenantId, id: WebhookId, secret: &str) -> Result<Vec<u8>> {
    let keys = ctx.keys.tenant(tenant).await?;
    Ok(keys
        .tenant
        .seal_value(&context(id), secret.as_bytes(), &*ctx.chance))
}

/// The keys that sign now, the newest first.
pub(super) async fn signing_keys(ctx: &Ctx, webhook: &webhook::Model) -> Result<Vec<ring::hmac::Key>> {
    let keys = ctx.keys.tenant(webhook.tenant_id).await?;
    let overlap = webhook
        .previous_secret_until
        .is_some_and(|until| ctx.now() < until);
    let previous = webhook.previous_secret_sealed.as_ref().filter(|_| overlap);
    let mut signing = Vec::with_capacity(2);
    for sealed in std::iter::once(&webhook.secret_sealed).chain(previous) {
        let secret = keys.tenant.open_value(&context(webhook.id), sealed)?;
        let bytes = secret
            .strip_prefix(PREFIX.as_bytes())
            .and_then(|base64| STANDARD.decode(base64).ok())
            .ok_or_else(|| Error::internal(anyhow::anyhow!("a webhook's secret is not one")))?;
        signing.push(ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &bytes));
    }
    Ok(signing)
}
