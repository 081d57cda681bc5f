//! A checkpoint that a tenant's log has signed.

use sea_orm::entity::prelude::*;

use crate::{id::TenantId, tenant_owned};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "log_checkpoint")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: TenantId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub size: i64,
    /// A signed note.
    pub checkpoint: String,
    pub signed_at: DateTimeUtc,
    /// Kept for good: the first of its hour, or the one in which a key hands over to the next.
    pub kept: bool,
}

impl ActiveModelBehavior for ActiveModel {}
tenant_owned!();
