//! What went into a retention class and what came out of it, counted in the transactions that do so. In shards, so that
//! processes that write into one class do not wait for each other; what counts is the sum.

use sea_orm::entity::prelude::*;

use crate::{id::TenantId, tenant_owned};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "class_count")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub class_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub shard: i16,
    pub tenant_id: TenantId,
    pub ingested: i64,
    /// Gone for good.
    pub deleted: i64,
    /// Moved to the class of what is left of it.
    pub anonymised: i64,
}

impl ActiveModelBehavior for ActiveModel {}
tenant_owned!();
