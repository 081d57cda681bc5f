//! One recorded change of a consent. Append-only; the current state is a projection (`consent_state`).

use sea_orm::entity::prelude::*;

use crate::{
    id::{ConsentEventId, NoticeVersionId, PurposeId, SubjectId, TenantId},
    macros::string_enum,
    tenant_owned,
};

string_enum! {
    /// States of the Data Privacy Vocabulary (DPV 2.3, consent_status). `domain::consents` says which are valid for processing.
    pub enum ConsentState {
        Requested = "requested",
        Given = "given",
        Renewed = "renewed",
        Refused = "refused",
        Withdrawn = "withdrawn",
        Revoked = "revoked",
        Expired = "expired",
        Invalidated = "invalidated",
        Unknown = "unknown",
    }
}

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "consent_event")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ConsentEventId,
    pub tenant_id: TenantId,
    pub subject_id: SubjectId,
    pub purpose_id: PurposeId,
    pub state: ConsentState,
    pub notice_version_id: Option<NoticeVersionId>,
    /// How it was given: `api`, `portal`, `import`, …
    pub method: String,
    /// Whatever the tenant kept as proof; sealed under the subject's key.
    pub evidence_sealed: Option<Vec<u8>>,
    /// Where it was said: the page or the screen.
    pub place: Option<String>,
    /// When the person acted.
    pub at: DateTimeUtc,
    /// When we wrote it down.
    pub recorded_at: DateTimeUtc,
    /// From when on it holds no more.
    pub expires_at: Option<DateTimeUtc>,
    /// Keyed hash of the line that it was imported from; unique in the tenant.
    pub import_key: Option<Vec<u8>>,
    /// The audit event whose leaf proves it.
    pub audit_index: i64,
}

impl ActiveModelBehavior for ActiveModel {}
tenant_owned!();
