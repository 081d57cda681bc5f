//! What is left of a message that expired under a rule that anonymises. Its id is random and names no message.

use sea_orm::entity::prelude::*;

use crate::{
    id::{AnonymisedMessageId, EndpointId, PurposeId, TenantId},
    tenant_owned,
};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "anonymised_message")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: AnonymisedMessageId,
    pub tenant_id: TenantId,
    /// The class that the message was in.
    pub class_id: i64,
    pub endpoint_id: EndpointId,
    pub purpose_id: Option<PurposeId>,
    /// The hour in which it was recorded.
    pub hour: DateTimeUtc,
    pub size: i32,
    pub sealed: Vec<u8>,
}

impl ActiveModelBehavior for ActiveModel {}
tenant_owned!();
