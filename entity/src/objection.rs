//! That a person objected to a purpose (GDPR Art. 21): it is not pursued with their data while this row stands.

use sea_orm::entity::prelude::*;

use crate::{
    id::{PurposeId, RequestId, SubjectId, TenantId},
    tenant_owned,
};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "objection")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub subject_id: SubjectId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub purpose_id: PurposeId,
    pub tenant_id: TenantId,
    pub request_id: RequestId,
    pub at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
tenant_owned!();
