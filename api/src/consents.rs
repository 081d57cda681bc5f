//! Consents over REST.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use domain::{
    consents,
    consents::{Detail, NewConsent, WhichPurpose, WhichSubject},
    error::{Error, Faults},
    log,
    page::PageIn,
    permissions::Permission,
    standings,
};
use entity::{
    consent_event::ConsentState,
    id::{ConsentEventId, NoticeVersionId, PurposeId, SubjectId},
};
use poem_openapi::{
    ApiResponse, Enum, Object, OpenApi,
    param::{Path, Query},
    payload::{Json, PlainText},
};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    body::Body,
    caller::Caller,
    problem::ApiError,
    responses::{Created, Page},
    state::State,
    tags::Tag,
    withdrawal::{self, CutoffOut},
};

/// What a person can say (DPV `consent_status`).
#[derive(Clone, Copy, Debug, Enum, Deserialize)]
#[oai(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// Yes.
    Given,
    /// Yes, again.
    Renewed,
    /// No, when asked.
    Refused,
    /// No more.
    Withdrawn,
}

impl From<Said> for ConsentState {
    fn from(said: Said) -> Self {
        match said {
            Said::Given => Self::Given,
            Said::Renewed => Self::Renewed,
            Said::Refused => Self::Refused,
            Said::Withdrawn => Self::Withdrawn,
        }
    }
}

/// A consent to be recorded. Name the person and the purpose each in one of the two ways.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsentIn {
    /// Your own id for the person; added when not known yet.
    subject: Option<String>,
    subject_id: Option<SubjectId>,
    /// The purpose's slug.
    purpose: Option<String>,
    purpose_id: Option<PurposeId>,
    state: Said,
    /// What the person was told.
    notice_version_id: Option<NoticeVersionId>,
    /// How they said it: `api`, `import`, `web form`, … Default `api`.
    method: Option<String>,
    /// Whatever proves it. Stored sealed under the person's key.
    evidence: Option<HashMap<String, Value>>,
    /// When they said it. Default now; never later.
    at: Option<DateTime<Utc>>,
    /// Where they said it: the page or the screen. Nothing personal.
    place: Option<String>,
    /// For how long, ISO 8601. Default: as purpose and notice say, and never longer.
    valid_for: Option<String>,
}

impl TryFrom<ConsentIn> for NewConsent {
    type Error = Error;

    fn try_from(input: ConsentIn) -> Result<Self, Error> {
        let mut faults = Faults::default();
        let subject = match (input.subject, input.subject_id) {
            (Some(external), None) => Some(WhichSubject::External(external)),
            (None, Some(id)) => Some(WhichSubject::Id(id)),
            (None, None) => {
                faults.add("/subject", "missing", "name the person in subject or subject_id");
                None
            }
            (Some(_), Some(_)) => {
                faults.add(
                    "/subject_id",
                    "unexpected",
                    "name the person once, in subject or subject_id",
                );
                None
            }
        };
        let purpose = match (input.purpose, input.purpose_id) {
            (Some(slug), None) => Some(WhichPurpose::Slug(slug)),
            (None, Some(id)) => Some(WhichPurpose::Id(id)),
            (None, None) => {
                faults.add("/purpose", "missing", "name the purpose in purpose or purpose_id");
                None
            }
            (Some(_), Some(_)) => {
                faults.add(
                    "/purpose_id",
                    "unexpected",
                    "name the purpose once, in purpose or purpose_id",
                );
                None
            }
        };
        let (Some(subject), Some(purpose)) = (subject, purpose) else {
            faults.finish()?;
            return Err(Error::internal(anyhow::anyhow!(
                "a consent of nobody or to nothing, and no fault"
            )));
        };
        Ok(Self {
            notice_version_id: input.notice_version_id,
            evidence: input.evidence.map(|evidence| evidence.into_iter().collect()),
            at: input.at,
            place: input.place,
            valid_for: input.valid_for,
            ..Self::new(
                subject,
                purpose,
                input.state.into(),
                input.method.as_deref().unwrap_or("api"),
            )
        })
    }
}

