//! A text that consents refer to. The words are in its versions.

use sea_orm::entity::prelude::*;

use crate::{
    id::{NoticeId, TenantId},
    tenant_owned,
};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "notice")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: NoticeId,
    pub tenant_id: TenantId,
    /// Unique in the tenant.
    pub slug: String,
    pub name: String,
    /// The purposes it explains, as ids.
    pub purpose_ids: Json,
    /// The highest published number; 0 before the first.
    pub latest_number: i32,
    /// How long a consent given on it holds, where that is shorter than what the purpose says; ISO 8601.
    pub consent_validity: Option<String>,
    pub created_at: DateTimeUtc,
    pub version: i32,
}

impl ActiveModelBehavior for ActiveModel {}
tenant_owned!();
