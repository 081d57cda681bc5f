//! Keys and secrets of endpoints. An endpoint is a Pusher application, so it has that protocol's three credentials.

use chrono::TimeDelta;
use entity::{
    endpoint,
    id::{EndpointId, TenantId},
};
use vault::{Redacted, chance};

use super::access::{self, Access};
use crate::{
    ctx::Ctx,
    error::{Error, Result},
    keys::TenantKeys,
};

/// How long the secret before the last rotation is still accepted.
pub(super) const OVERLAP: TimeDelta = TimeDelta::days(1);

/// Fresh credentials.
pub struct Secrets {
    /// Decimal digits.
    pub app_id: String,
    /// 20 hexadecimal digits; public.
    pub app_key: String,
    /// 64 hexadecimal digits. Signs tokens and requests.
    pub secret: String,
}

impl Secrets {
    /// Makes new ones.
    pub fn generate(ctx: &Ctx) -> Self {
        // 53 bits: a number that every JSON reader holds exactly, and no two tenants meet.
        let id = u64::from_be_bytes(chance::bytes::<8>(&*ctx.chance)) >> 11;
        Self {
            app_id: id.to_string(),
            app_key: hex::encode(chance::bytes::<10>(&*ctx.chance)),
            secret: hex::encode(chance::bytes::<32>(&*ctx.chance)),
        }
    }
}

pub(crate) fn context(id: EndpointId) -> String {
    format!("endpoint-secret:{id}")
}

pub(super) async fn seal(ctx: &Ctx, tenant: TenantId, id: EndpointId, secret: &str) -> Result<Vec<u8>> {
    let keys = ctx.keys.tenant(tenant).await?;
    Ok(keys
        .tenant
        .seal_value(&context(id), secret.as_bytes(), &*ctx.chance))
}

pub(super) async fn open(ctx: &Ctx, endpoint: &endpoint::Model) -> Result<Vec<String>> {
    let keys = ctx.keys.tenant(endpoint.tenant_id).await?;
    let overlap = endpoint
        .previous_secret_until
        .is_some_and(|until| ctx.now() < until);
    let previous = endpoint.previous_secret_sealed.as_ref().filter(|_| overlap);
    std::iter::once(&endpoint.secret_sealed)
        .chain(previous)
        .map(|sealed| open_one(&keys, endpoint.id, sealed))
        .collect()
}

fn open_one(keys: &TenantKeys, id: EndpointId, sealed: &[u8]) -> Result<String> {
    let secret = keys.tenant.open_value(&context(id), sealed)?;
    String::from_utf8(secret).map_err(Error::internal)
}

/// The secrets of an endpoint, ready to be used.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) current: Option<Redacted<String>>,
    pub(crate) previous: Option<Redacted<String>>,
    /// None where it does not open: then its back end cannot be reached.
    pub(crate) access: Option<Access>,
}

impl Opened {
    /// Opens what the row holds. One that does not open is told and left out, so that it costs its endpoint and no other.
    pub(crate) fn of(keys: &TenantKeys, row: &endpoint::Model) -> Self {
        let open = |sealed: &Vec<u8>| match open_one(keys, row.id, sealed) {
            Ok(secret) => Some(Redacted::new(secret)),
            Err(error) => {
                tracing::error!(endpoint.id = %row.id, error = format!("{error:#}"), "a secret does not open");
                None
            }
        };
        Self {
            current: open(&row.secret_sealed),
            previous: row.previous_secret_sealed.as_ref().and_then(open),
            access: access::open(keys, row)
                .inspect_err(|error| {
                    tracing::error!(endpoint.id = %row.id, error = format!("{error:#}"), "what a back end is shown does not open");
                })
                .ok(),
        }
    }
}
