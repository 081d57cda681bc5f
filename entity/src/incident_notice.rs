//! What the authority was told of an incident, phase by phase (GDPR Art. 33(4)). Never changed.

use sea_orm::entity::prelude::*;

use crate::{
    id::{IncidentId, IncidentNoticeId, TenantId},
    tenant_owned,
};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "incident_notice")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: IncidentNoticeId,
    pub tenant_id: TenantId,
    pub incident_id: IncidentId,
    /// From 1.
    pub phase: i32,
    /// The form as it was filled in then.
    pub form: Json,
    /// The authority's reference, the way it was sent.
    pub note: Option<String>,
    pub sent_at: DateTimeUtc,
    /// The audit event whose leaf holds the form's hash.
    pub audit_index: i64,
}

impl ActiveModelBehavior for ActiveModel {}
tenant_owned!();
