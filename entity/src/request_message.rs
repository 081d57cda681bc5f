//! What the privacy officer and the person wrote to each other about a request.

use sea_orm::entity::prelude::*;

use crate::{
    id::{RequestId, RequestMessageId, TenantId},
    tenant_owned,
};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "request_message")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: RequestMessageId,
    pub tenant_id: TenantId,
    pub request_id: RequestId,
    pub at: DateTimeUtc,
    /// `subject`, `member:<id>` or `api_key:<id>`.
    pub author: String,
    /// The text, sealed under the tenant's key.
    pub sealed: Vec<u8>,
    /// When the other side first saw it.
    pub seen_at: Option<DateTimeUtc>,
}

impl ActiveModelBehavior for ActiveModel {}
tenant_owned!();
