//! What passed, sealed. The primary key is (retention class, id) and ids are time-ordered, so that what has expired
//! is one contiguous range per class; see `domain::retention`.

use sea_orm::entity::prelude::*;

use crate::{
    id::{SubjectId, TenantId},
    tenant_owned,
};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "message")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub class_id: i64,
    /// Time-ordered (`domain::journal::MessageId`), never used twice.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i64,
    pub tenant_id: TenantId,
    pub channel_id: i64,
    /// Position in the channel, from 1.
    pub position: i64,
    pub subject_id: Option<SubjectId>,
    /// The retention bucket whose key, with the subject's, opens `sealed`.
    pub bucket_id: i64,
    /// Bit 0: outbound. Bit 1: binary. Bit 2: named.
    pub flags: i16,
    /// Bytes of what the message says, without its name.
    pub size: i32,
    /// What the message says, sealed. A named message has its name sealed in front of it: length of the event's name
    /// (u16, little-endian), the name, length of the member's id (u16, little-endian; 0: none), the id.
    pub sealed: Vec<u8>,
}

impl ActiveModelBehavior for ActiveModel {}
tenant_owned!();
