//! An account's membership of a tenant, and what it may do there.

use sea_orm::entity::prelude::*;

use crate::{
    id::{AccountId, MemberId, TenantId},
    macros::string_enum,
    tenant_owned,
};

string_enum! {
    /// What a member may do; `domain::permissions` holds the table.
    pub enum Role {
        Owner = "owner",
        Admin = "admin",
        Dpo = "dpo",
        Developer = "developer",
        Auditor = "auditor",
    }
}

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "member")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: MemberId,
    pub tenant_id: TenantId,
    pub account_id: AccountId,
    pub role: Role,
    pub created_at: DateTimeUtc,
    pub version: i32,
}

impl ActiveModelBehavior for ActiveModel {}
tenant_owned!();
