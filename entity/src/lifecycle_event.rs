//! That a channel was occupied or vacated, kept to be read.

use sea_orm::entity::prelude::*;

use crate::{
    id::{EndpointId, LifecycleEventId, TenantId},
    macros::string_enum,
    tenant_owned,
};

string_enum! {
    /// What happened to a channel.
    pub enum LifecycleKind {
        /// The first subscriber came.
        ChannelOccupied = "channel_occupied",
        /// The last subscriber left.
        ChannelVacated = "channel_vacated",
    }
}

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "lifecycle_event")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: LifecycleEventId,
    pub tenant_id: TenantId,
    pub endpoint_id: EndpointId,
    pub kind: LifecycleKind,
    pub channel: String,
    pub at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
tenant_owned!();
