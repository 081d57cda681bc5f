//! A person that data is about. What identifies them is sealed; lookups go through keyed hashes.

use sea_orm::entity::prelude::*;

use crate::{
    id::{SubjectId, TenantId},
    tenant_owned,
};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "subject")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: SubjectId,
    pub tenant_id: TenantId,
    /// Keyed hash of the tenant's own id for the person; unique in the tenant.
    pub external_index: Vec<u8>,
    /// The tenant's own id, sealed under the subject's key.
    pub external_sealed: Vec<u8>,
    /// Keyed hash of the lower-case e-mail address.
    pub email_index: Option<Vec<u8>>,
    /// Sealed under the subject's key.
    pub email_sealed: Option<Vec<u8>>,
    /// Set while GDPR Art. 18 applies.
    pub restricted_at: Option<DateTimeUtc>,
    pub created_at: DateTimeUtc,
    pub last_seen_at: Option<DateTimeUtc>,
    pub version: i32,
}

impl ActiveModelBehavior for ActiveModel {}
tenant_owned!();
