//! A data subject's request and where it stands.

use sea_orm::entity::prelude::*;

use crate::{
    id::{ExportId, RequestId, SubjectId, TenantId},
    macros::string_enum,
    tenant_owned,
};

string_enum! {
    /// Which right is exercised (GDPR Art. 15 and 17).
    pub enum RequestKind {
        Access = "access",
        Erasure = "erasure",
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
    pub version: i32,
}

impl ActiveModelBehavior for ActiveModel {}
tenant_owned!();
