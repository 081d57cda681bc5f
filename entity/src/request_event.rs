//! One step of a request. Append-only.

use sea_orm::entity::prelude::*;

use crate::{
    id::{RequestEventId, RequestId, TenantId},
    request::RequestState,
    tenant_owned,
};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "request_event")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: RequestEventId,
    pub tenant_id: TenantId,
    pub request_id: RequestId,
    pub at: DateTimeUtc,
    pub from_state: Option<RequestState>,
    pub to_state: RequestState,
    /// `subject`, `member:<id>`, `api_key:<id>` or `system`.
    pub actor: String,
    pub note: Option<String>,
}

impl ActiveModelBehavior for ActiveModel {}
tenant_owned!();
