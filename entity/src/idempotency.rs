//! The remembered answer to a request that carried an `Idempotency-Key`.

use sea_orm::entity::prelude::*;

use crate::{
    id::{IdempotencyId, TenantId},
    tenant_owned,
};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "idempotency")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: IdempotencyId,
    pub tenant_id: TenantId,
    /// SHA-256 of caller, key, method and path; unique in the tenant.
    pub key_hash: Vec<u8>,
    /// SHA-256 of the body: the same key with another body is a mistake.
    pub body_hash: Vec<u8>,
    /// None while the first request is still running.
    pub status: Option<i16>,
    /// Headers and body, sealed under the tenant's key: answers may hold secrets that are shown once.
    pub answer_sealed: Option<Vec<u8>>,
    pub created_at: DateTimeUtc,
    pub expires_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
tenant_owned!();
