//! Consents as a person sees them: what they may say yes or no to, how they stand to it, what they were told.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use entity::{
    consent_event::{self, ConsentState},
    id::{ConsentEventId, NoticeVersionId, PurposeId, SubjectId},
    notice_version, purpose,
};
use sea_orm::QueryOrder;

use super::PortalCaller;
use crate::{
    Error, Result,
    consents::{self, Current, Detail, NewConsent, Recorded, WhichPurpose, WhichSubject},
    ctx::Ctx,
    notices,
    page::{MAX_LIMIT, PageIn},
    purposes,
    tenancy::TenantTx,
};

/// A purpose and how the person stands to it.
pub struct Choice {
    /// To what.
    pub purpose: purpose::Model,
    /// How; none: they never said anything.
    pub state: Option<ConsentState>,
    /// Since when.
    pub since: Option<DateTime<Utc>>,
    /// Whether it allows processing now.
    pub valid: bool,
    /// From when on it holds no more.
    pub expires_at: Option<DateTime<Utc>>,
    /// The newest words that explain the purpose.
    pub notice: Option<notice_version::Model>,
    /// What they said, newest first.
    pub history: Vec<Detail>,
}

/// The purposes of a tenant, as its page tells everybody.
pub async fn purposes(tx: &TenantTx) -> Result<Vec<purpose::Model>> {
    Ok(tx
        .find::<purpose::Entity>()
        .order_by_asc(purpose::Column::Slug)
        .all(tx.conn())
        .await?)
}

/// What the person may say yes or no to, and whatever else they ever said something about.
pub async fn choices(
    tx: &TenantTx,
    ctx: &Ctx,
    caller: &PortalCaller,
    language: Option<&str>,
) -> Result<Vec<Choice>> {
    let mut current: HashMap<PurposeId, Current> = HashMap::new();
    let mut history: HashMap<PurposeId, Vec<Detail>> = HashMap::new();
    for subject in &caller.subjects {
        for one in consents::current(tx, ctx, *subject).await? {
            // Of several records under one address, what was said last is what the person means.
            let newer = current
                .get(&one.purpose.id)
                .is_none_or(|other| other.since < one.since);
            if newer {
                current.insert(one.purpose.id, one);
            }
        }
        for detail in said(tx, ctx, *subject).await? {
            history.entry(detail.event.purpose_id).or_default().push(detail);
        }
    }
    let mut choices = Vec::new();
    for purpose in purposes(tx).await? {
        let current = current.remove(&purpose.id);
        if !purposes::heeds_a_no(&purpose) && current.is_none() {
            continue;
        }
        let mut history = history.remove(&purpose.id).unwrap_or_default();
        history.sort_by_key(|detail| std::cmp::Reverse((detail.event.at, detail.event.id)));
        choices.push(Choice {
            state: current.as_ref().map(|current| current.state),
            since: current.as_ref().map(|current| current.since),
            expires_at: current.as_ref().and_then(|current| current.expires_at),
            valid: current.is_some_and(|current| current.valid),
            notice: notices::latest_for(tx, purpose.id, language.unwrap_or(&caller.tenant.language)).await?,
            history,
            purpose,
        });
    }
    Ok(choices)
}

/// One event of the person's.
///
/// # Errors
/// `NotFound` when it is somebody else's, or nobody's.
pub async fn event(tx: &TenantTx, caller: &PortalCaller, id: ConsentEventId) -> Result<consent_event::Model> {
    let event = consents::read(tx, id).await?;
    if caller.subjects.contains(&event.subject_id) {
        Ok(event)
    } else {
        Err(Error::NotFound { what: "consent" })
    }
}

/// The newest of what a person said.
async fn said(tx: &TenantTx, ctx: &Ctx, subject: SubjectId) -> Result<Vec<Detail>> {
    let filter = consents::Filter {
        subject: Some(subject),
        ..Default::default()
    };
    let page = PageIn::new(Some(MAX_LIMIT), None)?;
    let page = consents::list(tx, &filter, &page).await?;
    consents::details(tx, ctx, page.items).await
}

/// Records what the person says now, for every record under their address.
///
/// # Errors
/// `NotFound` when there is no record of them (any more).
pub async fn say(
    tx: &TenantTx,
    ctx: &Ctx,
    caller: &PortalCaller,
    purpose: PurposeId,
    state: ConsentState,
    notice: Option<NoticeVersionId>,
) -> Result<Vec<Recorded>> {
    let mut recorded = Vec::new();
    for subject in caller.known()? {
        let consent = NewConsent {
            subject: WhichSubject::Id(*subject),
            purpose: WhichPurpose::Id(purpose),
            state,
            notice_version_id: notice,
            method: "portal".to_owned(),
            evidence: None,
            at: None,
            place: None,
            valid_for: None,
            import_key: None,
        };
        recorded.push(consents::record(tx, ctx, consent).await?);
    }
    Ok(recorded)
}
