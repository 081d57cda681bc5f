//! A sealed piece of an export, in the store so that every node can serve it.

use sea_orm::entity::prelude::*;

use crate::{
    id::{ExportId, TenantId},
    tenant_owned,
};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "export_part")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub export_id: ExportId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub number: i32,
    pub tenant_id: TenantId,
    pub sealed: Vec<u8>,
}

impl ActiveModelBehavior for ActiveModel {}
tenant_owned!();
