//! A person signed in on the privacy page: proven to read the mail of an address, nothing more.

use sea_orm::entity::prelude::*;

use crate::{
    id::{PortalSignInId, TenantId},
    tenant_owned,
};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "portal_sign_in")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: PortalSignInId,
    pub tenant_id: TenantId,
    /// Keyed hash of the lower-case e-mail address.
    pub email_index: Vec<u8>,
    /// Sealed under the tenant's key, for confirmation mails.
    pub email_sealed: Vec<u8>,
    /// SHA-256 of the session token.
    pub token_hash: Vec<u8>,
    pub created_at: DateTimeUtc,
    pub expires_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
tenant_owned!();
