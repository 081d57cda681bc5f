//! Consents: who agreed to what, when, told what, and how we know (GDPR Art. 7(1)).
//!
//! Events are only ever added. The current state of a person's consent to a purpose is a projection of them: the event
//! with the latest `at`, of equals the one recorded last. It is what the gate goes by, in the store (`consent_state`) and
//! in memory ([`crate::standings`]).
//!
//! A consent may have an end: the gate goes by it to the instant, and [`expire`] writes it down. What rested on a consent
//! alone goes with it: [`EraseWithdrawn`].

mod dpv;
mod erase;
mod expire;
mod import;
mod record;

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use entity::{
    consent_event::{self, ConsentState},
    consent_state,
    id::{ConsentEventId, NoticeVersionId, PurposeId, SubjectId},
    notice_version, purpose,
};
use sea_orm::{ColumnTrait, Condition, QueryFilter, QuerySelect, QueryTrait};
use serde_json::Value;

pub use dpv::{Document, dpv_receipt, dpv_record};
pub use erase::{EraseWithdrawn, erase_withdrawn};
pub use expire::{Ended, expire, resting_on};
pub(crate) use import::context as import_context;
pub use import::{
    Faulty, ImportConsents, NewImport, Progress, create_import, import_faults, list_imports, read_import,
    run_import,
};
pub use record::{NewConsent, Recorded, WhichPurpose, WhichSubject, record};

use crate::{
    ctx::Ctx,
    error::Result,
    keys::SubjectKeyName,
    page::{self, Page, PageIn},
    standings::is_valid,
    tenancy::TenantTx,
};

/// What to look for.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of this person.
    pub subject: Option<SubjectId>,
    /// To this purpose.
    pub purpose: Option<PurposeId>,
    /// In this state.
    pub state: Option<ConsentState>,
    /// In force, and ending before this: for whoever wants to ask again in time.
    pub expires_before: Option<DateTime<Utc>>,
}

/// Lists events, newest first.
pub async fn list(tx: &TenantTx, filter: &Filter, page: &PageIn) -> Result<Page<consent_event::Model>> {
    use consent_event::Column;
    let mut wanted = Condition::all();
    if let Some(subject) = filter.subject {
        wanted = wanted.add(Column::SubjectId.eq(subject));
    }
    if let Some(purpose) = filter.purpose {
        wanted = wanted.add(Column::PurposeId.eq(purpose));
    }
    if let Some(state) = filter.state {
        wanted = wanted.add(Column::State.eq(state));
    }
    if let Some(before) = filter.expires_before {
        let in_force = tx
            .find::<consent_state::Entity>()
            .select_only()
            .column(consent_state::Column::EventId)
            .filter(consent_state::Column::State.is_in([ConsentState::Given, ConsentState::Renewed]))
            .filter(consent_state::Column::ExpiresAt.lt(before))
            .into_query();
        wanted = wanted.add(Column::Id.in_subquery(in_force));
    }
    let rows = tx.find::<consent_event::Entity>().filter(wanted);
    page::by_id(rows, tx.conn(), Column::Id, page, |row| row.id.0).await
}

/// Reads one event.
pub async fn read(tx: &TenantTx, id: ConsentEventId) -> Result<consent_event::Model> {
    tx.get::<consent_event::Entity, _>(id, "consent").await
}

/// An event with what belongs to it.
#[derive(Clone, Debug)]
pub struct Detail {
    /// As stored.
    pub event: consent_event::Model,
    /// SHA-256 of what the person was told, in hex.
    pub notice_hash: Option<String>,
    /// In which language.
    pub notice_language: Option<String>,
    /// What the tenant kept as proof; none once the person's key is destroyed.
    pub evidence: Option<Value>,
}

/// Adds to events what belongs to them.
pub async fn details(tx: &TenantTx, ctx: &Ctx, events: Vec<consent_event::Model>) -> Result<Vec<Detail>> {
    let words = notice_words(tx, &events).await?;
    let mut details = Vec::with_capacity(events.len());
    for event in events {
        details.push(Detail {
            notice_hash: event
                .notice_version_id
                .and_then(|id| words.get(&id))
                .map(|(hash, _)| hash.clone()),
            notice_language: event
                .notice_version_id
                .and_then(|id| words.get(&id))
                .map(|(_, language)| language.clone()),
            evidence: open_evidence(ctx, &event).await?,
            event,
        });
    }
    Ok(details)
}

