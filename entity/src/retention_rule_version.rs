//! What a retention rule said before, who changed it and why. Append-only.

use sea_orm::entity::prelude::*;

use crate::{
    id::{RetentionRuleId, TenantId},
    tenant_owned,
};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "retention_rule_version")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub rule_id: RetentionRuleId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub number: i32,
    pub tenant_id: TenantId,
    /// The rule as it stood from `changed_at` on; with `deleted: true` at its end.
    pub snapshot: Json,
    /// `member:<id>`, `api_key:<id>` or `system`.
    pub changed_by: String,
    pub changed_at: DateTimeUtc,
    pub why: Option<String>,
}

impl ActiveModelBehavior for ActiveModel {}
tenant_owned!();
