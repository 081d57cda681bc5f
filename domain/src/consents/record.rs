//! Writing a consent down: event, leaf and projection in one transaction, the gate right after.

use chrono::{DateTime, SubsecRound, Utc};
use entity::{
    consent_event::{self, ConsentState},
    consent_state,
    id::{ConsentEventId, NoticeVersionId, PurposeId, SubjectId},
    notice, notice_version, purpose,
};
use sea_orm::{ActiveValue::Set, sea_query::OnConflict};
use serde_json::{Map, Value, json};

use super::evidence_context;
use crate::{
    audit::{self, Event},
    ctx::Ctx,
    error::{Error, Faults, Result},
    keys::SubjectKeyName,
    notices, purposes, subjects,
    tenancy::TenantTx,
};

/// Whose consent.
#[derive(Clone)]
pub enum WhichSubject {
    /// Somebody known.
    Id(SubjectId),
    /// By the tenant's own id; added when not known yet.
    External(String),
}

/// Consent to what.
#[derive(Clone, Debug)]
pub enum WhichPurpose {
    /// By id.
    Id(PurposeId),
    /// By slug.
    Slug(String),
}

/// A consent to be written down.
#[derive(Clone)]
pub struct NewConsent {
    /// Whose.
    pub subject: WhichSubject,
    /// To what.
    pub purpose: WhichPurpose,
    /// What they said.
    pub state: ConsentState,
    /// What they were told.
    pub notice_version_id: Option<NoticeVersionId>,
    /// How they said it: `api`, `portal`, `import`, `web form`, … Stays in the log for good, so a name of a kind.
    pub method: String,
    /// Whatever proves it; stored sealed.
    pub evidence: Option<Map<String, Value>>,
    /// When they said it; left out: now.
    pub at: Option<DateTime<Utc>>,
}

/// A consent that was written down.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The event.
    pub event: consent_event::Model,
    /// Whether it is what counts now. Not when something later was recorded before, as with imports.
    pub in_force: bool,
}

/// Longest evidence, in bytes of JSON.
const MAX_EVIDENCE: usize = 16 << 10;
/// Longest method.
const MAX_METHOD: usize = 50;

/// Writes a consent down. Once saved, the gate goes by it; open connections are the caller's to deal with.
pub async fn record(tx: &TenantTx, ctx: &Ctx, new: NewConsent) -> Result<Recorded> {
    // Stores keep microseconds; what is answered is what is stored.
    let now = ctx.now().trunc_subsecs(6);
    let at = new.at.unwrap_or(now).trunc_subsecs(6);
    let (purpose, notice) = check(tx, &new, at, now).await?;
    let subject = match &new.subject {
        WhichSubject::Id(id) => known(tx, *id).await?,
        WhichSubject::External(id) => subjects::get_or_create_in(tx, ctx, id).await?.id,
    };
    let id: ConsentEventId = ctx.ids.next();
    let evidence_sealed = match &new.evidence {
        Some(evidence) => Some(seal(tx, ctx, subject, id, evidence).await?),
        None => None,
    };
    let mut facts = json!({ "purpose": purpose.slug, "state": new.state, "method": new.method, "at": at });
    if let Some(notice) = &notice {
        facts["notice_hash"] = json!(hex::encode(&notice.hash));
    }
    // The log has one head, locked until we save: from here on, two consents of one person come one after the other.
    let event = Event::new(kind(new.state)).target("consent", id).subject(subject);
    let audit_index = audit::record(tx, ctx, event.facts(facts)).await?;
    let event = tx
        .insert(consent_event::ActiveModel {
            id: Set(id),
            subject_id: Set(subject),
            purpose_id: Set(purpose.id),
            state: Set(new.state),
            notice_version_id: Set(new.notice_version_id),
            method: Set(new.method),
            evidence_sealed: Set(evidence_sealed),
            at: Set(at),
            recorded_at: Set(now),
            audit_index: Set(audit_index),
            ..Default::default()
        })
        .await?;
    let in_force = project(tx, &event).await?;
    if in_force {
        let (standings, state) = (ctx.standings.clone(), event.state);
        tx.after_save(move || standings.consent_changed(subject, purpose.id, state));
    }
    Ok(Recorded { event, in_force })
}

