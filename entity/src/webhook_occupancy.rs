//! A channel that is occupied, or a member on one, as webhooks were told. Kept so that they hear of the end too when the
//! process dies that would have told them.

use sea_orm::entity::prelude::*;

use crate::{
    id::{EndpointId, SubjectId, TenantId},
    tenant_owned,
};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "webhook_occupancy")]
pub struct Model {
    /// A keyed hash of endpoint, channel and member.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Vec<u8>,
    pub tenant_id: TenantId,
    pub endpoint_id: EndpointId,
    /// The process that holds the sockets.
    pub node: String,
    pub channel: String,
    /// The member; none: the channel itself.
    pub subject_id: Option<SubjectId>,
    /// The member's id at the tenant, sealed under the person's key.
    pub user_sealed: Option<Vec<u8>>,
    pub at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
tenant_owned!();
