//! The tenant's key over REST: since when it seals, and its replacement.

use chrono::{DateTime, Utc};
use domain::{
    permissions::Permission,
    tenant_key::{self, Standing},
};
use entity::vault::tenant_key::Rotation;
use poem_openapi::{ApiResponse, Object, OpenApi, payload::Json};

use crate::{caller::Caller, problem::ApiError, state::State, tags::Tag};

/// The key that wraps all keys of the tenant and seals its secrets. It is never shown.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct TenantKey {
    /// Since when it seals.
    since: DateTime<Utc>,
    /// How far its replacement is; absent when it is not being replaced.
    rotation: Option<Rotation>,
    /// When the replacement goes on.
    next_at: Option<DateTime<Utc>>,
}

impl From<Standing> for TenantKey {
    fn from(standing: Standing) -> Self {
        Self {
            since: standing.since,
            rotation: standing.rotation,
            next_at: standing.next_at,
        }
    }
}

/// It will be replaced.
#[derive(Debug, ApiResponse)]
enum Begun {
    /// It is being replaced.
    #[oai(status = 202)]
    Accepted(Json<TenantKey>),
}

/// The tenant's key.
pub struct TenantKeyApi(pub State);

#[OpenApi(tag = "Tag::Tenant")]
impl TenantKeyApi {
    /// Read how the tenant's key stands.
    #[oai(path = "/tenant/key", method = "get", operation_id = "read_tenant_key")]
    async fn read(&self, caller: Caller) -> Result<Json<TenantKey>, ApiError> {
        let scope = caller.may(Permission::TenantRead)?;
        Ok(Json(tenant_key::read(&self.0.ctx, scope).await?.into()))
    }

    /// Replace the tenant's key.
    ///
    /// The next key is made now, seals from seconds later, and everything under the one before is sealed anew while all goes on;
    /// that one is destroyed an hour after nothing more was found under it. From then on secrets in older backups (of endpoints,
    /// webhooks, requests) do not open any more; messages do, as long as their own keys are there. Make a backup afterwards.
    #[oai(
        path = "/tenant/rotate-key",
        method = "post",
        operation_id = "rotate_tenant_key"
    )]
    async fn rotate(&self, caller: Caller) -> Result<Begun, ApiError> {
        let scope = caller.may(Permission::TenantWrite)?;
        let standing = tenant_key::rotate(&self.0.ctx, scope).await?;
        Ok(Begun::Accepted(Json(standing.into())))
    }
}
