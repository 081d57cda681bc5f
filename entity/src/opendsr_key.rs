//! What answers and callbacks of OpenDSR are signed with, and the certificate that goes with it.

use sea_orm::entity::prelude::*;

use crate::{id::TenantId, tenant_owned};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "opendsr_key")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: TenantId,
    /// The domain that the certificate is for.
    pub domain: String,
    /// PEM.
    pub certificate: String,
    /// PKCS #8, sealed under the tenant's key.
    pub key_sealed: Vec<u8>,
    pub created_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
tenant_owned!();
