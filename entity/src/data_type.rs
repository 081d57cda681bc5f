//! An entry of the catalogue: a kind of data, where it stands in a message, how it is minimised.

use sea_orm::entity::prelude::*;

use crate::{
    id::{DataTypeId, TenantId},
    tenant_owned,
};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "data_type")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: DataTypeId,
    pub tenant_id: TenantId,
    /// Unique in the tenant.
    pub slug: String,
    pub name: String,
    pub description: Option<String>,
    /// GDPR Art. 4(1).
    pub personal: bool,
    /// GDPR Art. 9(1): `health`, `religion`, …
    pub special_category: Option<String>,
    /// JSONPath (RFC 9535) expressions.
    pub paths: Json,
    /// `domain::minimise::Minimise`.
    pub minimise: Json,
    /// The same, of what expires under a rule that anonymises. None: what is personal is removed.
    pub at_expiry: Option<Json>,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
    pub version: i32,
}

impl ActiveModelBehavior for ActiveModel {}
tenant_owned!();
