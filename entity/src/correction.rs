//! What a person had corrected (GDPR Art. 16). What it was before stays beside it, for both are history.

use sea_orm::entity::prelude::*;

use crate::{
    id::{CorrectionId, RequestId, SubjectId, TenantId},
    tenant_owned,
};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "correction")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: CorrectionId,
    pub tenant_id: TenantId,
    pub subject_id: SubjectId,
    pub request_id: RequestId,
    pub at: DateTimeUtc,
    /// `email`, the slug of a data type, or `statement`.
    pub field: String,
    /// What it was and what it is (`domain::requests::Corrected`), sealed under the person's key.
    pub sealed: Vec<u8>,
}

impl ActiveModelBehavior for ActiveModel {}
tenant_owned!();
