//! What the person who is signed in says yes or no to.

use chrono::{DateTime, Utc};
use domain::{
    error::{Error, Result as DomainResult},
    portal::{self, Choice},
    standings,
};
use entity::{
    consent_event::ConsentState,
    id::{ConsentEventId, NoticeVersionId, PurposeId},
};
use poem_openapi::{
    Enum, Object, OpenApi,
    param::{Header, Path},
    payload::Json,
};
use serde::Deserialize;

use super::PortalPurpose;
use crate::{
    body::Body,
    consents::{ConsentEvent, LinkedData},
    portal_caller::Person,
    problem::ApiError,
    responses::{Created, Page},
    state::State,
    tags::Tag,
    withdrawal,
};

/// Something you may say yes or no to.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct PortalConsent {
    purpose: PortalPurpose,
    /// Absent: you never said anything.
    state: Option<ConsentState>,
    since: Option<DateTime<Utc>>,
    /// Whether it allows processing now.
    valid: bool,
    /// When it ends by itself.
    expires_at: Option<DateTime<Utc>>,
    /// The newest words that explain the purpose, in your language where there are any.
    notice: Option<PortalNotice>,
    /// What you said, newest first.
    history: Vec<ConsentEvent>,
}

/// Words that explain a purpose.
#[derive(Clone, Debug, Object)]
pub struct PortalNotice {
    version_id: NoticeVersionId,
    text: String,
    /// BCP 47.
    language: String,
    /// SHA-256 of the text, in hex.
    hash: String,
}

impl PortalConsent {
    fn new(choice: Choice, tenant: &str) -> Self {
        Self {
            purpose: choice.purpose.into(),
            state: choice.state,
            since: choice.since,
            valid: choice.valid,
            expires_at: choice.expires_at,
            notice: choice.notice.map(|notice| PortalNotice {
                version_id: notice.id,
                hash: hex::encode(notice.hash),
                text: notice.text,
                language: notice.language,
            }),
            history: choice
                .history
                .into_iter()
                .map(|detail| ConsentEvent::from(detail).for_person(tenant))
                .collect(),
        }
    }
}

/// What you say.
#[derive(Clone, Copy, Debug, Enum, Deserialize)]
#[oai(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Yes.
    Given,
    /// No more.
    Withdrawn,
}

/// What you say to a purpose.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PortalConsentIn {
    purpose_id: PurposeId,
    state: Answer,
    /// The words you read.
    notice_version_id: Option<NoticeVersionId>,
}

/// The first language of an `Accept-Language`, where it is one.
fn first_language(accepted: &str) -> Option<&str> {
    let first = accepted.split([',', ';']).next()?.trim();
    (!first.is_empty() && first != "*").then_some(first)
}

/// Consents of whoever is signed in.
pub struct PortalConsentsApi(pub State);

impl PortalConsentsApi {
    /// A consent that the caller may see: one of their own.
    async fn own(&self, person: &Person, id: ConsentEventId) -> DomainResult<ConsentEventId> {
        let person = person.inner();
        let tx = self.0.ctx.store.read(&person.scope).await?;
        Ok(portal::consent(&tx, person, id).await?.id)
    }
}

#[OpenApi(tag = "Tag::Portal")]
impl PortalConsentsApi {
    /// List what you may say yes or no to.
    #[oai(
        path = "/portal/:tenant/consents",
        method = "get",
        operation_id = "list_portal_consents"
    )]
    async fn consents(
        &self,
        person: Person,
        tenant: Path<String>,
        /// The language of the words: the first that is named is looked for.
        #[oai(name = "Accept-Language")]
        accept_language: Header<Option<String>>,
    ) -> Result<Json<Page<PortalConsent>>, ApiError> {
        let (ctx, person) = (&self.0.ctx, person.inner());
        debug_assert_eq!(person.tenant.slug, tenant.0);
        let tx = ctx.store.read(&person.scope).await?;
        let language = accept_language.0.as_deref().and_then(first_language);
        let items = portal::choices(&tx, ctx, person, language).await?;
        Ok(Json(Page {
            items: items
                .into_iter()
                .map(|choice| PortalConsent::new(choice, &tenant.0))
                .collect(),
            next_cursor: None,
        }))
    }

    /// Give or withdraw a consent.
    ///
    /// A withdrawal is answered when it has taken effect: nothing of yours passes any more.
    #[oai(
        path = "/portal/:tenant/consents",
        method = "post",
        operation_id = "record_portal_consent"
    )]
    async fn say(
        &self,
        person: Person,
        tenant: Path<String>,
        body: Body<PortalConsentIn>,
    ) -> Result<Created<ConsentEvent>, ApiError> {
        let (ctx, person) = (&self.0.ctx, person.inner());
        debug_assert_eq!(person.tenant.slug, tenant.0);
        let state = match body.0.state {
            Answer::Given => ConsentState::Given,
            Answer::Withdrawn => ConsentState::Withdrawn,
        };
        let tx = ctx.store.begin(&person.scope).await?;
        let recorded = portal::say(
            &tx,
            ctx,
            person,
            body.0.purpose_id,
            state,
            body.0.notice_version_id,
        )
        .await?;
        let events = recorded.iter().map(|recorded| recorded.event.clone()).collect();
        let details = domain::consents::details(&tx, ctx, events).await?;
        tx.save().await?;
        if recorded.iter().any(|recorded| recorded.ended) {
            self.0.nudge.notify_one();
        }
        for recorded in recorded.iter().filter(|recorded| recorded.in_force) {
            let event = &recorded.event;
            let (subject, purpose) = (event.subject_id, event.purpose_id);
            if standings::is_valid(event.state) {
                withdrawal::undone(&self.0, &person.scope, subject, purpose).await?;
            } else {
                withdrawal::apply(&self.0, &person.scope, subject, purpose).await?;
            }
        }
        let first = details
            .into_iter()
            .map(|detail| ConsentEvent::from(detail).for_person(&tenant.0))
            .next();
        Ok(Created::fixed(first.ok_or(Error::NotFound { what: "person" })?))
    }

    /// Read the record of a consent of yours.
    ///
    /// JSON-LD with the fields of ISO/IEC TS 27560, in the words of DPV.
    #[oai(
        path = "/portal/:tenant/consents/:consent_id/record",
        method = "get",
        operation_id = "read_portal_consent_record"
    )]
    async fn consent_record(
        &self,
        person: Person,
        tenant: Path<String>,
        consent_id: Path<ConsentEventId>,
    ) -> Result<LinkedData, ApiError> {
        debug_assert_eq!(person.inner().tenant.slug, tenant.0);
        let id = self.own(&person, consent_id.0).await?;
        let document = domain::consents::dpv_record(&self.0.ctx, &person.inner().scope, id).await?;
        Ok(LinkedData::Ok(Json(document.0)))
    }

    /// Take the receipt of a consent of yours.
    ///
    /// Your copy of the record, signed as a tlog-proof: it can be checked without us.
    #[oai(
        path = "/portal/:tenant/consents/:consent_id/receipt",
        method = "get",
        operation_id = "read_portal_consent_receipt"
    )]
    async fn consent_receipt(
        &self,
        person: Person,
        tenant: Path<String>,
        consent_id: Path<ConsentEventId>,
    ) -> Result<LinkedData, ApiError> {
        debug_assert_eq!(person.inner().tenant.slug, tenant.0);
        let id = self.own(&person, consent_id.0).await?;
        let document = domain::consents::dpv_receipt(&self.0.ctx, &person.inner().scope, id).await?;
        Ok(LinkedData::Ok(Json(document.0)))
    }
}
