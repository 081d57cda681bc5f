//! A person's key for one purpose, wrapped by the tenant's key. Erasure destroys all of a person's, withdrawal one.

use sea_orm::entity::prelude::*;

use crate::{
    id::{SubjectId, TenantId},
    tenant_owned,
};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "subject_key")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: TenantId,
    /// The nil UUID stands for "nobody in particular".
    #[sea_orm(primary_key, auto_increment = false)]
    pub subject_id: SubjectId,
    /// The nil UUID stands for "no purpose named" and for the person's own record.
    #[sea_orm(primary_key, auto_increment = false)]
    pub purpose_id: Uuid,
    pub wrapped: Vec<u8>,
    /// The page it lies on; none until a row of an older version got one.
    pub page: Option<i64>,
    pub created_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
tenant_owned!();
