//! A line of an import that was refused, and why.

use sea_orm::entity::prelude::*;

use crate::{
    id::{ConsentImportId, TenantId},
    tenant_owned,
};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "consent_import_fault")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub import_id: ConsentImportId,
    /// The line, as in the file; the first is 1.
    #[sea_orm(primary_key, auto_increment = false)]
    pub line: i64,
    pub tenant_id: TenantId,
    /// Where in the line, a code, a sentence: nothing of what the line says.
    pub faults: Json,
}

impl ActiveModelBehavior for ActiveModel {}
tenant_owned!();
