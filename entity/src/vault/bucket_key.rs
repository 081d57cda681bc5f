//! The key of one retention bucket: a class's messages of one slice of time. Expiry destroys it.

use sea_orm::entity::prelude::*;

use crate::{id::TenantId, tenant_owned};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "bucket_key")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i64,
    pub tenant_id: TenantId,
    pub class_id: i64,
    pub starts_at: DateTimeUtc,
    /// The end of the slice; the key dies a retention duration later.
    pub ends_at: DateTimeUtc,
    pub wrapped: Vec<u8>,
    /// The page it lies on; none until a row of an older version got one.
    pub page: Option<i64>,
}

impl ActiveModelBehavior for ActiveModel {}
tenant_owned!();
