//! An open invitation to become a member.

use sea_orm::entity::prelude::*;

use crate::{
    id::{InvitationId, TenantId},
    member::Role,
    tenant_owned,
};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "invitation")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: InvitationId,
    pub tenant_id: TenantId,
    /// Lower case.
    pub email: String,
    pub role: Role,
    /// SHA-256 of the mailed token.
    pub token_hash: Vec<u8>,
    /// Display name of who invited.
    pub invited_by: String,
    pub created_at: DateTimeUtc,
    pub expires_at: DateTimeUtc,
    pub accepted_at: Option<DateTimeUtc>,
}

impl ActiveModelBehavior for ActiveModel {}
tenant_owned!();