async fn check(
    tx: &TenantTx,
    new: &NewConsent,
    at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(purpose::Model, Option<notice_version::Model>)> {
    let mut faults = Faults::default();
    if let WhichSubject::External(id) = &new.subject {
        subjects::check_external_id(&mut faults, "/subject", id);
    }
    faults.check(
        at <= now,
        "/at",
        "in_the_future",
        "a person cannot have said it yet; leave it out for now",
    );
    faults.check(
        (1..=MAX_METHOD).contains(&new.method.len())
            && new.method.trim() == new.method
            && new
                .method
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_. ".contains(&b)),
        "/method",
        "not_a_method",
        format!(
            "name a kind in at most {MAX_METHOD} of a-z, 0-9, space, -, _ and ., such as web form; details are evidence"
        ),
    );
    let purpose = match &new.purpose {
        WhichPurpose::Id(id) => {
            let found = tx.find_by_id::<purpose::Entity, _>(*id).one(tx.conn()).await?;
            faults.check(
                found.is_some(),
                "/purpose_id",
                "unknown",
                "there is no such purpose",
            );
            found
        }
        WhichPurpose::Slug(slug) => {
            let found = purposes::by_slug(tx, slug).await?;
            faults.check(found.is_some(), "/purpose", "unknown", "there is no such purpose");
            found
        }
    };
    let notice = match new.notice_version_id {
        None => None,
        Some(id) => check_notice(tx, &mut faults, id, purpose.as_ref()).await?,
    };
    faults.finish()?;
    // Without a purpose there is a fault.
    let purpose = purpose.ok_or(Error::NotFound { what: "purpose" })?;
    Ok((purpose, notice))
}

/// The notice must exist and, when it names purposes, name this one: else the person was told something else.
async fn check_notice(
    tx: &TenantTx,
    faults: &mut Faults,
    id: NoticeVersionId,
    purpose: Option<&purpose::Model>,
) -> Result<Option<notice_version::Model>> {
    const FIELD: &str = "/notice_version_id";
    let Some(version) = tx
        .find_by_id::<notice_version::Entity, _>(id)
        .one(tx.conn())
        .await?
    else {
        faults.add(
            FIELD,
            "unknown",
            "there is no such version of a notice; publish it first",
        );
        return Ok(None);
    };
    let notice = tx.get::<notice::Entity, _>(version.notice_id, "notice").await?;
    let explained = notices::purposes_of(&notice);
    faults.check(
        explained.is_empty() || purpose.is_none_or(|purpose| explained.contains(&purpose.id)),
        FIELD,
        "not_about_this",
        "this notice does not explain the purpose; add the purpose to the notice or use another",
    );
    Ok(Some(version))
}

async fn known(tx: &TenantTx, id: SubjectId) -> Result<SubjectId> {
    match subjects::read(tx, id).await {
        Err(Error::NotFound { .. }) => Err(Error::invalid(
            "/subject_id",
            "unknown",
            "there is no such person; subject takes your own id and adds them",
        )),
        other => other.map(|row| row.id),
    }
}

async fn seal(
    tx: &TenantTx,
    ctx: &Ctx,
    subject: SubjectId,
    id: ConsentEventId,
    evidence: &Map<String, Value>,
) -> Result<Vec<u8>> {
    let bytes = serde_json::to_vec(evidence)?;
    if bytes.len() > MAX_EVIDENCE {
        return Err(Error::invalid(
            "/evidence",
            "too_long",
            format!("use at most {MAX_EVIDENCE} bytes; keep the rest and put its hash here"),
        ));
    }
    let key = ctx
        .keys
        .subject(SubjectKeyName::for_record(tx.tenant(), subject))
        .await?
        .ok_or(Error::Gone {
            what: "the person's key",
        })?;
    Ok(key.seal_value(&evidence_context(id), &bytes, &*ctx.chance))
}

/// Makes the event the current state, unless there is a later one. Answers whether it did.
async fn project(tx: &TenantTx, event: &consent_event::Model) -> Result<bool> {
    use consent_state::Column;
    let key = (event.subject_id, event.purpose_id);
    let current = tx
        .find_by_id::<consent_state::Entity, _>(key)
        .one(tx.conn())
        .await?;
    if current.is_some_and(|current| current.at > event.at) {
        return Ok(false);
    }
    let row = consent_state::ActiveModel {
        subject_id: Set(event.subject_id),
        purpose_id: Set(event.purpose_id),
        state: Set(event.state),
        event_id: Set(event.id),
        at: Set(event.at),
        ..Default::default()
    };
    let clash = OnConflict::columns([Column::SubjectId, Column::PurposeId])
        .update_columns([Column::State, Column::EventId, Column::At])
        .to_owned();
    tx.upsert(row, clash).await?;
    Ok(true)
}

fn kind(state: ConsentState) -> &'static str {
    match state {
        ConsentState::Requested => "consent.requested",
        ConsentState::Given => "consent.given",
        ConsentState::Renewed => "consent.renewed",
        ConsentState::Refused => "consent.refused",
        ConsentState::Withdrawn => "consent.withdrawn",
        ConsentState::Revoked => "consent.revoked",
        ConsentState::Expired => "consent.expired",
        ConsentState::Invalidated => "consent.invalidated",
        ConsentState::Unknown => "consent.unknown",
    }
}
