//! A request that came in through OpenDSR: the controller's name for it, and who is told how it goes.

use sea_orm::entity::prelude::*;

use crate::{
    id::{RequestId, TenantId},
    tenant_owned,
};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "opendsr_request")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: TenantId,
    /// Chosen by the controller.
    #[sea_orm(primary_key, auto_increment = false)]
    pub subject_request_id: Uuid,
    /// The request here; several of the controller's may lead to one.
    pub request_id: RequestId,
    pub regulation: String,
    /// The version that the controller speaks.
    pub api_version: String,
    /// When the person asked the controller.
    pub submitted_at: DateTimeUtc,
    /// When it came in here.
    pub received_at: DateTimeUtc,
    pub callback_urls: Json,
    /// When the controller took it back.
    pub cancelled_at: Option<DateTimeUtc>,
}

impl ActiveModelBehavior for ActiveModel {}
tenant_owned!();