/// A recorded change of a consent.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct ConsentEvent {
    id: ConsentEventId,
    subject_id: SubjectId,
    purpose_id: PurposeId,
    state: ConsentState,
    notice_version_id: Option<NoticeVersionId>,
    /// SHA-256 of what the person was told, in hex.
    notice_hash: Option<String>,
    /// In which language; BCP 47.
    notice_language: Option<String>,
    method: String,
    /// Where they said it.
    place: Option<String>,
    evidence: Option<HashMap<String, Value>>,
    /// When the person acted.
    at: DateTime<Utc>,
    /// When it was written down.
    recorded_at: DateTime<Utc>,
    /// From when on it holds no more.
    expires_at: Option<DateTime<Utc>>,
    /// Where the receipt is that proves it offline.
    receipt_url: String,
    /// Where the record is, and a receipt for the person: JSON-LD in the shape of ISO/IEC TS 27560.
    record_url: String,
    /// Where the person's open sockets stood when a withdrawal took effect. Nothing was delivered after.
    cutoffs: Option<Vec<CutoffOut>>,
}

impl From<Detail> for ConsentEvent {
    fn from(detail: Detail) -> Self {
        let event = detail.event;
        Self {
            receipt_url: format!("/api/v1/consents/{}/receipt", event.id),
            record_url: format!("/api/v1/consents/{}/record", event.id),
            id: event.id,
            subject_id: event.subject_id,
            purpose_id: event.purpose_id,
            state: event.state,
            notice_version_id: event.notice_version_id,
            notice_hash: detail.notice_hash,
            notice_language: detail.notice_language,
            method: event.method,
            place: event.place,
            evidence: match detail.evidence {
                Some(Value::Object(members)) => Some(members.into_iter().collect()),
                _ => None,
            },
            at: event.at,
            recorded_at: event.recorded_at,
            expires_at: event.expires_at,
            cutoffs: None,
        }
    }
}

impl ConsentEvent {
    /// As the person sees it on the privacy page of this tenant.
    pub fn for_person(mut self, tenant: &str) -> Self {
        let base = format!("/api/v1/portal/{tenant}/consents/{}", self.id);
        self.receipt_url = format!("{base}/receipt");
        self.record_url = format!("{base}/record");
        self
    }
}

/// A document in JSON-LD.
#[derive(ApiResponse)]
pub enum LinkedData {
    /// The document.
    #[oai(status = 200, content_type = "application/ld+json")]
    Ok(Json<Value>),
}

/// Consents.
pub struct ConsentsApi(pub State);

