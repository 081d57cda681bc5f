//! A tenant's key, wrapped by the root key. Without it, nothing of the tenant opens.

use sea_orm::entity::prelude::*;

use crate::{id::TenantId, tenant_owned};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "tenant_key")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: TenantId,
    pub wrapped: Vec<u8>,
    /// The page it lies on; none until a row of an older version got one.
    pub page: Option<i64>,
    /// The seed of the key that signs the tenant's checkpoints, wrapped by the tenant's key.
    pub signing_wrapped: Vec<u8>,
    /// The seed of the key that signs next, while one hands over to the other.
    pub signing_next: Option<Vec<u8>>,
    pub created_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
tenant_owned!();
