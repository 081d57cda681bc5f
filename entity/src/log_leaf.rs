//! A leaf of a tenant's transparency log: bytes without personal data, kept for good.

use sea_orm::entity::prelude::*;

use crate::{id::TenantId, tenant_owned};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "log_leaf")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: TenantId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub index: i64,
    /// What is hashed into the tree: canonical JSON.
    pub entry: Vec<u8>,
}

impl ActiveModelBehavior for ActiveModel {}
tenant_owned!();
