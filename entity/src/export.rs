//! A package made for an access request. Its bytes are in `export_part`, sealed.

use sea_orm::entity::prelude::*;

use crate::{
    id::{ExportId, RequestId, SubjectId, TenantId},
    tenant_owned,
};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "export")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ExportId,
    pub tenant_id: TenantId,
    pub request_id: RequestId,
    /// Whose key seals the parts; none when nothing is held about the person.
    pub subject_id: Option<SubjectId>,
    /// Bytes of the ZIP.
    pub size: i64,
    /// SHA-256 of the ZIP.
    pub sha256: Vec<u8>,
    pub parts: i32,
    pub downloads: i32,
    pub created_at: DateTimeUtc,
    pub expires_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
tenant_owned!();
