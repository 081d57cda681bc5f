//! Hashes of a tenant's log in C2SP tiles of height 8. A partial tile is overwritten as it fills.

use sea_orm::entity::prelude::*;

use crate::{id::TenantId, tenant_owned};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "log_tile")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: TenantId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub level: i16,
    #[sea_orm(primary_key, auto_increment = false)]
    pub index: i64,
    /// 1 to 256 hashes of 32 bytes.
    pub hashes: Vec<u8>,
}

impl ActiveModelBehavior for ActiveModel {}
tenant_owned!();
