//! The record of one end-user connection, from the handshake to its close.

use sea_orm::entity::prelude::*;

use crate::{
    id::{ConnectionId, EndpointId, SubjectId, TenantId},
    tenant_owned,
};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "connection")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ConnectionId,
    pub tenant_id: TenantId,
    pub endpoint_id: EndpointId,
    pub subject_id: Option<SubjectId>,
    /// The process that holds the socket.
    pub node: String,
    /// The network it came from: IPv4 /24 or IPv6 /48, never the whole address.
    pub address: Option<String>,
    pub opened_at: DateTimeUtc,
    pub authenticated_at: Option<DateTimeUtc>,
    pub last_activity_at: DateTimeUtc,
    pub closed_at: Option<DateTimeUtc>,
    /// RFC 6455 §7.4 or one of ours (docs/protocol.md).
    pub close_code: Option<i32>,
    pub close_reason: Option<String>,
    pub bytes_in: i64,
    pub bytes_out: i64,
    pub messages_in: i64,
    pub messages_out: i64,
}

impl ActiveModelBehavior for ActiveModel {}
tenant_owned!();
