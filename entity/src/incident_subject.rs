//! Somebody whom an incident touched, as its scope found, and whether they were told. Goes when the person is erased.

use sea_orm::entity::prelude::*;

use crate::{
    id::{IncidentId, MailId, SubjectId, TenantId},
    tenant_owned,
};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "incident_subject")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub incident_id: IncidentId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub subject_id: SubjectId,
    pub tenant_id: TenantId,
    /// Messages about them.
    pub records: i64,
    /// Connections of theirs.
    pub connections: i64,
    /// Whether nobody can read any of these.
    pub unintelligible: bool,
    /// The mail that tells them.
    pub mail_id: Option<MailId>,
    /// No address is known.
    pub unreachable: bool,
}

impl ActiveModelBehavior for ActiveModel {}
tenant_owned!();
