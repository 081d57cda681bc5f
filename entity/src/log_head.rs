//! How far a tenant's log has grown, and its newest signed checkpoint.

use sea_orm::entity::prelude::*;

use crate::{id::TenantId, tenant_owned};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "log_head")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: TenantId,
    pub size: i64,
    /// `ledger::Frontier`.
    pub frontier: Vec<u8>,
    /// The newest checkpoint, a signed note; none before the first.
    pub checkpoint: Option<String>,
    pub checkpoint_size: i64,
    pub signed_at: Option<DateTimeUtc>,
}

impl ActiveModelBehavior for ActiveModel {}
tenant_owned!();
