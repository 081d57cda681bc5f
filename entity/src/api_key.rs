//! A machine credential of a tenant: scoped, shown once, stored as a hash.

use sea_orm::entity::prelude::*;

use crate::{
    id::{ApiKeyId, MemberId, TenantId},
    tenant_owned,
};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "api_key")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ApiKeyId,
    pub tenant_id: TenantId,
    pub name: String,
    /// The first characters, to recognise it by.
    pub prefix: String,
    /// SHA-256 of the key.
    pub token_hash: Vec<u8>,
    /// Permissions, as strings.
    pub scopes: Json,
    pub created_by: Option<MemberId>,
    pub created_at: DateTimeUtc,
    pub last_used_at: Option<DateTimeUtc>,
    pub expires_at: Option<DateTimeUtc>,
    pub revoked_at: Option<DateTimeUtc>,
    pub version: i32,
}

impl ActiveModelBehavior for ActiveModel {}
tenant_owned!();
