//! Lines of an import that wait to be looked at, sealed under the tenant's key. Gone once they were.

use sea_orm::entity::prelude::*;

use crate::{
    id::{ConsentImportId, TenantId},
    tenant_owned,
};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "consent_import_part")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub import_id: ConsentImportId,
    /// The number of the first line, as in the file.
    #[sea_orm(primary_key, auto_increment = false)]
    pub first_line: i64,
    pub tenant_id: TenantId,
    pub sealed: Vec<u8>,
}

impl ActiveModelBehavior for ActiveModel {}
tenant_owned!();
