//! Messages that the same rules apply to: same endpoint, purpose, data types and channel pattern.
//! A message names its class; the class has no duration of its own, since rules change.

use sea_orm::entity::prelude::*;

use crate::{
    id::{EndpointId, PurposeId, TenantId},
    tenant_owned,
};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "retention_class")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i64,
    pub tenant_id: TenantId,
    pub endpoint_id: EndpointId,
    pub purpose_id: Option<PurposeId>,
    /// Sorted ids of the data types found.
    pub data_types: Json,
    /// The rule pattern that won when the class was made, if one with a pattern did.
    pub channel_pattern: Option<String>,
    /// All of the above in one string; unique in the tenant.
    pub signature: String,
    pub created_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
tenant_owned!();
