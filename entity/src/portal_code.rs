//! A one-time code, and a link that does the same, mailed to somebody who opened the privacy page.

use sea_orm::entity::prelude::*;

use crate::{
    id::{PortalCodeId, TenantId},
    tenant_owned,
};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "portal_code")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: PortalCodeId,
    pub tenant_id: TenantId,
    /// Keyed hash of the lower-case e-mail address.
    pub email_index: Vec<u8>,
    /// Keyed hash of the code.
    pub code_hash: Vec<u8>,
    /// Fingerprint of the link that came with the code.
    pub link_hash: Option<Vec<u8>>,
    /// The address that the link signs in, sealed under the tenant's key.
    pub address_sealed: Option<Vec<u8>>,
    /// Wrong tries so far.
    pub attempts: i32,
    pub created_at: DateTimeUtc,
    pub expires_at: DateTimeUtc,
    pub used_at: Option<DateTimeUtc>,
}

impl ActiveModelBehavior for ActiveModel {}
tenant_owned!();
