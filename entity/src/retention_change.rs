//! A change of the retention rules that would destroy something early: it waits, and can be called off.

use sea_orm::entity::prelude::*;

use crate::{
    id::{RetentionChangeId, RetentionRuleId, TenantId},
    macros::string_enum,
    tenant_owned,
};

string_enum! {
    /// What is to happen to a rule.
    pub enum ChangeKind {
        Create = "create",
        Update = "update",
        Delete = "delete",
    }
}

string_enum! {
    /// Where a change stands.
    pub enum ChangeState {
        /// Waits for its time, or for a second member.
        Pending = "pending",
        /// It acts.
        Applied = "applied",
        /// Called off.
        Cancelled = "cancelled",
        /// It could not be applied; `note` says why.
        Failed = "failed",
    }
}

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "retention_change")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: RetentionChangeId,
    pub tenant_id: TenantId,
    pub kind: ChangeKind,
    /// The rule it changes; of a rule to be made, its id once there is one.
    pub rule_id: Option<RetentionRuleId>,
    /// The rule's version that the change was made for.
    pub rule_version: Option<i32>,
    /// The rule as it is to be.
    pub draft: Json,
    pub why: Option<String>,
    /// What it would destroy, by class, when it was asked for.
    pub destroys: Json,
    pub messages: i64,
    /// `member:<id>`, `api_key:<id>`.
    pub proposed_by: String,
    pub proposed_at: DateTimeUtc,
    /// Not before.
    pub effective_at: DateTimeUtc,
    pub needs_approval: bool,
    pub approved_by: Option<String>,
    pub approved_at: Option<DateTimeUtc>,
    pub state: ChangeState,
    pub note: Option<String>,
    pub finished_by: Option<String>,
    pub finished_at: Option<DateTimeUtc>,
    pub version: i32,
}

impl ActiveModelBehavior for ActiveModel {}
tenant_owned!();
