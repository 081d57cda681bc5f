//! A channel of an endpoint and how far its positions have been given out.

use sea_orm::entity::prelude::*;

use crate::{
    id::{EndpointId, TenantId},
    tenant_owned,
};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "channel")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i64,
    pub tenant_id: TenantId,
    pub endpoint_id: EndpointId,
    /// Unique in the endpoint.
    pub name: String,
    /// Changes when offsets of before mean nothing any more.
    pub epoch: String,
    /// The offset of the newest message, recorded or only counted; written in the same transaction as the message.
    pub last_offset: i64,
    pub created_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
tenant_owned!();
