//! The readable side of an entry of the audit log. Its leaf (`log_leaf`) outlives it.

use sea_orm::entity::prelude::*;

use crate::{
    id::{AuditEventId, SubjectId, TenantId},
    tenant_owned,
};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_event")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: AuditEventId,
    pub tenant_id: TenantId,
    /// The leaf's index in the tenant's log.
    pub index: i64,
    pub at: DateTimeUtc,
    /// Past tense, dotted: `endpoint.created`.
    pub kind: String,
    /// `member:<id>`, `api_key:<id>`, `subject` or `system`.
    pub actor: String,
    pub target_kind: Option<String>,
    pub target_id: Option<String>,
    /// Whom it is about. Taken out when the person is erased.
    pub subject_id: Option<SubjectId>,
    /// Nothing personal.
    pub facts: Json,
    /// Opens the leaf's commitment to the subject; taken out when the person is erased.
    pub salt: Option<Vec<u8>>,
}

impl ActiveModelBehavior for ActiveModel {}
tenant_owned!();
