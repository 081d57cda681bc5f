//! How long something is kept, and what happens then.

use sea_orm::entity::prelude::*;

use crate::{
    id::{DataTypeId, EndpointId, PurposeId, RetentionRuleId, TenantId},
    macros::string_enum,
    tenant_owned,
};

string_enum! {
    /// What a rule is about.
    pub enum RetentionTarget {
        Messages = "messages",
        /// The records of who was connected, once closed.
        Connections = "connections",
        /// Details of audit events; their leaves in the log stay.
        AuditEvents = "audit_events",
    }
}

string_enum! {
    /// What a rule demands.
    pub enum RetentionKind {
        /// At the end of the duration it goes.
        Deletion = "deletion",
        /// Before the end of the duration it must not go, whatever rules of the other kind say.
        LegalMinimum = "legal_minimum",
    }
}

string_enum! {
    /// What happens at the end of the duration.
    pub enum RetentionAction {
        Delete = "delete",
        /// What the catalogue knows to be personal goes, and so does who, where and when; the rest stays.
        Anonymise = "anonymise",
    }
}

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "retention_rule")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: RetentionRuleId,
    pub tenant_id: TenantId,
    pub name: String,
    pub target: RetentionTarget,
    pub kind: RetentionKind,
    /// Where it comes from: a law, a contract, a decision.
    pub source: Option<String>,
    pub endpoint_id: Option<EndpointId>,
    /// `*` stands for any run of characters.
    pub channel_pattern: Option<String>,
    pub data_type_id: Option<DataTypeId>,
    pub purpose_id: Option<PurposeId>,
    /// ISO 8601.
    pub duration: String,
    pub action: RetentionAction,
    pub enabled: bool,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
    pub version: i32,
}

impl ActiveModelBehavior for ActiveModel {}
tenant_owned!();
