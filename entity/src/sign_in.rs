//! A signed-in browser or program of an account, for one tenant.

use sea_orm::entity::prelude::*;

use crate::{
    id::{AccountId, SignInId, TenantId},
    tenant_owned,
};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sign_in")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: SignInId,
    pub tenant_id: TenantId,
    pub account_id: AccountId,
    /// SHA-256 of the session token.
    pub token_hash: Vec<u8>,
    /// What the client called itself, shortened; shown so that a person recognises it.
    pub client: Option<String>,
    pub created_at: DateTimeUtc,
    pub last_seen_at: DateTimeUtc,
    pub expires_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
tenant_owned!();
