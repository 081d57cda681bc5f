//! What a hold keeps of a message: sealed under the hold's own key, so that neither expiry nor erasure reaches it. The
//! message itself goes when its rule says.

use sea_orm::entity::prelude::*;

use crate::{
    id::{EndpointId, HoldId, PurposeId, SubjectId, TenantId},
    tenant_owned,
};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "held_message")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub hold_id: HoldId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub message_id: i64,
    pub tenant_id: TenantId,
    /// The class that the message was in.
    pub class_id: i64,
    pub endpoint_id: EndpointId,
    pub channel: String,
    pub position: i64,
    pub subject_id: Option<SubjectId>,
    pub purpose_id: Option<PurposeId>,
    /// As in `message`.
    pub flags: i16,
    pub size: i32,
    pub sealed: Vec<u8>,
    pub held_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
tenant_owned!();
