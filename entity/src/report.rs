//! An audit report, sealed. Its hash is in a leaf of the tenant's log.

use sea_orm::entity::prelude::*;

use crate::{
    id::{ReportId, TenantId},
    tenant_owned,
};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "report")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ReportId,
    pub tenant_id: TenantId,
    pub from_at: DateTimeUtc,
    pub to_at: DateTimeUtc,
    /// The report as JSON, under the tenant's key.
    pub sealed: Vec<u8>,
    /// Of these bytes, before they were sealed.
    pub sha256: Vec<u8>,
    /// Findings of each severity.
    pub high: i32,
    pub medium: i32,
    pub low: i32,
    /// Whether processing keeps to the retention policy.
    pub adheres: bool,
    /// The report that this one is compared with.
    pub previous_id: Option<ReportId>,
    /// The audit event whose leaf holds the hash.
    pub audit_index: i64,
    pub created_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
tenant_owned!();
