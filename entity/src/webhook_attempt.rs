//! One attempt at a delivery.

use sea_orm::entity::prelude::*;

use crate::{
    id::{TenantId, WebhookDeliveryId},
    tenant_owned,
    webhook_delivery::DeliveryError,
};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "webhook_attempt")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub delivery_id: WebhookDeliveryId,
    /// From 1.
    #[sea_orm(primary_key, auto_increment = false)]
    pub number: i32,
    pub tenant_id: TenantId,
    pub at: DateTimeUtc,
    /// Events that were in it.
    pub sent: i32,
    pub status: Option<i32>,
    pub duration_ms: i32,
    /// None: the receiver took it.
    pub error: Option<DeliveryError>,
}

impl ActiveModelBehavior for ActiveModel {}
tenant_owned!();
