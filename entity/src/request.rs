//! A data subject's request and where it stands.

use sea_orm::entity::prelude::*;

use crate::{
    id::{ExportId, RequestId, SubjectId, TenantId},
    macros::string_enum,
    tenant_owned,
};

string_enum! {
    /// Which right is exercised.
    pub enum RequestKind {
        /// A copy of everything, with the list of GDPR Art. 15(1).
        Access = "access",
        /// What the person gave, for machines (Art. 20).
        Portability = "portability",
        /// Correct it (Art. 16).
        Rectification = "rectification",
        /// Erase it (Art. 17).
        Erasure = "erasure",
        /// Store it and do nothing else with it (Art. 18).
        Restriction = "restriction",
        /// Stop pursuing a purpose with it (Art. 21).
        Objection = "objection",
    }
}

string_enum! {
    /// Where a request stands. `domain::requests` holds the allowed steps.
    pub enum RequestState {
        Received = "received",
        Verified = "verified",
        Approval = "approval",
        InProgress = "in_progress",
        Completed = "completed",
        Refused = "refused",
        Withdrawn = "withdrawn",
        Expired = "expired",
    }
}

string_enum! {
    /// Through which door it came.
    pub enum RequestOrigin {
        Portal = "portal",
        Tenant = "tenant",
        /// Somebody whom the person authorised, through the tenant.
        Agent = "agent",
        /// The tenant's own system, through OpenDSR.
        Opendsr = "opendsr",
    }
}

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "request")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: RequestId,
    pub tenant_id: TenantId,
    pub kind: RequestKind,
    pub state: RequestState,
    pub origin: RequestOrigin,
    /// Gone once the erasure is done.
    pub subject_id: Option<SubjectId>,
    /// Keyed hash of the requester's e-mail address.
    pub email_index: Option<Vec<u8>>,
    /// Sealed under the tenant's key until the request's own retention ends.
    pub email_sealed: Option<Vec<u8>>,
    pub received_at: DateTimeUtc,
    pub due_at: DateTimeUtc,
    pub verified_at: Option<DateTimeUtc>,
    pub completed_at: Option<DateTimeUtc>,
    pub refusal_code: Option<String>,
    pub refusal_text: Option<String>,
    /// Counts of what was done.
    pub result: Option<Json>,
    pub export_id: Option<ExportId>,
    /// The audit event whose leaf proves the outcome.
    pub audit_index: Option<i64>,
    /// The profile of deadlines that it is answered under.
    pub jurisdiction: String,
    /// By when its receipt must be confirmed, where the law says so.
    pub acknowledge_by: Option<DateTimeUtc>,
    pub acknowledged_at: Option<DateTimeUtc>,
    /// When the person was told that it takes longer, and why.
    pub extended_at: Option<DateTimeUtc>,
    pub extension_reason: Option<String>,
    /// Set while the clock stands still, and what for.
    pub paused_at: Option<DateTimeUtc>,
    pub pause_reason: Option<String>,
    /// For how long it stood still before.
    pub paused_seconds: i64,
    /// What is asked for beyond the kind (`domain::requests::Details`), sealed under the tenant's key.
    pub details_sealed: Option<Vec<u8>>,
    /// The last request of this kind that was answered to the same person not long before.
    pub repeats: Option<RequestId>,
    /// Who approved it first, where two must.
    pub approved_by: Option<String>,
    /// When a restriction or objection ends, once the person has been told; and when it did.
    pub lift_at: Option<DateTimeUtc>,
    pub lifted_at: Option<DateTimeUtc>,
    /// How far the work has come.
    pub progress: Option<Json>,
    /// BCP 47, what the person is written to in; none: the tenant's language.
    pub language: Option<String>,
    pub version: i32,
}

impl ActiveModelBehavior for ActiveModel {}
tenant_owned!();
