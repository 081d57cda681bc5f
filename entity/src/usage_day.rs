//! What a tenant used on one day (UTC).

use sea_orm::entity::prelude::*;

use crate::{id::TenantId, tenant_owned};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "usage_day")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: TenantId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub day: Date,
    /// Messages recorded or passed.
    pub messages: i64,
    /// Payload bytes of them.
    pub bytes: i64,
    /// Connections opened.
    pub connections: i64,
}

impl ActiveModelBehavior for ActiveModel {}
tenant_owned!();
