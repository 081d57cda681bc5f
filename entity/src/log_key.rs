//! The public half of a key that signs or signed a tenant's checkpoints. The secret half is in the vault.

use sea_orm::entity::prelude::*;

use crate::{id::TenantId, tenant_owned};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "log_key")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: TenantId,
    /// 1, 2, … The greatest signs now.
    #[sea_orm(primary_key, auto_increment = false)]
    pub number: i32,
    /// `name+hash+key` (c2sp.org/signed-note).
    pub verifier_key: String,
    /// The first checkpoint that it signed has this size or a greater one.
    pub from_size: i64,
    pub from_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
tenant_owned!();
