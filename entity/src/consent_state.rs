//! The current state of a person's consent to a purpose: the projection of `consent_event`, and the gate's truth table.

use sea_orm::entity::prelude::*;

use crate::{
    consent_event::ConsentState,
    id::{ConsentEventId, PurposeId, SubjectId, TenantId},
    tenant_owned,
};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "consent_state")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub subject_id: SubjectId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub purpose_id: PurposeId,
    pub tenant_id: TenantId,
    pub state: ConsentState,
    pub event_id: ConsentEventId,
    pub at: DateTimeUtc,
    /// From when on it holds no more.
    pub expires_at: Option<DateTimeUtc>,
}

impl ActiveModelBehavior for ActiveModel {}
tenant_owned!();
