//! Events of a delivery, sealed: those about nobody in one part, each about a person in a part of its own, so that it goes
//! when the person, their consent or the message's time does.

use sea_orm::entity::prelude::*;

use crate::{
    id::{PurposeId, SubjectId, TenantId, WebhookDeliveryId},
    tenant_owned,
};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "webhook_part")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub delivery_id: WebhookDeliveryId,
    /// The place of its first event in the delivery.
    #[sea_orm(primary_key, auto_increment = false)]
    pub number: i32,
    pub tenant_id: TenantId,
    pub subject_id: Option<SubjectId>,
    pub purpose_id: Option<PurposeId>,
    /// The retention class of a message, or the webhook's own for what no rule keeps. With it come `bucket_id` and
    /// `message_id`; without it, the key of the person or of the tenant alone opens the part.
    pub class_id: Option<i64>,
    pub bucket_id: Option<i64>,
    /// Makes the key unique, and tells when the message passed.
    pub message_id: Option<i64>,
    pub sealed: Vec<u8>,
}

impl ActiveModelBehavior for ActiveModel {}
tenant_owned!();