/// Hash and language of what was told.
async fn notice_words(
    tx: &TenantTx,
    events: &[consent_event::Model],
) -> Result<HashMap<NoticeVersionId, (String, String)>> {
    let mut ids: Vec<_> = events
        .iter()
        .filter_map(|event| event.notice_version_id)
        .collect();
    ids.sort_unstable();
    ids.dedup();
    let mut words = HashMap::new();
    for some in ids.chunks(500) {
        let versions = tx
            .find::<notice_version::Entity>()
            .filter(notice_version::Column::Id.is_in(some.iter().copied()))
            .all(tx.conn())
            .await?;
        words.extend(
            versions
                .into_iter()
                .map(|version| (version.id, (hex::encode(version.hash), version.language))),
        );
    }
    Ok(words)
}

async fn open_evidence(ctx: &Ctx, event: &consent_event::Model) -> Result<Option<Value>> {
    let Some(sealed) = &event.evidence_sealed else {
        return Ok(None);
    };
    let name = SubjectKeyName::for_record(event.tenant_id, event.subject_id);
    let Some(key) = ctx.keys.subject(name).await? else {
        return Ok(None);
    };
    let opened = key.open_value(&evidence_context(event.id), sealed)?;
    Ok(Some(serde_json::from_slice(&opened)?))
}

fn evidence_context(id: ConsentEventId) -> String {
    format!("consent.evidence/{id}")
}

/// How a person stands to a purpose.
#[derive(Clone, Debug)]
pub struct Current {
    /// To what.
    pub purpose: purpose::Model,
    /// How.
    pub state: ConsentState,
    /// When the person acted.
    pub since: DateTime<Utc>,
    /// The event that says so.
    pub event_id: ConsentEventId,
    /// What the person was told.
    pub notice_version_id: Option<NoticeVersionId>,
    /// Whether it allows processing now.
    pub valid: bool,
    /// From when on it holds no more.
    pub expires_at: Option<DateTime<Utc>>,
}

/// How a person stands to every purpose that they ever said something to, by the purpose's slug.
pub async fn current(tx: &TenantTx, ctx: &Ctx, subject: SubjectId) -> Result<Vec<Current>> {
    let now = ctx.now();
    let states = tx
        .find::<consent_state::Entity>()
        .filter(consent_state::Column::SubjectId.eq(subject))
        .all(tx.conn())
        .await?;
    let purposes = tx
        .find::<purpose::Entity>()
        .filter(purpose::Column::Id.is_in(states.iter().map(|state| state.purpose_id)))
        .all(tx.conn())
        .await?;
    let events = tx
        .find::<consent_event::Entity>()
        .filter(consent_event::Column::Id.is_in(states.iter().map(|state| state.event_id)))
        .all(tx.conn())
        .await?;
    let mut purposes: HashMap<_, _> = purposes.into_iter().map(|row| (row.id, row)).collect();
    let notices: HashMap<_, _> = events.iter().map(|row| (row.id, row.notice_version_id)).collect();
    let mut current: Vec<_> = states
        .into_iter()
        .filter_map(|state| {
            Some(Current {
                // A purpose that consents refer to is never deleted.
                purpose: purposes.remove(&state.purpose_id)?,
                state: state.state,
                since: state.at,
                event_id: state.event_id,
                notice_version_id: notices.get(&state.event_id).copied().flatten(),
                valid: is_valid_at(&state, now),
                expires_at: state.expires_at,
            })
        })
        .collect();
    current.sort_by(|a, b| a.purpose.slug.cmp(&b.purpose.slug));
    Ok(current)
}

/// Whether a person's consent to a purpose allows processing now.
pub async fn valid(tx: &TenantTx, ctx: &Ctx, subject: SubjectId, purpose: PurposeId) -> Result<bool> {
    let state = tx
        .find_by_id::<consent_state::Entity, _>((subject, purpose))
        .one(tx.conn())
        .await?;
    Ok(state.is_some_and(|state| is_valid_at(&state, ctx.now())))
}

/// Whether a state allows processing at an instant.
fn is_valid_at(state: &consent_state::Model, now: DateTime<Utc>) -> bool {
    is_valid(state.state) && state.expires_at.is_none_or(|at| now < at)
}

#[cfg(test)]
mod tests;