#[OpenApi(tag = "Tag::Subjects")]
impl ConsentsApi {
    /// List recorded consents.
    #[oai(path = "/consents", method = "get", operation_id = "list_consents")]
    async fn list(
        &self,
        caller: Caller,
        subject_id: Query<Option<SubjectId>>,
        purpose_id: Query<Option<PurposeId>>,
        state: Query<Option<ConsentState>>,
        /// Those in force that end before this.
        expires_before: Query<Option<DateTime<Utc>>>,
        limit: Query<Option<u64>>,
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<ConsentEvent>>, ApiError> {
        let scope = caller.may(Permission::ConsentsRead)?;
        let page = PageIn::new(limit.0, cursor.0)?;
        let filter = consents::Filter {
            subject: subject_id.0,
            purpose: purpose_id.0,
            state: state.0,
            expires_before: expires_before.0,
        };
        let tx = self.0.ctx.store.read(scope).await?;
        let rows = consents::list(&tx, &filter, &page).await?;
        let details = consents::details(&tx, &self.0.ctx, rows.items).await?;
        Ok(Json(Page {
            items: details.into_iter().map(Into::into).collect(),
            next_cursor: rows.next_cursor,
        }))
    }

    /// Record a consent, a refusal or a withdrawal.
    ///
    /// A withdrawal is answered when it has taken effect: `cutoffs` says where each open socket stood.
    #[oai(path = "/consents", method = "post", operation_id = "record_consent")]
    async fn record(&self, caller: Caller, body: Body<ConsentIn>) -> Result<Created<ConsentEvent>, ApiError> {
        let scope = caller.may(Permission::ConsentsWrite)?;
        let new = NewConsent::try_from(body.0)?;
        let ctx = &self.0.ctx;
        let tx = ctx.store.begin(scope).await?;
        let recorded = consents::record(&tx, ctx, new).await?;
        let details = consents::details(&tx, ctx, vec![recorded.event.clone()]).await?;
        tx.save().await?;
        let mut out = details
            .into_iter()
            .map(ConsentEvent::from)
            .next()
            .ok_or(Error::NotFound { what: "consent" })?;
        let event = recorded.event;
        if recorded.ended {
            self.0.nudge.notify_one();
        }
        let (subject, purpose) = (event.subject_id, event.purpose_id);
        if recorded.in_force && standings::is_valid(event.state) {
            withdrawal::undone(&self.0, scope, subject, purpose).await?;
        } else if recorded.in_force {
            out.cutoffs = Some(withdrawal::apply(&self.0, scope, subject, purpose).await?);
        }
        Ok(Created::fixed(out))
    }

    /// Read a recorded consent.
    #[oai(path = "/consents/:consent_id", method = "get", operation_id = "read_consent")]
    async fn read(
        &self,
        caller: Caller,
        consent_id: Path<ConsentEventId>,
    ) -> Result<Json<ConsentEvent>, ApiError> {
        let scope = caller.may(Permission::ConsentsRead)?;
        let tx = self.0.ctx.store.read(scope).await?;
        let event = consents::read(&tx, consent_id.0).await?;
        let details = consents::details(&tx, &self.0.ctx, vec![event]).await?;
        let out = details
            .into_iter()
            .map(ConsentEvent::from)
            .next()
            .ok_or(Error::NotFound { what: "consent" })?;
        Ok(Json(out))
    }

    /// Take the receipt of a recorded consent.
    ///
    /// A C2SP tlog-proof: `weir verify` checks it offline.
    #[oai(
        path = "/consents/:consent_id/receipt",
        method = "get",
        operation_id = "read_consent_receipt"
    )]
    async fn receipt(
        &self,
        caller: Caller,
        consent_id: Path<ConsentEventId>,
    ) -> Result<PlainText<String>, ApiError> {
        let scope = caller.may(Permission::ConsentsRead)?;
        let tx = self.0.ctx.store.read(scope).await?;
        let event = consents::read(&tx, consent_id.0).await?;
        drop(tx);
        Ok(PlainText(
            log::receipt(&self.0.ctx, scope, event.audit_index).await?,
        ))
    }

    /// Read the record that a consent belongs to.
    ///
    /// Everything between the person and the purpose, with the fields of ISO/IEC TS 27560 in the words of DPV.
    #[oai(
        path = "/consents/:consent_id/record",
        method = "get",
        operation_id = "read_consent_record"
    )]
    async fn dpv_record(
        &self,
        caller: Caller,
        consent_id: Path<ConsentEventId>,
    ) -> Result<LinkedData, ApiError> {
        let scope = caller.may(Permission::ConsentsRead)?;
        let document = consents::dpv_record(&self.0.ctx, scope, consent_id.0).await?;
        Ok(LinkedData::Ok(Json(document.0)))
    }

    /// Take the consent receipt that is for the person to keep.
    ///
    /// A copy of the record (ISO/IEC TS 27560, in the words of DPV), signed as a tlog-proof of the consent's leaf.
    #[oai(
        path = "/consents/:consent_id/record-receipt",
        method = "get",
        operation_id = "read_consent_record_receipt"
    )]
    async fn dpv_receipt(
        &self,
        caller: Caller,
        consent_id: Path<ConsentEventId>,
    ) -> Result<LinkedData, ApiError> {
        let scope = caller.may(Permission::ConsentsRead)?;
        let document = consents::dpv_receipt(&self.0.ctx, scope, consent_id.0).await?;
        Ok(LinkedData::Ok(Json(document.0)))
    }
}
