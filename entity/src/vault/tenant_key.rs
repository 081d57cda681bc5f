//! A tenant's key, wrapped by the root key. Without it, nothing of the tenant opens.

use sea_orm::entity::prelude::*;

use crate::{id::TenantId, macros::string_enum, tenant_owned};

string_enum! {
    /// How far the replacement of a tenant's key is.
    pub enum Rotation {
        /// The next key is known to every process, and seals nothing yet.
        Announced = "announced",
        /// The next key seals; what is under the one before is sealed anew.
        Replacing = "replacing",
    }
}

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "tenant_key")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: TenantId,
    pub wrapped: Vec<u8>,
    /// The page it lies on; none until a row of an older version got one.
    pub page: Option<i64>,
    /// The seed of the key that signs the tenant's checkpoints, wrapped by the tenant's key.
    pub signing_wrapped: Vec<u8>,
    /// The seed of the key that signs next, while one hands over to the other.
    pub signing_next: Option<Vec<u8>>,
    /// The key of lookups, wrapped by the tenant's key; none: it is derived from it.
    pub index_wrapped: Option<Vec<u8>>,
    /// While the key is being replaced: the next one, or the one before, wrapped by the one that seals.
    pub other: Option<Vec<u8>>,
    pub rotation: Option<Rotation>,
    /// When the replacement began, or was last looked after.
    pub rotation_at: Option<DateTimeUtc>,
    /// Since when the key that seals does; none: since it was made.
    pub rotated_at: Option<DateTimeUtc>,
    pub created_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
tenant_owned!();
