//! Consents: who agreed to what, when, told what, and how we know (GDPR Art. 7(1)).
//!
//! Events are only ever added. The current state of a person's consent to a purpose is a projection of them: the event
//! with the latest `at`, of equals the one recorded last. It is what the gate goes by, in the store (`consent_state`) and
//! in memory ([`crate::standings`]).

mod record;

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use entity::{
    consent_event::{self, ConsentState},
    consent_state,
    id::{ConsentEventId, NoticeVersionId, PurposeId, SubjectId},
    notice_version, purpose,
};
use sea_orm::{ColumnTrait, Condition, QueryFilter};
use serde_json::Value;

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
    /// What the tenant kept as proof; none once the person's key is destroyed.
    pub evidence: Option<Value>,
}

/// Adds to events what belongs to them.
pub async fn details(tx: &TenantTx, ctx: &Ctx, events: Vec<consent_event::Model>) -> Result<Vec<Detail>> {
    let hashes = notice_hashes(tx, &events).await?;
    let mut details = Vec::with_capacity(events.len());
    for event in events {
        details.push(Detail {
            notice_hash: event.notice_version_id.and_then(|id| hashes.get(&id).cloned()),
            evidence: open_evidence(ctx, &event).await?,
            event,
        });
    }
    Ok(details)
}

async fn notice_hashes(
    tx: &TenantTx,
    events: &[consent_event::Model],
) -> Result<HashMap<NoticeVersionId, String>> {
    let mut ids: Vec<_> = events
        .iter()
        .filter_map(|event| event.notice_version_id)
        .collect();
    ids.sort_unstable();
    ids.dedup();
    let mut hashes = HashMap::new();
    for some in ids.chunks(500) {
        let versions = tx
            .find::<notice_version::Entity>()
            .filter(notice_version::Column::Id.is_in(some.iter().copied()))
            .all(tx.conn())
            .await?;
        hashes.extend(
            versions
                .into_iter()
                .map(|version| (version.id, hex::encode(version.hash))),
        );
    }
    Ok(hashes)
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
    /// Whether it allows processing.
    pub valid: bool,
}

/// How a person stands to every purpose that they ever said something to, by the purpose's slug.
pub async fn current(tx: &TenantTx, subject: SubjectId) -> Result<Vec<Current>> {
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
                valid: is_valid(state.state),
            })
        })
        .collect();
    current.sort_by(|a, b| a.purpose.slug.cmp(&b.purpose.slug));
    Ok(current)
}

/// Whether a person's consent to a purpose allows processing now.
pub async fn valid(tx: &TenantTx, subject: SubjectId, purpose: PurposeId) -> Result<bool> {
    let state = tx
        .find_by_id::<consent_state::Entity, _>((subject, purpose))
        .one(tx.conn())
        .await?;
    Ok(state.is_some_and(|state| is_valid(state.state)))
}

#[cfg(test)]
mod tests;
